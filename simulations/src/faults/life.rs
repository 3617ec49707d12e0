//! The lives of simulated processes: every task of one is polled through here, and dies with it at
//! any of its awaits.
//!
//! It is also where a run's order comes from: a task that is ready is now and then made to wait for
//! the others, by the seed, and the process' clock is set before each poll. A process that is dead
//! is never polled again; what it had in memory is dropped when its tasks are collected.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use collector::clock::ManualClock;
use tokio::time::Instant;

use super::counts::Counts;
use crate::clock::Clock;
use crate::random::Random;

/// How often, of a hundred polls, a ready task lets the others go first.
const YIELDS_PERCENT: usize = 10;

/// One process, from its start to its death.
#[derive(Debug)]
pub(super) struct Life {
    is_alive: AtomicBool,
    /// Polls after which it dies; as good as never at first.
    polls_left: AtomicU64,
    random: Mutex<Random>,
    hand: Option<(ManualClock, Mutex<Instant>)>,
    counts: Arc<Counts>,
}

impl Life {
    pub(super) fn begin(random: Random, hand: Option<ManualClock>) -> Arc<Self> {
        Arc::new(Self {
            is_alive: AtomicBool::new(true),
            polls_left: AtomicU64::new(u64::MAX),
            random: Mutex::new(random),
            hand: hand.map(|hand| (hand, Mutex::new(Clock.now()))),
            counts: Arc::default(),
        })
    }

    /// What its metrics have counted.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn is_alive(&self) -> bool {
        self.is_alive.load(Ordering::Relaxed)
    }

    /// Lets it die at the poll of that number from now.
    pub(super) fn end_after(&self, polls: u64) {
        // Relaxed, here and below: one thread polls everything, and the atomics are only for
        // `Sync`.
        self.polls_left.store(polls, Ordering::Relaxed);
    }

    /// Ends it now.
    pub(super) fn end(&self) {
        self.is_alive.store(false, Ordering::Relaxed);
    }

    /// Sets its clock to the time of the run.
    pub(super) fn set_clock(&self) {
        if let Some((hand, last)) = &self.hand {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Clock.now();
            // By how much went by, so that a clock which was set wrong stays as wrong as it is.
            hand.advance(now - *last);
            *last = now;
        }
    }

    /// Runs a task as this process', until one of the two ends.
    pub(super) fn run<F: Future>(self: &Arc<Self>, task: F) -> Living<F> {
        Living { life: Arc::clone(self), task: Box::pin(task) }
    }

    /// Whether a task may go on: it may have to let others go first, or be dead.
    fn admits(&self) -> Admission {
        if !self.is_alive() {
            return Admission::Dead;
        }
        // Before the yield below is drawn, so that a task which is made to wait has been polled
        // too.
        let left = self.polls_left.load(Ordering::Relaxed);
        if left == 0 {
            self.end();
            return Admission::Dead;
        }
        // The largest number means never, and must not be counted down to something that is a
        // number.
        if left != u64::MAX {
            self.polls_left.store(left - 1, Ordering::Relaxed);
        }
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        if random.percent(YIELDS_PERCENT) { Admission::Later } else { Admission::Now }
    }
}

enum Admission {
    Now,
    Later,
    Dead,
}

/// A task of a process.
pub(super) struct Living<F> {
    life: Arc<Life>,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Living<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        match this.life.admits() {
            // Never woken again: whoever collects the process drops it.
            Admission::Dead => return Poll::Pending,
            Admission::Later => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Admission::Now => {}
        }
        // Before every poll and not by a timer: a task must not see a time of before what woke it.
        this.life.set_clock();
        // The product's metrics are global; only here is it known whose poll this is.
        metrics::with_local_recorder(&*this.life.counts, || this.task.as_mut().poll(context))
    }
}

#[cfg(test)]
mod tests;
