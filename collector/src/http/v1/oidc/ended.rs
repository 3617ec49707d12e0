//! Why signing in by a provider ends early: what the person is told, and what the log is.

use protocol::ids::CompanyId;
use store::error::StoreError;
use store::oidc::EnterError;

use crate::http::problem::Problem;
use crate::oidc::{OidcError, TokenError};

/// Why nobody is signed in, as far as a stranger may know: a word that the console explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No company with a provider is meant.
    Unknown,
    /// The provider cannot be asked, or is not set up right.
    Away,
    /// The answer is to no request of this browser's, or came too late, or again.
    Expired,
    /// The provider let nobody in.
    Denied,
    /// The provider's answer is none to believe.
    Untrue,
    /// The provider does not say that the address is theirs.
    Unverified,
    /// The address is of no domain that is let in.
    Domain,
    /// The address is of an account that the provider does not speak for.
    NotTheirs,
    /// They were taken out of the company.
    Removed,
    /// Nothing gives them a role.
    NoRole,
    /// There were too many attempts.
    TooMany,
}

impl Refused {
    /// The word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Away => "away",
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Untrue => "untrue",
            Self::Unverified => "unverified",
            Self::Domain => "domain",
            Self::NotTheirs => "not-theirs",
            Self::Removed => "removed",
            Self::NoRole => "no-role",
            Self::TooMany => "too-many",
        }
    }
}

/// Why a step ends early.
pub(super) enum Ended {
    /// For a reason that the person is told.
    Refused(Refused),
    /// For one of ours.
    Problem(Problem),
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl Ended {
    /// For what a provider did, or could not.
    pub(super) fn of(company: CompanyId, error: OidcError) -> Self {
        // For whoever looks after the provider: the person can do nothing with it.
        tracing::warn!(%company, "sign somebody in by a provider: {error}");
        match error {
            OidcError::Internal(error) => Self::Problem(Problem::Internal(error)),
            OidcError::Off | OidcError::Ask(..) | OidcError::Published(_) => {
                Self::Refused(Refused::Away)
            }
            OidcError::SecretLost | OidcError::Refused(_) => Self::Refused(Refused::Away),
            OidcError::Token(TokenError::Unverified) => Self::Refused(Refused::Unverified),
            OidcError::Token(_) => Self::Refused(Refused::Untrue),
        }
    }

    /// For whom it let in.
    pub(super) fn of_entering(company: CompanyId, error: EnterError) -> Self {
        let refused = match error {
            EnterError::Store(error) => return Self::Problem(error.into()),
            EnterError::NoProvider => Refused::Unknown,
            EnterError::NotTheirs => Refused::NotTheirs,
            EnterError::Removed => Refused::Removed,
            EnterError::NoRole => Refused::NoRole,
        };
        tracing::warn!(%company, "sign somebody in by a provider: {error}");
        Self::Refused(refused)
    }
}
