//! Exceptions as people ask for them.

use protocol::ids::AgentId;
use serde_json::Value;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{About, Claim, Exception, ExceptionState, Hosts, Justification, VexStatus};
use crate::actors::{self, Names};
use crate::error::StoreError;
use crate::export::Rows;
use crate::page::{self, Order, Page, PageRequest, SortType, within, within_key};
use crate::tenant::TenantScope;

/// Which exceptions a list has.
#[derive(Clone, Debug, Default)]
pub struct ExceptionFilter {
    /// In this state.
    pub state: Option<ExceptionState>,
    /// That goes by this name, whatever the letters' case.
    pub name: Option<String>,
    /// About this CVE.
    pub cve: Option<String>,
    /// About the product of this name.
    pub product: Option<String>,
    /// For hosts with this label.
    pub label: Option<Uuid>,
    /// That came in with this document.
    pub document: Option<Uuid>,
}

/// Ids are of version 7, so this is the newest first.
pub(super) const NEWEST: Order = Order {
    by: "e.created_at",
    of: SortType::Instant,
    descending: true,
    tie: "e.id",
    tie_is_uuid: true,
};

const SELECT: &str = "SELECT e.id, e.name, e.cve, e.product, e.source, e.version, e.purl, e.score_below,
       e.label, a.id AS host, e.agent_key, e.status, e.justification, e.note, e.action, e.suppresses,
       e.state, e.created_at, e.created_by, e.decided_at, e.decided_by, e.expires_at, e.ended_at,
       e.revision, e.document, e.statement,
       (SELECT count(*) FROM findings f WHERE f.company_key = $1 AND f.exception = e.id
          AND f.resolved_at = 'infinity')
       + (SELECT count(*) FROM finding_exceptions x
          WHERE x.company_key = $1 AND x.exception = e.id) AS findings";

const FROM: &str = " FROM exceptions e
    LEFT JOIN agents a ON a.company_key = $1 AND a.key = e.agent_key
    WHERE e.company_key = $1";

/// A page of exceptions, the newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: &ExceptionFilter,
    page: &PageRequest,
) -> Result<Page<Exception>, StoreError> {
    let mut query = select(scope, filter)?;
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "exceptions.list", query).await?;
    let mut page: Page<Exception> = NEWEST.page(rows, page, TryInto::try_into)?;
    name(scope, &mut page.items).await?;
    Ok(page)
}

/// All exceptions of a filter, the newest first and in one snapshot, some at a time.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(
    scope: &TenantScope,
    filter: &ExceptionFilter,
) -> Result<ExceptionExport, StoreError> {
    let mut query = select(scope, filter)?;
    NEWEST.push_order(&mut query);
    let rows = Rows::open(scope, "exceptions.export", query).await?;
    Ok(ExceptionExport { rows, scope: scope.clone() })
}

/// An export of exceptions under way.
#[derive(Debug)]
pub struct ExceptionExport {
    rows: Rows,
    scope: TenantScope,
}

impl ExceptionExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<Exception>, StoreError> {
        let rows: Vec<Row> = self.rows.fetch().await?;
        let exceptions = rows.into_iter().map(Exception::try_from);
        let mut exceptions = exceptions.collect::<Result<Vec<_>, _>>()?;
        name(&self.scope, &mut exceptions).await?;
        Ok(exceptions)
    }
}

/// Says of exceptions what those are called who made them and who decided.
async fn name(scope: &TenantScope, exceptions: &mut [Exception]) -> Result<(), StoreError> {
    let ids = actors::ids(exceptions.iter().flat_map(Exception::words));
    let names = actors::names(scope, &ids).await?;
    for exception in exceptions {
        exception.name(&names);
    }
    Ok(())
}

impl Exception {
    fn words(&self) -> impl Iterator<Item = &str> {
        [Some(self.created_by.as_str()), self.decided_by.as_deref()].into_iter().flatten()
    }

    fn name(&mut self, names: &Names) {
        self.created_by_name = names.of(&self.created_by);
        self.decided_by_name = self.decided_by.as_deref().and_then(|word| names.of(word));
    }
}

