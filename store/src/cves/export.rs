//! All of a company's CVEs, read to their end.

use sqlx::{Postgres, QueryBuilder};

use super::CveRow;
use super::list::{CveFilter, CveItem, CveSort, Row, push_hosts, select};
use crate::counts::kept_at;
use crate::error::StoreError;
use crate::export::{Rows, along_index, snapshot};
use crate::page::{containing, within};
use crate::tenant::TenantScope;

/// All CVEs of a filter, in an order and one snapshot, some at a time.
///
/// Of a company whose counts are kept, orders and numbers of hosts are those of its last count; what came since is
/// counted.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(
    scope: &TenantScope,
    filter: &CveFilter,
    sort: CveSort,
) -> Result<CveExport, StoreError> {
    let mut tx = snapshot(scope, "cves.export").await?;
    let is_kept = kept_at(&mut tx, scope.key()).await?.is_some();
    let (order, mut query) = if is_kept {
        along_index(&mut tx).await?;
        (sort.order_kept(), select_kept(scope, filter)?)
    } else {
        (sort.order(), select(scope, filter, sort.order())?)
    };
    order.push_order(&mut query);
    Ok(CveExport(Rows::of(tx, scope.key(), query).await?))
}

/// An export of CVEs under way.
#[derive(Debug)]
pub struct CveExport(Rows);

impl CveExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<CveItem>, StoreError> {
        let rows: Vec<Row> = self.0.fetch().await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

/// Along an index of the counts that are kept. Of what came since the count a row says no hosts: it is counted.
const KEPT: &str = ", k.cve, found.software, found.opened_at,
    CASE WHEN k.hosts >= 1 THEN k.hosts ELSE (
        SELECT count(DISTINCT i.agent_key) FROM findings f JOIN installations i
            ON i.company_key = $1 AND i.software_key = f.software_key AND i.closed_at = 'infinity'
        WHERE f.company_key = $1 AND f.cve = k.cve
          AND f.resolved_at = 'infinity' AND f.exception IS NULL) END AS hosts
    FROM cve_counts k CROSS JOIN LATERAL (
        SELECT count(DISTINCT f.software_key) AS software, min(f.opened_at) AS opened_at
        FROM findings f WHERE f.company_key = $1 AND f.cve = k.cve
          AND f.resolved_at = 'infinity' AND f.exception IS NULL) found
    LEFT JOIN cves c ON c.id = k.cve
    WHERE k.company_key = $1 AND found.software > 0";

fn select_kept(
    scope: &TenantScope,
    filter: &CveFilter,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(CveRow::COLUMNS).push(KEPT);
    if let Some(text) = &filter.text {
        query.push(" AND (k.cve ILIKE ").push_bind(containing(text));
        query.push(" OR c.summary ILIKE ").push_bind(containing(text)).push(")");
    }
    if let Some(severity) = filter.severity_min {
        query.push(" AND k.cvss_severity = ANY(").push_bind(severity.and_above()).push(")");
    }
    match filter.kev {
        Some(true) => query.push(" AND k.kev >= 0"),
        Some(false) => query.push(" AND k.kev < 0"),
        None => &mut query,
    };
    push_hosts(&mut query, "k.cve", filter);
    Ok(query)
}
