//! Letting somebody in whom the company's provider vouches for.
//!
//! What the provider says of an address counts for people of the company and for accounts that the company
//! opened; anybody else is somebody new to it. An account that is only elsewhere, or an operator's, is never
//! opened by it, and keeps nobody out.

use std::net::IpAddr;

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Provider, provider};
use crate::audit::{self, Actor, Change, Origin};
use crate::error::StoreError;
use crate::tenant::{Role, TenantScope};
use crate::{invitations, users};

/// Whom a provider vouches for.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// What it calls the person, for good.
    pub subject: &'a str,
    /// Their address, in small letters, which the provider verified.
    pub email: &'a str,
    /// What they are called.
    pub name: &'a str,
    /// Their groups.
    pub groups: &'a [String],
    /// The id of the account, should it be a new one.
    pub new_user: Uuid,
    /// Where they come from.
    pub address: Option<IpAddr>,
    /// The request, as the log knows it.
    pub request_id: &'a str,
}

/// Who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Who.
    pub user: Uuid,
    /// The address of the account.
    pub email: String,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The company has no such provider any more.
    #[error("the company has another provider now, or none")]
    NoProvider,
    /// The address is of an account that is not this subject's, or refused.
    #[error("the address is of an account that this provider does not speak for")]
    NotTheirs,
    /// They were taken out of the company.
    #[error("they were taken out of the company: an invitation lets them in again")]
    Removed,
    /// Nothing gives them a role.
    #[error("no group gives them a role, and there is none for everybody")]
    NoRole,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for EnterError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Lets somebody into the company, with the account that they have there or with a new one. Their role
/// follows their groups where the provider names any.
///
/// # Errors
///
/// When they are not let in, or the database cannot be used.
pub async fn enter(
    scope: &TenantScope,
    arrival: &Arrival<'_>,
    now: OffsetDateTime,
) -> Result<Entered, EnterError> {
    // Accounts are the operators' to see, the rest is the company's.
    let mut tx = scope.begin_with_operators("oidc.enter").await?;
    // Its row is locked, so that two windows of somebody new make one account.
    let provider = provider::read(&mut tx, scope.key()).await?;
    let provider =
        provider.filter(|one| one.issuer == arrival.issuer).ok_or(EnterError::NoProvider)?;
    invitations::hold_address(&mut tx, scope.key(), arrival.email).await?;
    let mut entry = Entry { tx: &mut tx, company_key: scope.key(), provider, arrival, now };
    let known = entry.known().await?;
    let entered = match known {
        None => entry.make().await?,
        Some(known) => entry.admit(known).await?,
    };
    tx.commit().await?;
    Ok(entered)
}

/// An account that may be theirs.
struct Known {
    id: Uuid,
    email: String,
    /// Whether nobody speaks for it but itself: an operator's, or one that is refused.
    is_closed: bool,
    /// Whether this is whom the provider means.
    is_linked: bool,
    /// Whether the provider calls it something else.
    is_anothers: bool,
    /// What they are in the company.
    role: Option<String>,
}

/// One person on their way in.
struct Entry<'a> {
    tx: &'a mut PgConnection,
    company_key: i64,
    provider: Provider,
    arrival: &'a Arrival<'a>,
    now: OffsetDateTime,
}

