//! Making the counts: one question for what differs, and short transactions that write it.

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::push_ranks;
use crate::error::StoreError;
use crate::page::within;
use crate::tenant::TenantScope;

/// Rows that are written in one transaction: whoever opens findings of the same software waits for it.
const ROWS_A_TIME: usize = 2_000;
/// Differences that are read at once. What is left over is found the next time.
const DIFFERENCES_MAX: i64 = 200_000;

/// What counting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Pieces of software whose row was written.
    pub software: u64,
    /// CVEs whose row was written.
    pub cves: u64,
}

/// Counts a company as it is at `now`. `seconds` gives how long that has taken so far.
///
/// # Errors
///
/// When the database cannot be used; what was written before stays.
///
/// # Cancel safety
///
/// Dropped before it ends, some rows are newer than others; it may be done again.
pub async fn count(
    scope: &TenantScope,
    now: OffsetDateTime,
    seconds: impl Fn() -> f64,
) -> Result<Counted, StoreError> {
    let software = software_differences(scope).await?;
    for some in software.chunks(ROWS_A_TIME) {
        write_software(scope, some).await?;
    }
    let cves = cve_differences(scope).await?;
    for some in cves.chunks(ROWS_A_TIME) {
        write_cves(scope, some).await?;
    }
    // Last: lists go by the counts once this row is there, and by then they are whole.
    let mut tx = scope.begin("counts.made").await?;
    sqlx::query!(
        "INSERT INTO company_counts (company_key, counted_at, seconds) VALUES ($1, $2, $3)
         ON CONFLICT (company_key) DO UPDATE
         SET counted_at = excluded.counted_at, seconds = excluded.seconds",
        scope.key(),
        now,
        seconds()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    Ok(Counted { software: number(software.len()), cves: number(cves.len()) })
}

/// A row that is to be written; without `hosts` one that is to go.
#[derive(Debug, FromRow)]
struct SoftwareDifference {
    software_key: Uuid,
    hosts: Option<i64>,
    open: Option<i64>,
    critical: Option<i64>,
    high: Option<i64>,
    kev: Option<i64>,
    suppressed: Option<i64>,
}

async fn software_differences(scope: &TenantScope) -> Result<Vec<SoftwareDifference>, StoreError> {
    let mut tx = scope.begin("counts.software").await?;
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
        DIFFERENCES_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows)
}

async fn write_software(
    scope: &TenantScope,
    differences: &[SoftwareDifference],
) -> Result<(), StoreError> {
    let gone: Vec<Uuid> =
        differences.iter().filter(|row| row.hosts.is_none()).map(|row| row.software_key).collect();
    let kept: Vec<&SoftwareDifference> =
        differences.iter().filter(|row| row.hosts.is_some()).collect();
    let column = |of: fn(&SoftwareDifference) -> Option<i64>| -> Vec<i64> {
        kept.iter().map(|row| of(row).unwrap_or_default()).collect()
    };
    let keys: Vec<Uuid> = kept.iter().map(|row| row.software_key).collect();
    let mut tx = scope.begin_by_key("counts.write_software").await?;
    sqlx::query!(
        "DELETE FROM software_counts WHERE company_key = $1 AND software_key = ANY($2)",
        scope.key(),
        &gone
    )
    .execute(&mut *tx)
    .await?;
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
    tx.commit().await?;
    Ok(())
}

/// A row that is to be written; without `hosts` one that is to go.
#[derive(Debug, FromRow)]
struct CveDifference {
    cve: String,
    hosts: Option<i64>,
    severity: Option<i64>,
    epss: Option<i64>,
    kev: Option<i64>,
    published: Option<i64>,
    cvss_severity: Option<String>,
}

/// Hosts are counted CVE by CVE: sorting every host of every finding at once takes a disk.
const NOW: &str = " FROM (
        SELECT DISTINCT cve FROM findings WHERE company_key = $1 AND resolved_at = 'infinity'
    ) found LEFT JOIN cves c ON c.id = found.cve
) n FULL JOIN (SELECT * FROM cve_counts WHERE company_key = $1) k ON k.cve = n.cve
WHERE (n.hosts, n.severity, n.epss, n.kev, n.published, n.cvss_severity) IS DISTINCT FROM
      (k.hosts, k.severity, k.epss, k.kev, k.published, k.cvss_severity)
ORDER BY 1 LIMIT ";

async fn cve_differences(scope: &TenantScope) -> Result<Vec<CveDifference>, StoreError> {
    let mut query = within(
        scope,
        "SELECT coalesce(n.cve, k.cve) AS cve, n.hosts, n.severity, n.epss, n.kev, n.published,
                n.cvss_severity
         FROM (
             SELECT found.cve,
                    (SELECT count(DISTINCT i.agent_key) FROM findings f JOIN installations i
                         ON i.company_key = $1 AND i.software_key = f.software_key
                        AND i.closed_at = 'infinity'
                     WHERE f.company_key = $1 AND f.cve = found.cve
                       AND f.resolved_at = 'infinity' AND f.exception IS NULL) AS hosts, ",
    )?;
    push_ranks(&mut query);
    query.push(NOW).push_bind(DIFFERENCES_MAX);
    let mut tx = scope.begin("counts.cves").await?;
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(rows)
}

async fn write_cves(scope: &TenantScope, differences: &[CveDifference]) -> Result<(), StoreError> {
    let gone: Vec<String> =
        differences.iter().filter(|row| row.hosts.is_none()).map(|row| row.cve.clone()).collect();
    let kept: Vec<&CveDifference> = differences.iter().filter(|row| row.hosts.is_some()).collect();
    let column = |of: fn(&CveDifference) -> Option<i64>| -> Vec<i64> {
        kept.iter().map(|row| of(row).unwrap_or_default()).collect()
    };
    let cves: Vec<String> = kept.iter().map(|row| row.cve.clone()).collect();
    let severities: Vec<String> =
        kept.iter().map(|row| row.cvss_severity.clone().unwrap_or_default()).collect();
    let mut tx = scope.begin_by_key("counts.write_cves").await?;
    sqlx::query!(
        // What was opened since the snapshot has its row by now, and keeps it.
        "DELETE FROM cve_counts k WHERE k.company_key = $1 AND k.cve = ANY($2)
           AND NOT EXISTS (SELECT FROM findings f WHERE f.company_key = $1 AND f.cve = k.cve
                             AND f.resolved_at = 'infinity')",
        scope.key(),
        &gone
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO cve_counts
             (company_key, cve, hosts, severity, epss, kev, published, cvss_severity)
         SELECT $1, r.cve, r.hosts, r.severity, r.epss, r.kev, r.published, r.cvss_severity
         FROM UNNEST($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::text[])
              AS r (cve, hosts, severity, epss, kev, published, cvss_severity)
         ON CONFLICT (company_key, cve) DO UPDATE
         SET hosts = excluded.hosts, severity = excluded.severity, epss = excluded.epss,
             kev = excluded.kev, published = excluded.published,
             cvss_severity = excluded.cvss_severity",
        scope.key(),
        &cves,
        &column(|row| row.hosts),
        &column(|row| row.severity),
        &column(|row| row.epss),
        &column(|row| row.kev),
        &column(|row| row.published),
        &severities
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
