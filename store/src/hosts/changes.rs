//! What came onto a host and went from it, the newest first.
//!
//! Installations are intervals, and each of their two ends is a change. What a host's first inventory
//! brought came when it was first heard of, whenever it was installed.

use protocol::ids::AgentId;
use sqlx::FromRow;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within};
use crate::software::{Software, SoftwareRow};
use crate::tenant::TenantScope;

/// Software that came onto a host, or went from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostChange {
    /// When the collector heard of it.
    pub at: OffsetDateTime,
    /// Whether it came or went.
    pub kind: HostChangeKind,
    /// The software.
    pub software: Software,
}

/// What happened to software on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostChangeKind {
    /// The host has it from then on.
    Installed,
    /// The host does not have it any more.
    Removed,
}

impl HostChangeKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Installed, Self::Removed];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Removed => "removed",
        }
    }
}

/// Which changes a list has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Those at this instant and later.
    pub since: Option<OffsetDateTime>,
    /// Those until this instant, and at it.
    pub until: Option<OffsetDateTime>,
}

/// Names go together, so that the version that came stands beside the one that went.
const NEWEST: Order =
    Order { by: "at", of: SortType::Instant, descending: true, tie: "place", tie_is_uuid: false };

/// The host's installations, up to the agent's id: looked up first and once, by the index of their key.
const INTERVALS: &str = "FROM (
    WITH i AS MATERIALIZED (
        SELECT i.software_key, i.opened_at, i.closed_at
        FROM agents a
        JOIN installations i ON i.company_key = $1 AND i.agent_key = a.key
        WHERE a.company_key = $1 AND a.id = ";

/// Both of their ends, with the software.
const ENDS: &str = ")
    SELECT s.*, c.at, c.is_removal, s.name || ' ' || s.software_key || ' ' || c.is_removal AS place
    FROM (SELECT i.software_key, i.opened_at AS at, false AS is_removal FROM i
          UNION ALL
          SELECT i.software_key, i.closed_at, true FROM i WHERE isfinite(i.closed_at)) c
    JOIN software s ON s.company_key = $1 AND s.software_key = c.software_key
) x WHERE true";

/// A page of what came onto a host and went from it, the newest first, for as long as the past is kept.
/// A host that the company does not have has nothing.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn changes(
    scope: &TenantScope,
    agent: AgentId,
    filter: &ChangeFilter,
    page: &PageRequest,
) -> Result<Page<HostChange>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(SoftwareRow::COLUMNS).push(", x.at, x.is_removal");
    NEWEST.push_columns(&mut query);
    query.push(INTERVALS).push_bind(agent.0).push(ENDS);
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" AND at <= ").push_bind(until);
    }
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "hosts.changes", query).await?;
    NEWEST.page(rows, page, TryInto::try_into)
}

#[derive(Debug, FromRow)]
struct Row {
    #[sqlx(flatten)]
    software: SoftwareRow,
    at: OffsetDateTime,
    is_removal: bool,
}

impl TryFrom<Row> for HostChange {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let kind = if row.is_removal { HostChangeKind::Removed } else { HostChangeKind::Installed };
        Ok(Self { at: row.at, kind, software: row.software.try_into()? })
    }
}
