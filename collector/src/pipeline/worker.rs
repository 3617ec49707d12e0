//! One worker: takes a group, loads it, stores it, and brings every report of it to its outcome or
//! back into its line.
//!
//! A database that is away costs time and no report. Data that the database refuses, or that
//! panics, is looked for by halves until it stands alone, and becomes a dead letter.

mod trouble;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use protocol::frame::{Frame, Packing, Unpacker};
use protocol::ids::{AgentId, CompanyId};
use protocol::reject::RejectReason;
use store::dead_letters::NewDeadLetter;
use store::reports::{AppliedBatch, IncomingReport, Stored};
use store::timeline;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::trouble::{LATE_FOR_MAX, Trouble, in_time};
use super::batch::{Batch, Chunk, Left};
use super::dispatcher::Dispatcher;
use super::lanes::{Gap, Group, Rest};
use super::load::{Unreadable, load, received_at};
use super::outcome::{DeadLetterReason, Outcome, Ticket};
use super::sink::ReportSink;
use super::trace::{Stage, Stages};
use super::unwind::catch_panic;
use crate::clock::Clock;
use crate::metrics::{
    LABEL_LANE, LABEL_REASON, MATCH_FAILURES, MATCH_FINDINGS, PIPELINE_BATCH_RECORDS,
    PIPELINE_BATCH_SECONDS, PIPELINE_LAG_SECONDS, PIPELINE_RECORDS, PIPELINE_RETRIES,
    PIPELINE_SNAPSHOTS_ASKED,
};
use crate::queue::{Queue, Slip};
use crate::traces::Tracer;
use crate::traces::context::TraceId;

/// Bytes of a dead letter's explanation.
const DETAIL_BYTES_MAX: usize = 1_000;

/// What workers share.
#[derive(Debug)]
pub(crate) struct Worker<S> {
    pub(crate) queue: Queue,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) sink: S,
    pub(crate) clock: Clock,
    pub(crate) tracer: Tracer,
    pub(crate) attempts_max: u32,
    pub(crate) reads: Reads,
}

/// Where entries are read from the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// On a thread that may block.
    Aside,
    /// At once, from a disk that never blocks: a simulated one, whose runs have no threads.
    #[cfg(feature = "test-support")]
    InPlace,
}

/// Whether the rest of a batch can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

impl<S: ReportSink> Worker<S> {
    /// Works until `stopping` is cancelled, and ends what it holds then.
    ///
    /// # Errors
    ///
    /// When there is no memory to unpack with.
    ///
    /// # Cancel safety
    ///
    /// Dropped, what it holds stays in the queue until a restart.
    pub(crate) async fn run(&self, stopping: &CancellationToken) -> anyhow::Result<()> {
        let mut unpacker = Unpacker::new()?;
        while let Some(group) = self.dispatcher.next(stopping).await {
            // Handed in and out, because it goes to another thread with the reading and is used
            // again by the next.
            unpacker = self.work(group, unpacker).await?;
        }
        Ok(())
    }

    async fn work(&self, group: Group, unpacker: Unpacker) -> anyhow::Result<Unpacker> {
        let began = self.clock.instant();
        let queue = self.queue.clone();
        let reading = move || {
            let mut unpacker = unpacker;
            let items = load(&group, &queue, &mut unpacker);
            (group, items, unpacker)
        };
        let (group, items, unpacker) = match self.reads {
            // Reading is from the page cache nearly always, but the one time that it is not, a
            // runtime thread would stand still for ten workers.
            Reads::Aside => tokio::task::spawn_blocking(reading).await?,
            #[cfg(feature = "test-support")]
            Reads::InPlace => reading(),
        };
        let (mut batch, chunks) = Batch::new(&group, items);
        let mut stages = Stages::begin(began, self.clock.instant());
        histogram!(PIPELINE_BATCH_RECORDS).record(batch.records());
        for chunk in chunks {
            let flow = match chunk {
                Chunk::Reports(first, reports) => {
                    self.store(&mut batch, first, &reports, &mut stages).await
                }
                Chunk::Unreadable(number, why) => self.bury(&mut batch, number, why).await,
                Chunk::Unread(number, why) => self.unread(&mut batch, number, why).await,
            };
            // What was not tried stays open, and `leave` gives it back in order.
            if flow == Flow::Stop {
                break;
            }
        }
        stages.tell(&self.tracer, &mut batch);
        let company = batch.company();
        for left in batch.leave() {
            self.leave(company, left).await;
        }
        histogram!(PIPELINE_BATCH_SECONDS).record(self.clock.instant() - began);
        Ok(unpacker)
    }

