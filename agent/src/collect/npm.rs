//! npm packages that are installed globally.
//!
//! A folder per package, or per scope and package (`@scope/name`), with a `package.json`. What a
//! package brings along in its own `node_modules` is part of it and not listed. Packages that belong
//! to a package of the distribution are that package's: see [`super::owned`].

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::defects::{ReadError, Reading};
use super::records::{Draft, Records};
use super::root::Root;

/// Where `npm install --global` puts packages, and where distributions put theirs.
const FOLDERS: [&str; 7] = [
    "/usr/lib/node_modules",
    "/usr/local/lib/node_modules",
    "/usr/share/nodejs",
    "/opt/*/lib/node_modules",
    "/usr/local/n/versions/node/*/lib/node_modules",
    "/root/.nvm/versions/node/*/lib/node_modules",
    "/root/.npm-global/lib/node_modules",
];

/// Bytes of one `package.json`.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;

/// What a record needs of a `package.json`.
#[derive(Deserialize)]
struct Manifest<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Cow<'a, str>,
    #[serde(borrow, default)]
    author: Option<Author<'a>>,
}

/// npm takes both forms, and some packages have neither.
#[derive(Deserialize)]
#[serde(untagged)]
enum Author<'a> {
    Text(Cow<'a, str>),
    Person {
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    Other(IgnoredAny),
}

/// Reads the global npm packages.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(&FOLDERS)? {
        let packages = packages(root, &folder);
        for package in out.tolerate(packages)?.unwrap_or_default() {
            let path = package.join("package.json");
            let found = root.read_small(&path, MANIFEST_BYTES_MAX, &mut bytes);
            let Some(modified_at_s) = out.tolerate(found)?.flatten() else {
                continue;
            };
            reading = Reading::Read;
            let owned = root.owned().index(root)?;
            if !owned.owns(&path) && !owned.is_rpm_owned_folder(&folder) {
                take(&bytes, &path, &folder, modified_at_s, out);
            }
        }
    }
    Ok(reading)
}

/// The packages' folders in a `node_modules`, those of scopes included.
fn packages(root: &Root, folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut packages = Vec::new();
    for name in visible(root, folder)? {
        let path = folder.join(&name);
        if name.as_bytes().starts_with(b"@") {
            packages.extend(visible(root, &path)?.iter().map(|name| path.join(name)));
        } else {
            packages.push(path);
        }
    }
    Ok(packages)
}

fn visible(root: &Root, folder: &Path) -> Result<Vec<OsString>, ReadError> {
    let mut names = root.list(folder)?.unwrap_or_default();
    names.retain(|name| !name.as_bytes().starts_with(b"."));
    Ok(names)
}

/// Hands over one package.
fn take(
    bytes: &[u8],
    path: &Path,
    folder: &Path,
    installed_at_s: Option<u32>,
    out: &mut Records,
) {
    // Some editors of other systems put a mark of the byte order in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(manifest) = serde_json::from_slice::<Manifest<'_>>(bytes) else {
        return out.unreadable(path, "not a package.json");
    };
    let vendor = match &manifest.author {
        Some(Author::Text(name) | Author::Person { name }) => name.as_bytes(),
        Some(Author::Other(IgnoredAny)) | None => b"",
    };
    out.push(&Draft {
        name: manifest.name.as_bytes(),
        version: manifest.version.as_bytes(),
        vendor,
        installed_at_s,
        location: folder.as_os_str().as_bytes(),
        ..Draft::default()
    });
}
