//! How a company stood, hour by hour and day by day: what is open and on how many hosts, what came and
//! went, and how long it took to be fixed.
//!
//! A job measures ([`measure()`]); everybody else reads rows, a bounded number of them. What is open is
//! counted where some host has it: software that every host has got rid of keeps its findings, and
//! threatens nobody. What comes and goes is counted a host and CVE, so that an update from one vulnerable
//! version to the next one neither opens nor fixes anything (decision 39).

mod groups;
mod measure;
mod questions;

use serde_json::Value;
use sqlx::FromRow;
use time::{Duration, OffsetDateTime};

pub use self::groups::{Groups, Numbers};
pub(crate) use self::measure::MEASURED_WITHIN;
pub use self::measure::{is_due, measure};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// How long a host has to be silent to count as such.
pub const SILENT_AFTER: Duration = Duration::days(7);
/// Over how long back the time to fix is taken.
pub const FIXED_WITHIN: Duration = Duration::days(30);
/// How long hours are kept.
pub const HOURS_KEPT: Duration = Duration::days(35);
/// How long days are kept.
pub const DAYS_KEPT: Duration = Duration::days(800);

/// The length of what a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour, as it stood in its first minutes.
    Hour,
    /// A day in UTC, as it stood in its last hour, or stands.
    Day,
}

impl Step {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How long its rows are kept.
    #[must_use]
    pub const fn kept(self) -> Duration {
        match self {
            Self::Hour => HOURS_KEPT,
            Self::Day => DAYS_KEPT,
        }
    }

    /// The beginning of the one that an instant is in.
    fn of(self, at: OffsetDateTime) -> OffsetDateTime {
        let length = match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
        };
        at - Duration::seconds(at.unix_timestamp().rem_euclid(length))
            - Duration::nanoseconds(at.nanosecond().into())
    }
}

/// How a company stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The beginning of the hour or the day.
    pub at: OffsetDateTime,
    /// When it was measured.
    pub measured_at: OffsetDateTime,
    /// Hosts that were not revoked.
    pub hosts: u64,
    /// Those with an agent that nothing was heard of for [`SILENT_AFTER`].
    pub silent_hosts: u64,
    /// Findings, by group.
    pub groups: Groups,
}

/// Which rows.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Of hours or of days.
    pub step: Step,
    /// The first that is in it.
    pub from: OffsetDateTime,
    /// The first that is not.
    pub to: OffsetDateTime,
}

/// The rows of a range, the oldest first. There are never more than are kept.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list(scope: &TenantScope, range: Range) -> Result<Vec<Statistics>, StoreError> {
    let mut tx = scope.begin_read("statistics.list").await?;
    let rows = sqlx::query_as!(
        Row,
        "SELECT at, measured_at, hosts, silent_hosts, groups FROM statistics
         WHERE company_key = $1 AND step = $2 AND at >= $3 AND at < $4 ORDER BY at",
        scope.key(),
        range.step.as_str(),
        range.from,
        range.to
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Forgets what is kept no longer; gives how many rows that were.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(scope: &TenantScope, now: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = scope.begin("statistics.purge").await?;
    let done = sqlx::query!(
        "DELETE FROM statistics WHERE company_key = $1
         AND ((step = 'hour' AND at < $2) OR (step = 'day' AND at < $3))",
        scope.key(),
        now - HOURS_KEPT,
        now - DAYS_KEPT
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[derive(Debug, FromRow)]
struct Row {
    at: OffsetDateTime,
    measured_at: OffsetDateTime,
    hosts: i64,
    silent_hosts: i64,
    groups: Value,
}

impl TryFrom<Row> for Statistics {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            at: row.at,
            measured_at: row.measured_at,
            hosts: row.hosts.unsigned_abs(),
            silent_hosts: row.silent_hosts.unsigned_abs(),
            groups: groups::read(row.groups)?,
        })
    }
}

#[cfg(test)]
mod tests;
