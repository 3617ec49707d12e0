//! A host for the agent to run on: a folder with a package database, and the agent as a process.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use agent::clock::{Clock as _, SystemClock};
use agent::collect::{ScanOptions, Scanner};
use agent::delta::Records;
use agent::status::Status;

use super::collector::Collector;

/// A host, enrolled or not.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Host {
    /// A host with so many packages.
    pub(crate) fn new(packages: usize) -> Self {
        let host = Self::on(None);
        let root = host.root();
        std::fs::create_dir_all(root.join("var/lib/dpkg")).expect("a folder");
        std::fs::create_dir_all(root.join("etc")).expect("a folder");
        std::fs::write(
            root.join("etc/os-release"),
            "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        )
        .expect("written");
        host.install(0..packages, "1.0-1");
        host
    }

    /// A host with the tree at `root`, or without anything.
    pub(crate) fn on(root: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { root: root.unwrap_or_else(|| folder.path().join("root")), folder }
    }

    /// A host that is enrolled with a collector.
    pub(crate) fn enrolled(packages: usize, collector: &Collector) -> Self {
        Self::new(packages).enrol(collector)
    }

    pub(crate) fn enrol(self, collector: &Collector) -> Self {
        let host = self;
        let token = collector.token().expose();
        let output = host.run_with(&["enroll", "--token-file", "-"], &token);
        assert!(output.status.success(), "{output:?}");
        host
    }

    /// Makes these the packages that are installed.
    pub(crate) fn install(&self, numbers: std::ops::Range<usize>, version: &str) {
        let mut status = String::new();
        for number in numbers {
            status.push_str(&format!(
                "Package: package-{number}\nStatus: install ok installed\nArchitecture: amd64\n\
                 Maintainer: Somebody <somebody@example.org>\nVersion: {version}\n\n"
            ));
        }
        // By a rename, as dpkg does it: a scan in this moment sees the one state or the other.
        let path = self.root().join("var/lib/dpkg/status");
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, status).expect("written");
        std::fs::rename(fresh, path).expect("renamed");
    }

    /// What a scan finds here.
    pub(crate) fn inventory(&self) -> Records {
        let options = ScanOptions { root: self.root(), ..ScanOptions::default() };
        let inventory = Scanner::new(options).scan(|_| Vec::new(), &SystemClock);
        inventory.records
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.root.clone()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The agent's command line on this host.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(super::binary());
        command
            .args(words)
            // Nothing of whoever runs the tests: a `MUSTER_` variable of theirs would decide.
            .env_clear()
            .env("MUSTER_STATE_DIR", self.state_dir())
            .env("MUSTER_SCAN_ROOT", self.root())
            .env("MUSTER_LOG_LEVEL", "debug");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.run_with(words, "")
    }

    pub(crate) fn run_with(&self, words: &[&str], stdin: &str) -> Output {
        let mut child = self
            .command(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent starts");
        let mut pipe = child.stdin.take().expect("piped");
        // A command that reads nothing may be gone already.
        pipe.write_all(stdin.as_bytes()).ok();
        drop(pipe);
        child.wait_with_output().expect("the agent ends")
    }

    /// Starts the agent for good.
    pub(crate) fn start(&self) -> Running {
        self.start_as(&mut self.command(&["run"]))
    }

    pub(crate) fn start_as(&self, command: &mut Command) -> Running {
        // A file and no pipe: nobody reads while the agent runs, and a full pipe would stop it.
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path().join("log"))
            .expect("a log");
        Running(command.stderr(log).spawn().expect("the agent starts"))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// What `status` says.
    pub(crate) fn status(&self) -> Status {
        let output = self.run(&["status", "--json"]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}\n{}", self.log()))
    }

    /// Waits until the running agent has heard that nothing of it is still to be stored, which is later than
    /// the collector knows it.
    #[track_caller]
    pub(crate) fn wait_until_delivered(&self) {
        for _ in 0..500 {
            if self.status().spool.waiting_reports == 0 {
                return;
            }
            // Nobody is told of an answer that an agent in another process has read.
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("reports still wait:\n{}", self.log());
    }

    /// Lets the running agent scan, and waits for it.
    #[track_caller]
    pub(crate) fn scan(&self) {
        let output = self.run(&["scan"]);
        assert!(output.status.success(), "{output:?}\n{}", self.log());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the agent's log:\n{}", self.log());
        }
    }
}

/// An agent that runs; it is killed when this goes.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Asks it to stop, and says its exit code and how long that took.
    pub(crate) fn stop(mut self) -> (Option<i32>, Duration) {
        let id = i32::try_from(self.id()).ok();
        let id = id.and_then(rustix::process::Pid::from_raw).expect("a process");
        let began = SystemClock.elapsed();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
        let status = self.0.wait().expect("it ends");
        (status.code(), SystemClock.elapsed() - began)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
