//! One transaction for a batch of reports: locks, reads, folds, writes, commits; and before it one for
//! software that the company has not had before.
//!
//! Software comes first and by itself because many hosts bring the same. A row that is being written makes
//! everybody else who brings it wait for the commit, and in the same transaction that would be until a
//! thousand installations beside it are written: a new company's first inventories would come in one
//! after the other.

use std::collections::BTreeMap;

use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::digest::{Claim, settle_digests};
use super::inventory::{Changes, Held, OpenRows, fold};
use super::line::{Run, sort};
use super::write::{self, NewSoftware};
use super::{Applied, AppliedBatch, Evaluate, IncomingReport, read};
use crate::commands;
use crate::error::StoreError;
use crate::known::History;
use crate::tenant::TenantScope;
use crate::{timeline, tx};

/// Applies reports of one company, several agents' and several of an agent, in one transaction.
/// Reports of one agent stand in the order of their positions.
///
/// `evaluate` judges software that the company has not had before, with the index of `generation`.
///
/// # Errors
///
/// [`StoreError::is_permanent`] says whether the batch can ever be stored. If not, one of its reports
/// cannot, and halves of the batch can be tried. In no case is anything that a host has in the rows; software
/// that nobody has may be.
///
/// # Cancel safety
///
/// Dropped before it ends, the batch is in the rows wholly or not at all; applying it again finds
/// out which.
pub async fn apply(
    scope: &TenantScope,
    batch: &[IncomingReport],
    evaluate: &Evaluate<'_>,
    generation: u64,
    now: OffsetDateTime,
) -> Result<AppliedBatch, StoreError> {
    if batch.is_empty() {
        return Ok(AppliedBatch::default());
    }
    let judge = Judge { evaluate, generation, now };
    let (mut software, mut findings) = (0, 0);
    // It ends: each round makes what the one before missed, and rows of software stay for good.
    loop {
        // From the start each time, because the agents were unlocked meanwhile: another node may
        // have applied the same reports, and then they are duplicates.
        match tx::retrying("reports.apply", || attempt(scope, batch, now)).await? {
            Attempt::Applied(mut applied) => {
                applied.software = software;
                applied.findings = findings;
                announce(scope, &applied, now).await;
                return Ok(applied);
            }
            Attempt::Misses(history, new) => {
                let written = bring(scope, history, &new, &judge).await?;
                software += written.0;
                findings += written.1;
            }
        }
    }
}

/// What came of an attempt.
enum Attempt<'a> {
    /// The batch is stored.
    Applied(AppliedBatch),
    /// Nothing is; there are no rows for this software yet, in this history.
    Misses(History, Vec<(SoftwareKey, Held<'a>)>),
}

/// How new software is judged, and when.
pub(super) struct Judge<'a> {
    pub(super) evaluate: &'a Evaluate<'a>,
    pub(super) generation: u64,
    pub(super) now: OffsetDateTime,
}

async fn attempt<'a>(
    scope: &TenantScope,
    batch: &'a [IncomingReport],
    now: OffsetDateTime,
) -> Result<Attempt<'a>, StoreError> {
    let mut tx = scope.begin_by_key("reports.apply").await?;
    let lines = read::lock_lines(&mut tx, scope.key(), &agents(batch)).await?;
    let (reports, runs) = sort(&lines, batch);
    let mut applied = AppliedBatch { reports, ..AppliedBatch::default() };
    // A redelivered batch ends here: nothing was written, and nothing has to reach the disk.
    if runs.is_empty() {
        tx.rollback().await?;
        return Ok(Attempt::Applied(applied));
    }
    // Only now: what these agents have cannot change any more, because whoever would change it
    // waits for the lock on their lines.
    let open = read::open_rows(&mut tx, scope.key(), &runs).await?;
    let none = OpenRows::new();
    let changes: Vec<Changes<'a>> =
        runs.iter().map(|run| fold(run, open.get(&run.line.agent_key).unwrap_or(&none))).collect();
    let asked = unknown_software(&mut tx, scope, &changes).await?;
    let there = match asked {
        Some(asked) if !asked.missing.is_empty() => {
            tx.rollback().await?;
            return Ok(Attempt::Misses(asked.history, asked.missing));
        }
        asked => asked.map(|asked| (asked.history, asked.there)),
    };
    write::installations(&mut tx, scope.key(), &runs, &changes).await?;
    // The line moves in the same transaction as the rows: a crash between them would lose a report
    // or apply it twice.
    write::lines(&mut tx, scope.key(), &runs, &changes).await?;
    write::facts(&mut tx, scope.key(), &runs).await?;
    applied.asked = settle(&mut tx, scope.key(), &runs, &changes, now).await?;
    tx.commit().await?;
    if let Some((history, there)) = there {
        scope.store().known_software().insert(scope.key(), history, there);
    }
    for (number, stored) in changes.into_iter().flat_map(|changes| changes.stored) {
        applied.reports[number] = Applied::Stored(stored);
    }
    Ok(Attempt::Applied(applied))
}

/// Says that there are new findings. The batch is stored: a signal that does not get through is
/// made up for by the next one, or by the poll of whoever waits for it.
async fn announce(scope: &TenantScope, applied: &AppliedBatch, now: OffsetDateTime) {
    let store = scope.store();
    if applied.findings == 0 || !store.announced().is_due(scope.key(), now) {
        return;
    }
    let announcing = commands::announce_findings(store.pool(), scope.company());
    if let Err(error) = timeline::waiting_part("events.announce", announcing).await {
        tracing::debug!(%error, "announcing findings");
    }
}