    /// Stores reports together, or by halves when something in them is bad.
    async fn store(
        &self,
        batch: &mut Batch,
        first: usize,
        reports: &[IncomingReport],
        stages: &mut Stages,
    ) -> Flow {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        // A stack of what is still to be tried: recursion would need a box each in async.
        ranges.push(0..reports.len());
        while let Some(range) = ranges.pop() {
            let entries = first + range.start..first + range.end;
            let began = self.clock.instant();
            let applying = self.apply(batch, &reports[range.clone()]);
            let (applied, steps) = timeline::watched(Box::pin(applying)).await;
            let ended = self.clock.instant();
            stages.add(Stage { entries: entries.clone(), began, ended, steps });
            let trouble = match applied {
                Ok(applied) => {
                    let stored = batch.settle(entries.start, &applied.reports);
                    self.count(&applied, &stored);
                    continue;
                }
                Err(trouble) => trouble,
            };
            let (reason, detail) = match trouble {
                Trouble::Bad(reason, detail) => (reason, detail),
                Trouble::Passing(detail)
                    if batch.is_exhausted(entries.clone(), self.attempts_max) =>
                {
                    (DeadLetterReason::Exhausted, detail)
                }
                Trouble::Passing(detail) => {
                    return Self::fail(batch, entries, Rest::Failed, &detail);
                }
                Trouble::Late(detail)
                    if batch.is_late_since(entries.clone(), ended, LATE_FOR_MAX) =>
                {
                    (DeadLetterReason::Exhausted, detail)
                }
                Trouble::Late(detail) => {
                    return Self::fail(batch, entries, Rest::Late, &detail);
                }
                Trouble::Away => return Flow::Stop,
                Trouble::Gone => {
                    entries.for_each(|number| batch.end(number, Outcome::CompanyGone));
                    continue;
                }
            };
            if range.len() > 1 {
                let middle = range.start + range.len() / 2;
                // The first half first: an agent's reports are applied in their order.
                // Halving: one bad report among a thousand is found in some twenty transactions, and
                // everything beside it is stored on the way.
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
            } else if self.bury(batch, entries.start, Unreadable { reason, detail }).await
                == Flow::Stop
            {
                return Flow::Stop;
            }
        }
        Flow::GoOn
    }

    async fn apply(
        &self,
        batch: &Batch,
        reports: &[IncomingReport],
    ) -> Result<AppliedBatch, Trouble> {
        let applying = self.sink.apply(batch.company(), reports, self.clock.now());
        let answered = async { Ok(catch_panic(applying).await) };
        match in_time(answered).await {
            Ok(Ok(result)) => self.heard(result).await,
            Err(elapsed) => self.heard(Err(elapsed)).await,
            Ok(Err(panic)) => {
                counter!(MATCH_FAILURES, LABEL_REASON => "software").increment(1);
                Err(Trouble::Bad(DeadLetterReason::Panicked, panic.to_string()))
            }
        }
    }

    fn fail(batch: &mut Batch, entries: Range<usize>, rest: Rest, why: &str) -> Flow {
        let reason = if rest == Rest::Late { "late" } else { "failed" };
        counter!(PIPELINE_RETRIES, LABEL_REASON => reason).increment(1);
        tracing::warn!(
            company = %batch.company(),
            reports = entries.len(),
            error = why,
            "storing reports; they are tried again"
        );
        batch.note_failure(entries, rest);
        Flow::Stop
    }

    /// The disk did not give an entry: it is tried again as often as a report may fail.
    async fn unread(&self, batch: &mut Batch, number: usize, detail: String) -> Flow {
        let entries = number..number + 1;
        if batch.is_exhausted(entries.clone(), self.attempts_max) {
            let reason = DeadLetterReason::Damaged;
            return self.bury(batch, number, Unreadable { reason, detail }).await;
        }
        Self::fail(batch, entries, Rest::Failed, &detail)
    }

