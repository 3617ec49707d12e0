//! Accepting an invitation: with a new account, or with one that there is.

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Invitation, presenting, read};
use crate::api_keys::PresentedKey;
use crate::audit::{self, Actor, Came, Change};
use crate::database::Store;
use crate::error::{StoreError, violated_constraint};
use crate::tenant::{OPERATORS, Role};

/// Who accepts an invitation.
#[derive(Clone, Copy)]
pub enum Accepting<'a> {
    /// Somebody new.
    New {
        /// Their id.
        id: Uuid,
        /// What they are called.
        name: &'a str,
        /// The hash of the password that they chose, as a PHC string.
        password: &'a str,
    },
    /// Somebody who has an account, and proved it.
    Known(Uuid),
}

impl Accepting<'_> {
    /// Whose account it is, when there is one.
    const fn known(self) -> Option<Uuid> {
        match self {
            Self::Known(id) => Some(id),
            Self::New { .. } => None,
        }
    }
}

impl std::fmt::Debug for Accepting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::New { id, .. } => f.debug_tuple("New").field(id).finish(),
            Self::Known(id) => f.debug_tuple("Known").field(id).finish(),
        }
    }
}

/// Accepts an invitation; gives who accepted it, or `None` when it cannot be accepted any more, the
/// account is none for it, or the address has another account that works in the company.
///
/// The audit log says where the request `came` from.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn accept(
    store: &Store,
    presented: &PresentedKey,
    who: Accepting<'_>,
    came: Came,
    now: OffsetDateTime,
) -> Result<Option<Uuid>, StoreError> {
    // In two transactions: only the invitation says which company's rows the second may see.
    let (email, company_key) = {
        let mut tx = presenting(store, presented, None, "invitations.accept.open").await?;
        let found = read(&mut tx, presented, now).await?;
        tx.commit().await?;
        match found {
            Some((invitation, company_key)) => (invitation.email, company_key),
            None => return Ok(None),
        }
    };
    let mut tx = presenting(store, presented, company_key, "invitations.accept").await?;
    let home_key = company_key.unwrap_or(OPERATORS);
    // The address before the invitation, in the order of who comes by a provider, or each would wait for the other.
    hold_address(&mut tx, home_key, &email).await?;
    // Read again under its lock, because somebody may have used it in between.
    let Some((invitation, _)) = read(&mut tx, presented, now).await? else {
        return Ok(None);
    };
    let Some(user) = account(&mut tx, (&invitation, home_key), who, now).await? else {
        return Ok(None);
    };
    if let Some(company_key) = company_key {
        enter(&mut tx, company_key, (user, invitation.role), now).await?;
    }
    sqlx::query!("UPDATE invitations SET accepted_at = $2 WHERE id = $1", invitation.id, now)
        .execute(&mut *tx)
        .await?;
    let email = invitation.email.clone();
    let origin = came.of(Actor::User { id: user, email });
    let after = json!({ "email": invitation.email, "role": invitation.role.as_str() });
    let change = Change::made("invitation.accept", invitation.id, after);
    audit::insert(&mut tx, home_key, &origin, change, now).await?;
    tx.commit().await?;
    Ok(Some(user))
}

/// Lets nobody else come into a company by an address until the transaction ends: there it stands for one
/// member.
pub(crate) async fn hold_address(
    tx: &mut PgConnection,
    company_key: i64,
    email: &str,
) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($2, $1))", company_key, email)
        .fetch_one(tx)
        .await?;
    Ok(())
}

/// Lets a person work in a company. Whoever works there already keeps their role: changing one minds that
/// an admin stays.
pub(crate) async fn enter(
    tx: &mut PgConnection,
    company_key: i64,
    (user, role): (Uuid, Role),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO memberships (company_key, user_id, role, created_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (company_key, user_id) DO NOTHING",
        company_key,
        user,
        role.as_str(),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The account that accepts: made, or checked to be one that the invitation is for.
async fn account(
    tx: &mut PgConnection,
    (invitation, home_key): (&Invitation, i64),
    who: Accepting<'_>,
    now: OffsetDateTime,
) -> Result<Option<Uuid>, StoreError> {
    if works_here(tx, (home_key, &invitation.email), who).await? {
        return Ok(None);
    }
    forget_links(tx, (home_key, &invitation.email), who).await?;
    let is_operator = invitation.role == Role::Operator;
    match who {
        Accepting::New { id, name, password } => {
            forget_left(tx, home_key, &invitation.email).await?;
            let made = sqlx::query!(
                "INSERT INTO users
                     (id, email, name, is_operator, password, created_at, password_set_at, home_key)
                 VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
                id,
                invitation.email,
                name,
                is_operator,
                password,
                now,
                home_key
            )
            .execute(tx)
            .await;
            match made {
                // Whoever has an account from here has to prove it, and comes as `Known`.
                Err(error) if violated_constraint(&error) == Some("users_email_key") => Ok(None),
                made => {
                    made?;
                    Ok(Some(id))
                }
            }
        }
        // An operator works in every company already, and a company's account becomes none: whoever
        // is both would be let out of the walls between companies by one row.
        Accepting::Known(id) => {
            let fits = sqlx::query_scalar!(
                r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND email = $2
                                  AND disabled_at IS NULL AND NOT is_operator) AS "fits!""#,
                id,
                invitation.email
            )
            .fetch_one(tx)
            .await?;
            Ok((fits && !is_operator).then_some(id))
        }
    }
}

/// Whether the address stands for somebody in the company already, who is not the one that accepts.
async fn works_here(
    tx: &mut PgConnection,
    (company_key, email): (i64, &str),
    who: Accepting<'_>,
) -> Result<bool, StoreError> {
    let works = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM memberships m JOIN users u ON u.id = m.user_id
                          WHERE m.company_key = $1 AND u.email = $2
                            AND u.id IS DISTINCT FROM $3) AS "works!""#,
        company_key,
        email,
        who.known()
    )
    .fetch_one(tx)
    .await?;
    Ok(works)
}

/// Forgets whom the company's provider means by somebody who left, once another account of their address comes in: it
/// would go on to open the one that is out, or let that in as a second member.
async fn forget_links(
    tx: &mut PgConnection,
    (company_key, email): (i64, &str),
    who: Accepting<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM oidc_identities o USING users u
         WHERE o.company_key = $1 AND u.id = o.user_id AND u.email = $2
           AND u.id IS DISTINCT FROM $3
           AND NOT EXISTS (SELECT FROM memberships m
                           WHERE m.user_id = u.id AND m.company_key = $1)",
        company_key,
        email,
        who.known()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets the account that the company opened for an address and that works nowhere any more: what it was is not
/// the new one's, and no company beside it keeps it.
async fn forget_left(tx: &mut PgConnection, home_key: i64, email: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM users u WHERE u.home_key = $1 AND u.email = $2 AND NOT u.is_operator
             AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id)",
        home_key,
        email
    )
    .execute(tx)
    .await?;
    Ok(())
}
