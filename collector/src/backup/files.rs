//! Files that are copied: for their owner alone, synced, and never over another one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::Context as _;
use ring::digest::{Context as Sha256, SHA256};

use crate::authority::hex;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 16;

/// Makes a folder for its owner alone, with those above it.
pub(super) fn make_private_dir(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("make the folder {}", path.display()))
}

/// Copies a file to a name that is free, and syncs it.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = || {
        let mut source = File::open(from)?;
        let mut target = create(to)?;
        io::copy(&mut source, &mut target)?;
        target.sync_all()
    };
    if let Some(folder) = to.parent() {
        make_private_dir(folder)?;
    }
    copied().with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

/// Copies files of one folder into another; false when one of them is gone.
pub(super) fn copy_all(from: &Path, to: &Path, names: &[String]) -> anyhow::Result<bool> {
    for name in names {
        if let Err(error) = copy(&from.join(name), &to.join(name)) {
            let gone = error.downcast_ref::<io::Error>();
            if gone.is_some_and(|error| error.kind() == io::ErrorKind::NotFound) {
                return Ok(false);
            }
            return Err(error);
        }
    }
    Ok(true)
}

/// Writes a file under a name that is free, and syncs it.
pub(super) fn write(to: &Path, content: &[u8]) -> anyhow::Result<()> {
    let written = || {
        let mut file = create(to)?;
        file.write_all(content)?;
        file.sync_all()
    };
    written().with_context(|| format!("write {}", to.display()))
}

/// A new file for its owner alone: a key is among those that are copied.
fn create(to: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)
}

/// Makes names that were given in a folder outlast a power cut.
pub(super) fn sync_dir(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("sync {}", folder.display()))
}

/// A file's length and its SHA-256.
pub(super) fn digest(path: &Path) -> anyhow::Result<(u64, String)> {
    let read = || {
        let (mut file, mut sha256) = (File::open(path)?, Sha256::new(&SHA256));
        let (mut bytes, mut piece) = (0, vec![0; PIECE_BYTES]);
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                return Ok::<_, io::Error>((bytes, hex(sha256.finish().as_ref())));
            }
            sha256.update(&piece[..read]);
            // A usize fits on every system that this is built for.
            bytes += read as u64;
        }
    };
    read().with_context(|| format!("read {}", path.display()))
}

/// Whether a path is a file, without following a link: a backup holds none.
pub(super) fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_file())
}
