//! Imports as people ask for them.

use protocol::ids::AgentId;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Counts, Import, ImportState, LogLine};
use crate::actors;
use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within, within_key};
use crate::tenant::TenantScope;

/// Which imports a list has.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportFilter {
    /// In this state.
    pub state: Option<ImportState>,
    /// Of this asset.
    pub host: Option<AgentId>,
}

const NEWEST: Order = Order {
    by: "i.created_at",
    of: SortType::Instant,
    descending: true,
    tie: "i.id",
    tie_is_uuid: true,
};

const SELECT: &str = "SELECT i.id, a.id AS host, a.hostname AS name, i.format, i.version, i.sha256,
       i.bytes, i.state, i.attempts, i.created_at, i.created_by, i.started_at, i.ended_at,
       i.components, i.software, i.judged, i.opened, i.closed, i.unchanged, i.findings, i.warnings,
       i.log, i.error, i.revision";

const FROM: &str = " FROM imports i
    JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key
    WHERE i.company_key = $1";

/// A page of imports, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: ImportFilter,
    page: &PageRequest,
) -> Result<Page<Import>, StoreError> {
    let mut query = within(scope, SELECT)?;
    NEWEST.push_columns(&mut query);
    query.push(FROM);
    if let Some(state) = filter.state {
        query.push(" AND i.state = ").push_bind(state.as_str());
    }
    if let Some(host) = filter.host {
        query.push(" AND a.id = ").push_bind(host.0);
    }
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "imports.list", query).await?;
    let mut page: Page<Import> = NEWEST.page(rows, page, TryInto::try_into)?;
    let ids = actors::ids(page.items.iter().map(|import| &import.created_by));
    let names = actors::names(scope, &ids).await?;
    for import in &mut page.items {
        import.created_by_name = names.of(&import.created_by);
    }
    Ok(page)
}

/// One import; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<Import>, StoreError> {
    let mut tx = scope.begin("imports.get").await?;
    let import = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(import)
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<Import>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND i.id = ").push_bind(id);
    let row: Option<Row> = query.build_query_as().fetch_optional(&mut *tx).await?;
    let Some(row) = row else { return Ok(None) };
    let mut import = Import::try_from(row)?;
    let ids = actors::ids(std::iter::once(&import.created_by));
    import.created_by_name = actors::names_in(tx, company_key, &ids).await?.of(&import.created_by);
    Ok(Some(import))
}

/// An asset's imports that are not over.
pub(crate) async fn waiting_of(
    tx: &mut PgConnection,
    company_key: i64,
    asset: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let waiting = sqlx::query_scalar!(
        "SELECT id FROM imports
         WHERE company_key = $1 AND agent_key = $2 AND state IN ('queued', 'running')",
        company_key,
        asset
    );
    Ok(waiting.fetch_all(tx).await?)
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    host: Uuid,
    name: String,
    format: String,
    version: String,
    sha256: Vec<u8>,
    bytes: i64,
    state: String,
    attempts: i32,
    created_at: OffsetDateTime,
    created_by: String,
    started_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    components: i64,
    software: i64,
    judged: i64,
    opened: i64,
    closed: i64,
    unchanged: i64,
    findings: i64,
    warnings: Value,
    log: Json<Vec<LogLine>>,
    error: Option<String>,
    revision: i64,
}

impl TryFrom<Row> for Import {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let state = ImportState::parse(&row.state)
            .ok_or_else(|| StoreError::inconsistent("imports", "state", &row.state))?;
        Ok(Self {
            id: row.id,
            host: AgentId(row.host),
            name: row.name,
            format: row.format,
            version: row.version,
            sha256: row.sha256,
            bytes: row.bytes.unsigned_abs(),
            state,
            attempts: row.attempts.unsigned_abs(),
            created_at: row.created_at,
            created_by: row.created_by,
            created_by_name: None,
            started_at: row.started_at,
            ended_at: row.ended_at,
            counts: Counts {
                components: row.components.unsigned_abs(),
                software: row.software.unsigned_abs(),
                judged: row.judged.unsigned_abs(),
                opened: row.opened.unsigned_abs(),
                closed: row.closed.unsigned_abs(),
                unchanged: row.unchanged.unsigned_abs(),
                findings: row.findings.unsigned_abs(),
            },
            warnings: row.warnings,
            log: row.log.0,
            error: row.error,
            revision: row.revision.unsigned_abs(),
        })
    }
}
