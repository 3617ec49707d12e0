//! How many findings some hosts have. Of a page of a large company they are kept; otherwise they are counted by software:
//! once for all of these hosts that have it, and for what they have alone. One host has a thousandth of a large
//! company's findings.

use std::collections::BTreeMap;

use protocol::ids::AgentId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::excepted;
use crate::counts::{KEPT_FROM, hosts_kept_at, kept_at};
use crate::error::StoreError;
use crate::software::FindingCounts;

/// Findings of a page's hosts: those that are kept, and counted now for hosts that came since the count or whose
/// company keeps none. Hosts without any may be left out.
pub(super) async fn of_page(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<BTreeMap<AgentId, FindingCounts>, StoreError> {
    if hosts_kept_at(tx, company_key).await?.is_none() {
        return now(tx, company_key, agents).await;
    }
    let mut counts = by_agent(kept(tx, company_key, agents).await?);
    let others: Vec<Uuid> =
        agents.iter().copied().filter(|id| !counts.contains_key(&AgentId(*id))).collect();
    if !others.is_empty() {
        counts.append(&mut now(tx, company_key, &others).await?);
    }
    Ok(counts)
}

/// Findings of some hosts, by severity, as they are now. Hosts without any are left out.
pub(super) async fn now(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<BTreeMap<AgentId, FindingCounts>, StoreError> {
    let is_kept = kept_at(tx, company_key).await?.is_some();
    let rows = if is_kept {
        by_kept_counts(tx, company_key, agents).await?
    } else {
        by_findings(tx, company_key, agents).await?
    };
    let mut counts = by_agent(rows);
    excepted::take_out(tx, company_key, agents, &mut counts).await?;
    Ok(counts)
}

fn by_agent(rows: Vec<Row>) -> BTreeMap<AgentId, FindingCounts> {
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
    counts.collect()
}

struct Row {
    id: Uuid,
    open: i64,
    critical: i64,
    high: i64,
    kev: i64,
    suppressed: i64,
}

/// The rows that are kept of hosts.
async fn kept(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT a.id, k.open, k.critical, k.high, k.kev, k.suppressed
         FROM agents a JOIN host_counts k ON k.company_key = $1 AND k.agent_key = a.key
         WHERE a.company_key = $1 AND a.id = ANY($2)",
        company_key,
        agents
    );
    Ok(rows.fetch_all(tx).await?)
}

/// Where no counts are kept, the findings of all software that the hosts have.
///
/// Every step is put down before the next: of a company that is new the planner thinks it has one row, and would
/// find the distinct software anew for each of them.
async fn by_findings(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"WITH held AS MATERIALIZED (
             SELECT a.id, i.software_key
             FROM agents a
             JOIN installations i
               ON i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
             WHERE a.company_key = $1 AND a.id = ANY($2)
           ), software AS MATERIALIZED (
             SELECT DISTINCT software_key FROM held
           ), vulnerable AS MATERIALIZED (
             SELECT h.software_key, v.*
             FROM software h
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
                   AND NOT isfinite(f.resolved_at)
             ) v
             WHERE v.open > 0 OR v.suppressed > 0
           )
           SELECT h.id AS "id!", sum(v.open)::bigint AS "open!",
                  sum(v.critical)::bigint AS "critical!", sum(v.high)::bigint AS "high!",
                  sum(v.kev)::bigint AS "kev!", sum(v.suppressed)::bigint AS "suppressed!"
           FROM held h JOIN vulnerable v ON v.software_key = h.software_key
           GROUP BY h.id"#,
        company_key,
        agents
    );
    Ok(rows.fetch_all(tx).await?)
}

/// Where counts are kept, of software that has any findings by them, and that is one in twenty: joined at once, where
/// a look at each piece of software's own row took most of the time. Few findings are counted again, because whoever
/// leaves one out looks whether it is gone.
async fn by_kept_counts(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"WITH held AS MATERIALIZED (
             SELECT a.id, i.software_key
             FROM agents a
             JOIN installations i
               ON i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
             WHERE a.company_key = $1 AND a.id = ANY($2)
           ), software AS MATERIALIZED (
             SELECT DISTINCT software_key FROM held
           ), found AS MATERIALIZED (
             SELECT n.software_key, n.open, n.critical, n.high, n.kev, n.suppressed
             FROM software h
             JOIN software_counts n ON n.software_key = h.software_key
             WHERE n.company_key = $1 AND n.open + n.suppressed > 0
           ), vulnerable AS MATERIALIZED (
             SELECT * FROM found WHERE open + suppressed >= $3
             UNION ALL
             SELECT n.software_key, v.*
             FROM found n
             CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE f.exception IS NULL) AS open,
                        count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'critical')
                            AS critical,
                        count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'high')
                            AS high,
                        count(c.kev_added) FILTER (WHERE f.exception IS NULL) AS kev,
                        count(f.exception) AS suppressed
                 FROM findings f LEFT JOIN cves c ON c.id = f.cve
                 WHERE f.company_key = $1 AND f.software_key = n.software_key
                   AND NOT isfinite(f.resolved_at)
             ) v
             WHERE n.open + n.suppressed < $3
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
    );
    Ok(rows.fetch_all(tx).await?)
}
