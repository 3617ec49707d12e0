//! Names in small letters, beside the names themselves, which lists by name are ordered by (decision 60).
//!
//! Whoever writes a name writes it here as well. Rows of a release that did not are filled in steps, and until a
//! company's are, its lists go by the names themselves: the same rows in the same order, so that a page goes on where the
//! one before it ended whichever of the two that was by, only that each page reads and sorts the whole list.

use sqlx::{PgConnection, Postgres, QueryBuilder};

use crate::error::StoreError;
use crate::page::containing;
use crate::tenant::TenantScope;

/// Rows that are filled in one transaction.
const ROWS_A_TIME: i64 = 1_000;

/// Whether all hosts of a company have theirs.
pub(crate) async fn of_hosts(tx: &mut PgConnection, company_key: i64) -> Result<bool, StoreError> {
    let is_filled = sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM agents
               WHERE company_key = $1 AND hostname_low IS NULL AND key > 0) AS "is_filled!""#,
        company_key
    );
    Ok(is_filled.fetch_one(tx).await?)
}

/// Whether all software of a company has its own.
pub(crate) async fn of_software(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<bool, StoreError> {
    let is_filled = sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM software
               WHERE company_key = $1 AND name_low IS NULL AND source <> '') AS "is_filled!""#,
        company_key
    );
    Ok(is_filled.fetch_one(tx).await?)
}

/// ` AND` that the name or the vendor of software contains a text. `is_low`: all has its name in small letters, which
/// is compared in a fraction of the time, and stands in an index with the vendor: nothing else is read to find names.
pub(crate) fn push_contains(query: &mut QueryBuilder<Postgres>, text: &str, is_low: bool) {
    query.push(" AND (");
    push_name_contains(query, text, is_low);
    // `ILIKE` would make the pattern small for each row as well.
    query.push(" OR lower(vendor) LIKE lower(").push_bind(containing(text)).push("))");
}

/// That the name of software contains a text.
pub(crate) fn push_name_contains(query: &mut QueryBuilder<Postgres>, text: &str, is_low: bool) {
    if is_low {
        query.push("name_low LIKE lower(").push_bind(containing(text)).push(")");
    } else {
        query.push("name ILIKE ").push_bind(containing(text));
    }
}

/// Fills in what rows of a release before this one lack, some at a time; how many they were. Rows that somebody
/// else is writing are passed over: the next time has them.
///
/// # Errors
///
/// When the database cannot be used; what was filled before stays.
pub async fn fill(scope: &TenantScope) -> Result<u64, StoreError> {
    let mut filled = 0;
    loop {
        let some = fill_hosts(scope).await? + fill_software(scope).await?;
        if some == 0 {
            return Ok(filled);
        }
        filled += some;
    }
}

async fn fill_hosts(scope: &TenantScope) -> Result<u64, StoreError> {
    let mut tx = scope.begin("names.fill_hosts").await?;
    let done = sqlx::query!(
        "UPDATE agents SET hostname_low = lower(hostname)
         WHERE company_key = $1 AND key IN (
             SELECT key FROM agents WHERE company_key = $1 AND hostname_low IS NULL AND key > 0
             LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)",
        scope.key(),
        ROWS_A_TIME
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

async fn fill_software(scope: &TenantScope) -> Result<u64, StoreError> {
    let mut tx = scope.begin("names.fill_software").await?;
    let done = sqlx::query!(
        "UPDATE software SET name_low = lower(name)
         WHERE company_key = $1 AND software_key IN (
             SELECT software_key FROM software
             WHERE company_key = $1 AND name_low IS NULL AND source <> ''
             LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)",
        scope.key(),
        ROWS_A_TIME
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests;
