//! Which match index counts, and what changed from each to the next.
//!
//! It exists because nodes take an index into use one after the other. The newest that any of them
//! recorded counts; only a node that holds it judges stored software again, so two nodes with
//! different indexes never undo each other's work. The rows hold no company's data.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use enrichment::index::{CHANGED_KEYS_MAX, ChangedKeys};
use enrichment::lookup_key::LookupKey;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::database::Store;
use crate::error::StoreError;
use crate::tx::{self, Settings};

/// Held while a row is added, so that each is added to the one before it. Any number that nothing
/// else takes.
const LOCK: i64 = 0x006d_7573_7465_7267;

/// An index that a node took into use.
#[derive(Clone, Debug)]
pub struct Taken<'a> {
    /// What judges, the index and the rules together: what software rows name.
    pub generation: u64,
    /// The index by its content.
    pub index: u64,
    /// The number of the rules; of two with the same index, the greater is the newer.
    pub rules: u32,
    /// When the index was made; of two indexes, the later is the newer.
    pub built_at: OffsetDateTime,
    /// What it changes, and from which generation; `None` when that is not known.
    pub changes: Option<(u64, &'a ChangedKeys)>,
}

/// What an index is, beside those that other nodes recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the newest, and counts from now on.
    New,
    /// It is the one that counts.
    Current,
    /// A newer one counts.
    Older {
        /// Its generation.
        current: u64,
    },
}

/// Records an index that was taken into use, and says whether it counts.
///
/// # Errors
///
/// When the database cannot be used.
///
/// # Cancel safety
///
/// Dropped before it ends, the index is recorded or not; recording it again does no harm.
pub async fn record(
    store: &Store,
    taken: &Taken<'_>,
    now: OffsetDateTime,
) -> Result<Standing, StoreError> {
    let mut tx = tx::begin(store.transactions(), "generations.record", Settings::default()).await?;
    // In a statement of its own: at READ COMMITTED each statement has its own snapshot, so the next
    // one sees what whoever held the lock has committed.
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", LOCK).fetch_one(&mut *tx).await?;
    let last = sqlx::query_as!(
        Last,
        "SELECT ordinal, generation, index, rules, built_at FROM match_generations
         ORDER BY ordinal DESC LIMIT 1"
    )
    .fetch_optional(&mut *tx)
    .await?;
    let changed = match &last {
        // The first of all: what stored software was judged with before is not known here.
        None => None,
        Some(last) => match last.order(taken) {
            Ordering::Greater => changed_since(&mut tx, taken).await?,
            Ordering::Equal => {
                made_again(&mut tx, last.ordinal, taken.built_at).await?;
                tx.commit().await?;
                return Ok(Standing::Current);
            }
            // Not an error. The node goes on with what it has, and what it stores is marked late.
            Ordering::Less => {
                tx.rollback().await?;
                let current = last.generation.cast_unsigned();
                return Ok(Standing::Older { current });
            }
        },
    };
    sqlx::query!(
        "INSERT INTO match_generations (generation, index, rules, built_at, recorded_at, changed)
         VALUES ($1, $2, $3, $4, $5, $6)",
        taken.generation.cast_signed(),
        taken.index.cast_signed(),
        i64::from(taken.rules),
        taken.built_at,
        now,
        changed as Option<Vec<i64>>
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Standing::New)
}

/// The index that counts.
struct Last {
    ordinal: i64,
    generation: i64,
    index: i64,
    rules: i64,
    built_at: OffsetDateTime,
}

impl Last {
    /// How an index stands to it. Each node makes its own copy of the same index at another time,
    /// so times decide between different ones only.
    fn order(&self, taken: &Taken<'_>) -> Ordering {
        let index = taken.index.cast_signed();
        let by_rules = i64::from(taken.rules).cmp(&self.rules);
        if index == self.index {
            return by_rules;
        }
        // The column keeps microseconds.
        let built_at = |at: OffsetDateTime| at.unix_timestamp_nanos() / 1_000;
        built_at(taken.built_at)
            .cmp(&built_at(self.built_at))
            .then(by_rules)
            // Whichever it is, it must be the same one on every node.
            .then(index.cmp(&self.index))
    }
}

