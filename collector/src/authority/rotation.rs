//! One authority in the place of another, in steps that all nodes take.
//!
//! What the nodes share says in the database which authority signs, which one will and which one did; the keys
//! are files, which whoever runs the nodes brings to each of them (decisions 24 and 52).

use std::path::PathBuf;

use ring::rand::SecureRandom;
use time::OffsetDateTime;

use super::files::Files;
use super::{Authority, AuthorityError, Home, crypto, draft, hex, sha256};

/// Which authorities the nodes share, by the SHA-256 of their certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Who signs.
    pub active: [u8; 32],
    /// Who will.
    pub next: Option<[u8; 32]>,
    /// Who did.
    pub previous: Option<[u8; 32]>,
    /// Whether what that one signed is sent away.
    pub is_retired: bool,
}

impl Shared {
    /// Whether agents are to trust an authority. One that was retired is named no more once the next rotation
    /// has begun, so whoever is not named is not trusted.
    #[must_use]
    pub fn trusts(&self, sha256: [u8; 32]) -> bool {
        let previous = self.previous.filter(|_| !self.is_retired);
        [Some(self.active), self.next, previous].contains(&Some(sha256))
    }
}

/// An authority that was made to take the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// SHA-256 of its certificate.
    pub sha256: [u8; 32],
    /// Its folder, for every node.
    pub folder: PathBuf,
}

impl Authority {
    /// One that was prepared before and whose folder is here, with the same secrets. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// When it is not here, or cannot sign in this one's place.
    pub fn prepared(
        &self,
        home: &Home<'_>,
        sha256: [u8; 32],
        now: OffsetDateTime,
    ) -> Result<Prepared, AuthorityError> {
        let files = home.files();
        self.present().successor(&files, sha256, now)?;
        Ok(Prepared { sha256, folder: files.of_fingerprint(sha256).directory().to_owned() })
    }

    /// Makes an authority that can take this one's place: its key, its certificate, one by this authority for
    /// whoever knows only that, and what secrets are derived from. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// When the disk refuses, or the system gives no random bytes.
    pub fn prepare(
        &self,
        home: &Home<'_>,
        random: &dyn SecureRandom,
        now: OffsetDateTime,
    ) -> Result<Prepared, AuthorityError> {
        let signer = &self.present().signer;
        let (key, mut params) = draft(random, now)?;
        let certificate = params.self_signed(&key).map_err(crypto)?;
        // The same name and key, signed by the one before, for as long as that is good.
        params.serial_number = Some(super::serial_number(random)?);
        params.not_after = params.not_after.min(signer.not_after);
        let cross = params.signed_by(&key, &signer.issuer).map_err(crypto)?;
        let fingerprint = sha256(certificate.der());
        let (into, name) = (home.files().directory().to_owned(), hex(&fingerprint));
        let files = [
            ("ca.key", key.serialize_pem(), 0o600),
            ("ca.crt", certificate.pem(), 0o644),
            ("cross.crt", cross.pem(), 0o644),
            ("seal.key", format!("{}\n", hex(&signer.seal_bytes)), 0o600),
        ];
        let files = files.each_ref().map(|(file, text, mode)| (*file, text.as_str(), *mode));
        Files::add(&into, &name, &files)?;
        Ok(Prepared { sha256: fingerprint, folder: into.join(name) })
    }
}
