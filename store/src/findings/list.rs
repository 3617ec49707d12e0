//! The list of a company's findings.

use enrichment::evaluation::Confidence;
use protocol::fingerprint::SoftwareKey;
use protocol::software::Source;
use serde_json::Value;
use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::filter::{FindingFilter, Names, push_exception, push_filter, push_state};
use super::{then, walk};
use crate::counts;
use crate::cves::{BY_EPSS, BY_KEV, BY_SEVERITY, Cve, CveRow};
use crate::error::StoreError;
use crate::page::{Listed, Order, Page, PageRequest, SortType, push_holds, within};
use crate::tenant::TenantScope;

/// A finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The CVE.
    pub cve: Cve,
    /// The software's key.
    pub software: SoftwareKey,
    /// Where the software was read from.
    pub software_source: Source,
    /// The software's name.
    pub name: String,
    /// The software's version.
    pub version: String,
    /// Whose statement it rests on, such as `nvd`.
    pub source: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// The first version that is said to be fixed.
    pub fixed_in: Option<String>,
    /// What was compared: [`enrichment::evaluation::Why`] as JSON.
    pub why: Value,
    /// Since when it is known.
    pub opened_at: OffsetDateTime,
    /// Since when it does not hold any more.
    pub resolved_at: Option<OffsetDateTime>,
    /// The exception that it is left out for: the company's, or in a list of one host's findings one
    /// for this host, or of a label's one for the hosts with it.
    pub exception: Option<Uuid>,
    /// Since when it is left out for the whole company.
    pub suppressed_at: Option<OffsetDateTime>,
    /// Hosts that have the software now, or had it at the instant that was asked for.
    pub hosts: u64,
}

impl Finding {
    /// Where it stands, or stood at an instant: `resolved`, `suppressed` or `open`.
    #[must_use]
    pub fn state(&self, as_of: Option<OffsetDateTime>) -> &'static str {
        let was =
            |at: Option<OffsetDateTime>| at.is_some_and(|at| as_of.is_none_or(|then| at <= then));
        let is_out = match as_of {
            None => self.exception.is_some(),
            Some(_) => was(self.suppressed_at),
        };
        if was(self.resolved_at) {
            "resolved"
        } else if is_out {
            "suppressed"
        } else {
            "open"
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindingSort {
    /// By CVSS score, or the severity that stands for it, highest first.
    #[default]
    Severity,
    /// By EPSS score, highest first.
    Epss,
    /// By when CISA added its CVE to those that are known to be exploited, newest first; others follow.
    Kev,
    /// By when it was opened, newest first.
    Opened,
    /// By how many hosts have it, most first.
    Hosts,
}

/// What names a finding, in one text.
const TIE: &str =
    "(cve || ' ' || software_key || ' ' || source || ' ' || extract(epoch FROM opened_at))";

impl FindingSort {
    pub(super) const fn order(self) -> Order {
        let by = match self {
            Self::Severity => BY_SEVERITY,
            Self::Epss => BY_EPSS,
            Self::Kev => BY_KEV,
            Self::Opened => "(extract(epoch FROM opened_at) * 1000000)::bigint",
            Self::Hosts => "hosts",
        };
        Order { by, of: SortType::Integer, descending: true, tie: TIE, tie_is_uuid: false }
    }
}

/// The findings of a page are found first, by what names and orders them; what else is shown of
/// each is read for those alone. Descriptions and reasons are wide, and a large company has some
/// hundred thousand findings to sort.
pub(super) const SHOWN: &str = ", f.cve, f.software_key, f.source, f.opened_at,
       nullif(f.resolved_at, 'infinity') AS resolved_at, f.confidence, f.fixed_in, f.why,
       f.suppressed_at, s.source AS software_source, s.name, s.version, ";

const PLACED: &str = " FROM (SELECT y.*, row_number() OVER () AS place FROM (SELECT x.*";

const NAMES: &str = "FROM (
    SELECT f.cve, f.software_key, f.source, f.opened_at, c.cvss_score, c.cvss_severity,
           c.epss_score, c.kev_added";

const OF_CVES: &str = " FROM findings f LEFT JOIN cves c ON c.id = f.cve";

/// Hosts are counted once for software, which mostly has many findings.
const OF_HOSTS: &str = " LEFT JOIN (
        SELECT i.software_key, count(*) AS hosts FROM installations i
        WHERE i.company_key = $1 AND i.software_key IN (
            SELECT found.software_key FROM findings found WHERE found.company_key = $1) AND ";

const BY_SOFTWARE: &str = " GROUP BY i.software_key
    ) h ON h.software_key = f.software_key";

pub(super) const READ: &str = ") y) p
JOIN findings f ON f.company_key = $1 AND f.software_key = p.software_key AND f.cve = p.cve
               AND f.source = p.source AND f.opened_at = p.opened_at
JOIN software s ON s.company_key = $1 AND s.software_key = p.software_key
LEFT JOIN cves c ON c.id = p.cve
ORDER BY p.place";

/// A page of findings.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: &FindingFilter,
    sort: FindingSort,
    page: &PageRequest,
) -> Result<Page<Finding>, StoreError> {
    let order = sort.order();
    let mut tx = scope.begin_read("findings.list").await?;
    let counted_at = match filter.as_of {
        None => counts::kept_at(&mut tx, scope.key()).await?,
        Some(_) => None,
    };
    let lead = match counted_at {
        Some(_) => walk::lead(&mut tx, scope.key(), filter).await?,
        None => None,
    };
    let mut query = if let Some(lead) = lead {
        walk::select(scope, (filter, &lead), sort, page)?
    } else {
        let mut query = select(scope, filter, order, sort == FindingSort::Hosts)?;
        order.push_after(&mut query, page)?;
        order.push_end(&mut query, page);
        query
    };
    query.push(READ);
    #[cfg(test)]
    crate::page::note(&query);
    let rows: Vec<Listed<Row>> = query.build_query_as().fetch_all(&mut *tx).await?;
    let mut page = order.page(rows, page, Finding::try_from)?;
    if let Some(at) = filter.as_of.filter(|_| sort != FindingSort::Hosts) {
        then::count_hosts(&mut tx, scope.key(), &mut page.items, at).await?;
    }
    tx.commit().await?;
    Ok(page.counted(counted_at))
}

