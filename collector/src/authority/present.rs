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

    /// What becomes of it with what the nodes share now; `None` when nothing does.
    pub(super) fn becomes(
        &self,
        home: &Home<'_>,
        shared: &Shared,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, AuthorityError> {
        let files = home.files();
        let signer = if self.signer.fingerprint == shared.active {
            Arc::clone(&self.signer)
        } else {
            let signer = Signer::open(&files.of_fingerprint(shared.active), now)?;
            is_wanted(signer.fingerprint, shared.active, &files)?;
            if signer.seal_bytes != self.signer.seal_bytes {
                return Err(AuthorityError::Damaged {
                    path: files.of_fingerprint(shared.active).seal(),
                    message: "it is missing, or another site's".to_owned(),
                });
            }
            Arc::new(signer)
        };
        let former = if shared.is_retired { Stand::Retired } else { Stand::Previous };
        let named = shared.next.map(|next| (next, Stand::Next)).into_iter();
        let named = named.chain(shared.previous.map(|previous| (previous, former)));
        let mut beside = Vec::new();
        for (fingerprint, stand) in named {
            let own = files.of_fingerprint(fingerprint);
            // Whoever was retired may be deleted: it is only there to be told of.
            if stand == Stand::Retired && !own.certificate().exists() {
                continue;
            }
            let (certificate, damaged) = read_certificate(&own)?;
            let found = sha256(&certificate);
            if found != fingerprint && stand == Stand::Retired {
                continue;
            }
            is_wanted(found, fingerprint, &own)?;
            let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
                .map_err(|error| damaged(error.to_string()))?;
            let name = IssuerName::of(parsed.subject().as_raw());
            beside.push(Beside { fingerprint, name, stand, certificate });
        }
        let is_same = signer.fingerprint == self.signer.fingerprint && beside == self.beside;
        Ok((!is_same).then(|| Self { signer, beside, number: self.number + 1 }))
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
