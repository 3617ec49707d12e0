//! All of a company's software, read to its end.

use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::filter::{Along, SoftwareFilter, push_filter};
use super::list::{SoftwareItem, SoftwareSort, count, select};
use super::{CountsRow, Software, SoftwareRow};
use crate::counts::kept_at;
use crate::error::StoreError;
use crate::export::{Rows, snapshot};
use crate::page::within;
use crate::tenant::TenantScope;

/// All software of a filter, in an order and one snapshot, some at a time.
///
/// Of a company whose counts are kept, all numbers are those of its last count; what came since is counted.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(
    scope: &TenantScope,
    filter: &SoftwareFilter,
    sort: SoftwareSort,
) -> Result<SoftwareExport, StoreError> {
    let mut tx = snapshot(scope, "software.export").await?;
    let is_kept = filter.as_of.is_none() && kept_at(&mut tx, scope.key()).await?.is_some();
    let query = if is_kept {
        select_kept(scope, filter, sort)?
    } else {
        let mut query = select(scope, filter, sort)?;
        sort.order(false).push_order(&mut query);
        query
    };
    let rows = Rows::of(tx, scope.key(), query).await?;
    Ok(SoftwareExport { rows, is_kept, as_of: filter.as_of })
}

/// An export of software under way.
#[derive(Debug)]
pub struct SoftwareExport {
    rows: Rows,
    /// Rows have their numbers.
    is_kept: bool,
    as_of: Option<OffsetDateTime>,
}

impl SoftwareExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<SoftwareItem>, StoreError> {
        if self.is_kept {
            let rows: Vec<KeptRow> = self.rows.fetch().await?;
            return rows.into_iter().map(TryInto::try_into).collect();
        }
        let rows: Vec<SoftwareRow> = self.rows.fetch().await?;
        let software: Result<Vec<Software>, StoreError> =
            rows.into_iter().map(Software::try_from).collect();
        let company = self.rows.company();
        count(self.rows.tx(), company, software?, self.as_of).await
    }
}

/// The numbers that are kept. Of what came since the count a row says no hosts, and of its findings that there is one.
const NUMBERS: &str = ", CASE WHEN n.hosts > 0 THEN n.hosts ELSE (
        SELECT count(*) FROM installations i WHERE i.company_key = $1
           AND i.software_key = x.software_key AND i.closed_at = 'infinity') END AS hosts,
    CASE WHEN n.is_kept THEN n.open ELSE v.open END AS open,
    CASE WHEN n.is_kept THEN n.critical ELSE v.critical END AS critical,
    CASE WHEN n.is_kept THEN n.high ELSE v.high END AS high,
    CASE WHEN n.is_kept THEN n.kev ELSE v.kev END AS kev,
    CASE WHEN n.is_kept THEN n.suppressed ELSE v.suppressed END AS suppressed
FROM software x
LEFT JOIN (
    SELECT n.*, n.open + n.suppressed <> 1 AS is_kept FROM software_counts n WHERE n.company_key = $1
) n ON n.software_key = x.software_key
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE f.exception IS NULL) AS open,
           count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'critical') AS critical,
           count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'high') AS high,
           count(c.kev_added) FILTER (WHERE f.exception IS NULL) AS kev,
           count(f.exception) AS suppressed
    FROM findings f LEFT JOIN cves c ON c.id = f.cve
    WHERE f.company_key = $1 AND f.software_key = x.software_key AND NOT isfinite(f.resolved_at)
      AND n.is_kept IS NOT TRUE
) v
WHERE x.company_key = $1";

fn select_kept(
    scope: &TenantScope,
    filter: &SoftwareFilter,
    sort: SoftwareSort,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(SoftwareRow::COLUMNS).push(NUMBERS);
    let order = sort.order(false);
    let along = Along { order, is_low: false, is_kept: false, counted_at: None };
    push_filter(&mut query, filter, along, false);
    query.push(match sort {
        SoftwareSort::Name => " ORDER BY lower(x.name) COLLATE \"C\", x.software_key",
        SoftwareSort::Hosts => " ORDER BY coalesce(n.hosts, 0) DESC, x.software_key DESC",
        SoftwareSort::Findings => " ORDER BY coalesce(n.open, 0) DESC, x.software_key DESC",
        SoftwareSort::FirstSeen => " ORDER BY x.first_seen_at DESC, x.software_key DESC",
    });
    Ok(query)
}

#[derive(Debug, FromRow)]
struct KeptRow {
    #[sqlx(flatten)]
    software: SoftwareRow,
    hosts: i64,
    #[sqlx(flatten)]
    findings: CountsRow,
}

impl TryFrom<KeptRow> for SoftwareItem {
    type Error = StoreError;

    fn try_from(row: KeptRow) -> Result<Self, StoreError> {
        Ok(Self {
            software: row.software.try_into()?,
            hosts: row.hosts.unsigned_abs(),
            findings: row.findings.into(),
        })
    }
}
