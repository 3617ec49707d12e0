//! One measurement: a row for the hour, and the day's row renewed.
//!
//! What came and went is counted from where the last measurement ended, so that an hour in which no node
//! worked is made up for by the next one, and a measurement that is done twice counts nothing twice.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::groups::{self, Groups};
use super::questions::{self, Window};
use super::{FIXED_WITHIN, SILENT_AFTER, Step};
use crate::error::StoreError;
use crate::nodes;
use crate::tenant::TenantScope;
use crate::tx;

/// How long ago something has to be to be counted: whatever is being written bears an instant of before its
/// transaction's end, and would otherwise fall between two measurements.
const SETTLES: Duration = Duration::minutes(1);
/// How long a measurement may take in all, however often it is begun anew.
pub(crate) const MEASURED_WITHIN: std::time::Duration = std::time::Duration::from_secs(1_800);
/// How far back the first measurement of a company looks for what came and went.
const FIRST_LOOK: Duration = Duration::hours(1);

/// Whether this hour has no measurement yet.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn is_due(scope: &TenantScope, now: OffsetDateTime) -> Result<bool, StoreError> {
    let mut tx = scope.begin("statistics.is_due").await?;
    let is_there = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM statistics
                          WHERE company_key = $1 AND step = 'hour' AND at = $2) AS "is_there!""#,
        scope.key(),
        Step::Hour.of(now)
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(!is_there)
}

/// Measures how the company stands, within half an hour.
///
/// # Errors
///
/// When the database cannot be used, or it takes too long.
///
/// # Cancel safety
///
/// Dropped before it ends, it has written nothing; it may be done again.
pub async fn measure(scope: &TenantScope, now: OffsetDateTime) -> Result<(), StoreError> {
    let measuring = tx::retrying("statistics.measure", || attempt(scope, now));
    // Whoever erases the company counts on an end.
    tokio::time::timeout(MEASURED_WITHIN, measuring).await.map_err(|_| StoreError::no_answer())?
}

async fn attempt(scope: &TenantScope, now: OffsetDateTime) -> Result<(), StoreError> {
    let mut tx = scope.begin("statistics.measure").await?;
    // Several questions about one instant.
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *tx).await?;
    // Each reads all of the company's rows, and nobody waits for it.
    sqlx::query("SET LOCAL statement_timeout = '10min'").execute(&mut *tx).await?;
    let key = scope.key();
    let window = window(&mut tx, key, now).await?;
    let mut groups = Groups::default();
    let hosts = questions::hosts(&mut tx, key, now - SILENT_AFTER).await?;
    questions::open(&mut tx, key, &mut groups).await?;
    questions::excepted(&mut tx, key, &mut groups).await?;
    questions::opened(&mut tx, key, window, &mut groups).await?;
    questions::fixed(&mut tx, key, window, &mut groups).await?;
    let measured = Measured { now, to: window.to, hosts, groups };
    for step in [Step::Hour, Step::Day] {
        measured.write(&mut tx, key, step).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// From where the last measurement ended to where nothing is on its way any more.
async fn window(
    tx: &mut PgConnection,
    company_key: i64,
    now: OffsetDateTime,
) -> Result<Window, StoreError> {
    // What waits in a queue bears the instant at which it was taken, and comes into the rows later.
    let settled = nodes::settled_until(&mut *tx).await?;
    let to = settled.map_or(now - SETTLES, |settled| settled.min(now - SETTLES));
    let from = counted_to(tx, company_key).await?.unwrap_or(to - FIRST_LOOK);
    // Never back: what was counted would be counted again.
    let to = to.max(from);
    Ok(Window { from, to, fixed_since: to - FIXED_WITHIN })
}

/// Where the last measurement ended.
async fn counted_to(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let last = sqlx::query_scalar!(
        "SELECT max(counted_to) FROM statistics WHERE company_key = $1 AND step = 'day'",
        company_key
    )
    .fetch_one(tx)
    .await?;
    Ok(last)
}

/// A measurement.
#[derive(Clone, Copy, Debug)]
struct Measured {
    now: OffsetDateTime,
    to: OffsetDateTime,
    hosts: (i64, i64),
    groups: Groups,
}

impl Measured {
    /// Puts it in place of an earlier one of the same hour or day.
    async fn write(
        mut self,
        tx: &mut PgConnection,
        company_key: i64,
        step: Step,
    ) -> Result<(), StoreError> {
        let at = step.of(self.now);
        if let Some(before) = earlier(&mut *tx, company_key, step, at).await? {
            self.groups.add_flow(&before);
        }
        let (hosts, silent) = self.hosts;
        sqlx::query!(
            "INSERT INTO statistics (company_key, step, at, measured_at, counted_to, hosts,
                                     silent_hosts, groups)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (company_key, step, at) DO UPDATE
             SET measured_at = excluded.measured_at, counted_to = excluded.counted_to,
                 hosts = excluded.hosts, silent_hosts = excluded.silent_hosts,
                 groups = excluded.groups",
            company_key,
            step.as_str(),
            at,
            self.now,
            self.to,
            hosts,
            silent,
            groups::write(&self.groups)
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// What an earlier measurement of the same hour or day came to.
async fn earlier(
    tx: &mut PgConnection,
    company_key: i64,
    step: Step,
    at: OffsetDateTime,
) -> Result<Option<Groups>, StoreError> {
    let before = sqlx::query_scalar!(
        "SELECT groups FROM statistics WHERE company_key = $1 AND step = $2 AND at = $3 FOR UPDATE",
        company_key,
        step.as_str(),
        at
    )
    .fetch_optional(tx)
    .await?;
    before.map(groups::read).transpose()
}
