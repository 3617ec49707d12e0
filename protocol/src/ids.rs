//! Typed identities, so that a company can never be passed for an agent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id! {
    /// A company: the tenant that everything else belongs to (UUID v7).
    CompanyId
}
uuid_id! {
    /// One enrolled agent, which is one host (UUID v7).
    AgentId
}
uuid_id! {
    /// One enrolment token (UUID v7).
    TokenId
}

/// The number of a snapshot line: it grows with every snapshot that an agent begins.
///
/// Reports are ordered by `(epoch, seq)`. An agent that starts over takes a greater epoch than any
/// that a collector may have seen of it: the last one plus one, or the seconds since 1970 where
/// those are more, so that a spool that was lost cannot begin again with an old one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u32);

/// A report's number within its epoch, from 1 without gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u32);

/// A report's place in its agent's line.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// The snapshot line.
    pub epoch: Epoch,
    /// The number within it.
    pub seq: Seq,
}

impl Position {
    /// The place from its two numbers.
    #[must_use]
    pub const fn new(epoch: u32, seq: u32) -> Self {
        Self { epoch: Epoch(epoch), seq: Seq(seq) }
    }

    /// Says how `next` stands to `self`, the last place that was applied.
    ///
    /// ```
    /// use protocol::ids::{Position, Succession};
    ///
    /// let applied = Position::new(2, 7);
    /// assert_eq!(applied.succession(Position::new(2, 8)), Succession::Next);
    /// assert_eq!(applied.succession(Position::new(3, 1)), Succession::Next);
    /// assert_eq!(applied.succession(Position::new(2, 7)), Succession::Seen);
    /// assert_eq!(applied.succession(Position::new(1, 9)), Succession::Seen);
    /// assert_eq!(applied.succession(Position::new(2, 9)), Succession::Gap);
    /// assert_eq!(applied.succession(Position::new(3, 2)), Succession::Gap);
    /// ```
    #[must_use]
    pub fn succession(self, next: Self) -> Succession {
        // Whatever is not after the last place was seen, whether or not its bytes are the same: an
        // agent never sends other bytes for a position, so nothing is lost by not looking.
        if next <= self {
            Succession::Seen
        } else if next.epoch == self.epoch {
            // At the last number of an epoch nothing can follow, and saturating makes the same
            // number a repetition above rather than a successor here.
            if next.seq.0 == self.seq.0.saturating_add(1) {
                Succession::Next
            } else {
                Succession::Gap
            }
        // A newer epoch may leave out any number of epochs between: its first report is a
        // snapshot's first part and needs nothing that came before.
        } else if next.seq.0 == 1 {
            Succession::Next
        } else {
            Succession::Gap
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch.0, self.seq.0)
    }
}

/// How a report stands to the last one that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// It is the one to apply.
    Next,
    /// It was applied before: a redelivery.
    Seen,
    /// Something is missing before it.
    Gap,
}