fn agents(batch: &[IncomingReport]) -> Vec<Uuid> {
    let mut agents: Vec<Uuid> = batch.iter().map(|incoming| incoming.agent.0).collect();
    agents.sort_unstable();
    agents.dedup();
    agents
}

/// Software that begins to be installed and was not known to have a row.
struct Asked<'a> {
    /// When and where it was asked.
    history: History,
    /// It has one.
    there: Vec<SoftwareKey>,
    /// It has none, in the order of the keys.
    missing: Vec<(SoftwareKey, Held<'a>)>,
}

/// Asks for the rows of what begins to be installed; `None` where nothing does.
async fn unknown_software<'a>(
    tx: &mut PgConnection,
    scope: &TenantScope,
    changes: &[Changes<'a>],
) -> Result<Option<Asked<'a>>, StoreError> {
    let opened: BTreeMap<SoftwareKey, Held<'a>> = changes
        .iter()
        // Of several agents that bring the same software one stands for all: a key names the
        // record's content, so whose it was makes no difference to the row.
        .flat_map(|changes| changes.opened.iter().copied())
        .collect();
    if opened.is_empty() {
        return Ok(None);
    }
    let history = History::of(tx).await?;
    // A company's hosts have mostly the same software, so this is where a fleet's first snapshots
    // save a question for a thousand rows a batch.
    let known = scope.store().known_software();
    let unknown = known.unknown(scope.key(), history, opened.keys().copied());
    let mut there = read::existing_software(tx, scope.key(), &unknown).await?;
    there.sort_unstable();
    let missing = unknown
        .iter()
        .filter(|key| there.binary_search(key).is_err())
        // Every key was taken out of `opened`, so none is lost here.
        .filter_map(|key| Some((*key, *opened.get(key)?)))
        .collect();
    Ok(Some(Asked { history, there, missing }))
}

/// Judges software that has no row in a history and writes it with its findings; gives how many of each. What
/// another transaction wrote meanwhile is there as well afterwards.
pub(super) async fn bring(
    scope: &TenantScope,
    history: History,
    missing: &[(SoftwareKey, Held<'_>)],
    judge: &Judge<'_>,
) -> Result<(u32, u32), StoreError> {
    let known = scope.store().known_software();
    // Without a connection: one that waits for rows of another worker would keep its session from
    // everybody else.
    let turn = known.turn(scope.key()).await;
    let unknown = known.unknown(scope.key(), history, missing.iter().map(|(key, _)| *key));
    if unknown.is_empty() {
        return Ok((0, 0));
    }
    // Before the transaction, in which other nodes may wait for these rows.
    let new: Vec<NewSoftware<'_>> = timeline::part("match", || {
        missing
            .iter()
            // `missing` is in the order of the keys, and `unknown` gives them in the order in which it
            // is asked.
            .filter(|(key, _)| unknown.binary_search(key).is_ok())
            .map(|(key, held)| judge.software(*key, held))
            .collect()
    });
    let written = tx::retrying("reports.software", || async {
        let mut tx = scope.begin_by_key("reports.software").await?;
        // The database may be another one than the one that was asked.
        let history = History::of(&mut tx).await?;
        // In the order of the keys, so that two transactions that bring the same software never wait
        // for each other in a circle.
        let written =
            write::software(&mut tx, scope.key(), &new, judge.generation, judge.now).await?;
        tx.commit().await?;
        Ok((history, written))
    });
    let (history, written) = written.await?;
    // Only now: a key that is known has to have a row, and before the commit it may still lose it.
    known.insert(scope.key(), history, unknown);
    // Held until the rows are known: the next one in turn finds them in the hint and writes
    // nothing.
    drop(turn);
    Ok(written)
}

impl Judge<'_> {
    fn software<'a>(&self, key: SoftwareKey, held: &Held<'a>) -> NewSoftware<'a> {
        let platform = &held.incoming.report.platform;
        let evaluation: Evaluation = (self.evaluate)(held.record, platform, key);
        NewSoftware { key, record: held.record, platform, evaluation }
    }
}

/// Compares digests and takes back requests for snapshots that came.
async fn settle(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
    changes: &[Changes<'_>],
    now: OffsetDateTime,
) -> Result<Vec<protocol::ids::AgentId>, StoreError> {
    let came: Vec<Uuid> =
        runs.iter().filter(|run| run.begins_epoch()).map(|run| run.line.agent.0).collect();
    // In the same transaction: a request that is taken back for a snapshot that is then rolled back
    // would be lost.
    commands::snapshots_came(tx, &came).await?;
    // Only the last report of a run counts: an earlier one that differed is followed by another
    // that says where the agent stands now.
    let claims: Vec<Claim> = runs
        .iter()
        .zip(changes)
        .filter_map(|(run, changes)| {
            let claimed = run.reports.last()?.1.report.digest?;
            (claimed != changes.digest)
                .then_some(Claim { agent_key: run.line.agent_key, claimed: Some(claimed) })
        })
        .collect();
    settle_digests(tx, company_key, &claims, now).await
}
