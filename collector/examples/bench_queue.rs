//! How many reports a second the queue makes durable, beside a bare file that is appended to and
//! synced in groups of the same size, on the same disk in the same run. Prints one JSON object a line.
//!
//! `cargo run --release -p collector --example bench_queue [FOLDER]`; without one it uses the
//! system's folder for temporary files. What it writes is gone afterwards.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints and reads the clock"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use collector::clock::Clock;
use collector::queue::{Committed, Entry, EntryHead, Queue, QueueLimits};
use protocol::frame::{Frame, Packing};
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::report::Lane;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Bytes of a report of 100 records as agents send it, more or less.
const PAYLOAD_BYTES: usize = 1_024;
/// How long each measurement lasts.
const LASTS: Duration = Duration::from_secs(3);
/// Appends that wait at once: one agent, and many.
const WAITING: [usize; 3] = [1, 100, 2_000];

fn main() -> Result<()> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = parent.join(format!("muster-bench-queue-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let measured = measure(&folder);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    for waiting in WAITING {
        let bench = Bench::open(&folder.join(format!("queue-{waiting}")))?;
        let (appended, groups) = runtime.block_on(bench.append(waiting))?;
        // A group of the queue is whatever waits; the file gets groups as large.
        let group = (appended.count / groups.max(1)).max(1);
        let plain = append_plain(&folder.join("plain"), group)?;
        let name = format!("queue_durable_appends_{waiting}_waiting");
        figure(&name, appended, Some(plain), group);
        if waiting == WAITING[WAITING.len() - 1] {
            let drained = bench.drain()?;
            figure("queue_drain", drained, None, group);
        }
        bench.queue.close();
    }
    Ok(())
}

/// So many in so long.
#[derive(Clone, Copy)]
struct Measured {
    count: u64,
    took: Duration,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn rate(self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

fn figure(name: &str, measured: Measured, plain: Option<Measured>, group: u64) {
    let mut line = json!({"name": name, "value": measured.rate().round(), "unit": "reports/s"});
    if let Some(plain) = plain {
        let ratio = measured.rate() / plain.rate();
        line["ratio"] = ((ratio * 1_000.0).round() / 1_000.0).into();
        line["against"] = "plain append and fdatasync".into();
        line["note"] = format!("{PAYLOAD_BYTES} bytes each, {group} a sync on average").into();
    }
    println!("{line}");
}

/// Keeps the heads of what is durable, as the pipeline does, and counts the groups.
#[derive(Default)]
struct Durable(Mutex<(Vec<EntryHead>, u64)>);

impl Committed for Durable {
    fn committed(&self, entries: &[EntryHead]) {
        let mut durable = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        durable.0.extend_from_slice(entries);
        durable.1 += 1;
    }
}

struct Bench {
    queue: Queue,
    durable: Arc<Durable>,
}

impl Bench {
    fn open(folder: &Path) -> Result<Self> {
        let durable = Arc::new(Durable::default());
        let committed = Arc::clone(&durable);
        let limits = QueueLimits::default();
        let (queue, _) = Queue::open(folder, limits, committed, Clock::system())?;
        Ok(Self { queue, durable })
    }

    /// Appends from so many tasks, each of which waits for its own to be durable.
    async fn append(&self, waiting: usize) -> Result<(Measured, u64)> {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for task in 0..waiting {
            let queue = self.queue.clone();
            tasks.spawn(async move {
                let agent = AgentId(Uuid::from_u128(task as u128 + 1));
                let mut seq = 0;
                while began.elapsed() < LASTS {
                    // One append after the other a task, as a session that waits for its
                    // acknowledgement.
                    seq += 1;
                    queue.append(entry(agent, seq)).await?;
                }
                Ok::<u32, anyhow::Error>(seq)
            });
        }
        let mut count = 0;
        for appended in tasks.join_all().await {
            count += u64::from(appended?);
        }
        let took = began.elapsed();
        let durable = self.durable.0.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(durable.0.len() as u64 == count, "not all is durable");
        Ok((Measured { count, took }, durable.1))
    }

    /// Reads and completes everything.
    fn drain(&self) -> Result<Measured> {
        let mut durable = self.durable.0.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        for head in &durable.0 {
            let frame = self.queue.read(&head.slip)?;
            ensure!(frame.payload.len() == PAYLOAD_BYTES, "a frame is cut");
            self.queue.complete(&head.slip);
        }
        let count = durable.0.len() as u64;
        durable.0.clear();
        Ok(Measured { count, took: began.elapsed() })
    }
}

fn entry(agent: AgentId, seq: u32) -> Entry {
    Entry {
        company: CompanyId(Uuid::from_u128(1)),
        agent,
        position: Position::new(1, seq),
        lane: Lane::Delta,
        records: 100,
        received_at_ms: 0,
        frame: Frame { packing: Packing::Plain, payload: payload(seq) },
    }
}

/// Bytes that no disk compresses.
fn payload(seed: u32) -> Vec<u8> {
    let mut state = u64::from(seed) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(PAYLOAD_BYTES / 8).flatten().collect()
}

/// What the queue is compared with: one write and one fdatasync a group, and nothing else.
fn append_plain(path: &Path, group: u64) -> Result<Measured> {
    let mut file = File::create(path)?;
    // Made before the clock starts: the file is not charged for making its payloads, which favours
    // it.
    let bytes: Vec<u8> = (0..group).flat_map(|_| payload(7)).collect();
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < LASTS {
        file.write_all(&bytes)?;
        file.sync_data()?;
        count += group;
    }
    let took = began.elapsed();
    std::fs::remove_file(path)?;
    Ok(Measured { count, took })
}
