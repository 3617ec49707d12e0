//! What happened on a host, moment by moment, the newest first: software that came, went and was upgraded, and
//! findings that were opened and resolved on it.
//!
//! An agent tells of one change of its host in several reports, which arrive within seconds: what lies closer
//! together than [`GAP`] is one moment. All of it is computed from intervals that are kept anyway, so that nothing
//! is written for it; a host's whole past is looked at for a page, by indexes of its key.

use std::time::Duration;

use protocol::ids::AgentId;
use protocol::software::Source;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within};
use crate::tenant::TenantScope;

/// What lies closer together than this is one moment.
const GAP: Duration = Duration::from_secs(60);

/// Changes of each kind that a moment names; it counts all of them.
pub const MOMENT_CHANGES_MAX: u32 = 20;

/// What happened on a host at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The first of it.
    pub began_at: OffsetDateTime,
    /// The last of it.
    pub at: OffsetDateTime,
    /// Whether it is the inventory that the host came with.
    pub is_first: bool,
    /// Software that came.
    pub installed: u64,
    /// Software that went.
    pub removed: u64,
    /// Software that went and came in another version.
    pub upgraded: u64,
    /// Findings that the host got.
    pub opened: u64,
    /// Findings that it got rid of.
    pub resolved: u64,
    /// The first [`MOMENT_CHANGES_MAX`] of each kind, by kind and name.
    pub changes: Vec<MomentChange>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentChange {
    /// What.
    pub kind: MomentKind,
    /// The software; of an upgrade, what came.
    pub software: Uuid,
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// The version that went, with its release; several are joined by commas.
    pub went: Option<String>,
    /// The version that came, in the same form.
    pub came: Option<String>,
    /// Of a finding: the CVE.
    pub cve: Option<String>,
}

/// What can happen on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    /// Software came.
    Installed,
    /// Software went.
    Removed,
    /// Software went and came in another version.
    Upgraded,
    /// The host got a finding: it was opened for software of its, or came with software.
    FindingOpened,
    /// The host got rid of one: it was resolved, or went with its software.
    FindingResolved,
}

impl MomentKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Installed,
        Self::Removed,
        Self::Upgraded,
        Self::FindingOpened,
        Self::FindingResolved,
    ];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Removed => "removed",
            Self::Upgraded => "upgraded",
            Self::FindingOpened => "finding_opened",
            Self::FindingResolved => "finding_resolved",
        }
    }

    /// The kind of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// No two moments end at the same instant.
const NEWEST: Order = Order {
    by: "(extract(epoch FROM at) * 1000000)::bigint",
    of: SortType::Integer,
    descending: true,
    tie: "''::text",
    tie_is_uuid: false,
};

