//! The list of a company's hosts.

use std::collections::BTreeMap;

use protocol::host::Platform;
use protocol::ids::AgentId;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::filter::{HostFilter, push_host_filter};
use super::{Host, HostKind, excepted, then};
use crate::counts::{KEPT_FROM, kept_at};
use crate::error::StoreError;
use crate::export::Rows;
use crate::page::{Order, Page, PageRequest, SortType, within};
use crate::software::FindingCounts;
use crate::tenant::TenantScope;

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostSort {
    /// By name.
    #[default]
    Hostname,
    /// By when it last said anything, newest first.
    LastSeen,
    /// By when it last said anything, longest ago first; what never did counts from its enrolment on, and
    /// assets without an agent, which are never missed, come last.
    Silent,
    /// By when it became an agent, newest first.
    Enrolled,
    /// By how much software it has, most first.
    Software,
}

impl HostSort {
    const fn order(self) -> Order {
        let (by, of, descending) = match self {
            Self::Hostname => ("lower(hostname)", SortType::Text, false),
            Self::LastSeen => (
                "coalesce((extract(epoch FROM last_seen_at) * 1000000)::bigint, 0)",
                SortType::Integer,
                true,
            ),
            Self::Silent => (
                "CASE WHEN kind = 'agent' THEN (extract(epoch FROM
                     coalesce(last_seen_at, enrolled_at)) * 1000000)::bigint
                 ELSE 9223372036854775807 END",
                SortType::Integer,
                false,
            ),
            Self::Enrolled => ("enrolled_at", SortType::Instant, true),
            Self::Software => ("digest_count", SortType::Integer, true),
        };
        Order { by, of, descending, tie: "id", tie_is_uuid: true }
    }
}

/// A page of hosts.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: &HostFilter,
    sort: HostSort,
    page: &PageRequest,
) -> Result<Page<Host>, StoreError> {
    let order = sort.order();
    let mut query = select(scope, filter, order)?;
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    #[cfg(test)]
    crate::page::note(&query);
    let mut tx = scope.begin_read("hosts.list").await?;
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let mut page = order.page(rows, page, |row: HostRow| Ok(Host::from(row)))?;
    count(&mut tx, scope.key(), &mut page.items, filter.as_of).await?;
    let counted_at = match filter.as_of {
        None => kept_at(&mut tx, scope.key()).await?,
        Some(_) => None,
    };
    tx.commit().await?;
    Ok(page.counted(counted_at))
}

/// How many hosts a filter has, counted now.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn how_many(scope: &TenantScope, filter: &HostFilter) -> Result<u64, StoreError> {
    let mut query =
        within(scope, "SELECT count(*) FROM agents a WHERE company_key = $1 AND a.key > 0")?;
    push_host_filter(&mut query, filter);
    #[cfg(test)]
    crate::page::note(&query);
    let mut tx = scope.begin_read("hosts.how_many").await?;
    let count: i64 = query.build_query_scalar().fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(count.unsigned_abs())
}

/// All hosts of a filter, in an order and one snapshot, some at a time.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(
    scope: &TenantScope,
    filter: &HostFilter,
    sort: HostSort,
) -> Result<HostExport, StoreError> {
    let order = sort.order();
    let mut query = select(scope, filter, order)?;
    order.push_order(&mut query);
    Ok(HostExport { rows: Rows::open(scope, "hosts.export", query).await?, as_of: filter.as_of })
}

/// An export of hosts under way.
#[derive(Debug)]
pub struct HostExport {
    rows: Rows,
    as_of: Option<OffsetDateTime>,
}

impl HostExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<Host>, StoreError> {
        let rows: Vec<HostRow> = self.rows.fetch().await?;
        let mut hosts: Vec<Host> = rows.into_iter().map(Host::from).collect();
        let company = self.rows.company();
        count(self.rows.tx(), company, &mut hosts, self.as_of).await?;
        Ok(hosts)
    }
}

fn select(
    scope: &TenantScope,
    filter: &HostFilter,
    order: Order,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, SELECT)?;
    order.push_columns(&mut query);
    // Every key is above 0; saying so opens the indexes of these orders, which nothing else may use.
    query.push(" FROM agents a WHERE company_key = $1 AND a.key > 0");
    push_host_filter(&mut query, filter);
    Ok(query)
}

/// Findings are counted for a page's hosts alone, never for the whole list.
async fn count(
    tx: &mut PgConnection,
    company_key: i64,
    hosts: &mut [Host],
    as_of: Option<OffsetDateTime>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = hosts.iter().map(|host| host.id.0).collect();
    if let Some(at) = as_of {
        let mut counts = then::counts(tx, company_key, &ids, at).await?;
        for host in hosts {
            let (software, findings) = counts.remove(&host.id).unwrap_or_default();
            host.software = software;
            host.findings = findings;
        }
        return Ok(());
    }
    let mut findings = count_findings(tx, company_key, &ids).await?;
    for host in hosts {
        host.findings = findings.remove(&host.id).unwrap_or_default();
    }
    Ok(())
}

