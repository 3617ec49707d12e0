//! Waiting, so that a test of thirty seconds' patience takes none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::ManualClock;

/// What waits. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Sleeper(Inner);

#[derive(Clone, Debug)]
enum Inner {
    System,
    Manual(ManualClock, Arc<Mutex<Vec<Duration>>>),
}

impl Sleeper {
    /// One that waits.
    #[must_use]
    pub const fn system() -> Self {
        Self(Inner::System)
    }

    /// One that moves a manual clock instead, and remembers by how much.
    #[must_use]
    pub fn manual(hand: ManualClock) -> Self {
        Self(Inner::Manual(hand, Arc::default()))
    }

    /// Waits.
    ///
    /// # Cancel safety
    ///
    /// Safe: it keeps no state.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Inner::System => tokio::time::sleep(duration).await,
            Inner::Manual(hand, slept) => {
                hand.advance(duration);
                let mut slept = slept.lock().unwrap_or_else(PoisonError::into_inner);
                slept.push(duration);
            }
        }
    }

    /// How long a manual one was asked to wait, each time.
    #[must_use]
    pub fn slept(&self) -> Vec<Duration> {
        match &self.0 {
            Inner::System => Vec::new(),
            Inner::Manual(_, slept) => slept.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
