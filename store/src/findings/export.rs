//! All of a company's findings, read to their end.
//!
//! A page finds its rows first and reads what is wide for those alone (`list.rs`). Here all rows are read, so there is
//! nothing to find first: they are joined once and sorted once, as narrow as they are shown.

use sqlx::{Postgres, QueryBuilder};

use super::filter::{FindingFilter, Names, push_exception, push_filter, push_state};
use super::list::{Finding, FindingSort, Row};
use crate::counts::kept_at;
use crate::cves::CveRow;
use crate::error::StoreError;
use crate::export::{Columns, Rows, snapshot};
use crate::page::{push_holds, within};
use crate::tenant::TenantScope;

/// All findings of a filter, in an order and one snapshot, some at a time. Without what is wide, `why` is null.
///
/// Of a company whose counts are kept, numbers of hosts are those of its last count; what came since is counted.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(
    scope: &TenantScope,
    filter: &FindingFilter,
    sort: FindingSort,
    columns: Columns,
) -> Result<FindingExport, StoreError> {
    let mut tx = snapshot(scope, "findings.export").await?;
    let is_kept = filter.as_of.is_none() && kept_at(&mut tx, scope.key()).await?.is_some();
    let query = select(scope, filter, sort, (columns, is_kept))?;
    Ok(FindingExport(Rows::of(tx, scope.key(), query).await?))
}

/// An export of findings under way.
#[derive(Debug)]
pub struct FindingExport(Rows);

impl FindingExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<Finding>, StoreError> {
        let rows: Vec<Row> = self.0.fetch().await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

/// All software with its hosts, which are counted once for each piece and not for each of its findings.
const PIECES: &str = "WITH pieces AS MATERIALIZED (
    SELECT s.software_key AS piece, s.source AS software_source, s.name, s.version, ";

/// The numbers that are kept. Of what came since the count a row says no hosts.
const HOSTS_KEPT: &str = "CASE WHEN n.hosts > 0 THEN n.hosts ELSE (
        SELECT count(*) FROM installations i WHERE i.company_key = $1
           AND i.software_key = s.software_key AND i.closed_at = 'infinity') END AS hosts
    FROM software s
    LEFT JOIN software_counts n ON n.company_key = $1 AND n.software_key = s.software_key";

/// Of a company that keeps none, and of the past: all of them at once.
const HOSTS_COUNTED: &str = "coalesce(h.hosts, 0) AS hosts
    FROM software s LEFT JOIN (
        SELECT i.software_key, count(*) AS hosts FROM installations i
        WHERE i.company_key = $1 AND i.software_key IN (
            SELECT found.software_key FROM findings found WHERE found.company_key = $1) AND ";

const BY_SOFTWARE: &str = " GROUP BY i.software_key
    ) h ON h.software_key = s.software_key";

const SHOWN: &str = ", f.cve, f.software_key, f.source, f.opened_at,
       nullif(f.resolved_at, 'infinity') AS resolved_at, f.confidence, f.fixed_in, f.suppressed_at,
       p.software_source, p.name, p.version, p.hosts, ";

const FROM: &str = " AS exception
    FROM findings f JOIN pieces p ON p.piece = f.software_key LEFT JOIN cves c ON c.id = f.cve
    WHERE f.company_key = $1";

/// What decides among equals in a page that is walked. One text of all of it, by which other pages go, takes longer to
/// put together than the rows to be read.
const TIE_WALKED: &str = " DESC, cve DESC, software_key DESC, source DESC, opened_at DESC";

fn select(
    scope: &TenantScope,
    filter: &FindingFilter,
    sort: FindingSort,
    (columns, is_kept): (Columns, bool),
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, PIECES)?;
    if is_kept {
        query.push(HOSTS_KEPT);
    } else {
        query.push(HOSTS_COUNTED);
        push_holds(&mut query, ("i.opened_at", "i.closed_at"), filter.as_of);
        query.push(BY_SOFTWARE);
    }
    query.push(" WHERE s.company_key = $1) SELECT x.* FROM (SELECT ");
    query.push(match columns {
        Columns::All => CveRow::COLUMNS,
        Columns::Cells => CveRow::CELLS,
    });
    query.push(SHOWN);
    query.push(match columns {
        Columns::All => "f.why, ",
        Columns::Cells => "NULL::jsonb AS why, ",
    });
    push_exception(&mut query, filter);
    query.push(FROM);
    push_state(&mut query, filter);
    push_filter(&mut query, filter, Names::Searched);
    query.push(") x");
    let order = sort.order();
    if is_kept {
        query.push(" ORDER BY ").push(order.by).push(TIE_WALKED);
    } else {
        order.push_order(&mut query);
    }
    Ok(query)
}
