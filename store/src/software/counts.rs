//! How many hosts have a piece of software, and how many findings it has: for a page, never a list.

use std::collections::BTreeMap;

use protocol::fingerprint::SoftwareKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{FindingCounts, Software, SoftwareItem};
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
        SoftwareItem {
            software,
            hosts,
            findings,
        }
    });
    Ok(items.collect())
}

async fn counts(
    tx: &mut PgConnection,
    company_key: i64,
    keys: &[Uuid],
) -> Result<BTreeMap<SoftwareKey, (u64, FindingCounts)>, StoreError> {
    // `NOT isfinite` leaves the planner the index by software alone, however old its statistics are.
    let rows = sqlx::query!(
        r#"SELECT k.software_key AS "software_key!",
                  (SELECT count(*) FROM installations i
                   WHERE i.company_key = $1 AND i.software_key = k.software_key
                     AND i.closed_at = 'infinity') AS "hosts!",
                  v.open AS "open!", v.critical AS "critical!", v.high AS "high!", v.kev AS "kev!"
           FROM UNNEST($2::uuid[]) AS k (software_key)
           CROSS JOIN LATERAL (
               SELECT count(*) AS open,
                      count(*) FILTER (WHERE c.cvss_severity = 'critical') AS critical,
                      count(*) FILTER (WHERE c.cvss_severity = 'high') AS high,
                      count(c.kev_added) AS kev
               FROM findings f LEFT JOIN cves c ON c.id = f.cve
               WHERE f.company_key = $1 AND f.software_key = k.software_key
                 AND NOT isfinite(f.resolved_at)
           ) v"#,
        company_key,
        keys
    )
    .fetch_all(tx)
    .await?;
    let counts = rows.into_iter().map(|row| {
        let findings = FindingCounts {
            open: row.open.unsigned_abs(),
            critical: row.critical.unsigned_abs(),
            high: row.high.unsigned_abs(),
            kev: row.kev.unsigned_abs(),
        };
        let key = SoftwareKey::from_uuid(row.software_key);
        (key, (row.hosts.unsigned_abs(), findings))
    });
    Ok(counts.collect())
}
