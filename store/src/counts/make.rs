//! Making the counts: one question for what differs, and short transactions that write it.
//!
//! While it is written others go on opening findings. They lock the rows of what they open, and so do these
//! transactions: whoever comes first is seen by the other. What a row says that others trust, that there is
//! nothing, is therefore asked once more with the row locked.

pub(super) mod cves;
pub(super) mod hosts;

use std::time::Duration;

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use self::cves::{cve_differences, write_cves};
use self::hosts::{host_differences, write_hosts};
use super::{admission, kept_at};
use crate::error::StoreError;
use crate::summary::by_kept_counts;
use crate::tenant::TenantScope;

/// Rows that are written in one transaction: whoever opens findings of the same software waits for it.
const ROWS_A_TIME: usize = 2_000;
/// Differences that are read at once.
pub(super) const DIFFERENCES_MAX: i64 = 200_000;
/// CVEs that are counted at once: each asks for the hosts of all software that has it.
const CVES_A_TIME: i64 = 1_000;
/// How long counting a company may take in all. What was written by then stays, and the next time goes on.
pub(crate) const COUNTED_WITHIN: Duration = Duration::from_secs(1_800);

/// What counting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Rows of software that were written.
    pub software: u64,
    /// Rows of CVEs that were written.
    pub cves: u64,
    /// Rows of hosts that were written.
    pub hosts: u64,
}

/// Counts a company as it is at `now`, within half an hour. `seconds` gives how long that has taken so far.
///
/// # Errors
///
/// When the database cannot be used or it takes too long; what was written before stays.
///
/// # Cancel safety
///
/// Dropped before it ends, some rows are newer than others; it may be done again.
pub async fn count(
    scope: &TenantScope,
    now: OffsetDateTime,
    seconds: impl Fn() -> f64,
) -> Result<Counted, StoreError> {
    let counting = count_by(scope, DIFFERENCES_MAX, now, seconds);
    tokio::time::timeout(COUNTED_WITHIN, counting).await.map_err(|_| StoreError::no_answer())?
}

/// The same with so many differences at once.
pub(super) async fn count_by(
    scope: &TenantScope,
    differences_max: i64,
    now: OffsetDateTime,
    seconds: impl Fn() -> f64,
) -> Result<Counted, StoreError> {
    begin(scope).await?;
    let mut counted = Counted::default();
    let is_all = |rows: u64| rows < differences_max.unsigned_abs();
    loop {
        let some = software_differences(scope, differences_max).await?;
        write_software(scope, &some).await?;
        let rows = some.len() as u64;
        counted.software += rows;
        if is_all(rows) {
            break;
        }
    }
    let mut after = Some(String::new());
    while let Some(place) = after {
        let some = cve_differences(scope, &place, differences_max.min(CVES_A_TIME)).await?;
        write_cves(scope, &some.differences).await?;
        counted.cves += some.differences.len() as u64;
        after = some.next;
    }
    // Last: it adds up what software has.
    loop {
        let some = host_differences(scope, differences_max).await?;
        write_hosts(scope, &some).await?;
        let rows = some.len() as u64;
        counted.hosts += rows;
        if is_all(rows) {
            break;
        }
    }
    end(scope, now, seconds()).await?;
    Ok(counted)
}

