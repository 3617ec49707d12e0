//! One collector with a disk, a clock and a process of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;

use super::database::Database;
use super::host::Host;
use super::process::{Process, Program};
use super::shell::run;

/// Megabytes of a node's disk.
const DISK_MB: u32 = 1_024;
/// The port that agents connect to, on every node.
pub(super) const INGEST_PORT: u16 = 7_070;
/// The port of the API.
pub(super) const API_PORT: u16 = 7_080;
/// How long a node may take to drain at a planned stop.
const DRAINS_WITHIN: Duration = Duration::from_secs(45);

/// A collector.
#[derive(Debug)]
pub(super) struct Node {
    host: Host,
    program: Program,
    disk: PathBuf,
    clock: PathBuf,
    /// What a new node begins with: the authority's key and an index, as an operator installs it.
    template: PathBuf,
    process: Option<Process>,
}

impl Node {
    /// Makes a node's disk, as a new node's, and starts it.
    ///
    /// # Errors
    ///
    /// When the machine has no loop devices or the collector cannot be started.
    pub(super) async fn create(
        number: u8,
        folder: &Path,
        template: &Path,
        collector: &Path,
        preload: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let host = Host::Node(number);
        let (disk, clock) = (folder.join(host.to_string()), folder.join(format!("{host}.clock")));
        std::fs::create_dir_all(&disk)?;
        // There before the process, whose library looks into it from the first question for the
        // time on.
        std::fs::write(&clock, "+0")?;
        let image = folder.join(format!("{host}.image")).display().to_string();
        let mounted = disk.display().to_string();
        // A file with a hole: a disk takes the machine only what was written to it.
        run("truncate", &[&format!("--size={DISK_MB}M"), &image]).await?;
        // Nothing is kept free for root, who runs it here.
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &image]).await?;
        run("mount", &["-o", "loop", &image, &mounted]).await?;
        let mut node = Self {
            host,
            program: Program {
                host,
                line: line(host, collector, &disk),
                environment: environment(&clock, preload),
                log: folder.join(format!("{host}.log")),
            },
            disk,
            clock,
            template: template.to_owned(),
            process: None,
        };
        // Only a node that begins from nothing gets these: a crash leaves on the disk what was
        // there.
        node.furnish().await?;
        node.start()?;
        Ok(node)
    }

    /// Its host.
    pub(super) const fn host(&self) -> Host {
        self.host
    }

    /// Kills it, and starts it again after `away`.
    pub(super) async fn crash(&mut self, away: Duration) -> anyhow::Result<()> {
        self.kill().await;
        sleep(away).await;
        self.start()
    }

    /// Stops it as an upgrade does, and starts it again.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        if let Some(process) = self.process.take() {
            // Longer than the collector's own time to drain, so that a late end is its fault and
            // not ours.
            let stopping = tokio::time::timeout(DRAINS_WITHIN, process.terminate());
            let status = stopping.await.context("it does not stop when asked")??;
            // A node that drains and then fails has not stopped in order, and an upgrade would stop
            // there too.
            anyhow::ensure!(status.success(), "it ended with {status} when asked to stop");
        }
        self.start()
    }

    /// Stops its process where it is, for `away`.
    pub(super) async fn pause(&self, away: Duration) -> anyhow::Result<()> {
        let process = self.process.as_ref().context("it does not run")?;
        process.pause()?;
        sleep(away).await;
        process.resume()
    }

    /// Kills it and takes everything from its disk but what an operator installs.
    pub(super) async fn wipe(&mut self) -> anyhow::Result<()> {
        self.kill().await;
        // The folder and not the image: the disk is there and empty, as after it was replaced.
        run("rm", &["-rf", &self.data()]).await?;
        self.furnish().await?;
        self.start()
    }

    /// Leaves no byte free on its disk, for `away`.
    pub(super) async fn fill_disk(&self, away: Duration) -> anyhow::Result<()> {
        let ballast = self.disk.join("ballast").display().to_string();
        let disk = self.disk.display().to_string();
        let free = run("df", &["--output=avail", "--block-size=1", &disk]).await?;
        let free = free.lines().last().unwrap_or_default().trim();
        // Taken without being written, and then what that left, to the last byte. Both may end with an
        // error, for there is no room: that is what it is for.
        let _most = run("fallocate", &["-l", free, &ballast]).await;
        let to = format!("of={ballast}");
        let append = ["if=/dev/zero", &to, "oflag=append", "conv=notrunc", "bs=4K"];
        let _full = run("dd", &append).await;
        sleep(away).await;
        run("rm", &["-f", &ballast]).await?;
        Ok(())
    }

    /// Sets its clock so many seconds ahead or behind, for `away`, and right again.
    pub(super) async fn step_clock(&self, seconds: i32, away: Duration) -> anyhow::Result<()> {
        // With its sign, which is what tells the library that it is an offset and not a time.
        std::fs::write(&self.clock, format!("{seconds:+}"))?;
        sleep(away).await;
        Ok(std::fs::write(&self.clock, "+0")?)
    }

    /// Starts it again if it has ended, and says so: it is not meant to.
    pub(super) fn revive(&mut self) -> anyhow::Result<bool> {
        // `try_wait` collects it as well, so its number is not signalled again: a new process takes
        // its place.
        let is_running = self.process.as_mut().is_some_and(Process::is_running);
        if is_running {
            return Ok(false);
        }
        self.start()?;
        Ok(true)
    }

    /// Ends it and takes its disk away.
    pub(super) async fn remove(mut self) -> anyhow::Result<()> {
        self.kill().await;
        run("umount", &["-l", &self.disk.display().to_string()]).await?;
        Ok(())
    }

    async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    fn start(&mut self) -> anyhow::Result<()> {
        self.process = Some(self.program.start()?);
        Ok(())
    }

    async fn furnish(&self) -> anyhow::Result<()> {
        let template = self.template.display().to_string();
        run("cp", &["-a", &template, &self.data()]).await?;
        Ok(())
    }

    fn data(&self) -> String {
        data(&self.disk)
    }
}

