//! Reading a bundle: signature first, then what was signed, then every file against it.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::manifest::{BundleManifest, FileEntry};
use super::{BundleError, CONTEXT, MAGIC, PublicKey};
use crate::feeds::mirror::hex;

const SIGNATURE_BYTES: usize = 64;
/// Bytes of a manifest: 100,000 files, generously.
const MANIFEST_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// The window that the stream may ask for, as a power of two.
const WINDOW_LOG_MAX: u32 = 27;

/// A bundle whose signature is good, and whose files have not been read yet.
pub(super) struct Bundle {
    path: PathBuf,
    manifest: BundleManifest,
    files: zstd::Decoder<'static, BufReader<File>>,
    /// How many files have been read.
    read: usize,
}

impl Bundle {
    /// Opens a bundle that one of the keys has signed.
    pub(super) fn open(path: &Path, trusted: &[PublicKey]) -> Result<Self, BundleError> {
        let file = File::open(path).map_err(BundleError::io(path))?;
        let mut file = BufReader::new(file);
        let cut = |_| BundleError::Damaged("it ends within its head".to_owned());
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).map_err(|_| BundleError::NotABundle)?;
        if magic != *MAGIC {
            return Err(BundleError::NotABundle);
        }
        let mut signature = [0; SIGNATURE_BYTES];
        file.read_exact(&mut signature).map_err(cut)?;
        let mut length = [0; 4];
        file.read_exact(&mut length).map_err(cut)?;
        let length = u32::from_le_bytes(length);
        // It is not signed by itself: whoever changed it must not choose how much memory is taken.
        if length > MANIFEST_BYTES_MAX {
            return Err(BundleError::Damaged("its manifest is longer than one may be".to_owned()));
        }
        let mut json = Vec::new();
        // Grows with what is there. A length alone reserves nothing.
        (&mut file).take(length.into()).read_to_end(&mut json).map_err(BundleError::io(path))?;
        if json.len() as u64 != u64::from(length) {
            return Err(BundleError::Damaged("it ends within its head".to_owned()));
        }
        // From here on every byte is either signed or compared with what is.
        check_signature(&json, &signature, trusted)?;
        let mut files = zstd::Decoder::with_buffer(file).map_err(BundleError::io(path))?;
        files
            // The stream's head is not signed and says how much memory to take: 128 MiB at most.
            .window_log_max(WINDOW_LOG_MAX)
            .map_err(BundleError::io(path))?;
        Ok(Self { path: path.to_owned(), manifest: BundleManifest::parse(&json)?, files, read: 0 })
    }

    pub(super) const fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    pub(super) fn into_manifest(self) -> BundleManifest {
        self.manifest
    }

    /// Writes the next file to `to`, and checks it; `None` after the last one, when nothing follows
    /// it.
    pub(super) fn next_file(&mut self, to: impl Write) -> Result<Option<()>, BundleError> {
        let Some(entry) = self.manifest.files().get(self.read).cloned() else {
            return self.check_end().map(|()| None);
        };
        self.read += 1;
        let mut to = Hashed { to, hash: Context::new(&SHA256), error: None };
        // Not one byte more than was signed, whatever the stream would go on to give.
        let copied = io::copy(&mut (&mut self.files).take(entry.bytes), &mut to);
        // First: `io::copy` gives one error for both sides, and a full disk is no damaged bundle.
        if let Some(error) = to.error {
            return Err(BundleError::io(&self.path)(error));
        }
        let copied = copied.map_err(|error| BundleError::Damaged(error.to_string()))?;
        check_file(&entry, copied, &hex(to.hash.finish().as_ref()))?;
        Ok(Some(()))
    }

    fn check_end(&mut self) -> Result<(), BundleError> {
        // Reading on also makes zstd look at the end of its frame, and at its checksum.
        match self.files.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(BundleError::Damaged("more follows its last file".to_owned())),
            Err(error) => Err(BundleError::Damaged(error.to_string())),
        }
    }
}

fn check_signature(
    manifest: &[u8],
    signature: &[u8],
    trusted: &[PublicKey],
) -> Result<(), BundleError> {
    // No key signs with zeros alone; it is told apart only to give better advice.
    if signature.iter().all(|byte| *byte == 0) {
        return Err(BundleError::Unsigned);
    }
    if trusted.is_empty() {
        return Err(BundleError::NoKeys);
    }
    let message = [CONTEXT, manifest].concat();
    if trusted.iter().any(|key| key.has_signed(&message, signature)) {
        Ok(())
    } else {
        Err(BundleError::WrongSignature)
    }
}

fn check_file(entry: &FileEntry, bytes: u64, sha256: &str) -> Result<(), BundleError> {
    if bytes != entry.bytes {
        let (name, expected) = (&entry.sha256, entry.bytes);
        return Err(BundleError::Damaged(format!(
            "file {name} ends after {bytes} of {expected} bytes"
        )));
    }
    if sha256 != entry.sha256 {
        return Err(BundleError::Damaged(format!("file {} is another one", entry.sha256)));
    }
    Ok(())
}

/// Hashes what goes through it, and keeps errors of the other side apart from those of this one.
struct Hashed<W> {
    to: W,
    hash: Context,
    error: Option<io::Error>,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.to.write(bytes) {
            Ok(written) => {
                self.hash.update(&bytes[..written]);
                Ok(written)
            }
            Err(error) => {
                let kind = error.kind();
                // Kept, and its kind handed on: `io::Error` cannot be cloned.
                self.error = Some(error);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
