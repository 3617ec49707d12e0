//! Scans as a whole: statuses, what stays of an earlier scan, limits, and sources that hang.

mod hosts;

use std::sync::Mutex;

use super::*;
use crate::collect::test_tree::Tree;

/// A clock that goes on by a second whenever it is looked at.
struct Ticking(Mutex<u32>);

impl Clock for Ticking {
    fn now_ms(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        let mut ticks = self.0.lock().unwrap();
        *ticks += 1;
        Duration::from_secs(u64::from(*ticks))
    }
}

fn clock() -> Ticking {
    Ticking(Mutex::new(0))
}

fn options(tree: &Tree) -> ScanOptions {
    ScanOptions { root: tree.path("/"), ..ScanOptions::default() }
}

fn scan(tree: &Tree) -> Inventory {
    Scanner::new(options(tree)).scan(|_| Vec::new(), &clock())
}

fn status(inventory: &Inventory, source: Source) -> &SourceStatus {
    let mut statuses = inventory.sources.iter();
    statuses.find(|status| status.source == source).unwrap()
}

const STATUS: &str = "/var/lib/dpkg/status";

fn package(name: &str, version: &str) -> String {
    format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n")
}

#[test]
fn a_host_with_nothing_has_every_source_absent() {
    let inventory = scan(&Tree::new(&[]));
    assert_eq!(inventory.sources.len(), System::HERE.readers().len());
    for status in &inventory.sources {
        assert_eq!(status.state, SourceState::Absent, "{status:?}");
        assert_eq!((status.records, status.took_ms), (0, 1000));
    }
    assert!(inventory.records.is_empty());
}

#[test]
fn keys_are_those_of_the_records_on_the_platform_of_the_tree() {
    let tree = Tree::new(&[
        ("/etc/os-release", "ID=debian\nVERSION_ID=12\n"),
        (STATUS, &(package("a", "1") + &package("b", "2"))),
    ]);
    let inventory = scan(&tree);
    assert_eq!(inventory.platform.id, "debian");
    assert_eq!(inventory.facts.platform, inventory.platform);
    assert_eq!(inventory.records.len(), 2);
    for (key, record) in &inventory.records {
        assert_eq!(*key, SoftwareKey::of(record, &inventory.platform));
    }
    let status = status(&inventory, Source::Deb);
    assert_eq!((status.state, status.records), (SourceState::Ok, 2));
}

#[test]
fn the_same_software_in_two_places_is_one_record() {
    let metadata = "Name: six\nVersion: 1.16.0\n";
    let tree = Tree::new(&[
        ("/opt/a/lib/python3.9/site-packages/six-1.16.0.dist-info/METADATA", metadata),
        ("/opt/b/lib/python3.9/site-packages/six-1.16.0.dist-info/METADATA", metadata),
    ]);
    let inventory = scan(&tree);
    let records = inventory.records_of(Source::Python);
    assert_eq!(records.len(), 1);
    assert_eq!(
        records[0].locations,
        ["/opt/a/lib/python3.9/site-packages", "/opt/b/lib/python3.9/site-packages"]
    );
    assert_eq!(status(&inventory, Source::Python).records, 1);
}

#[test]
fn a_source_that_fails_keeps_its_records_and_stops_no_other() {
    let tree = Tree::new(&[("/lib/apk/db/installed", "P:musl\nV:1.2.4-r4\n")]);
    tree.pipe(STATUS);
    let before = SoftwareRecord::new(Source::Deb, "kept", "1");
    let mut asked = Vec::new();
    let inventory = Scanner::new(options(&tree)).scan(
        |source| {
            asked.push(source);
            vec![before.clone()]
        },
        &clock(),
    );
    assert_eq!(asked, [Source::Deb]);
    let failed = status(&inventory, Source::Deb);
    assert_eq!((failed.state, failed.records), (SourceState::Failed, 1));
    assert_eq!(failed.reason, "/var/lib/dpkg/status: not a regular file");
    assert_eq!(inventory.records_of(Source::Deb), [before]);
    assert_eq!(status(&inventory, Source::Apk).state, SourceState::Ok);
}

#[test]
fn a_source_that_is_gone_leaves_no_records() {
    let mut asked = false;
    let inventory = Scanner::new(options(&Tree::new(&[]))).scan(
        |_| {
            asked = true;
            Vec::new()
        },
        &clock(),
    );
    assert!(!asked && inventory.records.is_empty());
}

