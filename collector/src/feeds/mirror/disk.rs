//! Writing that survives being killed: under another name, synced, renamed, and the folder synced.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::Part;

/// Ending of a file that is being written.
pub(super) const PARTIAL: &str = "partial";

/// Counts what is done to the disk, so that a test can have any one of it fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    #[cfg(test)]
    pub(super) left: Option<std::sync::Arc<std::sync::atomic::AtomicU32>>,
}

impl Steps {
    /// One step; the one that a test has chosen, and all after it, fail: that process is dead.
    #[cfg(test)]
    pub(super) fn take(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        let Some(left) = &self.left else {
            return Ok(());
        };
        match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("killed")),
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "only tests have steps fail")]
    pub(super) const fn take(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a file whose name is known once its content is. Dropped before [`FileWriter::finish`], it
/// leaves nothing.
pub(in crate::feeds) struct FileWriter {
    folder: PathBuf,
    partial: PathBuf,
    file: File,
    hash: Context,
    bytes: u64,
    steps: Steps,
}

impl fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileWriter").field(&self.partial).finish()
    }
}

impl FileWriter {
    pub(super) fn create(folder: &Path, name: &str, steps: Steps) -> io::Result<Self> {
        steps.take()?;
        // By the source: whoever has the mirror writes one file of a source at a time.
        let partial = folder.join(format!("{name}.{PARTIAL}"));
        Ok(Self {
            folder: folder.to_owned(),
            file: File::create(&partial)?,
            partial,
            hash: Context::new(&SHA256),
            bytes: 0,
            steps,
        })
    }

    /// Bytes that were written until now.
    pub(in crate::feeds) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the file beside the others under its content's name. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(in crate::feeds) fn finish(self) -> io::Result<Part> {
        self.steps.take()?;
        self.file.sync_all()?;
        // Cloned, because nothing can be moved out of what has a `Drop`.
        let sha256 = hex(self.hash.clone().finish().as_ref());
        self.steps.take()?;
        // Synced before: a rename may reach the disk ahead of the content, and the name would vouch
        // for zeros.
        fs::rename(&self.partial, self.folder.join(&sha256))?;
        self.steps.take()?;
        sync_folder(&self.folder)?;
        Ok(Part { sha256, bytes: self.bytes, ..Part::default() })
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        // What was written, which may be less than what was given.
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        // A finished one has another name by now; one that stays is removed at the next opening.
        let _finished = fs::remove_file(&self.partial);
    }
}

/// Replaces a small file by another one.
pub(super) fn replace(folder: &Path, name: &str, bytes: &[u8], steps: &Steps) -> io::Result<()> {
    let partial = folder.join(format!("{name}.{PARTIAL}"));
    steps.take()?;
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    steps.take()?;
    file.sync_all()?;
    steps.take()?;
    fs::rename(&partial, folder.join(name))?;
    steps.take()?;
    sync_folder(folder)
}

/// A rename is durable once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes in hexadecimal.
pub(in crate::feeds) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a name is one that content gives: a SHA-256, or its first half, as it was once.
pub(super) fn is_content_name(name: &str) -> bool {
    matches!(name.len(), 32 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
