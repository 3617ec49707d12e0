//! The sessions that are open on this node, and a way to say something to each.
//!
//! An agent has one session: a newer one takes the place of the older, which is told to end. What is
//! said to a session waits in its post box, which has one place for each kind of message and so never
//! runs over: of two wishes for a scan, or of two settings, only the later one counts.

mod post;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ids::{AgentId, CompanyId};
use protocol::reject::RejectReason;

use self::post::Post;
pub use self::post::{Command, Told};

/// The open sessions. A clone is the same registry.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<Sessions>>);

#[derive(Debug, Default)]
struct Sessions {
    next: u64,
    held: usize,
    // In order, so that a company is let go in the same order every time.
    by_agent: BTreeMap<AgentId, Open>,
}

#[derive(Debug)]
struct Open {
    /// Grows with every session, so the highest is the youngest.
    number: u64,
    company: CompanyId,
    is_held: bool,
    post: Arc<Post>,
}

impl Registry {
    /// A registry without sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a session and ends the one that the agent had.
    pub(crate) fn open(&self, company: CompanyId, agent: AgentId) -> Registration {
        let post = Arc::new(Post::default());
        let mut sessions = self.lock();
        sessions.next += 1;
        let number = sessions.next;
        let open = Open { number, company, is_held: false, post: Arc::clone(&post) };
        // The newer one wins: an agent that has lost its path cannot end its old session itself.
        if let Some(older) = sessions.by_agent.insert(agent, open) {
            sessions.leaves(&older);
            older.post.put(Command::Replaced);
        }
        Registration { registry: self.clone(), agent, number, post }
    }

    /// Says something to an agent; `false` when it has no session here.
    pub fn tell(&self, agent: AgentId, command: Command) -> bool {
        let post = self.lock().by_agent.get(&agent).map(|open| Arc::clone(&open.post));
        // Outside of the lock: whoever is woken wants it next.
        post.is_some_and(|post| {
            post.put(command);
            true
        })
    }

    /// Tells all sessions of a company what its agents are told from now on; how many.
    pub fn tell_company(&self, company: CompanyId, told: &Arc<Told>) -> usize {
        let posts: Vec<_> = self
            .lock()
            .by_agent
            .values()
            .filter(|open| open.company == company)
            .map(|open| Arc::clone(&open.post))
            .collect();
        // Outside of the lock, as in `tell`.
        for post in &posts {
            post.put(Command::Told(Arc::clone(told)));
        }
        posts.len()
    }

    /// Says something to every session; how many there are.
    pub(crate) fn tell_all(&self, command: &Command) -> usize {
        let posts: Vec<_> =
            self.lock().by_agent.values().map(|open| Arc::clone(&open.post)).collect();
        for post in &posts {
            post.put(command.clone());
        }
        posts.len()
    }

    /// Has the youngest sessions that are held decide anew whether they are; how many there were.
    pub(crate) fn reconsider_youngest(&self, count: usize) -> usize {
        let mut held: Vec<_> = self
            .lock()
            .by_agent
            .values()
            .filter(|open| open.is_held)
            .map(|open| (open.number, Arc::clone(&open.post)))
            .collect();
        if count < held.len() {
            // Only which are the youngest is asked, and not in which order: there may be tens of
            // thousands.
            held.select_nth_unstable_by_key(count, |(number, _)| std::cmp::Reverse(*number));
            held.truncate(count);
        }
        for (_, post) in &held {
            post.put(Command::Leave);
        }
        held.len()
    }

    /// Refuses an agent from now on and ends its session; `false` when it has none here.
    pub fn refuse(&self, agent: AgentId, reason: RejectReason) -> bool {
        let mut sessions = self.lock();
        let Some(open) = sessions.by_agent.remove(&agent) else {
            return false;
        };
        sessions.leaves(&open);
        open.post.put(Command::Refuse(reason));
        true
    }

    /// Refuses all agents of a company and ends their sessions; how many.
    pub fn refuse_company(&self, company: CompanyId, reason: RejectReason) -> usize {
        let mut sessions = self.lock();
        let leaving: Vec<_> = sessions
            .by_agent
            .extract_if(.., |_, open| open.company == company)
            .map(|(_, open)| open)
            .collect();
        for open in &leaving {
            sessions.leaves(open);
            open.post.put(Command::Refuse(reason));
        }
        leaving.len()
    }

    /// Whether an agent has a session here.
    #[must_use]
    pub fn has(&self, agent: AgentId) -> bool {
        self.lock().by_agent.contains_key(&agent)
    }

    /// Whether an agent of this company has a session here.
    #[must_use]
    pub fn has_company(&self, company: CompanyId) -> bool {
        let sessions = self.lock();
        sessions.by_agent.values().any(|open| open.company == company)
    }

