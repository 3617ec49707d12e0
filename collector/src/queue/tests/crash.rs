//! A real process on a real disk, killed with SIGKILL while it appends.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

/// Set in the child: the queue's directory.
const DIRECTORY: &str = "MUSTER_TEST_QUEUE_DIRECTORY";
const CHILD: &str = "queue::tests::crash::a_process_reports_only_what_is_durable";
const PAYLOAD_BYTES: usize = 1_500;
const ROUNDS: usize = 6;

/// Appends in groups and prints each seq once its append was answered: the child of
/// [`nothing_acknowledged_is_lost_when_the_process_is_killed`]. Alone it appends a few.
#[test]
fn a_process_reports_only_what_is_durable() {
    #[expect(clippy::disallowed_methods, reason = "the parent says so by the environment")]
    let directory = std::env::var(DIRECTORY);
    let Ok(directory) = directory else {
        let directory = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        append_in_groups(&open(directory.path()).queue, 1..64, &mut out);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 63);
        return;
    };
    let opened = open(Path::new(&directory));
    let mut out = io::stdout();
    let first = opened.told.positions().into_iter().max().unwrap_or(0) + 1;
    for slip in opened.told.slips().into_iter().step_by(3) {
        writeln!(out, "completing {}", slip.position.seq.0).unwrap();
        opened.queue.complete(&slip);
    }
    append_in_groups(&opened.queue, first..u32::MAX, &mut out);
}

fn append_in_groups(queue: &Queue, seqs: std::ops::Range<u32>, out: &mut impl Write) {
    let mut seqs = seqs.peekable();
    while seqs.peek().is_some() {
        let batch: Vec<u32> = seqs.by_ref().take(16).collect();
        let entries = batch.iter().map(|seq| entry(*seq, PAYLOAD_BYTES)).collect();
        for (seq, result) in batch.iter().zip(append_together(queue, entries)) {
            result.unwrap();
            writeln!(out, "durable {seq}").unwrap();
        }
    }
}

/// What children said before they died.
#[derive(Default)]
struct Heard {
    durable: BTreeSet<u32>,
    completing: BTreeSet<u32>,
}

impl Heard {
    /// Takes one line in, and says whether it told of a durable entry. A line without its end was
    /// cut off by the kill, and its number with it.
    fn take(&mut self, line: &str) -> bool {
        let Some(line) = line.strip_suffix('\n') else {
            return false;
        };
        if let Some(seq) = line.strip_prefix("completing ") {
            self.completing.insert(seq.parse().unwrap());
        }
        let Some(seq) = line.strip_prefix("durable ") else {
            return false;
        };
        self.durable.insert(seq.parse().unwrap())
    }
}

fn start_child(directory: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        // The test program itself is the child: what is killed is the code under test and no model
        // of it.
        .args(["--exact", CHILD, "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    (child, BufReader::new(out))
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut heard = Heard::default();
    for round in 0..ROUNDS {
        let (mut child, mut out) = start_child(directory.path());
        // Another number of answers each round, so that the kill comes at other moments.
        let mut answers = 40 + 97 * round;
        let mut line = String::new();
        while answers > 0 {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "the child ended");
            answers -= usize::from(heard.take(&line));
        }
        // SIGKILL, which no handler sees.
        child.kill().unwrap();
        child.wait().unwrap();
        line.clear();
        // What it said before it died and nobody had read yet was promised as well.
        while out.read_line(&mut line).unwrap() > 0 {
            heard.take(&line);
            line.clear();
        }
        check(&open(directory.path()), &heard);
    }
}

fn check(opened: &Opened, heard: &Heard) {
    let held = opened.told.positions();
    let once: BTreeSet<u32> = held.iter().copied().collect();
    assert_eq!(once.len(), held.len(), "something is there twice");
    // A kill loses nothing that the kernel has: pages that were written stay. Damage here would be
    // a fault of the scan.
    assert_eq!(opened.recovered.damaged_segments, 0);
    let gone: BTreeSet<u32> = heard.durable.difference(&once).copied().collect();
    assert!(gone.is_subset(&heard.completing), "acknowledged and lost: {gone:?}");
    for slip in opened.told.slips() {
        let frame = opened.queue.read(&slip).unwrap();
        assert_eq!(frame, entry(slip.position.seq.0, PAYLOAD_BYTES).frame);
    }
    opened.queue.close();
}
