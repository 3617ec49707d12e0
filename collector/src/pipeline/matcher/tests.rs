//! Judging with caches, without them, and with broken ones.

use std::fs;

use enrichment::index::changes;
use protocol::software::Source;

use super::disk::OpenError;
use super::*;
use crate::pipeline::testing::{debian, index, key, lodash};

const CVES: [&str; 2] = ["CVE-2020-8203", "CVE-2021-23337"];
const MEMORY_BYTES: u64 = 1 << 20;

fn matcher(directory: Option<&Path>) -> Matcher {
    Matcher::with(1_000, directory, MEMORY_BYTES)
}

fn cves(matcher: &Matcher, version: &str) -> Vec<String> {
    let record = lodash(version);
    let evaluation = matcher.judge().evaluate(&record, &debian(), key(&record));
    evaluation.findings.iter().map(|finding| finding.cve.to_string()).collect()
}

/// Waits until the cache of the matcher's present index holds a version's judgement on disk.
fn wait_until_kept(matcher: &Matcher, version: &str) {
    let present = matcher.present();
    let disk = present.disk.as_ref().unwrap();
    let key = key(&lodash(version));
    for _ in 0..10_000 {
        if disk.get(key).is_some() {
            return;
        }
        // Between two looks at a thread that writes behind; the panic below is what fails.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("nothing is written");
}

#[test]
fn says_that_nothing_can_be_judged_before_there_is_an_index() {
    let matcher = matcher(None);
    let record = lodash("4.17.20");
    let evaluation = matcher.judge().evaluate(&record, &debian(), key(&record));
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert_eq!(matcher.generation(), NO_INDEX);
    matcher.swap(index(&CVES));
    assert_eq!(cves(&matcher, "4.17.20"), CVES);
}

#[test]
fn a_judgement_is_the_same_the_second_time() {
    let matcher = matcher(None);
    matcher.swap(index(&CVES));
    // The fixed version between the two: an empty answer has to be remembered as such, and not for
    // its neighbour.
    for version in ["4.17.20", "4.17.21", "4.17.20"] {
        let first = cves(&matcher, version);
        assert_eq!(first, cves(&matcher, version));
        assert_eq!(first.is_empty(), version == "4.17.21");
    }
}

#[test]
fn a_new_index_forgets_the_judgements_of_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let matcher = matcher(Some(directory.path()));
    matcher.swap(index(&CVES));
    let began_before = matcher.judge();
    assert_eq!(cves(&matcher, "4.17.20"), CVES);
    matcher.swap(index(&CVES[..1]));
    assert_eq!(cves(&matcher, "4.17.20"), CVES[..1]);
    // What began with the index before ends with it.
    let record = lodash("4.17.19");
    let evaluation = began_before.evaluate(&record, &debian(), key(&record));
    assert_eq!(evaluation.findings.len(), 2);
    assert_ne!(began_before.generation(), matcher.generation());
}

#[test]
fn judgements_that_a_change_does_not_concern_go_on_with_the_next_index() {
    let matcher = matcher(None);
    matcher.swap(index(&CVES));
    let express = SoftwareRecord::new(Source::Npm, "express", "4.16.0");
    let judged = |record: &SoftwareRecord| matcher.judge().evaluate(record, &debian(), key(record));
    let before = matcher.judge();
    let (lodash_before, express_before) = (judged(&lodash("4.17.20")), judged(&express));
    matcher.swap(index(&CVES[..1]));
    let changed = changes(&before.index().unwrap(), &matcher.index().unwrap());
    matcher.carry_over(&before, &changed);
    assert!(Arc::ptr_eq(&judged(&express), &express_before));
    assert_ne!(judged(&lodash("4.17.20")), lodash_before);
    assert_eq!(cves(&matcher, "4.17.20"), CVES[..1]);
}

