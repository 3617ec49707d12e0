//! Extensions of Safari, which come inside of applications.
//!
//! An application carries each as a bundle `NAME.appex`, whose property list says what it extends. What
//! is carried is told; whether the person has switched it on is Safari's private data and is not read.

use std::path::Path;

use super::plist;
use crate::collect::defects::{ReadError, Reading};
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;

/// Where applications carry extensions.
const FOLDERS: [&str; 4] = [
    "/Applications/*.app/Contents/PlugIns",
    "/Applications/*/*.app/Contents/PlugIns",
    "~/Applications/*.app/Contents/PlugIns",
    "~/Applications/*/*.app/Contents/PlugIns",
];

/// What Safari lets others extend: pages, and what is blocked in them.
const POINTS: &str = "com.apple.Safari.";

/// Reads the extensions.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(&FOLDERS)? {
        let names = root.list(&folder);
        for name in out.tolerate(names)?.flatten().unwrap_or_default() {
            if !name.as_encoded_bytes().ends_with(b".appex") {
                continue;
            }
            let bundle = folder.join(&name);
            let path = bundle.join("Contents/Info.plist");
            let read = root.read_small(&path, plist::BYTES_MAX, &mut bytes);
            let Some(modified_at_s) = out.tolerate(read)?.flatten() else {
                continue;
            };
            if take(&bytes, &bundle, modified_at_s, out) {
                reading = Reading::Read;
            }
        }
    }
    Ok(reading)
}

/// Hands over one bundle, if it extends Safari; gives whether it does.
fn take(bytes: &[u8], bundle: &Path, installed_at_s: Option<u32>, out: &mut Records) -> bool {
    let texts = plist::texts(
        bytes,
        [
            "NSExtension/NSExtensionPointIdentifier",
            "CFBundleDisplayName",
            "CFBundleName",
            "CFBundleShortVersionString",
            "CFBundleIdentifier",
        ],
    );
    let Some([point, display_name, name, version, id]) = texts else {
        out.unreadable(bundle, "not a property list");
        return false;
    };
    if !point.starts_with(POINTS) {
        return false;
    }
    let shown = [&display_name, &name, &id].into_iter().find(|text| !text.is_empty());
    out.push(&Draft {
        name: shown.map_or(b"", |text| text.as_bytes()),
        version: version.as_bytes(),
        bundle_id: id.as_bytes(),
        installed_at_s,
        location: bundle.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
    true
}

#[cfg(test)]
mod tests;
