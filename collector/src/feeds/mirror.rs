//! The mirror: files of CVE records, kept as they came and named by what they hold.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

/// Ending of a file that is being written.
const PARTIAL: &str = "partial";
/// Bytes that are copied at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A folder of mirrored files.
#[derive(Clone, Debug)]
pub(super) struct Mirror(PathBuf);

/// A file that is in the mirror's folder and not part of it yet.
#[derive(Debug)]
pub(super) struct Staged {
    partial: PathBuf,
    kept: PathBuf,
}

impl Mirror {
    /// The mirror in a folder, which is made if it is not there. What an import that was killed left
    /// half is removed.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == PARTIAL) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self(folder.to_owned()))
    }

    /// Copies a file beside the others.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the disk does not take it.
    pub(super) fn stage(&self, file: &Path) -> io::Result<Staged> {
        let mut source = File::open(file)?;
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{PARTIAL}"));
        let partial = self.0.join(name);
        let mut copy = File::create(&partial)?;
        let mut hash = Context::new(&SHA256);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = source.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
            copy.write_all(&chunk[..read])?;
        }
        copy.sync_all()?;
        let hash = hash.finish();
        let name: String = hash
            .as_ref()
            .iter()
            .take(16)
            .map(|b| format!("{b:02x}"))
            .collect();
        Ok(Staged {
            partial,
            kept: self.0.join(name),
        })
    }

    /// The files that are kept, in the order of their names.
    ///
    /// # Errors
    ///
    /// When the folder cannot be listed.
    pub(super) fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_none() && path.is_file() {
                files.push(path);
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

impl Staged {
    /// Makes the file part of the mirror.
    ///
    /// # Errors
    ///
    /// When it cannot be renamed.
    pub(super) fn keep(self) -> io::Result<()> {
        fs::rename(&self.partial, &self.kept)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Kept ones have another name by now; one that stays behind is removed by the next import.
        let _kept = fs::remove_file(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_equal_content_once_and_forgets_what_was_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&dir.path().join("mirror")).unwrap();
        for name in ["a.json", "b.json"] {
            fs::write(dir.path().join(name), "the same").unwrap();
            mirror
                .stage(&dir.path().join(name))
                .unwrap()
                .keep()
                .unwrap();
        }
        fs::write(dir.path().join("c.json"), "another").unwrap();
        drop(mirror.stage(&dir.path().join("c.json")).unwrap());
        assert_eq!(mirror.files().unwrap().len(), 1);
        assert_eq!(fs::read_dir(dir.path().join("mirror")).unwrap().count(), 1);
    }

    #[test]
    fn removes_what_a_killed_import_left() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.json.partial"), "half").unwrap();
        Mirror::open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
