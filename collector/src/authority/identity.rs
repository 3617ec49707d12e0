//! Who a peer is, from its certificate alone.
//!
//! The certificate was verified by TLS before; here its one name is read, strictly: a name that
//! could be read in two ways is no name.

use protocol::ids::{AgentId, CompanyId};
use time::OffsetDateTime;
use uuid::Uuid;
use x509_parser::extensions::GeneralName;

use super::{hex, sha256};

/// An agent, as its certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its company.
    pub company: CompanyId,
    /// Itself.
    pub agent: AgentId,
    /// The certificate's serial number as lower-case hexadecimal digits.
    pub serial: String,
    /// When the certificate ends.
    pub not_after: OffsetDateTime,
    /// Who signed it.
    pub issuer: IssuerName,
}

/// An authority's name, as the first eight bytes of the SHA-256 of its encoding: TLS has checked the signature,
/// so all that is asked of it is which of a few it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerName(u64);

impl IssuerName {
    /// The name in its encoding (X.501, DER).
    pub(super) fn of(raw: &[u8]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = sha256(raw);
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// Why a verified certificate names no agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// It cannot be read.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// It has no name, several, or one of another kind.
    #[error("the certificate does not have exactly one name, a URI")]
    Names,
    /// Its name is not an agent's of this collector.
    #[error("{0:?} is not an agent's identity of this collector")]
    Foreign(String),
}

impl PeerIdentity {
    /// The identity that a verified certificate (DER) gives in a trust domain.
    ///
    /// # Errors
    ///
    /// When its only name is not exactly an agent's identity.
    pub fn from_certificate(
        certificate: &[u8],
        trust_domain: &str,
    ) -> Result<Self, InvalidIdentity> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|_| InvalidIdentity::Unreadable)?;
        let names = parsed
            .subject_alternative_name()
            .map_err(|_| InvalidIdentity::Names)?
            .ok_or(InvalidIdentity::Names)?;
        // SPIFFE's X.509-SVID, section 2: exactly one URI. With a second name it would be left to a
        // reader which of them is meant.
        let [GeneralName::URI(name)] = names.value.general_names.as_slice() else {
            return Err(InvalidIdentity::Names);
        };
        let (company, agent) =
            read(name, trust_domain).ok_or_else(|| InvalidIdentity::Foreign((*name).to_owned()))?;
        Ok(Self {
            company,
            agent,
            serial: hex(parsed.raw_serial()),
            not_after: parsed.validity().not_after.to_datetime(),
            issuer: IssuerName::of(parsed.issuer().as_raw()),
        })
    }
}

/// The name of an agent (SPIFFE-ID, section 2).
pub(super) fn uri(trust_domain: &str, company: CompanyId, agent: AgentId) -> String {
    format!("spiffe://{trust_domain}/company/{company}/agent/{agent}")
}

/// Reads a name back; `None` unless it is written exactly as [`uri`] writes it.
fn read(name: &str, trust_domain: &str) -> Option<(CompanyId, AgentId)> {
    let path = name.strip_prefix("spiffe://")?.strip_prefix(trust_domain)?;
    let ids = path.strip_prefix("/company/")?;
    let (company, agent) = ids.split_once("/agent/")?;
    let company = CompanyId(Uuid::try_parse(company).ok()?);
    let agent = AgentId(Uuid::try_parse(agent).ok()?);
    // Written again and compared: UUIDs parse with capitals, without dashes and in braces, and each
    // of those would be a second name of the same agent.
    (uri(trust_domain, company, agent) == name).then_some((company, agent))
}
