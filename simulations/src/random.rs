//! Numbers that look random and are the same for the same seed, so that a fleet can be had again.

use std::time::Duration;

/// A generator (`SplitMix64`, Steele, Lea and Flood 2014). Nothing secret may come out of it.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for the `n`th part of something, whatever was drawn before.
    pub(crate) fn fork(&self, n: u64) -> Self {
        // An odd multiplier maps different parts to different seeds, and one more step keeps
        // neighbours from resembling each other.
        let mut child = Self(self.0 ^ n.wrapping_mul(0xd134_2543_de82_ef95));
        Self(child.next())
    }

    /// The next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // Lemire's multiplication in place of a remainder: no division, and uneven by less than one
        // part in 2^32 for any fleet.
        let end = u128::try_from(end).unwrap_or(u128::MAX);
        usize::try_from((u128::from(self.next()) * end) >> 64).unwrap_or(0)
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the entries; `None` when there is none.
    pub(crate) fn pick<'a, T>(&mut self, entries: &'a [T]) -> Option<&'a T> {
        entries.get(self.below(entries.len()))
    }

    /// How long to wait when a peer asked for `asked` and the own back-off says `own`: never less
    /// than what was asked for, and longer by up to a quarter, so that those who were all told the
    /// same do not come at once.
    pub(crate) fn at_least(&mut self, asked: Duration, own: Duration) -> Duration {
        let quarter = asked / 4;
        let after = quarter / 1_000 * u32::try_from(self.below(1_001)).unwrap_or(0);
        (asked + after).max(self.around(own))
    }

    /// A time below `end`; none when that is none.
    pub(crate) fn below_time(&mut self, end: Duration) -> Duration {
        let share = u32::try_from(self.below(1_000_000)).unwrap_or(0);
        end.mul_f64(f64::from(share) / 1_000_000.0)
    }

    /// A time between half of `middle` and one and a half of it.
    pub(crate) fn around(&mut self, middle: Duration) -> Duration {
        let share = u32::try_from(self.below(1_001)).unwrap_or(500) + 500;
        // Divided first, which loses less than a microsecond: the other way round a long wait would
        // overflow.
        middle / 1_000 * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let mut one = Random::new(7);
        let mut other = Random::new(7);
        assert!((0..100).all(|_| one.next() == other.next()));
        assert_ne!(Random::new(8).next(), Random::new(7).next());
    }

    #[test]
    fn parts_have_numbers_of_their_own_that_do_not_depend_on_what_was_drawn() {
        let parent = Random::new(7);
        assert_ne!(parent.fork(0).next(), parent.fork(1).next());
        assert_eq!(parent.fork(5).next(), Random::new(7).fork(5).next());
    }

    #[test]
    fn numbers_stay_below_their_end_and_reach_all_of_it() {
        let mut random = Random::new(1);
        let mut seen = [false; 10];
        for _ in 0..1_000 {
            seen[random.below(10)] = true;
        }
        assert_eq!(seen, [true; 10]);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.pick::<u8>(&[]), None);
    }

    #[test]
    fn never_comes_earlier_than_it_was_asked_to() {
        let mut random = Random::new(1);
        let (asked, own) = (Duration::from_secs(60), Duration::from_secs(2));
        for _ in 0..1_000 {
            let wait = random.at_least(asked, own);
            assert!(wait >= asked && wait <= asked * 5 / 4, "{wait:?}");
            let wait = random.at_least(Duration::ZERO, own);
            assert!(wait >= own / 2 && wait <= own * 3 / 2, "{wait:?}");
        }
    }

    #[test]
    fn times_reach_all_of_what_they_are_drawn_from() {
        let mut random = Random::new(1);
        let end = Duration::from_secs(100);
        let times: Vec<_> = (0..1_000).map(|_| random.below_time(end)).collect();
        assert!(times.iter().all(|time| *time < end));
        assert!(times.iter().any(|time| *time < end / 20));
        assert!(times.iter().any(|time| *time > end / 20 * 19));
        assert_eq!(random.below_time(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn waits_stay_within_half_and_one_and_a_half() {
        let mut random = Random::new(1);
        let middle = Duration::from_secs(10);
        let waits: Vec<_> = (0..1_000).map(|_| random.around(middle)).collect();
        assert!(waits.iter().all(|wait| *wait >= middle / 2 && *wait <= middle * 3 / 2));
        assert!(waits.iter().any(|wait| *wait < middle * 3 / 4));
        assert!(waits.iter().any(|wait| *wait > middle * 5 / 4));
    }
}
