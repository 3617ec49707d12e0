//! Counting CVEs: some at a time, in their order.

use sqlx::FromRow;

use super::{COUNTED_WITHIN, ROWS_A_TIME};
use crate::counts::push_ranks;
use crate::error::StoreError;
use crate::page::within;
use crate::tenant::TenantScope;

/// A row that is to be written; without `hosts` one that is to go.
#[derive(Debug, FromRow)]
pub(in crate::counts) struct CveDifference {
    cve: String,
    hosts: Option<i64>,
    severity: Option<i64>,
    epss: Option<i64>,
    kev: Option<i64>,
    published: Option<i64>,
    cvss_severity: Option<String>,
}

/// What differs among some CVEs, and after which the next ones come.
#[derive(Debug)]
pub(in crate::counts) struct CveDifferences {
    pub(in crate::counts) differences: Vec<CveDifference>,
    pub(in crate::counts) next: Option<String>,
}

/// Hosts are counted once for all CVEs that the same software has, as a kernel has hundreds; one after the
/// other, because sorting every host of every finding at once takes a disk.
const COUNTED: &str = "WITH found AS MATERIALIZED (
    SELECT f.cve, coalesce(array_agg(DISTINCT f.software_key) FILTER (WHERE f.exception IS NULL), '{}')
               AS keys
    FROM findings f
    WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.cve = ANY($2)
    GROUP BY f.cve
), counted AS MATERIALIZED (
    SELECT a.keys, (SELECT count(*) FROM (
               SELECT DISTINCT i.agent_key FROM installations i
               WHERE i.company_key = $1 AND i.software_key = ANY(a.keys)
                 AND i.closed_at = 'infinity') one) AS hosts
    FROM (SELECT DISTINCT keys FROM found) a
)
SELECT coalesce(n.cve, k.cve) AS cve, n.hosts, n.severity, n.epss, n.kev, n.published, n.cvss_severity
FROM (SELECT found.cve, counted.hosts, ";

const NOW: &str = " FROM found JOIN counted ON counted.keys = found.keys
    LEFT JOIN cves c ON c.id = found.cve
) n FULL JOIN (SELECT * FROM cve_counts WHERE company_key = $1 AND cve = ANY($2)) k ON k.cve = n.cve
WHERE (n.hosts, n.severity, n.epss, n.kev, n.published, n.cvss_severity) IS DISTINCT FROM
      (k.hosts, k.severity, k.epss, k.kev, k.published, k.cvss_severity)
ORDER BY 1";

/// What differs among the CVEs that come after one, `limit` of them at most.
pub(in crate::counts) async fn cve_differences(
    scope: &TenantScope,
    after: &str,
    limit: i64,
) -> Result<CveDifferences, StoreError> {
    let mut tx = scope.begin_long("counts.cves", COUNTED_WITHIN).await?;
    let mut cves = sqlx::query_scalar!(
        r#"SELECT u.cve AS "cve!" FROM (
               (SELECT DISTINCT f.cve FROM findings f
                WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.cve > $2
                ORDER BY f.cve LIMIT $3)
               UNION
               (SELECT k.cve FROM cve_counts k WHERE k.company_key = $1 AND k.cve > $2
                ORDER BY k.cve LIMIT $3)
           ) u ORDER BY u.cve LIMIT $3"#,
        scope.key(),
        after,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut query = within(scope, COUNTED)?;
    push_ranks(&mut query);
    query.push(NOW);
    let differences = query.build_query_as().bind(&cves).fetch_all(&mut *tx).await?;
    tx.commit().await?;
    let is_all = (cves.len() as u64) < limit.unsigned_abs();
    Ok(CveDifferences { differences, next: cves.pop().filter(|_| !is_all) })
}

pub(in crate::counts) async fn write_cves(
    scope: &TenantScope,
    differences: &[CveDifference],
) -> Result<(), StoreError> {
    let (kept, gone): (Vec<_>, Vec<_>) = differences.iter().partition(|row| row.hosts.is_some());
    for some in gone.chunks(ROWS_A_TIME) {
        let cves: Vec<String> = some.iter().map(|row| row.cve.clone()).collect();
        forget_cves(scope, &cves).await?;
    }
    for some in kept.chunks(ROWS_A_TIME) {
        keep_cves(scope, some).await?;
    }
    Ok(())
}

/// Takes the rows of CVEs away that no finding has any more. What was opened since the snapshot keeps its row.
async fn forget_cves(scope: &TenantScope, cves: &[String]) -> Result<(), StoreError> {
    let mut tx = scope.begin_by_key("counts.forget_cves").await?;
    // First and for itself: whoever opens findings of them is waited for here, and seen below.
    sqlx::query!(
        "SELECT cve FROM cve_counts WHERE company_key = $1 AND cve = ANY($2)
         ORDER BY cve FOR UPDATE",
        scope.key(),
        cves
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM cve_counts k WHERE k.company_key = $1 AND k.cve = ANY($2)
           AND NOT EXISTS (SELECT FROM findings f WHERE f.company_key = $1 AND f.cve = k.cve
                             AND f.resolved_at = 'infinity')",
        scope.key(),
        cves
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

async fn keep_cves(scope: &TenantScope, kept: &[&CveDifference]) -> Result<(), StoreError> {
    let column = |of: fn(&CveDifference) -> Option<i64>| -> Vec<i64> {
        kept.iter().map(|row| of(row).unwrap_or_default()).collect()
    };
    let cves: Vec<String> = kept.iter().map(|row| row.cve.clone()).collect();
    let severities: Vec<String> =
        kept.iter().map(|row| row.cvss_severity.clone().unwrap_or_default()).collect();
    let mut tx = scope.begin_by_key("counts.write_cves").await?;
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
    Ok(tx.commit().await?)
}
