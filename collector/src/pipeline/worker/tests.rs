//! Workers between a real queue and a sink that fails on request.

mod late;
mod sink;

use std::time::Duration;

use protocol::frame::Packer;
use protocol::ids::{CompanyId, Position};
use protocol::message::AgentMessage;
use protocol::report::{Lane, Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};

use self::sink::{FakeSink, Trick};
use super::*;
use crate::config::PipelineConfig;
use crate::pipeline::testing;
use crate::queue::{Entry, QueueLimits};
use crate::traces::Tracer;

const CONFIG: PipelineConfig = PipelineConfig {
    workers: 4,
    // Three records a report: four make a batch, and twenty batches a transaction. Small enough
    // that a few dozen reports go through every path of grouping.
    batch_records: 10,
    batch_after: Duration::from_millis(1),
    transaction_batches_max: 20,
    attempts_max: 3,
    // Long enough for a second append to fill a gap on a busy machine, short enough for a test to
    // wait for its end.
    gap_wait: Duration::from_millis(400),
};
/// Far more than any test takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    directory: tempfile::TempDir,
    queue: Queue,
    dispatcher: Arc<Dispatcher>,
    sink: FakeSink,
}

impl Rig {
    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap(), FakeSink::default())
    }

    fn open(directory: tempfile::TempDir, sink: FakeSink) -> Self {
        let clock = Clock::system();
        let dispatcher = Dispatcher::new(&CONFIG, clock.clone());
        let limits = QueueLimits {
            segment_bytes: 1 << 20,
            // Whatever the machine that runs the tests has left.
            disk_free_bytes_min: 0,
            ..QueueLimits::default()
        };
        let (queue, _) = Queue::open(directory.path(), limits, dispatcher.clone(), clock).unwrap();
        Self { directory, queue, dispatcher, sink }
    }

    async fn append(&self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            self.queue.append(entry).await.unwrap();
        }
    }

    fn worker(&self) -> Worker<FakeSink> {
        Worker {
            queue: self.queue.clone(),
            dispatcher: Arc::clone(&self.dispatcher),
            sink: self.sink.clone(),
            clock: Clock::system(),
            tracer: Tracer::default(),
            attempts_max: CONFIG.attempts_max,
            reads: Reads::Aside,
        }
    }

    /// Lets workers work until the queue is empty.
    async fn work_until_empty(&self) {
        self.work_until(|| self.queue.stats().entries == 0).await;
    }

    async fn work_until(&self, is_over: impl Fn() -> bool) {
        let stopping = CancellationToken::new();
        let worker = Arc::new(self.worker());
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..CONFIG.workers {
            let (worker, stopping) = (Arc::clone(&worker), stopping.clone());
            workers.spawn(async move { worker.run(&stopping).await });
        }
        let waiting = async {
            while !is_over() {
                // Between two looks at what the workers have done.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        stopping.cancel();
        while let Some(worker) = workers.join_next().await {
            worker.unwrap().unwrap();
        }
        waited.expect("the queue does not empty");
    }

    /// Ends the process and starts it again.
    fn restart(self) -> Self {
        // Closing waits for the writer's thread. On a worker thread of the runtime it would keep
        // back the tasks that are queued there.
        tokio::task::block_in_place(|| self.queue.close());
        let (directory, sink) = (self.directory, self.sink);
        drop(self.queue);
        Self::open(directory, sink)
    }
}

fn company(number: u128) -> CompanyId {
    CompanyId(Uuid::from_u128(number))
}

fn agent(number: u128) -> AgentId {
    AgentId(Uuid::from_u128(number))
}

fn frame_of(report: Report) -> Frame {
    let message = AgentMessage::Report(report).encode();
    Packer::new().unwrap().pack(message).unwrap()
}

/// A report of three records whose names begin with a word; sinks play tricks by it.
fn report(position: Position, word: &str) -> Report {
    let record = |number| SoftwareRecord::new(Source::Deb, format!("{word}-{number}"), "1.0");
    testing::report(position, (0..3).map(record).collect())
}

fn entry(of: (u128, u128), seq: u32, word: &str) -> Entry {
    let position = Position::new(1, seq);
    Entry {
        company: company(of.0),
        agent: agent(of.1),
        position,
        lane: Lane::Delta,
        records: 3,
        received_at_ms: 1_700_000_000_000,
        frame: frame_of(report(position, word)),
    }
}

fn seqs(range: std::ops::RangeInclusive<u32>) -> Vec<Position> {
    range.map(|seq| Position::new(1, seq)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_every_report_of_every_agent_once_and_in_order() {
    let rig = Rig::new();
    for seq in 1..=20 {
        for number in 0..12 {
            rig.append([entry((number % 3, number), seq, "fine")]).await;
        }
    }
    rig.work_until_empty().await;
    for number in 0..12 {
        assert_eq!(rig.sink.stored(agent(number)), seqs(1..=20));
    }
    // Order alone would hold for a pipeline that stores one report per transaction, which no disk is
    // fast enough for: the grouping is part of the promise.
    assert!(rig.sink.groups().iter().any(|reports| *reports > 1), "nothing was stored together");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_is_stored_once() {
    let rig = Rig::new();
    rig.append([entry((1, 1), 1, "fine"), entry((1, 1), 1, "fine")]).await;
    rig.append([entry((1, 1), 2, "fine")]).await;
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_loses_nothing_and_makes_no_dead_letters() {
    let rig = Rig::new();
    rig.sink.set_away(true);
    rig.append((1..=30).map(|seq| entry((1, 1), seq, "fine"))).await;
    rig.append((1..=30).map(|seq| entry((2, 2), seq, "fine"))).await;
    rig.work_until(|| rig.sink.refusals() >= 3).await;
    assert_eq!(rig.queue.stats().entries, 60);
    rig.sink.set_away(false);
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=30));
    assert_eq!(rig.sink.stored(agent(2)), seqs(1..=30));
    assert!(rig.sink.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_asked_by_one_worker_at_a_time() {
    let rig = Rig::new();
    rig.sink.set_away(true);
    for number in 0..200 {
        rig.append([entry((number, number), 1, "fine")]).await;
    }
    rig.work_until(|| rig.sink.refusals() >= 6).await;
    // Each worker may have been on its way when it went; after that, one asks after each pause.
    assert!(rig.sink.refusals() < 20, "{} tries", rig.sink.refusals());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_the_database_refuses_becomes_a_dead_letter_alone() {
    let rig = Rig::new();
    rig.sink.play(Trick::Refuses("poison"));
    rig.append((1..=9).map(|seq| entry((1, 1), seq, "fine"))).await;
    let poison = entry((1, 1), 10, "poison");
    rig.append([poison.clone()]).await;
    // What follows the poison in its agent's line and what shares its group are both to be stored:
    // one bad report neither stops a host nor its neighbours.
    rig.append((11..=20).map(|seq| entry((1, 1), seq, "fine"))).await;
    rig.append((1..=20).map(|seq| entry((1, 2), seq, "fine"))).await;
    rig.work_until_empty().await;
    let letters = rig.sink.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].agent, letters[0].position), (agent(1), Position::new(1, 10)));
    assert_eq!(letters[0].reason, "refused");
    assert_eq!(letters[0].frame, poison.frame);
    assert_eq!(rig.sink.stored(agent(1)), [seqs(1..=9), seqs(11..=20)].concat());
    assert_eq!(rig.sink.stored(agent(2)), seqs(1..=20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_panics_becomes_a_dead_letter_and_stops_no_worker() {
    let rig = Rig::new();
    rig.sink.play(Trick::Panics("poison"));
    rig.append([entry((1, 1), 1, "poison"), entry((1, 1), 2, "fine")]).await;
    rig.append([entry((1, 2), 1, "fine")]).await;
    rig.work_until_empty().await;
    let letters = rig.sink.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "panicked");
    // Which of its records is the first is a matter of their keys.
    assert!(letters[0].detail.contains("poison-"));
    assert_eq!(rig.sink.stored(agent(1)), seqs(2..=2));
    assert_eq!(rig.sink.stored(agent(2)), seqs(1..=1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_passes_is_tried_again_and_leaves_no_trace() {
    let rig = Rig::new();
    rig.sink.play(Trick::Fails("slow", 2));
    rig.append([entry((1, 1), 1, "slow"), entry((1, 1), 2, "fine")]).await;
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=2));
    assert!(rig.sink.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_fails_for_ever_becomes_a_dead_letter_and_its_group_is_stored() {
    let rig = Rig::new();
    rig.sink.play(Trick::Fails("slow", u32::MAX));
    rig.append([entry((1, 1), 1, "slow"), entry((1, 1), 2, "fine")]).await;
    rig.append([entry((1, 2), 1, "fine")]).await;
    rig.work_until_empty().await;
    let letters = rig.sink.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "exhausted");
    assert_eq!(rig.sink.stored(agent(1)), seqs(2..=2));
    assert_eq!(rig.sink.stored(agent(2)), seqs(1..=1));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_report_become_a_dead_letter_in_their_place() {
    let rig = Rig::new();
    let mut noise = entry((1, 1), 2, "fine");
    // Not zstd at all, as a flipped bit that both checksums missed would look.
    noise.frame.payload = vec![9; 300];
    let mut other = entry((1, 1), 3, "fine");
    // The frame says another position than the entry's head: who trusted the frame would apply it
    // out of order, who trusted the head would apply the wrong report.
    other.frame = frame_of(report(Position::new(1, 99), "fine"));
    let mut invalid = entry((1, 1), 4, "fine");
    let mut nameless = report(Position::new(1, 4), "fine");
    if let ReportBody::Delta { upserts, .. } = &mut nameless.body {
        // Decodes, and breaks a rule of its contents: the ingest checks it, so this one comes from
        // an older release's queue.
        upserts[0].name.clear();
    }
    invalid.frame = frame_of(nameless);
    rig.append([entry((1, 1), 1, "fine"), noise, other, invalid, entry((1, 1), 5, "fine")]).await;
    rig.work_until_empty().await;
    let letters = rig.sink.letters();
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["undecodable", "invalid", "invalid"]);
    assert_eq!(rig.sink.stored(agent(1)), [seqs(1..=1), seqs(5..=5)].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_cannot_be_kept_now_is_kept_later() {
    let rig = Rig::new();
    rig.sink.play(Trick::Refuses("poison"));
    // One less than a report may fail: a burial that fails counts as an attempt.
    rig.sink.fail_burials(2);
    rig.append([entry((1, 1), 1, "poison"), entry((1, 1), 2, "fine")]).await;
    rig.work_until_empty().await;
    assert_eq!(rig.sink.letters().len(), 1);
    assert_eq!(rig.sink.stored(agent(1)), seqs(2..=2));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_behind_a_gap_are_rejected_and_a_snapshot_is_asked_for() {
    let rig = Rig::new();
    // Nobody will send 3: the agent counts it as acknowledged, so only a snapshot makes the two
    // agree again.
    rig.append([1, 2, 4, 5].map(|seq| entry((1, 1), seq, "fine"))).await;
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=2));
    assert_eq!(rig.sink.snapshots_asked(), [agent(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_asked_for_while_the_database_is_away_costs_no_attempt() {
    let rig = Rig::new();
    let worker = rig.worker();
    rig.append([entry((1, 1), 3, "fine")]).await;
    let group = rig.dispatcher.next(&CancellationToken::new()).await.unwrap();
    let slips = group.parts[0].slips.clone();
    rig.sink.set_away(true);
    worker.give_up(group.company, agent(1), slips.clone(), true).await;
    rig.sink.set_away(false);
    let group = rig.dispatcher.next(&CancellationToken::new()).await.unwrap();
    assert_eq!((&group.parts[0].slips, group.parts[0].attempts), (&slips, 0));
    worker.give_up(group.company, agent(1), slips, true).await;
    assert_eq!(rig.sink.snapshots_asked(), [agent(1)]);
    assert_eq!(rig.queue.stats().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_keeps_no_worker_for_ever() {
    let rig = Rig::new();
    rig.append([entry((1, 1), 3, "fine")]).await;
    let stopping = CancellationToken::new();
    let group = rig.dispatcher.next(&stopping).await.unwrap();
    let slips = group.parts[0].slips.clone();
    // The time is paused, so the runtime jumps to the limit of the answer as soon as nothing else
    // is left to do; without a limit this test would hang.
    rig.sink.set_silent();
    let worker = rig.worker();
    worker.give_up(group.company, agent(1), slips, true).await;
    assert_eq!(rig.dispatcher.waiting().deltas, 1);
    assert!(rig.dispatcher.next(&stopping).await.is_some(), "tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_is_filled_in_time_is_none() {
    let rig = Rig::new();
    rig.append([1, 3].map(|seq| entry((1, 1), seq, "fine"))).await;
    rig.work_until(|| rig.sink.stored(agent(1)).len() == 1).await;
    rig.append([entry((1, 1), 2, "fine")]).await;
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=3));
    assert!(rig.sink.snapshots_asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_an_unknown_agent_leave_the_queue() {
    let rig = Rig::new();
    rig.sink.play(Trick::DoesNotKnow(agent(7)));
    rig.append([entry((1, 7), 1, "fine"), entry((1, 8), 1, "fine")]).await;
    rig.work_until_empty().await;
    assert!(rig.sink.stored(agent(7)).is_empty());
    assert_eq!(rig.sink.stored(agent(8)), seqs(1..=1));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_an_erased_company_leave_the_queue_and_are_kept_by_nobody() {
    let rig = Rig::new();
    rig.sink.play(Trick::CompanyGone("gone"));
    rig.append((1..=3).map(|seq| entry((1, 7), seq, "gone"))).await;
    rig.append([entry((2, 8), 1, "fine")]).await;
    rig.work_until_empty().await;
    assert!(rig.sink.stored(agent(7)).is_empty() && rig.sink.letters().is_empty());
    assert!(rig.sink.snapshots_asked().is_empty());
    assert_eq!(rig.sink.stored(agent(8)), seqs(1..=1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_a_stop_is_stored_after_the_next_start() {
    let rig = Rig::new();
    rig.append((1..=50).map(|seq| entry((1, 1), seq, "fine"))).await;
    rig.work_until(|| !rig.sink.stored(agent(1)).is_empty()).await;
    let rig = rig.restart();
    rig.append((51..=60).map(|seq| entry((1, 1), seq, "fine"))).await;
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_an_outcome_is_counted_and_stays_in_the_queue() {
    let rig = Rig::new();
    rig.append([entry((1, 1), 1, "fine")]).await;
    let group = rig.dispatcher.next(&CancellationToken::new()).await.unwrap();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        // A code path that forgets a ticket is a fault of this program. It may not complete the
        // entry: what is kept is processed again after a restart, what is completed is gone.
        drop(Ticket::new(group.parts[0].slips[0], rig.queue.clone()));
    });
    let line = format!("{} 1", crate::metrics::PIPELINE_UNENDED);
    assert!(handle.render().contains(&line));
    let rig = rig.restart();
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=1));
}
