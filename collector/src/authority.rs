//! The certificate authority: who is an agent of which company, and who is the collector.
//!
//! It is made on the first start and never again: agents trust this one key, so a collector whose
//! authority is lost, damaged or another one refuses to start and says what to restore. A company's
//! agents are told apart by what stands in certificates signed here, so nothing from a request but
//! its public key ever gets into one.

mod agent;
mod files;
mod home;
mod identity;
mod server;

use std::fmt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use ring::hmac;
use ring::rand::SecureRandom;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::{Duration, OffsetDateTime};

pub use self::agent::{IssueError, IssuedCertificate};
pub use self::home::Home;
pub use self::identity::{InvalidIdentity, PeerIdentity};
pub use self::server::ServerCertificate;

/// How long the authority's own certificate is valid.
// Ten years: longer than hosts live, because to change it is to enrol every host again.
const AUTHORITY_VALIDITY: Duration = Duration::days(3_652);

/// How far back certificates begin, for hosts whose clocks are late.
const CLOCK_SLACK: Duration = Duration::hours(24);

/// The collector's certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    not_after: OffsetDateTime,
    fingerprint: [u8; 32],
    trust_domain: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("fingerprint", &hex(&self.fingerprint))
            .field("trust_domain", &self.trust_domain)
            .finish_non_exhaustive()
    }
}

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("{action} {path}: {error}", path = path.display())]
    File {
        /// What was done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What came of it.
        error: std::io::Error,
    },
    /// There was an authority, and some of it is gone.
    #[error(
        "{path} is missing, and agents trust the authority that it was part of: restore the \
         directory from a backup, or delete {marker} to begin with a new authority and enrol \
         every agent again", path = path.display(), marker = marker.display()
    )]
    Missing {
        /// What is gone.
        path: PathBuf,
        /// What says that it was there.
        marker: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{path}: {message}: restore the directory from a backup", path = path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Others than the owner can read the key.
    #[error(
        "{path} can be read by others (mode {mode:03o}): run `chmod 600` on it, and think about \
         who may have read it", path = path.display()
    )]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The nodes of this database share an authority, and it is not here.
    #[error(
        "the nodes of this database share the authority {sha256}, and there is none in \
         {directory}: copy ca.key and ca.crt of another node there (mode 600), or name their \
         directory with node.authority_dir", directory = directory.display()
    )]
    Elsewhere {
        /// The fingerprint of the one that they share.
        sha256: String,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// The directory that was named for it holds none.
    #[error(
        "there is no authority in {directory}, which node.authority_dir names: leave that out on \
         the first node, which makes one, and put its ca.key and ca.crt there",
        directory = directory.display()
    )]
    NotGiven {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// The authority here is not the one that the nodes of this database share.
    #[error(
        "{directory} holds the authority {here}, and the agents of this database trust {sha256}: \
         put ca.key and ca.crt of another node there and delete {marker}; to begin with a new \
         authority and enrol every agent again, run `muster-collector authority forget` first",
        directory = directory.display(), marker = marker.display()
    )]
    Another {
        /// The fingerprint of the one that the nodes share.
        sha256: String,
        /// The fingerprint of the one here.
        here: String,
        /// Where it was found.
        directory: PathBuf,
        /// What says that it was always here.
        marker: PathBuf,
    },
    /// The authority's certificate has expired.
    #[error("{path} has expired: agents have to be enrolled with a new authority", path = path.display())]
    Expired {
        /// The certificate's file.
        path: PathBuf,
    },
    /// The system gives no random bytes, or cannot sign.
    #[error("make the certificate authority: {0}")]
    Crypto(String),
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
        let files = home.files();
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
        files.mark(&hex(&authority.fingerprint))?;
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
        let files = home.files();
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
        Self::open(&home.files(), trust_domain, now)
    }

    fn open(
        files: &files::Files,
        trust_domain: &str,
        now: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        let key_path = files.key();
        let certificate_path = files.certificate();
        let key =
            KeyPair::from_pem(&files.read_key()?).map_err(|error| AuthorityError::Damaged {
                path: key_path.clone(),
                message: format!("it is no private key ({error})"),
            })?;
        let damaged =
            |message: String| AuthorityError::Damaged { path: certificate_path.clone(), message };
        let certificate = CertificateDer::from_pem_slice(files.read_certificate()?.as_bytes())
            .map_err(|error| damaged(format!("it is no certificate ({error})")))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| damaged(format!("it is no certificate ({error})")))?;
        // A backup of one file without the other would sign certificates that no agent's root
        // verifies; better not to start.
        if parsed.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(damaged("it does not belong to the key beside it".to_owned()));
        }
        let not_after = parsed.validity().not_after.to_datetime();
        if not_after <= now {
            return Err(AuthorityError::Expired { path: certificate_path.clone() });
        }
        let fingerprint = sha256(&certificate);
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Self {
            issuer,
            certificate,
            not_after,
            fingerprint,
            trust_domain: trust_domain.to_owned(),
        })
    }

    /// Compares it with the authority that the nodes share.
    ///
    /// # Errors
    ///
    /// When it is another one.
    pub fn is_shared(&self, home: &Home<'_>, shared: [u8; 32]) -> Result<(), AuthorityError> {
        if self.fingerprint == shared {
            return Ok(());
        }
        let files = home.files();
        Err(AuthorityError::Another {
            sha256: hex(&shared),
            here: hex(&self.fingerprint),
            directory: files.directory().to_owned(),
            marker: files.marker().to_owned(),
        })
    }

    /// The authority's certificate, which everything it signs ends in.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// When the authority's certificate ends.
    #[must_use]
    pub const fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// SHA-256 of the authority's certificate (DER), which enrolment tokens carry.
    #[must_use]
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// A secret for another purpose, the same for everybody who has this authority: HMAC-SHA256 of
    /// the purpose under the authority's private key.
    #[must_use]
    pub fn derive_key(&self, purpose: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.issuer.key().serialized_der());
        let mut derived = [0; 32];
        // HMAC as a key derivation: the private key is the only secret that all nodes have in
        // common, and nothing of it can be read back from this.
        derived.copy_from_slice(hmac::sign(&key, purpose).as_ref());
        derived
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
    let crypto = |error: rcgen::Error| AuthorityError::Crypto(error.to_string());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Muster");
    params.distinguished_name.push(DnType::CommonName, "Muster collector authority");
    // A path length of zero: whatever it signs can sign nothing further (RFC 5280, section
    // 4.2.1.9).
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial_number(random)?);
    params.not_before = now - CLOCK_SLACK;
    params.not_after = now + AUTHORITY_VALIDITY;
    let certificate = params.self_signed(&key).map_err(crypto)?;
    Ok((key.serialize_pem(), certificate.pem()))
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

#[cfg(test)]
mod tests;
