//! How much is taken from whom: rates by key, and bytes at once. Pure: time is an argument.
//!
//! Whoever is over a limit is told how long to wait. Nothing here grows with what strangers send:
//! a key is forgotten as soon as its history no longer matters.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many requests a minute, all of which may come at once.
///
/// The generic cell rate algorithm (ITU-T I.371, annex A): of every key, one instant is kept, the
/// time at which its requests would have come had they come evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    interval: Duration,
    tolerance: Duration,
}

impl Rate {
    /// So many a second, all of which may come at once.
    pub(super) fn per_second(requests: u32) -> Self {
        let requests = NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN);
        let interval = Duration::from_secs(1) / requests.get();
        Self { interval, tolerance: interval * (requests.get() - 1) }
    }

    pub(crate) fn per_minute(requests: u32) -> Self {
        let requests = NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN);
        let interval = Duration::from_secs(60) / requests.get();
        Self { interval, tolerance: interval * (requests.get() - 1) }
    }

    /// The key's next instant, or how long its request has to wait.
    fn next(self, even: Option<Instant>, now: Instant) -> Result<Instant, Duration> {
        // A key that was idle has not saved up more than one minute's share: its instant never lies
        // in the past.
        let even = even.unwrap_or(now).max(now);
        let ahead = even - now;
        match ahead.checked_sub(self.tolerance) {
            Some(wait) if !wait.is_zero() => Err(wait),
            Some(_) | None => Ok(even + self.interval),
        }
    }
}

/// A rate for one thing.
#[derive(Debug)]
pub(super) struct Throttle {
    now: Mutex<(Rate, Option<Instant>)>,
}

impl Throttle {
    pub(super) const fn new(rate: Rate) -> Self {
        Self { now: Mutex::new((rate, None)) }
    }

    /// Takes another rate from now on.
    pub(super) fn set(&self, rate: Rate) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).0 = rate;
    }

    /// Takes one; `false` when that is more than the rate.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut kept = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let (rate, even) = *kept;
        match rate.next(even, now) {
            Ok(next) => {
                kept.1 = Some(next);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether a quarter of what may come at once has come.
    pub(super) fn is_busy(&self, now: Instant) -> bool {
        let (rate, even) = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
        even.is_some_and(|even| even.saturating_duration_since(now) > rate.tolerance / 4)
    }
}

/// A rate for each of many keys.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    keys_max: usize,
    keys: Mutex<Keys<K>>,
}

#[derive(Debug)]
struct Keys<K> {
    rate: Rate,
    even: HashMap<K, Instant>,
    /// When a full table may be looked through again.
    sweep_at: Option<Instant>,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(crate) fn new(rate: Rate, keys_max: usize) -> Self {
        let keys = Keys { rate, even: HashMap::new(), sweep_at: None };
        Self { keys_max, keys: Mutex::new(keys) }
    }

    /// Takes another rate from now on. What a key has asked for already counts on.
    pub(crate) fn set(&self, rate: Rate) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).rate = rate;
    }

    /// Takes a request of a key.
    ///
    /// # Errors
    ///
    /// How long to wait, when the key is over its rate or more keys are busy than may be.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = keys.rate;
        // Sweeping is paid for by whoever brings a new key to a full table, and only then; a key
        // whose instant has passed says nothing that a fresh one would not.
        if keys.even.len() >= self.keys_max && !keys.even.contains_key(&key) {
            // Once in the time that everybody is told to wait: strangers from ever new addresses
            // must not make each of them cost a look at all the others, under one lock.
            if keys.sweep_at.is_none_or(|at| at <= now) {
                keys.even.retain(|_, even| *even > now);
                keys.sweep_at = Some(now + rate.interval);
            }
            if keys.even.len() >= self.keys_max {
                return Err(rate.interval);
            }
        }
        let even = rate.next(keys.even.get(&key).copied(), now)?;
        keys.even.insert(key, even);
        Ok(())
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.keys.lock().unwrap().even.len()
    }
}

/// Bytes that may be somewhere at once.
#[derive(Debug)]
pub(super) struct ByteBudget {
    bytes_max: u64,
    taken: AtomicU64,
}