fn select(
    scope: &TenantScope,
    filter: &ExceptionFilter,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, SELECT)?;
    NEWEST.push_columns(&mut query);
    query.push(FROM);
    push_filter(&mut query, filter);
    Ok(query)
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &ExceptionFilter) {
    if let Some(state) = filter.state {
        query.push(" AND e.state = ").push_bind(state.as_str());
    }
    if let Some(name) = &filter.name {
        query.push(" AND lower(e.name) = lower(").push_bind(name.clone()).push(")");
    }
    if let Some(cve) = &filter.cve {
        query.push(" AND e.cve = ").push_bind(cve.clone());
    }
    if let Some(product) = &filter.product {
        query.push(" AND lower(e.product) = lower(").push_bind(product.clone()).push(")");
    }
    if let Some(label) = filter.label {
        query.push(" AND e.label = ").push_bind(label);
    }
    if let Some(document) = filter.document {
        query.push(" AND e.document = ").push_bind(document);
    }
}

/// One exception; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<Exception>, StoreError> {
    let mut tx = scope.begin("exceptions.get").await?;
    let found = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(found)
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<Exception>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND e.id = ").push_bind(id);
    let row: Option<Row> = query.build_query_as().fetch_optional(&mut *tx).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let mut exception = Exception::try_from(row)?;
    let names = actors::names_in(tx, company_key, &actors::ids(exception.words())).await?;
    exception.name(&names);
    Ok(Some(exception))
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    name: Option<String>,
    cve: Option<String>,
    product: Option<String>,
    source: Option<String>,
    version: Option<String>,
    purl: Option<String>,
    score_below: Option<f32>,
    label: Option<Uuid>,
    host: Option<Uuid>,
    agent_key: Option<i64>,
    status: String,
    justification: Option<String>,
    note: String,
    action: String,
    suppresses: bool,
    state: String,
    created_at: OffsetDateTime,
    created_by: String,
    decided_at: Option<OffsetDateTime>,
    decided_by: Option<String>,
    expires_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    revision: i64,
    document: Option<Uuid>,
    statement: Option<Value>,
    findings: i64,
}

impl Row {
    fn hosts(&self) -> Result<Hosts, StoreError> {
        match (self.label, self.agent_key) {
            (Some(label), _) => Ok(Hosts::Label(label)),
            (None, None) => Ok(Hosts::All),
            (None, Some(key)) => {
                // Never taken for all hosts: an exception would grow when its host goes.
                let host = self.host.ok_or_else(|| {
                    StoreError::inconsistent("exceptions", "agent_key", &key.to_string())
                })?;
                Ok(Hosts::One(AgentId(host)))
            }
        }
    }

    fn claim(&self) -> Result<Claim, StoreError> {
        let bad = |column, value: &str| StoreError::inconsistent("exceptions", column, value);
        let justification = self.justification.as_deref();
        let justification = justification
            .map(|name| Justification::parse(name).ok_or_else(|| bad("justification", name)));
        Ok(Claim {
            status: VexStatus::parse(&self.status).ok_or_else(|| bad("status", &self.status))?,
            justification: justification.transpose()?,
            note: self.note.clone(),
            action: self.action.clone(),
            suppresses: self.suppresses,
        })
    }
}

impl TryFrom<Row> for Exception {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column, value: &str| StoreError::inconsistent("exceptions", column, value);
        let source =
            row.source.as_deref().map(|name| name.parse().map_err(|_| bad("source", name)));
        Ok(Self {
            id: row.id,
            hosts: row.hosts()?,
            claim: row.claim()?,
            state: ExceptionState::parse(&row.state).ok_or_else(|| bad("state", &row.state))?,
            name: row.name,
            about: About {
                cve: row.cve,
                product: row.product,
                source: source.transpose()?,
                version: row.version,
                purl: row.purl,
                score_below: row.score_below,
            },
            created_at: row.created_at,
            created_by: row.created_by,
            created_by_name: None,
            decided_at: row.decided_at,
            decided_by: row.decided_by,
            decided_by_name: None,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            revision: row.revision.unsigned_abs(),
            document: row.document,
            statement: row.statement,
            findings: row.findings.unsigned_abs(),
        })
    }
}
