//! Receipts of macOS' installer: which packages it has put onto the machine.
//!
//! A property list per package in one folder, beside it the list of the package's files, which nothing
//! needs here. Nobody takes a receipt away when software is removed by hand; it says what was installed.

use std::path::Path;

use super::plist;
use crate::collect::defects::{ReadError, Reading};
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;

/// Where the receipts are; the first is where the second leads to.
const FOLDERS: [&str; 2] = ["/private/var/db/receipts", "/var/db/receipts"];

/// Reads the receipts.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(&FOLDERS)? {
        for name in root.list(&folder)?.unwrap_or_default() {
            if !name.as_encoded_bytes().ends_with(b".plist") {
                continue;
            }
            reading = Reading::Read;
            let path = folder.join(&name);
            let read = root.read_small(&path, plist::BYTES_MAX, &mut bytes);
            if let Some(installed_at_s) = out.tolerate(read)?.flatten() {
                take(&bytes, &path, installed_at_s, out);
            }
        }
    }
    Ok(reading)
}

/// Hands over one package.
fn take(bytes: &[u8], path: &Path, installed_at_s: Option<u32>, out: &mut Records) {
    let texts = plist::texts(bytes, ["PackageIdentifier", "PackageVersion", "InstallProcessName"]);
    let Some([id, version, installer]) = texts else {
        return out.unreadable(path, "not a property list");
    };
    out.push(&Draft {
        name: id.as_bytes(),
        version: version.as_bytes(),
        origin: installer.as_bytes(),
        installed_at_s,
        location: path.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
}

#[cfg(test)]
mod tests;
