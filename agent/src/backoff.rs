//! How long to wait: growing steps, and the jitter that keeps a fleet from moving as one.
//!
//! Ten thousand agents that lose the same collector in the same second must not come back in the
//! same second. Pure: the seed is an argument, and nothing here waits.

use std::time::Duration;

use protocol::limits::RETRY_AFTER_MS_MAX;

/// Random numbers that spread load. They are not secret and must never make one.
///
/// The generator is `SplitMix64` (Steele, Lea, Flood 2014): eight bytes of state are enough to tell
/// agents apart.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A sequence that the seed decides.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A duration from `from` to `to`, every one as likely; `from` when there is none between.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX);
        // The remainder of a 64-bit number is uneven by less than one part in 2^32 for any span
        // that is waited here.
        let offset = match span.checked_add(1) {
            Some(count) => self.draw() % count,
            None => self.draw(),
        };
        from.saturating_add(Duration::from_millis(offset))
    }

    /// A duration within a tenth of `middle`.
    pub fn around(&mut self, middle: Duration) -> Duration {
        let tenth = middle / 10;
        self.between(middle - tenth, middle.saturating_add(tenth))
    }

    /// A wait that a collector asked for: never shorter, up to half as long again, so that those
    /// who were all told the same do not all come at once.
    pub fn asked(&mut self, retry_after_ms: u32) -> Duration {
        let asked = Duration::from_millis(u64::from(retry_after_ms.min(RETRY_AFTER_MS_MAX)));
        self.between(asked, asked + asked / 2)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        // Constants and shifts are the paper's: others would have to be tested for how random they
        // look.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Waits that double with every failure, up to a limit.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The wait after one more failure: between half of the step and all of it.
    pub fn next(&mut self, jitter: &mut Jitter) -> Duration {
        let step = self.step();
        self.failures = self.failures.saturating_add(1);
        // Not from zero: with a wait of nothing, doubling would not take load off a collector that
        // is coming back up.
        jitter.between(step / 2, step)
    }

    /// Forgets the failures, because something worked.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    fn step(&self) -> Duration {
        // `checked_shl` gives None from 32 on, and the wait has been at its limit for long then.
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests;
