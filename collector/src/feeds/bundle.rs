//! Bundles: the mirror as one signed, compressed file, for sites without a way to the internet.
//!
//! ```text
//! "MUSTER-FEEDS-1\n"   15 bytes
//! signature            64 bytes: Ed25519 (RFC 8032) over a fixed text and the manifest
//! manifest's length     4 bytes, little endian
//! manifest             JSON: number, instant, sources, and of each file its SHA-256 and size
//! files                one zstd stream of all files in the manifest's order, end to end
//! ```
//!
//! Nothing of a bundle is looked at before its signature has been found good, and nothing of it
//! counts before every byte has been found to be what was signed. A number that grows with every
//! bundle keeps an older one, however well signed, from taking the place of a newer one.

mod export;
mod keys;
mod manifest;
mod read;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

pub use self::export::export_bundle;
pub use self::keys::{PublicKey, SigningKey};
pub use self::manifest::BundleManifest;
use self::read::Bundle;
use super::mirror::Mirror;

/// How a bundle begins.
const MAGIC: &[u8; 15] = b"MUSTER-FEEDS-1\n";
/// Stands before the manifest in what is signed, so that no signature made for anything else fits.
const CONTEXT: &[u8] = b"muster feed bundle, format 1\0";

/// Why a bundle is refused, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is something else.
    #[error("it is no bundle of feeds")]
    NotABundle,
    /// It has no signature.
    #[error("it is not signed; make it by `feed export --key`")]
    Unsigned,
    /// The signature is not by a key that is trusted, or not of this manifest.
    #[error(
        "no trusted key has signed it as it is: it was changed, or its signer's key is not among `feeds.trusted_keys`"
    )]
    WrongSignature,
    /// No key is trusted.
    #[error("no key is trusted; name one by --public-key or in `feeds.trusted_keys`")]
    NoKeys,
    /// What was signed is not what is there.
    #[error("it is damaged: {0}; copy it again")]
    Damaged(String),
    /// It was taken in before.
    #[error("it was taken in already (number {0})")]
    Replayed(u64),
    /// A newer one was taken in before.
    #[error(
        "it is older (number {number}, made {made_at}) than the one that was taken in last (number {newest})"
    )]
    Older {
        /// Its number.
        number: u64,
        /// When it was made.
        made_at: String,
        /// The number of the newest.
        newest: u64,
    },
    /// A key is none.
    #[error("{0}")]
    Key(String),
    /// There is nothing to make one of.
    #[error("the mirror is empty: there is nothing to export")]
    Empty,
    /// The mirror is in use.
    #[error("another sync, import or export works on the mirror: try again when it has ended")]
    Busy,
    /// A file or the mirror cannot be used.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl BundleError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

/// Whether a file begins as a bundle does.
pub(super) fn is_bundle(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *MAGIC
}

/// Reads a whole bundle and checks everything of it; gives what it holds.
///
/// # Errors
///
/// Why it would be refused, but for its number.
pub fn verify_bundle(path: &Path, trusted: &[PublicKey]) -> Result<BundleManifest, BundleError> {
    let mut bundle = Bundle::open(path, trusted)?;
    // Every file is unpacked and hashed, and goes nowhere.
    while bundle.next_file(io::sink())?.is_some() {}
    Ok(bundle.into_manifest())
}

/// Checks a bundle and puts its files beside those of a mirror, where nobody names them yet.
///
/// # Errors
///
/// Why it is refused. The mirror counts what it counted before.
pub(super) fn unpack_into(
    mirror: &Mirror,
    path: &Path,
    trusted: &[PublicKey],
) -> Result<BundleManifest, BundleError> {
    let mut bundle = Bundle::open(path, trusted)?;
    // Before anything is unpacked: a bundle of gigabytes that is refused anyway need not fill the
    // disk.
    let newest = mirror.manifest().bundle_taken;
    let manifest = bundle.manifest();
    match manifest.sequence() {
        number if number == newest => return Err(BundleError::Replayed(number)),
        number if number < newest => {
            return Err(BundleError::Older { number, made_at: manifest.made_at(), newest });
        }
        _ => {}
    }
    loop {
        // Also for what turns out to be the end: a writer that is dropped unfinished takes its file
        // with it.
        let mut file = mirror.create("bundle").map_err(BundleError::io(path))?;
        if bundle.next_file(&mut file)?.is_none() {
            return Ok(bundle.into_manifest());
        }
        file.finish().map_err(BundleError::io(path))?;
    }
}

#[cfg(test)]
mod tests;
