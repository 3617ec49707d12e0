//! Webhooks as people ask for them.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{MessageCounts, Only, Template, Webhook};
use crate::cves::Severity;
use crate::error::StoreError;
use crate::events::company::CompanyEventKind;
use crate::page::{self, Order, Page, PageRequest, SortType, within, within_key};
use crate::tenant::TenantScope;

const BY_NAME: Order = Order {
    by: "lower(w.name)",
    of: SortType::Text,
    descending: false,
    tie: "w.id",
    tie_is_uuid: true,
};

const SELECT: &str = "SELECT w.id, w.name, w.url, w.template, w.kinds, w.is_enabled, w.created_at,
       w.changed_at, w.revision, w.severity_min, w.kev_only, w.label, m.pending, m.dead";

const FROM: &str = " FROM webhooks w
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE d.state = 'pending') AS pending,
               count(*) FILTER (WHERE d.state = 'dead') AS dead
        FROM webhook_deliveries d
        WHERE d.company_key = $1 AND d.webhook = w.id AND d.state <> 'delivered'
    ) m
    WHERE w.company_key = $1";

/// A page of webhooks, by name.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(scope: &TenantScope, page: &PageRequest) -> Result<Page<Webhook>, StoreError> {
    let mut query = within(scope, SELECT)?;
    BY_NAME.push_columns(&mut query);
    query.push(FROM);
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "webhooks.list", query).await?;
    BY_NAME.page(rows, page, TryInto::try_into)
}

/// One webhook; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<Webhook>, StoreError> {
    let mut tx = scope.begin("webhooks.get").await?;
    let webhook = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(webhook)
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<Webhook>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND w.id = ").push_bind(id);
    let row: Option<Row> = query.build_query_as().fetch_optional(tx).await?;
    row.map(TryInto::try_into).transpose()
}

/// A template as it stands in a row.
pub(super) fn template(name: &str) -> Result<Template, StoreError> {
    Template::parse(name).ok_or_else(|| StoreError::inconsistent("webhooks", "template", name))
}

/// Kinds as they stand in a row.
pub(super) fn kinds(names: &[String]) -> Result<Vec<CompanyEventKind>, StoreError> {
    let kind = |name: &String| {
        CompanyEventKind::parse(name)
            .ok_or_else(|| StoreError::inconsistent("webhooks", "kinds", name))
    };
    names.iter().map(kind).collect()
}

/// Which events are told, as it stands in a row.
pub(super) fn only(
    severity_min: Option<&str>,
    kev: bool,
    label: Option<Uuid>,
) -> Result<Only, StoreError> {
    let severity = |name: &str| {
        Severity::parse(name)
            .ok_or_else(|| StoreError::inconsistent("webhooks", "severity_min", name))
    };
    Ok(Only { severity_min: severity_min.map(severity).transpose()?, kev, label })
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    name: String,
    url: String,
    template: String,
    kinds: Vec<String>,
    is_enabled: bool,
    created_at: OffsetDateTime,
    changed_at: OffsetDateTime,
    revision: i64,
    severity_min: Option<String>,
    kev_only: bool,
    label: Option<Uuid>,
    pending: i64,
    dead: i64,
}

impl TryFrom<Row> for Webhook {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            name: row.name,
            url: row.url,
            template: template(&row.template)?,
            kinds: kinds(&row.kinds)?,
            only: only(row.severity_min.as_deref(), row.kev_only, row.label)?,
            is_enabled: row.is_enabled,
            created_at: row.created_at,
            changed_at: row.changed_at,
            revision: row.revision.unsigned_abs(),
            messages: MessageCounts {
                pending: row.pending.unsigned_abs(),
                dead: row.dead.unsigned_abs(),
            },
        })
    }
}
