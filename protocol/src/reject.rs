//! Why a collector does not take something: protocol code, metric label and log field in one enum.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason of a reject or a refusal.
///
/// The order is the wire's: new reasons go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RejectReason {
    /// The frame is longer than a frame may be, on the wire or unpacked.
    FrameTooLarge,
    /// The bytes are not a message of this protocol.
    Undecodable,
    /// No protocol version is common to both sides.
    UnsupportedVersion,
    /// A message that does not belong here, such as a report before the hello.
    UnexpectedMessage,
    /// A report has more records than a report may have.
    TooManyRecords,
    /// A record breaks a limit or a rule; the report cannot ever be taken.
    InvalidRecord,
    /// Reports before this one are missing.
    Gap,
    /// The agent or its company sends faster than it may.
    RateLimited,
    /// The collector's queue is full.
    QueueFull,
    /// The collector cannot write to its disk.
    StorageUnavailable,
    /// The collector is going down; another connection will do.
    ShuttingDown,
    /// The certificate was revoked.
    AgentRevoked,
    /// The certificate names an agent that this collector does not know.
    AgentUnknown,
    /// The company is suspended by the operator.
    CompanySuspended,
    /// The enrolment token is not one of this collector's, or its secret is wrong.
    TokenUnknown,
    /// The enrolment token has expired.
    TokenExpired,
    /// The enrolment token was used as often as it may be.
    TokenSpent,
    /// The enrolment token was revoked.
    TokenRevoked,
    /// The certificate signing request cannot be signed.
    InvalidRequest,
    /// A fault of the collector's own.
    Internal,
}

/// What a reason asks of the agent: what becomes of the report, and of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The same bytes will do, a little later.
    Later,
    /// Another connection will do, soon.
    Elsewhere,
    /// Reports before this one are missing: go back to the first that is not acknowledged, or
    /// start over with a snapshot.
    Missing,
    /// The report can never be taken: start over with a snapshot that leaves out what is wrong.
    Never,
    /// It is not about the report: as things are, nothing of this agent is taken.
    NotWelcome,
}

impl RejectReason {
    /// Every reason, for metrics that start at zero and for tables in documents.
    pub const ALL: [Self; 20] = [
        Self::FrameTooLarge,
        Self::Undecodable,
        Self::UnsupportedVersion,
        Self::UnexpectedMessage,
        Self::TooManyRecords,
        Self::InvalidRecord,
        Self::Gap,
        Self::RateLimited,
        Self::QueueFull,
        Self::StorageUnavailable,
        Self::ShuttingDown,
        Self::AgentRevoked,
        Self::AgentUnknown,
        Self::CompanySuspended,
        Self::TokenUnknown,
        Self::TokenExpired,
        Self::TokenSpent,
        Self::TokenRevoked,
        Self::InvalidRequest,
        Self::Internal,
    ];

    /// The name in metrics, logs and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FrameTooLarge => "frame_too_large",
            Self::Undecodable => "undecodable",
            Self::UnsupportedVersion => "unsupported_version",
            Self::UnexpectedMessage => "unexpected_message",
            Self::TooManyRecords => "too_many_records",
            Self::InvalidRecord => "invalid_record",
            Self::Gap => "gap",
            Self::RateLimited => "rate_limited",
            Self::QueueFull => "queue_full",
            Self::StorageUnavailable => "storage_unavailable",
            Self::ShuttingDown => "shutting_down",
            Self::AgentRevoked => "agent_revoked",
            Self::AgentUnknown => "agent_unknown",
            Self::CompanySuspended => "company_suspended",
            Self::TokenUnknown => "token_unknown",
            Self::TokenExpired => "token_expired",
            Self::TokenSpent => "token_spent",
            Self::TokenRevoked => "token_revoked",
            Self::InvalidRequest => "invalid_request",
            Self::Internal => "internal",
        }
    }

    /// What the agent does about it.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::RateLimited | Self::QueueFull | Self::StorageUnavailable | Self::Internal => {
                Remedy::Later
            }
            // After a message that does not belong there, neither side knows what the other one
            // thinks of the session: a new one begins from the hello.
            Self::ShuttingDown | Self::UnexpectedMessage => Remedy::Elsewhere,
            Self::Gap => Remedy::Missing,
            // The bytes of a position never change, so what was refused for its bytes once is
            // refused for ever.
            Self::FrameTooLarge
            | Self::Undecodable
            | Self::TooManyRecords
            | Self::InvalidRecord => Remedy::Never,
            Self::UnsupportedVersion
            | Self::AgentRevoked
            | Self::AgentUnknown
            | Self::CompanySuspended
            | Self::TokenUnknown
            | Self::TokenExpired
            | Self::TokenSpent
            | Self::TokenRevoked
            | Self::InvalidRequest => Remedy::NotWelcome,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_reason_once() {
        let mut names: Vec<_> = RejectReason::ALL.iter().map(|reason| reason.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RejectReason::ALL.len());
    }
}
