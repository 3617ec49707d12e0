//! The sessions that are open on this node, and a way to say something to each.
//!
//! An agent has one session: a newer one takes the place of the older, which is told to end. What
//! cannot be said at once because a session is busy is not lost: whoever says it says it again,
//! or the agent hears it when it connects the next time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ids::{AgentId, CompanyId};
use protocol::reject::RejectReason;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// What one session may have waiting for it.
const WAITING_MAX: usize = 8;

/// Something to say to an agent, or to do to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Ask for a scan.
    ScanNow {
        /// The request's number.
        request: u64,
    },
    /// Ask for a snapshot.
    SendSnapshot,
    /// Refuse the agent from now on, and end the session.
    Refuse(RejectReason),
    /// End the session: the agent has a newer one.
    Replaced,
}

/// The open sessions. A clone is the same registry.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<Sessions>>);

#[derive(Debug, Default)]
struct Sessions {
    next: u64,
    // In order, so that a company is let go in the same order every time.
    by_agent: BTreeMap<AgentId, Open>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    company: CompanyId,
    commands: mpsc::Sender<Command>,
}

impl Registry {
    /// A registry without sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a session and ends the one that the agent had.
    pub(crate) fn open(&self, company: CompanyId, agent: AgentId) -> Registration {
        let (sender, commands) = mpsc::channel(WAITING_MAX);
        let mut sessions = self.lock();
        sessions.next += 1;
        let number = sessions.next;
        let open = Open {
            number,
            company,
            commands: sender,
        };
        // The newer one wins: an agent that has lost its path cannot end its old session itself.
        if let Some(older) = sessions.by_agent.insert(agent, open) {
            close(&older, Command::Replaced);
        }
        Registration {
            registry: self.clone(),
            agent,
            number,
            commands,
        }
    }

    /// Says something to an agent; `false` when it has no session here or the session is too busy
    /// to hear it.
    pub fn tell(&self, agent: AgentId, command: Command) -> bool {
        let sender = self
            .lock()
            .by_agent
            .get(&agent)
            .map(|open| open.commands.clone());
        // Outside of the lock, and never waiting: a session that does not read must not hold up
        // those that do.
        sender.is_some_and(|sender| sender.try_send(command).is_ok())
    }

    /// Refuses an agent from now on and ends its session; `false` when it has none here.
    pub fn refuse(&self, agent: AgentId, reason: RejectReason) -> bool {
        match self.lock().by_agent.entry(agent) {
            Entry::Occupied(open) => {
                close(open.get(), Command::Refuse(reason));
                open.remove();
                true
            }
            Entry::Vacant(_) => false,
        }
    }

    /// Refuses all agents of a company and ends their sessions; how many.
    pub fn refuse_company(&self, company: CompanyId, reason: RejectReason) -> usize {
        let mut sessions = self.lock();
        let before = sessions.by_agent.len();
        sessions.by_agent.retain(|_, open| {
            let stays = open.company != company;
            if !stays {
                close(open, Command::Refuse(reason));
            }
            stays
        });
        before - sessions.by_agent.len()
    }

    /// Whether an agent has a session here.
    #[must_use]
    pub fn has(&self, agent: AgentId) -> bool {
        self.lock().by_agent.contains_key(&agent)
    }

    /// Open sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().by_agent.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What waits for an agent's session to be heard.
    #[cfg(test)]
    pub(crate) fn waiting(&self, agent: AgentId) -> usize {
        let sessions = self.lock();
        let commands = sessions.by_agent.get(&agent).map(|open| &open.commands);
        commands.map_or(0, |commands| commands.max_capacity() - commands.capacity())
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a session. One that is too busy to hear why sees its channel end.
fn close(open: &Open, last: Command) {
    match open.commands.try_send(last) {
        Ok(()) | Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {}
    }
}

/// A session's place in the registry, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Registry,
    agent: AgentId,
    number: u64,
    commands: mpsc::Receiver<Command>,
}

impl Registration {
    /// The next command. When the session has lost its place, whatever was said last has come and
    /// the session has to end, it is [`Command::Replaced`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Command {
        self.commands.recv().await.unwrap_or(Command::Replaced)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sessions = self.registry.lock();
        if let Entry::Occupied(open) = sessions.by_agent.entry(self.agent)
            // A session that was replaced must not take its successor out with it.
            && open.get().number == self.number
        {
            open.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn company(number: u128) -> CompanyId {
        CompanyId(Uuid::from_u128(number))
    }

    fn agent(number: u128) -> AgentId {
        AgentId(Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn a_newer_session_takes_the_place_of_the_older() {
        let registry = Registry::new();
        let mut older = registry.open(company(1), agent(1));
        let mut newer = registry.open(company(1), agent(1));
        assert_eq!(older.next().await, Command::Replaced);
        drop(older);
        assert!(registry.tell(agent(1), Command::SendSnapshot));
        assert_eq!(newer.next().await, Command::SendSnapshot);
        drop(newer);
        assert!(registry.is_empty());
    }

    #[tokio::test]
    async fn a_suspended_companys_sessions_end_and_no_others() {
        let registry = Registry::new();
        let mut first = registry.open(company(1), agent(1));
        let mut second = registry.open(company(1), agent(2));
        let _other = registry.open(company(2), agent(3));
        let reason = RejectReason::CompanySuspended;
        assert_eq!(registry.refuse_company(company(1), reason), 2);
        assert_eq!(first.next().await, Command::Refuse(reason));
        assert_eq!(second.next().await, Command::Refuse(reason));
        assert!(registry.has(agent(3)));
        assert_eq!(registry.len(), 1);
    }

    #[tokio::test]
    async fn a_session_too_busy_to_hear_of_its_refusal_ends_all_the_same() {
        let registry = Registry::new();
        let mut session = registry.open(company(1), agent(1));
        for request in 0..8 {
            assert!(registry.tell(agent(1), Command::ScanNow { request }));
        }
        assert!(!registry.tell(agent(1), Command::SendSnapshot));
        assert!(registry.refuse(agent(1), RejectReason::AgentRevoked));
        for request in 0..8 {
            assert_eq!(session.next().await, Command::ScanNow { request });
        }
        assert_eq!(session.next().await, Command::Replaced);
    }

    #[test]
    fn nothing_is_said_to_an_agent_without_a_session() {
        let registry = Registry::new();
        assert!(!registry.tell(agent(1), Command::SendSnapshot));
        assert!(!registry.refuse(agent(1), RejectReason::AgentRevoked));
    }
}
