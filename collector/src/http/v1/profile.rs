//! Oneself: who asks, what they may do, and what is a person's own: password and second factor.

use std::mem;

use axum::Json;
use axum::extract::State;
use protocol::ids::CompanyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::permission::Permission;
use store::tenant::Role;
use store::users::{self, Account};
use uuid::Uuid;

use crate::http::answer::NoContent;
use crate::http::document::Routes;
use crate::http::extract::{Authenticated, Body, Person};
use crate::http::problem::Problem;
use crate::http::schema::{PermissionName, RoleName};
use crate::http::state::ApiState;
use crate::http::{password, totp};

pub(super) fn routes() -> Routes {
    Routes::of("Me", "Who asks, and what is their own.")
        .get("/me", "get_me", "Who asks, and what they may do where", get)
        .put(
            "/me/password",
            "set_own_password",
            "Set one's password; other sessions end",
            set_password,
        )
        .post("/me/totp", "begin_totp", "Begin a second factor; it counts once confirmed", begin)
        .post(
            "/me/totp/confirm",
            "confirm_totp",
            "Confirm the second factor with a code; recovery codes are shown once",
            confirm,
        )
        .post("/me/totp/remove", "remove_totp", "Take the second factor away", remove)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Me")]
struct MeView {
    id: Uuid,
    /// `user` or `api_key`.
    kind: &'static str,
    /// An address, or what the key is for.
    name: String,
    is_operator: bool,
    /// Where one is at home; empty for operators, who work in every company.
    companies: Vec<MembershipView>,
    /// What the key may do at most; all of what its role may when absent.
    #[schemars(with = "Option<Vec<PermissionName>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<&'static str>>,
    /// Of a person: how they are let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnAccount")]
struct AccountView {
    /// Whether a second factor is asked for.
    second_factor: bool,
    /// How many recovery codes of it are left.
    recovery_codes: usize,
    /// Whether there is a password; where a provider alone lets them in there is none.
    password: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Membership")]
struct MembershipView {
    #[schemars(with = "Uuid")]
    company: CompanyId,
    /// The company's name; a key is not told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[schemars(with = "RoleName")]
    role: &'static str,
    #[schemars(with = "Vec<PermissionName>")]
    permissions: Vec<&'static str>,
}

async fn get(who: Authenticated, State(state): State<ApiState>) -> Result<Json<MeView>, Problem> {
    let principal = &who.principal;
    // A key is answered from memory: programs ask often.
    let mut own = match principal.user() {
        Some(user) => users::own(&state.store, user).await?,
        None => None,
    };
    let mut names = own.as_mut().map(|own| mem::take(&mut own.companies)).unwrap_or_default();
    let companies = principal.memberships().map(|(company, role)| MembershipView {
        company,
        name: names.remove(&company),
        role: role.as_str(),
        permissions: permissions(role, |one| principal.may(one, company)),
    });
    let scopes = principal.scopes();
    Ok(Json(MeView {
        id: principal.id(),
        kind: principal.actor().kind(),
        name: principal.actor().name().to_owned(),
        is_operator: principal.is_operator(),
        companies: companies.collect(),
        scopes: scopes.map(|scopes| scopes.iter().map(|one| one.as_str()).collect()),
        account: own.map(|own| AccountView {
            second_factor: own.has_second_factor,
            recovery_codes: own.recovery_codes,
            password: own.has_password,
        }),
    }))
}

fn permissions(role: Role, may: impl Fn(Permission) -> bool) -> Vec<&'static str> {
    let all = Permission::ALL.iter().copied();
    all.filter(|one| one.role() <= role && may(*one)).map(Permission::as_str).collect()
}

/// The person's own account, once the password was given again: who finds a screen unlocked takes
/// nothing over.
async fn again(state: &ApiState, person: &Person, password: String) -> Result<Account, Problem> {
    let account = users::by_id(&state.store, person.user).await?;
    let account = account.ok_or(Problem::Unauthenticated)?;
    // Held to the same rates as signing in: it is the same guessing.
    state.gate.admit_sign_in(&account.email, person.who.origin.address(), state.clock.instant())?;
    if state.gate.passwords().verify(password, account.password.clone()).await? {
        Ok(account)
    } else {
        Err(Problem::field("password", "it is not your present password"))
    }
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewPassword")]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The present one.
    password: String,
    /// 15 characters or more, of any kind.
    new_password: String,
}

async fn set_password(
    person: Person,
    State(state): State<ApiState>,
    Body(new): Body<NewPassword>,
) -> Result<NoContent, Problem> {
    let account = again(&state, &person, new.password).await?;
    password::check(&new.new_password, &account.email)
        .map_err(|why| Problem::field("new_password", why))?;
    let others = users::by_email(&state.store, &account.email).await?;
    let others = others.into_iter().filter(|other| other.id != account.id);
    let hashes = others.map(|other| other.password).collect();
    let passwords = state.gate.passwords();
    // The password says which account of an address is meant. Finding this out is a guess at the others' like signing
    // in from elsewhere: it counts as one whoever asks, and whether or not there are others.
    state.gate.admit_stranger(&account.email, state.clock.instant())?;
    if !passwords.find(new.new_password.clone(), hashes).await?.is_empty() {
        let detail = "it opens another account of your address: choose another";
        return Err(Problem::field("new_password", detail));
    }
    let hash = passwords.hash(new.new_password, Some(account.password)).await?;
    let keep = Some(person.session);
    let (origin, now) = (&person.who.origin, state.clock.now());
    users::set_password(&state.store, account.id, &hash, keep, origin, now).await?;
    Ok(NoContent)
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Password")]
#[serde(deny_unknown_fields)]
struct Present {
    /// The present password.
    password: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TotpSecret")]
struct SecretView {
    /// The secret, for who types it.
    secret: String,
    /// The secret as authenticators read it, from a QR code for one.
    address: String,
}

async fn begin(
    person: Person,
    State(state): State<ApiState>,
    Body(present): Body<Present>,
) -> Result<Json<SecretView>, Problem> {
    let account = again(&state, &person, present.password).await?;
    let secret = totp::new_secret()?;
    if !users::begin_totp(&state.store, account.id, &secret).await? {
        let detail = "there is a second factor: take it away first";
        return Err(Problem::Conflict(detail.to_owned()));
    }
    Ok(Json(SecretView {
        secret: totp::in_base32(&secret),
        address: totp::address(&secret, &account.email),
    }))
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TotpCode")]
#[serde(deny_unknown_fields)]
struct Code {
    /// What the authenticator shows.
    code: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
struct CodesView {
    /// Each is good once, in place of a code. They are not shown again.
    recovery_codes: Vec<String>,
}

async fn confirm(
    person: Person,
    State(state): State<ApiState>,
    Body(code): Body<Code>,
) -> Result<Json<CodesView>, Problem> {
    let now = state.clock.now();
    let account = users::by_id(&state.store, person.user).await?;
    let account = account.ok_or(Problem::Unauthenticated)?;
    state.gate.admit_sign_in(&account.email, person.who.origin.address(), state.clock.instant())?;
    let nothing =
        || Problem::Conflict("there is no second factor to confirm: begin one".to_owned());
    let secret = account.totp_pending.ok_or_else(nothing)?;
    let step = totp::step_of(&secret, &code.code, now)
        .ok_or_else(|| Problem::field("code", "it is not the present code: is the clock right?"))?;
    let (recovery_codes, hashes) = totp::new_recovery_codes()?;
    let origin = &person.who.origin;
    if !users::confirm_totp(&state.store, account.id, step, &hashes, origin, now).await? {
        return Err(nothing());
    }
    Ok(Json(CodesView { recovery_codes }))
}

async fn remove(
    person: Person,
    State(state): State<ApiState>,
    Body(present): Body<Present>,
) -> Result<NoContent, Problem> {
    let account = again(&state, &person, present.password).await?;
    let (origin, now) = (&person.who.origin, state.clock.now());
    users::drop_totp(&state.store, account.id, origin, now).await?;
    Ok(NoContent)
}
