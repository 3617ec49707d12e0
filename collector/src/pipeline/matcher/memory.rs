//! Judgements in memory: bounded by their number and by their size, the rest forgotten.
//!
//! Two generations a shard: what is asked for moves to the young one; when that is full the old
//! one goes. It keeps what is in use without a list to maintain on every hit.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use enrichment::evaluation::{Evaluation, SmolStr, Statement};
use protocol::fingerprint::SoftwareKey;

// More than there are workers, so that two seldom want the same.
const SHARDS: usize = 16;
/// Bytes that an entry may have on average; most have a few hundred.
const ENTRY_BYTES: usize = 1_024;

/// The cache.
#[derive(Debug)]
pub(super) struct MemoryCache {
    shards: Vec<Mutex<Shard>>,
    /// Bytes of one generation of one shard.
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    young: HashMap<SoftwareKey, Arc<Evaluation>>,
    young_bytes: usize,
    old: HashMap<SoftwareKey, Arc<Evaluation>>,
    old_bytes: usize,
}

impl MemoryCache {
    /// A cache of about so many entries.
    pub(super) fn new(entries_max: usize) -> Self {
        // Two generations a shard share what the shard may have.
        let bytes_max = entries_max.saturating_mul(ENTRY_BYTES) / SHARDS / 2;
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), bytes_max }
    }

    /// What is kept of a key.
    pub(super) fn get(&self, key: SoftwareKey) -> Option<Arc<Evaluation>> {
        let mut shard = self.shard(key)?;
        if let Some(evaluation) = shard.young.get(&key) {
            return Some(Arc::clone(evaluation));
        }
        let evaluation = shard.old.remove(&key)?;
        shard.old_bytes = shard.old_bytes.saturating_sub(bytes_of(&evaluation));
        shard.insert(key, Arc::clone(&evaluation), self.bytes_max);
        Some(evaluation)
    }

    /// Keeps a judgement for a while.
    pub(super) fn put(&self, key: SoftwareKey, evaluation: &Arc<Evaluation>) {
        if let Some(mut shard) = self.shard(key) {
            shard.insert(key, Arc::clone(evaluation), self.bytes_max);
        }
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let shards = self.shards.iter();
        let shards = shards.map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        shards.map(|shard| shard.young_bytes + shard.old_bytes).sum()
    }

    /// Takes over what another cache keeps, but for what `leave` says and what is here already.
    pub(super) fn adopt(&self, other: &Self, leave: &impl Fn(&Evaluation) -> bool) {
        for (own, other) in self.shards.iter().zip(&other.shards) {
            // Copied first: two shards locked at once would have whoever judges wait twice.
            let kept: Vec<_> = {
                let other = other.lock().unwrap_or_else(PoisonError::into_inner);
                // The old ones first, so that they are the first to go here, too.
                let all = other.old.iter().chain(&other.young);
                all.map(|(key, evaluation)| (*key, Arc::clone(evaluation))).collect()
            };
            let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, evaluation) in kept {
                let is_here = own.young.contains_key(&key) || own.old.contains_key(&key);
                if !is_here && !leave(&evaluation) {
                    own.insert(key, evaluation, self.bytes_max);
                }
            }
        }
    }

    fn shard(&self, key: SoftwareKey) -> Option<MutexGuard<'_, Shard>> {
        // The key is a hash, so any of its bytes spreads evenly.
        let number = key.0.to_le_bytes()[15] as usize % SHARDS;
        let shard = self.shards.get(number)?;
        // A panic between two inserts leaves a smaller cache, which is a valid one.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    fn insert(&mut self, key: SoftwareKey, evaluation: Arc<Evaluation>, bytes_max: usize) {
        let bytes = bytes_of(&evaluation);
        // It would push everything else out and be the only one that is kept.
        if bytes > bytes_max {
            return;
        }
        if self.young_bytes + bytes > bytes_max {
            self.old = mem::take(&mut self.young);
            self.old_bytes = mem::take(&mut self.young_bytes);
        }
        // Two workers that judge the same at once put it twice.
        if self.young.insert(key, evaluation).is_none() {
            self.young_bytes += bytes;
        }
    }
}

/// About what a judgement takes.
fn bytes_of(evaluation: &Evaluation) -> usize {
    let findings: usize = evaluation
        .findings
        .iter()
        .map(|finding| {
            let why = &finding.why;
            size_of_val(finding)
                + [&finding.cve, &finding.source]
                    .into_iter()
                    .chain(&finding.fixed_in)
                    .chain([&why.criteria, &why.version, &why.scheme, &why.rule])
                    .chain(&why.range)
                    .map(bytes_of_text)
                    .sum::<usize>()
                + bytes_of_texts(&why.conditions)
                + bytes_of_texts(&why.notes)
                + why.advisory.as_deref().map_or(0, bytes_of_statement)
        })
        .sum();
    let cpes = evaluation.identity.cpes.iter();
    let cpes: usize = cpes.map(|text| text.len() + size_of::<String>()).sum();
    let keys = size_of_val(evaluation.keys.as_slice());
    size_of_val(evaluation)
        + size_of::<SoftwareKey>()
        + cpes
        + evaluation.identity.rule.len()
        + findings
        + keys
}

fn bytes_of_texts(texts: &[SmolStr]) -> usize {
    size_of_val(texts) + texts.iter().map(bytes_of_text).sum::<usize>()
}

