//! The list of CVEs that a company's software has.

use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::{BY_EPSS, BY_KEV, BY_PUBLISHED, BY_SEVERITY, Cve, CveRow, Severity};
use crate::counts;
use crate::error::StoreError;
use crate::on_hosts::push_on_hosts;
use crate::page::{Listed, Order, Page, PageRequest, SortType, containing, within};
use crate::tenant::TenantScope;

/// A CVE in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct CveItem {
    /// The CVE.
    pub cve: Cve,
    /// The company's software that has it.
    pub software: u64,
    /// The company's hosts that have it.
    pub hosts: u64,
    /// When it was found first.
    pub opened_at: OffsetDateTime,
}

/// Which CVEs a list has.
#[derive(Clone, Debug, Default)]
pub struct CveFilter {
    /// The id or the description contains this.
    pub text: Option<String>,
    /// At least as severe as this.
    pub severity_min: Option<Severity>,
    /// Known to be exploited, or not.
    pub kev: Option<bool>,
    /// On at least one host that is not revoked, or on none any more.
    pub on_hosts: Option<bool>,
}

/// The order of a list, always the most first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CveSort {
    /// By CVSS score, or the severity that stands for it.
    #[default]
    Severity,
    /// By EPSS score.
    Epss,
    /// By when CISA added it.
    Kev,
    /// By how many hosts have it.
    Hosts,
    /// By when it was published.
    Published,
}

impl CveSort {
    /// The order among the counts that are kept, each of which has an index.
    pub(super) const fn order_kept(self) -> Order {
        let by = match self {
            Self::Severity => "k.severity",
            Self::Epss => "k.epss",
            Self::Kev => "k.kev",
            Self::Hosts => "k.hosts",
            Self::Published => "k.published",
        };
        Order { by, of: SortType::Integer, descending: true, tie: "k.cve", tie_is_uuid: false }
    }

    pub(super) const fn order(self) -> Order {
        let by = match self {
            Self::Severity => BY_SEVERITY,
            Self::Epss => BY_EPSS,
            Self::Kev => BY_KEV,
            Self::Hosts => "hosts",
            Self::Published => BY_PUBLISHED,
        };
        Order { by, of: SortType::Integer, descending: true, tie: "cve", tie_is_uuid: false }
    }
}

const FOUND: &str = "FROM (
    SELECT c.*, found.cve, found.software, found.opened_at,
           (SELECT count(DISTINCT i.agent_key) FROM findings f JOIN installations i
                ON i.company_key = $1 AND i.software_key = f.software_key
               AND i.closed_at = 'infinity'
            WHERE f.company_key = $1 AND f.cve = found.cve
              AND f.resolved_at = 'infinity' AND f.exception IS NULL) AS hosts
    FROM (
        SELECT f.cve, count(DISTINCT f.software_key) AS software, min(f.opened_at) AS opened_at
        FROM findings f
        WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.exception IS NULL
        GROUP BY f.cve
    ) found
    LEFT JOIN LATERAL (SELECT ";

/// A page of the CVEs that the company's software has.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: &CveFilter,
    sort: CveSort,
    page: &PageRequest,
) -> Result<Page<CveItem>, StoreError> {
    let mut tx = scope.begin_read("cves.list").await?;
    let counted_at = counts::kept_at(&mut tx, scope.key()).await?;
    let is_kept = counted_at.is_some();
    let order = if is_kept { sort.order_kept() } else { sort.order() };
    let mut query = if is_kept {
        page_of_kept(scope, filter, order, page)?
    } else {
        let mut query = select(scope, filter, order)?;
        order.push_after(&mut query, page)?;
        order.push_end(&mut query, page);
        query
    };
    #[cfg(test)]
    crate::page::note(&query);
    let rows: Vec<Listed<Row>> = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(order.page(rows, page, TryInto::try_into)?.counted(counted_at))
}

/// The list up to its places and its end, of a company whose counts are not kept.
pub(super) fn select(
    scope: &TenantScope,
    filter: &CveFilter,
    order: Order,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT x.*")?;
    order.push_columns(&mut query);
    query.push(FOUND).push(CveRow::COLUMNS);
    query.push(" FROM cves c WHERE c.id = found.cve) c ON true) x WHERE true");
    if let Some(text) = &filter.text {
        query.push(" AND (cve ILIKE ").push_bind(containing(text));
        query.push(" OR summary ILIKE ").push_bind(containing(text)).push(")");
    }
    if let Some(severity) = filter.severity_min {
        query.push(" AND cvss_severity = ANY(").push_bind(severity.and_above()).push(")");
    }
    match filter.kev {
        Some(true) => query.push(" AND kev_added IS NOT NULL"),
        Some(false) => query.push(" AND kev_added IS NULL"),
        None => &mut query,
    };
    push_hosts(&mut query, "x.cve", filter);
    Ok(query)
}

