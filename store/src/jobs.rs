//! Jobs: work that exactly one node does, once for each tick.
//!
//! Every node's scheduler asks for the same tick and one row comes of it. A node takes a job for
//! itself for a while; when it dies meanwhile, another one takes it. So a job has to bear being done
//! twice. How long that while is, the database's clock says: nodes' own may be hours apart. Payloads
//! hold no company's data, ids at most. Where a job is one company's, one of that company's runs at a time.

mod cancel;
mod list;

use std::time::Duration;

use protocol::ids::CompanyId;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

pub use self::cancel::{CancelError, cancel, cancel_own};
pub(crate) use self::cancel::{cancel_of_company, cancel_tick};
pub use self::list::{JobFilter, JobState, ListedJob, list, list_own};
use crate::commands;
use crate::database::Store;
use crate::error::StoreError;
use crate::tx::{self, Settings};

/// Held by whoever takes a job, until it is taken; any number that nothing else takes.
const TAKING: i64 = 0x6d75_7374_6572_0002;

/// A job to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob<'a> {
    /// What is to be done.
    pub kind: &'a str,
    /// For which tick: one job of a kind and tick is ever made.
    pub tick: &'a str,
    /// With what.
    pub payload: &'a Value,
    /// Not before.
    pub run_after: OffsetDateTime,
    /// Whose it is, where it is one company's: whose people see it, and may cancel it.
    pub company: Option<CompanyId>,
}

/// A job that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number.
    pub key: i64,
    /// What is to be done.
    pub kind: String,
    /// For which tick.
    pub tick: String,
    /// With what.
    pub payload: Value,
    /// How often it was taken, this time included.
    pub attempts: u32,
}

/// Asks for a job and wakes the nodes; whether nobody had asked before.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn enqueue(
    store: &Store,
    job: &NewJob<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = tx::begin(store.transactions(), "jobs.enqueue", Settings::default()).await?;
    let is_new = enqueue_within(&mut tx, job, now).await?;
    tx.commit().await?;
    Ok(is_new)
}

/// The same with the transaction that makes what the job is about, so that neither is without the other.
pub(crate) async fn enqueue_within(
    tx: &mut PgConnection,
    job: &NewJob<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO jobs (kind, tick, payload, run_after, created_at, company)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (kind, tick) DO NOTHING",
        job.kind,
        job.tick,
        job.payload,
        job.run_after,
        now,
        job.company.map(|company| company.0)
    )
    .execute(&mut *tx)
    .await?;
    let is_new = done.rows_affected() > 0;
    // Only for a new row: N schedulers that ask for the same tick wake everyone once.
    if is_new {
        // PostgreSQL delivers it at the commit, so whoever is woken finds the row.
        commands::announce_job(tx).await?;
    }
    Ok(is_new)
}

