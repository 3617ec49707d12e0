//! An enrolment: one request, one reply, on a connection without a client certificate.
//!
//! Strangers come this way, so everything is small, bounded in time and limited by address. A
//! token is spent only together with the certificate that it buys.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use metrics::counter;
use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::frame::Frame;
use protocol::ids::{AgentId, CompanyId};
use protocol::limits::{CSR_BYTES_MAX, FACT_BYTES_MAX};
use protocol::reject::RejectReason;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::Shared;
use super::agents::{EnrolError, Unavailable};
use super::frames::{self, FrameReader};
use super::line::Refusal;
use crate::authority::{IssueError, IssuedCertificate};
use crate::metrics::{INGEST_ENROLMENTS, LABEL_OUTCOME};

/// Bytes of a request's frame: a signing request, three short texts and what stands around them.
const REQUEST_BYTES_MAX: usize = CSR_BYTES_MAX + 2 * FACT_BYTES_MAX + 256;
/// How long an enrolment may take once the connection stands.
// More than the database's own timeout for a connection, so that a busy one gives a "no" that says
// so, rather than silence.
const ENROL_WITHIN: Duration = Duration::from_secs(20);

/// Answers one enrolment.
pub(super) async fn run<R, W>(shared: &Shared, source: IpAddr, receive: R, mut send: W)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // Around reading and answering, not around sending the reply: a token that was spent is worth a
    // try to say so.
    let answering = tokio::time::timeout(ENROL_WITHIN, answer(shared, source, receive));
    let Ok(Some(reply)) = answering.await else {
        // Nothing came that could be answered.
        return;
    };
    let outcome = match &reply {
        EnrolReply::Granted { .. } => "granted",
        EnrolReply::Refused { reason, .. } => reason.as_str(),
    };
    counter!(INGEST_ENROLMENTS, LABEL_OUTCOME => outcome).increment(1);
    let Ok(frame) = shared.codecs.pack(reply.encode()) else {
        return;
    };
    if let Err(error) = frames::write(&mut send, &frame).await {
        tracing::debug!(%source, %error, "an enrolment's reply cannot be sent");
        return;
    }
    // The other side may be gone already, which is its right.
    send.shutdown().await.ok();
}

async fn answer<R: AsyncRead + Unpin>(
    shared: &Shared,
    source: IpAddr,
    receive: R,
) -> Option<EnrolReply> {
    // Before anything is read: guessing secrets costs an address its share whether or not it sends
    // a whole request.
    if let Err(wait) = shared.enrolments.take(network(source), shared.clock.instant()) {
        let refusal = Refusal::new(RejectReason::RateLimited, "too many tries from this address");
        return Some(refuse(source, refusal.after(wait)));
    }
    let mut reader = FrameReader::new(receive, REQUEST_BYTES_MAX, &shared.bytes_in_reading);
    let request = match reader.next().await {
        Ok(Some(frame)) => decode(shared, &frame).and_then(check),
        // Opened and closed without a word, as health checks and port scanners do.
        Ok(None) => return None,
        Err(error) => Err(error.refusal()?),
    };
    Some(match request {
        Ok(request) => enrol(shared, source, &request).await,
        Err(refusal) => refuse(source, refusal),
    })
}

fn decode(shared: &Shared, frame: &Frame) -> Result<EnrolRequest, Refusal> {
    let message = shared.codecs.unpack(frame).map_err(|error| frames::refusal_of(&error))?;
    EnrolRequest::decode(&message)
        .map_err(|error| Refusal::new(RejectReason::Undecodable, error.to_string()))
}

async fn enrol(shared: &Shared, source: IpAddr, request: &EnrolRequest) -> EnrolReply {
    // The store only knows reasons, and a person at a new host needs the words; so the closure
    // leaves them here.
    let why = std::sync::Mutex::new(None);
    let issue = |company: CompanyId, agent: AgentId| {
        issue(shared, &request.csr, company, agent).map_err(|error| {
            let reason = reason_of(&error);
            if let Ok(mut why) = why.lock() {
                *why = Some(error);
            }
            reason
        })
    };
    match shared.agents.enrol(request, &issue).await {
        Ok(enrolled) => {
            tracing::info!(
                %source,
                company = %enrolled.company,
                agent = %enrolled.agent,
                token = %request.token,
                "enrolled an agent"
            );
            EnrolReply::Granted {
                company: enrolled.company,
                agent: enrolled.agent,
                chain: enrolled.certificate.chain,
                // A list: while one authority takes the place of another, both are trusted.
                roots: shared.authority.present().trusted().map(|root| root.to_vec()).collect(),
                settings: enrolled.settings,
            }
        }
        Err(EnrolError::Refused(reason)) => {
            let why = why.into_inner().ok().flatten();
            let detail = why.map_or_else(String::new, |error: IssueError| error.to_string());
            refuse(source, Refusal::new(reason, detail))
        }
        Err(EnrolError::Unavailable(Unavailable)) => {
            refuse(source, Refusal::new(RejectReason::Internal, Unavailable.to_string()))
        }
    }
}

/// Signs a certificate, for an enrolment or for a renewal.
pub(super) fn issue(
    shared: &Shared,
    csr: &[u8],
    company: CompanyId,
    agent: AgentId,
) -> Result<IssuedCertificate, IssueError> {
    shared.authority.issue_agent(
        csr,
        (company, agent),
        shared.config.certificate_validity,
        &shared.random,
        shared.clock.now(),
    )
}

/// What the other side is told of a request that is not signed.
pub(super) const fn reason_of(error: &IssueError) -> RejectReason {
    match error {
        IssueError::TooLong(_)
        | IssueError::Unreadable
        | IssueError::Signature
        | IssueError::KeyKind => RejectReason::InvalidRequest,
        IssueError::Internal(_) => RejectReason::Internal,
    }
}

/// Refuses texts that are too long or not plain: they are shown to people.
fn check(request: EnrolRequest) -> Result<EnrolRequest, Refusal> {
    for (field, text) in
        [("hostname", &request.hostname), ("agent_version", &request.agent_version)]
    {
        // They go into logs and onto pages before any report of this host has been validated.
        if text.len() > FACT_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(Refusal::new(
                RejectReason::InvalidRequest,
                format!("{field} is too long or holds a control character"),
            ));
        }
    }
    if let Some(label) = request.labels.iter().find(|label| !label.is_valid()) {
        return Err(Refusal::new(
            RejectReason::InvalidRequest,
            format!(
                "the label {:?} has no name, is too long or holds a control character",
                label.name
            ),
        ));
    }
    Ok(request)
}

fn refuse(source: IpAddr, refusal: Refusal) -> EnrolReply {
    tracing::info!(%source, reason = %refusal.reason, detail = refusal.detail, "refused an enrolment");
    EnrolReply::Refused {
        reason: refusal.reason,
        detail: refusal.detail,
        retry_after_ms: refusal.retry_after_ms,
    }
}

/// Whose share an address takes: a host with IPv6 has a whole /64 of them.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_one_ipv6_network_share_one_limit() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }
}
