//! Signals of findings that come with inventories, seldom enough to cost nothing.
//!
//! A transaction with a signal in it holds a lock of the whole server while it commits, so that
//! signals come in the order of commits. Batches of inventories would queue up there; so theirs is
//! sent behind the commit, and not for every one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// Between two signals of one company. What happens meanwhile is found by the next, or by a poll.
const EVERY: Duration = Duration::seconds(1);
/// Companies that are remembered; what is forgotten costs a signal.
const COMPANIES_MAX: usize = 10_000;

/// When each company's last signal was sent by this process.
#[derive(Debug, Default)]
pub(crate) struct Announced(Mutex<HashMap<i64, OffsetDateTime>>);

impl Announced {
    /// Whether a signal of a company is due; it counts as sent then.
    pub(crate) fn is_due(&self, company_key: i64, now: OffsetDateTime) -> bool {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = sent
            .get(&company_key)
            // A clock that was set back must not silence a company.
            .is_some_and(|at| *at <= now && now - *at < EVERY);
        if is_recent {
            return false;
        }
        if sent.len() >= COMPANIES_MAX {
            // Whole and at once: which of ten thousand spoke last is not worth a list.
            sent.clear();
        }
        // Before it is sent: two workers that come at once would both send, and a signal that is
        // lost is made up for by the poll.
        sent.insert(company_key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_fixtures::at;

    #[test]
    fn a_companys_signals_are_a_second_apart_and_none_waits_for_another_companys() {
        let announced = Announced::default();
        assert!(announced.is_due(1, at(0)));
        assert!(!announced.is_due(1, at(0)));
        assert!(announced.is_due(2, at(0)));
        assert!(announced.is_due(1, at(1)));
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nobody() {
        let announced = Announced::default();
        assert!(announced.is_due(1, at(100)));
        assert!(announced.is_due(1, at(0)));
    }

    #[test]
    fn remembers_no_more_companies_than_it_may() {
        let announced = Announced::default();
        // More than twice what is remembered, so that the table is emptied and filled anew.
        for company in 0..25_000 {
            assert!(announced.is_due(company, at(0)));
        }
        assert!(announced.0.lock().unwrap().len() <= COMPANIES_MAX);
    }
}
