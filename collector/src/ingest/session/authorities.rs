//! Whom an agent trusts, and by whom its own certificate is, while one authority takes the place of another.

use std::time::Duration;

use protocol::message::{Capabilities, CollectorMessage, Hello};
use protocol::reject::RejectReason;
use tokio::io::AsyncWrite;

use super::{Parting, Session};
use crate::authority::Stand;

/// How long the database may take to note by which authority an agent comes.
const NOTE_WITHIN: Duration = Duration::from_secs(5);

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    /// Sends an agent away whose certificate is of an authority that is not trusted. Its handshake does not say so:
    /// TLS still knows one that was retired, so that the agent hears a word and not an alert; and a ticket brings
    /// a certificate that nobody verifies again, of whichever authority.
    pub(super) fn is_of_trusted(&self) -> Result<(), Parting> {
        let refused = |reason, detail| Err(Parting::refused(reason, detail));
        match self.shared.authority.present().stand_of(self.peer.issuer) {
            Some(Stand::Signs | Stand::Next | Stand::Previous) => Ok(()),
            Some(Stand::Retired) => refused(
                RejectReason::AgentRevoked,
                "its certificate is of an authority that was retired: enrol this host again",
            ),
            // A reason that passes: another node may have the files that this one lacks.
            None => refused(
                RejectReason::Internal,
                "its certificate is of an authority that this node does not know",
            ),
        }
    }

    /// Tells an agent whom to trust if it does not know, and notes that it has come over.
    pub(super) async fn greet_authorities(&mut self, hello: &Hello) -> Result<(), Parting> {
        let present = self.shared.authority.present();
        // Agents of before decision 52 say nothing, and cannot be told.
        let Some(trusted) = hello.authorities() else {
            return Ok(());
        };
        let is_over = present.stand_of(self.peer.issuer) == Some(Stand::Signs)
            && trusted == present.trusted_number();
        if is_over && present.is_moving() {
            let (agents, peer) = (&self.shared.agents, self.peer);
            let noting =
                agents.note_authority(peer.company, peer.agent, present.signer.fingerprint);
            // Said again with every session, so one that is not noted now is noted later.
            if tokio::time::timeout(NOTE_WITHIN, noting).await.is_err() {
                tracing::debug!("noting an agent's authority takes too long");
            }
        }
        self.tell_authorities(Some(trusted)).await
    }

    /// Tells an agent whom to trust, unless it says that it does and its certificate is not of the authority that
    /// signed before.
    pub(super) async fn tell_authorities(&mut self, trusted: Option<u64>) -> Result<(), Parting> {
        let present = self.shared.authority.present();
        // Not where it is of the next one: this node has yet to follow, and would have it go back.
        let is_old = present.stand_of(self.peer.issuer) == Some(Stand::Previous);
        let knows = trusted == Some(present.trusted_number());
        if !self.capabilities.has(Capabilities::AUTHORITIES) || knows && !is_old {
            return Ok(());
        }
        let roots = present.trusted().map(|root| root.to_vec()).collect();
        let renew_within_s = is_old.then_some(self.shared.config.renew_within_s);
        self.send(&CollectorMessage::Authorities { roots, renew_within_s }).await
    }
}
