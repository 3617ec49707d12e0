//! Enrolment of a simulated host: its own key, its own request, a real certificate.

use std::time::Duration;

use anyhow::Context as _;
use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::ids::Epoch;
use protocol::message::SERVER_NAME;
use protocol::reject::RejectReason;
use protocol::token::EnrolmentToken;
use quinn::VarInt;
use rcgen::{CertificateParams, KeyPair};
use tokio::time::timeout;

use super::context::Context;
use super::identity::{Certificates, Identity};
use super::inbox::Inbox;

/// How long one try may take.
const TRY_WITHIN: Duration = Duration::from_secs(20);

/// Why one try to enrol did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    /// The collector says no.
    #[error("refused: {reason}: {detail}")]
    Refused {
        /// Why.
        reason: RejectReason,
        /// For people.
        detail: String,
        /// How long to wait; zero when another try is useless.
        retry_after: Duration,
    },
    /// The collector cannot be reached, or does not speak the protocol.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl EnrolError {
    /// How long to wait before another try at least; `None` when another try is useless.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        // The protocol's own rule: a refusal without a wait is for good, and whatever else went
        // wrong may pass.
        match self {
            Self::Refused { retry_after, .. } => Some(*retry_after).filter(|wait| !wait.is_zero()),
            Self::Failed(_) => Some(Duration::from_millis(500)),
        }
    }
}

/// One try to make a host an agent.
pub(crate) async fn enrol(
    context: &Context,
    token: &EnrolmentToken,
    number: u32,
    hostname: &str,
) -> Result<Identity, EnrolError> {
    // Around all of it: a handshake that hangs and a reply that never comes cost the same.
    timeout(TRY_WITHIN, attempt(context, token, number, hostname))
        .await
        .context("the collector does not answer in time")?
}

async fn attempt(
    context: &Context,
    token: &EnrolmentToken,
    number: u32,
    hostname: &str,
) -> Result<Identity, EnrolError> {
    let key = KeyPair::generate().context("make a key")?;
    // Without a subject: the collector ignores it, and takes who it is from the token.
    let csr =
        CertificateParams::default().serialize_request(&key).context("make a signing request")?;
    let request = EnrolRequest {
        token: token.id,
        secret: token.secret,
        csr: csr.der().to_vec(),
        hostname: hostname.to_owned(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        labels: Vec::new(),
    };
    let config = context.tls.enrolment(token.ca_sha256)?;
    let (endpoint, address) = context.route(number);
    let connection = endpoint
        .connect_with(config, address, SERVER_NAME)
        .context("connect")?
        .await
        .context("connect")?;
    let (mut send, recv) = connection.open_bi().await.context("open a stream")?;
    let frame = context.pack(request.encode()).context("pack the request")?;
    send.write_all(&frame.to_bytes()).await.context("send the request")?;
    // The collector reads one request; the end of the stream says that there is no second.
    send.finish().context("send the request")?;
    let reply = Inbox::new(recv).next(&context.unpacker).await.context("read the reply")?;
    // Before the reply is looked at: whatever it says, the collector holds a place until it hears
    // of the end.
    connection.close(VarInt::from_u32(0), b"");
    match EnrolReply::decode(&reply).context("read the reply")? {
        EnrolReply::Granted { company, agent, chain, roots, settings: _ } => {
            let mut chain = chain.into_iter();
            // The agent's own comes first; what is left is the chain above it.
            let certificate = chain.next().context("a grant without a certificate")?;
            let issuers = chain.collect();
            let certificates = Certificates { issuers, roots };
            let authority = context.authorities.get(certificates);
            Ok(Identity {
                company,
                agent,
                key: key.serialize_der().into(),
                certificate: certificate.into(),
                authority: authority.context("read the authority")?,
                // None is used: the collector has never heard of it.
                epoch: Epoch(0),
            })
        }
        EnrolReply::Refused { reason, detail, retry_after_ms } => Err(EnrolError::Refused {
            reason,
            detail,
            retry_after: Duration::from_millis(retry_after_ms.into()),
        }),
    }
}

#[cfg(test)]
mod tests;
