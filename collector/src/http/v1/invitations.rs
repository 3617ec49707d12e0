//! Invitations: a link that works once, for one address.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::api_keys::PresentedKey;
use store::invitations::{self, Accepting, INVITATIONS_MAX, Invitation, NewInvitation};
use store::tenant::Role;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::credential;
use super::users::{company_role, may_give};
use crate::http::answer::{Created, NoContent};
use crate::http::client::Client;
use crate::http::csrf::SameSite;
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Authenticated, Body, Path, Tenant, parse_id};
use crate::http::may::ManageUsers;
use crate::http::page::{self, Whole};
use crate::http::password;
use crate::http::problem::Problem;
use crate::http::schema::RoleName;
use crate::http::state::ApiState;
use crate::http::v1::sessions::{Claim, find};

/// How the text of an invitation begins.
const PREFIX: &str = "msi_";
/// How long an invitation is good.
const GOOD_FOR: Duration = Duration::days(7);
/// Characters of an address at most (RFC 5321, section 4.5.3.1).
const EMAIL_CHARS_MAX: usize = 254;

pub(super) fn routes() -> Routes {
    Routes::of("Invitations", "How somebody comes to work in the company.")
        .list("/invitations", "list_invitations", "Invitations that are open, newest first", list)
        .post(
            "/invitations",
            "create_invitation",
            "Invite somebody; the link is shown once",
            create,
        )
        .delete("/invitations/{invitation}", "revoke_invitation", "Take an invitation back", revoke)
        .post(
            "/invitations/accept",
            "accept_invitation",
            "Accept an invitation, with a new password or with the account that there is",
            accept,
        )
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub(super) struct InvitationView {
    id: Uuid,
    email: String,
    #[schemars(with = "RoleName")]
    role: &'static str,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// The invitation whole, which goes to whom it is for; only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-muster-secret" = true))]
    token: Option<String>,
}

impl InvitationView {
    /// With what is shown once.
    pub(super) fn shown_once(row: Invitation, made: &Made) -> Self {
        Self { token: Some(made.key.expose_as(PREFIX)), ..row.into() }
    }
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role.as_str(),
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
            token: None,
        }
    }
}

async fn list(
    tenant: Tenant<ManageUsers>,
    State(state): State<ApiState>,
) -> Result<Json<Whole<InvitationView>>, Problem> {
    let open = invitations::list(&tenant.scope, state.clock.now()).await?;
    Ok(page::whole_within(open, INVITATIONS_MAX, InvitationView::from))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewInvitation")]
#[serde(deny_unknown_fields)]
struct New {
    /// Whom it is for.
    email: String,
    /// `viewer`, `analyst` or `admin`.
    #[schemars(with = "RoleName")]
    role: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOperatorInvitation {
    /// Whom it is for.
    pub(super) email: String,
}

/// An invitation that was made and is not kept yet.
pub(super) struct Made {
    key: PresentedKey,
    email: String,
    expires_at: OffsetDateTime,
}

impl Made {
    /// As the store takes it.
    pub(super) fn to_store(&self) -> NewInvitation<'_> {
        NewInvitation { key: &self.key, email: &self.email, expires_at: self.expires_at }
    }
}

/// Makes an invitation.
///
/// # Errors
///
/// When the address is none.
pub(super) fn invite(email: &str, now: OffsetDateTime) -> Result<Made, Problem> {
    Ok(Made { key: credential::new_key()?, email: address(email)?, expires_at: now + GOOD_FOR })
}

/// An address of mail, in lower case. Whether somebody reads it, only a letter would show.
pub(super) fn address(text: &str) -> Result<String, Problem> {
    let text = text.trim().to_lowercase();
    let is_address = text.len() <= EMAIL_CHARS_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.contains('@')
        });
    if is_address {
        Ok(text)
    } else {
        Err(Problem::field("email", "an address of mail, such as ann@example.org"))
    }
}

async fn create(
    tenant: Tenant<ManageUsers>,
    who: Authenticated,
    State(state): State<ApiState>,
    Body(new): Body<New>,
) -> Result<Created<InvitationView>, Problem> {
    let now = state.clock.now();
    let role = company_role(&new.role)?;
    may_give(&who, role)?;
    let made = invite(&new.email, now)?;
    let row = invitations::create(&tenant.scope, &made.to_store(), role, now).await?;
    Ok(Created(InvitationView::shown_once(row, &made)))
}

async fn revoke(
    tenant: Tenant<ManageUsers>,
    State(state): State<ApiState>,
    Path(invitation): Path<String>,
) -> Result<NoContent, Problem> {
    let id = parse_id::<Uuid>(&invitation, "invitation")?;
    let is_done = invitations::revoke(&tenant.scope, id, state.clock.now()).await?;
    NoContent::where_done(is_done, "invitation")
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "AcceptInvitation")]
#[serde(deny_unknown_fields)]
struct Accept {
    /// The invitation, as its maker was shown it.
    token: String,
    /// What to be called; for a new account.
    name: Option<String>,
    /// A new account's password, or that of the account that the address has.
    password: String,
    /// The code of the account's second factor, or a recovery code.
    code: Option<String>,
}

async fn accept(
    _ours: SameSite,
    State(state): State<ApiState>,
    from: Client,
    Body(accept): Body<Accept>,
) -> Result<NoContent, Problem> {
    let now = state.clock.now();
    // One answer for every token that is none: which ones there were is nobody's business.
    let gone = || Problem::field("token", "it is no invitation, or one that is used or over");
    let key = PresentedKey::parse_as(PREFIX, &accept.token).map_err(|_| gone())?;
    let invitation = invitations::open(&state.store, &key, now).await?.ok_or_else(gone)?;
    let accounts = store::users::by_email(&state.store, &invitation.email).await?;
    let salted =
        accounts.iter().map(|account| account.password.clone()).find(|one| !one.is_empty());
    // The password alone says whether it is an account that there is or a new one. Whoever holds the link learns
    // nothing of accounts that others have of the address, and is not kept out by them.
    let (email, password) = (invitation.email.clone(), accept.password.clone());
    let came = from.came();
    let claim = Claim { email, password, code: accept.code };
    if let Some(account) = find(&state, accounts, claim, &from).await? {
        if invitation.role == Role::Operator && !account.is_operator {
            let detail = "another one than that of the account that you have: this makes a new one";
            return Err(Problem::field("password", detail));
        }
        let known = Accepting::Known(account.id);
        let user = invitations::accept(&state.store, &key, known, came, now);
        return user.await?.map(|_| NoContent).ok_or_else(gone);
    }
    let name = credential::name(accept.name.as_deref().unwrap_or_default())?;
    password::check(&accept.password, &invitation.email)
        .map_err(|why| Problem::field("password", why))?;
    let hash = state.gate.passwords().hash(accept.password, salted).await?;
    let new = Accepting::New { id: Uuid::new_v4(), name, password: &hash };
    let user = invitations::accept(&state.store, &key, new, came, now).await?;
    // The address stands for somebody in this company already, whose password it is not.
    user.map(|_| NoContent).ok_or(Problem::SignInRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_mail_and_has_no_case() {
        assert_eq!(address(" Ann@Example.ORG ").unwrap(), "ann@example.org");
        for other in [
            "",
            "ann",
            "@x.example",
            "ann@",
            "ann@x",
            "a b@x.example",
            "a@b@x.example",
            "a@x.example\r\nBcc: b@x.example",
        ] {
            assert!(address(other).is_err(), "{other:?}");
        }
    }
}
