//! Heartbeats: signs of life by the hundred in one statement, and the comparison that repairs
//! everything else.
//!
//! An agent says what it believes the rows hold. Where that differs at the same position, or the
//! rows stay behind what was acknowledged, a snapshot is asked for: so even reports that a lost
//! disk took are made up for.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::fingerprint::InventoryDigest;
use protocol::ids::{AgentId, Position};
use protocol::message::Presence;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::lineage::{self, Heard};
use super::{digest, position};
use crate::error::StoreError;
use crate::nodes;
use crate::reports::{Claim, settle_digests};
use crate::tenant::TenantScope;
use crate::tx;

/// A heartbeat that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatSeen {
    /// Whose.
    pub agent: AgentId,
    /// When it came.
    pub at: OffsetDateTime,
    /// The last report that was acknowledged to the agent.
    pub acknowledged: Position,
    /// What the inventory came to then; `None` while a snapshot is under way.
    pub digest: Option<InventoryDigest>,
    /// The last scan that was asked for and done.
    pub scan_done: u64,
    /// Time between two signs of life as the agent was told, in seconds; 0 where that is not known.
    pub every_s: u32,
    /// What the agent said of its connection and itself; `None` for one that says nothing.
    pub presence: Option<Presence>,
    /// Whether it was noted before, and is only to be compared with the rows once more.
    pub is_repeat: bool,
}

/// What came of heartbeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Agents that were asked for a snapshot because of them.
    pub asked: Vec<AgentId>,
    /// Agents whose rows are behind what was acknowledged, for now without anything being done about
    /// it: what is missing may still wait in the queue of a node. To be noted again shortly.
    pub behind: Vec<AgentId>,
    /// Agents that several machines are, which became known with these heartbeats.
    pub cloned: Vec<AgentId>,
}

/// Notes heartbeats. Of several heartbeats of one agent the last in the slice counts; unknown agents
/// are passed over.
///
/// Nodes note at moments of their own, and one that was cut off notes what is hours old. So of a heartbeat that
/// came before one that is noted, and of a repeat, nothing is believed of where the agent is, which process it is
/// and what was acknowledged to it: it is compared with the rows, and that is all.
///
/// `now` is of the clock that says when heartbeats came.
///
/// `behind_after`: how long the rows may stay behind what was acknowledged, without any progress,
/// however long the queues of nodes are; [`super::BEHIND_AFTER`] unless there is a reason.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn record_heartbeats(
    scope: &TenantScope,
    heartbeats: &[HeartbeatSeen],
    behind_after: Duration,
    now: OffsetDateTime,
) -> Result<Noted, StoreError> {
    // A map in the order of ids also makes the arrays of the statement below line up.
    let last: BTreeMap<AgentId, &HeartbeatSeen> =
        heartbeats.iter().map(|seen| (seen.agent, seen)).collect();
    if last.is_empty() {
        return Ok(Noted::default());
    }
    tx::retrying("agents.record_heartbeats", || attempt(scope, &last, behind_after, now)).await
}

