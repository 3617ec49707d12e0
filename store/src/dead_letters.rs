//! Reports that were acknowledged and can never be stored: kept whole, with the reason.
//!
//! A dead letter takes its place in its agent's line, so that the reports after it are not held up,
//! and the agent is asked for a snapshot, which makes up for it. It is never deleted here.

mod many;

use std::collections::BTreeMap;

use protocol::frame::{Frame, Packing};
use protocol::ids::{AgentId, Position, Succession};
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::many::{LETTERS_A_TIME, MadeUpFor, Which, replay_many};
use crate::agents::{position, queue_snapshots};
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within};
use crate::tenant::TenantScope;
use crate::tx;

/// A report that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// Its id; the caller's, and of no matter when the report is there already.
    pub id: Uuid,
    /// Whose.
    pub agent: AgentId,
    /// Its place in its agent's line.
    pub position: Position,
    /// Why, as a metric's label.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// The report as it came.
    pub frame: Frame,
    /// When it came.
    pub received_at: OffsetDateTime,
}

/// A dead letter as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub agent: AgentId,
    /// Its place in its agent's line.
    pub position: Position,
    /// Why, as a metric's label.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// Bytes of the report as it came.
    pub bytes: u64,
    /// When it came.
    pub received_at: OffsetDateTime,
    /// When it was given up.
    pub created_at: OffsetDateTime,
    /// When its agent was asked again because of it.
    pub replayed_at: Option<OffsetDateTime>,
}

/// Keeps reports that cannot be stored; gives how many were not kept before.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn add(
    scope: &TenantScope,
    letters: &[NewDeadLetter],
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    if letters.is_empty() {
        return Ok(0);
    }
    tx::retrying("dead_letters.add", || attempt(scope, letters, now)).await
}

async fn attempt(
    scope: &TenantScope,
    letters: &[NewDeadLetter],
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("dead_letters.add").await?;
    let moved = move_lines(&mut tx, scope.key(), letters).await?;
    let added = insert(&mut tx, scope.key(), letters, now).await?;
    // In the same transaction: a report that is given up without a snapshot being asked for would
    // be a loss.
    queue_snapshots(&mut tx, scope.key(), &moved, now).await?;
    tx.commit().await?;
    Ok(added)
}

/// Moves lines over the letters that are next in them; gives the agents whose lines moved.
async fn move_lines(
    tx: &mut PgConnection,
    company_key: i64,
    letters: &[NewDeadLetter],
) -> Result<Vec<i64>, StoreError> {
    let mut agents: Vec<Uuid> = letters.iter().map(|letter| letter.agent.0).collect();
    agents.sort_unstable();
    agents.dedup();
    let mut lines: BTreeMap<AgentId, (i64, Position, bool)> = BTreeMap::new();
    for row in sqlx::query_file!("src/reports/lock_agents.sql", company_key, &agents)
        .fetch_all(&mut *tx)
        .await?
    {
        let applied = position(row.applied_epoch, row.applied_seq)?;
        lines.insert(AgentId(row.id), (row.key, applied, false));
    }
    for letter in letters {
        // Only the next in the line moves it: a letter that is buried twice, or behind a gap, must
        // not jump over what is still to come.
        if let Some((_, applied, has_moved)) = lines.get_mut(&letter.agent)
            && applied.succession(letter.position) == Succession::Next
        {
            *applied = letter.position;
            *has_moved = true;
        }
    }
    let moved: Vec<(i64, Position)> = lines
        .into_values()
        .filter(|(.., has_moved)| *has_moved)
        .map(|(key, applied, _)| (key, applied))
        .collect();
    let keys: Vec<i64> = moved.iter().map(|(key, _)| *key).collect();
    let epochs: Vec<i64> = moved.iter().map(|(_, at)| i64::from(at.epoch.0)).collect();
    let seqs: Vec<i64> = moved.iter().map(|(_, at)| i64::from(at.seq.0)).collect();
    sqlx::query!(
        "UPDATE agents a SET applied_epoch = r.epoch, applied_seq = r.seq
         FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[]) AS r (key, epoch, seq)
         WHERE a.company_key = $1 AND a.key = r.key AND a.key = ANY($2)",
        company_key,
        &keys,
        &epochs,
        &seqs
    )
    .execute(tx)
    .await?;
    Ok(keys)
}

