//! A PostgreSQL of a test's own, which may be stopped, held still and replaced by a standby.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::Signal;
use tempfile::TempDir;

use super::super::process::{data_dir, kill};

/// A server, or the files of one that is stopped.
pub(crate) struct Server {
    dir: TempDir,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a new server with some settings.
    pub(crate) fn start(settings: &str) -> Self {
        let server = Self::empty();
        // The collector's own settings of durability stay: what is acknowledged has to be there.
        server.run("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        server.configure(settings);
        server.ctl("start", &[]);
        server
    }

    /// Starts a standby, which the server waits for with every commit from then on.
    pub(crate) fn standby(&self) -> Self {
        let standby = Self::empty();
        let primary =
            format!("host=127.0.0.1 port={} user=postgres application_name=standby", self.port);
        standby.run("pg_basebackup", &["-R", "-X", "stream", "-c", "fast", "-d", &primary]);
        standby.configure("");
        standby.ctl("start", &[]);
        self.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        self.sql("SELECT pg_reload_conf()");
        standby
    }

    /// Makes a standby the primary, which waits for nobody.
    pub(crate) fn promote(&self) {
        self.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
        self.ctl("promote", &[]);
    }

    /// Ends it without a word to anybody, as a crash does.
    pub(crate) fn stop_at_once(&self) {
        self.ctl("stop", &["-m", "immediate"]);
    }

    pub(crate) fn start_again(&self) {
        self.ctl("start", &[]);
    }

    /// Has every process of the server stand still until the value is dropped.
    pub(crate) fn stand_still(&self) -> StandStill {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster: u32 = file.lines().next().unwrap().parse().unwrap();
        // First the one that would start others.
        kill(postmaster, Signal::STOP);
        let mut processes = children(postmaster);
        processes.push(postmaster);
        for process in &processes {
            kill(*process, Signal::STOP);
        }
        StandStill(processes)
    }

    /// Keeps everybody else from writing to a table until it is dropped.
    pub(crate) fn lock(&self, table: &str) -> Locked {
        let mut command = Command::new(self.program("psql"));
        let sql = format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT pg_sleep(600)");
        command.args(["-X", "-q", "-c", &sql, "-d", &self.url()]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let locked = Locked(command.spawn().unwrap());
        let held = "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted \
                    AND locktype = 'relation'";
        self.wait_for(held);
        locked
    }

    /// Waits until a count is no longer nothing.
    pub(crate) fn wait_for(&self, count: &str) {
        for _ in 0..300 {
            if self.sql(count).trim() != "0" {
                return;
            }
            // Between two questions to a server; the count of them is what ends it.
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{count}: nothing for half a minute");
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// What a question is answered, a row a line.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let mut command = Command::new(self.program("psql"));
        command.args(["-X", "-A", "-t", "-c", sql, "-d", &self.url()]);
        output(&mut command)
    }

    fn empty() -> Self {
        let dir = data_dir();
        // Let go of when this returns. Somebody else may take it until the server does, and the
        // start fails.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { dir, port }
    }

    fn configure(&self, settings: &str) {
        let file = self.data().join("postgresql.conf");
        let port = self.port;
        let text = std::fs::read_to_string(&file).unwrap();
        // Without syncs: servers are killed here, and not the machine, which keeps what was
        // written.
        let text = format!(
            "{text}\nport = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
             fsync = off\nhot_standby = on\n{settings}\n"
        );
        std::fs::write(&file, text).unwrap();
    }

    fn ctl(&self, what: &str, more: &[&str]) {
        let log = self.dir.path().join("log").display().to_string();
        // The log beforehand, so that it belongs to whoever writes it.
        let words = [&[what, "-w", "-t", "60", "-l", &log], more].concat();
        self.run("pg_ctl", &words);
    }

    /// Runs one of the server's programs on its data, as somebody whom it obeys: never as root.
    fn run(&self, program: &str, words: &[&str]) {
        let program = self.program(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(self.data()).args(words);
        // Its account need not be able to enter the folder that the tests run in.
        command.current_dir("/");
        output(&mut command);
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn program(&self, name: &str) -> PathBuf {
        binaries().join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.ctl("stop", &["-m", "immediate"]);
        }
        // What belongs to the server's account is not the test's to delete unless it is root's.
        let _left = std::fs::remove_dir_all(self.data());
    }
}

/// Processes that stand still until this is dropped.
pub(crate) struct StandStill(Vec<u32>);

impl Drop for StandStill {
    fn drop(&mut self) {
        for process in &self.0 {
            kill(*process, Signal::CONT);
        }
    }
}

/// A session that holds a lock until this is dropped.
pub(crate) struct Locked(Child);

impl Drop for Locked {
    fn drop(&mut self) {
        // One that has ended by itself holds nothing either.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn children(of: u32) -> Vec<u32> {
    let tasks = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap();
    let pids = tasks.split_whitespace();
    pids.map(|pid| pid.parse().unwrap()).collect()
}

fn output(command: &mut Command) -> String {
    // Not a pipe: a server that is started would hold its other end for as long as it lives.
    let said = tempfile::tempfile().unwrap();
    let mut told = said.try_clone().unwrap();
    command.stdout(said.try_clone().unwrap()).stderr(said);
    let status = command.status().unwrap();
    let mut text = String::new();
    std::io::Seek::rewind(&mut told).unwrap();
    std::io::Read::read_to_string(&mut told, &mut text).unwrap();
    assert!(status.success(), "{command:?}: {text}");
    text.trim().to_owned()
}

/// Where the server's programs are: distributions keep them out of the path.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<PathBuf> = versions
        .map(|version| version.unwrap().path().join("bin"))
        .filter(|folder| folder.join("pg_basebackup").exists())
        .collect();
    folders.sort();
    folders.pop().unwrap_or_else(|| Path::new("/usr/bin").to_owned())
}