/// Before the first snapshot of a company that was never counted: says that what is new is to get its rows from
/// now on, and waits for those who are just writing and did not hear it.
pub(super) async fn begin(scope: &TenantScope) -> Result<(), StoreError> {
    let mut tx = scope.begin("counts.begin").await?;
    if kept_at(&mut tx, scope.key()).await?.is_some() {
        return Ok(tx.commit().await?);
    }
    sqlx::query!(
        "INSERT INTO company_counts (company_key, counted_at, seconds) VALUES ($1, '-infinity', 0)
         ON CONFLICT (company_key) DO NOTHING",
        scope.key()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut tx = scope.begin("counts.wait").await?;
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", admission(scope.key()))
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

/// Last: lists go by the counts from here on, and by now they are whole.
pub(super) async fn end(
    scope: &TenantScope,
    now: OffsetDateTime,
    seconds: f64,
) -> Result<(), StoreError> {
    let mut tx = scope.begin_long("counts.made", COUNTED_WITHIN).await?;
    let found = by_kept_counts(&mut tx, scope.key()).await?;
    // It is there, unless the company was erased meanwhile: then nothing is to come after it.
    sqlx::query!(
        "UPDATE company_counts SET counted_at = $2, hosts_counted_at = $2, seconds = $3,
             found_open = $4, found_critical = $5, found_high = $6, found_kev = $7,
             found_suppressed = $8, found_gone = $9
         WHERE company_key = $1",
        scope.key(),
        now,
        seconds,
        found.open,
        found.critical,
        found.high,
        found.kev,
        found.suppressed,
        found.gone
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// A row that is to be written; without `hosts` one that is to go.
#[derive(Debug, FromRow)]
pub(super) struct SoftwareDifference {
    software_key: Uuid,
    hosts: Option<i64>,
    open: Option<i64>,
    critical: Option<i64>,
    high: Option<i64>,
    kev: Option<i64>,
    suppressed: Option<i64>,
}

pub(super) async fn software_differences(
    scope: &TenantScope,
    limit: i64,
) -> Result<Vec<SoftwareDifference>, StoreError> {
    let mut tx = scope.begin_long("counts.software", COUNTED_WITHIN).await?;
    let rows = sqlx::query_as!(
        SoftwareDifference,
        r#"SELECT coalesce(n.software_key, k.software_key) AS "software_key!",
                  n.hosts, n.open, n.critical, n.high, n.kev, n.suppressed
           FROM (
               SELECT s.software_key, coalesce(i.hosts, 0) AS hosts, coalesce(f.open, 0) AS open,
                      coalesce(f.critical, 0) AS critical, coalesce(f.high, 0) AS high,
                      coalesce(f.kev, 0) AS kev, coalesce(f.suppressed, 0) AS suppressed
               FROM software s
               LEFT JOIN (
                   SELECT i.software_key, count(*) AS hosts FROM installations i
                   WHERE i.company_key = $1 AND i.closed_at = 'infinity' GROUP BY i.software_key
               ) i ON i.software_key = s.software_key
               LEFT JOIN (
                   SELECT f.software_key, count(*) FILTER (WHERE f.exception IS NULL) AS open,
                          count(*) FILTER (WHERE f.exception IS NULL
                                             AND c.cvss_severity = 'critical') AS critical,
                          count(*) FILTER (WHERE f.exception IS NULL
                                             AND c.cvss_severity = 'high') AS high,
                          count(c.kev_added) FILTER (WHERE f.exception IS NULL) AS kev,
                          count(f.exception) AS suppressed
                   FROM findings f LEFT JOIN cves c ON c.id = f.cve
                   WHERE f.company_key = $1 AND f.resolved_at = 'infinity'
                   GROUP BY f.software_key
               ) f ON f.software_key = s.software_key
               WHERE s.company_key = $1
           ) n
           FULL JOIN (SELECT * FROM software_counts WHERE company_key = $1) k
               ON k.software_key = n.software_key
           WHERE (n.hosts, n.open, n.critical, n.high, n.kev, n.suppressed) IS DISTINCT FROM
                 (k.hosts, k.open, k.critical, k.high, k.kev, k.suppressed)
           ORDER BY 1 LIMIT $2"#,
        scope.key(),
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows)
}

pub(super) async fn write_software(
    scope: &TenantScope,
    differences: &[SoftwareDifference],
) -> Result<(), StoreError> {
    let (kept, gone): (Vec<_>, Vec<_>) = differences.iter().partition(|row| row.hosts.is_some());
    for some in gone.chunks(ROWS_A_TIME) {
        let mut tx = scope.begin_by_key("counts.forget_software").await?;
        let keys: Vec<Uuid> = some.iter().map(|row| row.software_key).collect();
        sqlx::query!(
            "DELETE FROM software_counts k WHERE k.company_key = $1 AND k.software_key = ANY($2)
               AND NOT EXISTS (SELECT FROM software s
                               WHERE s.company_key = $1 AND s.software_key = k.software_key)",
            scope.key(),
            &keys
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
    }
    for some in kept.chunks(ROWS_A_TIME) {
        keep_software(scope, some).await?;
    }
    Ok(())
}

async fn keep_software(
    scope: &TenantScope,
    kept: &[&SoftwareDifference],
) -> Result<(), StoreError> {
    let column = |of: fn(&SoftwareDifference) -> Option<i64>| -> Vec<i64> {
        kept.iter().map(|row| of(row).unwrap_or_default()).collect()
    };
    let keys: Vec<Uuid> = kept.iter().map(|row| row.software_key).collect();
    let mut tx = scope.begin_by_key("counts.write_software").await?;
    sqlx::query!(
        "INSERT INTO software_counts
             (company_key, software_key, hosts, open, critical, high, kev, suppressed)
         SELECT $1, r.software_key, r.hosts, r.open, r.critical, r.high, r.kev, r.suppressed
         FROM UNNEST($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::bigint[])
              AS r (software_key, hosts, open, critical, high, kev, suppressed)
         ON CONFLICT (company_key, software_key) DO UPDATE
         SET hosts = excluded.hosts, open = excluded.open, critical = excluded.critical,
             high = excluded.high, kev = excluded.kev, suppressed = excluded.suppressed",
        scope.key(),
        &keys,
        &column(|row| row.hosts),
        &column(|row| row.open),
        &column(|row| row.critical),
        &column(|row| row.high),
        &column(|row| row.kev),
        &column(|row| row.suppressed)
    )
    .execute(&mut *tx)
    .await?;
    // With the rows locked, and in a statement of its own, which sees who held them before.
    let clean: Vec<Uuid> = kept
        .iter()
        .filter(|row| row.open == Some(0) && row.suppressed == Some(0))
        .map(|row| row.software_key)
        .collect();
    sqlx::query!(
        "UPDATE software_counts k SET open = 1
         WHERE k.company_key = $1 AND k.software_key = ANY($2)
           AND EXISTS (SELECT FROM findings f WHERE f.company_key = $1
                         AND f.software_key = k.software_key AND NOT isfinite(f.resolved_at))",
        scope.key(),
        &clean
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}