async fn attempt(
    scope: &TenantScope,
    heartbeats: &BTreeMap<AgentId, &HeartbeatSeen>,
    behind_after: Duration,
    now: OffsetDateTime,
) -> Result<Noted, StoreError> {
    let mut tx = scope.begin("agents.record_heartbeats").await?;
    let states = update(&mut tx, scope.key(), heartbeats, now).await?;
    // Nearly always nobody is behind, and nodes are not asked about.
    let settled = match states.iter().any(|state| state.behind_since.is_some()) {
        true => nodes::settled_by(&mut tx, now).await?,
        false => None,
    };
    let mut behind = Vec::new();
    // Reports may still be on their way through the queue, so only the same position is compared.
    let mut claims = Vec::new();
    let mut done = Vec::new();
    let mut heard = Vec::new();
    for state in &states {
        let Some(seen) = heartbeats.get(&AgentId(state.id)) else {
            continue;
        };
        let differs = seen
            .digest
            .filter(|digest| seen.acknowledged == state.applied && *digest != state.digest);
        // Whatever was acknowledged before this heartbeat is in the rows or in no queue of a node that
        // lives: it went with a disk. A queue that nobody knows of is given some time.
        let is_lost = state.behind_since.is_some_and(|since| {
            settled.is_some_and(|settled| since < settled) || since + behind_after <= now
        });
        if state.behind_since.is_some() && !is_lost {
            behind.push(AgentId(state.id));
        }
        if differs.is_some() || is_lost {
            claims.push(Claim { agent_key: state.key, claimed: differs });
        }
        // An older one says which process there was before, which would be one that came back.
        let process = seen.presence.filter(|_| state.is_news).map(|presence| presence.process);
        if let Some(process) = process.filter(|now| state.process_before != Some(*now)) {
            heard.push(Heard { agent: seen.agent, agent_key: state.key, process });
        }
        // Also when it was done long ago: deleting what is not there costs less than knowing.
        if state.scan_is_done {
            done.push(state.id);
        }
    }
    scans_done(&mut tx, &done).await?;
    let asked = settle_digests(&mut tx, scope.key(), &claims, now).await?;
    let cloned = lineage::hear(&mut tx, scope.key(), &heard, now).await?;
    tx.commit().await?;
    Ok(Noted { asked, behind, cloned })
}

/// An agent's row after its heartbeat.
struct State {
    key: i64,
    id: Uuid,
    applied: Position,
    digest: InventoryDigest,
    behind_since: Option<OffsetDateTime>,
    scan_is_done: bool,
    /// The process that was heard of before.
    process_before: Option<u64>,
    /// Whether the heartbeat is not older than what was noted, and no repeat.
    is_news: bool,
}

/// What heartbeats say, a column each.
struct Columns {
    ids: Vec<Uuid>,
    at: Vec<OffsetDateTime>,
    epochs: Vec<i64>,
    seqs: Vec<i64>,
    scans: Vec<i64>,
    every: Vec<i64>,
    transports: Vec<Option<String>>,
    not_quic: Vec<Option<String>>,
    processes: Vec<Option<i64>>,
    repeats: Vec<bool>,
}