    /// The companies that have sessions here.
    #[must_use]
    pub fn companies(&self) -> Vec<CompanyId> {
        let sessions = self.lock();
        let companies: HashSet<CompanyId> =
            sessions.by_agent.values().map(|open| open.company).collect();
        companies.into_iter().collect()
    }

    /// Open sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().by_agent.len()
    }

    /// Open sessions that are held, and not visits.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().held
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn leaves(&mut self, open: &Open) {
        self.held -= usize::from(open.is_held);
    }
}

/// A session's place in the registry, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Registry,
    agent: AgentId,
    number: u64,
    post: Arc<Post>,
}

impl Registration {
    /// The next command, the end of the session before all others.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next(&self) -> Command {
        std::future::poll_fn(|context| self.post.poll_take(context)).await
    }

    /// Notes whether the connection is held.
    pub(crate) fn set_held(&self, is_held: bool) {
        let mut sessions = self.registry.lock();
        let sessions = &mut *sessions;
        let open = sessions.by_agent.get_mut(&self.agent);
        if let Some(open) = open.filter(|open| open.number == self.number) {
            sessions.held -= usize::from(open.is_held);
            sessions.held += usize::from(is_held);
            open.is_held = is_held;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sessions = self.registry.lock();
        if let Entry::Occupied(open) = sessions.by_agent.entry(self.agent)
            // A session that was replaced must not take its successor out with it.
            && open.get().number == self.number
        {
            let open = open.remove();
            sessions.leaves(&open);
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
        let older = registry.open(company(1), agent(1));
        let newer = registry.open(company(1), agent(1));
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
        let first = registry.open(company(1), agent(1));
        let second = registry.open(company(1), agent(2));
        let _other = registry.open(company(2), agent(3));
        let reason = RejectReason::CompanySuspended;
        assert_eq!(registry.refuse_company(company(1), reason), 2);
        assert_eq!(first.next().await, Command::Refuse(reason));
        assert_eq!(second.next().await, Command::Refuse(reason));
        assert!(registry.has(agent(3)));
        assert!(!registry.has_company(company(1)));
        assert_eq!(registry.len(), 1);
    }

    #[tokio::test]
    async fn settings_reach_the_companys_sessions_and_no_others() {
        let registry = Registry::new();
        let own = registry.open(company(1), agent(1));
        let other = registry.open(company(2), agent(2));
        let told = Arc::new(Told::default());
        assert_eq!(registry.tell_company(company(1), &told), 1);
        assert_eq!(own.next().await, Command::Told(told));
        assert!(registry.tell(agent(2), Command::SendSnapshot));
        assert_eq!(other.next().await, Command::SendSnapshot);
    }

    #[test]
    fn nothing_is_said_to_an_agent_without_a_session() {
        let registry = Registry::new();
        assert!(!registry.tell(agent(1), Command::SendSnapshot));
        assert!(!registry.refuse(agent(1), RejectReason::AgentRevoked));
    }

    #[tokio::test]
    async fn the_youngest_of_those_that_are_held_are_sent_away_first() {
        let registry = Registry::new();
        let sessions: Vec<_> =
            (1..=4).map(|number| registry.open(company(1), agent(number))).collect();
        for held in &sessions[..3] {
            held.set_held(true);
        }
        assert_eq!(registry.reconsider_youngest(2), 2);
        for session in [&sessions[0], &sessions[3]] {
            session.post.put(Command::SendSnapshot);
            assert_eq!(session.next().await, Command::SendSnapshot);
        }
        for session in &sessions[1..3] {
            assert_eq!(session.next().await, Command::Leave);
        }
        assert_eq!(registry.reconsider_youngest(9), 3);
    }

    #[test]
    fn every_way_out_of_the_registry_counts_a_held_session_once() {
        let registry = Registry::new();
        let open = |number| {
            let session = registry.open(company(number % 2), agent(number));
            session.set_held(true);
            session.set_held(true);
            session
        };
        let sessions: Vec<_> = (1..=4).map(open).collect();
        assert_eq!(registry.held(), 4);
        let replacing = registry.open(company(1), agent(1));
        assert_eq!(registry.held(), 3);
        // The one that was replaced has no place left to count for.
        sessions[0].set_held(true);
        assert_eq!(registry.held(), 3);
        registry.refuse(agent(2), RejectReason::AgentRevoked);
        assert_eq!(registry.held(), 2);
        registry.refuse_company(company(1), RejectReason::CompanySuspended);
        assert_eq!(registry.held(), 1);
        drop((sessions, replacing));
        assert_eq!((registry.held(), registry.len()), (0, 0));
    }
}
