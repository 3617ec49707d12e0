//! A PostgreSQL primary and its synchronous standby, and what can happen to them.
//!
//! One address leads to whichever is primary, as a site's own failover would have it. While there is no
//! standby the primary answers alone; only a primary with a synchronous standby is ever lost for good.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{sleep, timeout};

use super::host::{DATABASE, Host};
use super::network::Network;
use super::process::{Process, Program};
use super::shell::run;

/// How long a server may take to answer after its start: it may have to recover first.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Connections of everybody. So few that they can be used up in a second.
pub(super) const CONNECTIONS: u32 = 100;
/// Settings of both servers. It syncs to disk, and the primary waits for the standby's disk.
const SETTINGS: &str = "listen_addresses = '*'
fsync = on
synchronous_commit = on
wal_keep_size = 512MB
max_wal_size = 1GB
shared_buffers = 128MB
tcp_keepalives_idle = 5
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
";

/// The pair.
#[derive(Debug)]
pub(super) struct Database {
    binaries: PathBuf,
    folder: PathBuf,
    primary: u8,
    servers: [Option<Process>; 2],
}

impl Database {
    /// Makes a primary and its standby.
    ///
    /// # Errors
    ///
    /// When PostgreSQL's programs are not there or do not do it.
    pub(super) async fn create(binaries: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut database = Self {
            binaries: binaries.to_owned(),
            folder: folder.to_owned(),
            primary: 0,
            servers: [None, None],
        };
        std::fs::create_dir_all(folder)?;
        // PostgreSQL refuses to run as root, and has to reach what is its own.
        run("chown", &["postgres", &folder.display().to_string()]).await?;
        let data = database.data(0);
        let make = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-D", &data];
        database.program("initdb", &make).await?;
        let settings = format!("{SETTINGS}max_connections = {CONNECTIONS}\n");
        // Appended, for of two lines with one name PostgreSQL takes the last.
        append(&format!("{data}/postgresql.conf"), &settings)?;
        let trusted = "host all all 10.77.0.0/24 trust\nhost replication all 10.77.0.0/24 trust\n";
        append(&format!("{data}/pg_hba.conf"), trusted)?;
        database.start(0)?;
        database.ready(0).await?;
        // Only a primary that runs can be copied from, and it is told of its standby behind the
        // copy: before, every commit would wait for a standby that is not there.
        database.follow(1).await?;
        Ok(database)
    }

    /// The address of the database, as collectors are given it.
    pub(super) fn url() -> String {
        format!("postgres://postgres@{DATABASE}/postgres")
    }

    /// Which host is primary.
    pub(super) const fn primary(&self) -> u8 {
        self.primary
    }

    /// Runs a statement on the primary; gives what it printed.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses it.
    pub(super) async fn sql(&self, statement: &str) -> anyhow::Result<String> {
        // A primary behind a cut or paused answers nothing, and a connection would be tried for
        // minutes.
        let url = format!("{}?connect_timeout=5", Self::url());
        run("psql", &["-qAtX", "-v", "ON_ERROR_STOP=1", &url, "-c", statement]).await
    }

    /// Kills the primary as a power cut would, and starts it again after `away`.
    pub(super) async fn crash(&mut self, away: Duration) -> anyhow::Result<()> {
        // The data directory stays, so what follows is PostgreSQL's own recovery from its WAL.
        self.kill(self.primary).await?;
        sleep(away).await;
        self.start(self.primary)?;
        self.ready(self.primary).await
    }

    /// Stops all of the primary's processes where they are, for `away`.
    pub(super) async fn hang(&self, away: Duration) -> anyhow::Result<()> {
        self.signal("-STOP").await?;
        sleep(away).await;
        self.signal("-CONT").await
    }

    /// Loses the primary with its disk; the standby takes its place, and gets a standby of its own.
    pub(super) async fn fail_over(&mut self, network: &Network) -> anyhow::Result<()> {
        let (lost, heir) = (self.primary, 1 - self.primary);
        self.kill(lost).await?;
        let data = self.data(heir);
        // It has no standby yet, and would wait for one for ever.
        append(&format!("{data}/postgresql.auto.conf"), "synchronous_standby_names = ''\n")?;
        // `-w` waits until it takes writes: an address that leads to a server in recovery would be
        // refused by every node.
        self.program("pg_ctl", &["promote", "-w", "-t", "60", "-D", &data]).await?;
        self.program("pg_ctl", &["reload", "-D", &data]).await?;
        network.give_address(heir);
        // Before the copy, which is made from whoever is primary.
        self.primary = heir;
        self.follow(lost).await
    }

