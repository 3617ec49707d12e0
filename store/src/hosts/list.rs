//! The list of a company's hosts.

use std::collections::BTreeMap;

use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::ids::AgentId;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Host;
use crate::error::StoreError;
use crate::page::{Order, Page, PageRequest, SortType, containing, within};
use crate::software::FindingCounts;
use crate::tenant::TenantScope;

/// Which hosts a list has.
#[derive(Clone, Debug, Default)]
pub struct HostFilter {
    /// The name contains this.
    pub text: Option<String>,
    /// The operating system's family or distribution is this.
    pub platform: Option<String>,
    /// It has this CVE.
    pub cve: Option<String>,
    /// It has this software.
    pub software: Option<SoftwareKey>,
    /// It was not seen since.
    pub silent_since: Option<OffsetDateTime>,
    /// Also those that were revoked.
    pub revoked: bool,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostSort {
    /// By name.
    #[default]
    Hostname,
    /// By when it last said anything, newest first.
    LastSeen,
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
            Self::Enrolled => (
                "(extract(epoch FROM enrolled_at) * 1000000)::bigint",
                SortType::Integer,
                true,
            ),
            Self::Software => ("digest_count", SortType::Integer, true),
        };
        Order {
            by,
            of,
            descending,
            tie: "id",
            tie_is_uuid: true,
        }
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
    let mut query = within(scope, SELECT)?;
    order.push_columns(&mut query);
    query.push(" FROM agents a WHERE company_key = $1");
    push_filter(&mut query, filter);
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    #[cfg(test)]
    crate::page::note(&query);
    let mut tx = scope.begin("hosts.list").await?;
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let mut page = order.page(rows, page, |row: HostRow| Ok(Host::from(row)))?;
    // Findings are counted for the page's hosts alone, never for the whole list.
    let ids: Vec<Uuid> = page.items.iter().map(|host| host.id.0).collect();
    let mut findings = count_findings(&mut tx, scope.key(), &ids).await?;
    tx.commit().await?;
    for host in &mut page.items {
        host.findings = findings.remove(&host.id).unwrap_or_default();
    }
    Ok(page)
}

const SELECT: &str = "SELECT id, hostname, platform_family, platform_id, platform_version, os_name, \
                      agent_version, enrolled_at, last_seen_at, revoked_at, digest_count, seen_every_s";

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &HostFilter) {
    if let Some(text) = &filter.text {
        query
            .push(" AND hostname ILIKE ")
            .push_bind(containing(text));
    }
    if let Some(platform) = &filter.platform {
        query
            .push(" AND (platform_family = ")
            .push_bind(platform.clone());
        query
            .push(" OR platform_id = ")
            .push_bind(platform.clone())
            .push(")");
    }
    if let Some(at) = filter.silent_since {
        query
            .push(" AND coalesce(last_seen_at, enrolled_at) < ")
            .push_bind(at);
    }
    if !filter.revoked {
        query.push(" AND revoked_at IS NULL");
    }
    if let Some(key) = filter.software {
        query.push(
            // A semi-join: a host that has the software once is one row, and the subquery names the
            // company so that it reads one partition.
            " AND key IN (SELECT i.agent_key FROM installations i WHERE i.company_key = $1
               AND i.closed_at = 'infinity' AND i.software_key = ",
        );
        query.push_bind(key.to_uuid()).push(")");
    }
    if let Some(cve) = &filter.cve {
        query.push(
            " AND key IN (SELECT i.agent_key FROM findings f JOIN installations i
                  ON i.company_key = $1 AND i.software_key = f.software_key
                 AND i.closed_at = 'infinity'
               WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.cve = ",
        );
        query.push_bind(cve.clone()).push(")");
    }
}

/// Findings of some hosts, by severity. Hosts without any are left out.
///
/// Counted by software, once for all of these hosts that have it, and for what they have alone: one
/// host has a thousandth of a large company's findings.
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
             SELECT h.software_key, v.*
             FROM (SELECT DISTINCT software_key FROM held) h
             CROSS JOIN LATERAL (
                 SELECT count(*) AS open,
                        count(*) FILTER (WHERE c.cvss_severity = 'critical') AS critical,
                        count(*) FILTER (WHERE c.cvss_severity = 'high') AS high,
                        count(c.kev_added) AS kev
                 FROM findings f LEFT JOIN cves c ON c.id = f.cve
                 WHERE f.company_key = $1 AND f.software_key = h.software_key
                   AND NOT isfinite(f.resolved_at)
             ) v
             WHERE v.open > 0
           )
           SELECT h.id AS "id!", sum(v.open)::bigint AS "open!",
                  sum(v.critical)::bigint AS "critical!", sum(v.high)::bigint AS "high!",
                  sum(v.kev)::bigint AS "kev!"
           FROM held h JOIN vulnerable v ON v.software_key = h.software_key
           GROUP BY h.id"#,
        company_key,
        agents
    )
    .fetch_all(tx)
    .await?;
    let counts = rows.into_iter().map(|row| {
        let counts = FindingCounts {
            open: row.open.unsigned_abs(),
            critical: row.critical.unsigned_abs(),
            high: row.high.unsigned_abs(),
            kev: row.kev.unsigned_abs(),
        };
        (AgentId(row.id), counts)
    });
    Ok(counts.collect())
}

#[derive(Debug, FromRow)]
pub(super) struct HostRow {
    pub(super) id: Uuid,
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