#[test]
fn a_source_that_is_off_gives_neither_records_nor_a_status() {
    let tree = Tree::new(&[(STATUS, &package("a", "1"))]);
    let options = ScanOptions { sources_off: vec![Source::Deb], ..options(&tree) };
    let inventory = Scanner::new(options).scan(|_| Vec::new(), &clock());
    assert!(inventory.records.is_empty());
    assert!(inventory.sources.iter().all(|s| s.source != Source::Deb));
}

#[test]
fn a_source_whose_time_is_over_is_timed_out_and_keeps_its_records() {
    let many: String = (0..50_000).map(|n| package(&format!("p{n}"), "1")).collect();
    let tree = Tree::new(&[(STATUS, &many)]);
    let options = ScanOptions { time_box: Duration::ZERO, ..options(&tree) };
    let before = SoftwareRecord::new(Source::Deb, "kept", "1");
    let inventory = Scanner::new(options).scan(
        |source| (source == Source::Deb).then(|| before.clone()).into_iter().collect(),
        &clock(),
    );
    let status = status(&inventory, Source::Deb);
    assert_eq!(status.state, SourceState::TimedOut);
    assert_eq!(status.reason, "the time box ended");
    assert_eq!(inventory.records_of(Source::Deb), [before]);
}

#[test]
fn records_over_the_limit_are_left_out_and_said() {
    let apk = "P:musl\nV:1\n\nP:zlib\nV:1\n";
    let tree = Tree::new(&[
        (STATUS, &(package("a", "1") + &package("b", "1"))),
        ("/lib/apk/db/installed", apk),
    ]);
    let options = ScanOptions { records_max: 3, ..options(&tree) };
    let inventory = Scanner::new(options).scan(|_| Vec::new(), &clock());
    assert_eq!(inventory.records.len(), 3);
    let status = status(&inventory, Source::Apk);
    assert_eq!(status.state, SourceState::Partial);
    assert_eq!(status.reason, "1 records over the limit left out");
}

#[test]
fn a_user_cannot_make_the_records_take_more_memory_than_there_is() {
    let apk: String = (0..100).map(|number| format!("P:p{number}\nV:1\n\n")).collect();
    let tree = Tree::new(&[
        (STATUS, &(package("a", "1") + &package("b", "1"))),
        ("/lib/apk/db/installed", &apk),
    ]);
    let options = ScanOptions { records_bytes_max: 10_000, ..options(&tree) };
    let inventory = Scanner::new(options).scan(|_| Vec::new(), &clock());
    let records = inventory.records.len();
    // Those of the first source are there, and all that still fit.
    assert!((10..60).contains(&records), "{records}");
    assert_eq!(status(&inventory, Source::Deb).state, SourceState::Ok);
    let status = status(&inventory, Source::Apk);
    assert_eq!(status.state, SourceState::Partial);
    assert!(status.reason.ends_with("records over the limit left out"), "{}", status.reason);
}

/// A clock that is looked at before and after each source, and sees what is noted then.
struct Watching(Arc<Marker>, Mutex<Vec<Source>>);

impl Clock for Watching {
    fn now_ms(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        self.1.lock().unwrap().extend(self.0.left());
        Duration::ZERO
    }
}

#[test]
fn a_source_that_ended_the_agent_is_left_out_once_and_the_others_are_read() {
    let tree =
        Tree::new(&[(STATUS, &package("a", "1")), ("/lib/apk/db/installed", "P:musl\nV:1\n\n")]);
    let folder = tempfile::tempdir().unwrap();
    let marker = Arc::new(Marker::new(folder.path().join("scanning")));
    // While a source is read its name is there, for whoever starts after a crash.
    let watching = Watching(Arc::clone(&marker), Mutex::default());
    Scanner::new(options(&tree)).marking(Arc::clone(&marker)).scan(|_| Vec::new(), &watching);
    let mut noted = watching.1.into_inner().unwrap();
    noted.dedup();
    let readers = System::HERE.readers().iter();
    assert_eq!(noted, readers.map(|reader| reader.source).collect::<Vec<_>>());
    assert_eq!(marker.left(), None, "the scan has ended well");

    marker.note(Some(Source::Deb));
    let mut scanner = Scanner::new(options(&tree)).marking(marker);
    let kept = SoftwareRecord::new(Source::Deb, "of-before", "1");
    let first = scanner.scan(|_| vec![kept.clone()], &clock());
    let names: Vec<_> = first.records.values().map(|record| record.name.as_str()).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"musl") && names.contains(&"of-before"), "{names:?}");
    assert_eq!(status(&first, Source::Deb).state, SourceState::Failed);
    assert!(status(&first, Source::Deb).reason.contains("left out once"));
    let second = scanner.scan(|_| Vec::new(), &clock());
    assert_eq!(status(&second, Source::Deb).state, SourceState::Ok);
}

