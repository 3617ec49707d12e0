//! All that happens in a company, findings and policies alike, in one order and as others are told it.
//!
//! The two kinds of rows draw their numbers from one sequence, so a reader of both has one place. What is
//! told names things by what people call them now, because a reader has nothing to look them up with.

mod read;

use serde::{Deserialize, Serialize, de};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::read::{after, beginning, is_kept, present};
pub(crate) use self::read::{after_in, place_since};
use super::EventPlace;

/// Declares the kinds: `Name "word";`.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal;)+) => {
        /// What happens in a company.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CompanyEventKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl CompanyEventKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the API and the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

kinds! {
    /// A finding holds from now on.
    FindingOpened "finding.opened";
    /// A finding does not hold any more.
    FindingResolved "finding.resolved";
    /// A finding holds for another reason, with another confidence or another fix.
    FindingChanged "finding.changed";
    /// An exception leaves a finding out.
    FindingSuppressed "finding.suppressed";
    /// The exception that left a finding out has ended.
    FindingReopened "finding.reopened";
    /// A policy holds for a host.
    PolicyPass "policy.pass";
    /// A policy does not hold for a host.
    PolicyFail "policy.fail";
    /// Nobody knows whether a policy holds for a host.
    PolicyUnknown "policy.unknown";
    /// Somebody tries a webhook. Every webhook is told of its own.
    WebhookTest "webhook.test";
}

impl CompanyEventKind {
    /// The kind of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    fn of(table: &str, word: &str) -> Option<Self> {
        Self::parse(&format!("{table}.{word}"))
    }
}

impl Serialize for CompanyEventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CompanyEventKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| de::Error::custom("no kind of event"))
    }
}

/// Something that happened in a company.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompanyEvent {
    /// Its place in the order of all of them, which is its name as well.
    #[serde(with = "place")]
    pub id: EventPlace,
    /// What happened.
    pub kind: CompanyEventKind,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The finding that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingTold>,
    /// The policy and the host that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyTold>,
}

/// A finding as others are told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingTold {
    /// The CVE.
    pub cve: String,
    /// How severe it is said to be.
    pub severity: String,
    /// Its score, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Whether it is known to be exploited.
    pub known_exploited: bool,
    /// Whose statement the finding is.
    pub source: String,
    /// How sure it is, or was.
    pub confidence: String,
    /// The first version that is said to be fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_in: Option<String>,
    /// The exception that it is left out for, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Uuid>,
    /// The software.
    pub software: SoftwareTold,
}

/// Software as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftwareTold {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What a policy comes to for a host, as others are told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyTold {
    /// The policy.
    pub id: Uuid,
    /// Its name; absent when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The host; absent when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Uuid>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What it came to before.
    pub was: String,
    /// What it comes to.
    pub state: String,
    /// Which software and which CVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Value>,
}

impl CompanyEvent {
    /// An event that happens for a trial alone.
    #[must_use]
    pub const fn test(at: OffsetDateTime) -> Self {
        Self {
            id: EventPlace::new(0, 0),
            kind: CompanyEventKind::WebhookTest,
            at,
            finding: None,
            policy: None,
        }
    }

    /// What it is about: events of one object are told in their order.
    #[must_use]
    pub fn object(&self) -> String {
        match (&self.finding, &self.policy) {
            (Some(finding), _) => format!("finding {} {}", finding.software.id, finding.cve),
            (None, Some(policy)) => {
                format!("policy {} {:?}", policy.id, policy.host)
            }
            (None, None) => "test".to_owned(),
        }
    }
}

/// A place as text: numbers of transactions are larger than what JavaScript counts exactly.
mod place {
    use super::{Deserialize, EventPlace, de};

    pub(super) fn serialize<S: serde::Serializer>(
        place: &EventPlace,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(place)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<EventPlace, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests;
