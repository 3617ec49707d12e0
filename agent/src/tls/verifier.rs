//! The check of a collector's certificate: authority, name, usage and signatures always, dates as far as
//! this host can know the time.
//!
//! An endpoint's clock may be years off, and it is the one thing that only a collector could put right.
//! So a date that does not fit this host's clock is held against what the authority itself has said of
//! the time: an agent's own certificate began when it was signed. A collector's certificate that ended
//! before that is refused; any other may be valid now, and is taken (decision 32).

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::has_sha256;

/// Which authorities are trusted.
#[derive(Debug)]
pub(super) enum Authorities {
    /// These.
    Known(Vec<CertificateDer<'static>>),
    /// The one of this fingerprint, which the other side has to show.
    Fingerprint([u8; 32]),
}

/// Trusts the collectors of its authorities.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Authorities,
    /// A moment that has certainly passed, by the authority's own clock.
    passed_ms: u64,
    provider: Arc<CryptoProvider>,
}

/// A certificate that is not a collector's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// Somebody else's.
    #[error(
        "its certificate was issued by {0}, and not by this company's collector: something on the way \
         opens TLS, or the address is another server's; nothing was sent; exempt the collector from \
         TLS inspection"
    )]
    Issuer(String),
    /// A collector's of long ago.
    #[error(
        "its certificate ended before this agent's own began: it is no collector that runs now"
    )]
    Outdated,
}

impl Stranger {
    /// The stranger that a handshake met, if that is why it ended.
    #[must_use]
    pub fn of(error: &rustls::Error) -> Option<&Self> {
        let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error
        else {
            return None;
        };
        inner.downcast_ref()
    }

    fn into_error(self) -> rustls::Error {
        CertificateError::Other(OtherError(Arc::new(self))).into()
    }
}

impl Verifier {
    pub(super) const fn new(
        authorities: Authorities,
        passed_ms: u64,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { authorities, passed_ms, provider }
    }

    /// The authorities as roots; none where the other side does not show the one that is trusted.
    fn roots(&self, shown: &[CertificateDer<'_>]) -> Result<RootCertStore, rustls::Error> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Authorities::Known(known) => {
                for root in known {
                    roots.add(root.clone())?;
                }
            }
            Authorities::Fingerprint(sha256) => {
                let authority = shown.iter().find(|shown| has_sha256(shown, sha256));
                if let Some(authority) = authority {
                    roots.add(authority.clone().into_owned())?;
                }
            }
        }
        Ok(roots)
    }

    /// A moment at which the certificate may be checked in place of this host's own, whose clock it does
    /// not fit.
    fn another_moment(
        &self,
        certificate: &CertificateDer<'_>,
        now: UnixTime,
    ) -> Result<UnixTime, rustls::Error> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|_| rustls::Error::from(CertificateError::BadEncoding))?;
        let seconds =
            |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
        let validity = parsed.validity();
        let (from, to) = (seconds(validity.not_before), seconds(validity.not_after));
        if to.saturating_mul(1_000) <= self.passed_ms {
            return Err(Stranger::Outdated.into_error());
        }
        let within = now.as_secs().max(from).min(to);
        Ok(UnixTime::since_unix_epoch(std::time::Duration::from_secs(within)))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let roots = self.roots(intermediates)?;
        if roots.is_empty() {
            return Err(Stranger::Issuer(issuer(end_entity)).into_error());
        }
        // From here on it is an ordinary verification, with these authorities as the only roots: name,
        // dates, usage and signatures. The authority is among the intermediates as well, where webpki
        // passes over it: a chain ends at the first trusted root.
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let check = |at| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at)
        };
        let verified = match check(now) {
            Err(rustls::Error::InvalidCertificate(error)) if is_of_dates(&error) => {
                check(self.another_moment(end_entity, now)?)
            }
            verified => verified,
        };
        match verified {
            Err(rustls::Error::InvalidCertificate(error)) if is_of_another(&error) => {
                Err(Stranger::Issuer(issuer(end_entity)).into_error())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_of_dates(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

/// Whether a certificate is none that our authority makes: of another issuer, or of another form, such as that
/// of an authority which a device shows as its own.
const fn is_of_another(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::BadEncoding
            | CertificateError::UnhandledCriticalExtension
            | CertificateError::Other(_)
    )
}

/// Who has issued a certificate, by its own word.
fn issuer(certificate: &CertificateDer<'_>) -> String {
    x509_parser::parse_x509_certificate(certificate).map_or_else(
        |_| "somebody unreadable".to_owned(),
        |(_, parsed)| format!("{:?}", parsed.issuer().to_string()),
    )
}

#[cfg(test)]
mod tests;