const SELECT: &str = "SELECT id, kind, hostname, platform_family, platform_id, platform_version, os_name, \
                      agent_version, enrolled_at, last_seen_at, revoked_at, digest_count, seen_every_s";

/// Findings of some hosts, by severity. Hosts without any are left out.
///
/// Counted by software, once for all of these hosts that have it, and for what they have alone: one
/// host has a thousandth of a large company's findings. Where counts are kept, software that has none or many is
/// not counted again.
pub(super) async fn count_findings(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<BTreeMap<AgentId, FindingCounts>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH held AS MATERIALIZED (
             SELECT a.id, i.software_key
             FROM agents a
             JOIN installations i
               ON i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
             WHERE a.company_key = $1 AND a.id = ANY($2)
           ), vulnerable AS (
             SELECT h.software_key,
                    CASE WHEN n.is_kept THEN n.open ELSE v.open END AS open,
                    CASE WHEN n.is_kept THEN n.critical ELSE v.critical END AS critical,
                    CASE WHEN n.is_kept THEN n.high ELSE v.high END AS high,
                    CASE WHEN n.is_kept THEN n.kev ELSE v.kev END AS kev,
                    CASE WHEN n.is_kept THEN n.suppressed ELSE v.suppressed END AS suppressed
             FROM (SELECT DISTINCT software_key FROM held) h
             LEFT JOIN LATERAL (
                 SELECT n.*, n.open + n.suppressed = 0 OR n.open + n.suppressed >= $3 AS is_kept
                 FROM software_counts n
                 WHERE n.company_key = $1 AND n.software_key = h.software_key
             ) n ON true
             CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE f.exception IS NULL) AS open,
                        count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'critical')
                            AS critical,
                        count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'high')
                            AS high,
                        count(c.kev_added) FILTER (WHERE f.exception IS NULL) AS kev,
                        count(f.exception) AS suppressed
                 FROM findings f LEFT JOIN cves c ON c.id = f.cve
                 WHERE f.company_key = $1 AND f.software_key = h.software_key
                   AND NOT isfinite(f.resolved_at) AND n.is_kept IS NOT TRUE
             ) v
           )
           SELECT h.id AS "id!", sum(v.open)::bigint AS "open!",
                  sum(v.critical)::bigint AS "critical!", sum(v.high)::bigint AS "high!",
                  sum(v.kev)::bigint AS "kev!", sum(v.suppressed)::bigint AS "suppressed!"
           FROM held h JOIN vulnerable v ON v.software_key = h.software_key
           WHERE v.open > 0 OR v.suppressed > 0
           GROUP BY h.id"#,
        company_key,
        agents,
        KEPT_FROM
    )
    .fetch_all(&mut *tx)
    .await?;
    let counts = rows.into_iter().map(|row| {
        let counts = FindingCounts {
            open: row.open.unsigned_abs(),
            critical: row.critical.unsigned_abs(),
            high: row.high.unsigned_abs(),
            kev: row.kev.unsigned_abs(),
            suppressed: row.suppressed.unsigned_abs(),
        };
        (AgentId(row.id), counts)
    });
    let mut counts = counts.collect();
    excepted::take_out(tx, company_key, agents, &mut counts).await?;
    Ok(counts)
}

#[derive(Debug, FromRow)]
pub(super) struct HostRow {
    pub(super) id: Uuid,
    pub(super) kind: String,
    pub(super) hostname: String,
    pub(super) platform_family: String,
    pub(super) platform_id: String,
    pub(super) platform_version: String,
    pub(super) os_name: String,
    pub(super) agent_version: String,
    pub(super) enrolled_at: OffsetDateTime,
    pub(super) last_seen_at: Option<OffsetDateTime>,
    pub(super) revoked_at: Option<OffsetDateTime>,
    pub(super) digest_count: i64,
    pub(super) seen_every_s: i64,
}

/// From when on a host that was last seen then is missed; `None` while it is not known how often it
/// shows itself.
fn overdue_at(last_seen_at: Option<OffsetDateTime>, every_s: i64) -> Option<OffsetDateTime> {
    // One sign of life may be lost, and waits have jitter: the second one that does not come counts.
    let allowed = Duration::seconds(every_s.saturating_mul(2)) + Duration::MINUTE;
    last_seen_at.filter(|_| every_s > 0)?.checked_add(allowed)
}

impl From<HostRow> for Host {
    fn from(row: HostRow) -> Self {
        Self {
            id: AgentId(row.id),
            // What another version made is shown as a host like any other.
            kind: HostKind::parse(&row.kind).unwrap_or(HostKind::Agent),
            hostname: row.hostname,
            platform: Platform {
                family: row.platform_family,
                id: row.platform_id,
                version: row.platform_version,
            },
            os_name: row.os_name,
            agent_version: row.agent_version,
            enrolled_at: row.enrolled_at,
            last_seen_at: row.last_seen_at,
            overdue_at: overdue_at(row.last_seen_at, row.seen_every_s),
            revoked_at: row.revoked_at,
            software: row.digest_count.unsigned_abs(),
            findings: FindingCounts::default(),
        }
    }
}
