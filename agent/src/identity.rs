//! Who the agent is: its key, its certificate, the collectors that it trusts and where they are.
//!
//! The key is made on the host and never leaves it. All of the identity is one file that only its
//! owner can read and that changes in one step, so a crash never parts a key from its certificate.
//! It must never show a key, not even in `Debug`.

mod certificate;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::ids::{AgentId, CompanyId};
use protocol::limits::{CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

pub use self::certificate::Certificate;
use crate::private_file;

/// The identity's file in the state folder.
pub const FILE: &str = "identity.json";
/// Bytes of the file: a key, two chains and a few addresses have far less.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What is wrong with an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("{action} {path}: {source}; run as the user that owns it, and make room on its disk")]
    File {
        /// What was done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than its owner may read the key.
    #[error(
        "{0} can be read by other users: run `chmod 600 {0}` and, if somebody may have read it, enrol again"
    )]
    Exposed(PathBuf),
    /// It is no identity.
    #[error(
        "the identity in {path} is damaged ({why}): restore it or enrol again with `muster-agent enroll --force`"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Why a certificate cannot be this agent's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableCertificate {
    /// It is no certificate, or none of an agent.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// There is none, there are too many, or one is too long.
    #[error("a chain of {0} certificates, or one that is too long")]
    Chain(usize),
    /// It belongs to another key.
    #[error("the certificate belongs to another key")]
    OtherKey,
    /// It names another agent.
    #[error("the certificate is for agent {0}")]
    OtherAgent(AgentId),
    /// There is no root to trust.
    #[error("no certificate authority came with it")]
    NoRoot,
}

/// Why other authorities are not trusted.
#[derive(Debug, thiserror::Error)]
pub enum UntrustedAuthorities {
    /// One of them is none.
    #[error("authorities came of which one cannot be used: {0}")]
    Unusable(#[from] UnusableCertificate),
    /// Not one of them is trusted already.
    #[error("authorities came of which none is trusted yet: they are passed over")]
    Strangers,
    /// They cannot be kept.
    #[error(transparent)]
    Unkept(#[from] IdentityError),
}

/// A key that has no certificate yet.
pub struct NewKey(KeyPair);

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKey")
    }
}

impl NewKey {
    /// A key for ECDSA with P-256.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, rcgen::Error> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Self)
    }

    /// The request to sign a certificate for the key (RFC 2986), DER. It says nothing of the host.
    ///
    /// # Errors
    ///
    /// When the key cannot sign.
    pub fn request(&self) -> Result<Vec<u8>, rcgen::Error> {
        let request = CertificateParams::default().serialize_request(&self.0)?;
        Ok(request.der().to_vec())
    }
}

/// What an enrolment gave, and what it is kept as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The company, as the collector says.
    pub company: CompanyId,
    /// The agent, as the collector says.
    pub agent: AgentId,
    /// The certificate chain, the agent's own first, each DER.
    pub chain: Vec<Vec<u8>>,
    /// The authority's certificates, each DER.
    pub roots: Vec<Vec<u8>>,
    /// Where the collectors are, as `host:port`.
    pub collectors: Vec<String>,
}

/// An enrolled agent.
pub struct Identity {
    key: KeyPair,
    chain: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
    collectors: Vec<String>,
    certificate: Certificate,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.certificate)
            .field("collectors", &self.collectors)
            .finish_non_exhaustive()
    }
}

/// The identity as it is written: base64 of DER in JSON.
// Unknown fields are refused: a renewal writes the file anew, and would drop what a later version
// had put there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    company: CompanyId,
    agent: AgentId,
    collectors: Vec<String>,
    key: String,
    chain: Vec<String>,
    roots: Vec<String>,
}

impl Identity {
    /// The identity that a grant makes of a key.
    ///
    /// # Errors
    ///
    /// When the certificate is not for this key, or not for the agent that the grant names.
    pub fn new(key: NewKey, grant: Grant) -> Result<Self, UnusableCertificate> {
        if grant.roots.is_empty() {
            return Err(UnusableCertificate::NoRoot);
        }
        check_sizes(&grant.roots)?;
        let certificate = check(&key.0, &grant.chain, grant.company, grant.agent)?;
        Ok(Self {
            key: key.0,
            chain: to_certificates(grant.chain),
            roots: to_certificates(grant.roots),
            collectors: grant.collectors,
            certificate,
        })
    }

    /// The same agent with a new key and the certificate that was made for it.
    ///
    /// # Errors
    ///
    /// When the certificate is not for this key and this agent.
    pub fn renewed(&self, key: NewKey, chain: Vec<Vec<u8>>) -> Result<Self, UnusableCertificate> {
        self.became(self.certificate.agent, key, chain)
    }

    /// Another agent of the same company, with a new key and the certificate that was made for it.
    ///
    /// # Errors
    ///
    /// When the certificate is not for this key and that agent.
    pub fn became(
        &self,
        agent: AgentId,
        key: NewKey,
        chain: Vec<Vec<u8>>,
    ) -> Result<Self, UnusableCertificate> {
        let certificate = check(&key.0, &chain, self.certificate.company, agent)?;
        Ok(Self {
            key: key.0,
            chain: to_certificates(chain),
            roots: self.roots.clone(),
            collectors: self.collectors.clone(),
            certificate,
        })
    }

