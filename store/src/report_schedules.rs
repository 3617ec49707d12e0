//! When which report is made by itself: every day or once a week, at a time of day somewhere.
//!
//! When that is next, the database says: it knows the time zones of the world, and a second table of them
//! here would not always agree. A schedule that was missed is made up for once.

mod due;
mod read;
mod write;

use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use self::due::next_in;
pub use self::due::{Due, due};
pub use self::read::{get, list};
pub use self::write::{ChangeError, NewSchedule, ScheduleChange, change, create, delete};
use crate::report_files::Spec;

/// Schedules of a company.
pub const SCHEDULES_MAX: u32 = 50;
/// Reports of one schedule that are kept.
pub const REPORTS_KEPT: u32 = 14;

/// When a report is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Every {
    /// On this day of the week, from Monday, which is 1, to Sunday, which is 7; every day where it is none.
    pub weekday: Option<u8>,
    /// At this minute of the day.
    pub minute: u16,
    /// Of a clock in this time zone, by its name in IANA's database.
    pub time_zone: String,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: Uuid,
    /// Its name, which no other schedule of the company has, whatever the letters' case.
    pub name: String,
    /// What its reports are to be.
    pub spec: Spec,
    /// When they are made.
    pub every: Every,
    /// Whether they are.
    pub is_enabled: bool,
    /// When the next one is.
    pub next_at: OffsetDateTime,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub changed_at: OffsetDateTime,
    /// Grows with every change.
    pub revision: u64,
}

#[cfg(test)]
mod tests;
