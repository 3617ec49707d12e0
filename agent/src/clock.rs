//! The clocks: the only file of the agent that reads them.
//!
//! Everything else takes a [`Clock`], so that a test can live through a month in a millisecond. The
//! monotonic clock here counts the time that a machine sleeps: a laptop that was closed overnight
//! has missed its heartbeats, and has to know it. No other file may ask the system for the time.

use std::time::Duration;

/// What time it is, and how much has gone by.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 by the host's clock, which can be wrong and can jump.
    fn now_ms(&self) -> u64;

    /// Time since some fixed moment, suspended time included; it never goes back.
    fn elapsed(&self) -> Duration;
}

/// The host's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    fn now_ms(&self) -> u64 {
        // A clock before 1970 is as wrong as a clock can be; 0 says so.
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since_1970.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    #[cfg(unix)]
    fn elapsed(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};

        // Linux' monotonic clock stops in suspend and its boot-time clock does not; elsewhere
        // CLOCK_MONOTONIC is the one that goes on.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let clock = ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let clock = ClockId::Monotonic;
        let time = clock_gettime(clock);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    #[cfg(not(unix))]
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    fn elapsed(&self) -> Duration {
        // Windows' Instant counts the time that the machine sleeps.
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_date_of_this_century() {
        assert!(SystemClock.now_ms() > 1_700_000_000_000);
    }

    #[test]
    fn never_goes_back() {
        let before = SystemClock.elapsed();
        assert!(SystemClock.elapsed() >= before);
    }
}