/// What a text takes beside itself. One that several findings share counts for each: rather too
/// much than more memory than was allowed.
fn bytes_of_text(text: &SmolStr) -> usize {
    if text.is_heap_allocated() { text.len() } else { 0 }
}

/// What an advisory's statement takes: the most of a judgement where distributions are judged by
/// their own advisories.
fn bytes_of_statement(statement: &Statement) -> usize {
    // Every field by name: one that is added does not compile until somebody has thought of its
    // size.
    let Statement {
        id,
        publisher,
        place,
        package,
        package_kind,
        verdict,
        module,
        channel,
        severity,
        note,
    } = statement;
    let texts =
        [id, publisher, place, package, package_kind, verdict, module, channel, severity, note];
    size_of_val(statement) + texts.into_iter().map(bytes_of_text).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use enrichment::evaluation::{Confidence, Finding, Identity, Status, Why};

    use super::*;

    fn evaluation(cpe_bytes: usize) -> Arc<Evaluation> {
        Arc::new(Evaluation {
            status: Status::Evaluated,
            reason: None,
            identity: Identity { cpes: vec!["x".repeat(cpe_bytes)], ..Identity::default() },
            findings: Vec::new(),
            keys: Vec::new(),
        })
    }

    /// Keys that all fall into one shard.
    fn key(number: u128) -> SoftwareKey {
        SoftwareKey(number)
    }

    fn held(cache: &MemoryCache) -> usize {
        let shards = cache.shards.iter().map(|shard| shard.lock().unwrap());
        shards.map(|shard| shard.young.len() + shard.old.len()).sum()
    }

    #[test]
    fn gives_what_it_keeps_and_nothing_else() {
        let cache = MemoryCache::new(1_000);
        cache.put(key(1), &evaluation(9));
        assert_eq!(cache.get(key(1)), Some(evaluation(9)));
        assert_eq!(cache.get(key(2)), None);
    }

    #[test]
    fn forgets_what_is_not_asked_for_and_keeps_what_is() {
        let cache = MemoryCache::new(1_000);
        cache.put(key(0), &evaluation(100));
        for number in 1..10_000 {
            cache.put(key(number), &evaluation(100));
            assert!(cache.get(key(0)).is_some(), "forgot key 0 after {number}");
        }
        assert!(cache.get(key(1)).is_none());
        assert!(held(&cache) <= 1_000);
    }

    #[test]
    fn says_what_it_takes_and_never_more_than_it_may() {
        let cache = MemoryCache::new(1_000);
        assert_eq!(cache.bytes(), 0);
        let one = evaluation(100);
        cache.put(key(0), &one);
        cache.put(key(0), &one);
        assert_eq!(cache.bytes(), bytes_of(&one));
        for number in 0..10_000 {
            cache.put(key(number), &one);
            cache.get(key(number / 2));
            assert!(cache.bytes() <= 1_000 * ENTRY_BYTES);
        }
        assert_eq!(cache.bytes(), held(&cache) * bytes_of(&one));
    }

    #[test]
    fn takes_over_what_another_keeps_but_for_what_is_left_behind_and_what_it_has() {
        let (before, after) = (MemoryCache::new(1_000), MemoryCache::new(1_000));
        for (number, cpe_bytes) in [(1, 10), (2, 20), (3, 30)] {
            before.put(key(number), &evaluation(cpe_bytes));
        }
        after.put(key(3), &evaluation(31));
        after.adopt(&before, &|evaluation: &Evaluation| evaluation.identity.cpes[0].len() == 20);
        assert_eq!(after.get(key(1)), Some(evaluation(10)));
        assert_eq!(after.get(key(2)), None);
        assert_eq!(after.get(key(3)), Some(evaluation(31)));
    }

    #[test]
    fn a_smaller_cache_takes_over_no_more_than_it_holds() {
        let (before, after) = (MemoryCache::new(10_000), MemoryCache::new(160));
        for number in 0..5_000 {
            before.put(key(number), &evaluation(100));
        }
        after.adopt(&before, &|_: &Evaluation| false);
        assert!((1..160).contains(&held(&after)), "{}", held(&after));
    }

    #[test]
    fn large_judgements_count_for_what_they_take() {
        let cache = MemoryCache::new(1_600);
        for number in 0..1_000 {
            cache.put(key(number), &evaluation(10 * ENTRY_BYTES));
        }
        assert!(held(&cache) <= 160 / SHARDS);
    }

    #[test]
    fn an_advisory_counts_for_what_it_takes() {
        let mut long = evaluation(1).as_ref().clone();
        let mut finding = Finding {
            cve: "CVE-2024-3094".into(),
            source: "debian".into(),
            confidence: Confidence::High,
            fixed_in: None,
            why: Why::default(),
        };
        finding.why.advisory = Some(Box::new(Statement {
            note: "x".repeat(10 * ENTRY_BYTES).into(),
            ..Statement::default()
        }));
        long.findings = vec![finding];
        let long = Arc::new(long);
        let cache = MemoryCache::new(1_600);
        for number in 0..1_000 {
            cache.put(key(number), &long);
        }
        assert!(held(&cache) <= 160 / SHARDS);
    }

    #[test]
    fn a_cache_of_no_entries_keeps_none() {
        let cache = MemoryCache::new(0);
        cache.put(key(1), &evaluation(1));
        assert_eq!(cache.get(key(1)), None);
    }
}