#[test]
fn nothing_goes_on_when_everything_changed_or_there_was_no_index() {
    let matcher = matcher(None);
    let record = lodash("4.17.20");
    let judged = || matcher.judge().evaluate(&record, &debian(), key(&record));
    let none = ChangedKeys::These(Vec::new());
    let without = matcher.judge();
    assert_eq!(judged().status, Status::NotEvaluable);
    matcher.swap(index(&CVES));
    matcher.carry_over(&without, &none);
    assert_eq!(cves(&matcher, "4.17.20"), CVES);
    let (before, evaluation) = (matcher.judge(), judged());
    matcher.swap(index(&CVES[..1]));
    matcher.carry_over(&before, &ChangedKeys::Everything);
    assert!(!Arc::ptr_eq(&judged(), &evaluation));
}

#[test]
fn evaluations_go_on_while_indexes_are_swapped_each_with_the_index_it_began_with() {
    let matcher = matcher(None);
    let indexes = [index(&CVES), index(&CVES[..1])];
    let generations = indexes.clone().map(|index| matching::generation(&index));
    matcher.swap(Arc::clone(&indexes[0]));
    let swaps_left = std::sync::atomic::AtomicU32::new(200);
    let judged = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let (matcher, swaps_left) = (&matcher, &swaps_left);
                threads.spawn(move || {
                    let (mut judged, mut seen) = ([0_u32; 2], 0_u32);
                    // Until the swaps end, and a hundred at least: on a machine with one core the
                    // swapping thread may be through before this one begins.
                    while swaps_left.load(std::sync::atomic::Ordering::Relaxed) > 0 || seen < 100 {
                        seen += 1;
                        // Each version once, so that no answer comes from a cache: it is the index
                        // itself that must not change under a judgement.
                        let record = lodash(&format!("4.{worker}.{seen}"));
                        let judge = matcher.judge();
                        let found = judge.evaluate(&record, &debian(), key(&record)).findings.len();
                        let at = usize::from(judge.generation() == generations[1]);
                        assert_eq!(found, CVES.len() - at, "an answer of the other index");
                        judged[at] += 1;
                    }
                    judged
                })
            })
            .collect();
        for swap in 0..200 {
            matcher.swap(Arc::clone(&indexes[(swap + 1) % 2]));
            swaps_left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            std::thread::yield_now();
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    // Nobody was kept from judging, whichever index was in place.
    assert!(judged.iter().all(|judged| judged.iter().sum::<u32>() >= 100));
}

#[test]
fn judgements_outlive_a_restart_on_disk_and_those_of_another_index_are_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let generation = {
        let first = matcher(Some(directory.path()));
        first.swap(index(&CVES));
        assert_eq!(cves(&first, "4.17.20"), CVES);
        wait_until_kept(&first, "4.17.20");
        first.generation()
    };
    let cache = open_again(directory.path(), generation);
    let kept = cache.get(key(&lodash("4.17.20"))).unwrap();
    assert_eq!(kept.findings.len(), 2);
    drop(cache);
    drop(wait_until_free(directory.path(), generation));
    let next = open_again(directory.path(), generation + 1);
    assert_eq!(next.get(key(&lodash("4.17.20"))), None);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// Opens a cache whose last user ends in its own time.
fn open_again(directory: &Path, generation: u64) -> DiskCache {
    for _ in 0..10_000 {
        match DiskCache::open(directory, generation, MEMORY_BYTES) {
            Ok(cache) => return cache,
            Err(error) => assert_eq!(error, OpenError::InUse),
        }
        // The cache before is let go of by a thread of sled's, which tells nobody.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("the cache does not open");
}

/// A directory with the cache of generation 1, in which a judgement is kept.
fn kept() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let cache = open_again(directory.path(), 1);
    let key = key(&lodash("4.17.20"));
    cache.put(key, &Arc::new(without_index()));
    while cache.get(key).is_none() {
        std::thread::yield_now();
    }
    drop(cache);
    drop(open_again(directory.path(), 1));
    directory
}

fn files_of(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| files_of(folder)));
    files
}