impl ByteBudget {
    pub(super) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { bytes_max, taken: AtomicU64::new(0) })
    }

    /// Takes bytes until the permit is dropped; `None` when there are not as many left.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<BytePermit> {
        let bytes = u64::try_from(bytes).ok()?;
        self.taken
            // Relaxed: the count guards no other memory, and the update itself is atomic.
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                taken
                    .checked_add(bytes)
                    .filter(|sum| *sum <= self.bytes_max)
            })
            .ok()?;
        Some(BytePermit { budget: Arc::clone(self), bytes })
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Bytes of a budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct BytePermit {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

impl Drop for BytePermit {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn limiter(rate: u32, keys_max: usize) -> Limiter<u32> {
        Limiter::new(Rate::per_minute(rate), keys_max)
    }

    #[test]
    fn a_minutes_share_may_come_at_once_and_then_evenly() {
        let limiter = limiter(60, 10);
        let now = Clock::system().instant();
        for _ in 0..60 {
            assert_eq!(limiter.take(1, now), Ok(()));
        }
        assert_eq!(limiter.take(1, now), Err(Duration::from_secs(1)));
        let later = now + Duration::from_secs(1);
        assert_eq!(limiter.take(1, later), Ok(()));
        assert_eq!(limiter.take(1, later), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_throttle_lets_a_seconds_share_through_and_is_busy_before_it_is_shut() {
        let throttle = Throttle::new(Rate::per_second(100));
        let now = Clock::system().instant();
        assert!(!throttle.is_busy(now));
        let taken = (0..1_000).filter(|_| throttle.take(now)).count();
        assert_eq!(taken, 100);
        assert!(throttle.is_busy(now));
        let later = now + Duration::from_millis(500);
        assert_eq!((0..1_000).filter(|_| throttle.take(later)).count(), 50);
        assert!(!throttle.is_busy(later + Duration::from_secs(1)));
    }

    #[test]
    fn one_keys_excess_does_not_touch_another() {
        let limiter = limiter(1, 10);
        let now = Clock::system().instant();
        assert_eq!(limiter.take(1, now), Ok(()));
        assert_eq!(limiter.take(1, now), Err(Duration::from_secs(60)));
        assert_eq!(limiter.take(2, now), Ok(()));
    }

    #[test]
    fn a_refused_request_does_not_make_the_wait_longer() {
        let limiter = limiter(1, 10);
        let now = Clock::system().instant();
        limiter.take(1, now).unwrap();
        for _ in 0..5 {
            assert_eq!(limiter.take(1, now), Err(Duration::from_secs(60)));
        }
    }

    #[test]
    fn forgets_keys_whose_history_no_longer_matters() {
        let limiter = limiter(60, 2);
        let now = Clock::system().instant();
        limiter.take(1, now).unwrap();
        limiter.take(2, now).unwrap();
        assert_eq!(limiter.take(3, now), Err(Duration::from_secs(1)));
        let later = now + Duration::from_secs(2);
        assert_eq!(limiter.take(3, later), Ok(()));
        assert_eq!(limiter.len(), 1);
    }

    #[test]
    fn a_full_table_is_looked_through_once_in_the_time_that_it_tells_to_wait() {
        let limiter = limiter(60, 2);
        let now = Clock::system().instant();
        let half = Duration::from_millis(500);
        limiter.take(1, now).unwrap();
        limiter.take(2, now + half).unwrap();
        // Finds both busy. Half a second later one is not, and nobody looks.
        assert!(limiter.take(3, now + half).is_err());
        assert!(limiter.take(3, now + 2 * half).is_err());
        assert_eq!(limiter.len(), 2);
        assert_eq!(limiter.take(3, now + 3 * half), Ok(()));
    }

    #[test]
    fn bytes_come_back_when_their_permit_is_dropped() {
        let budget = ByteBudget::new(100);
        let first = budget.take(60).unwrap();
        assert!(budget.take(41).is_none());
        let second = budget.take(40).unwrap();
        drop(first);
        assert_eq!(budget.taken(), 40);
        assert!(budget.take(61).is_none());
        drop(second);
        assert_eq!(budget.taken(), 0);
    }
}
