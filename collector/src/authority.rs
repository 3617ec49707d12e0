//! The certificate authority: who is an agent of which company, and who is the collector.
//!
//! It is made on the first start and never again by itself: agents trust this one key, so a collector whose
//! authority is lost, damaged or another one refuses to start and says what to restore. Another one takes its
//! place in steps, while both are trusted ([`rotation`], decision 52). A company's
//! agents are told apart by what stands in certificates signed here, so nothing from a request but
//! its public key ever gets into one.

mod agent;
mod error;
mod files;
mod home;
mod identity;
mod present;
mod rotation;
mod server;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use ring::hmac;
use ring::rand::SecureRandom;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

pub use self::agent::{IssueError, IssuedCertificate};
pub use self::error::AuthorityError;
pub(crate) use self::files::files_of;
pub use self::home::Home;
pub use self::identity::{InvalidIdentity, IssuerName, PeerIdentity};
pub(crate) use self::present::{Present, Stand};
pub use self::rotation::{Prepared, Shared};
pub use self::server::ServerCertificate;

use self::present::Signer;

/// How long the authority's own certificate is valid.
// Ten years: longer than most hosts live, because to change it takes every one of them.
const AUTHORITY_VALIDITY: Duration = Duration::days(3_652);

/// How far back certificates begin, for hosts whose clocks are late.
const CLOCK_SLACK: Duration = Duration::hours(24);

/// The collector's certificate authority: the one that signs, and those that are trusted beside it. It may be
/// another one tomorrow, so whoever needs two things of it takes them from one [`Present`].
pub struct Authority {
    present: RwLock<Arc<Present>>,
    changes: watch::Sender<u64>,
    /// What secrets for other purposes are derived from, the same whoever signs.
    seal: hmac::Key,
    trust_domain: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("fingerprint", &hex(&self.fingerprint()))
            .field("trust_domain", &self.trust_domain)
            .finish_non_exhaustive()
    }
}

fn elsewhere(sha256: [u8; 32], files: &files::Files) -> AuthorityError {
    AuthorityError::Elsewhere { sha256: hex(&sha256), directory: files.directory().to_owned() }
}

impl Authority {
    /// Opens a node's authority, or makes it when no node ever had one.
    ///
    /// Blocks on the disk.
    ///
    /// # Errors
    ///
    /// When the authority that was there is gone, damaged, another one, readable by others or
    /// expired, when it is not the one that the nodes share, and when the disk refuses.
    pub fn open_or_create(
        home: &Home<'_>,
        trust_domain: &str,
        random: &dyn SecureRandom,
        now: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        let files = home.files_of_shared();
        // A second authority beside a shared one would take agents that no other node knows, and refuse
        // theirs; one that somebody else keeps is not mounted yet rather than to be made.
        let authority = if let Some(found) = Self::look(home, trust_domain, now)? {
            found
        } else {
            let (key_pem, certificate_pem) = make(random, now)?;
            files.create(&key_pem, &certificate_pem)?;
            tracing::info!(directory = %files.directory().display(), "made a certificate authority");
            Self::open(&files, trust_domain, now)?
        };
        // After it was opened, so that only an authority that works is ever noted as the one that
        // agents trust.
        files.mark(&hex(&authority.fingerprint()), home.shared.is_some())?;
        Ok(authority)
    }

    /// Opens a node's authority for whoever only looks: nothing is made or noted. `None` when there was
    /// never one.
    ///
    /// Blocks on the disk.
    ///
    /// # Errors
    ///
    /// As [`Self::open_or_create`].
    pub fn look(
        home: &Home<'_>,
        trust_domain: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, AuthorityError> {
        let files = home.files_of_shared();
        if !files.exist()? {
            return match (home.shared, home.authority_dir) {
                (Some(sha256), _) => Err(elsewhere(sha256, &files)),
                (None, Some(directory)) => {
                    Err(AuthorityError::NotGiven { directory: directory.to_owned() })
                }
                (None, None) => Ok(None),
            };
        }
        let authority = Self::open(&files, trust_domain, now)?;
        if let Some(sha256) = home.shared {
            authority.is_shared(home, sha256)?;
        }
        Ok(Some(authority))
    }

    /// Opens the authority that a node has, and makes none.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be used.
    pub fn open_existing(
        home: &Home<'_>,
        trust_domain: &str,
        now: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        Self::open(&home.files_of_shared(), trust_domain, now)
    }

    fn open(
        files: &files::Files,
        trust_domain: &str,
        now: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        let signer = Arc::new(Signer::open(files, now)?);
        let seal = signer.seal.clone();
        let present = RwLock::new(Arc::new(Present::alone(signer)));
        let (changes, _) = watch::channel(0);
        Ok(Self { present, changes, seal, trust_domain: trust_domain.to_owned() })
    }

    /// Who signs and who is trusted at this moment.
    pub(crate) fn present(&self) -> Arc<Present> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes whenever [`Self::present`] does.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Goes along with what the nodes share, so far as this node has the files for it; says whether anything
    /// changed. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// When a file is missing or cannot be used: whoever it belongs to is not trusted here, and the one that signs
    /// goes on, unless that one is trusted no more ([`AuthorityError::Retired`]): then nothing is to go on.
    pub fn follow(
        &self,
        home: &Home<'_>,
        shared: &Shared,
        now: OffsetDateTime,
    ) -> Result<bool, AuthorityError> {
        let followed = self.follow_files(home, shared, now);
        let here = self.fingerprint();
        match followed {
            Err(why) if !shared.trusts(here) => Err(AuthorityError::Retired {
                here: hex(&here),
                sha256: hex(&shared.active),
                directory: home.files().directory().to_owned(),
                why: Box::new(why),
            }),
            followed => followed,
        }
    }

    fn follow_files(
        &self,
        home: &Home<'_>,
        shared: &Shared,
        now: OffsetDateTime,
    ) -> Result<bool, AuthorityError> {
        let (after, missing) = self.present().becomes(home, shared, now)?;
        let has_changed = after.is_some();
        if let Some(after) = after {
            let number = after.number;
            // Before it signs anything: a start from now on looks for this one.
            home.files().mark(&hex(&after.signer.fingerprint), true)?;
            *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
            self.changes.send_replace(number);
        }
        missing.map_or(Ok(has_changed), Err)
    }

    /// Compares it with the authority that the nodes share.
    ///
    /// # Errors
    ///
    /// When it is another one.
    pub fn is_shared(&self, home: &Home<'_>, shared: [u8; 32]) -> Result<(), AuthorityError> {
        if self.fingerprint() == shared {
            return Ok(());
        }
        let files = home.files();
        Err(AuthorityError::Another {
            sha256: hex(&shared),
            here: hex(&self.fingerprint()),
            directory: files.directory().to_owned(),
            marker: files.marker().to_owned(),
        })
    }

    /// The certificate of the authority that signs.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.present().signer.certificate.clone()
    }

