//! npm packages that are installed globally, for the host or for a person.
//!
//! A folder per package, or per scope and package (`@scope/name`), with a `package.json`. What a
//! package brings along in its own `node_modules` is part of it and not listed. Packages that belong
//! to a package of the distribution are that package's: see [`super::owned`].

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::defects::{ReadError, Reading};
use super::json::Author;
use super::owners;
use super::platform::System;
use super::records::{Draft, Records};
use super::root::Root;

/// Where `npm install --global` and its kin put packages, and where distributions put theirs.
const LINUX: [&str; 11] = [
    "/usr/lib/node_modules",
    "/usr/local/lib/node_modules",
    "/usr/share/nodejs",
    "/opt/*/lib/node_modules",
    "/usr/local/n/versions/node/*/lib/node_modules",
    "~/.nvm/versions/node/*/lib/node_modules",
    "~/.npm-global/lib/node_modules",
    "~/.npm-packages/lib/node_modules",
    "~/.local/lib/node_modules",
    "~/.local/share/fnm/node-versions/*/installation/lib/node_modules",
    "~/.bun/install/global/node_modules",
];
const MACOS: [&str; 7] = [
    "/opt/homebrew/lib/node_modules",
    "/usr/local/lib/node_modules",
    "~/.nvm/versions/node/*/lib/node_modules",
    "~/.npm-global/lib/node_modules",
    "~/.local/share/fnm/node-versions/*/installation/lib/node_modules",
    "~/Library/Application Support/fnm/node-versions/*/installation/lib/node_modules",
    "~/.bun/install/global/node_modules",
];
const WINDOWS: [&str; 5] = [
    "/Program Files/nodejs/node_modules",
    "/nvm4w/nodejs/node_modules",
    "~/AppData/Roaming/npm/node_modules",
    "~/AppData/Roaming/nvm/*/node_modules",
    "~/.bun/install/global/node_modules",
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
    author: Author<'a>,
}

/// Reads the global npm packages.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    // One buffer for every manifest of the host.
    let mut bytes = Vec::new();
    let folders: &[&str] = match root.system() {
        System::Linux => &LINUX,
        System::Macos => &MACOS,
        System::Windows => &WINDOWS,
    };
    for folder in root.expand_all(folders)? {
        let packages = packages(root, &folder);
        for package in out.tolerate(packages)?.unwrap_or_default() {
            let path = package.join("package.json");
            let found = root.read_small(&path, MANIFEST_BYTES_MAX, &mut bytes);
            let Some(modified_at_s) = out.tolerate(found)?.flatten() else {
                continue;
            };
            reading = Reading::Read;
            // An error here ends the source rather than list what may be the distribution's: twice
            // reported is judged twice, and once wrongly.
            let owned = owners::owned(root)?;
            if !owned.owns(&path) {
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
        // A scope is a folder of packages, and no package has such a name.
        if name.as_encoded_bytes().starts_with(b"@") {
            packages.extend(visible(root, &path)?.iter().map(|name| path.join(name)));
        } else {
            packages.push(path);
        }
    }
    Ok(packages)
}

fn visible(root: &Root, folder: &Path) -> Result<Vec<OsString>, ReadError> {
    let mut names = root.list(folder)?.unwrap_or_default();
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    Ok(names)
}

/// Hands over one package.
fn take(bytes: &[u8], path: &Path, folder: &Path, installed_at_s: Option<u32>, out: &mut Records) {
    // Some editors of other systems put a mark of the byte order in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(manifest) = serde_json::from_slice::<Manifest<'_>>(bytes) else {
        return out.unreadable(path, "not a package.json");
    };
    out.push(&Draft {
        name: manifest.name.as_bytes(),
        version: manifest.version.as_bytes(),
        vendor: manifest.author.name().as_bytes(),
        installed_at_s,
        location: folder.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
}

#[cfg(test)]
mod tests {
    use protocol::software::{SoftwareRecord, Source};

    use super::*;
    use crate::collect::test_tree::Tree;

    const GLOBAL: &str = "/usr/local/lib/node_modules";

    fn package(name: &str, json: &str) -> Tree {
        let tree = Tree::new(&[]);
        tree.write(&format!("{GLOBAL}/{name}/package.json"), json.as_bytes());
        tree
    }

    fn record(name: &str, version: &str, vendor: &str) -> SoftwareRecord {
        SoftwareRecord {
            vendor: vendor.to_owned(),
            locations: vec![GLOBAL.to_owned()],
            ..SoftwareRecord::new(Source::Npm, name, version)
        }
    }

    fn without_times(tree: &Tree) -> Vec<SoftwareRecord> {
        let mut records = tree.read(Source::Npm, read).all();
        assert!(records.iter().all(|r| r.installed_at_s.is_some()));
        records.iter_mut().for_each(|r| r.installed_at_s = None);
        records
    }

    #[test]
    fn reads_plain_and_scoped_packages_but_not_what_they_bring_along() {
        let tree =
            package("npm", r#"{"name": "npm", "version": "10.2.4", "author": "GitHub Inc."}"#);
        let scoped =
            br#"{"version": "7.24.0", "name": "@babel/core", "author": {"name": "Team", "x": 1}}"#;
        tree.write(&format!("{GLOBAL}/@babel/core/package.json"), scoped);
        let inner = br#"{"name": "inner", "version": "1.0.0"}"#;
        tree.write(&format!("{GLOBAL}/npm/node_modules/inner/package.json"), inner);
        tree.write(&format!("{GLOBAL}/.package-lock.json"), b"{}");
        assert_eq!(
            without_times(&tree),
            [record("@babel/core", "7.24.0", "Team"), record("npm", "10.2.4", "GitHub Inc.")]
        );
    }

    #[test]
    fn reads_past_a_byte_order_mark_and_an_odd_author() {
        let tree =
            package("a", "\u{feff}{\"name\": \"a\", \"version\": \"1\", \"author\": [1, {}]}");
        assert_eq!(without_times(&tree), [record("a", "1", "")]);
    }

    #[test]
    fn counts_what_is_no_package() {
        let tree = package("a", r#"{"name": "a", "version": "1"}"#);
        for (name, json) in [("b", "{"), ("c", r#"{"name": 7}"#), ("d", &"[".repeat(100_000))] {
            tree.write(&format!("{GLOBAL}/{name}/package.json"), json.as_bytes());
        }
        tree.write(&format!("{GLOBAL}/e/package.json"), b"{\"version\": \"1\"}");
        let outcome = tree.read(Source::Npm, read);
        assert_eq!(outcome.names(), ["a 1"]);
        assert_eq!(
            outcome.defects.to_string(),
            format!(
                "3 unreadable, 1 without a name; first: {GLOBAL}/b/package.json: not a package.json"
            )
        );
    }

    #[test]
    fn leaves_packages_to_the_package_that_owns_them() {
        let tree = package("npm", r#"{"name": "npm", "version": "10.2.4"}"#);
        let owned = r#"{"name": "corepack", "version": "0.25.2"}"#;
        tree.write("/usr/lib/node_modules/corepack/package.json", owned.as_bytes());
        let list = b"/.\n/usr/lib/node_modules/corepack/package.json\n";
        tree.write("/var/lib/dpkg/info/nodejs.list", list);
        assert_eq!(tree.read(Source::Npm, read).names(), ["npm 10.2.4"]);
    }

    #[test]
    fn is_absent_without_global_packages() {
        let tree = Tree::new(&[("/usr/local/lib/node_modules/.keep", "")]);
        let outcome = tree.read(Source::Npm, read);
        assert_eq!(outcome.reading.unwrap(), Reading::Absent);
    }
}
