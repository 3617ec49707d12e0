//! Agents' certificates: from a signing request to an identity.

use std::time::Duration;

use protocol::ids::{AgentId, CompanyId};
use protocol::limits::CSR_BYTES_MAX;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData as _, SanType,
    SubjectPublicKeyInfo,
};
use ring::rand::SecureRandom;
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::{Authority, CLOCK_SLACK, identity, serial_number, sha256};

/// A certificate that was given to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// The chain, the agent's own first, DER each. The authority is not part of it.
    pub chain: Vec<Vec<u8>>,
    /// The certificate's serial number, big endian.
    pub serial: Vec<u8>,
    /// SHA-256 of the agent's certificate, DER.
    pub sha256: [u8; 32],
    /// When it ends.
    pub not_after: OffsetDateTime,
    /// SHA-256 of the certificate (DER) of the authority that signed it.
    pub authority_sha256: [u8; 32],
}

/// Why a signing request is not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// It is longer than a request may be.
    #[error("the signing request has {0} bytes, at most {CSR_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// It is no request (RFC 2986).
    #[error("the signing request cannot be read")]
    Unreadable,
    /// Who sends it does not have the key.
    #[error("the signing request is not signed with its own key")]
    Signature,
    /// Its key is of a kind that is not taken.
    #[error("the signing request's key is not of P-256, P-384 or Ed25519")]
    KeyKind,
    /// A fault of this side.
    #[error("sign the certificate: {0}")]
    Internal(String),
}

impl Authority {
    /// Signs a certificate for an agent. Of the request, only its public key is used, and only once
    /// its signature has proved that the sender has the private one.
    ///
    /// # Errors
    ///
    /// When the request cannot be read, proves nothing or has a key of another kind.
    pub fn issue_agent(
        &self,
        csr: &[u8],
        (company, agent): (CompanyId, AgentId),
        validity: Duration,
        random: &dyn SecureRandom,
        now: OffsetDateTime,
    ) -> Result<IssuedCertificate, IssueError> {
        let signer = &self.present().signer;
        // The request's names, usages and extensions are read by nobody from here on.
        let key = public_key(csr)?;
        let internal = |error: String| IssueError::Internal(error);
        let mut params = CertificateParams::default();
        let serial = serial_number(random).map_err(|error| internal(error.to_string()))?;
        let uri = identity::uri(&self.trust_domain, company, agent);
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            // For people who look at certificates. Identities are read from the URI alone.
            .push(DnType::CommonName, agent.to_string());
        params.subject_alt_names = vec![SanType::URI(
            uri.try_into().map_err(|error: rcgen::Error| internal(error.to_string()))?,
        )];
        // Said, not left out: some verifiers take a certificate without the extension for one that
        // may sign.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = now - CLOCK_SLACK;
        // A certificate cannot outlive the authority that it ends in.
        params.not_after = (now + validity).min(signer.not_after);
        let serial_bytes = serial.to_bytes();
        params.serial_number = Some(serial);
        let certificate =
            params.signed_by(&key, &signer.issuer).map_err(|error| internal(error.to_string()))?;
        Ok(IssuedCertificate {
            chain: vec![certificate.der().to_vec()],
            serial: serial_bytes,
            sha256: sha256(certificate.der()),
            not_after: params.not_after,
            authority_sha256: signer.fingerprint,
        })
    }
}

/// The public key of a request whose signature is right.
fn public_key(csr: &[u8]) -> Result<SubjectPublicKeyInfo, IssueError> {
    if csr.len() > CSR_BYTES_MAX {
        return Err(IssueError::TooLong(csr.len()));
    }
    let (rest, request) =
        X509CertificationRequest::from_der(csr).map_err(|_| IssueError::Unreadable)?;
    // Bytes behind the request would be covered by no signature.
    if !rest.is_empty() {
        return Err(IssueError::Unreadable);
    }
    let raw = request.certification_request_info.subject_pki.raw;
    let key = SubjectPublicKeyInfo::from_der(raw).map_err(|_| IssueError::KeyKind)?;
    // No RSA: a short key would be the weakest link of a fleet, and checking the length of one is
    // another thing to get wrong.
    let kinds = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519];
    if !kinds.into_iter().any(|kind| kind == key.algorithm()) {
        return Err(IssueError::KeyKind);
    }
    request.verify_signature().map_err(|_| IssueError::Signature)?;
    Ok(key)
}
