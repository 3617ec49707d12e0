//! Invitations: how somebody comes to work in a company, or to be an operator.
//!
//! An invitation is for one address and counts once, within its time. Whoever accepts it gets a new
//! account with the password that they chose, or, with an account of the address whose password they
//! know, one more company. That others have an account of the address keeps nobody out (decision 56).

mod accept;

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::accept::{Accepting, accept};
pub(crate) use self::accept::{enter, hold_address};
use crate::api_keys::PresentedKey;
use crate::audit::{self, Change};
use crate::database::Store;
use crate::error::StoreError;
use crate::tenant::{OPERATORS, OperatorScope, Role, TenantScope};
use crate::tx::{self, Settings, Tx};
use crate::users;

/// Invitations of one list.
pub const INVITATIONS_MAX: u32 = 1_000;

/// An invitation as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its public id.
    pub id: Uuid,
    /// Whom it is for.
    pub email: String,
    /// What they will be.
    pub role: Role,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// An invitation to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewInvitation<'a> {
    /// What will be presented.
    pub key: &'a PresentedKey,
    /// Whom it is for, in lower case.
    pub email: &'a str,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// Invites somebody into a company. [`Role::Operator`] becomes [`Role::Admin`]: no company can make
/// an operator.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewInvitation<'_>,
    role: Role,
    now: OffsetDateTime,
) -> Result<Invitation, StoreError> {
    let role = role.min(Role::Admin);
    let mut tx = scope.begin("invitations.create").await?;
    let invitation = insert(&mut tx, Some(scope.key()), new, role, now).await?;
    let after = json!({ "email": invitation.email, "role": role.as_str() });
    let change = Change::made("invitation.create", invitation.id, after);
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(invitation)
}

/// Invites somebody to be an operator.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn create_operator(
    operator: &OperatorScope,
    new: &NewInvitation<'_>,
    now: OffsetDateTime,
) -> Result<Invitation, StoreError> {
    let mut tx = operator.begin("invitations.create_operator").await?;
    let invitation = insert(&mut tx, None, new, Role::Operator, now).await?;
    let after = json!({ "email": invitation.email, "role": "operator" });
    let change = Change::made("invitation.create", invitation.id, after);
    audit::record_of_operators(&mut tx, operator, change, now).await?;
    tx.commit().await?;
    Ok(invitation)
}

async fn insert(
    tx: &mut PgConnection,
    company_key: Option<i64>,
    new: &NewInvitation<'_>,
    role: Role,
    now: OffsetDateTime,
) -> Result<Invitation, StoreError> {
    sqlx::query!(
        "INSERT INTO invitations (id, company_key, email, role, secret_hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.key.id(),
        company_key,
        new.email,
        role.as_str(),
        &new.key.secret_hash(),
        now,
        new.expires_at
    )
    .execute(tx)
    .await?;
    Ok(Invitation {
        id: new.key.id(),
        email: new.email.to_owned(),
        role,
        created_at: now,
        expires_at: new.expires_at,
    })
}

/// A company's invitations that still can be accepted, newest first.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list(scope: &TenantScope, now: OffsetDateTime) -> Result<Vec<Invitation>, StoreError> {
    let mut tx = scope.begin("invitations.list").await?;
    let rows = sqlx::query_as!(
        InvitationRow,
        "SELECT id, email, role, created_at, expires_at FROM invitations
         WHERE company_key = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2
         ORDER BY created_at DESC, id LIMIT $3",
        scope.key(),
        now,
        i64::from(INVITATIONS_MAX)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Takes an invitation back; whether there was one to take.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoke(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("invitations.revoke").await?;
    let done = sqlx::query!(
        "UPDATE invitations SET revoked_at = $3
         WHERE company_key = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL",
        scope.key(),
        id,
        now
    )
    .execute(&mut *tx)
    .await?;
    let is_done = done.rows_affected() > 0;
    if is_done {
        audit::record(&mut tx, scope, Change::done("invitation.revoke", id), now).await?;
    }
    tx.commit().await?;
    Ok(is_done)
}

/// Whom an invitation is for, while it can be accepted; `None` when it is unknown, wrong, used, taken
/// back or over, which look the same from outside.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn open(
    store: &Store,
    presented: &PresentedKey,
    now: OffsetDateTime,
) -> Result<Option<Invitation>, StoreError> {
    let mut tx = presenting(store, presented, None, "invitations.open").await?;
    let found = read(&mut tx, presented, now).await?;
    tx.commit().await?;
    Ok(found.map(|(invitation, _)| invitation))
}

/// A transaction that sees the presented invitation, people, and what is the company's.
async fn presenting(
    store: &Store,
    presented: &PresentedKey,
    company_key: Option<i64>,
    name: &'static str,
) -> Result<Tx, StoreError> {
    let settings = Settings {
        credential: Some(presented.id()),
        operator: true,
        company: Some(company_key.unwrap_or(OPERATORS)),
        ..Settings::default()
    };
    tx::begin(store.transactions(), name, settings).await
}

async fn read(
    tx: &mut PgConnection,
    presented: &PresentedKey,
    now: OffsetDateTime,
) -> Result<Option<(Invitation, Option<i64>)>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, company_key, email, role, secret_hash, created_at, expires_at
         FROM invitations
         WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL
           AND NOT EXISTS (SELECT FROM companies c WHERE c.key = company_key
                           AND c.deletion_asked_at IS NOT NULL)
         FOR UPDATE",
        presented.id()
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let is_right = presented.is_of(&row.secret_hash);
    if !is_right || row.expires_at <= now {
        return Ok(None);
    }
    let invitation = Invitation {
        id: row.id,
        email: row.email,
        role: users::role(&row.role)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
    };
    Ok(Some((invitation, row.company_key)))
}

struct InvitationRow {
    id: Uuid,
    email: String,
    role: String,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            email: row.email,
            role: users::role(&row.role)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
