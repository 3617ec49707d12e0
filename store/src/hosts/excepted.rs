//! What exceptions for some hosts take out of those hosts' counts.

use std::collections::BTreeMap;

use protocol::ids::AgentId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;
use crate::software::FindingCounts;

/// Takes findings out of the counts of hosts for which exceptions leave them out, and counts them as
/// that.
///
/// From what the hosts have, and not from the exceptions: a page of hosts has some thousand pieces of
/// software, and one exception may be about a hundred thousand findings.
pub(super) async fn take_out(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
    counts: &mut BTreeMap<AgentId, FindingCounts>,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"WITH held AS MATERIALIZED (
             SELECT a.id, a.key, i.software_key
             FROM agents a
             JOIN installations i
               ON i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
             WHERE a.company_key = $1 AND a.id = ANY($2)
               AND EXISTS (SELECT FROM finding_exceptions e WHERE e.company_key = $1)
           ), software AS MATERIALIZED (
             SELECT DISTINCT software_key FROM held
           ), excepted AS MATERIALIZED (
             SELECT x.software_key, x.cve, x.source, x.label, x.agent_key
             FROM software d
             JOIN finding_exceptions x
               ON x.company_key = $1 AND x.software_key = d.software_key
             JOIN findings f
               ON f.company_key = $1 AND f.software_key = x.software_key AND f.cve = x.cve
              AND f.source = x.source AND NOT isfinite(f.resolved_at) AND f.exception IS NULL
           )
           SELECT o.id AS "id!", count(*) AS "open!",
                  count(*) FILTER (WHERE c.cvss_severity = 'critical') AS "critical!",
                  count(*) FILTER (WHERE c.cvss_severity = 'high') AS "high!",
                  count(c.kev_added) AS "kev!"
           FROM (
             SELECT DISTINCT h.id, x.software_key, x.cve, x.source
             FROM held h JOIN excepted x ON x.software_key = h.software_key
             WHERE x.agent_key = h.key OR x.label IN (
                 SELECT l.label FROM host_labels l
                 WHERE l.company_key = $1 AND l.agent_key = h.key)
           ) o
           LEFT JOIN cves c ON c.id = o.cve
           GROUP BY o.id"#,
        company_key,
        agents
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let counts = counts.entry(AgentId(row.id)).or_default();
        let out = row.open.unsigned_abs();
        counts.open = counts.open.saturating_sub(out);
        counts.critical = counts.critical.saturating_sub(row.critical.unsigned_abs());
        counts.high = counts.high.saturating_sub(row.high.unsigned_abs());
        counts.kev = counts.kev.saturating_sub(row.kev.unsigned_abs());
        counts.suppressed += out;
    }
    Ok(())
}
