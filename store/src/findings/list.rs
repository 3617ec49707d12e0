//! The list of a company's findings.

use enrichment::evaluation::Confidence;
use protocol::fingerprint::SoftwareKey;
use protocol::ids::AgentId;
use protocol::software::Source;
use serde_json::Value;
use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cves::{BY_SEVERITY, Cve, CveRow, Severity};
use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within};
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
    /// Hosts that have the software now.
    pub hosts: u64,
}

/// Whether findings hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindingState {
    /// They hold.
    #[default]
    Open,
    /// They do not hold any more.
    Resolved,
    /// Both.
    Any,
}

/// Which findings a list has.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    /// Whether they hold.
    pub state: FindingState,
    /// At least as severe as this.
    pub severity_min: Option<Severity>,
    /// Known to be exploited, or not.
    pub kev: Option<bool>,
    /// Of this CVE.
    pub cve: Option<String>,
    /// Of this software.
    pub software: Option<SoftwareKey>,
    /// Of what this host has now.
    pub host: Option<AgentId>,
    /// At least as sure as this.
    pub confidence_min: Option<Confidence>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindingSort {
    /// By CVSS score, or the severity that stands for it, highest first.
    #[default]
    Severity,
    /// By EPSS score, highest first.
    Epss,
    /// By when it was opened, newest first.
    Opened,
    /// By how many hosts have it, most first.
    Hosts,
}

impl FindingSort {
    const fn order(self) -> Order {
        let by = match self {
            Self::Severity => BY_SEVERITY,
            Self::Epss => "coalesce((epss_score * 1000000)::bigint, -1)",
            Self::Opened => "(extract(epoch FROM opened_at) * 1000000)::bigint",
            Self::Hosts => "hosts",
        };
        Order {
            by,
            of: SortType::Integer,
            descending: true,
            tie: "(cve || ' ' || software_key || ' ' || source || ' ' || extract(epoch FROM opened_at))",
            tie_is_uuid: false,
        }
    }
}

/// The findings of a page are found first, by what names and orders them; what else is shown of
/// each is read for those alone. Descriptions and reasons are wide, and a large company has some
/// hundred thousand findings to sort.
const SHOWN: &str = ", f.cve, f.software_key, f.source, f.opened_at,
       nullif(f.resolved_at, 'infinity') AS resolved_at, f.confidence, f.fixed_in, f.why,
       s.source AS software_source, s.name, s.version,
       (SELECT count(*) FROM installations i
        WHERE i.company_key = $1 AND i.software_key = f.software_key
          AND i.closed_at = 'infinity') AS hosts
FROM (SELECT y.*, row_number() OVER () AS place FROM (SELECT x.*";

const NAMES: &str = "FROM (
    SELECT f.cve, f.software_key, f.source, f.opened_at, c.cvss_score, c.cvss_severity,
           c.epss_score";

const OF_CVES: &str = " FROM findings f LEFT JOIN cves c ON c.id = f.cve";

/// Hosts are counted once for software, which mostly has many findings.
const OF_HOSTS: &str = " LEFT JOIN (
        SELECT i.software_key, count(*) AS hosts FROM installations i
        WHERE i.company_key = $1 AND i.closed_at = 'infinity' AND i.software_key IN (
            SELECT found.software_key FROM findings found WHERE found.company_key = $1)
        GROUP BY i.software_key
    ) h ON h.software_key = f.software_key";

const READ: &str = ") y) p
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
    let by_hosts = sort == FindingSort::Hosts;
    let mut query = within(scope, "SELECT p.sort_value, p.sort_id, ")?;
    query.push(CveRow::COLUMNS).push(SHOWN);
    order.push_columns(&mut query);
    query.push(NAMES);
    if by_hosts {
        query.push(", coalesce(h.hosts, 0) AS hosts");
    }
    query.push(OF_CVES);
    if by_hosts {
        query.push(OF_HOSTS);
    }
    query.push(" WHERE f.company_key = $1");
    push_filter(&mut query, filter);
    query.push(") x WHERE true");
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    query.push(READ);
    let rows = page::fetch::<Row>(scope, "findings.list", query).await?;
    order.page(rows, page, TryInto::try_into)
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &FindingFilter) {
    match filter.state {
        FindingState::Open => query.push(" AND f.resolved_at = 'infinity'"),
        FindingState::Resolved => query.push(" AND f.resolved_at <> 'infinity'"),
        FindingState::Any => &mut *query,
    };
    if let Some(severity) = filter.severity_min {
        query
            .push(" AND c.cvss_severity = ANY(")
            .push_bind(severity.and_above())
            .push(")");
    }
    match filter.kev {
        Some(true) => query.push(" AND c.kev_added IS NOT NULL"),
        Some(false) => query.push(" AND c.kev_added IS NULL"),
        None => &mut *query,
    };
    if let Some(cve) = &filter.cve {
        query.push(" AND f.cve = ").push_bind(cve.clone());
    }
    if let Some(key) = filter.software {
        query
            .push(" AND f.software_key = ")
            .push_bind(key.to_uuid());
    }
    if let Some(least) = filter.confidence_min {
        let names: Vec<&str> = [Confidence::Low, Confidence::Medium, Confidence::High]
            .into_iter()
            .filter(|confidence| *confidence >= least)
            .map(Confidence::as_str)
            .collect();
        query
            .push(" AND f.confidence = ANY(")
            .push_bind(names)
            .push(")");
    }
    if let Some(host) = filter.host {
        query.push(
            " AND f.software_key IN (SELECT i.software_key FROM agents a JOIN installations i
                  ON i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
               WHERE a.company_key = $1 AND a.id = ",
        );
        query.push_bind(host.0).push(")");
    }
}

#[derive(Debug, FromRow)]
struct Row {
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
    why: Value,
    opened_at: OffsetDateTime,
    resolved_at: Option<OffsetDateTime>,
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
            why: row.why,
            opened_at: row.opened_at,
            resolved_at: row.resolved_at,
            hosts: row.hosts.unsigned_abs(),
        })
    }
}
