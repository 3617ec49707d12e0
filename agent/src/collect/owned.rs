//! Which language packages the system's package manager owns.
//!
//! A Python distribution inside a deb is the deb's: reporting it again would judge it by a version
//! that the distribution patches without changing. So every language package is dropped whose own
//! metadata file is in a package's list of files.
//!
//! Only files that can mark a language package are remembered, as hashes: some kilobytes, made once
//! a scan, when the first language source asks.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::hash::{BuildHasher as _, RandomState};
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::defects::ReadError;
use super::lines::Lines;
use super::root::Root;
use super::{apk, dpkg, pacman, rpm};

/// Ends of the paths that mark a language package.
const MARKERS: [&[u8]; 5] = [
    b"/METADATA",
    b"/PKG-INFO",
    b".egg-info",
    b"/package.json",
    b".gemspec",
];

/// Bytes of one list of files; the largest real ones have some megabytes.
const LIST_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Hashes that are kept: far more than any host has packages.
const OWNED_MAX: usize = 500_000;

/// The index of one scan, made when it is first needed and shared by its sources.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnedPaths(Arc<Mutex<Option<Arc<Index>>>>);

impl OwnedPaths {
    /// The index of the root's owned files.
    pub(crate) fn index(&self, root: &Root) -> Result<Arc<Index>, ReadError> {
        // The lock is not held while the files are read: a thread that hangs there and is
        // abandoned must not make the next source wait for it.
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(index) = known {
            return Ok(index);
        }
        let index = Arc::new(Index::read(root)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(index.clone());
        Ok(index)
    }
}

/// The files that mark language packages and that a package manager owns.
#[derive(Debug, Default)]
pub(crate) struct Index {
    state: RandomState,
    paths: HashSet<u64>,
}

impl Index {
    /// Whether a package manager says that it owns the file.
    pub(crate) fn owns(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_bytes();
        self.paths.contains(&self.state.hash_one(path))
    }

    fn read(root: &Root) -> Result<Self, ReadError> {
        let mut index = Self::default();
        index.read_dpkg(root)?;
        index.read_rpm(root)?;
        if let Some(mut lines) = apk::open(root)? {
            index.read_apk(&mut lines)?;
        }
        index.read_pacman(root)?;
        Ok(index)
    }

    /// dpkg: a file per package, a path per line.
    fn read_dpkg(&mut self, root: &Root) -> Result<(), ReadError> {
        let folder = Path::new(dpkg::INFO);
        for name in root.list(folder)?.unwrap_or_default() {
            if !name.as_bytes().ends_with(b".list") {
                continue;
            }
            let Some(mut lines) = root.lines(&folder.join(&name), LIST_BYTES_MAX)? else {
                continue;
            };
            while let Some(path) = lines.next()? {
                self.add(path);
            }
        }
        Ok(())
    }

    /// rpm: folders and names in every package's header.
    fn read_rpm(&mut self, root: &Root) -> Result<(), ReadError> {
        let mut path = Vec::new();
        rpm::each_file(root, &mut |folder, name| {
            path.clear();
            path.extend_from_slice(folder);
            path.extend_from_slice(name);
            self.add(&path);
        })
    }

    /// apk: `F:` names a folder, and the `R:` lines after it the files in it.
    fn read_apk<R: BufRead>(&mut self, lines: &mut Lines<R>) -> Result<(), ReadError> {
        let mut path = Vec::new();
        let mut folder_bytes = 0;
        while let Some(line) = lines.next()? {
            if let Some(folder) = line.strip_prefix(b"F:") {
                path.clear();
                path.push(b'/');
                path.extend_from_slice(folder);
                path.push(b'/');
                folder_bytes = path.len();
            } else if let Some(file) = line.strip_prefix(b"R:") {
                path.truncate(folder_bytes);
                path.extend_from_slice(file);
                self.add(&path);
            }
        }
        Ok(())
    }

    /// Pacman: a file per package, paths without the first slash after `%FILES%`.
    fn read_pacman(&mut self, root: &Root) -> Result<(), ReadError> {
        let folder = Path::new(pacman::LOCAL);
        let mut path = vec![b'/'];
        for name in root.list(folder)?.unwrap_or_default() {
            let file: PathBuf = folder.join(name).join("files");
            let Some(mut lines) = root.lines(&file, LIST_BYTES_MAX)? else {
                continue;
            };
            while let Some(line) = lines.next()? {
                path.truncate(1);
                path.extend_from_slice(line);
                self.add(&path);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &[u8]) {
        // Hashes with a random key, so nobody can write a path that collides on purpose; by chance,
        // 64 bits and some thousand paths do not.
        if MARKERS.iter().any(|end| path.ends_with(end)) && self.paths.len() < OWNED_MAX {
            let hash = self.state.hash_one(OsStr::from_bytes(path).as_bytes());
            self.paths.insert(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::test_tree::{Tree, data};
    use crate::collect::time_box::Stop;

    fn index(files: &[(&str, &str)]) -> Index {
        Index::read(&Tree::new(files).root()).unwrap()
    }

    const METADATA: &str = "/usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA";

    #[test]
    fn knows_the_files_of_dpkg_apk_and_pacman() {
        let text = format!("/.\n/usr\n{METADATA}\n/usr/bin/six\n");
        assert!(index(&[("/var/lib/dpkg/info/python3-six.list", &text)]).owns(Path::new(METADATA)));

        let folder = METADATA
            .trim_start_matches('/')
            .trim_end_matches("/METADATA");
        let text = format!("P:py3-six\nF:usr\nF:{folder}\nR:RECORD\nR:METADATA\nF:etc\nR:x\n");
        assert!(index(&[("/lib/apk/db/installed", &text)]).owns(Path::new(METADATA)));

        let text = format!("%FILES%\nusr/\n{}\n\n", METADATA.trim_start_matches('/'));
        let path = "/var/lib/pacman/local/python-six-1.16.0-9/files";
        assert!(index(&[(path, &text)]).owns(Path::new(METADATA)));
    }

    #[test]
    fn owns_nothing_that_is_not_listed() {
        let text = "/usr/lib/python3/dist-packages/six-1.16.0.dist-info\n";
        let index = index(&[("/var/lib/dpkg/info/python3-six.list", text)]);
        assert!(!index.owns(Path::new(METADATA)));
    }

    #[test]
    fn knows_the_files_of_rpm_in_every_format() {
        for format in ["sqlite", "ndb", "bdb"] {
            let root = Root::open(&data(&format!("rpm/{format}")), Stop::default()).unwrap();
            let mut index = Index::default();
            index.read_rpm(&root).unwrap();
            let site = "/usr/lib/python3.9/site-packages/requests-2.25.1.dist-info";
            assert!(index.owns(&Path::new(site).join("METADATA")), "{format}");
            assert!(!index.owns(&Path::new(site).join("PKG-INFO")), "{format}");
            assert!(
                index.owns(Path::new("/usr/lib/node_modules/npm/package.json")),
                "{format}"
            );
        }
    }

    #[test]
    fn a_damaged_database_of_rpm_owns_nothing_in_silence() {
        let tree = Tree::new(&[("/var/lib/rpm/rpmdb.sqlite", "")]);
        assert!(Index::read(&tree.root()).is_err());
    }

    #[test]
    fn is_made_once_a_scan() {
        let tree = Tree::new(&[]);
        let owned = OwnedPaths::default();
        let shared = owned.clone();
        let first = owned.index(&tree.root()).unwrap();
        assert!(Arc::ptr_eq(&first, &shared.index(&tree.root()).unwrap()));
    }
}