/// Asks for a job that comes again and again, unless the one before it still waits or runs.
///
/// What one does not get done the next does, and two of them at once would do the same. `series` is how its ticks' names
/// begin. It is the site's, and no company's.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn enqueue_in_turn(
    store: &Store,
    job: &NewJob<'_>,
    series: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = tx::begin(store.transactions(), "jobs.enqueue", Settings::default()).await?;
    let done = sqlx::query!(
        "INSERT INTO jobs (kind, tick, payload, run_after, created_at)
         SELECT $1::text, $2::text, $3::jsonb, $4::timestamptz, $5::timestamptz
         WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.kind = $1 AND starts_with(j.tick, $6)
                           AND j.state IN ('queued', 'running'))
         ON CONFLICT (kind, tick) DO NOTHING",
        job.kind,
        job.tick,
        job.payload,
        job.run_after,
        now,
        series
    )
    .execute(&mut *tx)
    .await?;
    let is_new = done.rows_affected() > 0;
    if is_new {
        commands::announce_job(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(is_new)
}

/// Takes the job of some kinds that waits longest, for `lease`; `None` when none waits. `now` is what the node
/// takes for the time, and says whose time has come.
///
/// A company has one job that runs, on whatever node, and its next one waits as if it had been asked for when
/// that began: companies take turns, however much one of them asks for. For that nodes take jobs one after another,
/// each in a moment; work is waited for by nobody.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn take(
    store: &Store,
    kinds: &[&str],
    lease: Duration,
    now: OffsetDateTime,
) -> Result<Option<Job>, StoreError> {
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let mut tx = tx::begin(store.transactions(), "jobs.take", Settings::default()).await?;
    // A statement of its own: the next one then sees what was taken before it had the lock. No unique index, which
    // would refuse everybody all jobs for two of one company that a node of another release has.
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", TAKING).fetch_one(&mut *tx).await?;
    let row = sqlx::query!(
        // `SKIP LOCKED` passes over rows that another node is just ending. A lease that ran out
        // counts as waiting: its node died, or is so slow that it will be refused at the end. It runs
        // by the database's clock, or a node whose own is ahead would take what others work at.
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, began_at = $2,
                leased_until = clock_timestamp() + make_interval(secs => $3)
         WHERE key = (
             SELECT j.key FROM jobs j
             WHERE j.kind = ANY($1) AND j.run_after <= $2
               AND (j.state = 'queued'
                    OR (j.state = 'running' AND j.leased_until <= clock_timestamp()))
               AND NOT EXISTS (SELECT FROM jobs o
                               WHERE o.company = j.company AND o.state = 'running'
                                 AND o.leased_until > clock_timestamp() AND o.key <> j.key)
             ORDER BY greatest(j.run_after, (SELECT max(o.began_at) FROM jobs o
                                             WHERE o.company = j.company)),
                      j.run_after, j.key
             LIMIT 1 FOR UPDATE OF j SKIP LOCKED
         )
         RETURNING key, kind, tick, payload, attempts",
        &kinds,
        now,
        lease.as_secs_f64()
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(row.map(|row| Job {
        key: row.key,
        kind: row.kind,
        tick: row.tick,
        payload: row.payload,
        // What tells this holder from the next: with every lease that runs out the number grows,
        // and whoever comes back late finds that it is no longer theirs.
        attempts: row.attempts.unsigned_abs(),
    }))
}

/// Keeps a job that takes long for another `lease`; whether it is still this attempt's.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn extend(store: &Store, job: &Job, lease: Duration) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        // By attempt as well: the job may have gone to another node meanwhile, whose lease is not
        // this one's.
        "UPDATE jobs SET leased_until = clock_timestamp() + make_interval(secs => $3)
         WHERE key = $1 AND state = 'running' AND attempts = $2",
        job.key,
        // It came from an `integer` that counts up from 0, so the number always fits.
        i32::try_from(job.attempts).unwrap_or(i32::MAX),
        lease.as_secs_f64()
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes how far a job has got, as the payload that whoever takes it next is given; whether it is
/// still this attempt's.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn note(store: &Store, job: &Job, payload: &Value) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE jobs SET payload = $3 WHERE key = $1 AND state = 'running' AND attempts = $2",
        job.key,
        i32::try_from(job.attempts).unwrap_or(i32::MAX),
        payload
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    /// It is done.
    Done,
    /// It is to be tried again at an instant.
    Retry {
        /// When.
        at: OffsetDateTime,
        /// Why.
        error: &'a str,
    },
    /// This part of it is done; the rest is for an instant.
    Later {
        /// When.
        at: OffsetDateTime,
    },
    /// It is given up.
    Failed {
        /// Why.
        error: &'a str,
    },
}

/// Ends a job that was taken; whether it was still this attempt's to end.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn end(
    store: &Store,
    job: &Job,
    ending: Ending<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let (state, run_after, error) = match ending {
        Ending::Done => ("done", None, None),
        Ending::Retry { at, error } => ("queued", Some(at), Some(error)),
        Ending::Later { at } => ("queued", Some(at), None),
        Ending::Failed { error } => ("failed", None, Some(error)),
    };
    let done = sqlx::query!(
        // `$4` is set where it goes on: only a job that is over has an end, and is forgotten by
        // it.
        "UPDATE jobs SET state = $3, run_after = coalesce($4, run_after), error = $5,
                leased_until = NULL,
                finished_at = CASE WHEN $4::timestamptz IS NULL THEN $6::timestamptz END
         WHERE key = $1 AND state = 'running' AND attempts = $2",
        job.key,
        i32::try_from(job.attempts).unwrap_or(i32::MAX),
        state,
        run_after,
        error,
        now
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets jobs that ended before an instant; gives how many. Their ticks can be asked for again.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(store: &Store, before: OffsetDateTime) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM jobs WHERE state IN ('done', 'failed') AND finished_at < $1",
        before
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests;
