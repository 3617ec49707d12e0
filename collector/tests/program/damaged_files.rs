//! Files and disks that fail under the program: it says so, goes on with what is good, and what was
//! acknowledged is in the API's answers in the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use protocol::ids::Position;
use protocol::message::{AgentMessage, CollectorMessage};
use protocol::reject::{RejectReason, Remedy};
use protocol::report::Report;
use serde_json::Value;

use super::agent::{Stream, pack, record, report};
use super::process::{PROGRAM, failure, print};
use super::world::{World, set};

#[tokio::test]
async fn a_damaged_queue_costs_the_damaged_report_and_asks_its_host_for_a_snapshot() {
    let hold = |command: &mut Command| {
        // Nothing leaves the queue before it is damaged.
        command.env("MUSTER_PIPELINE_BATCH_AFTER_MS", "60000");
    };
    let mut world = World::with(hold).await;
    let mut agent = world.agent().await;
    let reports = [
        report(1, 1, vec![record("first")]),
        report(1, 2, vec![record("second")]),
        report(1, 3, vec![record("third")]),
    ];
    let mut session = agent.welcomed(Position::default()).await;
    for report in &reports {
        session.deliver(report.clone()).await;
    }
    // Killed, not stopped: a stop would store what waits.
    world.collector.kill();

    // One byte of the second report's payload.
    let payload = |report: &Report| pack(AgentMessage::Report(report.clone()).encode()).payload;
    let second = QUEUE_HEADER_BYTES + QUEUE_RECORD_BYTES + payload(&reports[0]).len();
    let at = second + QUEUE_RECORD_BYTES + payload(&reports[1]).len() / 2;
    let segment = segments(world.dir.path()).remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(&segment, bytes).unwrap();

    world.start_again(&mut agent, |command| {
        command.env("MUSTER_PIPELINE_GAP_WAIT_MS", "10");
    });
    let damage = event(&world.collector.said, "is damaged on disk");
    assert_eq!((&damage["lost_entries"], &damage["level"]), (&1.into(), &"ERROR".into()));
    let copy = segment.with_file_name(damage["copy"].as_str().unwrap());
    assert!(copy.exists(), "nothing is kept for people to look at");
    let stored = world.stored(&agent, Position::new(1, 1)).await;
    assert_eq!(stored, set(&["first"]));

    // What was lost behind its acknowledgement is asked for again, whole.
    // The agent has three acknowledgements and would send the fourth report next; the rows end at
    // the first.
    let mut session = agent.welcomed(Position::new(1, 3)).await;
    assert_eq!(session.answer().await, CollectorMessage::SendSnapshot);
    let all = ["first", "second", "third"];
    session.deliver(report(2, 1, all.map(record).to_vec())).await;
    assert_eq!(world.stored(&agent, Position::new(2, 1)).await, set(&all));
}

/// The event whose message holds these words.
fn event(log: &str, words: &str) -> Value {
    let line = log.lines().find(|line| line.contains(words));
    serde_json::from_str(line.unwrap_or_else(|| panic!("no {words:?} in {log}"))).unwrap()
}

/// Bytes of a segment before its records, and of a record before its payload (decision 0001).
const QUEUE_HEADER_BYTES: usize = 48;
const QUEUE_RECORD_BYTES: usize = 84;

/// The queue's files, oldest first.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir.join("queue")).unwrap();
    let mut found: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "segment"))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_full_disk_under_the_queue_makes_agents_wait_and_loses_nothing() {
    if !rustix::process::geteuid().is_root() {
        // Only root can mount a disk that is small enough to fill; `queue::tests::storage` has the
        // same on a simulated one.
        return;
    }
    let world = World::with(|command| *command = on_a_small_disk(command)).await;
    let agent = world.agent().await;
    // The disk is the process' own: others see it through the process alone.
    let queue = world.dir.path().join("queue");
    let seen = format!("/proc/{}/root{}", world.collector.id(), queue.display());
    let ballast = Path::new(&seen).join("ballast");
    // What fits is written before it fails, which is the point.
    let full = std::fs::write(&ballast, vec![0; 2 * DISK_BYTES]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);

    let mut session = agent.welcomed(Position::default()).await;
    session.say(&AgentMessage::Report(large(1, 1))).await;
    let (reason, detail) = session.no().await;
    assert_eq!(reason, RejectReason::StorageUnavailable);
    assert_eq!(detail, "the collector cannot write to its disk");
    // Alive and not ready: a supervisor that restarted it would gain nothing, a load balancer
    // should look elsewhere.
    assert!(world.collector.get("/healthz").starts_with("HTTP/1.1 200"));
    let ready = world.collector.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains(r#""database":true,"node":false"#), "{ready}");

    std::fs::remove_file(&ballast).unwrap();
    // More than the disk holds at once: what is stored has to make room for what comes.
    let reports = 12;
    for seq in 1..=reports {
        deliver_when_there_is_room(&mut session, large(1, seq)).await;
    }
    assert!(world.collector.get("/readyz").starts_with("HTTP/1.1 200"));
    let stored = world.stored(&agent, Position::new(1, reports)).await;
    assert_eq!(stored.len(), 1_200, "the host's software");
    let host = world.ask(&format!("/api/v1/hosts/{}", agent.id));
    assert_eq!(host["delivery"]["records"], 100 * reports);
}

#[tokio::test]
async fn a_damaged_index_is_said_and_keeps_no_report_away() {
    let world = World::with(|command| {
        let dir = Path::new(command.get_args().last().unwrap());
        std::fs::create_dir(dir.join("index")).unwrap();
        std::fs::write(dir.join("index/current"), b"MUSTER but no index").unwrap();
    })
    .await;
    let said = event(&world.collector.said, "the match index is not used");
    let path = world.dir.path().join("index/current");
    assert_eq!(said["path"], path.display().to_string());
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("`muster-collector feed build`"), "{said}");
    let agent = world.agent().await;
    let mut session = agent.welcomed(Position::default()).await;
    session.deliver(report(1, 1, vec![record("curl")])).await;
    let stored = world.stored(&agent, Position::new(1, 1)).await;
    assert_eq!(stored, set(&["curl"]));
}

