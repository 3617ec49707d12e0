//! Who a simulated agent is: a few hundred bytes each, so that a hundred thousand fit anywhere.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::ids::{AgentId, CompanyId, Epoch};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

/// What makes a simulated host an agent.
#[derive(Clone)]
pub(crate) struct Identity {
    /// Its company.
    pub(crate) company: CompanyId,
    /// Itself.
    pub(crate) agent: AgentId,
    /// Its key, PKCS#8 DER. A secret.
    pub(crate) key: Box<[u8]>,
    /// Its certificate, DER.
    pub(crate) certificate: Box<[u8]>,
    /// Who signed it, and whom it trusts.
    pub(crate) authority: Arc<Authority>,
    /// Epochs up to this one are used or reserved by earlier runs.
    pub(crate) epoch: Epoch,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("company", &self.company)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

/// Certificates that many agents have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Certificates {
    /// The chain above an agent's own, DER.
    pub(crate) issuers: Vec<Vec<u8>>,
    /// What the collector's chain has to end in, DER.
    pub(crate) roots: Vec<Vec<u8>>,
}

/// The certificates of a collector's authority, read once for all of its agents.
#[derive(Debug)]
pub(crate) struct Authority {
    /// As they were sent.
    pub(crate) certificates: Certificates,
    /// The roots, as TLS wants them.
    pub(crate) roots: Arc<RootCertStore>,
}

impl Authority {
    fn new(certificates: Certificates) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        for root in &certificates.roots {
            roots.add(CertificateDer::from(root.clone()))?;
        }
        Ok(Self { certificates, roots: Arc::new(roots) })
    }
}

/// The authorities of a fleet's collectors: one, or a few while one is being changed.
#[derive(Debug, Default)]
pub(crate) struct Authorities(Mutex<Vec<Arc<Authority>>>);

impl Authorities {
    /// The one with these certificates.
    ///
    /// # Errors
    ///
    /// When a root is no certificate.
    pub(crate) fn get(&self, certificates: Certificates) -> Result<Arc<Authority>, rustls::Error> {
        // Under one lock for the look and the adding: two agents that enrol at once must get one
        // authority.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Compared whole: certificates of the same key that were issued again are another chain on
        // the wire.
        let alike = |authority: &&Arc<Authority>| authority.certificates == certificates;
        if let Some(authority) = known.iter().find(alike) {
            return Ok(Arc::clone(authority));
        }
        let authority = Arc::new(Authority::new(certificates)?);
        known.push(Arc::clone(&authority));
        Ok(authority)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    /// An identity with a key that can be told in any output.
    pub(crate) fn identity(number: u128) -> Identity {
        Identity {
            company: CompanyId(Uuid::from_u128(1)),
            agent: AgentId(Uuid::from_u128(number)),
            key: Box::new([250, 251]),
            certificate: Box::new([4]),
            authority: Arc::new(Authority::new(Certificates::default()).expect("none")),
            epoch: Epoch(0),
        }
    }

    #[test]
    fn agents_of_one_authority_share_its_certificates() {
        let authorities = Authorities::default();
        let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).expect("a certificate");
        let certificates =
            Certificates { issuers: Vec::new(), roots: vec![ca.cert.der().to_vec()] };
        let one = authorities.get(certificates.clone()).expect("one");
        let again = authorities.get(certificates).expect("the same");
        assert!(Arc::ptr_eq(&one, &again));
        assert_eq!(one.roots.len(), 1);
        let broken = Certificates { issuers: Vec::new(), roots: vec![vec![1, 2, 3]] };
        assert!(authorities.get(broken).is_err());
    }

    #[test]
    fn never_shows_its_key() {
        assert!(!format!("{:?}", identity(2)).contains("250"));
    }
}
