//! What the system's package managers own.
//!
//! A Python distribution inside a deb is the deb's: reporting it again would judge it by a version
//! that the distribution patches without changing. So every language package is dropped whose own
//! metadata file is in a package's list of files. The lists are read when the first language source
//! of a scan asks, and each as a stream: they have megabytes.

use std::io::BufRead;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::defects::ReadError;
use super::lines::Lines;
use super::owned::OwnedPaths;
use super::root::Root;
use super::{apk, dpkg, pacman, rpm};

/// Bytes of one list of files; the largest real ones have some megabytes.
const LIST_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// What every package manager of the tree owns.
pub(crate) fn owned(root: &Root) -> Result<Arc<OwnedPaths>, ReadError> {
    root.owned().get_or_read(|| read(root))
}

fn read(root: &Root) -> Result<OwnedPaths, ReadError> {
    let mut owned = OwnedPaths::default();
    read_dpkg(root, &mut owned)?;
    read_rpm(root, &mut owned)?;
    if let Some(mut lines) = apk::open(root)? {
        read_apk(&mut lines, &mut owned)?;
    }
    read_pacman(root, &mut owned)?;
    Ok(owned)
}

/// dpkg: a file per package, a path per line.
fn read_dpkg(root: &Root, owned: &mut OwnedPaths) -> Result<(), ReadError> {
    let folder = Path::new(dpkg::INFO);
    for name in root.list(folder)?.unwrap_or_default() {
        if !name.as_bytes().ends_with(b".list") {
            continue;
        }
        // Not tolerated: what its package owns would be reported a second time, as a language
        // package.
        let Some(mut lines) = root.lines(&folder.join(&name), LIST_BYTES_MAX)? else {
            continue;
        };
        while let Some(path) = lines.next()? {
            owned.add(path);
        }
    }
    Ok(())
}

/// rpm: folders and names in every package's header.
fn read_rpm(root: &Root, owned: &mut OwnedPaths) -> Result<(), ReadError> {
    let mut path = Vec::new();
    rpm::each_file(root, &mut |folder, name| {
        path.clear();
        path.extend_from_slice(folder);
        path.extend_from_slice(name);
        owned.add(&path);
    })
}

/// apk: `F:` names a folder, and the `R:` lines after it the files in it.
fn read_apk<R: BufRead>(lines: &mut Lines<R>, owned: &mut OwnedPaths) -> Result<(), ReadError> {
    let mut path = Vec::new();
    let mut folder_bytes = 0;
    while let Some(line) = lines.next()? {
        if let Some(folder) = line.strip_prefix(b"F:") {
            path.clear();
            // apk's folders have no slash in front, and what is looked up begins with one.
            path.push(b'/');
            path.extend_from_slice(folder);
            path.push(b'/');
            folder_bytes = path.len();
        } else if let Some(file) = line.strip_prefix(b"R:") {
            path.truncate(folder_bytes);
            path.extend_from_slice(file);
            owned.add(&path);
        }
    }
    Ok(())
}

/// Pacman: a file per package, paths without the first slash after `%FILES%`.
fn read_pacman(root: &Root, owned: &mut OwnedPaths) -> Result<(), ReadError> {
    let folder = Path::new(pacman::LOCAL);
    let mut path = vec![b'/'];
    for name in root.list(folder)?.unwrap_or_default() {
        let file: PathBuf = folder.join(name).join("files");
        let Some(mut lines) = root.lines(&file, LIST_BYTES_MAX)? else {
            continue;
        };
        // The lines of other sections, such as `%BACKUP%` with its checksums, come along: none of
        // them ends as the file of a language package does.
        while let Some(line) = lines.next()? {
            path.truncate(1);
            path.extend_from_slice(line);
            owned.add(&path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::test_tree::{Tree, data};
    use crate::collect::time_box::Stop;

    fn owned_by(files: &[(&str, &str)]) -> OwnedPaths {
        read(&Tree::new(files).root()).unwrap()
    }

    const METADATA: &str = "/usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA";

    #[test]
    fn knows_the_files_of_dpkg_apk_and_pacman() {
        let text = format!("/.\n/usr\n{METADATA}\n/usr/bin/six\n");
        assert!(
            owned_by(&[("/var/lib/dpkg/info/python3-six.list", &text)]).owns(Path::new(METADATA))
        );

        let folder = METADATA.trim_start_matches('/').trim_end_matches("/METADATA");
        let text = format!("P:py3-six\nF:usr\nF:{folder}\nR:RECORD\nR:METADATA\nF:etc\nR:x\n");
        assert!(owned_by(&[("/lib/apk/db/installed", &text)]).owns(Path::new(METADATA)));

        let text = format!("%FILES%\nusr/\n{}\n\n", METADATA.trim_start_matches('/'));
        let path = "/var/lib/pacman/local/python-six-1.16.0-9/files";
        assert!(owned_by(&[(path, &text)]).owns(Path::new(METADATA)));
    }

    #[test]
    fn owns_nothing_that_is_not_listed() {
        let text = "/usr/lib/python3/dist-packages/six-1.16.0.dist-info\n";
        let owned = owned_by(&[("/var/lib/dpkg/info/python3-six.list", text)]);
        assert!(!owned.owns(Path::new(METADATA)));
    }

    #[test]
    fn knows_the_files_of_rpm_in_every_format() {
        for format in ["sqlite", "ndb", "bdb"] {
            let root = Root::open(&data(&format!("rpm/{format}")), Stop::default()).unwrap();
            let mut owned = OwnedPaths::default();
            read_rpm(&root, &mut owned).unwrap();
            let site = "/usr/lib/python3.9/site-packages/requests-2.25.1.dist-info";
            assert!(owned.owns(&Path::new(site).join("METADATA")), "{format}");
            assert!(!owned.owns(&Path::new(site).join("PKG-INFO")), "{format}");
            assert!(owned.owns(Path::new("/usr/lib/node_modules/npm/package.json")), "{format}");
        }
    }

    #[test]
    fn a_damaged_database_of_rpm_owns_nothing_in_silence() {
        let tree = Tree::new(&[("/var/lib/rpm/rpmdb.sqlite", "")]);
        assert!(read(&tree.root()).is_err());
    }
}
