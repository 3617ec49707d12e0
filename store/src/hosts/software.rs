//! What is installed on one host.

use protocol::ids::AgentId;
use sqlx::FromRow;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, containing, within};
use crate::software::{CountsRow, FindingCounts, Software, SoftwareRow};
use crate::tenant::TenantScope;

/// Software as a host has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSoftware {
    /// The software.
    pub software: Software,
    /// Since when the host is known to have it.
    pub seen_at: OffsetDateTime,
    /// When it was installed, where the source knows.
    pub installed_at: Option<OffsetDateTime>,
    /// Where on the host it is.
    pub locations: Vec<String>,
    /// Its findings.
    pub findings: FindingCounts,
}

/// Which software of a host a list has.
#[derive(Clone, Debug, Default)]
pub struct HostSoftwareFilter {
    /// The name contains this.
    pub text: Option<String>,
    /// It has findings, or none.
    pub vulnerable: Option<bool>,
}

const BY_NAME: Order = Order {
    by: "lower(name)",
    of: SortType::Text,
    descending: false,
    tie: "software_key",
    tie_is_uuid: true,
};

/// The host's open installations as `i`, up to the agent's id. They are looked up first and once:
/// the planner would else walk all of the company's software in the order of the list, and ask for
/// each whether this host has it.
// `NOT isfinite`, here and below, leaves the planner the index by host and the one by software alone,
// however old its statistics are.
const INSTALLED: &str = "FROM (
    WITH i AS MATERIALIZED (
        SELECT i.software_key, i.opened_at, i.installed_at, i.locations
        FROM agents a
        JOIN installations i
          ON i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
        WHERE a.company_key = $1 AND a.id = ";

/// The rest: the software of each, and how many findings it has.
const JUDGED: &str = ")
    SELECT s.*, i.opened_at AS seen_at, i.installed_at, i.locations,
           coalesce(f.open, 0) AS open, coalesce(f.critical, 0) AS critical,
           coalesce(f.high, 0) AS high, coalesce(f.kev, 0) AS kev
    FROM i
    JOIN software s ON s.company_key = $1 AND s.software_key = i.software_key
    LEFT JOIN LATERAL (
        SELECT count(*) AS open,
               count(*) FILTER (WHERE c.cvss_severity = 'critical') AS critical,
               count(*) FILTER (WHERE c.cvss_severity = 'high') AS high,
               count(c.kev_added) AS kev
        FROM findings f LEFT JOIN cves c ON c.id = f.cve
        WHERE f.company_key = $1 AND f.software_key = s.software_key
          AND NOT isfinite(f.resolved_at)
    ) f ON true
) x WHERE true";

/// A page of what is installed on a host, by name. A host that the company does not have has
/// nothing.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn software(
    scope: &TenantScope,
    agent: AgentId,
    filter: &HostSoftwareFilter,
    page: &PageRequest,
) -> Result<Page<HostSoftware>, StoreError> {
    let mut query = within(scope, "SELECT x.*")?;
    BY_NAME.push_columns(&mut query);
    query.push(INSTALLED).push_bind(agent.0).push(JUDGED);
    if let Some(text) = &filter.text {
        query.push(" AND name ILIKE ").push_bind(containing(text));
    }
    match filter.vulnerable {
        Some(true) => query.push(" AND open > 0"),
        Some(false) => query.push(" AND open = 0"),
        None => &mut query,
    };
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "hosts.software", query).await?;
    BY_NAME.page(rows, page, TryInto::try_into)
}

#[derive(Debug, FromRow)]
struct Row {
    #[sqlx(flatten)]
    software: SoftwareRow,
    #[sqlx(flatten)]
    counts: CountsRow,
    seen_at: OffsetDateTime,
    installed_at: Option<OffsetDateTime>,
    locations: Vec<String>,
}

impl TryFrom<Row> for HostSoftware {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            software: row.software.try_into()?,
            seen_at: row.seen_at,
            installed_at: row.installed_at,
            locations: row.locations,
            findings: row.counts.into(),
        })
    }
}