#[test]
fn a_hiccup_of_os_release_does_not_rename_the_inventory() {
    let tree = Tree::new(&[
        ("/etc/os-release", "ID=debian\nVERSION_ID=12\n"),
        (STATUS, &package("a", "1")),
    ]);
    let mut scanner = Scanner::new(options(&tree));
    let first = scanner.scan(|_| Vec::new(), &clock());
    std::fs::remove_file(tree.path("/etc/os-release")).unwrap();
    tree.pipe("/etc/os-release");
    let second = scanner.scan(|_| Vec::new(), &clock());
    assert_eq!(first, second);
}

#[test]
fn a_reason_keeps_the_limit_of_the_wire() {
    let tree = Tree::new(&[]);
    let name = "x".repeat(200);
    tree.pipe(&format!("/var/lib/pacman/local/{name}\u{7}{}/desc", "y".repeat(50)));
    let inventory = scan(&tree);
    let reason = &status(&inventory, Source::Pacman).reason;
    assert!(reason.len() <= REASON_BYTES_MAX, "{}", reason.len());
    assert!(!reason.chars().any(char::is_control));
}

#[test]
fn a_root_that_does_not_exist_fails_every_source_and_says_so() {
    let options =
        ScanOptions { root: PathBuf::from("/nonexistent-root"), ..ScanOptions::default() };
    let inventory = Scanner::new(options).scan(|_| Vec::new(), &clock());
    for status in &inventory.sources {
        assert_eq!(status.state, SourceState::Failed);
        assert!(status.reason.starts_with("/nonexistent-root: "), "{}", status.reason);
    }
}

/// The inventory of a Debian with two kernels and their headers that runs one of the two.
fn inventory_of_a_host_that_runs(kernel: &str) -> Inventory {
    let mut inventory = Inventory {
        facts: HostFacts { kernel: kernel.to_owned(), ..HostFacts::default() },
        ..Inventory::default()
    };
    let names = [
        "linux-image-6.1.0-40-amd64",
        "linux-image-6.1.0-41-amd64",
        "linux-headers-6.1.0-40-amd64",
        "linux-image-amd64",
        "openssl",
    ];
    let found = Found {
        state: SourceState::Ok,
        reason: String::new(),
        records: names.map(|name| SoftwareRecord::new(Source::Deb, name, "1")).into(),
    };
    let reader = System::HERE.readers().iter().find(|reader| reader.source == Source::Deb).unwrap();
    inventory.take_in(*reader, found, Duration::ZERO);
    inventory
}

fn running(inventory: &Inventory) -> BTreeMap<&str, bool> {
    let records = inventory.records.values();
    records.filter_map(|record| Some((record.name.as_str(), record.running?))).collect()
}

#[test]
fn of_the_installed_kernels_one_runs_and_the_others_wait() {
    let inventory = inventory_of_a_host_that_runs("6.1.0-41-amd64");
    assert_eq!(
        running(&inventory),
        BTreeMap::from([
            ("linux-image-6.1.0-40-amd64", false),
            ("linux-image-6.1.0-41-amd64", true),
        ])
    );
    let unknown = inventory_of_a_host_that_runs("");
    assert_eq!(running(&unknown), BTreeMap::new());
}

#[test]
fn a_reboot_into_another_kernel_changes_both_records_and_no_other() {
    let before = inventory_of_a_host_that_runs("6.1.0-40-amd64");
    let after = inventory_of_a_host_that_runs("6.1.0-41-amd64");
    let is_kept = |key: &&SoftwareKey| before.records.contains_key(*key);
    assert_eq!(after.records.len(), 5);
    assert_eq!(after.records.keys().filter(is_kept).count(), 3);
}

#[test]
fn records_that_stay_from_an_earlier_scan_follow_a_reboot() {
    let before = inventory_of_a_host_that_runs("6.1.0-40-amd64");
    let mut after = inventory_of_a_host_that_runs("6.1.0-41-amd64");
    let expected = after.records.clone();
    after.records.clear();
    let reader = System::HERE.readers().iter().find(|reader| reader.source == Source::Deb).unwrap();
    let stale = Found {
        state: SourceState::Failed,
        reason: "locked".to_owned(),
        records: before.records_of(Source::Deb),
    };
    after.take_in(*reader, stale, Duration::ZERO);
    assert_eq!(after.records, expected);
}
