//! Counts that are kept of large companies, because their lists are ordered by them (decision 46).
//!
//! A job counts in one snapshot and writes what differs. Inventories and judgements write no number here:
//! all of a company's hosts would wait for the row of its most common software. They only see to it that
//! what is new has a row, so that no list lacks it; the numbers are some minutes old at most. They do so from the
//! moment that a company's first count begins: lists go by the rows once that one is over.
//! Hosts need no row to be seen: what has none stands behind those that have one.
//! Small companies have none of this, and are counted when they ask.

mod due;
mod make;

use sqlx::{PgConnection, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::due::is_due;
pub(crate) use self::make::COUNTED_WITHIN;
pub use self::make::{Counted, count};
use crate::cves::{BY_EPSS, BY_KEV, BY_PUBLISHED, BY_SEVERITY};
use crate::error::StoreError;

/// From so many on the kept number of hosts and findings of a piece of software, and of hosts of a CVE, is shown;
/// fewer are counted when asked, which is of this moment and costs little.
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

/// Of which moment the company's counts are; `None` for a company that is counted when it is asked, also while
/// its first count is being made.
pub(crate) async fn kept_at(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let at = sqlx::query_scalar!(
        "SELECT counted_at FROM company_counts WHERE company_key = $1 AND isfinite(counted_at)",
        company_key
    );
    Ok(at.fetch_optional(tx).await?)
}

/// Of which moment the counts of the company's hosts are; `None` for a company whose hosts are counted when they are
/// asked for, also one that only a release without such counts has counted.
pub(crate) async fn hosts_kept_at(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let at = sqlx::query_scalar!(
        "SELECT hosts_counted_at FROM company_counts
         WHERE company_key = $1 AND isfinite(counted_at)",
        company_key
    );
    Ok(at.fetch_optional(tx).await?.flatten())
}

/// What whoever writes something new in a company holds together, and the first count of it alone for a moment.
/// The number is nobody else's: the upper half says what for, the lower one is the company's.
const fn admission(company_key: i64) -> i64 {
    0x6d75_7374_0000_0000_i64.wrapping_add(company_key)
}

/// Whether what is new in the company gets its rows here. Asked behind the writing of it.
async fn admits(tx: &mut PgConnection, company_key: i64) -> Result<bool, StoreError> {
    if is_begun(tx, company_key).await? {
        return Ok(true);
    }
    // The first count says that it begins, and then waits for all who hold this: none of them is still
    // writing what it does not see.
    sqlx::query!("SELECT pg_advisory_xact_lock_shared($1)", admission(company_key))
        .execute(&mut *tx)
        .await?;
    // A statement of its own, which sees what was said while the one before waited.
    is_begun(tx, company_key).await
}

async fn is_begun(tx: &mut PgConnection, company_key: i64) -> Result<bool, StoreError> {
    let is_begun = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM company_counts WHERE company_key = $1) AS "is_begun!""#,
        company_key
    );
    Ok(is_begun.fetch_one(tx).await?)
}

/// Gives software that is new to the company its rows, where the company's are kept. `written` is in the order of
/// the keys.
pub(crate) async fn admit_software(
    tx: &mut PgConnection,
    company_key: i64,
    written: &[Uuid],
) -> Result<(), StoreError> {
    if written.is_empty() || !admits(tx, company_key).await? {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO software_counts (company_key, software_key)
         SELECT $1, r.software_key FROM UNNEST($2::uuid[]) AS r (software_key)
         ON CONFLICT (company_key, software_key) DO NOTHING",
        company_key,
        written
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives software and CVEs of findings that are being opened their rows, where the company's are kept.
/// What is new comes last in an order by number until it is counted, and is not missing.
pub(crate) async fn admit(
    tx: &mut PgConnection,
    company_key: i64,
    software: &[Uuid],
    cves: &[String],
) -> Result<(), StoreError> {
    if software.is_empty() || !admits(tx, company_key).await? {
        return Ok(());
    }
    // In one order everywhere: two transactions that bring the same would wait for each other in a circle.
    let mut software = software.to_vec();
    software.sort_unstable();
    software.dedup();
    // Its own row is locked by whoever judges it, so nobody waits here but for a count, which waits for this
    // in turn: rows that exist are locked as well.
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
    let mut cves = cves.to_vec();
    cves.sort_unstable();
    cves.dedup();
    let wanted = i64::try_from(cves.len()).unwrap_or(i64::MAX);
    // Again where a count took one away between the two.
    loop {
        insert_cves(tx, company_key, &cves).await?;
        if hold_cves(tx, company_key, &cves).await? >= wanted {
            return Ok(());
        }
    }
}

async fn insert_cves(
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

/// Keeps the rows of CVEs from being taken away until the transaction's end; how many there are. Others may hold
/// them as well: one CVE is found in many pieces of software.
async fn hold_cves(
    tx: &mut PgConnection,
    company_key: i64,
    cves: &[String],
) -> Result<i64, StoreError> {
    let held = sqlx::query_scalar!(
        r#"SELECT count(*) AS "held!" FROM (
             SELECT cve FROM cve_counts WHERE company_key = $1 AND cve = ANY($2)
             ORDER BY cve FOR KEY SHARE) k"#,
        company_key,
        cves
    );
    Ok(held.fetch_one(tx).await?)
}

#[cfg(test)]
mod tests;
