//! When something comes again and again: every day or on one day of the week, at a time of day somewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::report_schedules::Every;

use super::credential;
use crate::http::problem::Problem;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Weekday")]
#[serde(rename_all = "snake_case")]
pub(super) enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// From 1, which is Monday.
    pub(super) fn number(self) -> u8 {
        (1..).zip(Self::ALL).find(|(_, day)| *day == self).map_or(1, |(number, _)| number)
    }

    /// The day of a number.
    pub(super) fn of(number: u8) -> Option<Self> {
        (1..).zip(Self::ALL).find(|(one, _)| *one == number).map(|(_, day)| day)
    }
}

/// When nothing else is said.
pub(super) fn utc() -> String {
    "UTC".to_owned()
}

/// What most want, when nothing else is said.
pub(super) const fn yes() -> bool {
    true
}

/// When something is to come, out of a request.
///
/// # Errors
///
/// When the time of day or the time zone can be none. Whether the time zone is one, the database says.
pub(super) fn read(weekday: Option<Weekday>, at: &str, time_zone: &str) -> Result<Every, Problem> {
    let minute =
        minute_of(at).ok_or_else(|| Problem::field("at", "a time of day from 00:00 to 23:59"))?;
    // No name of a time zone is longer, and none has characters of control.
    if time_zone.len() > 64 || credential::has_control(time_zone) {
        return Err(Problem::field("time_zone", NO_TIME_ZONE));
    }
    Ok(Every { weekday: weekday.map(Weekday::number), minute, time_zone: time_zone.to_owned() })
}

/// What is said of a time zone that is none.
pub(super) const NO_TIME_ZONE: &str = "no time zone of IANA's, such as Europe/Berlin or UTC";

/// A minute of the day as `06:30`.
pub(super) fn time_of_day(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The minute of the day.
fn minute_of(at: &str) -> Option<u16> {
    let (hours, minutes) = at.split_once(':')?;
    let number = |text: &str, below: u16| {
        let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| is_two_digits && *number < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_two_digits_for_each() {
        assert_eq!(minute_of("00:00"), Some(0));
        assert_eq!(minute_of("23:59"), Some(1_439));
        for wrong in ["", "24:00", "12:60", "7:30", "12", "12:3", "+1:00", "12:30:00", "１２:30"]
        {
            assert_eq!(minute_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_of_the_week_are_counted_from_monday() {
        assert_eq!((Weekday::Monday.number(), Weekday::Sunday.number()), (1, 7));
        for day in Weekday::ALL {
            assert_eq!(Weekday::of(day.number()), Some(day));
        }
        assert_eq!(Weekday::of(0), None);
    }
}
