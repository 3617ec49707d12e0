//! Snaps, from their mounts and from snapd's own state.
//!
//! `/snap/NAME/current/meta/snap.yaml` says what a snap is; snapd's `state.json` says which are active
//! and which channel they follow; its assertions say who published them. A snap that snapd calls
//! active but that is not mounted, as in an offline image, has no version.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::defects::{ReadError, Reading};
use super::lines::Lines;
use super::records::{Draft, Records};
use super::root::Root;
use super::stanza::Stanza;

/// Where snaps are mounted: the second one on distributions without a folder `/snap`.
const MOUNTS: [&str; 2] = ["/snap", "/var/lib/snapd/snap"];
const STATE: &str = "/var/lib/snapd/state.json";
const ASSERTIONS: &str = "/var/lib/snapd/assertions/asserts-v0";

/// Bytes of snapd's state, of a description and of an assertion.
const STATE_BYTES_MAX: u64 = 32 * 1024 * 1024;
const YAML_BYTES_MAX: u64 = 1024 * 1024;
const ASSERTION_BYTES_MAX: u64 = 256 * 1024;

/// What is needed of `state.json`.
#[derive(Default, Deserialize)]
struct State {
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    snaps: BTreeMap<String, SnapState>,
}

#[derive(Default, Deserialize)]
struct SnapState {
    #[serde(default)]
    active: bool,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    current: String,
    #[serde(default)]
    sequence: Vec<Revision>,
}

#[derive(Deserialize)]
struct Revision {
    #[serde(default)]
    revision: String,
    #[serde(default, rename = "snap-id")]
    snap_id: String,
}

/// What is needed of `snap.yaml`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Description {
    version: Vec<u8>,
    arch: Vec<u8>,
}

/// Reads the snaps.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mounts = root.expand_all(&MOUNTS)?;
    let state = read_state(root);
    let Some(state) = out.tolerate(state)? else {
        // Without the state the mounts still say what is there.
        take_mounted(root, &mounts, &BTreeMap::new(), out)?;
        return Ok(Reading::Read);
    };
    let is_there = state.is_some();
    let snaps = state.unwrap_or_default().data.snaps;
    let mounted = take_mounted(root, &mounts, &snaps, out)?;
    // Disabled snaps stay on the disk, but none of their code can run.
    for (name, snap) in &snaps {
        if snap.active && !mounted.contains(name) {
            out.unreadable(Path::new(STATE), "an active snap that is not mounted");
            take(root, name, snap, &Description::default(), out)?;
        }
    }
    if is_there || !mounted.is_empty() {
        return Ok(Reading::Read);
    }
    Ok(Reading::Absent)
}

/// Hands over the snaps that have a current mount; gives their names.
fn take_mounted(
    root: &Root,
    mounts: &[PathBuf],
    snaps: &BTreeMap<String, SnapState>,
    out: &mut Records,
) -> Result<Vec<String>, ReadError> {
    let mut mounted = Vec::new();
    let unknown = SnapState::default();
    for mount in mounts {
        let names = root.list(mount);
        for name in out.tolerate(names)?.flatten().unwrap_or_default() {
            let path = mount.join(&name).join("current/meta/snap.yaml");
            let lines = root.lines(&path, YAML_BYTES_MAX);
            let Some(mut lines) = out.tolerate(lines)?.flatten() else {
                continue;
            };
            let description = parse_yaml(&mut lines)?;
            let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
            // The folder has the instance's name, which is also the state's key.
            let snap = snaps.get(&name).unwrap_or(&unknown);
            take(root, &name, snap, &description, out)?;
            mounted.push(name);
        }
    }
    Ok(mounted)
}

/// Hands over one snap.
fn take(
    root: &Root,
    name: &str,
    snap: &SnapState,
    description: &Description,
    out: &mut Records,
) -> Result<(), ReadError> {
    let of_current = |revision: &&Revision| revision.revision == snap.current;
    let snap_id = snap.sequence.iter().find(of_current);
    let snap_id = snap_id.map_or("", |revision| revision.snap_id.as_str());
    let publisher = publisher(root, snap_id)?;
    out.push(&Draft {
        name: name.as_bytes(),
        version: &description.version,
        arch: &description.arch,
        vendor: &publisher,
        origin: snap.channel.as_bytes(),
        bundle_id: snap_id.as_bytes(),
        ..Draft::default()
    });
    Ok(())
}

