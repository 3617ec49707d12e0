//! Application bundles, where macOS and people keep them.
//!
//! A bundle is a folder `NAME.app` with a property list that says what it is. Helpers inside another
//! bundle are parts of it and not listed.

use std::path::Path;

use super::plist;
use crate::collect::defects::{ReadError, Reading};
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;

/// Where applications are: everybody's, the system's, and each person's.
const FOLDERS: [&str; 10] = [
    "/Applications",
    "/Applications/*",
    "/System/Applications",
    "/System/Applications/Utilities",
    "/System/Cryptexes/App/System/Applications",
    "/System/Library/CoreServices",
    "/System/Library/CoreServices/Applications",
    "/Library/Application Support/*",
    "~/Applications",
    "~/Applications/*",
];

/// Where in a bundle its property list is: the second in those that were made for phones.
const INFO: [&str; 2] = ["Contents/Info.plist", "WrappedBundle/Info.plist"];

/// What the App Store leaves in what it installs.
const STORE_RECEIPT: &str = "Contents/_MASReceipt/receipt";

/// Reads the applications.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(&FOLDERS)? {
        // Nothing that is inside of a bundle.
        if is_bundle(&folder) {
            continue;
        }
        let names = root.list(&folder);
        for name in out.tolerate(names)?.flatten().unwrap_or_default() {
            let bundle = folder.join(&name);
            if is_bundle(&bundle) && take(root, &bundle, &mut bytes, out)? {
                reading = Reading::Read;
            }
        }
    }
    Ok(reading)
}

fn is_bundle(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "app")
}

/// Hands over one bundle; gives whether there was one.
fn take(
    root: &Root,
    bundle: &Path,
    bytes: &mut Vec<u8>,
    out: &mut Records,
) -> Result<bool, ReadError> {
    for info in INFO {
        let path = bundle.join(info);
        let read = root.read_small(&path, plist::BYTES_MAX, bytes);
        let Some(modified_at_s) = out.tolerate(read)?.flatten() else {
            continue;
        };
        let texts = plist::texts(
            bytes,
            ["CFBundleIdentifier", "CFBundleShortVersionString", "CFBundleVersion"],
        );
        let Some([id, version, build]) = texts else {
            out.unreadable(&path, "not a property list");
            return Ok(true);
        };
        let is_from_store = root.modified_at_s(&bundle.join(STORE_RECEIPT))?.is_some();
        out.push(&Draft {
            // What people see in the Finder; what the bundle calls itself can be as short as `Code`.
            name: bundle.file_stem().map_or(b"", |stem| stem.as_encoded_bytes()),
            version: if version.is_empty() { &build } else { &version }.as_bytes(),
            origin: if is_from_store { b"App Store" } else { b"" },
            bundle_id: id.as_bytes(),
            installed_at_s: modified_at_s,
            location: bundle.as_os_str().as_encoded_bytes(),
            ..Draft::default()
        });
        return Ok(true);
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
