//! Labels as people ask for them.

use std::collections::BTreeMap;

use protocol::ids::AgentId;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{HostIds, Label};
use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within, within_key};
use crate::tenant::TenantScope;

const BY_NAME: Order = Order {
    by: "lower(b.name)",
    of: SortType::Text,
    descending: false,
    tie: "b.id",
    tie_is_uuid: true,
};

const SELECT: &str = "SELECT b.id, b.name, b.description, b.rule, b.created_at, b.changed_at,
       b.revision, b.evaluated_at,
       (SELECT count(*) FROM host_labels l
        JOIN agents a ON a.company_key = $1 AND a.key = l.agent_key AND a.revoked_at IS NULL
        WHERE l.company_key = $1 AND l.label = b.id) AS hosts";

const FROM: &str = " FROM labels b WHERE b.company_key = $1";

/// A page of labels, by name.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(scope: &TenantScope, page: &PageRequest) -> Result<Page<Label>, StoreError> {
    let mut query = within(scope, SELECT)?;
    BY_NAME.push_columns(&mut query);
    query.push(FROM);
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "labels.list", query).await?;
    BY_NAME.page(rows, page, |row| Ok(Label::from(row)))
}

/// One label; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<Label>, StoreError> {
    let mut tx = scope.begin("labels.get").await?;
    let label = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(label)
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<Label>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND b.id = ").push_bind(id);
    let row: Option<Row> = query.build_query_as().fetch_optional(tx).await?;
    Ok(row.map(Label::from))
}

/// The id of the label of this name, whatever the letters' case.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn find(scope: &TenantScope, name: &str) -> Result<Option<Uuid>, StoreError> {
    let mut tx = scope.begin("labels.find").await?;
    let id = sqlx::query_scalar!(
        "SELECT id FROM labels WHERE company_key = $1 AND lower(name) = lower($2)",
        scope.key(),
        name
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// A label that a host carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLabel {
    /// The label.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// The labels of some hosts, each by name. Hosts without any are left out.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn of_hosts(
    scope: &TenantScope,
    hosts: HostIds<'_>,
) -> Result<BTreeMap<AgentId, Vec<HostLabel>>, StoreError> {
    let ids: Vec<Uuid> = hosts.iter().map(|host| host.0).collect();
    let mut tx = scope.begin("labels.of_hosts").await?;
    let rows = sqlx::query!(
        "SELECT a.id AS host, b.id, b.name
         FROM agents a
         JOIN host_labels l ON l.company_key = $1 AND l.agent_key = a.key
         JOIN labels b ON b.company_key = $1 AND b.id = l.label
         WHERE a.company_key = $1 AND a.id = ANY($2)
         ORDER BY lower(b.name)",
        scope.key(),
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut labels: BTreeMap<AgentId, Vec<HostLabel>> = BTreeMap::new();
    for row in rows {
        let label = HostLabel { id: row.id, name: row.name };
        labels.entry(AgentId(row.host)).or_default().push(label);
    }
    Ok(labels)
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    name: String,
    description: String,
    rule: Option<Value>,
    created_at: OffsetDateTime,
    changed_at: OffsetDateTime,
    revision: i64,
    evaluated_at: Option<OffsetDateTime>,
    hosts: i64,
}

impl From<Row> for Label {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            // One that another version wrote and this one cannot read is shown as none.
            rule: row.rule.and_then(|rule| serde_json::from_value(rule).ok()),
            created_at: row.created_at,
            changed_at: row.changed_at,
            revision: row.revision.unsigned_abs(),
            evaluated_at: row.evaluated_at,
            hosts: row.hosts.unsigned_abs(),
        }
    }
}
