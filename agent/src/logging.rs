//! The agent's log: one line an event on stderr, where the service manager takes it.
//!
//! It is small on purpose: nothing is buffered, rotated or sent. What peers say is made harmless
//! before it gets here, and no secret ever gets here.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use protocol::limits::REASON_BYTES_MAX;
use serde::Deserialize;

use crate::clock::Clock;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What keeps the agent from its work.
    Error,
    /// What is not as it should be and mends itself.
    Warn,
    /// What an administrator may want to know: connections, scans, settings.
    #[default]
    Info,
    /// Every message.
    Debug,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        [Self::Error, Self::Warn, Self::Info, Self::Debug]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

/// A word that is no [`Level`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no log level: use error, warn, info or debug")]
pub struct UnknownLevel(String);

/// Where lines go.
#[derive(Clone)]
pub struct Log {
    level: Level,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("level", &self.level).finish()
    }
}

impl Log {
    /// A log of everything up to a level.
    #[must_use]
    pub const fn new(level: Level, clock: Arc<dyn Clock>) -> Self {
        Self { level, clock }
    }

    /// Says what keeps the agent from its work.
    pub fn error(&self, what: fmt::Arguments<'_>) {
        self.line(Level::Error, what);
    }

    /// Says what is not as it should be.
    pub fn warn(&self, what: fmt::Arguments<'_>) {
        self.line(Level::Warn, what);
    }

    /// Says what happened.
    pub fn info(&self, what: fmt::Arguments<'_>) {
        self.line(Level::Info, what);
    }

    /// Says every detail.
    pub fn debug(&self, what: fmt::Arguments<'_>) {
        self.line(Level::Debug, what);
    }

    fn line(&self, level: Level, what: fmt::Arguments<'_>) {
        if level > self.level {
            return;
        }
        let time = rfc3339(self.clock.now_ms());
        // Nobody is left to tell when the log itself cannot be written.
        writeln!(std::io::stderr(), "{time} {:5} {what}", level.as_str()).ok();
    }
}

/// A peer's text as it may be shown: one line, no control characters, of bounded length.
#[must_use]
pub fn sanitise(text: &str) -> String {
    let mut clean = String::new();
    for letter in text.chars() {
        let letter = if letter.is_control() || misleads(letter) { '\u{fffd}' } else { letter };
        if clean.len() + letter.len_utf8() > REASON_BYTES_MAX {
            clean.push('…');
            break;
        }
        clean.push(letter);
    }
    clean
}

/// Characters that are no control characters to Unicode (category Cc) and lie all the same.
const fn misleads(letter: char) -> bool {
    matches!(
        letter,
        // Those that change the direction of writing (UAX #9, table 4), which make a line say
        // something else than it shows.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Ends of lines and of paragraphs, at which some viewers of logs begin a new line.
        | '\u{2028}' | '\u{2029}'
    )
}

/// Milliseconds since 1970 as people and programs read them (RFC 3339), in UTC.
#[must_use]
pub fn rfc3339(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date of a day since 1970, by counting in eras of 400 years that begin in March, so that the
/// leap day is a year's last.
const fn date(day: u64) -> (u64, u64, u64) {
    const ERA_DAYS: u64 = 146_097;
    // The days from 0000-03-01 to 1970-01-01.
    let day = day + 719_468;
    let (era, of_era) = (day / ERA_DAYS, day % ERA_DAYS);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA_DAYS - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // From March on, every five months have 153 days.
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    if month < 10 {
        (era * 400 + year, month + 3, of_month)
    } else {
        (era * 400 + year + 1, month - 9, of_month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_rfc_3339_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_763_694_245_999, "2025-11-21T03:04:05Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }

    #[test]
    fn a_peer_cannot_write_a_line_of_its_own() {
        let shown =
            sanitise("no\n2026 error forged\x1b[2J\u{202e}gpj.exe\u{61c}\u{2028}2026 error");
        let forging = ['\n', '\x1b', '\u{202e}', '\u{61c}', '\u{2028}'];
        assert!(!shown.contains(forging), "{shown}");
    }

    #[test]
    fn a_peer_cannot_fill_the_disk() {
        let shown = sanitise(&"ä".repeat(10_000));
        assert!(shown.len() <= REASON_BYTES_MAX + '…'.len_utf8());
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn knows_its_levels_by_name_and_no_others() {
        assert_eq!("debug".parse(), Ok(Level::Debug));
        let error = "loud".parse::<Level>().expect_err("no level");
        assert!(error.to_string().contains("\"loud\""));
        assert!(Level::Error < Level::Debug);
    }
}
