//! Notices that another match index was put in place, and brings it into use.
//!
//! A look is a `stat`. An index is renamed into place, so its file is another one whenever its
//! content is. When a new one cannot be opened the present one stays in use: old answers are
//! better than none.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use enrichment::index::Index;
use store::jobs::{self as rows, NewJob};
use tokio_util::sync::CancellationToken;

use super::match_findings::payload;
use super::{Jobs, Kind};

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What tells one file from another in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i64,
    modified_s: i64,
}

/// Watches one path.
#[derive(Debug)]
pub(super) struct IndexWatch {
    jobs: Jobs,
    path: PathBuf,
    seen: Option<FileIdentity>,
    /// The index in use whose job has still to be asked for.
    unasked: Option<(u64, FileIdentity)>,
}

impl IndexWatch {
    pub(super) const fn new(jobs: Jobs, path: PathBuf) -> Self {
        Self {
            jobs,
            path,
            seen: None,
            unasked: None,
        }
    }

    /// Looks until `stopping` is cancelled.
    pub(super) async fn run(&mut self, stopping: &CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.look().await;
        }
    }

    /// Brings the index into use if it is another one than at the last look. A bad one is tried
    /// once, and said.
    pub(super) async fn look(&mut self) {
        if let Err(error) = self.take_if_new().await {
            tracing::error!(
                error = format!("{error:#}"), path = %self.path.display(),
                "the match index is not used; the one before, if any, stays in use"
            );
        }
        self.ask().await;
    }

    async fn take_if_new(&mut self) -> anyhow::Result<()> {
        let found = identity(&self.path).context("look at the match index")?;
        if let Some(file) = found.filter(|file| self.seen != Some(*file)) {
            self.seen = Some(file);
            self.unasked = Some((self.take_into_use().await?, file));
        }
        Ok(())
    }

    async fn take_into_use(&self) -> anyhow::Result<u64> {
        let (path, matcher) = (self.path.clone(), Arc::clone(&self.jobs.matcher));
        let taking = tokio::task::spawn_blocking(move || {
            let index = Arc::new(Index::open(&path)?);
            let generation = index.generation();
            matcher.swap(index);
            Ok::<_, enrichment::index::IndexError>(generation)
        });
        Ok(taking.await??)
    }

    /// Asks for what was judged with another index to be judged again.
    async fn ask(&mut self) {
        let Some((generation, file)) = self.unasked else {
            return;
        };
        let now = self.jobs.clock.now();
        let job = NewJob {
            kind: Kind::MatchFindings.as_str(),
            // With its time, because an index may come back after another one.
            tick: &format!("index {generation:016x} of {}", file.modified_s),
            payload: &payload(generation),
            run_after: now,
        };
        match rows::enqueue(&self.jobs.store, &job, now).await {
            Ok(_) => self.unasked = None,
            Err(error) => tracing::debug!(%error, "asking for software to be judged again"),
        }
    }
}

fn identity(path: &Path) -> io::Result<Option<FileIdentity>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified_ns: metadata.mtime_nsec(),
            modified_s: metadata.mtime(),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
