//! What must hold for any bytes in any file that the agent reads: used by the fuzz targets and by the
//! corpus test.
//!
//! Each function puts its input in the place of one file, scans the tree, and panics only when a
//! reader broke a promise: an end within its time, and records that the wire takes.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use agent::clock::SystemClock;
use agent::collect::{Inventory, ScanOptions, Scanner};
use agent::delta::{self, Heading};
use protocol::ids::Epoch;
use protocol::software::SourceState;

/// dpkg's status file.
pub(crate) fn dpkg(input: &[u8]) {
    check(&[("var/lib/dpkg/status", input)]);
}

/// A packed list of apt, beside a dpkg with a package in it.
pub(crate) fn apt_lz4(input: &[u8]) {
    let status = "Package: ca-certificates\nStatus: install ok installed\nVersion: 1\n\n\
        Package: tzdata\nStatus: install ok installed\nVersion: 2025b-0+deb12u2\n\n\
        Package: other\nStatus: install ok installed\nVersion: 3\n";
    check(&[
        ("var/lib/dpkg/status", status.as_bytes()),
        (
            "var/lib/apt/lists/a_InRelease",
            b"Origin: Example\nDate: x\n",
        ),
        ("var/lib/apt/lists/a_Packages.lz4", input),
    ]);
}

/// rpm's `SQLite` database.
pub(crate) fn rpm_sqlite(input: &[u8]) {
    check(&[("var/lib/rpm/rpmdb.sqlite", input)]);
}

/// The write-ahead log of a whole `SQLite` database.
pub(crate) fn rpm_wal(input: &[u8]) {
    check(&[
        (
            "var/lib/rpm/rpmdb.sqlite",
            include_bytes!("corpus/rpm_sqlite/two-packages"),
        ),
        ("var/lib/rpm/rpmdb.sqlite-wal", input),
    ]);
}

/// rpm's ndb database.
pub(crate) fn rpm_ndb(input: &[u8]) {
    check(&[("var/lib/rpm/Packages.db", input)]);
}

/// rpm's Berkeley DB database.
pub(crate) fn rpm_bdb(input: &[u8]) {
    check(&[("var/lib/rpm/Packages", input)]);
}

/// A deployment of Flatpak.
pub(crate) fn flatpak(input: &[u8]) {
    check(&[(
        "var/lib/flatpak/app/org.example.App/x86_64/stable/active/deploy",
        input,
    )]);
}

/// The small formats: the first byte says which.
pub(crate) fn manifest(input: &[u8]) {
    let Some((format, input)) = input.split_first() else {
        return;
    };
    let path = match format {
        b'a' => "lib/apk/db/installed",
        b'p' => "var/lib/pacman/local/a-1/desc",
        b's' => "var/lib/snapd/state.json",
        b'y' => "snap/a/current/meta/snap.yaml",
        b'm' => "opt/a/lib/python3.9/site-packages/a-1.dist-info/METADATA",
        b'n' => "usr/local/lib/node_modules/a/package.json",
        b'g' => "var/lib/gems/3.1.0/specifications/a-1.gemspec",
        b'o' => "etc/os-release",
        b'x' => {
            "var/lib/flatpak/app/org.example.App/x86_64/stable/active/files/share/metainfo/org.example.App.metainfo.xml"
        }
        _ => return,
    };
    // An application without a version in its deployment, for the file that says it instead.
    let deploy = format!("r\0{}\0", "0".repeat(64));
    let deployed = "var/lib/flatpak/app/org.example.App/x86_64/stable/active/deploy";
    check(&[(path, input), (deployed, deploy.as_bytes())]);
}

thread_local! {
    /// One tree a thread: making one costs more than a scan.
    static TREE: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// Scans a tree of these files, and takes them away again.
fn check(files: &[(&str, &[u8])]) {
    TREE.with(|tree| {
        let top = tree
            .get_or_init(|| tempfile::tempdir().expect("a folder"))
            .path();
        for (path, bytes) in files {
            let path = top.join(path);
            fs::create_dir_all(path.parent().expect("a path")).expect("a folder");
            fs::write(path, bytes).expect("written");
        }
        let inventory = scan(top);
        for (path, _) in files {
            fs::remove_file(top.join(path)).expect("removed");
        }
        assert_fits(&inventory);
    });
}

fn scan(top: &Path) -> Inventory {
    let options = ScanOptions {
        root: top.to_owned(),
        ..ScanOptions::default()
    };
    Scanner::new(options).scan(|_| Vec::new(), &SystemClock)
}

/// Nothing may have run out of time, and the collector must take what was found.
fn assert_fits(inventory: &Inventory) {
    for status in &inventory.sources {
        assert_ne!(status.state, SourceState::TimedOut, "{status:?}");
        assert_ne!(status.reason, "its reader ended without an answer");
    }
    let heading = Heading {
        made_at_ms: 0,
        platform: &inventory.platform,
        facts: Some(&inventory.facts),
        sources: &inventory.sources,
    };
    let keys: usize = delta::snapshot(heading, Epoch(1), &inventory.records)
        .map(|report| {
            report
                .validate()
                .expect("a report that a collector takes")
                .len()
        })
        .sum();
    assert_eq!(keys, inventory.records.len());
}