#[tokio::test]
async fn a_damaged_feed_is_refused_and_leaves_the_index_as_it_was() {
    let world = World::new().await;
    let dir = world.dir.path();
    let good = dir.join("good.json");
    std::fs::write(&good, FEED).unwrap();
    print(dir, &world.database, &["feed", "import", good.to_str().unwrap()]);
    let index = std::fs::read(dir.join("index/current")).unwrap();
    let bad = dir.join("bad.json");
    // A download that was cut.
    std::fs::write(&bad, &FEED[..FEED.len() / 2]).unwrap();
    let (code, said) = failure(
        Command::new(PROGRAM)
            .args(["feed", "import"])
            .arg(&bad)
            .arg("--data-dir")
            .arg(dir)
            .env("DATABASE_URL", world.database.url()),
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("bad.json"), "{said}");
    assert_eq!(std::fs::read(dir.join("index/current")).unwrap(), index);
}

#[test]
fn an_index_that_cannot_be_opened_says_which_and_what_to_do() {
    let dir = super::process::data_dir();
    let index = dir.path().join("cut.index");
    std::fs::write(&index, b"MUSTER but no index").unwrap();
    let (code, said) =
        failure(Command::new(PROGRAM).args(["match", "--index"]).arg(&index).stdin(Stdio::null()));
    assert_eq!(code, Some(1));
    assert!(said.contains("cut.index"), "{said}");
}

/// A page of NVD's API.
const FEED: &[u8] = include_bytes!("../../../enrichment/tests/data/feeds/nvd-page.json");

/// Bytes of the disk under the queue: room for one of its files and a half.
const DISK_BYTES: usize = 3 << 19;

/// The same command with a small disk mounted under its queue, for it alone: the disk goes with it.
fn on_a_small_disk(command: &Command) -> Command {
    // `command` names the data directory last.
    let dir = command.get_args().last().unwrap();
    let queue = Path::new(dir).join("queue");
    std::fs::create_dir(&queue).unwrap();
    let mount = format!("mount -t tmpfs -o size={DISK_BYTES} tmpfs \"$0\" && exec \"$@\"");
    let mut outer = Command::new("unshare");
    outer
        .args(["--mount", "--propagation", "private", "sh", "-c", &mount])
        .arg(&queue)
        .arg(PROGRAM)
        .args(command.get_args())
        .env("MUSTER_QUEUE_SEGMENT_BYTES", (1 << 20).to_string())
        .env("MUSTER_QUEUE_DISK_FREE_BYTES_MIN", "0")
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// A report of a hundred records whose places cannot be packed: a fifth of one of the queue's files.
fn large(epoch: u32, seq: u32) -> Report {
    let mut state = u64::from(seq);
    let mut noise = || {
        // Knuth's MMIX generator: no two reports are alike, and every run has the same ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:016x}", state ^ (state >> 29))
    };
    let records = (0..100).map(|number| {
        let mut record = record(&format!("package-{seq}-{number}"));
        record.locations =
            (0..4).map(|_| std::iter::repeat_with(&mut noise).take(60).collect()).collect();
        record
    });
    report(epoch, seq, records.collect())
}

/// Delivers a report as an agent does: when it may come again, it comes again.
async fn deliver_when_there_is_room(session: &mut Stream, report: Report) {
    let position = report.position;
    for _ in 0..500 {
        session.say(&AgentMessage::Report(report.clone())).await;
        let answer = session.answer().await;
        if answer == (CollectorMessage::Ack { position }) {
            return;
        }
        let CollectorMessage::Reject { reason, .. } = answer else {
            panic!("{position}: {answer:?}");
        };
        assert_eq!(reason.remedy(), Remedy::Later, "{position}: {reason}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the disk has room and {position} is not taken");
}