/// snapd's state; `None` where there is no snapd.
fn read_state(root: &Root) -> Result<Option<State>, ReadError> {
    let path = Path::new(STATE);
    let Some(file) = root.file(path, STATE_BYTES_MAX)? else {
        return Ok(None);
    };
    // Streamed: the state also holds every change of the last days.
    let reader = BufReader::new(file.file.take(STATE_BYTES_MAX));
    serde_json::from_reader(reader)
        .map(Some)
        .map_err(|_| ReadError::damaged(path, "not the state of snapd"))
}

/// The publisher's name for people; empty where no assertion says it.
fn publisher(root: &Root, snap_id: &str) -> Result<Vec<u8>, ReadError> {
    // 16 is the series, of which there has only ever been one.
    let declaration = Path::new(ASSERTIONS).join("snap-declaration/16");
    let publisher_id = assertion(root, &declaration, snap_id.as_bytes(), "publisher-id")?;
    let accounts = Path::new(ASSERTIONS).join("account");
    assertion(root, &accounts, &publisher_id, "display-name")
}

/// One header of the newest assertion about something; empty where there is none.
fn assertion(
    root: &Root,
    folder: &Path,
    about: &[u8],
    key: &'static str,
) -> Result<Vec<u8>, ReadError> {
    if about.is_empty()
        || !about
            .iter()
            // An id becomes a part of a path below, so it may not be one itself.
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    {
        return Ok(Vec::new());
    }
    let folder = folder.join(std::ffi::OsStr::from_bytes(about));
    // Who published a snap is good to know, and no reason to lose it.
    let Ok(Some(names)) = root.list(&folder) else {
        return root.check().map(|()| Vec::new());
    };
    let formats = names.iter().filter_map(|name| Some((format_of(name.as_bytes())?, name)));
    let Some((_, newest)) = formats.max_by_key(|(format, _)| *format) else {
        return Ok(Vec::new());
    };
    let Ok(Some(mut lines)) = root.lines(&folder.join(newest), ASSERTION_BYTES_MAX) else {
        return root.check().map(|()| Vec::new());
    };
    let mut stanza = Stanza::new([key]);
    stanza.read(&mut lines)?;
    let [value] = stanza.values();
    Ok(unquote(value).to_vec())
}

/// The format of an assertion by its file's name: `active` is format 0, `active.N` format N. snapd
/// keeps the older ones beside the newest.
fn format_of(name: &[u8]) -> Option<u32> {
    let rest = name.strip_prefix(b"active")?;
    if rest.is_empty() {
        return Some(0);
    }
    // As a number, for as text the tenth format would stand before the second.
    let number = std::str::from_utf8(rest.strip_prefix(b".")?).ok()?;
    number.parse().ok()
}

/// The few keys of a `snap.yaml` that are needed: they stand at the beginning of a line, and snapd's
/// own tool writes them with plain or quoted values.
fn parse_yaml<R: BufRead>(lines: &mut Lines<R>) -> Result<Description, ReadError> {
    let mut description = Description::default();
    let mut is_in_architectures = false;
    while let Some(line) = lines.next()? {
        if let Some(version) = line.strip_prefix(b"version:") {
            description.version = unquote(version).to_vec();
        } else if let Some(list) = line.strip_prefix(b"architectures:") {
            is_in_architectures = true;
            let list = list.trim_ascii();
            let first = list.strip_prefix(b"[").unwrap_or_default();
            let end = first.iter().position(|b| matches!(b, b',' | b']'));
            description.arch = unquote(&first[..end.unwrap_or(0)]).to_vec();
        } else if is_in_architectures && description.arch.is_empty() {
            match line.trim_ascii().strip_prefix(b"-") {
                Some(item) => description.arch = unquote(item).to_vec(),
                None => is_in_architectures = false,
            }
        }
    }
    Ok(description)
}

/// A plain or quoted scalar.
fn unquote(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    for quote in [b"'", b"\""] {
        let inner = value.strip_prefix(quote);
        if let Some(inner) = inner.and_then(|value| value.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests;