/// The host, up to its id.
const HOST: &str = "FROM (
    WITH a AS MATERIALIZED (
        SELECT a.key, a.enrolled_at FROM agents a WHERE a.company_key = $1 AND a.id = ";

/// The ends of its installations, and of findings for as long as the host had their software; up to the gap.
const ENDS: &str = "), i AS MATERIALIZED (
        SELECT i.software_key, i.opened_at, i.closed_at
        FROM a JOIN installations i ON i.company_key = $1 AND i.agent_key = a.key
    ), found AS MATERIALIZED (
        SELECT i.software_key, f.cve, greatest(f.opened_at, i.opened_at) AS opened_at,
               least(f.resolved_at, i.closed_at) AS closed_at
        FROM i JOIN findings f ON f.company_key = $1 AND f.software_key = i.software_key
        WHERE f.opened_at < i.closed_at AND f.resolved_at > i.opened_at AND f.exception IS NULL
    ), ends AS (
        SELECT i.opened_at AS at, true AS is_begin, i.software_key, NULL::text AS cve FROM i
        UNION ALL
        SELECT i.closed_at, false, i.software_key, NULL FROM i WHERE isfinite(i.closed_at)
        UNION ALL
        SELECT f.opened_at, true, f.software_key, f.cve FROM found f
        UNION ALL
        SELECT f.closed_at, false, f.software_key, f.cve FROM found f WHERE isfinite(f.closed_at)
    ), marked AS (
        SELECT e.*, coalesce(e.at - lag(e.at) OVER (ORDER BY e.at) > make_interval(secs => ";

/// The moments and what happened in each, up to the kind.
///
/// What came and went in one moment is nothing, and so is a finding that both versions of an upgrade have.
const MOMENTS: &str = "), false) AS is_next FROM ends e
    ), placed AS (
        SELECT m.*, count(*) FILTER (WHERE m.is_next) OVER (ORDER BY m.at) AS moment FROM marked m
    ), bounded AS (
        SELECT p.*, min(p.at) OVER w AS began_at, max(p.at) OVER w AS ended_at FROM placed p
        WINDOW w AS (PARTITION BY p.moment)
    ), net AS (
        SELECT p.moment, p.began_at, p.ended_at, p.software_key, p.cve, bool_or(p.is_begin) AS is_begin
        FROM bounded p GROUP BY p.moment, p.began_at, p.ended_at, p.software_key, p.cve
        HAVING bool_and(p.is_begin) OR NOT bool_or(p.is_begin)
    ), named AS MATERIALIZED (
        SELECT p.moment, p.began_at, p.ended_at, p.is_begin, p.software_key, p.cve, s.source, s.name, s.arch,
               s.version || CASE WHEN s.release = '' THEN '' ELSE '-' || s.release END AS version
        FROM net p JOIN software s ON s.company_key = $1 AND s.software_key = p.software_key
    ), entries AS (
        SELECT g.moment, g.began_at, g.ended_at, g.software_key, g.name, g.source, g.went, g.came, NULL::text AS cve,
               CASE WHEN g.went IS NULL THEN 'installed' WHEN g.came IS NULL THEN 'removed'
                    ELSE 'upgraded' END AS kind
        FROM (SELECT n.moment, n.began_at, n.ended_at, n.source, n.name, n.arch,
                     (array_agg(n.software_key ORDER BY n.is_begin DESC))[1] AS software_key,
                     string_agg(DISTINCT n.version, ', ') FILTER (WHERE NOT n.is_begin) AS went,
                     string_agg(DISTINCT n.version, ', ') FILTER (WHERE n.is_begin) AS came
              FROM named n WHERE n.cve IS NULL
              GROUP BY n.moment, n.began_at, n.ended_at, n.source, n.name, n.arch) g
        WHERE g.went IS DISTINCT FROM g.came
        UNION ALL
        SELECT g.moment, g.began_at, g.ended_at, g.software_key, g.name, g.source, NULL, NULL, g.cve,
               CASE WHEN g.is_begun THEN 'finding_opened' ELSE 'finding_resolved' END
        FROM (SELECT n.moment, n.began_at, n.ended_at, n.source, n.name, n.arch, n.cve,
                     (array_agg(n.software_key ORDER BY n.is_begin DESC))[1] AS software_key,
                     bool_or(n.is_begin) AS is_begun, bool_or(NOT n.is_begin) AS is_ended
              FROM named n WHERE n.cve IS NOT NULL
              GROUP BY n.moment, n.began_at, n.ended_at, n.source, n.name, n.arch, n.cve) g
        WHERE g.is_begun <> g.is_ended
    ), shown AS (
        SELECT e.*, row_number() OVER (PARTITION BY e.moment, e.kind ORDER BY e.name, e.cve, e.source)
                    AS place
        FROM entries e WHERE e.kind = coalesce(";

/// One row a moment, with as many changes of each kind as follow.
const ROWS: &str = "::text, e.kind)
    )
    SELECT s.began_at, s.ended_at AS at,
           s.moment = 0 AND s.began_at < (SELECT a.enrolled_at FROM a) + interval '1 day' AS is_first,
           count(*) FILTER (WHERE s.kind = 'installed') AS installed,
           count(*) FILTER (WHERE s.kind = 'removed') AS removed,
           count(*) FILTER (WHERE s.kind = 'upgraded') AS upgraded,
           count(*) FILTER (WHERE s.kind = 'finding_opened') AS opened,
           count(*) FILTER (WHERE s.kind = 'finding_resolved') AS resolved,
           jsonb_agg(jsonb_build_object('kind', s.kind, 'software', s.software_key, 'name', s.name,
                         'source', s.source, 'went', s.went, 'came', s.came, 'cve', s.cve)
                     ORDER BY s.kind, s.place) FILTER (WHERE s.place <= ";

const END: &str = ") AS changes
    FROM shown s GROUP BY s.moment, s.began_at, s.ended_at
) x WHERE true";

/// A page of what happened on a host, the newest first, for as long as the past is kept: of one kind, or all. A host
/// that the company does not have has nothing.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn timeline(
    scope: &TenantScope,
    agent: AgentId,
    kind: Option<MomentKind>,
    page: &PageRequest,
) -> Result<Page<Moment>, StoreError> {
    apart(scope, agent, kind, GAP, page).await
}

/// The same with what is one moment as an argument, for tests whose reports are seconds apart.
pub(super) async fn apart(
    scope: &TenantScope,
    agent: AgentId,
    kind: Option<MomentKind>,
    gap: Duration,
    page: &PageRequest,
) -> Result<Page<Moment>, StoreError> {
    let mut query = within(scope, "SELECT x.*")?;
    NEWEST.push_columns(&mut query);
    query.push(HOST).push_bind(agent.0);
    query.push(ENDS).push_bind(gap.as_secs_f64());
    query.push(MOMENTS).push_bind(kind.map(MomentKind::as_str));
    query.push(ROWS).push_bind(i64::from(MOMENT_CHANGES_MAX)).push(END);
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "hosts.timeline", query).await?;
    NEWEST.page(rows, page, |row| Ok(row.into()))
}

#[derive(Debug, FromRow)]
struct Row {
    began_at: OffsetDateTime,
    at: OffsetDateTime,
    is_first: bool,
    installed: i64,
    removed: i64,
    upgraded: i64,
    opened: i64,
    resolved: i64,
    changes: Json<Vec<MomentChange>>,
}

impl From<Row> for Moment {
    fn from(row: Row) -> Self {
        Self {
            began_at: row.began_at,
            at: row.at,
            is_first: row.is_first,
            installed: row.installed.unsigned_abs(),
            removed: row.removed.unsigned_abs(),
            upgraded: row.upgraded.unsigned_abs(),
            opened: row.opened.unsigned_abs(),
            resolved: row.resolved.unsigned_abs(),
            changes: row.changes.0,
        }
    }
}
