//! Software rows that are known to exist, so that a report about software that the company has
//! had before costs no question to the database.
//!
//! It is a hint that is only ever right: a key enters after the transaction that wrote or saw its
//! row was committed, and software rows are never deleted. A database may go back all the same, to a
//! standby that lagged or to a backup; so a key is known in one [`History`] and in no other. What is
//! forgotten is asked for again.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use protocol::fingerprint::SoftwareKey;
use sqlx::PgConnection;

type Entry = (i64, History, SoftwareKey);

/// What was committed in it stays committed: one run of one server, with one database of that name.
///
/// To go over to a standby, to restore a backup or a disk's picture and to put a database in the place of
/// another each begin another one. A restart does as well, after which nothing may be missing; then rows
/// are asked for that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct History(i64);

impl History {
    /// That of a transaction. Asked in each anew, because nothing else says which server it is on: an address may
    /// be several servers', one after the other, and so may a pooler's connection.
    pub(crate) async fn of(tx: &mut PgConnection) -> Result<Self, sqlx::Error> {
        // No timeline and no number of a cluster: a disk that is put back keeps both, and not every service
        // tells them. The server's beginning is told in microseconds, and by every one.
        let number = sqlx::query_scalar(
            "SELECT hashtextextended(
                 concat(extract(epoch FROM pg_postmaster_start_time()), ' ', oid), 0)
             FROM pg_database WHERE datname = current_database()",
        );
        Ok(Self(number.fetch_one(tx).await?))
    }
}

#[cfg(any(test, feature = "test-support"))]
impl History {
    /// One of a simulation.
    pub(crate) const fn simulated(number: i64) -> Self {
        Self(number)
    }
}

/// A bounded set that forgets what was not asked for lately.
///
/// Two generations: when the young one is full it becomes the old one, and the old one is
/// dropped. What is asked for is moved to the young one.
#[derive(Debug)]
pub(crate) struct KnownSoftware {
    generations: Mutex<Generations>,
    /// Entries of one generation.
    entries_max: usize,
    /// Whose turn it is to write rows, by company; several companies may share one.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// Companies that can write new software at once.
const TURNS: usize = 16;

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<Entry>,
    old: HashSet<Entry>,
}

impl KnownSoftware {
    /// A set of at most `entries_max` entries, about 40 bytes each.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            generations: Mutex::default(),
            // Two generations are kept, so each gets half.
            entries_max: (entries_max / 2).max(1),
            turns: [const { tokio::sync::Mutex::const_new(()) }; TURNS],
        }
    }

    /// Waits until nobody of this process writes new software of a company. Whoever comes after asks
    /// again what is unknown: hosts bring the same, and it needs judging and writing once.
    ///
    /// # Cancel safety
    ///
    /// Safe: a turn that is not given out is not taken.
    pub(crate) async fn turn(&self, company: i64) -> tokio::sync::MutexGuard<'_, ()> {
        // Companies that share a turn only wait for each other now and then; a lock for each would
        // be a table that has to be cleaned.
        let number = usize::try_from(company.unsigned_abs()).unwrap_or(0) % TURNS;
        self.turns[number].lock().await
    }

    /// Those of `keys` that are not known in a history, in their order.
    pub(crate) fn unknown(
        &self,
        company: i64,
        history: History,
        keys: impl IntoIterator<Item = SoftwareKey>,
    ) -> Vec<SoftwareKey> {
        let mut generations = self.lock();
        let mut unknown = Vec::new();
        for key in keys {
            // The company belongs to it: that another one has the software says nothing of this
            // one's rows.
            let entry = (company, history, key);
            if generations.young.contains(&entry) {
                continue;
            }
            if generations.old.contains(&entry) {
                // What is in use moves on with each look, so that it outlives the old generation.
                generations.insert(entry, self.entries_max);
            } else {
                unknown.push(key);
            }
        }
        unknown
    }

    /// Takes in keys whose rows are committed, in the history of the transaction that wrote or saw them.
    pub(crate) fn insert(
        &self,
        company: i64,
        history: History,
        keys: impl IntoIterator<Item = SoftwareKey>,
    ) {
        let mut generations = self.lock();
        for key in keys {
            generations.insert((company, history, key), self.entries_max);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        // A panic between two inserts leaves a smaller set, which is a valid one.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn insert(&mut self, entry: Entry, entries_max: usize) {
        if self.young.len() >= entries_max {
            // In constant time: to look for the oldest entry would be done under the lock.
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: History = History(1);

    fn keys(range: std::ops::Range<u128>) -> impl Iterator<Item = SoftwareKey> {
        range.map(SoftwareKey)
    }

    #[test]
    fn knows_what_it_took_in_and_nothing_of_another_company() {
        let known = KnownSoftware::new(100);
        known.insert(1, NOW, keys(0..3));
        assert_eq!(known.unknown(1, NOW, keys(0..5)), [SoftwareKey(3), SoftwareKey(4)]);
        assert_eq!(known.unknown(2, NOW, keys(0..1)), [SoftwareKey(0)]);
    }

    #[test]
    fn knows_nothing_of_another_history_until_it_is_the_one_before_again() {
        let known = KnownSoftware::new(100);
        known.insert(1, NOW, keys(0..1));
        assert_eq!(known.unknown(1, History(2), keys(0..1)), [SoftwareKey(0)]);
        // Two servers that both take writes for a moment: what one has says nothing of the other.
        assert_eq!(known.unknown(1, NOW, keys(0..1)), []);
    }

    #[test]
    fn stays_within_its_bound() {
        let known = KnownSoftware::new(100);
        known.insert(1, NOW, keys(0..10_000));
        let generations = known.lock();
        assert!(generations.young.len() + generations.old.len() <= 100);
    }

    #[test]
    fn keeps_what_is_asked_for_and_forgets_the_rest() {
        let known = KnownSoftware::new(20);
        known.insert(1, NOW, keys(0..10));
        // Each round fills half of a generation; what is asked for in every round has to live
        // through all.
        for round in 1..10 {
            known.insert(1, NOW, keys(round * 100..round * 100 + 5));
            assert_eq!(known.unknown(1, NOW, keys(0..1)), []);
        }
        assert_eq!(known.unknown(1, NOW, keys(9..10)), [SoftwareKey(9)]);
    }
}
