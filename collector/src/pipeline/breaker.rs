//! Whether the database is worth asking: one pause for all workers while it is away.
//!
//! Without it ten workers would each find out for each group that the database is gone. After a
//! pause one group goes ahead; the others follow when it succeeded. Pure.

use std::time::{Duration, Instant};

// A failover of PostgreSQL takes seconds, its restart less than one; the longest pause is what a
// recovered database waits for us at most.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// The database answers.
    #[default]
    Closed,
    /// It did not answer; nobody asks before `until`.
    Open {
        /// When to ask again.
        until: Instant,
        /// The pause that ends then.
        pause: Duration,
    },
    /// One group is on its way to find out.
    Asking {
        /// The pause before.
        pause: Duration,
        /// When to let another one go, should that one never come back.
        until: Instant,
    },
}

impl Breaker {
    /// `None` when a group may go now; else when to look again. A group that may go after a pause
    /// is the one that finds out.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<Instant> {
        match *self {
            Self::Closed => None,
            Self::Open { until, pause } | Self::Asking { until, pause } if until <= now => {
                // A group that asks and is never heard of again (its worker was dropped) must not
                // keep everybody waiting for good.
                let until = now + PAUSE_MAX;
                *self = Self::Asking { pause, until };
                None
            }
            Self::Open { until, .. } | Self::Asking { until, .. } => Some(until),
        }
    }

    /// The database answered.
    pub(crate) const fn answered(&mut self) {
        *self = Self::Closed;
    }

    /// The database did not answer. Groups that were on their way when it went do not lengthen
    /// the pause.
    pub(crate) fn away(&mut self, now: Instant) {
        let pause = match *self {
            Self::Closed => PAUSE_MIN,
            Self::Asking { pause, .. } => (pause * 2).min(PAUSE_MAX),
            // It is known. What comes in late was on its way before, and says nothing new.
            Self::Open { .. } => return,
        };
        let until = now + pause;
        *self = Self::Open { until, pause };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn lets_everything_go_while_the_database_answers() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.admit(start()), None);
        assert_eq!(breaker.admit(start()), None);
    }

    #[test]
    fn pauses_everyone_once_however_many_find_out() {
        let now = start();
        let mut breaker = Breaker::default();
        for _worker in 0..10 {
            breaker.away(now);
        }
        assert_eq!(breaker.admit(now), Some(now + PAUSE_MIN));
    }

    #[test]
    fn lets_one_group_ask_after_each_pause_and_doubles_it_to_a_bound() {
        let mut now = start();
        let mut breaker = Breaker::default();
        let mut pauses = Vec::new();
        breaker.away(now);
        for _ in 0..12 {
            let until = breaker.admit(now).unwrap();
            pauses.push(until - now);
            now = until;
            assert_eq!(breaker.admit(now), None, "one may go");
            assert!(breaker.admit(now).is_some(), "a second one may not");
            breaker.away(now);
        }
        assert!(pauses.is_sorted());
        assert_eq!((pauses[0], pauses[11]), (PAUSE_MIN, PAUSE_MAX));
    }

    #[test]
    fn lets_everything_go_once_the_database_answers_again() {
        let now = start();
        let mut breaker = Breaker::default();
        breaker.away(now);
        assert_eq!(breaker.admit(now + PAUSE_MIN), None);
        breaker.answered();
        assert_eq!(breaker.admit(now + PAUSE_MIN), None);
        assert_eq!(breaker.admit(now + PAUSE_MIN), None);
    }

    #[test]
    fn a_group_that_never_comes_back_does_not_stop_everything() {
        let now = start();
        let mut breaker = Breaker::default();
        breaker.away(now);
        let asked = now + PAUSE_MIN;
        assert_eq!(breaker.admit(asked), None);
        assert_eq!(breaker.admit(asked + PAUSE_MAX), None);
    }
}
