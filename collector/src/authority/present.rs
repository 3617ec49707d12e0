//! Who signs and who is trusted at one moment.
//!
//! While one authority takes the place of another, both are trusted. Whoever knows only the older is shown a
//! certificate for the newer that the older has signed, so that no agent has to hear of anything in time.

use std::sync::Arc;

use rcgen::{Issuer, KeyPair};
use ring::hmac;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::OffsetDateTime;

use super::files::Files;
use super::rotation::Shared;
use super::{AuthorityError, Home, IssuerName, sha256};

/// An authority with its key.
pub(crate) struct Signer {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) not_after: OffsetDateTime,
    pub(super) seal: hmac::Key,
    /// The bytes behind `seal`, for the authority that takes its place.
    pub(super) seal_bytes: [u8; 32],
    /// Its certificate.
    pub(crate) certificate: CertificateDer<'static>,
    /// SHA-256 of that.
    pub(crate) fingerprint: [u8; 32],
    /// Its name.
    pub(crate) name: IssuerName,
    /// A certificate for it by the authority before it, if there was one.
    cross: Option<CertificateDer<'static>>,
}

/// An authority that is trusted and does not sign.
#[derive(Clone, PartialEq, Eq)]
struct Beside {
    fingerprint: [u8; 32],
    certificate: CertificateDer<'static>,
    name: IssuerName,
    stand: Stand,
}

/// How an authority stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It signs.
    Signs,
    /// It will sign.
    Next,
    /// It did sign.
    Previous,
    /// It did sign, and what it signed is sent away with a word.
    Retired,
}

/// Who signs and who is trusted.
pub(crate) struct Present {
    /// Who signs.
    pub(crate) signer: Arc<Signer>,
    beside: Vec<Beside>,
    /// Grows with every change of this process.
    pub(crate) number: u64,
}

impl Signer {
    /// Reads an authority and checks that its parts belong together.
    pub(super) fn open(files: &Files, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let key =
            KeyPair::from_pem(&files.read_key()?).map_err(|error| AuthorityError::Damaged {
                path: files.key(),
                message: format!("it is no private key ({error})"),
            })?;
        let (certificate, damaged) = read_certificate(files)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| damaged(format!("it is no certificate ({error})")))?;
        // A backup of one file without the other would sign certificates that no agent's root
        // verifies; better not to start.
        if parsed.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(damaged("it does not belong to the key beside it".to_owned()));
        }
        let not_after = parsed.validity().not_after.to_datetime();
        if not_after <= now {
            return Err(AuthorityError::Expired { path: files.certificate() });
        }
        let name = IssuerName::of(parsed.subject().as_raw());
        let seal_bytes = seal_bytes(files, &key)?;
        let cross = files.read_cross()?.map(|pem| {
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
                AuthorityError::Damaged { path: files.cross(), message: error.to_string() }
            })
        });
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Self {
            fingerprint: sha256(&certificate),
            seal: hmac::Key::new(hmac::HMAC_SHA256, &seal_bytes),
            cross: cross.transpose()?,
            issuer,
            not_after,
            seal_bytes,
            certificate,
            name,
        })
    }
}

impl Present {
    /// One that nobody is trusted beside.
    pub(super) const fn alone(signer: Arc<Signer>) -> Self {
        Self { signer, beside: Vec::new(), number: 0 }
    }

    /// What becomes of it with what the nodes share now, so far as this node has the files: an authority beside the
    /// one that signs whose files are missing is left out, and told. `None` when nothing becomes of it.
    ///
    /// # Errors
    ///
    /// When the one that signs cannot be used here.
    pub(super) fn becomes(
        &self,
        home: &Home<'_>,
        shared: &Shared,
        now: OffsetDateTime,
    ) -> Result<(Option<Self>, Option<AuthorityError>), AuthorityError> {
        let files = home.files();
        let signer = if self.signer.fingerprint == shared.active {
            Arc::clone(&self.signer)
        } else {
            Arc::new(self.successor(&files, shared.active, now)?)
        };
        let former = if shared.is_retired { Stand::Retired } else { Stand::Previous };
        let (mut beside, mut missing) = (Vec::new(), None);
        // What cannot be read keeps nobody from hearing what else has changed, a retirement above all.
        for (found, stand) in [
            (shared.next.map(|next| self.next_one(&files, next, now)), Stand::Next),
            (shared.previous.map(|previous| self.former_one(&files, previous, former)), former),
        ] {
            match found {
                Some(Ok((certificate, name))) => {
                    let fingerprint = sha256(&certificate);
                    beside.push(Beside { fingerprint, certificate, name, stand });
                }
                // Whoever was retired may be deleted: it is only there to be told of.
                Some(Err(error)) if stand != Stand::Retired => missing = Some(error),
                Some(Err(_)) | None => {}
            }
        }
        let is_same = signer.fingerprint == self.signer.fingerprint && beside == self.beside;
        let after = (!is_same).then(|| Self { signer, beside, number: self.number + 1 });
        Ok((after, missing))
    }

