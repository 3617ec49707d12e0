//! A collector in a process of its own, and the questions that people ask it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use store::test_support::FreshDatabase;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_muster-collector");

/// A data directory that any account can pass through.
pub(crate) fn data_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    dir
}

/// `serve` on free ports.
pub(crate) fn command(dir: &Path, database: Option<&FreshDatabase>) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(dir)
        // The tests' own server must not be taken where a private one is meant.
        .env_remove("DATABASE_URL")
        // No test asks the internet.
        .env("MUSTER_FEEDS_SYNC", "false")
        .env("MUSTER_TELEMETRY_FORMAT", "json")
        // Whatever the machine that runs the tests has left.
        .env("MUSTER_QUEUE_DISK_FREE_BYTES_MIN", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(database) = database {
        command.env("DATABASE_URL", database.url());
    }
    command
}

/// A collector that is up.
pub(crate) struct Collector {
    child: Child,
    /// Its lines as they come: a collector whose log nobody reads stands still once the pipe is full.
    log: Mutex<mpsc::Receiver<String>>,
    /// What it said before it was up, an event a line.
    pub(crate) said: String,
    pub(crate) http: SocketAddr,
}

impl Collector {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        // More lines than any test has its collector say.
        let (lines, log) = mpsc::sync_channel(100_000);
        thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).unwrap() > 0 {
                // Whoever has dropped the collector listens no more; its pipe is emptied all the same.
                lines.send(std::mem::take(&mut line)).ok();
            }
        });
        let nowhere = SocketAddr::from(([0; 4], 0));
        let mut collector =
            Self { child, log: Mutex::new(log), said: String::new(), http: nowhere };
        let event = collector.wait_until_it_says("the collector is up");
        // A node without the API listens nowhere.
        if let Some(http) = event["http"].as_str() {
            collector.http = http.parse().unwrap();
        }
        collector
    }

    /// The event in the log that has a message.
    pub(crate) fn wait_until_it_says(&mut self, message: &str) -> Value {
        loop {
            let Ok(line) = self.log.get_mut().unwrap().recv() else {
                let said = &self.said;
                panic!("the collector ended before it said {message:?}:\n{said}");
            };
            // A line that is no event, as a panic's, is kept for the message below.
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == message {
                return event;
            }
            self.said.push_str(&line);
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.id(), signal);
    }

    /// Its exit status and what it still said.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let said = self.rest();
        (self.child.wait().unwrap(), said)
    }

    /// What it says until it has ended in good order.
    pub(crate) fn end(&mut self) -> String {
        let said = self.rest();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        said
    }

    fn rest(&mut self) -> String {
        self.log.get_mut().unwrap().iter().collect::<Vec<_>>().concat()
    }

    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Ends it as a power button does.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        assert!(!self.child.wait().unwrap().success());
    }

    /// The whole answer to a request without a key.
    pub(crate) fn get(&self, path: &str) -> String {
        self.request("GET", path, "")
    }

    /// What the API answers to a key: the status and the document, null where there is none.
    pub(crate) fn ask(&self, method: &str, path: &str, key: &str) -> (u16, Value) {
        let answer = self.request(method, path, &format!("Authorization: Bearer {key}\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    fn request(&self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.http).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // One whose test failed; one that was waited for is gone already.
        self.child.kill().ok();
    }
}

pub(crate) fn kill(process: u32, signal: Signal) {
    let pid = Pid::from_raw(process.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// What a command that fails says, and with which code it ends.
pub(crate) fn failure(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A command of the program beside a collector: what it prints, which is one JSON document.
pub(crate) fn print(dir: &Path, database: &FreshDatabase, words: &[&str]) -> Value {
    print_at(dir, database.url(), words)
}

/// The same for a database by its address.
pub(crate) fn print_at(dir: &Path, url: &str, words: &[&str]) -> Value {
    let output = Command::new(PROGRAM)
        .args(words)
        .arg("--json")
        .arg("--data-dir")
        .arg(dir)
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
