//! Hearing what other sessions say, on a connection that does nothing else.
//!
//! A signal only says where to look, and may be lost: what it stands for is always in a table.

use protocol::ids::{AgentId, CompanyId};
use sqlx::postgres::PgListener;

use super::{COMMANDS, FINDINGS, JOBS, REVOCATIONS, Revoked, SETTINGS};
use crate::database::Store;
use crate::error::StoreError;

/// Something that another session said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// There is something to tell this agent: ask [`super::pending`].
    Command(AgentId),
    /// Somebody was let go.
    Revoked(Revoked),
    /// A job waits.
    Job,
    /// Findings of this company were opened, resolved or changed: read [`crate::events`].
    Findings(CompanyId),
    /// What this company's agents are told has changed.
    Settings(CompanyId),
    /// The connection was lost meanwhile, and signals with it: poll everything.
    Missed,
}

/// A connection that hears signals.
#[derive(Debug)]
pub struct Signals {
    listener: PgListener,
}

impl Store {
    /// Listens for signals on a connection of its own.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn signals(&self) -> Result<Signals, StoreError> {
        // It holds one of the pool's connections for as long as it listens.
        let mut listener = PgListener::connect_with(self.pool()).await?;
        listener
            // sqlx listens to all of them again whenever it has to make the connection anew.
            .listen_all([COMMANDS, REVOCATIONS, JOBS, FINDINGS, SETTINGS])
            .await?;
        Ok(Signals { listener })
    }
}

impl Signals {
    /// Asks the connection whether it is still one. Nothing is sent on it otherwise, so one whose
    /// other end is gone without a word would be listened to for ever.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        // Notifications that arrive with the answer are kept by sqlx for the next `try_recv`.
        sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(&mut self.listener).await?;
        Ok(())
    }

    /// The next signal. What no signal is, is passed over.
    ///
    /// # Errors
    ///
    /// When the database cannot be used and the connection cannot be made again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: a signal that was read is returned at once.
    pub async fn next(&mut self) -> Result<Signal, StoreError> {
        loop {
            // `try_recv` gives `None` when the connection was lost: until there is a new one, what is
            // said is said to nobody.
            let Some(notification) = self.listener.try_recv().await? else {
                return Ok(Signal::Missed);
            };
            if let Some(signal) = signal(notification.channel(), notification.payload()) {
                return Ok(signal);
            }
        }
    }
}

fn signal(channel: &str, payload: &str) -> Option<Signal> {
    match channel {
        COMMANDS => payload.parse().ok().map(Signal::Command),
        REVOCATIONS => {
            let (kind, id) = payload.split_once(' ')?;
            let revoked = match kind {
                "agent" => Revoked::Agent(id.parse().ok()?),
                "company" => Revoked::Company(id.parse().ok()?),
                // A newer release may send kinds that this one does not know; its poll finds what
                // concerns it.
                _ => return None,
            };
            Some(Signal::Revoked(revoked))
        }
        JOBS => Some(Signal::Job),
        FINDINGS => payload.parse().ok().map(Signal::Findings),
        SETTINGS => payload.parse().ok().map(Signal::Settings),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn passes_over_what_is_no_signal() {
        let id = Uuid::from_u128(7);
        assert_eq!(signal(COMMANDS, &id.to_string()), Some(Signal::Command(AgentId(id))));
        assert_eq!(
            signal(REVOCATIONS, &format!("company {id}")),
            Some(Signal::Revoked(Revoked::Company(CompanyId(id))))
        );
        assert_eq!(signal(FINDINGS, &id.to_string()), Some(Signal::Findings(CompanyId(id))));
        assert_eq!(signal(SETTINGS, &id.to_string()), Some(Signal::Settings(CompanyId(id))));
        // Anybody with a login may say anything on a channel: what does not parse must not end the
        // listening.
        for (channel, payload) in [
            (COMMANDS, "everyone"),
            (REVOCATIONS, "agent"),
            (REVOCATIONS, "planet 0"),
            (FINDINGS, "everyone's"),
            ("other", ""),
        ] {
            assert_eq!(signal(channel, payload), None, "{channel} {payload}");
        }
    }
}