    /// Trusts these authorities in the place of those before, once they are kept in the state folder; says
    /// whether that changed anything.
    ///
    /// # Errors
    ///
    /// When one is no authority, when none of them is trusted already, and when they cannot be written. The
    /// identity and its file are what they were.
    pub fn trust(
        &mut self,
        roots: Vec<Vec<u8>>,
        state_dir: &Path,
    ) -> Result<bool, UntrustedAuthorities> {
        if roots.is_empty() {
            return Err(UnusableCertificate::NoRoot.into());
        }
        check_sizes(&roots)?;
        roots.iter().try_for_each(|root| certificate::check_authority(root))?;
        let roots = to_certificates(roots);
        if roots == self.roots {
            return Ok(false);
        }
        // One that changes hands keeps a foot in what was: whatever went wrong at a collector, an agent is
        // never told to trust nobody that it knows.
        if !roots.iter().any(|root| self.roots.contains(root)) {
            return Err(UntrustedAuthorities::Strangers);
        }
        let before = std::mem::replace(&mut self.roots, roots);
        self.save(state_dir).inspect_err(|_| self.roots = before)?;
        Ok(true)
    }

    /// Reads the identity from a state folder; `None` when the host is not enrolled.
    ///
    /// # Errors
    ///
    /// When it is damaged, or open to other users.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = state_dir.join(FILE);
        let file = |source| IdentityError::File { action: "read", path: path.clone(), source };
        let Some(bytes) = private_file::read(&path, FILE_BYTES_MAX).map_err(file)? else {
            return Ok(None);
        };
        // Like ssh: a key that others may have read is no key.
        if private_file::is_open_to_others(&path).map_err(file)? {
            return Err(IdentityError::Exposed(path));
        }
        Self::parse(&bytes).map(Some).map_err(|why| IdentityError::Damaged { path, why })
    }

    /// Writes the identity into a state folder, over the one that is there.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the one that was there is unharmed.
    pub fn save(&self, state_dir: &Path) -> Result<(), IdentityError> {
        let path = state_dir.join(FILE);
        let texts = |certificates: &[CertificateDer<'static>]| {
            certificates.iter().map(|der| to_text(der)).collect()
        };
        let stored = Stored {
            company: self.certificate.company,
            agent: self.certificate.agent,
            collectors: self.collectors.clone(),
            key: to_text(self.key.serialized_der()),
            chain: texts(&self.chain),
            roots: texts(&self.roots),
        };
        serde_json::to_vec_pretty(&stored)
            .map_err(io::Error::from)
            // One file for key, certificate and addresses, replaced in one rename: with two, a
            // crash between them would leave a key without its certificate, and no way back but
            // enrolling again.
            .and_then(|bytes| private_file::replace(&path, &bytes))
            .map_err(|source| IdentityError::File {
                action: "write",
                path,
                source,
            })
    }

    /// What the certificate says.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Where the collectors are, as `host:port`.
    #[must_use]
    pub fn collectors(&self) -> &[String] {
        &self.collectors
    }

    /// The authority's certificates.
    #[must_use]
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// The agent's certificate and those that lead to the authority.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key, for the handshake alone.
    #[must_use]
    pub fn expose_key(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der())
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let certificates = |what, texts: &[String]| -> Result<Vec<_>, String> {
            texts.iter().map(|text| from_text(what, text)).collect()
        };
        let key = from_text("key", &stored.key)?;
        let key = KeyPair::try_from(key).map_err(|error| format!("its key: {error}"))?;
        let grant = Grant {
            company: stored.company,
            agent: stored.agent,
            chain: certificates("chain", &stored.chain)?,
            roots: certificates("roots", &stored.roots)?,
            collectors: stored.collectors,
        };
        // Through the same door as a fresh grant: a file that was put together from two agents' is
        // found out here, and not by a collector's refusal.
        Self::new(NewKey(key), grant).map_err(|error| error.to_string())
    }
}

/// What the chain's own certificate says, once it is sure to be this agent's.
fn check(
    key: &KeyPair,
    chain: &[Vec<u8>],
    company: CompanyId,
    agent: AgentId,
) -> Result<Certificate, UnusableCertificate> {
    check_sizes(chain)?;
    let own = chain.first().ok_or(UnusableCertificate::Chain(0))?;
    let certificate = Certificate::parse(own).map_err(UnusableCertificate::Unreadable)?;
    // TLS would only say later, and less clearly, that the two do not fit.
    if certificate.public_key != key.subject_public_key_info() {
        return Err(UnusableCertificate::OtherKey);
    }
    if (certificate.company, certificate.agent) != (company, agent) {
        return Err(UnusableCertificate::OtherAgent(certificate.agent));
    }
    Ok(certificate)
}

fn check_sizes(chain: &[Vec<u8>]) -> Result<(), UnusableCertificate> {
    let is_too_long = chain.iter().any(|der| der.len() > CERTIFICATE_BYTES_MAX);
    if chain.len() > CHAIN_CERTIFICATES_MAX || is_too_long {
        return Err(UnusableCertificate::Chain(chain.len()));
    }
    Ok(())
}

fn to_certificates(chain: Vec<Vec<u8>>) -> Vec<CertificateDer<'static>> {
    chain.into_iter().map(CertificateDer::from).collect()
}

/// DER as text.
fn to_text(der: &[u8]) -> String {
    STANDARD.encode(der)
}

fn from_text(what: &str, text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("its {what}: {error}"))
}
