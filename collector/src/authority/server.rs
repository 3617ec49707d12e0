//! The collector's own certificate, for agents that check whom they talk to.
//!
//! Its key lives in memory alone: a new one is made at every start and before the old one ends, so
//! there is nothing on a disk to be stolen or to expire.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::message::SERVER_NAME;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use ring::rand::SecureRandom;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivatePkcs8KeyDer;
use time::{Duration, OffsetDateTime};

use super::{Authority, AuthorityError, CLOCK_SLACK, serial_number};

/// How long a certificate is valid.
const VALIDITY: Duration = Duration::days(30);
/// From this much left on, it is renewed.
const RENEW_BEFORE: Duration = Duration::days(10);

/// The collector's certificate, renewed in place.
#[derive(Debug)]
pub struct ServerCertificate {
    names: Vec<String>,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    not_after: OffsetDateTime,
    /// Of whom was trusted when it was made.
    number: u64,
}

impl ServerCertificate {
    /// A certificate for [`SERVER_NAME`] and for more names, which may be addresses.
    ///
    /// # Errors
    ///
    /// When a name cannot be in a certificate, or the system gives no random bytes.
    pub fn issue(
        authority: &Authority,
        names: &[String],
        random: &dyn SecureRandom,
        now: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        Ok(Self {
            names: names.to_owned(),
            current: RwLock::new(sign(authority, names, random, now)?),
        })
    }

    /// Renews it when its end is near, and when the authorities have changed; says whether it did. Connections that stand are not touched.
    ///
    /// # Errors
    ///
    /// As for [`Self::issue`]; the certificate stays what it was.
    pub fn renew_if_due(
        &self,
        authority: &Authority,
        random: &dyn SecureRandom,
        now: OffsetDateTime,
    ) -> Result<bool, AuthorityError> {
        // The guard ends with the statement: the lock below is the same one.
        let is_due = {
            let current = self.read();
            current.not_after - now < RENEW_BEFORE || current.number != authority.present().number
        };
        if is_due {
            let renewed = sign(authority, &self.names, random, now)?;
            // Handshakes that are under way keep the `Arc` of the old key; the next ones get the
            // new.
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        }
        Ok(is_due)
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.read().not_after
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for ServerCertificate {
    // Whatever name was asked for: agents ask for `SERVER_NAME`, and one certificate has all names.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.read().key))
    }
}

fn sign(
    authority: &Authority,
    names: &[String],
    random: &dyn SecureRandom,
    now: OffsetDateTime,
) -> Result<Current, AuthorityError> {
    let crypto = |error: rcgen::Error| AuthorityError::Crypto(error.to_string());
    let present = authority.present();
    let signer = &present.signer;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    params.subject_alt_names = std::iter::once(SERVER_NAME)
        .chain(names.iter().map(String::as_str))
        .map(san)
        .collect::<Result<_, _>>()?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial_number(random)?);
    params.not_before = now - CLOCK_SLACK;
    // A certificate that outlives its authority would be refused from then on all the same.
    params.not_after = (now + VALIDITY).min(signer.not_after);
    let certificate = params.signed_by(&key, &signer.issuer).map_err(crypto)?;
    let signing_key = rustls::crypto::ring::sign::any_ecdsa_type(
        &PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    )
    .map_err(|error| AuthorityError::Crypto(error.to_string()))?;
    // The authorities go along, so that a host that knows only the fingerprint of one can check it.
    let mut chain = vec![certificate.der().clone()];
    chain.extend(present.shown());
    Ok(Current {
        key: Arc::new(CertifiedKey::new(chain, signing_key)),
        not_after: params.not_after,
        number: present.number,
    })
}

fn san(name: &str) -> Result<SanType, AuthorityError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    name.try_into()
        .map(SanType::DnsName)
        .map_err(|_| AuthorityError::Crypto(format!("{name:?} cannot be a certificate's name")))
}