#[test]
fn damaged_files_cost_judgements_and_nothing_else() {
    for damage in [
        |bytes: &mut Vec<u8>| bytes.fill(0xa5),
        |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2),
        // A bit here and there, which leaves the structure whole and checksums wrong.
        |bytes: &mut Vec<u8>| bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 1),
    ] {
        let directory = kept();
        let path = directory.path().to_owned();
        // The last user has ended once the cache can be opened; now nobody has it open.
        let guard = wait_until_free(&path, 1);
        for file in files_of(&path) {
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            fs::write(&file, bytes).unwrap();
        }
        drop(guard);
        let cache = open_again(&path, 1);
        let key = key(&lodash("4.17.20"));
        // Either answer is right. What would be wrong is a crash or an answer that was never put
        // there, which the type cannot hold.
        let _kept_or_lost = cache.get(key);
        cache.put(key, &Arc::new(without_index()));
    }
}

/// The lock of a generation's directory, once its last user has ended.
fn wait_until_free(directory: &Path, generation: u64) -> fs::File {
    let path = directory.join(format!("{generation:016x}-2")).join("lock");
    let lock = fs::File::create(path).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn a_cache_whose_opening_did_not_end_is_made_anew() {
    let directory = kept();
    drop(wait_until_free(directory.path(), 1));
    fs::write(
        // What a process leaves that is killed while the cache is being opened, which may be
        // because the cache kills it.
        directory.path().join("0000000000000001-2").join("opening"),
        [],
    )
    .unwrap();
    let cache = open_again(directory.path(), 1);
    assert_eq!(cache.get(key(&lodash("4.17.20"))), None);
}

/// In the folder in which a copy of this test's process works whose files may not grow beyond a megabyte.
const FILL: &str = "fill-the-disk";

#[test]
fn a_cache_whose_disk_is_full_is_left_alone_and_keeps_no_process_from_ending() {
    if Path::new(FILL).exists() {
        return fill(Path::new("cache"));
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILL), []).unwrap();
    let name = "pipeline::matcher::tests::\
                a_cache_whose_disk_is_full_is_left_alone_and_keeps_no_process_from_ending";
    // The signal is ignored from before the program begins, so that a write beyond the limit fails as on a full
    // disk; 2,048 blocks of 512 bytes.
    let mut copy = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .current_dir(directory.path())
        .spawn()
        .unwrap();
    for _ in 0..2_000 {
        if let Some(status) = copy.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        // Between two looks at a process; the panic below is what fails.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    copy.kill().unwrap();
    copy.wait().unwrap();
    panic!("the process does not end");
}

/// Judges until nothing more can be written, and closes everything.
fn fill(directory: &Path) {
    let matcher = matcher(Some(directory));
    matcher.swap(index(&CVES));
    for patch in 0..2_000_000 {
        assert_eq!(cves(&matcher, &format!("4.16.{patch}")), CVES);
        let present = matcher.present();
        let disk = present.disk.as_ref().unwrap();
        if !disk.is_usable() {
            return;
        }
    }
    panic!("the disk took it all");
}

#[test]
fn a_matcher_without_a_usable_directory_judges_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"in the way").unwrap();
    let matcher = matcher(Some(&file));
    matcher.swap(index(&CVES));
    assert!(matcher.present().disk.is_none());
    assert_eq!(cves(&matcher, "4.17.20"), CVES);
}

#[test]
fn what_is_no_cache_is_left_alone_in_a_directory_that_was_set_too_high() {
    let directory = tempfile::tempdir().unwrap();
    let beside = directory.path().join("queue");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("0000000000000001.segment"), b"reports").unwrap();
    let _cache = open_again(directory.path(), 1);
    assert_eq!(fs::read_dir(&beside).unwrap().count(), 1);
}

#[test]
fn a_cache_that_is_in_use_is_not_touched_by_a_second_one() {
    let directory = tempfile::tempdir().unwrap();
    let first = open_again(directory.path(), 1);
    let second = DiskCache::open(directory.path(), 1, MEMORY_BYTES);
    assert!(matches!(second, Err(OpenError::InUse)));
    let _other_generation = open_again(directory.path(), 2);
    let key = key(&lodash("4.17.20"));
    first.put(key, &Arc::new(without_index()));
    while first.get(key).is_none() {
        std::thread::yield_now();
    }
}
