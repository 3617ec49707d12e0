//! Whom an agent trusts, and by whom its own certificate is, while one authority takes the place of another.

use std::time::Duration;

use protocol::message::{Capabilities, CollectorMessage, Hello};
use protocol::reject::RejectReason;
use tokio::io::AsyncWrite;

use super::{Parting, Session};

/// How long the database may take to note by which authority an agent comes.
const NOTE_WITHIN: Duration = Duration::from_secs(5);

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    /// Sends an agent away whose certificate is of an authority that was retired: TLS still knows that one, so
    /// that the agent hears a word and not an alert.
    pub(super) fn is_of_retired(&self) -> Result<(), Parting> {
        if self.shared.authority.present().is_retired(self.peer.issuer) {
            return Err(Parting::refused(
                RejectReason::AgentRevoked,
                "its certificate is of an authority that was retired: enrol this host again",
            ));
        }
        Ok(())
    }

    /// Tells an agent whom to trust if it does not know, and notes that it has come over.
    pub(super) async fn greet_authorities(&mut self, hello: &Hello) -> Result<(), Parting> {
        let present = self.shared.authority.present();
        // Agents of before decision 52 say nothing, and cannot be told.
        let Some(trusted) = hello.authorities() else {
            return Ok(());
        };
        let is_over = present.signs(self.peer.issuer) && trusted == present.trusted_number();
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

    /// Tells an agent whom to trust, unless it says that it does and its certificate is of the authority that
    /// signs.
    pub(super) async fn tell_authorities(&mut self, trusted: Option<u64>) -> Result<(), Parting> {
        let present = self.shared.authority.present();
        let is_old = !present.signs(self.peer.issuer);
        let knows = trusted == Some(present.trusted_number());
        if !self.capabilities.has(Capabilities::AUTHORITIES) || knows && !is_old {
            return Ok(());
        }
        let roots = present.trusted().map(|root| root.to_vec()).collect();
        let renew_within_s = is_old.then_some(self.shared.config.renew_within_s);
        self.send(&CollectorMessage::Authorities { roots, renew_within_s }).await
    }
}