    /// An authority that can sign in this one's place, with the same secrets.
    pub(super) fn successor(
        &self,
        files: &Files,
        sha256: [u8; 32],
        now: OffsetDateTime,
    ) -> Result<Signer, AuthorityError> {
        let own = files.of_fingerprint(sha256);
        let signer = Signer::open(&own, now)?;
        is_wanted(signer.fingerprint, sha256, files)?;
        if signer.seal_bytes != self.signer.seal_bytes {
            return Err(AuthorityError::Seal { path: own.seal() });
        }
        Ok(signer)
    }

    /// Who will sign, once this node could sign by it.
    fn next_one(
        &self,
        files: &Files,
        sha256: [u8; 32],
        now: OffsetDateTime,
    ) -> Result<(CertificateDer<'static>, IssuerName), AuthorityError> {
        let signer = self.successor(files, sha256, now)?;
        Ok((signer.certificate, signer.name))
    }

    /// Who did sign. While it is trusted, by what is known of it already: its files may be gone sooner.
    fn former_one(
        &self,
        files: &Files,
        wanted: [u8; 32],
        stand: Stand,
    ) -> Result<(CertificateDer<'static>, IssuerName), AuthorityError> {
        if stand == Stand::Previous {
            if self.signer.fingerprint == wanted {
                return Ok((self.signer.certificate.clone(), self.signer.name));
            }
            if let Some(known) = self.beside.iter().find(|one| one.fingerprint == wanted) {
                return Ok((known.certificate.clone(), known.name));
            }
        }
        let own = files.of_fingerprint(wanted);
        let (certificate, damaged) = read_certificate(&own)?;
        is_wanted(sha256(&certificate), wanted, &own)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| damaged(error.to_string()))?;
        let name = IssuerName::of(parsed.subject().as_raw());
        Ok((certificate, name))
    }

    /// SHA-256 of the certificate of the authority that will sign, where this node could sign by it.
    pub(crate) fn next(&self) -> Option<[u8; 32]> {
        self.beside.iter().find(|one| one.stand == Stand::Next).map(|one| one.fingerprint)
    }

    /// Whom agents trust, the one that signs first.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        let beside = self.beside.iter().filter(|beside| beside.stand != Stand::Retired);
        std::iter::once(&self.signer.certificate).chain(beside.map(|beside| &beside.certificate))
    }

    /// Whose certificates are looked at: also of whoever is to be told that it was retired.
    pub(crate) fn known(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        let beside = self.beside.iter().map(|beside| &beside.certificate);
        std::iter::once(&self.signer.certificate).chain(beside)
    }

    /// What a collector shows beside its own certificate.
    pub(super) fn shown(&self) -> impl Iterator<Item = CertificateDer<'static>> {
        let is_previous_known = self.beside.iter().any(|beside| beside.stand != Stand::Next);
        let cross = self.signer.cross.clone().filter(|_| is_previous_known);
        let previous = self.beside.iter().filter(|beside| beside.stand == Stand::Previous);
        std::iter::once(self.signer.certificate.clone())
            .chain(cross)
            // For hosts with a token from before: they look for the one that it names.
            .chain(previous.map(|beside| beside.certificate.clone()))
    }

    /// The number of whom agents trust ([`protocol::authorities::number`]).
    pub(crate) fn trusted_number(&self) -> u64 {
        protocol::authorities::number(self.trusted().map(AsRef::as_ref))
    }

    /// How the authority of that name stands; `None` for one that this node does not know: a stranger's, one that
    /// was retired and is forgotten, or one that the other nodes have and this one has not yet.
    pub(crate) fn stand_of(&self, name: IssuerName) -> Option<Stand> {
        if name == self.signer.name {
            return Some(Stand::Signs);
        }
        self.beside.iter().find(|one| one.name == name).map(|one| one.stand)
    }

    /// Whether agents go from one authority to the other.
    pub(crate) fn is_moving(&self) -> bool {
        self.beside.iter().any(|beside| beside.stand == Stand::Previous)
    }
}

type Damaged = Box<dyn Fn(String) -> AuthorityError>;

fn read_certificate(files: &Files) -> Result<(CertificateDer<'static>, Damaged), AuthorityError> {
    let path = files.certificate();
    let damaged: Damaged =
        Box::new(move |message| AuthorityError::Damaged { path: path.clone(), message });
    let certificate = CertificateDer::from_pem_slice(files.read_certificate()?.as_bytes())
        .map_err(|error| damaged(format!("it is no certificate ({error})")))?;
    Ok((certificate, damaged))
}

/// What secrets are derived from: what the authority before handed on, or the digest of the key. An HMAC with a
/// key longer than its block begins with that digest (RFC 2104, section 2), so it is what the key itself gives.
fn seal_bytes(files: &Files, key: &KeyPair) -> Result<[u8; 32], AuthorityError> {
    let Some(text) = files.read_seal()? else {
        return Ok(sha256(key.serialized_der()));
    };
    let damaged = || AuthorityError::Damaged {
        path: files.seal(),
        message: "it is not 64 hexadecimal digits".to_owned(),
    };
    super::unhex(text.trim()).ok_or_else(damaged)
}

fn is_wanted(found: [u8; 32], wanted: [u8; 32], files: &Files) -> Result<(), AuthorityError> {
    if found == wanted { Ok(()) } else { Err(super::elsewhere(wanted, files)) }
}
