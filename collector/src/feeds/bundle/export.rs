//! Making a bundle of a mirror.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use time::OffsetDateTime;

use super::manifest::{BundleManifest, FileEntry};
use super::{BundleError, CONTEXT, MAGIC, SigningKey};
use crate::feeds::mirror::{Mirror, OpenError, Part, hex};

/// Most files are compressed already.
const LEVEL: i32 = 3;
const CHUNK_BYTES: usize = 1 << 20;

/// Writes everything that a mirror holds into one signed file; under another name first, so that
/// nobody ever finds a half one.
///
/// Its number is larger than that of any bundle that was made of or taken into this mirror, and at
/// least the seconds since 1970, so that it grows on even where a mirror was made anew.
///
/// # Errors
///
/// When the mirror is empty, in use or damaged, or the file cannot be written.
pub fn export_bundle(
    mirror: &Path,
    out: &Path,
    key: &SigningKey,
    now: OffsetDateTime,
) -> Result<BundleManifest, BundleError> {
    let opened = Mirror::open(mirror).map_err(|error| match error {
        OpenError::Busy => BundleError::Busy,
        OpenError::Io(error) => BundleError::io(mirror)(error),
        OpenError::Damaged(_) => BundleError::io(mirror)(io::Error::other(error.to_string())),
    })?;
    let held = opened.manifest();
    if held.parts().next().is_none() {
        return Err(BundleError::Empty);
    }
    // A clock before 1970 gives no number; the one before and one more still does.
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    let sequence = seconds.max(held.bundle_made.max(held.bundle_taken) + 1);
    // Noted before the bundle is there: a number is never given twice.
    opened.commit(|manifest| manifest.bundle_made = sequence).map_err(BundleError::io(mirror))?;
    let manifest = BundleManifest::new(&held, sequence, now);
    // In the same folder, because a rename does not cross file systems.
    let mut partial = out.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = write(&opened, &manifest, key, &partial);
    let written = written.and_then(|()| fs::rename(&partial, out).map_err(BundleError::io(out)));
    if written.is_err() {
        fs::remove_file(&partial).ok();
    }
    written.map(|()| manifest)
}

fn write(
    mirror: &Mirror,
    manifest: &BundleManifest,
    key: &SigningKey,
    out: &Path,
) -> Result<(), BundleError> {
    let failed = |error| BundleError::io(out)(error);
    let json = serde_json::to_vec(manifest).map_err(|error| failed(error.into()))?;
    let length = u32::try_from(json.len())
        .map_err(|_| BundleError::Damaged("the mirror has too many files".to_owned()))?;
    let mut file = File::create(out).map_err(failed)?;
    let signature = key.sign(&[CONTEXT, &json].concat());
    let head = [MAGIC.as_slice(), &signature, &length.to_le_bytes(), &json];
    file.write_all(&head.concat()).map_err(failed)?;
    let mut files = zstd::Encoder::new(file, LEVEL).map_err(failed)?;
    files.include_checksum(true).map_err(failed)?;
    for entry in manifest.files() {
        let part = Part { sha256: entry.sha256.clone(), ..Part::default() };
        append(&mirror.path(&part), entry, &mut files)?;
    }
    let file = files.finish().map_err(failed)?;
    // Whoever carries the file off pulls the medium when the command returns.
    file.sync_all().map_err(failed)
}

/// Appends a file, unless it is not what the mirror's list says of it: what is damaged here would
/// be refused there.
fn append(path: &Path, entry: &FileEntry, to: &mut impl Write) -> Result<(), BundleError> {
    let failed = |error| BundleError::io(path)(error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        to.write_all(&chunk[..read]).map_err(failed)?;
    }
    if hex(hash.finish().as_ref()) == entry.sha256 {
        Ok(())
    } else {
        let what =
            "it is not what it was when it was fetched; `feed sync --force` fetches it again";
        Err(failed(io::Error::other(what)))
    }
}
