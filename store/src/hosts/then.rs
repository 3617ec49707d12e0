//! What hosts had at an instant of the past, counted from the intervals of installations and findings.

use std::collections::BTreeMap;

use protocol::ids::AgentId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::StoreError;
use crate::software::FindingCounts;

/// Software and findings of some hosts at an instant. Hosts without any are left out.
///
/// An exception that is in force now counts from when it began to leave a finding out; one that ended
/// since does not count at all, because a finding does not keep it.
pub(super) async fn counts(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
    at: OffsetDateTime,
) -> Result<BTreeMap<AgentId, (u64, FindingCounts)>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH held AS MATERIALIZED (
             SELECT a.id, i.software_key
             FROM agents a
             JOIN installations i
               ON i.company_key = $1 AND i.agent_key = a.key
              AND i.opened_at <= $3 AND i.closed_at > $3
             WHERE a.company_key = $1 AND a.id = ANY($2)
           ), software AS MATERIALIZED (
             SELECT DISTINCT software_key FROM held
           ), found AS MATERIALIZED (
             SELECT d.software_key, v.*
             FROM software d
             CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE NOT o.is_out) AS open,
                        count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'critical')
                            AS critical,
                        count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'high') AS high,
                        count(c.kev_added) FILTER (WHERE NOT o.is_out) AS kev,
                        count(*) FILTER (WHERE o.is_out) AS suppressed
                 FROM (
                     SELECT f.cve, coalesce(f.suppressed_at <= $3, false) AS is_out
                     FROM findings f
                     WHERE f.company_key = $1 AND f.software_key = d.software_key
                       AND f.opened_at <= $3 AND f.resolved_at > $3
                 ) o LEFT JOIN cves c ON c.id = o.cve
             ) v
             WHERE v.open > 0 OR v.suppressed > 0
           )
           SELECT h.id AS "id!", count(*) AS "software!",
                  coalesce(sum(v.open), 0)::bigint AS "open!",
                  coalesce(sum(v.critical), 0)::bigint AS "critical!",
                  coalesce(sum(v.high), 0)::bigint AS "high!",
                  coalesce(sum(v.kev), 0)::bigint AS "kev!",
                  coalesce(sum(v.suppressed), 0)::bigint AS "suppressed!"
           FROM held h LEFT JOIN found v ON v.software_key = h.software_key
           GROUP BY h.id"#,
        company_key,
        agents,
        at
    )
    .fetch_all(tx)
    .await?;
    let counts = rows.into_iter().map(|row| {
        let findings = FindingCounts {
            open: row.open.unsigned_abs(),
            critical: row.critical.unsigned_abs(),
            high: row.high.unsigned_abs(),
            kev: row.kev.unsigned_abs(),
            suppressed: row.suppressed.unsigned_abs(),
        };
        (AgentId(row.id), (row.software.unsigned_abs(), findings))
    });
    Ok(counts.collect())
}
