//! Recording a day: some CVEs at a time, in their order, each time one statement that writes what changed.
//!
//! It may be done as often as one likes: a day has one row of a CVE at most, which says what was found last.
//! The numbers of large companies are those of the counts that are kept of them (decision 46); a CVE that is so
//! new that it was not counted yet is recorded by the next one.

use std::time::Duration;

use sqlx::PgConnection;
use time::{Date, OffsetDateTime};

use super::day_of;
use crate::counts::kept_at;
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// CVEs that are recorded in one transaction.
const CVES_A_TIME: i64 = 1_000;
/// How long recording a company may take in all. What was written by then stays, and is written once.
pub(crate) const RECORDED_WITHIN: Duration = Duration::from_secs(1_800);

/// Records on how many hosts each CVE is, within half an hour; gives how many rows that took.
///
/// # Errors
///
/// When the database cannot be used, or it takes too long; what was written before stays.
///
/// # Cancel safety
///
/// Dropped before it ends, some CVEs are recorded and some are not; it may be done again.
pub async fn record(scope: &TenantScope, now: OffsetDateTime) -> Result<u64, StoreError> {
    let recording = record_by(scope, CVES_A_TIME, day_of(now));
    // Whoever erases the company counts on an end.
    tokio::time::timeout(RECORDED_WITHIN, recording).await.map_err(|_| StoreError::no_answer())?
}

/// The same with so many CVEs at a time.
pub(super) async fn record_by(
    scope: &TenantScope,
    cves_a_time: i64,
    day: Date,
) -> Result<u64, StoreError> {
    let mut written = 0;
    let mut after = Some(String::new());
    while let Some(place) = after {
        let mut tx = scope.begin_by_key("cve_history.record").await?;
        let is_kept = kept_at(&mut tx, scope.key()).await?.is_some();
        let mut cves = next(&mut tx, scope.key(), &place, cves_a_time, is_kept).await?;
        written += if is_kept {
            write_kept(&mut tx, scope.key(), &cves, day).await?
        } else {
            write_counted(&mut tx, scope.key(), &cves, day).await?
        };
        tx.commit().await?;
        let is_all = (cves.len() as u64) < cves_a_time.unsigned_abs();
        after = cves.pop().filter(|_| !is_all);
    }
    begun(scope, day).await?;
    Ok(written)
}

/// The CVEs after one that the company has, or had once: what has gone is recorded as well.
async fn next(
    tx: &mut PgConnection,
    company_key: i64,
    after: &str,
    limit: i64,
    is_kept: bool,
) -> Result<Vec<String>, StoreError> {
    let cves = sqlx::query_scalar!(
        // From one CVE to the next along the key, past the days of each: they are many more.
        r#"WITH RECURSIVE told AS (
               (SELECT h.cve, 1::bigint AS place FROM cve_history h
                WHERE h.company_key = $1 AND h.cve > $2 ORDER BY h.cve LIMIT 1)
               UNION ALL
               SELECT (SELECT h.cve FROM cve_history h
                       WHERE h.company_key = $1 AND h.cve > t.cve ORDER BY h.cve LIMIT 1),
                      t.place + 1
               FROM told t WHERE t.cve IS NOT NULL AND t.place < $3
           )
           SELECT u.cve AS "cve!" FROM (
               (SELECT k.cve FROM cve_counts k
                WHERE k.company_key = $1 AND k.cve > $2 AND $4::bool ORDER BY k.cve LIMIT $3)
               UNION
               (SELECT DISTINCT f.cve FROM findings f
                WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.cve > $2
                  AND NOT $4::bool ORDER BY f.cve LIMIT $3)
               UNION
               (SELECT t.cve FROM told t WHERE t.cve IS NOT NULL)
           ) u ORDER BY u.cve LIMIT $3"#,
        company_key,
        after,
        limit,
        is_kept
    )
    .fetch_all(tx)
    .await?;
    Ok(cves)
}

/// Writes what changed, by the counts that are kept.
async fn write_kept(
    tx: &mut PgConnection,
    company_key: i64,
    cves: &[String],
    day: Date,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO cve_history (company_key, cve, day, hosts)
         SELECT $1, n.cve, $3, n.hosts
         FROM (SELECT p.cve, coalesce(k.hosts, 0) AS hosts,
                      (SELECT h.hosts FROM cve_history h
                       WHERE h.company_key = $1 AND h.cve = p.cve AND h.day <= $3
                       ORDER BY h.day DESC LIMIT 1) AS before
               FROM UNNEST($2::text[]) AS p (cve)
               LEFT JOIN cve_counts k ON k.company_key = $1 AND k.cve = p.cve) n
         WHERE n.hosts <> coalesce(n.before, 0)
         ORDER BY n.cve
         ON CONFLICT (company_key, cve, day) DO UPDATE SET hosts = excluded.hosts",
        company_key,
        cves,
        day
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Writes what changed, counted now as the list of CVEs counts, once for all that the same software has.
async fn write_counted(
    tx: &mut PgConnection,
    company_key: i64,
    cves: &[String],
    day: Date,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO cve_history (company_key, cve, day, hosts)
         WITH found AS MATERIALIZED (
             SELECT f.cve, array_agg(DISTINCT f.software_key) AS keys
             FROM findings f
             WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.exception IS NULL
               AND f.cve = ANY($2)
             GROUP BY f.cve
         ), counted AS MATERIALIZED (
             SELECT a.keys, (SELECT count(*) FROM (
                        SELECT DISTINCT i.agent_key FROM installations i
                        WHERE i.company_key = $1 AND i.software_key = ANY(a.keys)
                          AND i.closed_at = 'infinity') one) AS hosts
             FROM (SELECT DISTINCT keys FROM found) a
         )
         SELECT $1, n.cve, $3, n.hosts
         FROM (SELECT p.cve, coalesce(c.hosts, 0) AS hosts,
                      (SELECT h.hosts FROM cve_history h
                       WHERE h.company_key = $1 AND h.cve = p.cve AND h.day <= $3
                       ORDER BY h.day DESC LIMIT 1) AS before
               FROM UNNEST($2::text[]) AS p (cve)
               LEFT JOIN found ON found.cve = p.cve
               LEFT JOIN counted c ON c.keys = found.keys) n
         WHERE n.hosts <> coalesce(n.before, 0)
         ORDER BY n.cve
         ON CONFLICT (company_key, cve, day) DO UPDATE SET hosts = excluded.hosts",
        company_key,
        cves,
        day
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Says once since when the company's CVEs are recorded, after all of them were.
async fn begun(scope: &TenantScope, day: Date) -> Result<(), StoreError> {
    let mut tx = scope.begin("cve_history.begun").await?;
    sqlx::query!(
        "UPDATE companies SET cves_recorded_since = $2
         WHERE key = $1 AND cves_recorded_since IS NULL",
        scope.key(),
        day
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}
