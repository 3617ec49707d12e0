//! What is installed on one host.

use protocol::ids::AgentId;
use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::{EXCEPTED, EXCEPTED_BY_LABEL};
use crate::error::StoreError;
use crate::export::Rows;
use crate::page::{self, Order, Page, PageRequest, SortType, containing, push_holds, within};
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
    /// As it was at this instant; what is left out is of the present.
    pub as_of: Option<OffsetDateTime>,
}

const BY_NAME: Order = Order {
    by: "lower(name)",
    of: SortType::Text,
    descending: false,
    tie: "software_key",
    tie_is_uuid: true,
};

/// What a row has beside its software.
const SHOWN: &str =
    ", x.seen_at, x.installed_at, x.locations, x.open, x.critical, x.high, x.kev, x.suppressed";

/// The host's open installations as `i`, up to the agent's id. They are looked up first and once:
/// the planner would else walk all of the company's software in the order of the list, and ask for
/// each whether this host has it.
const INSTALLED: &str = "FROM (
    SELECT s.*, coalesce(f.open, 0) AS open, coalesce(f.critical, 0) AS critical,
           coalesce(f.high, 0) AS high, coalesce(f.kev, 0) AS kev,
           coalesce(f.suppressed, 0) AS suppressed
    FROM (WITH i AS MATERIALIZED (
        SELECT a.key AS host_key, i.software_key, i.opened_at, i.installed_at, i.locations
        FROM agents a
        JOIN installations i ON i.company_key = $1 AND i.agent_key = a.key AND ";

/// The software of each.
const NAMED: &str = ")
    SELECT s.*, i.host_key, i.opened_at AS seen_at, i.installed_at, i.locations
    FROM i JOIN software s ON s.company_key = $1 AND s.software_key = i.software_key
    WHERE true";

/// And how many findings it has.
const JUDGED: &str = ") s
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE NOT o.is_out) AS open,
               count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'critical') AS critical,
               count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'high') AS high,
               count(c.kev_added) FILTER (WHERE NOT o.is_out) AS kev,
               count(*) FILTER (WHERE o.is_out) AS suppressed
        FROM (
            SELECT f.cve, f.exception IS NOT NULL OR EXISTS (";

/// What is left out on this host, and the findings that hold.
const HELD: &str = "))) AS is_out
            FROM findings f
            WHERE f.company_key = $1 AND f.software_key = s.software_key AND ";

const COUNTED: &str = "
        ) o LEFT JOIN cves c ON c.id = o.cve
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
    let mut query = select(scope, agent, filter, Some(page))?;
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "hosts.software", query).await?;
    BY_NAME.page(rows, page, TryInto::try_into)
}

/// All that is installed on a host, by name and in one snapshot, some at a time.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export_software(
    scope: &TenantScope,
    agent: AgentId,
    filter: &HostSoftwareFilter,
) -> Result<HostSoftwareExport, StoreError> {
    let mut query = select(scope, agent, filter, None)?;
    BY_NAME.push_order(&mut query);
    Ok(HostSoftwareExport(Rows::open(scope, "hosts.software_export", query).await?))
}

/// An export of a host's software under way.
#[derive(Debug)]
pub struct HostSoftwareExport(Rows);

impl HostSoftwareExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<HostSoftware>, StoreError> {
        let rows: Vec<Row> = self.0.fetch().await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

/// The list up to its places and its end. What a page does not have is not judged, where findings do not say what it has.
fn select(
    scope: &TenantScope,
    agent: AgentId,
    filter: &HostSoftwareFilter,
    page: Option<&PageRequest>,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(SoftwareRow::COLUMNS).push(SHOWN);
    BY_NAME.push_columns(&mut query);
    query.push(INSTALLED);
    push_row_holds(&mut query, ("i.opened_at", "i.closed_at"), filter.as_of);
    query.push(" WHERE a.company_key = $1 AND a.id = ").push_bind(agent.0).push(NAMED);
    if let Some(text) = &filter.text {
        query.push(" AND name ILIKE ").push_bind(containing(text));
    }
    if let Some(page) = page.filter(|_| filter.vulnerable.is_none()) {
        let order = Order { tie: "s.software_key", ..BY_NAME };
        order.push_after(&mut query, page)?;
        order.push_end(&mut query, page);
    }
    query.push(JUDGED);
    query.push(EXCEPTED).push("s.host_key");
    query.push(EXCEPTED_BY_LABEL).push("s.host_key");
    query.push(HELD);
    push_row_holds(&mut query, ("f.opened_at", "f.resolved_at"), filter.as_of);
    query.push(COUNTED);
    match filter.vulnerable {
        Some(true) => query.push(" AND open > 0"),
        Some(false) => query.push(" AND open = 0"),
        None => &mut query,
    };
    Ok(query)
}

/// As [`push_holds`], by the index of the key.
// `NOT isfinite` leaves the planner the index by host and the one by software alone, however old its
// statistics are.
fn push_row_holds(
    query: &mut QueryBuilder<Postgres>,
    (opened, closed): (&'static str, &'static str),
    as_of: Option<OffsetDateTime>,
) {
    if as_of.is_some() {
        push_holds(query, (opened, closed), as_of);
    } else {
        query.push("NOT isfinite(").push(closed).push(")");
    }
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
