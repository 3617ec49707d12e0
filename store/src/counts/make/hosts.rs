//! Counting hosts: what their software has, added up at once for all of them. Nothing is asked for each host.

use sqlx::FromRow;
use uuid::Uuid;

use super::{COUNTED_WITHIN, ROWS_A_TIME};
use crate::error::StoreError;
use crate::hosts::{NumbersFrom, push_numbers};
use crate::page::within;
use crate::tenant::TenantScope;

/// A row that is to be written; without `agent_id` one that is to go.
#[derive(Debug, FromRow)]
pub(in crate::counts) struct HostDifference {
    agent_key: i64,
    agent_id: Option<Uuid>,
    open: Option<i64>,
    critical: Option<i64>,
    high: Option<i64>,
    kev: Option<i64>,
    suppressed: Option<i64>,
}

const COUNTED: &str = "SELECT coalesce(n.agent_key, k.agent_key) AS agent_key,
       n.agent_id, n.open, n.critical, n.high, n.kev, n.suppressed
FROM (
    SELECT a.key AS agent_key, a.id AS agent_id, coalesce(v.open, 0) AS open,
           coalesce(v.critical, 0) AS critical, coalesce(v.high, 0) AS high,
           coalesce(v.kev, 0) AS kev, coalesce(v.suppressed, 0) AS suppressed
    FROM agents a LEFT JOIN ";

const NOW: &str = " v ON v.agent_key = a.key
    WHERE a.company_key = $1
) n FULL JOIN (SELECT * FROM host_counts WHERE company_key = $1) k ON k.agent_key = n.agent_key
WHERE (n.agent_id, n.open, n.critical, n.high, n.kev, n.suppressed) IS DISTINCT FROM
      (k.agent_id, k.open, k.critical, k.high, k.kev, k.suppressed)
ORDER BY 1 LIMIT ";

/// What differs among the hosts, by what the kept counts of software say; `limit` of them at most.
pub(in crate::counts) async fn host_differences(
    scope: &TenantScope,
    limit: i64,
) -> Result<Vec<HostDifference>, StoreError> {
    let mut tx = scope.begin_long("counts.hosts", COUNTED_WITHIN).await?;
    // Few companies have exceptions for some hosts, and nobody else is to read anything for them.
    let has_exceptions = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM finding_exceptions WHERE company_key = $1) AS "has!""#,
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    let mut query = within(scope, COUNTED)?;
    push_numbers(&mut query, NumbersFrom::KeptCounts, has_exceptions);
    query.push(NOW).push_bind(limit);
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(rows)
}

pub(in crate::counts) async fn write_hosts(
    scope: &TenantScope,
    differences: &[HostDifference],
) -> Result<(), StoreError> {
    for some in differences.chunks(ROWS_A_TIME) {
        let (kept, gone): (Vec<_>, Vec<_>) = some.iter().partition(|row| row.agent_id.is_some());
        if !gone.is_empty() {
            forget_hosts(scope, &gone).await?;
        }
        if !kept.is_empty() {
            keep_hosts(scope, &kept).await?;
        }
    }
    Ok(())
}

async fn forget_hosts(scope: &TenantScope, gone: &[&HostDifference]) -> Result<(), StoreError> {
    let keys: Vec<i64> = gone.iter().map(|row| row.agent_key).collect();
    let mut tx = scope.begin_by_key("counts.forget_hosts").await?;
    sqlx::query!(
        "DELETE FROM host_counts WHERE company_key = $1 AND agent_key = ANY($2)",
        scope.key(),
        &keys
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

async fn keep_hosts(scope: &TenantScope, kept: &[&HostDifference]) -> Result<(), StoreError> {
    let keys: Vec<i64> = kept.iter().map(|row| row.agent_key).collect();
    let mut tx = scope.begin_by_key("counts.write_hosts").await?;
    // Whoever erases one waits here and takes its row with it, or was first: then nothing is to come after it.
    // Reports and heartbeats do not wait.
    let there = sqlx::query_scalar!(
        "SELECT key FROM agents WHERE company_key = $1 AND key = ANY($2) ORDER BY key FOR KEY SHARE",
        scope.key(),
        &keys
    )
    .fetch_all(&mut *tx)
    .await?;
    let kept: Vec<_> =
        kept.iter().filter(|row| there.binary_search(&row.agent_key).is_ok()).collect();
    let column = |of: fn(&HostDifference) -> Option<i64>| -> Vec<i64> {
        kept.iter().map(|row| of(row).unwrap_or_default()).collect()
    };
    let ids: Vec<Uuid> = kept.iter().map(|row| row.agent_id.unwrap_or_default()).collect();
    sqlx::query!(
        "INSERT INTO host_counts
             (company_key, agent_key, agent_id, open, critical, high, kev, suppressed)
         SELECT $1, r.agent_key, r.agent_id, r.open, r.critical, r.high, r.kev, r.suppressed
         FROM UNNEST($2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::bigint[])
              AS r (agent_key, agent_id, open, critical, high, kev, suppressed)
         ON CONFLICT (company_key, agent_key) DO UPDATE
         SET agent_id = excluded.agent_id, open = excluded.open, critical = excluded.critical,
             high = excluded.high, kev = excluded.kev, suppressed = excluded.suppressed",
        scope.key(),
        &column(|row| Some(row.agent_key)),
        &ids,
        &column(|row| row.open),
        &column(|row| row.critical),
        &column(|row| row.high),
        &column(|row| row.kev),
        &column(|row| row.suppressed)
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}