/// Which CVEs a page has is found along an index of the counts that are kept. What counts in a row is asked for those and
/// no others, their hosts as well where they are so few that counting them costs little.
const KEPT: &str = ", p.sort_tie AS cve, found.software, found.opened_at, CASE WHEN p.hosts >= ";
const OR_COUNTED: &str = " THEN p.hosts ELSE (
        SELECT count(DISTINCT i.agent_key) FROM findings f JOIN installations i
            ON i.company_key = $1 AND i.software_key = f.software_key AND i.closed_at = 'infinity'
        WHERE f.company_key = $1 AND f.cve = p.sort_tie
          AND f.resolved_at = 'infinity' AND f.exception IS NULL) END AS hosts";

const OF_KEPT: &str = ") p CROSS JOIN LATERAL (
        SELECT count(DISTINCT f.software_key) AS software, min(f.opened_at) AS opened_at
        FROM findings f WHERE f.company_key = $1 AND f.cve = p.sort_tie
          AND f.resolved_at = 'infinity' AND f.exception IS NULL) found
    LEFT JOIN cves c ON c.id = p.sort_tie";

/// That a CVE is found. `OFFSET 0` keeps it, and what is asked of texts, a question for each that is passed: as a join
/// it may be answered by reading all findings, or all CVEs that there are.
const IS_FOUND: &str = "EXISTS (SELECT FROM findings f WHERE f.company_key = $1 AND f.cve = k.cve
    AND f.resolved_at = 'infinity' AND f.exception IS NULL OFFSET 0)";

fn page_of_kept(
    scope: &TenantScope,
    filter: &CveFilter,
    order: Order,
    page: &PageRequest,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(CveRow::COLUMNS).push(KEPT).push_bind(counts::KEPT_FROM).push(OR_COUNTED);
    order.push_columns_of_page(&mut query);
    query.push("FROM (SELECT k.hosts, ");
    order.push_places(&mut query);
    if filter.kev == Some(true) {
        // One in some hundred: put in order first, where the walk would pass all others.
        query.push("FROM (SELECT k.* FROM cve_counts k WHERE k.company_key = $1 AND k.kev >= 0");
        order.push_order(&mut query);
        query.push(" OFFSET 0) k WHERE k.company_key = $1");
    } else {
        query.push("FROM cve_counts k WHERE k.company_key = $1");
    }
    if let Some(severity) = filter.severity_min {
        query.push(" AND k.cvss_severity = ANY(").push_bind(severity.and_above()).push(")");
    }
    if filter.kev == Some(false) {
        query.push(" AND k.kev < 0");
    }
    // Whether it is found is asked of what has the word: `AND` would leave to the planner what comes first.
    if let Some(text) = &filter.text {
        query.push(" AND CASE WHEN k.cve ILIKE ").push_bind(containing(text));
        query.push(" OR EXISTS (SELECT FROM cves c WHERE c.id = k.cve AND c.summary ILIKE ");
        query.push_bind(containing(text)).push(" OFFSET 0) THEN ").push(IS_FOUND);
        query.push(" ELSE false END");
    } else {
        query.push(" AND ").push(IS_FOUND);
    }
    push_hosts(&mut query, "k.cve", filter);
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    query.push(OF_KEPT);
    order.push_order_of_page(&mut query);
    Ok(query)
}

/// ` AND` that some of the CVE's software is on hosts, or none of it; the first that is ends the search.
pub(super) fn push_hosts(
    query: &mut QueryBuilder<Postgres>,
    cve: &'static str,
    filter: &CveFilter,
) {
    let Some(on_hosts) = filter.on_hosts else {
        return;
    };
    query.push(if on_hosts { " AND " } else { " AND NOT " });
    query.push("EXISTS (SELECT FROM findings f WHERE f.company_key = $1 AND f.cve = ").push(cve);
    query.push(" AND f.resolved_at = 'infinity' AND f.exception IS NULL");
    push_on_hosts(query, Some(true), None);
    query.push(" OFFSET 0)");
}

#[derive(Debug, FromRow)]
pub(super) struct Row {
    #[sqlx(flatten)]
    metadata: CveRow,
    cve: String,
    software: i64,
    hosts: i64,
    opened_at: OffsetDateTime,
}

impl TryFrom<Row> for CveItem {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            cve: row.metadata.into_cve(row.cve)?,
            software: row.software.unsigned_abs(),
            hosts: row.hosts.unsigned_abs(),
            opened_at: row.opened_at,
        })
    }
}