impl Entry<'_> {
    /// The account that the subject is linked to, or else the one that the address stands for in the company, or
    /// that the company opened for it.
    async fn known(&mut self) -> Result<Option<Known>, StoreError> {
        let known = sqlx::query_as!(
            Known,
            r#"SELECT u.id, u.email, u.is_operator OR u.disabled_at IS NOT NULL AS "is_closed!",
                      i.user_id IS NOT NULL AS "is_linked!",
                      EXISTS (SELECT FROM oidc_identities o
                              WHERE o.company_key = $1 AND o.issuer = $2 AND o.subject <> $3
                                AND o.user_id = u.id) AS "is_anothers!",
                      m.role AS "role?"
               FROM users u
               LEFT JOIN memberships m ON m.user_id = u.id AND m.company_key = $1
               LEFT JOIN oidc_identities i ON i.company_key = $1 AND i.issuer = $2
                                          AND i.subject = $3 AND i.user_id = u.id
               WHERE u.id = coalesce((SELECT o.user_id FROM oidc_identities o
                                      WHERE o.company_key = $1 AND o.issuer = $2
                                        AND o.subject = $3),
                                     (SELECT e.id FROM users e
                                      LEFT JOIN memberships n ON n.user_id = e.id
                                                             AND n.company_key = $1
                                      WHERE e.email = $4 AND NOT e.is_operator
                                        AND (n.user_id IS NOT NULL OR e.home_key = $1)
                                      ORDER BY n.user_id IS NULL LIMIT 1))"#,
            self.company_key,
            self.arrival.issuer,
            self.arrival.subject,
            self.arrival.email
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        Ok(known)
    }

    /// Lets in whom the company knows.
    async fn admit(&mut self, known: Known) -> Result<Entered, EnterError> {
        // An address that somebody else had before them at the provider is no proof of who they are.
        if known.is_closed || (!known.is_linked && known.is_anothers) {
            return Err(EnterError::NotTheirs);
        }
        let who = Entered { user: known.id, email: known.email };
        match known.role {
            None => self.readmit(&who).await?,
            Some(role) => self.follow_groups(&who, users::role(&role)?).await?,
        }
        if !known.is_linked {
            self.link(&who).await?;
            let after = json!({ "email": who.email, "issuer": self.arrival.issuer,
                                "subject": self.arrival.subject });
            self.note(&who, Change::made("oidc.link", who.user, after)).await?;
        }
        Ok(who)
    }

    /// Makes an account for somebody whom the company does not know.
    async fn make(&mut self) -> Result<Entered, EnterError> {
        let invited = self.accept_invitation().await?;
        let role = self.first_role(invited).ok_or(EnterError::NoRole)?;
        let who = Entered { user: self.arrival.new_user, email: self.arrival.email.to_owned() };
        // The empty text is no password's hash: none opens it.
        sqlx::query!(
            "INSERT INTO users
                 (id, email, name, is_operator, password, created_at, password_set_at, home_key)
             VALUES ($1, $2, $3, false, '', $4, $4, $5)",
            who.user,
            who.email,
            self.arrival.name,
            self.now,
            self.company_key
        )
        .execute(&mut *self.tx)
        .await?;
        invitations::enter(self.tx, self.company_key, (who.user, role), self.now).await?;
        self.link(&who).await?;
        let after = json!({ "email": who.email, "name": self.arrival.name, "role": role.as_str(),
                            "issuer": self.arrival.issuer, "subject": self.arrival.subject });
        self.note(&who, Change::made("user.create", who.user, after)).await?;
        Ok(who)
    }

    /// Lets in whom the company took out, when it has invited them since.
    async fn readmit(&mut self, who: &Entered) -> Result<(), EnterError> {
        let invited = self.accept_invitation().await?.ok_or(EnterError::Removed)?;
        let role = self.first_role(Some(invited)).ok_or(EnterError::NoRole)?;
        invitations::enter(self.tx, self.company_key, (who.user, role), self.now).await?;
        let after = json!({ "email": who.email, "role": role.as_str() });
        self.note(who, Change::made("invitation.accept", who.user, after)).await?;
        Ok(())
    }

    /// What somebody becomes who was not in the company: groups before invitations, where there are any.
    fn first_role(&self, invited: Option<Role>) -> Option<Role> {
        let given = self.provider.role_of(self.arrival.groups);
        if self.provider.groups_claim.is_some() { given } else { invited.or(given) }
    }

    /// Gives somebody the role that their groups give, but for a last admin, who stays one.
    async fn follow_groups(&mut self, who: &Entered, was: Role) -> Result<(), EnterError> {
        if self.provider.groups_claim.is_none() {
            return Ok(());
        }
        let role = self.provider.role_of(self.arrival.groups).ok_or(EnterError::NoRole)?;
        let admins = users::hold_admins(self.tx, self.company_key).await?;
        if role == was || (admins == [who.user] && role < Role::Admin) {
            return Ok(());
        }
        sqlx::query!(
            "UPDATE memberships SET role = $3, revision = revision + 1
             WHERE company_key = $1 AND user_id = $2",
            self.company_key,
            who.user,
            role.as_str()
        )
        .execute(&mut *self.tx)
        .await?;
        let (was, is) = (json!({ "role": was.as_str() }), json!({ "role": role.as_str() }));
        self.note(who, Change::edited("user.set_role", who.user, was, is)).await?;
        Ok(())
    }

    async fn link(&mut self, who: &Entered) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO oidc_identities (company_key, issuer, subject, user_id, created_at)
             VALUES ($1, $2, $3, $4, $5)",
            self.company_key,
            self.arrival.issuer,
            self.arrival.subject,
            who.user,
            self.now
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Spends an invitation of the company for the address, if one is open; what it was to.
    async fn accept_invitation(&mut self) -> Result<Option<Role>, StoreError> {
        let role = sqlx::query_scalar!(
            "UPDATE invitations SET accepted_at = $3 WHERE id =
                 (SELECT id FROM invitations
                  WHERE company_key = $1 AND email = $2 AND accepted_at IS NULL
                    AND revoked_at IS NULL AND expires_at > $3
                  ORDER BY created_at DESC LIMIT 1)
             RETURNING role",
            self.company_key,
            self.arrival.email,
            self.now
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        role.as_deref().map(users::role).transpose()
    }

    /// Writes into the company's log what somebody did by coming in.
    async fn note(&mut self, who: &Entered, change: Change) -> Result<(), StoreError> {
        let actor = Actor::User { id: who.user, email: who.email.clone() };
        let request = self.arrival.request_id.to_owned();
        let origin = Origin::of_request(actor, self.arrival.address, request);
        audit::insert(self.tx, self.company_key, &origin, change, self.now).await
    }
}
