//! On how many hosts a CVE was, day by day, so that people see a patch roll out.
//!
//! A job records ([`record()`]) the numbers that lists show: hosts with software that has the CVE and that no
//! exception leaves out. Only what changed is written, so the rows are steps, and a reader goes along them
//! (decision 62). Nothing here may tell which hosts those were: rows stay when a host is erased.

mod record;

use time::{Date, OffsetDateTime, UtcOffset};

pub(crate) use self::record::RECORDED_WITHIN;
pub use self::record::record;
use crate::error::StoreError;
use crate::statistics::DAYS_KEPT;
use crate::tenant::TenantScope;

/// The days of a CVE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The first day that was recorded in the company; `None` before that.
    pub recorded_since: Option<Date>,
    /// Every day of the range from then on, the oldest first. One on which nobody recorded is as the one before.
    pub days: Vec<Day>,
}

/// A day of a CVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which, in UTC.
    pub day: Date,
    /// Hosts that had the CVE when it was recorded last on that day.
    pub hosts: u64,
}

/// The day of an instant.
#[must_use]
pub fn day_of(at: OffsetDateTime) -> Date {
    at.to_offset(UtcOffset::UTC).date()
}

/// How a CVE spread from a day to before another one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    cve: &str,
    from: Date,
    before: Date,
) -> Result<History, StoreError> {
    let mut tx = scope.begin_read("cve_history.list").await?;
    let recorded_since = sqlx::query_scalar!(
        "SELECT cves_recorded_since FROM companies WHERE key = $1",
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    // From the step on that the first day stands on.
    let steps = sqlx::query!(
        "SELECT h.day, h.hosts FROM cve_history h
         WHERE h.company_key = $1 AND h.cve = $2 AND h.day < $4
           AND h.day >= coalesce((SELECT max(b.day) FROM cve_history b
                                  WHERE b.company_key = $1 AND b.cve = $2 AND b.day <= $3), $3)
         ORDER BY h.day",
        scope.key(),
        cve,
        from,
        before
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let Some(since) = recorded_since else {
        return Ok(History::default());
    };
    let steps: Vec<Day> =
        steps.iter().map(|row| Day { day: row.day, hosts: row.hosts.unsigned_abs() }).collect();
    Ok(History { recorded_since, days: along(&steps, from.max(since), before) })
}

/// Every day from one to before another, by steps in their order.
fn along(steps: &[Day], from: Date, before: Date) -> Vec<Day> {
    let mut steps = steps.iter().peekable();
    let (mut days, mut hosts) = (Vec::new(), 0);
    let mut day = from;
    while day < before {
        while let Some(step) = steps.next_if(|step| step.day <= day) {
            hosts = step.hosts;
        }
        days.push(Day { day, hosts });
        // The last day that there is ends every range.
        let Some(next) = day.next_day() else { break };
        day = next;
    }
    days
}

/// Forgets steps of days that are kept no longer, at most `limit` in one transaction; gives how many that were.
///
/// The one that the first kept day stands on stays, unless it is zero, as what is not there is.
///
/// No index is by the day, because every recording would have to keep it: a night's worth is found by reading
/// the company's rows once.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    now: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("cve_history.purge").await?;
    let done = sqlx::query!(
        // A zero goes when nothing is before it any more: without it, that would stand for ever.
        "DELETE FROM cve_history WHERE company_key = $1 AND (cve, day) IN (
             SELECT h.cve, h.day FROM cve_history h
             WHERE h.company_key = $1 AND h.day <= $2
               AND (EXISTS (SELECT FROM cve_history n WHERE n.company_key = $1 AND n.cve = h.cve
                              AND n.day > h.day AND n.day <= $2)
                    OR (h.hosts = 0 AND NOT EXISTS (
                        SELECT FROM cve_history b WHERE b.company_key = $1 AND b.cve = h.cve
                          AND b.day < h.day)))
             LIMIT $3)",
        scope.key(),
        day_of(now - DAYS_KEPT),
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests;
