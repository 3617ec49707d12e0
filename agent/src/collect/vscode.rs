//! Extensions of Visual Studio Code and of the editors that are built of it.
//!
//! Newer editors keep a list, `extensions.json`, of what is installed; the folders beside it may still
//! hold versions that wait to be deleted. Without a list the folders are the list.

use std::path::Path;

use serde::Deserialize;

use super::defects::{ReadError, Reading};
use super::json;
use super::records::{Draft, Records};
use super::root::Root;

/// Where extensions are, alike on every system. Those of the servers are what runs when somebody
/// works here from another machine.
const FOLDERS: [&str; 10] = [
    "~/.vscode/extensions",
    "~/.vscode-insiders/extensions",
    "~/.vscode-oss/extensions",
    "~/.cursor/extensions",
    "~/.windsurf/extensions",
    "~/.vscode-server/extensions",
    "~/.cursor-server/extensions",
    "~/.local/share/code-server/extensions",
    "~/.var/app/com.visualstudio.code/data/vscode/extensions",
    "~/.var/app/com.vscodium.codium/data/codium/extensions",
];

const LIST: &str = "extensions.json";
/// Bytes of a list, and of an extension's manifest.
const LIST_BYTES_MAX: u64 = 4 * 1024 * 1024;
const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// An entry of the list.
#[derive(Deserialize)]
struct Listed {
    identifier: Identifier,
    #[serde(default)]
    version: String,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Identifier {
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    publisher_display_name: Option<String>,
    #[serde(default)]
    installed_timestamp: Option<u64>,
    #[serde(default)]
    source: Option<String>,
}

/// What a record needs of an extension's own manifest.
#[derive(Deserialize)]
struct Manifest {
    publisher: String,
    name: String,
    #[serde(default)]
    version: String,
}

/// Reads the extensions.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(&FOLDERS)? {
        reading = Reading::Read;
        let path = folder.join(LIST);
        let read = root.read_small(&path, LIST_BYTES_MAX, &mut bytes);
        if out.tolerate(read)?.flatten().is_some() {
            if json::each(&bytes, |extension: Listed| take_listed(&extension, &folder, out)).is_ok()
            {
                // The folders are not read as well: those of replaced versions stay for a while.
                continue;
            }
            out.unreadable(&path, "not a list of extensions");
        }
        read_folders(root, &folder, &mut bytes, out)?;
    }
    Ok(reading)
}

fn take_listed(extension: &Listed, folder: &Path, out: &mut Records) {
    let id = &extension.identifier.id;
    let none = Metadata::default();
    let metadata = extension.metadata.as_ref().unwrap_or(&none);
    let publisher = id.split_once('.').map_or("", |(publisher, _)| publisher);
    let vendor = metadata.publisher_display_name.as_deref();
    let since_ms = metadata.installed_timestamp;
    out.push(&Draft {
        name: id.as_bytes(),
        version: extension.version.as_bytes(),
        vendor: vendor.unwrap_or(publisher).as_bytes(),
        // `gallery`, or `vsix` where somebody installed a file.
        origin: metadata.source.as_deref().unwrap_or_default().as_bytes(),
        installed_at_s: since_ms.and_then(|ms| u32::try_from(ms / 1000).ok()),
        location: folder.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
}

/// Reads what the folders hold.
fn read_folders(
    root: &Root,
    folder: &Path,
    bytes: &mut Vec<u8>,
    out: &mut Records,
) -> Result<(), ReadError> {
    let names = root.list(folder);
    for name in out.tolerate(names)?.flatten().unwrap_or_default() {
        let path = folder.join(name).join("package.json");
        let read = root.read_small(&path, MANIFEST_BYTES_MAX, bytes);
        let Some(installed_at_s) = out.tolerate(read)?.flatten() else {
            continue;
        };
        // A byte order mark, which editors of Windows write and `serde_json` does not take.
        let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Ok(manifest) = serde_json::from_slice::<Manifest>(json) else {
            out.unreadable(&path, "not an extension's manifest");
            continue;
        };
        out.push(&Draft {
            name: format!("{}.{}", manifest.publisher, manifest.name).as_bytes(),
            version: manifest.version.as_bytes(),
            vendor: manifest.publisher.as_bytes(),
            installed_at_s,
            location: folder.as_os_str().as_encoded_bytes(),
            ..Draft::default()
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
