//! What an agent's certificate says: who it is, for which key, and for how long.

use std::time::Duration;

use protocol::ids::{AgentId, CompanyId};
use uuid::Uuid;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

use super::UnusableCertificate;

/// An agent's certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The company.
    pub company: CompanyId,
    /// The agent.
    pub agent: AgentId,
    /// The trust domain that both belong to.
    pub trust_domain: String,
    /// When it begins, in milliseconds since 1970.
    pub not_before_ms: u64,
    /// When it ends, in milliseconds since 1970.
    pub not_after_ms: u64,
    /// The public key (`SubjectPublicKeyInfo`, RFC 5280), DER.
    pub public_key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate (DER), whose only name is
    /// `spiffe://<trust domain>/company/<uuid>/agent/<uuid>` (SPIFFE-ID, section 2).
    pub(super) fn parse(der: &[u8]) -> Result<Self, String> {
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
        // Whatever follows the certificate is signed by nobody.
        if !rest.is_empty() {
            return Err("something follows it".to_owned());
        }
        let names = parsed
            .subject_alternative_name()
            .map_err(|error| error.to_string())?
            .map(|extension| extension.value.general_names.as_slice());
        // Exactly one, as SPIFFE demands: of two names, two programs could each believe another
        // one.
        let Some([GeneralName::URI(uri)]) = names else {
            return Err("it does not have exactly one name, a URI".to_owned());
        };
        let (trust_domain, company, agent) =
            parse_uri(uri).ok_or_else(|| format!("{uri:?} is no agent's name"))?;
        Ok(Self {
            company,
            agent,
            trust_domain: trust_domain.to_owned(),
            not_before_ms: milliseconds(parsed.validity().not_before),
            not_after_ms: milliseconds(parsed.validity().not_after),
            public_key: parsed.public_key().raw.to_vec(),
        })
    }

    /// How long it still is until two thirds of its life are over, when it is to be renewed; zero
    /// when that moment has passed.
    #[must_use]
    pub fn renew_after(&self, now_ms: u64) -> Duration {
        let life = self.not_after_ms.saturating_sub(self.not_before_ms);
        let renew_at_ms = self.not_before_ms.saturating_add(life / 3 * 2);
        // A clock that is years behind puts nothing off for years.
        Duration::from_millis(renew_at_ms.saturating_sub(now_ms).min(life / 3 * 2))
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn has_expired(&self, now_ms: u64) -> bool {
        now_ms >= self.not_after_ms
    }
}

/// Whether a certificate (DER) is an authority's, for which it says that it may sign (RFC 5280, section
/// 4.2.1.9).
pub(super) fn check_authority(der: &[u8]) -> Result<(), UnusableCertificate> {
    let unreadable = |why: String| UnusableCertificate::Unreadable(why);
    let (rest, parsed) =
        x509_parser::parse_x509_certificate(der).map_err(|error| unreadable(error.to_string()))?;
    if !rest.is_empty() || !parsed.is_ca() {
        return Err(unreadable("it is no authority's".to_owned()));
    }
    Ok(())
}

fn parse_uri(uri: &str) -> Option<(&str, CompanyId, AgentId)> {
    let (trust_domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    let (company, agent) = path.strip_prefix("company/")?.split_once("/agent/")?;
    let id = |text: &str| {
        let id = Uuid::try_parse(text).ok()?;
        // One agent has one name: no capitals, no braces.
        (id.to_string() == text).then_some(id)
    };
    (!trust_domain.is_empty()).then_some(())?;
    Some((trust_domain, CompanyId(id(company)?), AgentId(id(agent)?)))
}

fn milliseconds(time: ASN1Time) -> u64 {
    u64::try_from(time.timestamp()).map_or(0, |seconds| seconds.saturating_mul(1_000))
}
