//! Processes of a run, on the machine itself: started, stopped where they are, ended and logged.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::*;

/// More than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn program(log: &Path, script: &str) -> Program {
    Program {
        host: Host::Watcher,
        line: ["sh", "-c", script].map(str::to_owned).to_vec(),
        environment: vec![("MUSTER_OF_A_TEST".to_owned(), "told".to_owned())],
        log: log.to_owned(),
    }
}

/// What the kernel says that a process does: `T` when it was stopped.
fn state(process: &Process) -> Option<char> {
    let pid = process.child.id()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(") ")?;
    after.chars().next()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            // Between two looks; the deadline is what fails.
            sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = timeout(DEADLINE, waiting).await;
    in_time.unwrap_or_else(|_| panic!("{what}: not in time"));
}

#[tokio::test]
async fn what_it_says_goes_behind_what_its_log_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    std::fs::write(&log, "before\n").expect("writes");
    let program = program(&log, "echo $MUSTER_OF_A_TEST; echo wrong >&2");
    for _ in 0..2 {
        let mut process = program.start().expect("starts");
        assert!(process.wait().await.expect("an end").success());
    }
    let text = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(text, "before\ntold\nwrong\ntold\nwrong\n");
}

#[tokio::test]
async fn what_it_prints_can_have_a_file_of_its_own_which_is_new_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    std::fs::write(&out, "of an earlier run").expect("writes");
    let program = program(&log, "echo result; echo wrong >&2; exit 1");
    let mut process = program.start_printing_to(&out).expect("starts");
    let status = process.wait().await.expect("an end");
    assert_eq!(status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&out).expect("reads"), "result\n");
    assert_eq!(std::fs::read_to_string(&log).expect("reads"), "wrong\n");
}

#[tokio::test]
async fn a_process_that_is_paused_stands_still_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = program(&folder.path().join("log"), "exec sleep 600");
    let mut process = program.start().expect("starts");
    process.pause().expect("paused");
    until("it stands still", || state(&process) == Some('T')).await;
    assert!(process.is_running(), "it is there all the same");
    process.resume().expect("resumed");
    until("it goes on", || state(&process) != Some('T')).await;
    process.kill().await;
}

#[tokio::test]
async fn one_that_is_asked_to_end_says_how_it_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let script = "trap 'echo drained; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let process = program(&log, script).start().expect("starts");
    let is_ready = || std::fs::read_to_string(&log).is_ok_and(|text| text == "ready\n");
    until("it is ready", is_ready).await;
    let ended = timeout(DEADLINE, process.terminate()).await.expect("in time");
    assert!(ended.expect("asked").success());
    assert_eq!(std::fs::read_to_string(&log).expect("reads"), "ready\ndrained\n");
}

#[tokio::test]
async fn one_that_was_killed_is_gone_and_one_that_ended_is_seen_to_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let process = program(&log, "exec sleep 600").start().expect("starts");
    let pid = process.child.id().expect("a number");
    process.kill().await;
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    let mut short = program(&log, "exit 7").start().expect("starts");
    until("it has ended", || !short.is_running()).await;
    // Killing what is gone is as good.
    short.kill().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut missing = program(&folder.path().join("log"), "");
    missing.line = vec!["/nowhere/collector".to_owned(), "serve".to_owned()];
    let error = format!("{:#}", missing.start().expect_err("not there"));
    assert!(error.contains("start /nowhere/collector serve"), "{error}");
    missing.line.clear();
    let error = missing.start().expect_err("nothing").to_string();
    assert_eq!(error, "no program");
    let mut blind = program(&folder.path().join("no/such/folder/log"), "true");
    blind.environment.clear();
    let error = format!("{:#}", blind.start().expect_err("no log"));
    assert!(error.contains("no/such/folder/log"), "{error}");
}