/// The list up to where its places and its end follow, and [`READ`]. `of_all` counts hosts for all
/// findings at once.
fn select(
    scope: &TenantScope,
    filter: &FindingFilter,
    order: Order,
    of_all: bool,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let installed = ("i.opened_at", "i.closed_at");
    let mut query = within(scope, "SELECT p.sort_value, p.sort_id, ")?;
    query.push(CveRow::COLUMNS).push(SHOWN);
    push_exception(&mut query, filter);
    query.push(" AS exception, ");
    match (of_all, filter.as_of) {
        (true, _) => query.push("p.hosts"),
        (false, None) => query.push(counts::HOSTS_OF_SOFTWARE).push(" AS hosts"),
        // Counted for the page's software, once it is known.
        (false, Some(_)) => query.push("0::bigint AS hosts"),
    };
    query.push(PLACED);
    order.push_columns(&mut query);
    query.push(NAMES);
    if of_all {
        query.push(", coalesce(h.hosts, 0) AS hosts");
    }
    query.push(OF_CVES);
    if of_all {
        query.push(OF_HOSTS);
        push_holds(&mut query, installed, filter.as_of);
        query.push(BY_SOFTWARE);
    }
    query.push(" WHERE f.company_key = $1");
    push_state(&mut query, filter);
    push_filter(&mut query, filter, Names::Searched);
    query.push(") x WHERE true");
    Ok(query)
}

#[derive(Debug, FromRow)]
pub(super) struct Row {
    #[sqlx(flatten)]
    metadata: CveRow,
    cve: String,
    software_key: Uuid,
    software_source: String,
    name: String,
    version: String,
    source: String,
    confidence: String,
    fixed_in: Option<String>,
    why: Option<Value>,
    opened_at: OffsetDateTime,
    resolved_at: Option<OffsetDateTime>,
    suppressed_at: Option<OffsetDateTime>,
    exception: Option<Uuid>,
    hosts: i64,
}

impl TryFrom<Row> for Finding {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column, value: &str| StoreError::inconsistent("findings", column, value);
        let confidence = [Confidence::Low, Confidence::Medium, Confidence::High]
            .into_iter()
            .find(|confidence| confidence.as_str() == row.confidence)
            .ok_or_else(|| bad("confidence", &row.confidence))?;
        Ok(Self {
            cve: row.metadata.into_cve(row.cve)?,
            software: SoftwareKey::from_uuid(row.software_key),
            software_source: row
                .software_source
                .parse()
                .map_err(|_| bad("software_source", &row.software_source))?,
            name: row.name,
            version: row.version,
            source: row.source,
            confidence,
            fixed_in: row.fixed_in,
            why: row.why.unwrap_or_default(),
            opened_at: row.opened_at,
            resolved_at: row.resolved_at,
            exception: row.exception,
            suppressed_at: row.suppressed_at,
            hosts: row.hosts.unsigned_abs(),
        })
    }
}
