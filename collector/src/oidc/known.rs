//! What providers published lately: nobody is asked twice for the same, and what is kept is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::documents::{Discovered, Keys};

/// For how long what was published is good.
const GOOD_FOR: Duration = Duration::from_secs(3_600);
/// For how long keys are good in which one was missed: a token with a key that nobody has makes us ask so often.
const MISSED_AFTER: Duration = Duration::from_secs(30);
/// Providers that are remembered. Companies name them, so there are about as many as companies.
const ISSUERS_MAX: usize = 1_000;

/// What is known of providers, by their names.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    discovered: Arc<Discovered>,
    since: Instant,
    keys: Option<(Arc<Keys>, Instant)>,
}

impl Known {
    /// Where a provider is asked.
    pub(super) fn discovered(&self, issuer: &str, now: Instant) -> Option<Arc<Discovered>> {
        let inner = self.inner();
        let entry = inner.get(issuer).filter(|entry| is_good(entry.since, GOOD_FOR, now))?;
        Some(Arc::clone(&entry.discovered))
    }

    /// A provider's keys; `missed` where one was not among them.
    pub(super) fn keys(&self, issuer: &str, missed: bool, now: Instant) -> Option<Arc<Keys>> {
        let inner = self.inner();
        let (keys, since) = inner.get(issuer)?.keys.as_ref()?;
        let good_for = if missed { MISSED_AFTER } else { GOOD_FOR };
        is_good(*since, good_for, now).then(|| Arc::clone(keys))
    }

    /// Remembers where a provider is asked.
    pub(super) fn keep(&self, discovered: &Arc<Discovered>, now: Instant) {
        let mut inner = self.inner();
        let is_new = !inner.contains_key(&discovered.issuer);
        if is_new && inner.len() >= ISSUERS_MAX {
            let oldest = inner.iter().min_by_key(|(_, entry)| entry.since);
            let oldest = oldest.map(|(issuer, _)| issuer.clone());
            oldest.and_then(|issuer| inner.remove(&issuer));
        }
        // Its keys may be elsewhere now.
        let entry = Entry { discovered: Arc::clone(discovered), since: now, keys: None };
        inner.insert(discovered.issuer.clone(), entry);
    }

    /// Remembers a provider's keys.
    pub(super) fn keep_keys(&self, issuer: &str, keys: &Arc<Keys>, now: Instant) {
        if let Some(entry) = self.inner().get_mut(issuer) {
            entry.keys = Some((Arc::clone(keys), now));
        }
    }

    fn inner(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // Nothing panics while it is held, and what is not there is asked for.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_good(since: Instant, good_for: Duration, now: Instant) -> bool {
    now.saturating_duration_since(since) < good_for
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;

    fn discovered(issuer: &str) -> Arc<Discovered> {
        let document = json!({ "issuer": issuer, "authorization_endpoint": "a",
                               "token_endpoint": "t", "jwks_uri": "j" });
        Arc::new(serde_json::from_value(document).unwrap())
    }

    #[test]
    fn what_was_published_is_asked_for_again_after_a_while_and_sooner_when_a_key_was_missed() {
        let (known, now) = (Known::default(), Clock::system().instant());
        known.keep(&discovered("i"), now);
        known.keep_keys("i", &Arc::default(), now);
        let soon = now + Duration::from_secs(29);
        assert!(known.keys("i", true, soon).is_some(), "it was asked a moment ago");
        let later = now + Duration::from_secs(31);
        assert!(known.keys("i", true, later).is_none());
        assert!(known.keys("i", false, later).is_some());
        let over = now + GOOD_FOR;
        assert!(known.discovered("i", over).is_none() && known.keys("i", false, over).is_none());
    }

    #[test]
    fn however_many_providers_are_named_as_many_are_remembered_as_may_be() {
        let (known, now) = (Known::default(), Clock::system().instant());
        for number in 0..ISSUERS_MAX + 10 {
            let at = now + Duration::from_millis(number.try_into().unwrap());
            known.keep(&discovered(&number.to_string()), at);
        }
        assert_eq!(known.inner().len(), ISSUERS_MAX);
        let then = now + Duration::from_secs(60);
        assert!(known.discovered("0", then).is_none(), "the oldest went");
        assert!(known.discovered(&(ISSUERS_MAX + 9).to_string(), then).is_some());
    }
}
