//! Who was let in a moment ago: a busy client costs the database one question in two seconds and not
//! one a request.
//!
//! Only who was let in is remembered; whoever was refused is looked up each time. It must never let in
//! for longer than [`GOOD_FOR`] whom the database would refuse, and every change that is made through
//! this process ends all of it at once: what a person is refused, they are refused before they are
//! told so. What another node or the command line changes shows when the time is over.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::gate::Gate;
use super::state::ApiState;

/// For how long an answer of the database is good.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// How many are remembered at once. Whoever is too many is looked up each time.
const REMEMBERED_MAX: usize = 10_000;

/// What is known of whoever presents a `K`.
pub(super) struct Recent<K, P>(Mutex<Inner<K, P>>);

struct Inner<K, P> {
    /// How often everything was forgotten.
    changes: u64,
    known: HashMap<K, (P, Instant)>,
}

/// Since when the database is asked. An answer is kept only when nothing was changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    changes: u64,
    at: Instant,
}

impl<K, P> fmt::Debug for Recent<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was presented stands in no log, not even hashed.
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

impl<K, P> Default for Recent<K, P> {
    fn default() -> Self {
        Self(Mutex::new(Inner { changes: 0, known: HashMap::new() }))
    }
}

impl<K: Eq + Hash, P: Clone> Recent<K, P> {
    /// Who it is.
    ///
    /// # Errors
    ///
    /// When the database has to be asked; its answer goes into [`Recent::keep`].
    pub(super) fn find(&self, presented: &K, now: Instant) -> Result<P, Asked> {
        let inner = self.inner();
        match inner.known.get(presented) {
            Some((who, until)) if now < *until => Ok(who.clone()),
            Some(_) | None => Err(Asked { changes: inner.changes, at: now }),
        }
    }

    /// Remembers whom the database let in.
    pub(super) fn keep(&self, presented: K, who: P, asked: Asked) {
        let mut inner = self.inner();
        // It may have been read before the change was.
        if inner.changes != asked.changes {
            return;
        }
        if inner.known.len() >= REMEMBERED_MAX {
            inner.known.retain(|_, (_, until)| asked.at < *until);
        }
        if inner.known.len() < REMEMBERED_MAX {
            // From the question on, and not from the answer: that may have taken long.
            inner.known.insert(presented, (who, asked.at + GOOD_FOR));
        }
    }

    /// Forgets everybody: something was changed.
    pub(super) fn forget(&self) {
        let mut inner = self.inner();
        inner.changes = inner.changes.wrapping_add(1);
        inner.known.clear();
    }

    fn inner(&self) -> MutexGuard<'_, Inner<K, P>> {
        // Each of the three leaves it whole at every step, so a panic elsewhere harms nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets everybody once a request that may change something is over.
pub(super) async fn end_with_changes(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let _forgets = Forgets(state.gate);
    next.run(request).await
}

/// Forgets when it is dropped, so also where a request is given up on its way: its change may stand.
struct Forgets(Gate);

impl Drop for Forgets {
    fn drop(&mut self) {
        self.0.recent().forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const A_WHILE: Duration = Duration::from_millis(1_999);

    fn asked<P: Clone + fmt::Debug>(recent: &Recent<u32, P>, who: u32, now: Instant) -> Asked {
        recent.find(&who, now).map(|who| format!("{who:?}")).unwrap_err()
    }

    #[test]
    fn who_was_let_in_is_known_for_two_seconds_after_the_question() {
        let (recent, now) = (Recent::default(), Clock::system().instant());
        let question = asked(&recent, 1, now);
        recent.keep(1, "ann", question);
        assert_eq!(recent.find(&1, now + A_WHILE), Ok("ann"));
        assert!(recent.find(&1, now + GOOD_FOR).is_err());
        assert!(recent.find(&2, now).is_err(), "somebody else");
    }

    #[test]
    fn a_change_ends_what_was_known_and_what_was_being_asked() {
        let (recent, now) = (Recent::default(), Clock::system().instant());
        recent.keep(1, "ann", asked(&recent, 1, now));
        let before = asked(&recent, 2, now);
        recent.forget();
        assert!(recent.find(&1, now).is_err());
        recent.keep(2, "bob", before);
        assert!(recent.find(&2, now).is_err(), "read before the change");
        recent.keep(2, "bob", asked(&recent, 2, now));
        assert_eq!(recent.find(&2, now), Ok("bob"));
    }

    #[test]
    fn no_more_are_remembered_than_may_be_until_some_are_over() {
        let (recent, now) = (Recent::default(), Clock::system().instant());
        let question = asked(&recent, 0, now);
        for who in 0..=u32::try_from(REMEMBERED_MAX).unwrap() {
            recent.keep(who, (), question);
        }
        assert!(recent.find(&0, now).is_ok());
        let last = u32::try_from(REMEMBERED_MAX).unwrap();
        assert!(recent.find(&last, now).is_err(), "one too many");
        let later = now + GOOD_FOR;
        recent.keep(last, (), asked(&recent, last, later));
        assert!(recent.find(&last, later).is_ok());
    }
}
