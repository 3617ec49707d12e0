//! How many reports come to their end in a minute.
//!
//! It is looked at now and then and remembers what it saw; it takes numbers and instants, no clock and no queue.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a pace is told of.
const WINDOW: Duration = Duration::from_secs(60);
/// What lies closer together than this is seen once, so that few are remembered.
const STEP: Duration = Duration::from_secs(2);

/// A count that only grows, as it was in the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    seen: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// By how much the count has grown within the last minute, or since it was first looked at when that is less
    /// ago.
    pub(super) fn look(&mut self, count: u64, now: Instant) -> u64 {
        // The last that is a whole minute old stays: the minute begins there.
        while self.seen.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            self.seen.pop_front();
        }
        let is_due = |(at, _): &(Instant, u64)| now.saturating_duration_since(*at) >= STEP;
        if self.seen.back().is_none_or(is_due) {
            self.seen.push_back((now, count));
        }
        self.seen.front().map_or(0, |(_, before)| count.saturating_sub(*before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_pace_is_what_came_within_the_last_minute() {
        let began = Clock::system().instant();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        assert_eq!(pace.look(1_000, at(0)), 0, "what was there before is no pace");
        assert_eq!(pace.look(1_010, at(5)), 10);
        assert_eq!(pace.look(1_030, at(60)), 30);
        assert_eq!(pace.look(1_030, at(66)), 20, "the first ten are over a minute old");
        assert_eq!(pace.look(1_030, at(130)), 0);
        assert_eq!(pace.look(1_031, at(131)), 1);
    }

    #[test]
    fn a_pace_that_is_looked_at_all_the_time_remembers_little() {
        let began = Clock::system().instant();
        let mut pace = Pace::default();
        for number in 0..100_000 {
            pace.look(number, began + Duration::from_millis(number * 10));
        }
        assert!(pace.seen.len() <= 40, "{}", pace.seen.len());
    }
}
