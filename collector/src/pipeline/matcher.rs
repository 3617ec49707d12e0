//! Judging software with the present index, each piece of software once.
//!
//! The same software is on thousands of hosts, so a judgement is kept: in memory, and on disk so
//! that a restart does not begin from nothing. A judgement belongs to one generation of the index.
//! With another index, those in memory go on that asked for nothing that has changed; the ones on
//! disk are dropped. The caches only save time: without them, and after anything goes wrong with
//! them, the answers are the same.

mod disk;
mod memory;
mod stored;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use enrichment::evaluation::{Evaluation, Identity, Status};
use enrichment::index::{ChangedKeys, Index};
use enrichment::matching::{self, WhyNot};
use enrichment::sbom;
use enrichment::subject::{Platform as SubjectPlatform, Subject};
use metrics::{Counter, counter};
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::SoftwareRecord;
use store::timeline;

use self::disk::DiskCache;
use self::memory::MemoryCache;
use crate::config::EnrichmentConfig;
use crate::metrics::{LABEL_OUTCOME, LABEL_REASON, MATCH_FAILURES, MATCH_RESULTS};

/// The generation of judgements that were made without any index.
pub const NO_INDEX: u64 = 0;

/// Judges software.
#[derive(Debug)]
pub struct Matcher {
    present: RwLock<Arc<Present>>,
    memory_entries_max: usize,
    disk: DiskSettings,
}

#[derive(Clone, Debug)]
struct DiskSettings {
    directory: Option<PathBuf>,
    memory_bytes: u64,
}

/// One index and what it has judged.
#[derive(Debug)]
struct Present {
    index: Option<Arc<Index>>,
    memory: MemoryCache,
    disk: Option<DiskCache>,
    counters: Counters,
}

/// Looked up once, because a judgement out of memory costs less than finding its counter.
struct Counters {
    memory: Counter,
    disk: Counter,
    computed: Counter,
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counters")
    }
}

impl Counters {
    fn new() -> Self {
        Self {
            memory: counter!(MATCH_RESULTS, LABEL_OUTCOME => "memory"),
            disk: counter!(MATCH_RESULTS, LABEL_OUTCOME => "disk"),
            computed: counter!(MATCH_RESULTS, LABEL_OUTCOME => "computed"),
        }
    }
}

impl Matcher {
    /// A matcher without an index; see [`Self::swap`].
    #[must_use]
    pub fn new(config: &EnrichmentConfig) -> Self {
        let entries_max = usize::try_from(config.cache_entries).unwrap_or(usize::MAX);
        Self::with(entries_max, Some(&config.cache_dir), config.disk_cache_bytes)
    }

    /// A matcher without an index and without a cache on disk.
    #[cfg(test)]
    pub(crate) fn in_memory(entries_max: usize) -> Self {
        Self::with(entries_max, None, 0)
    }

    fn with(memory_entries_max: usize, directory: Option<&Path>, memory_bytes: u64) -> Self {
        let present = Present {
            index: None,
            memory: MemoryCache::new(memory_entries_max),
            disk: None,
            counters: Counters::new(),
        };
        Self {
            present: RwLock::new(Arc::new(present)),
            memory_entries_max,
            disk: DiskSettings { directory: directory.map(Path::to_owned), memory_bytes },
        }
    }

    /// Puts an index in place of the present one. Transactions that have begun end with the one
    /// before. Opens the cache on disk, so call it where blocking is allowed.
    pub fn swap(&self, index: Arc<Index>) {
        let generation = matching::generation(&index);
        // The same content under another name, as a rebuild from unchanged feeds makes it: what is
        // cached stays good.
        if self.generation() == generation && self.index().is_some() {
            return;
        }
        let opened = self.disk.directory.as_deref().map(|directory| {
            DiskCache::open(directory, generation, self.disk.memory_bytes).inspect_err(|error| {
                counter!(MATCH_FAILURES, LABEL_REASON => "cache").increment(1);
                tracing::warn!(%error, "there is no match cache on disk");
            })
        });
        let disk = opened.and_then(Result::ok);
        let present = Arc::new(Present {
            index: Some(index),
            memory: MemoryCache::new(self.memory_entries_max),
            disk,
            counters: Counters::new(),
        });
        // The cache was opened before: readers wait for as long as a pointer takes, never for a
        // disk.
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = present;
        tracing::info!(generation, "the match index is in use");
    }

    /// About how many bytes the judgements in memory take.
    pub fn memory_bytes(&self) -> usize {
        self.present().memory.bytes()
    }

