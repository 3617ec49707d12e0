//! Counts that are kept of large companies, because their lists are ordered by them (decision 46).
//!
//! A job counts in one snapshot and writes what differs. Inventories and judgements write no number here:
//! all of a company's hosts would wait for the row of its most common software. They only see to it that
//! what is found has a row, so that no list lacks it; the numbers are some minutes old at most.
//! Small companies have none of this, and are counted when they ask.

mod due;
mod make;

use sqlx::{PgConnection, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::due::is_due;
pub use self::make::{Counted, count};
use crate::cves::{BY_EPSS, BY_KEV, BY_PUBLISHED, BY_SEVERITY};
use crate::error::StoreError;

/// From so many hosts or findings on a piece of software's kept number is shown; fewer are counted when
/// asked, which is of this moment and costs little.
pub(crate) const KEPT_FROM: i64 = 100;

/// How many hosts have the software of a row `f`, now.
pub(crate) const HOSTS_OF_SOFTWARE: &str = "coalesce(
    (SELECT n.hosts FROM software_counts n WHERE n.company_key = $1
       AND n.software_key = f.software_key AND n.hosts >= 100),
    (SELECT count(*) FROM installations i WHERE i.company_key = $1
       AND i.software_key = f.software_key AND i.closed_at = 'infinity'))";

/// What orders a CVE of a table `cves c`, in the order of `cve_counts`.
fn push_ranks(query: &mut QueryBuilder<sqlx::Postgres>) {
    for (rank, name) in
        [(BY_SEVERITY, "severity"), (BY_EPSS, "epss"), (BY_KEV, "kev"), (BY_PUBLISHED, "published")]
    {
        query.push(rank).push(" AS ").push(name).push(", ");
    }
    query.push("coalesce(cvss_severity, 'unknown') AS cvss_severity");
}

/// Of which moment the company's counts are; `None` for a company that is counted when it is asked.
pub(crate) async fn kept_at(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let at = sqlx::query_scalar!(
        "SELECT counted_at FROM company_counts WHERE company_key = $1",
        company_key
    );
    Ok(at.fetch_optional(tx).await?)
}

/// Gives software and CVEs of findings that are being opened their rows, where the company's are kept.
/// What is new comes last in an order by number until it is counted, and is not missing.
pub(crate) async fn admit(
    tx: &mut PgConnection,
    company_key: i64,
    software: &[Uuid],
    cves: &[String],
) -> Result<(), StoreError> {
    if software.is_empty() || kept_at(tx, company_key).await?.is_none() {
        return Ok(());
    }
    // In one order everywhere: two transactions that bring the same would wait for each other in a circle.
    let mut software = software.to_vec();
    software.sort_unstable();
    software.dedup();
    // Its own row is locked by whoever judges it, so nobody waits here.
    sqlx::query!(
        "INSERT INTO software_counts (company_key, software_key, open)
         SELECT $1, r.software_key, 1 FROM UNNEST($2::uuid[]) AS r (software_key)
         ON CONFLICT (company_key, software_key) DO UPDATE SET open = 1
         WHERE software_counts.open + software_counts.suppressed = 0",
        company_key,
        &software
    )
    .execute(&mut *tx)
    .await?;
    admit_cves(tx, company_key, cves).await
}

async fn admit_cves(
    tx: &mut PgConnection,
    company_key: i64,
    cves: &[String],
) -> Result<(), StoreError> {
    let mut query = crate::page::within_key(
        company_key,
        "INSERT INTO cve_counts (company_key, cve, severity, epss, kev, published, cvss_severity)
         SELECT $1, r.cve, ",
    )?;
    push_ranks(&mut query);
    query.push(" FROM (SELECT DISTINCT cve FROM UNNEST(").push_bind(cves);
    query.push(
        "::text[]) AS u (cve)) r LEFT JOIN cves c ON c.id = r.cve ORDER BY r.cve
         ON CONFLICT (company_key, cve) DO NOTHING",
    );
    query.build().execute(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
