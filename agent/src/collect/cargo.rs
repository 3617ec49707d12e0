//! Programs that `cargo install` has built for a person.
//!
//! Cargo keeps a list of them in its own folder, each entry called `NAME VERSION (SOURCE)`. Crates that a
//! program is built of are inside of it and not listed.

use std::path::Path;

use super::defects::{ReadError, Reading};
use super::json;
use super::records::{Draft, Records};
use super::root::Root;

/// Where cargo keeps its list, alike on every system.
const FOLDERS: [&str; 2] = ["~/.cargo", "/usr/local/cargo"];

const LIST: &str = ".crates2.json";
/// Bytes of the list; an entry has a few hundred.
const LIST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How the addresses of crates.io begin, by its index and by its newer one.
const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// Reads the programs.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(&FOLDERS)? {
        let path = folder.join(LIST);
        let read = root.read_small(&path, LIST_BYTES_MAX, &mut bytes);
        if out.tolerate(read)?.flatten().is_none() {
            continue;
        }
        reading = Reading::Read;
        // One person's damaged list costs nobody else's.
        if json::each_key_of(&bytes, "installs", |entry| take(entry, &folder, out)).is_err() {
            out.unreadable(&path, "not a list of cargo");
        }
    }
    Ok(reading)
}

/// Hands over one entry.
fn take(entry: &str, folder: &Path, out: &mut Records) {
    // The address of the source comes last and may hold spaces, as folders do.
    let mut words = entry.splitn(3, ' ');
    let (name, version) = (words.next(), words.next());
    let source = words.next().unwrap_or_default();
    let source = source.trim_start_matches('(').trim_end_matches(')');
    let origin = if CRATES_IO.iter().any(|one| source.starts_with(one)) {
        "crates.io"
    } else {
        // A folder of the person's own tells more of the person than of the program.
        let (kind, _) = source.split_once('+').unwrap_or(("", ""));
        kind
    };
    out.push(&Draft {
        name: name.unwrap_or_default().as_bytes(),
        version: version.unwrap_or_default().as_bytes(),
        origin: origin.as_bytes(),
        // The list is in cargo's folder, the programs that it names are here.
        location: folder.join("bin").as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
}

#[cfg(test)]
mod tests {
    use protocol::software::{SoftwareRecord, Source};

    use super::*;
    use crate::collect::test_tree::Tree;

    fn record(name: &str, version: &str, origin: &str) -> SoftwareRecord {
        SoftwareRecord {
            origin: origin.to_owned(),
            locations: vec!["~/.cargo/bin".to_owned()],
            ..SoftwareRecord::new(Source::Cargo, name, version)
        }
    }

    #[test]
    fn reads_what_cargo_installed_and_from_where() {
        let list = r#"{"installs": {
            "bat 0.24.0 (registry+https://github.com/rust-lang/crates.io-index)": {"bins": ["bat"]},
            "own 0.1.0 (path+file:///home/alice/own)": {"bins": ["own"], "features": []},
            "ripgrep 14.1.0 (sparse+https://index.crates.io/)": {}
        }, "v1": {}}"#;
        let tree = Tree::new(&[("/home/alice/.cargo/.crates2.json", list)]);
        assert_eq!(
            tree.read(Source::Cargo, read).all(),
            [
                record("bat", "0.24.0", "crates.io"),
                record("own", "0.1.0", "path"),
                record("ripgrep", "14.1.0", "crates.io"),
            ]
        );
    }

    #[test]
    fn a_list_that_cannot_be_read_costs_only_the_person_whose_it_is() {
        let list = r#"{"installs": {"bat 0.24.0 (x)": 7, "": null, "odd": []}}"#;
        let tree = Tree::new(&[
            ("/home/alice/.cargo/.crates2.json", "{\"installs\": 7}"),
            ("/home/bob/.cargo/.crates2.json", list),
        ]);
        tree.pipe("/home/carol/.cargo/.crates2.json");
        let outcome = tree.read(Source::Cargo, read);
        assert_eq!(outcome.names(), ["bat 0.24.0", "odd "]);
        assert_eq!(
            outcome.defects.to_string(),
            "2 unreadable, 1 without a name; first: ~/.cargo/.crates2.json: not a list of cargo"
        );
    }

    #[test]
    fn is_absent_without_a_list() {
        let tree = Tree::new(&[("/home/alice/.cargo/bin/x", "")]);
        assert_eq!(tree.read(Source::Cargo, read).reading.unwrap(), Reading::Absent);
    }
}
