//! Enrolment: how a host with a token becomes an agent with a certificate.
//!
//! Over a connection with ALPN `muster-enrol/1` and no client certificate, on one bidirectional
//! stream: one [`EnrolRequest`], one [`EnrolReply`]. The host has authenticated the collector
//! before it sends the token, because the token carries the fingerprint of the collector's CA.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, CompanyId, TokenId};
use crate::label::Label;
use crate::limits;
use crate::message::Settings;
use crate::reject::RejectReason;
use crate::wire::bounded;

/// What a host sends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The token's public part.
    pub token: TokenId,
    /// The token's secret.
    pub secret: [u8; 32],
    /// A PKCS#10 request with the host's own key, DER. Its subject is ignored.
    #[serde(deserialize_with = "bounded::list::<_, _, { limits::CSR_BYTES_MAX }>")]
    pub csr: Vec<u8>,
    /// The host's name, for people until the first report comes.
    #[serde(deserialize_with = "bounded::text::<_, { limits::FACT_BYTES_MAX }>")]
    pub hostname: String,
    /// The agent's version.
    #[serde(deserialize_with = "bounded::text::<_, { limits::FACT_BYTES_MAX }>")]
    pub agent_version: String,
    /// What the host is to be labelled with, besides what its token says.
    #[serde(deserialize_with = "bounded::list::<_, _, { limits::HOST_LABELS_MAX }>")]
    pub labels: Vec<Label>,
}

impl std::fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolRequest")
            .field("token", &self.token)
            .field("hostname", &self.hostname)
            .field("agent_version", &self.agent_version)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// What the collector answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnrolReply {
    /// The host is an agent now.
    Granted {
        /// Its company.
        company: CompanyId,
        /// Its own identity.
        agent: AgentId,
        /// The certificate chain, the agent's own first, each DER.
        #[serde(deserialize_with = "bounded::chain")]
        chain: Vec<Vec<u8>>,
        /// The certificates of the CA that the collector's certificate ends in, each DER.
        #[serde(deserialize_with = "bounded::chain")]
        roots: Vec<Vec<u8>>,
        /// How to behave.
        settings: Settings,
    },
    /// It is not.
    Refused {
        /// Why.
        reason: RejectReason,
        /// For people.
        #[serde(deserialize_with = "bounded::text::<_, { limits::REASON_BYTES_MAX }>")]
        detail: String,
        /// How long to wait before another try, in milliseconds; 0 when another try is useless.
        retry_after_ms: u32,
    },
}