    /// Makes a host the synchronous standby of the primary, from nothing.
    async fn follow(&mut self, standby: u8) -> anyhow::Result<()> {
        let data = self.data(standby);
        // `pg_basebackup` refuses a folder that is not empty, and what the lost server had is
        // another timeline's.
        run("rm", &["-rf", &data]).await?;
        let primary = Host::Database(self.primary).address().to_string();
        let copy = self.binaries.join("pg_basebackup").display().to_string();
        // From the standby's host, as its replication will come; only root may enter it, so `ip`
        // first and `setpriv` behind it.
        let namespace = Host::Database(standby).namespace().context("no namespace")?;
        let copying = [
            "netns",
            "exec",
            &namespace,
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            &copy,
            "-h",
            &primary,
            "-U",
            "postgres",
            "-D",
            &data,
            "-R",
            "-c",
            "fast",
        ];
        run("ip", &copying).await?;
        self.start(standby)?;
        self.ready(standby).await?;
        let name = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        self.sql(name).await?;
        // `ALTER SYSTEM` writes a file; the server reads it on a reload.
        self.sql("SELECT pg_reload_conf()").await?;
        // A standby that streams is not in sync until it has caught up, and until then a commit
        // waits for it.
        let in_sync = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let following = async {
            // A server that does not answer has no standby that follows.
            while !self.sql(in_sync).await.is_ok_and(|count| count.trim() == "1") {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(READY_WITHIN, following).await.context("the standby does not follow")
    }

    fn start(&mut self, server: u8) -> anyhow::Result<()> {
        let host = Host::Database(server);
        let line = [
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            &self.binaries.join("postgres").display().to_string(),
            "-D",
            &self.data(server),
            // No socket in a file: both servers share the machine's folder for it, and the second
            // would find the first one's lock.
            "-c",
            "unix_socket_directories=",
        ];
        let program = Program {
            host,
            line: line.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            log: self.folder.join(format!("{host}.log")),
        };
        self.servers[usize::from(server)] = Some(program.start()?);
        Ok(())
    }

    async fn ready(&self, server: u8) -> anyhow::Result<()> {
        // Its own address: the shared one leads to whoever is primary, and a standby has to be
        // asked as well.
        let address = Host::Database(server).address().to_string();
        let ask = self.binaries.join("pg_isready").display().to_string();
        let waiting = async {
            while run(&ask, &["-q", "-h", &address]).await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let ready = timeout(READY_WITHIN, waiting).await;
        ready.with_context(|| format!("{} does not answer", Host::Database(server)))
    }

    /// Kills all processes of a server at once: none of them can tidy up for another.
    async fn kill(&mut self, server: u8) -> anyhow::Result<()> {
        self.signal_on(server, "-KILL").await?;
        // Collected by its parent, or its number stays taken and its start is refused by the old
        // `postmaster.pid`.
        if let Some(process) = self.servers[usize::from(server)].take() {
            process.kill().await;
        }
        Ok(())
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        self.signal_on(self.primary, signal).await
    }

    async fn signal_on(&self, server: u8, signal: &str) -> anyhow::Result<()> {
        let namespace = Host::Database(server).namespace().context("no namespace")?;
        // Twice, for what was forked while the first list was made.
        for _ in 0..2 {
            let pids = run("ip", &["netns", "pids", &namespace]).await?;
            for pid in pids.split_whitespace() {
                // One that has ended meanwhile needs no signal.
                let _ended = run("kill", &[signal, pid]).await;
            }
        }
        Ok(())
    }

    async fn program(&self, name: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let program = self.binaries.join(name).display().to_string();
        let as_postgres = ["--reuid=postgres", "--regid=postgres", "--clear-groups", &program];
        run("setpriv", &[&as_postgres[..], arguments].concat()).await
    }

    fn data(&self, server: u8) -> String {
        self.folder.join(Host::Database(server).to_string()).display().to_string()
    }
}

fn append(path: &str, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let mut file = file.with_context(|| format!("open {path}"))?;
    Ok(file.write_all(text.as_bytes())?)
}