impl Columns {
    fn of(heartbeats: &BTreeMap<AgentId, &HeartbeatSeen>) -> Self {
        let seen = || heartbeats.values();
        let path = |seen: &HeartbeatSeen| seen.presence.map(|presence| presence.path);
        Self {
            ids: heartbeats.keys().map(|agent| agent.0).collect(),
            at: seen().map(|seen| seen.at).collect(),
            epochs: seen().map(|seen| i64::from(seen.acknowledged.epoch.0)).collect(),
            seqs: seen().map(|seen| i64::from(seen.acknowledged.seq.0)).collect(),
            scans: seen()
                // From the wire, where it is any number; what was never asked for is cut below.
                .map(|seen| i64::try_from(seen.scan_done).unwrap_or(i64::MAX))
                .collect(),
            every: seen().map(|seen| i64::from(seen.every_s)).collect(),
            transports: seen()
                .map(|seen| path(seen).map(|path| path.way.as_str().to_owned()))
                .collect(),
            not_quic: seen().map(|seen| Some(path(seen)?.not_quic?.as_str().to_owned())).collect(),
            processes: seen()
                // The same bits; the database has no unsigned numbers.
                .map(|seen| Some(seen.presence?.process.cast_signed()))
                .collect(),
            repeats: seen().map(|seen| seen.is_repeat).collect(),
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one statement")]
async fn update(
    tx: &mut PgConnection,
    company_key: i64,
    heartbeats: &BTreeMap<AgentId, &HeartbeatSeen>,
    now: OffsetDateTime,
) -> Result<Vec<State>, StoreError> {
    let told = Columns::of(heartbeats);
    // Rows are locked in the order of their keys, as everywhere. A scan that was never asked for
    // is not believed.
    let rows = sqlx::query!(
        r#"WITH locked AS (
             SELECT key, id, process, last_seen_at FROM agents
             WHERE company_key = $1 AND id = ANY($2)
             ORDER BY key FOR NO KEY UPDATE
         ), told AS (
             SELECT l.key, l.process AS process_before, s.at, s.epoch, s.seq, s.scan_done,
                    s.every_s, s.transport, s.not_quic, s.process,
                    -- What was noted of a time that is yet to come was a clock's mistake, and would
                    -- make everything old until then.
                    NOT s.is_repeat AND (s.at >= coalesce(l.last_seen_at, '-infinity')
                        OR l.last_seen_at > $12::timestamptz + interval '30 seconds') AS is_news
             FROM locked l
             JOIN UNNEST($2::uuid[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[],
                         $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bool[])
                  AS s (id, at, epoch, seq, scan_done, every_s, transport, not_quic, process,
                        is_repeat) ON s.id = l.id
         )
         UPDATE agents a SET
             last_seen_at = greatest(a.last_seen_at, s.at),
             seen_every_s = CASE WHEN s.is_news AND s.every_s > 0
                                 THEN s.every_s ELSE a.seen_every_s END,
             -- A little more than was asked for is what a database forgot that went back in time.
             scan_done = greatest(a.scan_done,
                 CASE WHEN s.scan_done <= a.scan_requested + 1000
                      THEN s.scan_done ELSE a.scan_requested END),
             -- An agent that says nothing of its connection is not known to have the old one.
             transport = CASE WHEN s.is_news THEN s.transport ELSE a.transport END,
             not_quic = CASE WHEN s.is_news THEN s.not_quic ELSE a.not_quic END,
             process = CASE WHEN s.is_news THEN coalesce(s.process, a.process) ELSE a.process END,
             behind_epoch = CASE WHEN s.is_news THEN s.epoch ELSE a.behind_epoch END,
             behind_seq = CASE WHEN s.is_news THEN s.seq ELSE a.behind_seq END,
             behind_since = CASE
                 WHEN NOT s.is_news THEN
                     CASE WHEN (a.behind_epoch, a.behind_seq) <= (a.applied_epoch, a.applied_seq)
                          THEN NULL ELSE a.behind_since END
                 WHEN (s.epoch, s.seq) <= (a.applied_epoch, a.applied_seq) THEN NULL
                 WHEN (s.epoch, s.seq) = (a.behind_epoch, a.behind_seq)
                     THEN coalesce(a.behind_since, s.at)
                 ELSE s.at END
         FROM told s
         WHERE a.company_key = $1 AND a.key = s.key AND a.id = ANY($2)
         RETURNING a.key, a.id, a.applied_epoch, a.applied_seq, a.digest_count, a.digest_sum,
                   a.behind_since, s.process_before AS "process_before?", s.is_news AS "is_news!",
                   (a.scan_requested > 0 AND a.scan_done >= a.scan_requested) AS "scan_is_done!""#,
        company_key,
        &told.ids,
        &told.at,
        &told.epochs,
        &told.seqs,
        &told.scans,
        &told.every,
        &told.transports as &[Option<String>],
        &told.not_quic as &[Option<String>],
        &told.processes as &[Option<i64>],
        &told.repeats,
        now
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(State {
                key: row.key,
                id: row.id,
                applied: position(row.applied_epoch, row.applied_seq)?,
                digest: digest(row.digest_count, row.digest_sum)?,
                behind_since: row.behind_since,
                scan_is_done: row.scan_is_done,
                process_before: row.process_before.map(i64::cast_unsigned),
                is_news: row.is_news,
            })
        })
        .collect()
}

/// Takes back requests for scans that are done.
async fn scans_done(tx: &mut PgConnection, agents: &[Uuid]) -> Result<(), StoreError> {
    if agents.is_empty() {
        return Ok(());
    }
    sqlx::query!("DELETE FROM agent_commands WHERE agent = ANY($1) AND kind = 'scan_now'", agents)
        .execute(tx)
        .await?;
    Ok(())
}
