//! Notices that another match index was put in place, brings it into use, and records what it
//! changes.
//!
//! A look is a `stat`. An index is renamed into place, so its file is another one whenever its
//! content is. When a new one cannot be opened the present one stays in use: old answers are
//! better than none. What judges meanwhile goes on with the index that it began with.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use enrichment::index::{ChangedKeys, Contents, Index, IndexError};
use enrichment::matching;
use metrics::counter;
use serde_json::Value;
use store::error::StoreError;
use store::jobs::{self as rows, NewJob};
use store::software::generations::{self, Standing, Taken};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{Jobs, Kind, aside, match_findings};
use crate::causes::Causes;
use crate::metrics::{LABEL_REASON, MATCH_FAILURES};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What tells one file from another in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i64,
    modified_s: i64,
}

impl FileIdentity {
    /// When the file was written, for an index that does not say when it was made.
    fn built_at(self) -> OffsetDateTime {
        let nanoseconds =
            i128::from(self.modified_s) * 1_000_000_000 + i128::from(self.modified_ns);
        // A file system holds no instant that this cannot; one that does is as old as can be.
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// An index in use that has still to be recorded, and its job asked for.
#[derive(Clone, Debug)]
struct Unrecorded {
    generation: u64,
    index: u64,
    built_at: OffsetDateTime,
    /// What it changes, and from which generation.
    changes: Option<(u64, ChangedKeys)>,
}

/// Watches one path.
#[derive(Debug)]
pub(super) struct IndexWatch {
    jobs: Jobs,
    path: PathBuf,
    seen: Option<FileIdentity>,
    unrecorded: Option<Unrecorded>,
    /// What the index in use holds, to compare the next one with.
    contents: Option<Known>,
}

/// An index's contents, and the index by its own number.
type Known = (u64, Arc<Contents>);

impl IndexWatch {
    pub(super) const fn new(jobs: Jobs, path: PathBuf) -> Self {
        Self { jobs, path, seen: None, unrecorded: None, contents: None }
    }

    /// Looks until `stopping` is cancelled.
    pub(super) async fn run(&mut self, stopping: &CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.look().await;
            self.prepare().await;
        }
    }

    /// Reads the first index while nothing else waits for it: the next one is then compared in half
    /// the time, and what it changes is old news that much earlier.
    async fn prepare(&mut self) {
        if self.contents.is_some() {
            return;
        }
        if let Some(index) = self.jobs.matcher.index() {
            let reading = aside::run("index-reader", move || contents_of(&index, None));
            self.contents = reading.await.ok();
        }
    }

    /// Brings the index into use if it is another one than at the last look. A bad one is tried
    /// once, and said.
    pub(super) async fn look(&mut self) {
        if let Err(error) = self.take_if_new().await {
            counter!(MATCH_FAILURES, LABEL_REASON => "index").increment(1);
            tracing::error!(
                error = %Causes(&error), path = %self.path.display(),
                "the match index is not used; the one before, if any, stays in use"
            );
        }
        self.record_and_ask().await;
    }

    async fn take_if_new(&mut self) -> anyhow::Result<()> {
        let found = identity(&self.path).context("look at the match index")?;
        if let Some(file) = found.filter(|file| self.seen != Some(*file)) {
            // Before it is opened: one that cannot be is not opened again five times a second.
            self.seen = Some(file);
            let (path, jobs, known) = (self.path.clone(), self.jobs.clone(), self.contents.clone());
            // A second of reading and comparing, in which agents go on sending.
            let taking = aside::run("index-taker", move || take(&path, &jobs, known));
            let taken = taking.await??;
            self.contents = taken.contents;
            self.unrecorded = Some(Unrecorded {
                generation: matching::generation(&taken.index),
                index: taken.index.generation(),
                built_at: made_at(&taken.index).unwrap_or_else(|| file.built_at()),
                changes: taken.changes,
            });
        }
        Ok(())
    }

    async fn record_and_ask(&mut self) {
        let Some(unrecorded) = &self.unrecorded else {
            return;
        };
        match record(&self.jobs, unrecorded).await {
            Ok(()) => {
                // Only once it is recorded: without the row nobody would ever judge for this
                // change.
                self.unrecorded = None;
                let path = self.path.clone();
                let keeping = tokio::task::spawn_blocking(move || keep(&path));
                if let Ok(Err(error)) = keeping.await {
                    // After a restart everything is judged again, and nothing is wrong.
                    tracing::debug!(%error, "keeping the match index for comparison");
                }
            }
            // The next look tries again.
            Err(error) => tracing::debug!(%error, "recording the match index"),
        }
    }
}

/// When an index was made, by its own word: a copy that is put back is no newer for it.
fn made_at(index: &Index) -> Option<OffsetDateTime> {
    let made_at_ms = i128::from(index.made_at()?.0);
    OffsetDateTime::from_unix_timestamp_nanos(made_at_ms * 1_000_000).ok()
}

/// An index that is in use now.
struct InUse {
    index: Arc<Index>,
    /// What it changes, and from which generation; `None` where there was none before.
    changes: Option<(u64, ChangedKeys)>,
    /// What it holds, once it was compared.
    contents: Option<Known>,
}

/// Opens an index, puts it into use and compares it with the one before.
fn take(path: &Path, jobs: &Jobs, known: Option<Known>) -> Result<InUse, IndexError> {
    let index = Arc::new(Index::open(path)?);
    let judge_before = jobs.matcher.judge();
    // After a restart there is none before it but the file of the one before.
    let before = judge_before.index().or_else(|| Index::open(&kept(path)).ok().map(Arc::new));
    // In use at once: the comparison reads files, and what comes in meanwhile is judged anew.
    jobs.matcher.swap(Arc::clone(&index));
    let Some(before) = before else {
        return Ok(InUse { index, changes: None, contents: None });
    };
    let began = jobs.clock.instant();
    let known = contents_of(&before, known);
    let contents = contents_of(&index, Some(known.clone()));
    let changed = known.1.changes_to(&contents.1);
    // After the swap: what was judged meanwhile is of the new index and stays.
    jobs.matcher.carry_over(&judge_before, &changed);
    tracing::info!(
        keys = match &changed {
            ChangedKeys::These(keys) => Some(keys.len()),
            ChangedKeys::Everything => None,
        },
        ms = (jobs.clock.instant() - began).as_millis(),
        "compared the match index with the one before"
    );
    Ok(InUse {
        index,
        changes: Some((matching::generation(&before), changed)),
        contents: Some(contents),
    })
}

/// The contents of an index: those that are known, when they are its own.
fn contents_of(index: &Index, known: Option<Known>) -> Known {
    let number = index.generation();
    known.filter(|(of, _)| *of == number).unwrap_or_else(|| (number, Arc::new(Contents::of(index))))
}

/// Records what is in use, and asks for the software to be judged that it concerns.
async fn record(jobs: &Jobs, unrecorded: &Unrecorded) -> Result<(), StoreError> {
    let now = jobs.clock.now();
    let changes = unrecorded.changes.as_ref();
    let taken = Taken {
        generation: unrecorded.generation,
        index: unrecorded.index,
        rules: matching::RULES,
        built_at: unrecorded.built_at,
        changes: changes.map(|(from, changed)| (*from, changed)),
    };
    let generation = unrecorded.generation;
    let (tick, payload) = match generations::record(&jobs.store, &taken, now).await? {
        Standing::New => {
            // With its time, because an index may come back after another one.
            let built_at = unrecorded.built_at.unix_timestamp_nanos();
            let tick = format!("index {generation:016x} of {built_at}");
            (tick, match_findings::only_new())
        }
        // What this node stored while it lagged behind is caught now, and what a node began that
        // stopped. Several that come at once ask for one job.
        Standing::Current => {
            let minute = now.unix_timestamp().div_euclid(60);
            // A tick is asked for once, so the minute makes it one that can be asked for again.
            let tick = format!("index {generation:016x} in minute {minute}");
            (tick, Value::Null)
        }
        Standing::Older { current } => {
            tracing::warn!(
                generation = format!("{generation:016x}"),
                current = format!("{current:016x}"),
                "this node's match index is older than the one that counts: import the same feeds"
            );
            return Ok(());
        }
    };
    let job = NewJob {
        kind: Kind::MatchFindings.as_str(),
        tick: &tick,
        payload: &payload,
        run_after: now,
        company: None,
    };
    rows::enqueue(&jobs.store, &job, now).await?;
    Ok(())
}

/// Where the index that was recorded last stays, so that after a restart it can be told what the
/// next one changes.
fn kept(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".recorded");
    path.with_file_name(name)
}

/// Gives the file in place a second name. It takes no room until another index is in place.
fn keep(path: &Path) -> io::Result<()> {
    let kept = kept(path);
    let mut name = kept.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = kept.with_file_name(name);
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // A link and no copy: it takes no time, and an index's file is never written to again.
    fs::hard_link(path, &partial)?;
    fs::rename(&partial, &kept)?;
    // Two names of one file are not renamed over each other, and both stay.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
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
