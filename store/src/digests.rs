//! Digests: what people of a company are told by mail, every day or once a week, and the messages of it.
//!
//! A person has one digest in a company. When its time has come a message is written and the digest's time
//! moved in one transaction, so that each comes once; messages are an outbox of their own, because who sends
//! them may fail and come again (decision 47). A message holds no address: whom it goes to is asked when it
//! goes, so that nobody is written to who has left.

mod due;
mod news;
mod outbox;
mod read;
mod write;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub use self::due::{Due, NewMessage, TESTS_MAX, due, tell, test};
pub use self::news::{
    EXPIRES_WITHIN, Expiring, FailingPolicy, News, Opened, SILENT_AFTER, Silent, WorstCve, news,
};
pub use self::outbox::{
    Attempt, Message, MessageFilter, MessageKind, MessageState, Outcome, Outgoing, claim,
    list_messages, oldest_waiting, purge, settle,
};
pub use self::read::{get, of_user};
pub use self::write::{DigestChange, PutError, delete, put, unsubscribe};
use crate::report_schedules::Every;

/// How long ago something has to be to be told: whatever is being written bears an instant of before its
/// transaction's end, and would otherwise fall between two digests.
const SETTLES: Duration = Duration::minutes(1);
/// Digests of a company.
pub const DIGESTS_MAX: u32 = 1_000;

/// A person's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user: Uuid,
    /// When it comes.
    pub every: Every,
    /// What it tells of.
    pub sections: Vec<Section>,
    /// Whether it comes as well when nothing happened.
    pub when_quiet: bool,
    /// When it comes next.
    pub next_at: OffsetDateTime,
    /// Up to when its person was told.
    pub told_until: OffsetDateTime,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub changed_at: OffsetDateTime,
    /// Grows with every change.
    pub revision: u64,
}

impl Digest {
    /// Up to when it tells if it is written now; never before [`Self::told_until`].
    #[must_use]
    pub fn until(&self, now: OffsetDateTime) -> OffsetDateTime {
        (now - SETTLES).max(self.told_until)
    }
}

/// Something that a digest may tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Findings that are new.
    Findings,
    /// CVEs on hosts that are known to be exploited.
    Exploited,
    /// Exceptions that are about to end.
    Exceptions,
    /// Hosts that have gone silent.
    Silent,
    /// Policies that some host fails.
    Policies,
    /// Hosts whose agent is of an earlier release than the collector.
    Agents,
}

impl Section {
    /// All of them, in the order of a message.
    pub const ALL: [Self; 6] = [
        Self::Findings,
        Self::Exploited,
        Self::Exceptions,
        Self::Silent,
        Self::Policies,
        Self::Agents,
    ];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Findings => "findings",
            Self::Exploited => "exploited",
            Self::Exceptions => "exceptions",
            Self::Silent => "silent",
            Self::Policies => "policies",
            Self::Agents => "agents",
        }
    }

    /// The section of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

#[cfg(test)]
mod tests;