async fn insert(
    tx: &mut PgConnection,
    company_key: i64,
    letters: &[NewDeadLetter],
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = letters.iter().map(|letter| letter.id).collect();
    let agents: Vec<Uuid> = letters.iter().map(|letter| letter.agent.0).collect();
    let number = |value: fn(&NewDeadLetter) -> u32| -> Vec<i64> {
        letters.iter().map(|letter| i64::from(value(letter))).collect()
    };
    let text = |value: fn(&NewDeadLetter) -> &str| -> Vec<String> {
        letters
            .iter()
            // PostgreSQL's text holds no zero, and the reason may quote the data that was refused
            // for one.
            .map(|letter| value(letter).replace('\0', ""))
            .collect()
    };
    let packings: Vec<i16> =
        letters.iter().map(|letter| i16::from(letter.frame.packing.to_byte())).collect();
    let frames: Vec<Vec<u8>> = letters.iter().map(|letter| letter.frame.payload.clone()).collect();
    let received_at: Vec<OffsetDateTime> =
        letters.iter().map(|letter| letter.received_at).collect();
    let done = sqlx::query!(
        "INSERT INTO dead_letters (company_key, id, agent, epoch, seq, reason, detail, packing,
                                   frame, received_at, created_at)
         SELECT $1, r.*, $11
         FROM UNNEST($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
                     $8::smallint[], $9::bytea[], $10::timestamptz[]) AS r
         ON CONFLICT (company_key, agent, epoch, seq) DO NOTHING",
        company_key,
        &ids,
        &agents,
        &number(|letter| letter.position.epoch.0),
        &number(|letter| letter.position.seq.0),
        &text(|letter| &letter.reason),
        &text(|letter| &letter.detail),
        &packings,
        &frames,
        &received_at,
        now
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

const NEWEST: Order = Order {
    by: "created_at",
    of: SortType::Instant,
    descending: true,
    tie: "id",
    tie_is_uuid: true,
};

/// A page of dead letters, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(scope: &TenantScope, page: &PageRequest) -> Result<Page<DeadLetter>, StoreError> {
    let mut query = within(
        scope,
        "SELECT id, agent, epoch, seq, reason, detail, length(frame)::bigint AS bytes, \
         received_at, created_at, replayed_at",
    )?;
    NEWEST.push_columns(&mut query);
    query.push("FROM dead_letters WHERE company_key = $1");
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "dead_letters.list", query).await?;
    NEWEST.page(rows, page, TryInto::try_into)
}

/// The report of a dead letter as it came; `None` when there is no such letter.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn frame(scope: &TenantScope, id: Uuid) -> Result<Option<Frame>, StoreError> {
    let mut tx = scope.begin("dead_letters.frame").await?;
    let row = sqlx::query!(
        "SELECT packing, frame FROM dead_letters WHERE company_key = $1 AND id = $2",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    row.map(|row| {
        let packing = u8::try_from(row.packing).ok().and_then(Packing::from_byte);
        let bad = || StoreError::inconsistent("dead_letters", "packing", &row.packing.to_string());
        Ok(Frame { packing: packing.ok_or_else(bad)?, payload: row.frame })
    })
    .transpose()
}

/// Makes up for a dead letter now: its agent is asked for a snapshot however lately it was asked,
/// because a report of the past would put the past over the present. Whether there is such a letter.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn replay(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("dead_letters.replay").await?;
    let agent = sqlx::query_scalar!(
        "UPDATE dead_letters SET replayed_at = $3 WHERE company_key = $1 AND id = $2
         RETURNING agent",
        scope.key(),
        id,
        now
    )
    .fetch_optional(&mut *tx)
    .await?;
    let keys = sqlx::query_scalar!(
        "UPDATE agents SET snapshot_asked_at = NULL WHERE company_key = $1 AND id = $2
         RETURNING key",
        scope.key(),
        agent
    )
    .fetch_all(&mut *tx)
    .await?;
    queue_snapshots(&mut tx, scope.key(), &keys, now).await?;
    if agent.is_some() {
        audit::record(&mut tx, scope, Change::done("dead_letter.replay", id), now).await?;
    }
    tx.commit().await?;
    Ok(agent.is_some())
}

/// Forgets dead letters from before an instant, at most `limit`; gives how many. Less than `limit` means
/// that none is left. What they would have brought is long made up for by snapshots.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    before: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("dead_letters.purge").await?;
    let done = sqlx::query!(
        "DELETE FROM dead_letters WHERE company_key = $1 AND id IN (
             SELECT id FROM dead_letters WHERE company_key = $1 AND created_at < $2 LIMIT $3
         )",
        scope.key(),
        before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    agent: Uuid,
    epoch: i64,
    seq: i64,
    reason: String,
    detail: String,
    bytes: i64,
    received_at: OffsetDateTime,
    created_at: OffsetDateTime,
    replayed_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            agent: AgentId(row.agent),
            position: position(row.epoch, row.seq)?,
            reason: row.reason,
            detail: row.detail,
            bytes: row.bytes.unsigned_abs(),
            received_at: row.received_at,
            created_at: row.created_at,
            replayed_at: row.replayed_at,
        })
    }
}

#[cfg(test)]
mod tests;
