//! The audit log: who changed what, when, and what it was before.
//!
//! A row is written in the transaction that makes the change, so neither is without the other. The
//! actor comes with the scope that the change was made through. No secret may stand in it: what is
//! written before and after is what the API shows of an object.

mod personal;
mod read;

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use self::personal::record_of_person;
pub use self::personal::{REFUSED_PER_HOUR, tell_refused};
pub use self::read::{Entry, EntryExport, EntryFilter, export, list, list_of_operators, purge};
use crate::error::StoreError;
use crate::tenant::{OPERATORS, OperatorScope, TenantScope};

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The collector itself: its pipeline and its jobs.
    System,
    /// Whoever runs commands on the collector's machine.
    Local,
    /// An API key.
    Key {
        /// Its public id.
        id: Uuid,
        /// What it is for.
        name: String,
    },
    /// A person.
    User {
        /// Who.
        id: Uuid,
        /// The address that they sign in with.
        email: String,
    },
}

impl Actor {
    /// The kind's name in the API and the database.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Local => "local",
            Self::Key { .. } => "api_key",
            Self::User { .. } => "user",
        }
    }

    /// Its id, if it has one.
    #[must_use]
    pub const fn id(&self) -> Option<Uuid> {
        match self {
            Self::System | Self::Local => None,
            Self::Key { id, .. } | Self::User { id, .. } => Some(*id),
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::System => "the collector",
            Self::Local => "the command line",
            Self::Key { name, .. } => name,
            Self::User { email, .. } => email,
        }
    }
}

/// Where a change comes from. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    actor: Actor,
    address: Option<IpAddr>,
    request_id: String,
}

/// Where a request comes from, for who is known only once it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// From this address; `None` where nobody knows.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request_id: String,
}

impl Came {
    /// The request as somebody's.
    #[must_use]
    pub fn of(self, actor: Actor) -> Origin {
        Origin::of_request(actor, self.address, self.request_id)
    }
}

impl Origin {
    /// A request's.
    #[must_use]
    pub fn of_request(actor: Actor, address: Option<IpAddr>, request_id: String) -> Self {
        Self(Arc::new(Parts { actor, address, request_id }))
    }

    pub(crate) fn system() -> Self {
        Self::of_request(Actor::System, None, String::new())
    }

    /// Of whoever runs commands on the collector's machine.
    #[must_use]
    pub fn local() -> Self {
        Self::of_request(Actor::Local, None, String::new())
    }

    /// Where the request came from, if that is known.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Who it is.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.0.actor
    }
}

/// One change: what was done to what.
#[derive(Clone, Debug)]
pub struct Change {
    /// What was done, `object.verb`, such as `api_key.create`.
    pub action: &'static str,
    /// The id of what it was done to.
    pub object: String,
    /// What it was; nothing for what is new.
    pub before: Option<Value>,
    /// What it is; nothing for what is gone.
    pub after: Option<Value>,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "an id is copied, and a name made for the log is handed over"
)]
impl Change {
    /// Something new.
    #[must_use]
    pub fn made(action: &'static str, object: impl ToString, after: Value) -> Self {
        Self { action, object: object.to_string(), before: None, after: Some(after) }
    }

    /// Something that was and is another way now.
    #[must_use]
    pub fn edited(
        action: &'static str,
        object: impl ToString,
        before: Value,
        after: Value,
    ) -> Self {
        Self { before: Some(before), ..Self::made(action, object, after) }
    }

    /// Something that was done to an object and shows in nothing else.
    #[must_use]
    pub fn done(action: &'static str, object: impl ToString) -> Self {
        Self { action, object: object.to_string(), before: None, after: None }
    }
}

/// Writes a change of a company's into its log. Call it in the transaction that makes the change.
///
/// # Errors
///
/// When the database cannot be used.
pub(crate) async fn record(
    tx: &mut PgConnection,
    scope: &TenantScope,
    change: Change,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    insert(tx, scope.key(), scope.origin(), change, now).await
}

/// Writes a change of what is the operators' own into theirs.
///
/// # Errors
///
/// When the database cannot be used.
pub(crate) async fn record_of_operators(
    tx: &mut PgConnection,
    operator: &OperatorScope,
    change: Change,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    insert(tx, OPERATORS, operator.origin(), change, now).await
}

pub(crate) async fn insert(
    tx: &mut PgConnection,
    company_key: i64,
    origin: &Origin,
    change: Change,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let Parts { actor, address, request_id } = &*origin.0;
    sqlx::query!(
        "INSERT INTO audit_log (company_key, at, actor_kind, actor_id, actor_name, address,
                                request_id, action, object, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        company_key,
        now,
        actor.kind(),
        actor.id(),
        actor.name(),
        address.map(|address| address.to_string()),
        request_id,
        change.action,
        change.object,
        change.before,
        change.after
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
