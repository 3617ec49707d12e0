//! Instants of feeds, in milliseconds since 1970, read from the spellings that feeds use.
//!
//! NVD writes no zone and means UTC; others write `Z` or an offset, and any number of fractional
//! digits. A date and time library would be the heaviest part of this crate for one function.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const MS_PER_DAY: i64 = 86_400_000;

impl Timestamp {
    /// The instant of a text such as `2024-07-01T13:15:06.467`, with or without seconds, fraction
    /// and zone. Without a zone it is UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.trim().split_at_checked(10)?;
        let days = parse_date(date)?;
        if rest.is_empty() {
            return Some(Self(days * MS_PER_DAY));
        }
        let rest = rest.strip_prefix(['T', ' '])?;
        // Behind the date, whose own hyphens would be found first.
        let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
        let (time, zone) = rest.split_at(zone_at);
        Some(Self(days * MS_PER_DAY + parse_time(time)? - parse_zone(zone)?))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MS_PER_DAY));
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
    }
}

/// Exactly `digits` decimal digits as a number.
fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then(|| days_from_civil(year, month, day))
}

/// Milliseconds since midnight of `hh:mm[:ss[.fraction]]`.
fn parse_time(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours = number(parts.next()?, 2).filter(|hours| *hours < 24)?;
    let minutes = number(parts.next()?, 2).filter(|minutes| *minutes < 60)?;
    let (seconds, fraction) = match parts.next() {
        None => ("00", ""),
        Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "")),
    };
    // 60 is a leap second.
    let seconds = number(seconds, 2).filter(|seconds| *seconds <= 60)?;
    let mut ms = 0;
    for (place, byte) in fraction.bytes().enumerate() {
        let digit = i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        // Microseconds (OSV) are cut off and not rounded: an instant must not move past the next
        // one.
        ms += digit * [100, 10, 1].get(place).copied().unwrap_or(0);
    }
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

/// Milliseconds that a zone's clocks are ahead of UTC.
fn parse_zone(text: &str) -> Option<i64> {
    let (sign, offset) = match text.split_at_checked(1) {
        None | Some(("Z", "")) => return Some(0),
        Some(("+", offset)) => (1, offset),
        Some(("-", offset)) => (-1, offset),
        Some(_) => return None,
    };
    // RFC 3339 wants the colon, ISO 8601 has offsets without it, and feeds have both.
    let (hours, minutes) = offset.split_once(':').or_else(|| offset.split_at_checked(2))?;
    let minutes = number(hours, 2)? * 60 + number(minutes, 2)?;
    Some(sign * minutes * 60_000)
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is a year's last.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    // From March on the lengths of months repeat every five, which have 153 days together.
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 400 years have 146,097 days, and 719,468 lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    // The leap days of 4, 100 and 400 years are taken out first, so that 365 divides the rest.
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_spelling_that_feeds_use() {
        for (text, ms) in [
            ("2024-07-01T13:15:06.467", 1_719_839_706_467),
            ("2018-10-30T16:26Z", 1_540_916_760_000),
            ("2026-06-08T19:59:20.481000+00:00", 1_780_948_760_481),
            ("2026-06-08T21:59:20.481+02:00", 1_780_948_760_481),
            ("2026-06-08T17:59:20.481-0200", 1_780_948_760_481),
            ("2025-08-25T17:04:19.9796Z", 1_756_141_459_979),
            ("2020-02-29", 1_582_934_400_000),
            ("1999-09-29T04:00:00", 938_577_600_000),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "2024",
            "2024-13-01T00:00",
            "2023-02-29",
            "2024-07-01T24:00",
            "2024-07-01T13:15:06.4x",
            "2024-07-01T13:15:06 CET",
            "2024-07-01é13:15",
            "+024-07-01",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(ms in -62_135_596_800_000_i64..253_402_300_799_999) {
            let text = Timestamp(ms).to_string();
            prop_assert_eq!(Timestamp::parse(&text), Some(Timestamp(ms)));
        }
    }
}
