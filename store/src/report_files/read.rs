//! Reports as people ask for them.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{ReportFile, ReportFormat, ReportKind, ReportState, Spec};
use crate::actors;
use crate::cves::Severity;
use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within, within_key};
use crate::tenant::TenantScope;

const NEWEST: Order = Order {
    by: "r.created_at",
    of: SortType::Instant,
    descending: true,
    tie: "r.id",
    tie_is_uuid: true,
};

const SELECT: &str = "SELECT r.id, r.name, r.kind, r.format, r.severity_min, r.kev, r.label,
       r.schedule, CASE WHEN r.cancelled_at IS NULL THEN r.state ELSE 'cancelled' END AS state, r.created_at, r.created_by, r.finished_at, r.expires_at, r.bytes,
       r.records, r.error";

const FROM: &str = " FROM report_files r WHERE r.company_key = $1";

/// A page of reports, the newest first; of one schedule where it is named.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    schedule: Option<Uuid>,
    page: &PageRequest,
) -> Result<Page<ReportFile>, StoreError> {
    let mut query = within(scope, SELECT)?;
    NEWEST.push_columns(&mut query);
    query.push(FROM);
    if let Some(schedule) = schedule {
        query.push(" AND r.schedule = ").push_bind(schedule);
    }
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "report_files.list", query).await?;
    let mut page: Page<ReportFile> = NEWEST.page(rows, page, TryInto::try_into)?;
    let ids = actors::ids(page.items.iter().map(|report| &report.created_by));
    let names = actors::names(scope, &ids).await?;
    for report in &mut page.items {
        report.created_by_name = names.of(&report.created_by);
    }
    Ok(page)
}

/// One report; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<ReportFile>, StoreError> {
    let mut tx = scope.begin("report_files.get").await?;
    let report = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(report)
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<ReportFile>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND r.id = ").push_bind(id);
    let row: Option<Row> = query.build_query_as().fetch_optional(&mut *tx).await?;
    let Some(row) = row else { return Ok(None) };
    let mut report = ReportFile::try_from(row)?;
    let ids = actors::ids(std::iter::once(&report.created_by));
    report.created_by_name = actors::names_in(tx, company_key, &ids).await?.of(&report.created_by);
    Ok(Some(report))
}

/// A kind as it stands in a row.
fn kind(name: &str) -> Result<ReportKind, StoreError> {
    ReportKind::parse(name).ok_or_else(|| StoreError::inconsistent("report_files", "kind", name))
}

/// A format as it stands in a row.
fn format(name: &str) -> Result<ReportFormat, StoreError> {
    ReportFormat::parse(name)
        .ok_or_else(|| StoreError::inconsistent("report_files", "format", name))
}

/// What a report is to be, as rows have it.
#[derive(Debug, FromRow)]
pub(crate) struct SpecRow {
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) severity_min: Option<String>,
    pub(crate) kev: Option<bool>,
    pub(crate) label: Option<Uuid>,
}

impl TryFrom<SpecRow> for Spec {
    type Error = StoreError;

    fn try_from(row: SpecRow) -> Result<Self, StoreError> {
        let severity = |name: &str| {
            Severity::parse(name)
                .ok_or_else(|| StoreError::inconsistent("report_files", "severity_min", name))
        };
        Ok(Self {
            kind: kind(&row.kind)?,
            format: format(&row.format)?,
            severity_min: row.severity_min.as_deref().map(severity).transpose()?,
            kev: row.kev,
            label: row.label,
        })
    }
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    name: String,
    #[sqlx(flatten)]
    spec: SpecRow,
    schedule: Option<Uuid>,
    state: String,
    created_at: OffsetDateTime,
    created_by: String,
    finished_at: Option<OffsetDateTime>,
    expires_at: OffsetDateTime,
    bytes: i64,
    records: i64,
    error: Option<String>,
}

impl TryFrom<Row> for ReportFile {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            name: row.name,
            spec: row.spec.try_into()?,
            schedule: row.schedule,
            state: ReportState::parse(&row.state)
                .ok_or_else(|| StoreError::inconsistent("report_files", "state", &row.state))?,
            created_at: row.created_at,
            created_by: row.created_by,
            created_by_name: None,
            finished_at: row.finished_at,
            expires_at: row.expires_at,
            bytes: row.bytes.unsigned_abs(),
            records: row.records.unsigned_abs(),
            error: row.error,
        })
    }
}
