//! Webhooks: whom a company tells what happens in it, and what each has still to be told.
//!
//! Events are the outbox: they are written in the transaction of what they tell of. A webhook keeps its
//! own place among them; a turn makes messages of what comes after it, and moves the place in the same
//! transaction, so that none is left out (decision 41). Secrets come and go sealed: what they are sealed
//! with is not known here.

mod deliveries;
mod only;
mod outbox;
mod read;
mod write;

use time::OffsetDateTime;
use uuid::Uuid;

pub use self::deliveries::{
    Delivery, DeliveryFilter, DeliveryState, ReplayError, delivery, list_deliveries, purge, replay,
    replay_since, test,
};
pub use self::only::Only;
pub use self::outbox::{
    Attempt, Claimed, Due, Outcome, Turned, claim, events_of, oldest_waiting, pending, release,
    settle, turn,
};
pub use self::read::{get, list};
pub use self::write::{
    ChangeError, NewWebhook, WebhookChange, change, create, delete, rotate_secret, sealed_secret,
};
use crate::events::company::CompanyEventKind;

/// Webhooks of a company.
pub const WEBHOOKS_MAX: u32 = 50;
/// Events of one message.
pub const EVENTS_MAX: usize = 100;
/// Messages of one webhook that wait. What comes then waits as events, and goes in fuller messages.
pub const PENDING_MAX: u32 = 200;

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Its name, which no other webhook of the company has, whatever the letters' case.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// How they are written.
    pub template: Template,
    /// What it is told of.
    pub kinds: Vec<CompanyEventKind>,
    /// Which events of these.
    pub only: Only,
    /// Whether it is told.
    pub is_enabled: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub changed_at: OffsetDateTime,
    /// Grows with every change.
    pub revision: u64,
    /// How its messages stand.
    pub messages: MessageCounts,
}

/// Messages of a webhook by how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// They wait for their next attempt.
    pub pending: u64,
    /// They were given up.
    pub dead: u64,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Template {
    /// As the API shows events.
    Generic,
    /// As Slack's incoming webhooks take it.
    Slack,
    /// As Teams' workflows take it.
    Teams,
}

impl Template {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Generic, Self::Slack, Self::Teams];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Slack => "slack",
            Self::Teams => "teams",
        }
    }

    /// The template of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

#[cfg(test)]
mod tests;
