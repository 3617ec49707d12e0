//! A session's post box: what waits to be said in it, one place for each kind.
//!
//! A channel of messages would cost every connection a kilobyte for what comes once a day, and would
//! have to say what happens when it is full.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use protocol::message::Settings;
use protocol::reject::RejectReason;

/// What the agents of a company are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Told {
    /// How to behave.
    pub settings: Settings,
    /// Whether to visit, or to hold the connection; where it is `None`, the node decides.
    pub visits: Option<bool>,
}

/// Something to say to an agent, or to do to its session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Ask for a scan.
    ScanNow {
        /// The request's number.
        request: u64,
    },
    /// Ask for a snapshot.
    SendSnapshot,
    /// Ask the agent to become another one.
    Rekey,
    /// Tell the agent what its company's agents are told now.
    Told(Arc<Told>),
    /// Tell the agent whom to trust, if it can be told.
    Authorities,
    /// The node's rules of who is held are others: decide anew whether the agent is.
    Reconsider,
    /// This node has more connections than it should hold: the agent is to visit, where the node
    /// decides that.
    Leave,
    /// Refuse the agent from now on, and end the session.
    Refuse(RejectReason),
    /// End the session: the agent has a newer one.
    Replaced,
}

/// A post box.
#[derive(Debug, Default)]
pub(super) struct Post(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// [`Command::Refuse`] or [`Command::Replaced`].
    end: Option<Command>,
    /// The highest number.
    scan: Option<u64>,
    snapshot: bool,
    rekey: bool,
    authorities: bool,
    leave: bool,
    reconsider: bool,
    told: Option<Arc<Told>>,
    reader: Option<Waker>,
}

impl Post {
    /// Puts something in, in the place of an earlier one of its kind.
    pub(super) fn put(&self, command: Command) {
        let mut waiting = self.lock();
        match command {
            Command::ScanNow { request } => waiting.scan = waiting.scan.max(Some(request)),
            Command::SendSnapshot => waiting.snapshot = true,
            Command::Rekey => waiting.rekey = true,
            Command::Authorities => waiting.authorities = true,
            Command::Leave => waiting.leave = true,
            Command::Reconsider => waiting.reconsider = true,
            Command::Told(told) => {
                // Signals and polls may come in another order than the settings were set.
                let is_newer = waiting
                    .told
                    .as_ref()
                    .is_none_or(|before| before.settings.revision <= told.settings.revision);
                if is_newer {
                    waiting.told = Some(told);
                }
            }
            // The first reason counts: a session that is refused is not there to be replaced.
            Command::Refuse(_) | Command::Replaced => {
                waiting.end.get_or_insert(command);
            }
        }
        let reader = waiting.reader.take();
        drop(waiting);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    pub(super) fn poll_take(&self, context: &Context<'_>) -> Poll<Command> {
        let mut waiting = self.lock();
        let next = waiting.take();
        if next.is_none() {
            match &mut waiting.reader {
                Some(reader) => reader.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
        }
        next.map_or(Poll::Pending, Poll::Ready)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// The most urgent of what waits. The end stays: a session that asks again has not ended yet.
    fn take(&mut self) -> Option<Command> {
        if let Some(end) = &self.end {
            return Some(end.clone());
        }
        if std::mem::take(&mut self.snapshot) {
            return Some(Command::SendSnapshot);
        }
        if std::mem::take(&mut self.rekey) {
            return Some(Command::Rekey);
        }
        if std::mem::take(&mut self.authorities) {
            return Some(Command::Authorities);
        }
        if let Some(request) = self.scan.take() {
            return Some(Command::ScanNow { request });
        }
        if let Some(told) = self.told.take() {
            return Some(Command::Told(told));
        }
        if std::mem::take(&mut self.reconsider) {
            return Some(Command::Reconsider);
        }
        std::mem::take(&mut self.leave).then_some(Command::Leave)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(post: &Post) -> Command {
        std::future::poll_fn(|context| post.poll_take(context)).await
    }

    fn told(revision: u64) -> Command {
        Command::Told(Arc::new(Told {
            settings: Settings { revision, ..Settings::default() },
            visits: None,
        }))
    }

    #[tokio::test]
    async fn a_session_that_was_told_much_hears_of_its_refusal_first() {
        let post = Post::default();
        for request in 0..1_000 {
            post.put(Command::ScanNow { request });
        }
        post.put(Command::SendSnapshot);
        post.put(Command::Refuse(RejectReason::AgentRevoked));
        post.put(Command::Replaced);
        for _ in 0..2 {
            let reason = RejectReason::AgentRevoked;
            assert_eq!(take(&post).await, Command::Refuse(reason));
        }
    }

    #[tokio::test]
    async fn of_each_kind_the_last_one_is_heard() {
        let post = Post::default();
        for request in [7, 9, 8] {
            post.put(Command::ScanNow { request });
        }
        for revision in [1, 3, 2] {
            post.put(told(revision));
        }
        post.put(Command::SendSnapshot);
        post.put(Command::SendSnapshot);
        post.put(Command::Leave);
        assert_eq!(take(&post).await, Command::SendSnapshot);
        assert_eq!(take(&post).await, Command::ScanNow { request: 9 });
        assert_eq!(take(&post).await, told(3));
        assert_eq!(take(&post).await, Command::Leave);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let post = Arc::new(Post::default());
        let putting = async {
            tokio::task::yield_now().await;
            post.put(Command::Leave);
        };
        let (heard, ()) = tokio::join!(take(&post), putting);
        assert_eq!(heard, Command::Leave);
    }

    #[test]
    fn a_post_box_is_small() {
        // Every connection has one.
        assert!(size_of::<Post>() <= 104, "{} bytes", size_of::<Post>());
    }
}
