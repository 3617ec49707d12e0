//! How many hosts have a piece of software, and how many findings it has: for a page, never a list.

use std::collections::BTreeMap;

use protocol::fingerprint::SoftwareKey;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{FindingCounts, Software, SoftwareItem};
use crate::counts::KEPT_FROM;
use crate::error::StoreError;

/// The software of a page with its counts, in its order.
///
/// A company with 50,000 hosts has some hundred thousand findings and fifteen million installations:
/// counting those of all software, to show a hundred, took a second.
pub(super) async fn counted(
    tx: &mut PgConnection,
    company_key: i64,
    software: Vec<Software>,
) -> Result<Vec<SoftwareItem>, StoreError> {
    let keys: Vec<Uuid> = software.iter().map(|one| one.key.to_uuid()).collect();
    let mut counts = counts(tx, company_key, &keys).await?;
    let items = software.into_iter().map(|software| {
        let (hosts, findings) = counts.remove(&software.key).unwrap_or_default();
        SoftwareItem { software, hosts, findings }
    });
    Ok(items.collect())
}

async fn counts(
    tx: &mut PgConnection,
    company_key: i64,
    keys: &[Uuid],
) -> Result<BTreeMap<SoftwareKey, (u64, FindingCounts)>, StoreError> {
    // Large numbers are those that are kept, where some are: counting the fifty thousand hosts of each of
    // a page's hundred rows takes a second. Small ones are counted, and are of this moment, but for none:
    // whoever opens a finding says in the row that there is one.
    // `NOT isfinite` leaves the planner the index by software alone, however old its statistics are.
    let rows = sqlx::query!(
        r#"SELECT k.software_key AS "software_key!",
                  CASE WHEN n.hosts >= $3 THEN n.hosts ELSE (
                      SELECT count(*) FROM installations i
                      WHERE i.company_key = $1 AND i.software_key = k.software_key
                        AND i.closed_at = 'infinity') END AS "hosts!",
                  CASE WHEN n.is_kept THEN n.open ELSE v.open END AS "open!",
                  CASE WHEN n.is_kept THEN n.critical ELSE v.critical END AS "critical!",
                  CASE WHEN n.is_kept THEN n.high ELSE v.high END AS "high!",
                  CASE WHEN n.is_kept THEN n.kev ELSE v.kev END AS "kev!",
                  CASE WHEN n.is_kept THEN n.suppressed ELSE v.suppressed END AS "suppressed!"
           FROM UNNEST($2::uuid[]) AS k (software_key)
           LEFT JOIN LATERAL (
               SELECT n.*, n.open + n.suppressed = 0 OR n.open + n.suppressed >= $3 AS is_kept
               FROM software_counts n
               WHERE n.company_key = $1 AND n.software_key = k.software_key
           ) n ON true
           CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE f.exception IS NULL) AS open,
                      count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'critical')
                          AS critical,
                      count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'high') AS high,
                      count(c.kev_added) FILTER (WHERE f.exception IS NULL) AS kev,
                      count(f.exception) AS suppressed
               FROM findings f LEFT JOIN cves c ON c.id = f.cve
               WHERE f.company_key = $1 AND f.software_key = k.software_key
                 AND NOT isfinite(f.resolved_at)
                 AND n.is_kept IS NOT TRUE
           ) v"#,
        company_key,
        keys,
        KEPT_FROM
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
        let key = SoftwareKey::from_uuid(row.software_key);
        (key, (row.hosts.unsigned_abs(), findings))
    });
    Ok(counts.collect())
}

/// The software of a page with its counts at an instant of the past.
pub(super) async fn counted_then(
    tx: &mut PgConnection,
    company_key: i64,
    software: Vec<Software>,
    at: OffsetDateTime,
) -> Result<Vec<SoftwareItem>, StoreError> {
    let keys: Vec<Uuid> = software.iter().map(|one| one.key.to_uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT k.software_key AS "software_key!",
                  coalesce(i.hosts, 0) AS "hosts!",
                  v.open AS "open!", v.critical AS "critical!", v.high AS "high!", v.kev AS "kev!",
                  v.suppressed AS "suppressed!"
           FROM UNNEST($2::uuid[]) AS k (software_key)
           LEFT JOIN (
               SELECT i.software_key, count(*) AS hosts FROM installations i
               WHERE i.company_key = $1 AND i.software_key = ANY($2)
                 AND i.opened_at <= $3 AND i.closed_at > $3
               GROUP BY i.software_key
           ) i ON i.software_key = k.software_key
           CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE NOT o.is_out) AS open,
                      count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'critical') AS critical,
                      count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'high') AS high,
                      count(c.kev_added) FILTER (WHERE NOT o.is_out) AS kev,
                      count(*) FILTER (WHERE o.is_out) AS suppressed
               FROM (
                   SELECT f.cve, coalesce(f.suppressed_at <= $3, false) AS is_out
                   FROM findings f
                   WHERE f.company_key = $1 AND f.software_key = k.software_key
                     AND f.opened_at <= $3 AND f.resolved_at > $3
               ) o LEFT JOIN cves c ON c.id = o.cve
           ) v"#,
        company_key,
        &keys,
        at
    )
    .fetch_all(tx)
    .await?;
    let mut counts: BTreeMap<SoftwareKey, (u64, FindingCounts)> = rows
        .into_iter()
        .map(|row| {
            let findings = FindingCounts {
                open: row.open.unsigned_abs(),
                critical: row.critical.unsigned_abs(),
                high: row.high.unsigned_abs(),
                kev: row.kev.unsigned_abs(),
                suppressed: row.suppressed.unsigned_abs(),
            };
            let key = SoftwareKey::from_uuid(row.software_key);
            (key, (row.hosts.unsigned_abs(), findings))
        })
        .collect();
    let items = software.into_iter().map(|software| {
        let (hosts, findings) = counts.remove(&software.key).unwrap_or_default();
        SoftwareItem { software, hosts, findings }
    });
    Ok(items.collect())
}
