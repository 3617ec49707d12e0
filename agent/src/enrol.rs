//! Enrolment: a token becomes an identity.
//!
//! The token carries the fingerprint of the collector's authority, so the first contact is already
//! authenticated: the secret is sent only over a connection that ends in that authority. It must
//! never send a token to anybody else, and never write one anywhere.

use std::time::Duration;

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::frame::{Frame, FrameError, Packing, Unpacker};
use protocol::label::Label;
use protocol::message::Settings;
use protocol::reject::RejectReason;
use protocol::token::EnrolmentToken;
use protocol::wire::DecodeError;

use crate::config::Reach;
use crate::identity::{Grant, Identity, NewKey, UnusableCertificate};
use crate::logging::sanitise;
use crate::tls;
use crate::uplink::{CONNECT_WITHIN, FrameReader, Plan, ReadError, Stream, Unreached, dial_first};

/// How long a collector may take to answer; it may have to wait for its database.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What a host says of itself before it is an agent.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    /// Its name.
    pub name: &'a str,
    /// The agent's version.
    pub agent_version: &'a str,
    /// What it is to be labelled with; at most [`protocol::limits::HOST_LABELS_MAX`].
    pub labels: &'a [Label],
}

/// What an enrolment gives.
#[derive(Debug)]
pub struct Enrolled {
    /// Who the host is now.
    pub identity: Identity,
    /// How to behave.
    pub settings: Settings,
}

/// Why a host is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// No collector of the token could be reached.
    #[error(transparent)]
    Dial(#[from] Unreached),
    /// The cryptography does not work.
    #[error("prepare the handshake: {0}")]
    Tls(#[from] rustls::Error),
    /// There is no key.
    #[error("make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// The connection broke before the answer; the token may be spent.
    #[error(
        "{address} does not answer the request ({why}); try again, and make a new token if this one is spent"
    )]
    NoAnswer {
        /// The collector.
        address: String,
        /// What happened.
        why: String,
    },
    /// The answer is no answer.
    #[error("{address} sends something that is no answer: {why}")]
    Garbled {
        /// The collector.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// The collector says no.
    #[error("the collector refuses: {reason}{}{detail}; {}", if detail.is_empty() { "" } else { ": " }, advice(*reason))]
    Refused {
        /// Why.
        reason: RejectReason,
        /// In words for people.
        detail: String,
        /// How long to wait before another try; `None` when another try is useless.
        retry_after: Option<Duration>,
    },
    /// The collector gives a certificate that this host cannot use.
    #[error("the collector's answer cannot be used: {0}")]
    Unusable(#[from] UnusableCertificate),
    /// The collector gives other authorities than the one that the token names.
    #[error("the collector's answer does not hold the authority that the token names")]
    OtherAuthority,
}

/// Enrols this host with the first of some collectors that answers: those of the token, or others that are configured.
///
/// # Errors
///
/// When no collector can be reached, or when one says no. A refusal is final for all of them: they
/// speak for the same company.
pub async fn enrol(
    token: &EnrolmentToken,
    collectors: &[String],
    reach: &Reach,
    host: &Newcomer<'_>,
) -> Result<Enrolled, EnrolError> {
    let plan = |address: &String| Plan::fresh(address, reach, CONNECT_WITHIN);
    let plans: Vec<_> = collectors.iter().map(plan).collect();
    let key = NewKey::generate()?;
    let request = EnrolRequest {
        token: token.id,
        secret: token.secret,
        csr: key.request()?,
        hostname: host.name.to_owned(),
        agent_version: host.agent_version.to_owned(),
        labels: host.labels.to_vec(),
    };
    let config = tls::enrol_config(token.ca_sha256)?;
    let mut stream = dial_first(plans, config).await?;
    // From here on the token may be spent, and the next collector would only say so.
    let address = stream.to.clone();
    let answer = ask(&mut stream, &request)
        .await
        .map_err(|why| EnrolError::NoAnswer { address: address.clone(), why: sanitise(&why) })?;
    // The collector holds a place for this connection until it hears of its end.
    stream.farewell("enrolled").await;
    let reply = decode(&answer)
        .map_err(|why| EnrolError::Garbled { address, why: sanitise(&why.to_string()) })?;
    use_reply(reply, key, token)
}

/// Says the request and waits for an answer; why there is none, for people.
async fn ask(stream: &mut Stream, request: &EnrolRequest) -> Result<Frame, String> {
    let frame = Frame {
        // Unpacked: it is the one message that is sent once in an agent's life, and random bytes do
        // not shrink.
        packing: Packing::Plain,
        payload: request.encode(),
    };
    let exchange = async {
        let lost = |error: std::io::Error| ReadError::Connection(error.to_string());
        stream.say(&frame.to_bytes()).await.map_err(lost)?;
        FrameReader::default().read(stream).await
    };
    tokio::time::timeout(ANSWER_WITHIN, exchange)
        .await
        .map_err(|_| format!("silent for {} s", ANSWER_WITHIN.as_secs()))?
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "it ended the connection".to_owned())
}