    /// When that certificate ends.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.present().signer.not_after
    }

    /// Its name, as it stands in the certificates that it signs.
    #[must_use]
    pub fn name(&self) -> IssuerName {
        self.present().signer.name
    }

    /// SHA-256 of that certificate (DER), which enrolment tokens carry.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.present().signer.fingerprint
    }

    /// A secret for another purpose, the same for everybody who has this authority or one that took its place:
    /// HMAC-SHA256 of the purpose, under what the first authority's private key comes to.
    #[must_use]
    pub fn derive_key(&self, purpose: &[u8]) -> [u8; 32] {
        let mut derived = [0; 32];
        // HMAC as a key derivation: the private key is the only secret that all nodes have in
        // common, and nothing of it can be read back from this.
        derived.copy_from_slice(hmac::sign(&self.seal, purpose).as_ref());
        derived
    }

    /// By what nodes tell that [`Self::derive_key`] gives the same on all of them. It gives nothing away.
    #[must_use]
    pub fn seal_check(&self) -> [u8; 32] {
        self.derive_key(b"muster seal check 1")
    }

    /// The trust domain of the identities that it gives out.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }
}

/// A new authority's key and certificate, PEM each.
fn make(
    random: &dyn SecureRandom,
    now: OffsetDateTime,
) -> Result<(String, String), AuthorityError> {
    let (key, params) = draft(random, now)?;
    let certificate = params.self_signed(&key).map_err(crypto)?;
    Ok((key.serialize_pem(), certificate.pem()))
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn crypto(error: rcgen::Error) -> AuthorityError {
    AuthorityError::Crypto(error.to_string())
}

/// A new authority's key, and what its certificate is to say.
fn draft(
    random: &dyn SecureRandom,
    now: OffsetDateTime,
) -> Result<(KeyPair, CertificateParams), AuthorityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Muster");
    let serial = serial_number(random)?;
    // A name of its own: who signed what is told by names, once there are two of them.
    let name = format!("Muster collector authority {}", hex(&serial.to_bytes()[..4]));
    params.distinguished_name.push(DnType::CommonName, name);
    // A path length of zero: whatever it signs can sign nothing further (RFC 5280, section
    // 4.2.1.9).
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial);
    params.not_before = now - CLOCK_SLACK;
    params.not_after = now + AUTHORITY_VALIDITY;
    Ok((key, params))
}

/// A random serial number of 127 bits (RFC 5280, section 4.1.2.2, wants it positive).
fn serial_number(random: &dyn SecureRandom) -> Result<rcgen::SerialNumber, AuthorityError> {
    let mut bytes = [0; 16];
    random
        .fill(&mut bytes)
        .map_err(|_| AuthorityError::Crypto("the system gives no random bytes".to_owned()))?;
    // The highest bit off keeps the DER integer positive, the next one on keeps its length: no
    // serial begins with a zero that some tools drop.
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(rcgen::SerialNumber::from_slice(&bytes))
}

/// SHA-256 of the authority's certificate in a file, whether or not its key is there.
///
/// # Errors
///
/// When the file is no certificate.
pub(crate) fn fingerprint_of(certificate: &Path) -> Result<[u8; 32], AuthorityError> {
    let der =
        CertificateDer::from_pem_file(certificate).map_err(|error| AuthorityError::Damaged {
            path: certificate.to_owned(),
            message: format!("it is no certificate ({error})"),
        })?;
    Ok(sha256(&der))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    // SHA-256 has 32 bytes, always.
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// The 32 bytes of 64 hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (place, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *place = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