    /// Makes an entry a dead letter.
    async fn bury(&self, batch: &mut Batch, number: usize, why: Unreadable) -> Flow {
        let Some((agent, slip)) = batch.entry(number) else {
            return Flow::GoOn;
        };
        let reason = why.reason;
        tracing::error!(
            company = %batch.company(), %agent, position = %slip.position,
            trace_id = %TraceId::of_report(agent, slip.position),
            reason = reason.as_str(), detail = why.detail,
            "a report can never be stored and becomes a dead letter"
        );
        // Kept before the entry is completed: a crash between them buries it twice at most, of which
        // the table's key, the place in the agent's line, makes one.
        let letter = self.letter(agent, &slip, why);
        let letters = [letter];
        let burying = self.sink.bury(batch.company(), &letters, self.clock.now());
        match self.heard(in_time(burying).await).await {
            Ok(()) => batch.end(number, Outcome::DeadLettered(reason)),
            Err(Trouble::Away) => return Flow::Stop,
            Err(Trouble::Gone) => batch.end(number, Outcome::CompanyGone),
            Err(Trouble::Passing(why)) => {
                return Self::fail(batch, number..number + 1, Rest::Failed, &why);
            }
            Err(Trouble::Late(why)) => {
                return Self::fail(batch, number..number + 1, Rest::Late, &why);
            }
            Err(Trouble::Bad(_, why)) => {
                tracing::error!(%agent, error = why, "the dead letter is refused as well");
                // Its line would stand still for ever otherwise. What is lost is made good by the
                // snapshot that the next digest asks for.
                batch.end(number, Outcome::Rejected(RejectReason::Internal));
            }
        }
        Flow::GoOn
    }

    fn letter(&self, agent: AgentId, slip: &Slip, why: Unreadable) -> NewDeadLetter {
        let mut detail = why.detail;
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
        // What cannot be read any more is kept without its bytes.
        let frame =
            self.queue.read(slip).unwrap_or(Frame { packing: Packing::Plain, payload: Vec::new() });
        NewDeadLetter {
            id: self.letter_id(agent, slip),
            agent,
            position: slip.position,
            reason: why.reason.as_str().to_owned(),
            detail,
            frame,
            received_at: received_at(slip),
        }
    }

    /// A UUID v7 whose random part is the agent's with the entry's number mixed in: two nodes that
    /// bury in the same millisecond count their entries each on its own.
    fn letter_id(&self, agent: AgentId, slip: &Slip) -> Uuid {
        let mixed = agent.0.as_u128() ^ u128::from(slip.sequence);
        let [.., a, b, c, d, e, f, g, h, i, j] = mixed.to_be_bytes();
        let random = [a, b, c, d, e, f, g, h, i, j];
        uuid::Builder::from_unix_timestamp_millis(self.clock.now_ms(), &random).into_uuid()
    }

    fn count(&self, applied: &AppliedBatch, stored: &[(Slip, Stored)]) {
        let now_ms = self.clock.now_ms();
        for (slip, _) in stored {
            let lag = Duration::from_millis(now_ms.saturating_sub(slip.received_at_ms));
            histogram!(PIPELINE_LAG_SECONDS, LABEL_LANE => slip.lane.as_str()).record(lag);
        }
        let records = stored.iter().map(|(slip, _)| u64::from(slip.records)).sum();
        counter!(PIPELINE_RECORDS).increment(records);
        counter!(MATCH_FINDINGS).increment(applied.findings.into());
        counter!(PIPELINE_SNAPSHOTS_ASKED, LABEL_REASON => "digest")
            .increment(applied.asked.len() as u64);
    }

    /// Lets go of a part of a batch.
    async fn leave(&self, company: CompanyId, left: Left) {
        match left {
            Left::Nothing(agent) => self.dispatcher.release(agent),
            Left::Open(agent, slips, rest) => self.dispatcher.put_back(agent, &slips, rest),
            Left::Gap(agent, slips, applied) => {
                match self.dispatcher.put_back_gap(agent, &slips, applied) {
                    Gap::Waits => {}
                    Gap::Hopeless { slips, asks_snapshot } => {
                        self.give_up(company, agent, slips, asks_snapshot).await;
                    }
                }
            }
        }
    }

    /// Ends reports whose predecessor never came, after the agent was asked for a snapshot.
    async fn give_up(
        &self,
        company: CompanyId,
        agent: AgentId,
        slips: Vec<Slip>,
        asks_snapshot: bool,
    ) {
        if asks_snapshot {
            let now = self.clock.now();
            let asking = self.sink.ask_for_snapshot(company, agent, now);
            if let Err(trouble) = self.heard(in_time(asking).await).await {
                // A database that is away is not the reports' doing, and the breaker makes the pause.
                let rest = match trouble {
                    Trouble::Away => Rest::Untouched,
                    Trouble::Late(_) => Rest::Late,
                    Trouble::Passing(_) | Trouble::Bad(..) | Trouble::Gone => Rest::Failed,
                };
                self.dispatcher.put_back(agent, &slips, rest);
                return;
            }
            counter!(PIPELINE_SNAPSHOTS_ASKED, LABEL_REASON => "gap").increment(1);
        }
        for slip in slips {
            Ticket::new(slip, self.queue.clone()).end(Outcome::Rejected(RejectReason::Gap));
        }
        self.dispatcher.release(agent);
    }
}

#[cfg(test)]
mod tests;