fn data(disk: &Path) -> String {
    disk.join("data").display().to_string()
}

fn line(host: Host, collector: &Path, disk: &Path) -> Vec<String> {
    let address = host.address();
    [
        collector.display().to_string(),
        "--data-dir".to_owned(),
        data(disk),
        "serve".to_owned(),
        "--listen".to_owned(),
        format!("{address}:{INGEST_PORT}"),
        "--http".to_owned(),
        format!("{address}:{API_PORT}"),
    ]
    .to_vec()
}

/// What a collector finds in its environment, `serve` and every other command alike.
pub(super) fn settings() -> Vec<(String, String)> {
    let settings = [
        ("DATABASE_URL", Database::url()),
        // The namespaces lead nowhere but to each other.
        ("MUSTER_FEEDS_SYNC", "false".to_owned()),
        // Limits that no agent of a run meets: they have tests of their own, and would hide what
        // faults do.
        ("MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE", "6000".to_owned()),
        ("MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE", "600000".to_owned()),
        ("MUSTER_INGEST_ENROLMENTS_PER_MINUTE", "60000".to_owned()),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn environment(clock: &Path, preload: Option<&Path>) -> Vec<(String, String)> {
    let mut environment = settings();
    if let Some(library) = preload {
        environment.extend([
            ("LD_PRELOAD".to_owned(), library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE".to_owned(), clock.display().to_string()),
            // Seconds for which it believes what it has read. By default ten, in which a fault
            // comes and goes.
            ("FAKETIME_CACHE_DURATION".to_owned(), "1".to_owned()),
            // A step of the clock on the wall, as an administrator or NTP makes it; the time since the
            // start goes on as it does.
            ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
        ]);
    }
    environment
}

#[cfg(test)]
mod tests;
