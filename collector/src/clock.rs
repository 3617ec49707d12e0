//! The clock: the one file that may ask the system what time it is.
//!
//! Time is an argument everywhere else, so that tests decide it. Nothing here may be read twice
//! for one decision: a caller takes `now` once and passes it on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// Where the time comes from. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Inner);

#[derive(Clone, Debug)]
enum Inner {
    System,
    Manual(ManualClock),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that stands still until its [`ManualClock`] moves it, for tests and simulations.
    #[must_use]
    pub fn manual(start: OffsetDateTime) -> (Self, ManualClock) {
        let hand = ManualClock {
            start,
            // An `Instant` can only be had from the system; what counts is what is added to it.
            origin: system_instant(),
            passed: Arc::default(),
            jumped: Arc::default(),
        };
        (Self(Inner::Manual(hand.clone())), hand)
    }

    /// The time of day, in UTC. It may jump: use [`Self::instant`] to measure.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            Inner::System => system_now(),
            Inner::Manual(hand) => hand.start + hand.passed() + hand.jumped(),
        }
    }

    /// The time of day in milliseconds since 1970; 0 before that.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    }

    /// A time that never goes back, to measure with.
    #[must_use]
    pub fn instant(&self) -> Instant {
        match &self.0 {
            Inner::System => system_instant(),
            // Without the jumps: setting a clock does not make time pass.
            Inner::Manual(hand) => hand.origin + hand.passed(),
        }
    }
}

/// The hand of a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    start: OffsetDateTime,
    origin: Instant,
    passed: Arc<Mutex<Duration>>,
    jumped: Arc<Mutex<time::Duration>>,
}

impl ManualClock {
    /// Moves the time of day and the measured time forward.
    pub fn advance(&self, by: Duration) {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Moves the time of day alone, forward or back, as a wrong clock that is set right.
    pub fn jump(&self, by: time::Duration) {
        *self.jumped.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    fn passed(&self) -> Duration {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jumped(&self) -> time::Duration {
        *self.jumped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn system_now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn system_instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_for_every_clone() {
        let (clock, hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH);
        let other = clock.clone();
        let began = clock.instant();
        hand.advance(Duration::from_millis(1_500));
        assert_eq!(other.now_ms(), 1_500);
        assert_eq!(other.instant() - began, Duration::from_millis(1_500));
    }

    #[test]
    fn a_jump_moves_the_time_of_day_and_not_the_measured_time() {
        let (clock, hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH + Duration::from_secs(60));
        let began = clock.instant();
        hand.jump(time::Duration::seconds(-59));
        assert_eq!(clock.now_ms(), 1_000);
        assert_eq!(clock.instant(), began);
    }

    #[test]
    fn a_time_before_1970_is_zero_milliseconds() {
        let (clock, _hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH - Duration::from_secs(9));
        assert_eq!(clock.now_ms(), 0);
    }
}
