//! macOS itself: its version and its build.

use std::path::Path;

use protocol::limits::FACT_BYTES_MAX;

use super::plist;
use crate::collect::defects::{Defects, ReadError, Reading};
use crate::collect::host::os_release::OsRelease;
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;
use crate::collect::text::clean;

const PATH: &str = "/System/Library/CoreServices/SystemVersion.plist";

/// What a macOS says of itself: its name, its version, what a rapid response added to that, its build.
type Texts = [String; 4];

/// Reads macOS as a piece of software.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let Some([name, version, extra, build]) = texts(root)? else {
        return Ok(Reading::Absent);
    };
    out.push(&Draft {
        name: name.as_bytes(),
        version: version.as_bytes(),
        // Two builds of one version are two pieces of software.
        release: format!("{build}{extra}").as_bytes(),
        vendor: b"Apple Inc.",
        ..Draft::default()
    });
    Ok(Reading::Read)
}

/// The release that a tree holds, in the words that other systems have for it.
pub(in crate::collect) fn release(root: &Root) -> Result<OsRelease, ReadError> {
    let Some([name, version, extra, build]) = texts(root)? else {
        return Ok(OsRelease::default());
    };
    let fact = |text: &str| clean(text.as_bytes(), FACT_BYTES_MAX, &mut Defects::default());
    Ok(OsRelease {
        version_id: fact(&version),
        pretty_name: fact(&format!("{name} {version} {extra}")),
        build_id: fact(&build),
        ..OsRelease::default()
    })
}

fn texts(root: &Root) -> Result<Option<Texts>, ReadError> {
    let path = Path::new(PATH);
    let mut bytes = Vec::new();
    if root.read_small(path, plist::BYTES_MAX, &mut bytes)?.is_none() {
        return Ok(None);
    }
    let keys = ["ProductName", "ProductVersion", "ProductVersionExtra", "ProductBuildVersion"];
    match plist::texts(&bytes, keys) {
        Some(texts) => Ok(Some(texts)),
        None => Err(ReadError::damaged(path, "not a property list")),
    }
}

#[cfg(test)]
mod tests;
