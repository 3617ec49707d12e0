//! How many hosts had the software of a page's findings at an instant of the past.

use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Finding;
use crate::error::StoreError;

/// Counts the hosts of a page's findings, as they were.
///
/// No index is of the past: all that the company had is passed for it, once for the whole page. Counted for each
/// finding it would be passed a hundred times.
pub(super) async fn count_hosts(
    tx: &mut PgConnection,
    company_key: i64,
    findings: &mut [Finding],
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    let keys: BTreeSet<Uuid> = findings.iter().map(|one| one.software.to_uuid()).collect();
    let keys: Vec<Uuid> = keys.into_iter().collect();
    if keys.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"SELECT i.software_key, count(*) AS "hosts!" FROM installations i
           WHERE i.company_key = $1 AND i.software_key = ANY($2)
             AND i.opened_at <= $3 AND i.closed_at > $3
           GROUP BY i.software_key"#,
        company_key,
        &keys,
        at
    )
    .fetch_all(tx)
    .await?;
    let hosts: BTreeMap<Uuid, u64> =
        rows.into_iter().map(|row| (row.software_key, row.hosts.unsigned_abs())).collect();
    for finding in findings {
        finding.hosts = hosts.get(&finding.software.to_uuid()).copied().unwrap_or_default();
    }
    Ok(())
}
