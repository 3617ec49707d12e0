//! Homebrew's formulae and casks, on macOS and on Linux.
//!
//! A formula is a folder per version in the `Cellar`, with a receipt that says where it came from. A
//! cask is a folder per version in the `Caskroom`; what it installed is elsewhere, often an application
//! with a record of its own.

use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;

use super::defects::{ReadError, Reading};
use super::records::{Draft, Records};
use super::root::Root;

/// Where Homebrew is: on processors of Apple, of Intel, and on Linux.
const CELLARS: [&str; 3] =
    ["/opt/homebrew/Cellar", "/usr/local/Cellar", "/home/linuxbrew/.linuxbrew/Cellar"];
const CASKROOMS: [&str; 2] = ["/opt/homebrew/Caskroom", "/usr/local/Caskroom"];

const RECEIPT: &str = "INSTALL_RECEIPT.json";
/// Bytes of a receipt, which lists what the formula depends on.
const RECEIPT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a record needs of a receipt.
#[derive(Default, Deserialize)]
struct Receipt {
    #[serde(default)]
    time: Option<u64>,
    #[serde(default)]
    source: Option<ReceiptSource>,
}

/// Where a formula came from.
#[derive(Default, Deserialize)]
struct ReceiptSource {
    #[serde(default)]
    tap: Option<String>,
}

/// Reads formulae and casks.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for cellar in root.expand_all(&CELLARS)? {
        reading = Reading::Read;
        each_version(root, &cellar, out, &mut |name, version, folder, out| {
            take_formula(root, name, version, folder, &mut bytes, out)
        })?;
    }
    for caskroom in root.expand_all(&CASKROOMS)? {
        reading = Reading::Read;
        each_version(root, &caskroom, out, &mut |name, version, folder, out| {
            out.push(&Draft {
                name: name.as_encoded_bytes(),
                version: version.as_encoded_bytes(),
                origin: b"homebrew/cask",
                // A cask has no receipt in this folder, so the folder's own time has to do.
                installed_at_s: root.modified_at_s(folder)?,
                location: folder.as_os_str().as_encoded_bytes(),
                ..Draft::default()
            });
            Ok(())
        })?;
    }
    Ok(reading)
}

type Take<'t> = dyn FnMut(&OsString, &OsString, &Path, &mut Records) -> Result<(), ReadError> + 't;

/// Shows every version of everything in a folder of folders.
fn each_version(
    root: &Root,
    top: &Path,
    out: &mut Records,
    take: &mut Take<'_>,
) -> Result<(), ReadError> {
    for name in visible(root, top, out)? {
        let folder = top.join(&name);
        for version in visible(root, &folder, out)? {
            take(&name, &version, &folder.join(&version), out)?;
        }
    }
    Ok(())
}

/// The entries of a folder that are not hidden, as Homebrew's own notes are.
fn visible(root: &Root, folder: &Path, out: &mut Records) -> Result<Vec<OsString>, ReadError> {
    let names = root.list(folder);
    let mut names = out.tolerate(names)?.flatten().unwrap_or_default();
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    Ok(names)
}

fn take_formula(
    root: &Root,
    name: &OsString,
    version: &OsString,
    folder: &Path,
    bytes: &mut Vec<u8>,
    out: &mut Records,
) -> Result<(), ReadError> {
    let path = folder.join(RECEIPT);
    let read = root.read_small(&path, RECEIPT_BYTES_MAX, bytes);
    let mut receipt = Receipt::default();
    if let Some(Some(_)) = out.tolerate(read)? {
        match serde_json::from_slice(bytes) {
            Ok(found) => receipt = found,
            // The folders say what is installed, so only where it came from is lost.
            Err(_) => out.unreadable(&path, "not a receipt of Homebrew"),
        }
    }
    let tap = receipt.source.and_then(|source| source.tap);
    out.push(&Draft {
        name: name.as_encoded_bytes(),
        version: version.as_encoded_bytes(),
        origin: tap.unwrap_or_default().as_bytes(),
        installed_at_s: receipt.time.and_then(|s| u32::try_from(s).ok()),
        location: folder.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::software::{SoftwareRecord, Source};

    use super::*;
    use crate::collect::test_tree::Tree;

    const CELLAR: &str = "/opt/homebrew/Cellar";

    #[test]
    fn reads_formulae_with_their_tap_and_casks() {
        let tree = Tree::new(&[
            (
                "/opt/homebrew/Cellar/openssl@3/3.2.1_1/INSTALL_RECEIPT.json",
                r#"{"homebrew_version":"4.2","time":1710000000,"arch":"arm64",
                    "source":{"path":"x","tap":"homebrew/core","versions":{"stable":"3.2.1"}}}"#,
            ),
            ("/opt/homebrew/Cellar/local/1.0/bin/x", ""),
            ("/opt/homebrew/Caskroom/firefox/124.0/.keep", ""),
            ("/opt/homebrew/Caskroom/firefox/.metadata/x", ""),
        ]);
        let mut records = tree.read(Source::Homebrew, read).all();
        records[2].installed_at_s = None;
        let formula = |name: &str, version: &str, tap: &str| SoftwareRecord {
            origin: tap.to_owned(),
            locations: vec![format!("{CELLAR}/{name}/{version}")],
            ..SoftwareRecord::new(Source::Homebrew, name, version)
        };
        assert_eq!(
            records,
            [
                formula("local", "1.0", ""),
                SoftwareRecord {
                    installed_at_s: Some(1_710_000_000),
                    ..formula("openssl@3", "3.2.1_1", "homebrew/core")
                },
                SoftwareRecord {
                    locations: vec!["/opt/homebrew/Caskroom/firefox/124.0".to_owned()],
                    ..formula("firefox", "124.0", "homebrew/cask")
                },
            ]
        );
    }

    #[test]
    fn a_damaged_receipt_or_a_pipe_in_its_place_costs_the_tap_alone() {
        let tree = Tree::new(&[("/usr/local/Cellar/a/1/INSTALL_RECEIPT.json", "{\"source\": [")]);
        tree.pipe("/usr/local/Cellar/b/2/INSTALL_RECEIPT.json");
        let outcome = tree.read(Source::Homebrew, read);
        assert_eq!(outcome.names(), ["a 1", "b 2"]);
        assert_eq!(
            outcome.defects.to_string(),
            "2 unreadable; first: /usr/local/Cellar/a/1/INSTALL_RECEIPT.json: not a receipt of Homebrew"
        );
    }

    #[test]
    fn is_absent_without_homebrew() {
        let outcome = Tree::new(&[]).read(Source::Homebrew, read);
        assert_eq!(outcome.reading.unwrap(), Reading::Absent);
    }
}