    /// Takes the judgements of a judge before into the present one's memory, but for those that the
    /// changes between their indexes concern. What the present one has judged meanwhile stays.
    pub fn carry_over(&self, before: &Judge, changed: &ChangedKeys) {
        let ChangedKeys::These(changed) = changed else {
            return;
        };
        let is_concerned = |evaluation: &Evaluation| {
            let mut keys = evaluation.keys.iter();
            keys.any(|key| changed.binary_search(key).is_ok())
        };
        // Judgements made without an index asked for nothing, and are wrong with any.
        if before.present.index.is_some() {
            let present = self.present();
            present.memory.adopt(&before.present.memory, &is_concerned);
        }
    }

    /// The present index; `None` until there is one.
    #[must_use]
    pub fn index(&self) -> Option<Arc<Index>> {
        self.present().index.clone()
    }

    /// What judges at present, see [`matching::generation`]; [`NO_INDEX`] until there is an index.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.present().generation()
    }

    /// A judge that keeps to the present index, whatever is swapped in.
    #[must_use]
    pub fn judge(&self) -> Judge {
        Judge { present: self.present() }
    }

    fn present(&self) -> Arc<Present> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&present)
    }
}

impl Present {
    fn generation(&self) -> u64 {
        self.index.as_ref().map_or(NO_INDEX, |index| matching::generation(index))
    }
}

/// Judges with one index.
#[derive(Clone, Debug)]
pub struct Judge {
    present: Arc<Present>,
}

impl Judge {
    /// Its index; `None` when it has none.
    #[must_use]
    pub fn index(&self) -> Option<Arc<Index>> {
        self.present.index.clone()
    }

    /// What it judges with, see [`matching::generation`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.present.generation()
    }

    /// The judgement of a piece of software, from memory, from disk, or made now.
    #[must_use]
    pub fn evaluate(
        &self,
        record: &SoftwareRecord,
        platform: &Platform,
        key: SoftwareKey,
    ) -> Arc<Evaluation> {
        let Some(index) = &self.present.index else {
            return Arc::new(without_index());
        };
        if let Some(evaluation) = self.present.memory.get(key) {
            self.present.counters.memory.increment(1);
            timeline::count("match.memory");
            return evaluation;
        }
        let kept = self.present.disk.as_ref().and_then(|disk| disk.get(key));
        let evaluation = if let Some(evaluation) = kept {
            self.present.counters.disk.increment(1);
            timeline::count("match.disk");
            Arc::new(evaluation)
        } else {
            // Two workers may make the same judgement at once. That costs one of them a
            // millisecond, where a lock over it would cost all of them.
            let made = Arc::new(matching::evaluate(index, &subject(record, platform)));
            if let Some(disk) = &self.present.disk {
                // Behind the answer: the disk's thread writes it, or drops it when too many wait.
                disk.put(key, &made);
            }
            self.present.counters.computed.increment(1);
            timeline::count("match.computed");
            made
        };
        self.present.memory.put(key, &evaluation);
        evaluation
    }

    /// Why a piece of software does not have a CVE; `None` without an index. It reads the index, so call it where
    /// blocking is allowed.
    #[must_use]
    pub fn why_not(
        &self,
        record: &SoftwareRecord,
        platform: &Platform,
        cve: &str,
    ) -> Option<WhyNot> {
        let index = self.present.index.as_ref()?;
        Some(matching::why_not(index, &subject(record, platform), cve))
    }
}

/// A record as matching takes it.
#[must_use]
pub fn subject<'a>(record: &'a SoftwareRecord, platform: &'a Platform) -> Subject<'a> {
    Subject {
        source: record.source.as_str(),
        name: &record.name,
        version: &record.version,
        epoch: record.epoch,
        release: &record.release,
        arch: &record.arch,
        vendor: &record.vendor,
        source_name: &record.source_name,
        source_version: &record.source_version,
        origin: &record.origin,
        bundle_id: &record.bundle_id,
        // The agent leaves out what a package of the system owns; a document may list both.
        is_standalone: record.origin != sbom::LISTED,
        // The agent's word: what its host does not run is other software, with a key of its own.
        running: record.running,
        // A record of the wire has no place for them, and Windows tells its build instead.
        updates: &[],
        platform: SubjectPlatform {
            family: &platform.family,
            id: &platform.id,
            version: &platform.version,
        },
    }
}

fn without_index() -> Evaluation {
    Evaluation {
        status: Status::NotEvaluable,
        reason: Some("no vulnerability data has been imported yet".to_owned()),
        identity: Identity::default(),
        findings: Vec::new(),
        keys: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
