//! An agent's identity in its session: another certificate, another identity, or none any more.
//!
//! Whatever is handed out is in the database first: a certificate that nobody noted is thrown away.

use std::time::Duration;

use metrics::counter;
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::message::{Capabilities, CollectorMessage};
use protocol::reject::RejectReason;
use tokio::io::AsyncWrite;

use super::{Parting, Session};
use crate::authority::PeerIdentity;
use crate::ingest::enrolment;
use crate::ingest::line::Refusal;
use crate::metrics::{INGEST_REKEYS, INGEST_RENEWALS, LABEL_OUTCOME};

/// How long the database may take to note what is handed out.
const NOTE_WITHIN: Duration = Duration::from_secs(10);

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    pub(super) async fn renew(&mut self, csr: &[u8]) -> Result<(), Parting> {
        let (outcome, message) = match self.renewed(csr).await? {
            Ok(chain) => ("granted", CollectorMessage::Certificate { chain }),
            // No report has position zero: the answer is to the request.
            Err(refusal) => (refusal.reason.as_str(), refusal.to_reject(Position::default())),
        };
        counter!(INGEST_RENEWALS, LABEL_OUTCOME => outcome).increment(1);
        self.send(&message).await
    }

    async fn renewed(&mut self, csr: &[u8]) -> Result<Result<Vec<Vec<u8>>, Refusal>, Parting> {
        // The word of a retirement may be on its way to this session.
        self.is_of_trusted()?;
        if let Err(wait) = self.take_request(self.shared.clock.instant()) {
            let refusal = Refusal::new(RejectReason::RateLimited, "too many requests");
            return Ok(Err(refusal.after(wait)));
        }
        let PeerIdentity { company, agent, .. } = *self.peer;
        let issued = match enrolment::issue(self.shared, csr, company, agent) {
            Ok(issued) => issued,
            Err(error) => {
                let reason = enrolment::reason_of(&error);
                return Ok(Err(Refusal::new(reason, error.to_string())));
            }
        };
        let noting = self.shared.agents.note_certificate(company, agent, &issued);
        match tokio::time::timeout(NOTE_WITHIN, noting).await {
            Ok(Ok(true)) => {
                tracing::info!(not_after = %issued.not_after, "renewed a certificate");
                Ok(Ok(issued.chain))
            }
            // The certificate was signed and is thrown away: only one that the database knows is
            // ever handed out.
            Ok(Ok(false)) => Err(Parting::refused(RejectReason::AgentRevoked, "")),
            Ok(Err(_)) | Err(_) => {
                Ok(Err(Refusal::new(RejectReason::Internal, "the certificate cannot be noted now")))
            }
        }
    }

    /// Asks an agent whose identity is on several machines to become another one.
    pub(super) async fn ask_for_rekey(&mut self) -> Result<(), Parting> {
        if self.capabilities.has(Capabilities::REKEY) && self.presence.is_some() {
            self.send(&CollectorMessage::Rekey).await?;
        }
        Ok(())
    }

    /// Makes another agent of this one, if it was asked to become one.
    pub(super) async fn rekey(&mut self, csr: &[u8]) -> Result<(), Parting> {
        // As for a renewal.
        self.is_of_trusted()?;
        let (outcome, message) = match self.rekeyed(csr).await {
            Ok((agent, chain)) => ("granted", CollectorMessage::Rekeyed { agent, chain }),
            Err(refusal) => (refusal.reason.as_str(), refusal.to_reject(Position::default())),
        };
        counter!(INGEST_REKEYS, LABEL_OUTCOME => outcome).increment(1);
        self.send(&message).await
    }

    async fn rekeyed(&mut self, csr: &[u8]) -> Result<(AgentId, Vec<Vec<u8>>), Refusal> {
        if let Err(wait) = self.take_request(self.shared.clock.instant()) {
            let refusal = Refusal::new(RejectReason::RateLimited, "too many requests");
            return Err(refusal.after(wait));
        }
        // One that does not say which process it is cannot be told from the others.
        let unasked = || Refusal::new(RejectReason::UnexpectedMessage, "nobody asked for it");
        let process = self.presence.ok_or_else(unasked)?.process;
        let PeerIdentity { company, agent, .. } = *self.peer;
        let issue = |company: CompanyId, agent: AgentId| {
            enrolment::issue(self.shared, csr, company, agent)
                .map_err(|error| enrolment::reason_of(&error))
        };
        let agents = &self.shared.agents;
        let asking = agents.rekey(company, agent, process, &issue);
        match tokio::time::timeout(NOTE_WITHIN, asking).await {
            Ok(Ok(Some((became, issued)))) => {
                tracing::warn!(%became, "an agent on several machines became another one");
                Ok((became, issued.chain))
            }
            Ok(Ok(None)) => Err(unasked()),
            Ok(Err(_)) | Err(_) => {
                Err(Refusal::new(RejectReason::Internal, "another identity cannot be noted now"))
            }
        }
    }

    /// Lets an agent go for good.
    pub(super) async fn farewell(&mut self) -> Result<(), Parting> {
        let PeerIdentity { company, agent, .. } = *self.peer;
        let noting = self.shared.agents.note_departure(company, agent);
        match tokio::time::timeout(NOTE_WITHIN, noting).await {
            Ok(Ok(())) => {
                tracing::info!("an agent left for good");
                self.send(&CollectorMessage::Gone).await?;
                Err(Parting::Closed)
            }
            Ok(Err(_)) | Err(_) => {
                Err(Parting::refused(RejectReason::Internal, "the departure cannot be noted now"))
            }
        }
    }
}