/// What a frame says that should be a reply.
#[derive(Debug, thiserror::Error)]
enum BadReply {
    #[error("{0}")]
    Memory(#[from] std::io::Error),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Message(#[from] DecodeError),
}

fn decode(frame: &Frame) -> Result<EnrolReply, BadReply> {
    let message = Unpacker::new()?.unpack(frame.packing, &frame.payload)?;
    Ok(EnrolReply::decode(&message)?)
}

fn use_reply(
    reply: EnrolReply,
    key: NewKey,
    token: &EnrolmentToken,
) -> Result<Enrolled, EnrolError> {
    match reply {
        EnrolReply::Granted { company, agent, chain, roots, settings } => {
            let grant = Grant { company, agent, chain, roots, collectors: token.addresses.clone() };
            Ok(Enrolled { identity: identity(key, grant, token)?, settings })
        }
        EnrolReply::Refused { reason, detail, retry_after_ms } => Err(EnrolError::Refused {
            reason,
            detail: sanitise(&detail),
            retry_after: (retry_after_ms > 0)
                .then(|| Duration::from_millis(u64::from(retry_after_ms))),
        }),
    }
}

/// The identity that was granted, if it is one of the authority that the token names.
fn identity(key: NewKey, grant: Grant, token: &EnrolmentToken) -> Result<Identity, EnrolError> {
    // Whoever answers has shown the right authority; what it gives must be the same one, or the agent
    // would trust another from its next connection on.
    let mut roots = grant.roots.iter();
    if !roots.any(|root| tls::has_sha256(root, &token.ca_sha256)) {
        return Err(EnrolError::OtherAuthority);
    }
    // This is where the certificate is compared with the key and the names, before anything is written.
    Ok(Identity::new(key, grant)?)
}

/// What a person can do about a refusal.
const fn advice(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::TokenUnknown => "check that the token is this collector's and copied whole",
        RejectReason::TokenExpired | RejectReason::TokenSpent | RejectReason::TokenRevoked => {
            "make a new token"
        }
        RejectReason::CompanySuspended => "ask the operator of the collector",
        RejectReason::UnsupportedVersion => "install another version of the agent",
        RejectReason::RateLimited
        | RejectReason::QueueFull
        | RejectReason::StorageUnavailable
        | RejectReason::ShuttingDown
        | RejectReason::Internal => "try again in a minute",
        RejectReason::FrameTooLarge
        | RejectReason::Undecodable
        | RejectReason::UnexpectedMessage
        | RejectReason::TooManyRecords
        | RejectReason::InvalidRecord
        | RejectReason::Gap
        | RejectReason::AgentRevoked
        | RejectReason::AgentUnknown
        | RejectReason::InvalidRequest => "compare the versions of agent and collector",
    }
}