/// The index that counts was made again from the same records: it is as new as its latest copy.
async fn made_again(
    tx: &mut PgConnection,
    ordinal: i64,
    built_at: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE match_generations SET built_at = $2 WHERE ordinal = $1 AND built_at < $2",
        ordinal,
        built_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What the index changes from the last recorded one; `None` for everything.
///
/// The node may have held another one before. What differs between two differs between the first
/// and a third, or between that and the second: so what was recorded since the node's own last
/// one is added to what the node found.
async fn changed_since(
    tx: &mut PgConnection,
    taken: &Taken<'_>,
) -> Result<Option<Vec<i64>>, StoreError> {
    let Some((from, ChangedKeys::These(own))) = taken.changes else {
        return Ok(None);
    };
    let since = sqlx::query_scalar!(
        // The last time that it was recorded: an index may come back, and what changed in between
        // came back with it.
        "SELECT max(ordinal) FROM match_generations WHERE generation = $1",
        from.cast_signed()
    )
    .fetch_one(&mut *tx)
    .await?;
    let Some(since) = since else {
        return Ok(None);
    };
    let others = sqlx::query_scalar!(
        // None of them was forgotten: changes are finished, and purged, in their order, and `since`
        // is there.
        "SELECT changed FROM match_generations WHERE ordinal > $1",
        since
    )
    .fetch_all(tx)
    .await?;
    let mut changed: BTreeSet<i64> = own.iter().map(|key| key.0.cast_signed()).collect();
    for others in others {
        // One of them changed everything, and so does all that contains it.
        let Some(others) = others else {
            return Ok(None);
        };
        changed.extend(others);
    }
    // More keys than that take longer to ask for than to judge everything.
    Ok((changed.len() <= CHANGED_KEYS_MAX).then(|| changed.into_iter().collect()))
}

/// The generation that counts; `None` before the first.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn current(store: &Store) -> Result<Option<u64>, StoreError> {
    let generation = sqlx::query_scalar!(
        "SELECT generation FROM match_generations ORDER BY ordinal DESC LIMIT 1"
    )
    .fetch_optional(store.pool())
    .await?;
    Ok(generation.map(i64::cast_unsigned))
}

/// A change from one index to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place among the others.
    pub ordinal: i64,
    /// What it changed.
    pub changed: ChangedKeys,
    /// The generations that already have it: what was judged with one of them is not concerned.
    pub has_it: Vec<u64>,
}

/// The changes that stored software has still to be judged for, oldest first.
///
/// With an instant also those that are finished and were recorded since: software that was being
/// stored meanwhile may have been missed.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn unfinished(
    store: &Store,
    or_recorded_since: Option<OffsetDateTime>,
) -> Result<Vec<Change>, StoreError> {
    let rows = sqlx::query!(
        // An index that is newer than a change has it, too: software that was judged with one of
        // those is passed over.
        r#"SELECT g.ordinal, g.changed,
                  (SELECT array_agg(h.generation) FROM match_generations h
                   WHERE h.ordinal >= g.ordinal) AS "has_it!"
           FROM match_generations g
           WHERE g.finished_at IS NULL OR g.recorded_at >= $1
           ORDER BY g.ordinal"#,
        or_recorded_since
    )
    .fetch_all(store.pool())
    .await?;
    let rows = rows.into_iter().map(|row| Change {
        ordinal: row.ordinal,
        changed: match row.changed {
            None => ChangedKeys::Everything,
            Some(keys) => {
                let keys = keys.into_iter();
                ChangedKeys::These(keys.map(|key| LookupKey(key.cast_unsigned())).collect())
            }
        },
        has_it: row.has_it.into_iter().map(i64::cast_unsigned).collect(),
    });
    Ok(rows.collect())
}

/// Notes that all stored software was judged for the changes up to an ordinal; whether any of them
/// was not noted before.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn finish(store: &Store, through: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        // All up to it: whoever judges takes the changes together, and only with the index that
        // counts.
        "UPDATE match_generations SET finished_at = $2
         WHERE ordinal <= $1 AND finished_at IS NULL",
        through,
        now
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets changes that were finished before an instant, but for the index that counts; gives how
/// many. A node that comes back with an index that was forgotten has everything judged again.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(store: &Store, before: OffsetDateTime) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM match_generations
         WHERE finished_at < $1 AND ordinal < (SELECT max(ordinal) FROM match_generations)",
        before
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests;
