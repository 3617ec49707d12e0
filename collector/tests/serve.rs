//! The program itself: started, asked, stopped, killed and started again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test cannot do, it fails for"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use store::test_support::FreshDatabase;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_muster-collector");

/// A data directory that any account can pass through.
fn data_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    dir
}

fn command(dir: &Path, database: Option<&FreshDatabase>) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(dir)
        .env_remove("DATABASE_URL")
        .env("MUSTER_TELEMETRY_FORMAT", "json")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(database) = database {
        command.env("DATABASE_URL", database.url());
    }
    command
}

/// A collector that is up.
struct Collector {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    http: SocketAddr,
}

impl Collector {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let nowhere = SocketAddr::from(([0; 4], 0));
        let mut collector = Self {
            child,
            log,
            http: nowhere,
        };
        let event = collector.wait_until_it_says("the collector is up");
        collector.http = event["http"].as_str().unwrap().parse().unwrap();
        collector
    }

    /// The event in the log that has a message.
    fn wait_until_it_says(&mut self, message: &str) -> Value {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if self.log.read_line(&mut line).unwrap() == 0 {
                panic!("the collector ended before it said {message:?}:\n{said}");
            }
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == message {
                return event;
            }
            said.push_str(&line);
        }
    }

    fn signal(&self, signal: Signal) {
        kill(self.child.id(), signal);
    }

    /// Its exit status and what it still said.
    fn wait(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.log.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap(), said)
    }

    fn stop(self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        self.wait()
    }

    fn get(&self, path: &str) -> String {
        use std::io::Write as _;
        let mut stream = std::net::TcpStream::connect(self.http).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn kill(process: u32, signal: Signal) {
    let pid = Pid::from_raw(process.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// What a command that fails says, and with which code it ends.
fn failure(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[tokio::test]
async fn says_where_it_listens_answers_there_and_stops_when_it_is_asked() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    let collector = Collector::start(command(dir.path(), Some(&database)));
    let run: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("collector.json")).unwrap()).unwrap();
    assert_eq!(run["http"], collector.http.to_string());
    assert_eq!(run["pid"], collector.child.id());
    assert!(collector.get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = collector.get("/metrics");
    assert!(metrics.contains("muster_ingest_reports_total{outcome=\"queue_full\"} 0"));
    let (status, said) = collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!dir.path().join("collector.json").exists());
}

#[tokio::test]
async fn a_second_collector_on_the_same_data_is_refused() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    let collector = Collector::start(command(dir.path(), Some(&database)));
    let (code, said) = failure(&mut command(dir.path(), Some(&database)));
    assert_eq!(code, Some(1));
    assert!(said.contains("another collector"), "{said}");
    assert!(said.contains(&collector.child.id().to_string()), "{said}");
    assert_eq!(collector.stop().0.code(), Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it_and_stops_everything() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--listen", &address, "--http", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(dir.path())
        .env("DATABASE_URL", database.url());
    let (code, said) = failure(&mut command);
    assert_eq!(code, Some(1));
    assert!(
        said.contains(&format!("listen on {address} (UDP)")),
        "{said}"
    );
}

#[tokio::test]
async fn a_lost_authority_is_never_replaced_in_silence() {
    let (dir, database) = (data_dir(), FreshDatabase::create_empty().await);
    assert_eq!(
        Collector::start(command(dir.path(), Some(&database)))
            .stop()
            .0
            .code(),
        Some(0)
    );
    std::fs::remove_dir_all(dir.path().join("ca")).unwrap();
    let (code, said) = failure(&mut command(dir.path(), Some(&database)));
    assert_eq!(code, Some(1));
    assert!(
        said.contains("restore the directory from a backup"),
        "{said}"
    );
}

#[tokio::test]
async fn a_database_that_nobody_answers_for_is_an_error_at_the_start() {
    let dir = data_dir();
    let mut command = command(dir.path(), None);
    command.env("DATABASE_URL", "postgres://muster@127.0.0.1:1/muster");
    let (code, said) = failure(&mut command);
    assert_eq!(code, Some(1));
    assert!(said.contains("open the database"), "{said}");
}

#[test]
fn wrong_use_and_wrong_configuration_are_told_apart() {
    let (code, _) = failure(Command::new(PROGRAM).args(["serve", "--no-such-flag"]));
    assert_eq!(code, Some(2));
    let dir = data_dir();
    let file = dir.path().join("collector.toml");
    std::fs::write(&file, "[ingest]\nlissten = \"0.0.0.0:1\"\n").unwrap();
    let mut check = Command::new(PROGRAM);
    check.args(["config", "check", "--config"]).arg(&file);
    let (code, said) = failure(&mut check);
    assert_eq!(code, Some(1));
    assert!(said.contains("lissten"), "{said}");
}

#[test]
fn the_default_configuration_that_it_prints_is_one_that_it_takes() {
    let dir = data_dir();
    let printed = Command::new(PROGRAM)
        .args(["config", "default"])
        .output()
        .unwrap();
    let file = dir.path().join("collector.toml");
    std::fs::write(&file, printed.stdout).unwrap();
    let checked = Command::new(PROGRAM)
        .args(["config", "check", "--json", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(answer["valid"], true);
}

#[test]
fn brings_its_own_database_adopts_it_after_a_kill_and_leaves_nothing_running() {
    let dir = data_dir();
    let first = Collector::start(command(dir.path(), None));
    let postmaster = postmaster(dir.path());
    assert!(postmaster.is_some());
    first.signal(Signal::KILL);
    assert!(!first.wait().0.success());
    let second = Collector::start(command(dir.path(), None));
    assert_eq!(self::postmaster(dir.path()), postmaster, "a second server");
    assert!(second.get("/readyz").starts_with("HTTP/1.1 200"));
    let (status, said) = second.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(self::postmaster(dir.path()), None);
}

#[test]
fn a_private_server_that_dies_is_started_again() {
    let dir = data_dir();
    let mut collector = Collector::start(command(dir.path(), None));
    let server = postmaster(dir.path()).unwrap();
    kill(server, Signal::KILL);
    collector.wait_until_it_says("the private PostgreSQL ended: starting it again");
    // Each answer takes as long as the database is waited for.
    while !collector.get("/readyz").starts_with("HTTP/1.1 200") {
        std::thread::yield_now();
    }
    assert_ne!(postmaster(dir.path()), Some(server));
    let (status, said) = collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn an_ordinary_user_needs_nothing_of_roots() {
    if !rustix::process::geteuid().is_root() {
        // The test before this one has just shown it.
        return;
    }
    let dir = data_dir();
    let nobody = 65_534;
    let mut command = command(dir.path(), None);
    command.uid(nobody).gid(nobody).env("HOME", dir.path());
    let collector = Collector::start(command);
    let (status, said) = collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// The process id of the private server; `None` when it has stopped as it should.
fn postmaster(data_dir: &Path) -> Option<u32> {
    let file = data_dir.join("postgres/data/postmaster.pid");
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().next()?.parse().ok()
}
