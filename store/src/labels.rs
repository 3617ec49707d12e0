//! Labels: names that hosts carry, because people gave them or because a rule holds for them.
//!
//! A rule's hosts are computed when it is written, and again for each host that reported something since
//! (decision 37). Labels that an agent was enrolled with are its token's and stay as they are; a rule may
//! ask for them.

mod assign;
mod evaluate;
mod read;
mod resolve;
pub mod rule;
mod write;

use protocol::ids::AgentId;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::assign::{AssignError, Assigned, assign, assign_filtered};
pub use self::evaluate::{Evaluated, evaluate_all, evaluate_due, evaluate_host};
pub use self::read::{HostLabel, find, get, list, of_hosts};
pub(crate) use self::resolve::{Named, software_named};
use self::rule::Condition;
pub use self::write::{ChangeError, LabelChange, NewLabel, change, create, delete};

/// Labels of a company.
pub const LABELS_MAX: u32 = 500;

/// A label.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Its id.
    pub id: Uuid,
    /// Its name, which no other label of the company has, whatever the letters' case.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// For which hosts it holds; `None` where people give it.
    pub rule: Option<Condition>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub changed_at: OffsetDateTime,
    /// Grows with every change.
    pub revision: u64,
    /// When all hosts were last asked about its rule.
    pub evaluated_at: Option<OffsetDateTime>,
    /// Hosts that carry it.
    pub hosts: u64,
}

/// Hosts that are named by their ids.
pub type HostIds<'a> = &'a [AgentId];

#[cfg(test)]
mod tests;
