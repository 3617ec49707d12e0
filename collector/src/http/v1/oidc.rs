//! The company's own provider of identities: which one, whom it lets in, and as what.

mod ended;
mod sign_in;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::oidc::{self, DOMAINS_MAX, GROUPS_MAX, GroupRole, Provider, ProviderChange, PutError};
use store::tenant::Role;
use time::OffsetDateTime;

use super::credential;
use super::users::{company_role, may_give};
use crate::http::answer::{NoContent, Versioned};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Authenticated, Body, IfMatch, Tenant};
use crate::http::may::ManageUsers;
use crate::http::problem::Problem;
use crate::http::schema::RoleName;
use crate::http::state::ApiState;
use crate::oidc::OidcError;

/// Characters of a name that a provider gives: an issuer, a client, a claim, a group.
const NAME_CHARS_MAX: usize = 255;
/// Characters of a client's secret.
const SECRET_CHARS_MAX: usize = 1_024;

pub(super) fn routes() -> Routes {
    let about = "Signing in by the company's own provider of identities (OpenID Connect).";
    let routes = Routes::of("OpenID Connect", about)
        .get("/oidc", "get_oidc", "The company's provider", get)
        .put(
            "/oidc",
            "put_oidc",
            "Set the company's provider; it is asked whether it is there",
            put,
        )
        .delete(
            "/oidc",
            "delete_oidc",
            "Take the provider away; who is signed in stays so",
            delete,
        );
    sign_in::add(routes)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Oidc")]
struct OidcView {
    /// What the provider has to be told that people are sent back to; absent where the operator has not said how
    /// browsers reach this collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<String>,
    /// The provider, where the company has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<ProviderView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OidcProvider")]
struct ProviderView {
    issuer: String,
    client_id: String,
    domains: Vec<String>,
    /// Of these, those of which an address counts that the provider does not say to have verified.
    trusted_domains: Vec<String>,
    /// What somebody becomes without a group; absent where they are not let in.
    #[schemars(with = "Option<RoleName>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    default_role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups_claim: Option<String>,
    group_roles: Vec<GroupRoleView>,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    changed_at: OffsetDateTime,
}

/// What a group makes of whoever is in it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OidcGroupRole")]
#[serde(deny_unknown_fields)]
struct GroupRoleView {
    group: String,
    #[schemars(with = "RoleName")]
    role: String,
}

impl From<Provider> for ProviderView {
    fn from(provider: Provider) -> Self {
        let group =
            |one: GroupRole| GroupRoleView { group: one.group, role: one.role.as_str().to_owned() };
        Self {
            issuer: provider.issuer,
            client_id: provider.client_id,
            domains: provider.domains,
            trusted_domains: provider.trusted_domains,
            default_role: provider.default_role.map(Role::as_str),
            groups_claim: provider.groups_claim,
            group_roles: provider.group_roles.into_iter().map(group).collect(),
            changed_at: provider.changed_at,
        }
    }
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Changed => Self::Stale,
            PutError::SecretMissing => Self::field("client_secret", error.to_string()),
            PutError::Store(error) => error.into(),
        }
    }
}

/// What the company's provider is to be.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "OidcProviderBody")]
#[serde(deny_unknown_fields)]
struct ProviderBody {
    /// What the provider calls itself: an `https://` address under which its configuration is found.
    issuer: String,
    /// What the provider calls this collector.
    client_id: String,
    /// What the provider gave for it. Never shown; what it was when absent, as long as the issuer stays.
    client_secret: Option<String>,
    /// Domains of the addresses that are let in, such as `example.org`.
    domains: Vec<String>,
    /// Of `domains`, those of which an address counts that the provider does not say to have verified: Microsoft Entra ID
    /// sends no `email_verified`. Only where nobody but the provider's admins sets addresses.
    #[serde(default)]
    trusted_domains: Vec<String>,
    /// What somebody becomes who has no role by a group; they are not let in when absent.
    #[schemars(with = "Option<RoleName>")]
    default_role: Option<String>,
    /// The claim of ID tokens that names somebody's groups. With it, roles follow groups at every sign-in.
    groups_claim: Option<String>,
    /// What groups make of somebody: the most of it counts.
    #[serde(default)]
    group_roles: Vec<GroupRoleView>,
}

/// The same, checked.
struct Checked {
    domains: Vec<String>,
    trusted_domains: Vec<String>,
    default_role: Option<Role>,
    group_roles: Vec<GroupRole>,
}

impl ProviderBody {
    fn check(&self) -> Result<Checked, Problem> {
        plain_text("issuer", &self.issuer, NAME_CHARS_MAX)?;
        plain_text("client_id", &self.client_id, NAME_CHARS_MAX)?;
        if let Some(secret) = &self.client_secret {
            plain_text("client_secret", secret, SECRET_CHARS_MAX)?;
        }
        if let Some(claim) = &self.groups_claim {
            plain_text("groups_claim", claim, NAME_CHARS_MAX)?;
        } else if !self.group_roles.is_empty() {
            return Err(Problem::field("groups_claim", "the claim that names the groups"));
        }
        let default_role = self.default_role.as_deref().map(company_role).transpose();
        let domains = self.domains()?;
        let trusted_domains = plain_domains(&self.trusted_domains);
        if !trusted_domains.iter().all(|one| domains.contains(one)) {
            return Err(Problem::field("trusted_domains", "domains that are let in"));
        }
        Ok(Checked {
            domains,
            trusted_domains,
            default_role: default_role.map_err(|_| no_role("default_role"))?,
            group_roles: self.group_roles()?,
        })
    }

    fn domains(&self) -> Result<Vec<String>, Problem> {
        let domains = plain_domains(&self.domains);
        let is_domain = |domain: &String| {
            let is_of = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            domain.len() <= NAME_CHARS_MAX
                && domain.contains('.')
                && domain.bytes().all(is_of)
                && domain.split('.').all(|label| !label.is_empty())
        };
        if !(1..=DOMAINS_MAX).contains(&domains.len()) || !domains.iter().all(is_domain) {
            let detail = format!("1 to {DOMAINS_MAX} domains, such as example.org");
            return Err(Problem::field("domains", detail));
        }
        Ok(domains)
    }

    fn group_roles(&self) -> Result<Vec<GroupRole>, Problem> {
        if self.group_roles.len() > GROUPS_MAX {
            return Err(Problem::field("group_roles", format!("at most {GROUPS_MAX} groups")));
        }
        let one = |one: &GroupRoleView| {
            plain_text("group_roles", &one.group, NAME_CHARS_MAX)?;
            let role = company_role(&one.role).map_err(|_| no_role("group_roles"))?;
            Ok(GroupRole { group: one.group.clone(), role })
        };
        self.group_roles.iter().map(one).collect()
    }
}

/// Domains as they are kept: in small letters, each once.
fn plain_domains(written: &[String]) -> Vec<String> {
    let mut domains: Vec<String> =
        written.iter().map(|domain| domain.trim().to_lowercase()).collect();
    domains.sort_unstable();
    domains.dedup();
    domains
}

fn no_role(field: &'static str) -> Problem {
    Problem::field(field, "one of viewer, analyst, admin")
}

/// A text that can stand in a log and in an address.
fn plain_text(field: &'static str, text: &str, chars_max: usize) -> Result<(), Problem> {
    let count = text.chars().count();
    if (1..=chars_max).contains(&count) && text.trim() == text && !credential::has_control(text) {
        return Ok(());
    }
    let detail = format!("1 to {chars_max} characters, none of control, no blanks around them");
    Err(Problem::field(field, detail))
}

async fn get(
    tenant: Tenant<ManageUsers>,
    State(state): State<ApiState>,
) -> Result<Versioned<OidcView>, Problem> {
    Ok(view(&state, oidc::get(&tenant.scope).await?))
}

/// What there is; version 0 where there is none, so that a first one is made from that.
fn view(state: &ApiState, provider: Option<Provider>) -> Versioned<OidcView> {
    let revision = provider.as_ref().map_or(0, |provider| provider.revision);
    let redirect_uri = state.oidc.redirect_uri().map(str::to_owned);
    Versioned(revision, OidcView { redirect_uri, provider: provider.map(Into::into) })
}

async fn put(
    tenant: Tenant<ManageUsers>,
    who: Authenticated,
    State(state): State<ApiState>,
    IfMatch(version): IfMatch,
    Body(new): Body<ProviderBody>,
) -> Result<Versioned<OidcView>, Problem> {
    // A provider makes whoever it likes an admin.
    may_give(&who, Role::Admin)?;
    let checked = new.check()?;
    if state.oidc.redirect_uri().is_none() {
        return Err(Problem::Conflict(OidcError::Off.to_string()));
    }
    // Asked now, so that who mistypes it hears so, and not the first who wants to sign in.
    state.oidc.check(&new.issuer).await.map_err(|error| match error {
        OidcError::Internal(fault) => Problem::Internal(fault),
        OidcError::Off
        | OidcError::Ask(..)
        | OidcError::Published(_)
        | OidcError::Refused(_)
        | OidcError::Token(_)
        | OidcError::SecretLost => Problem::field("issuer", error.to_string()),
    })?;
    let company = tenant.scope.company();
    let secret = new.client_secret.as_deref().map(|secret| state.oidc.seal(company, secret));
    let secret = secret.transpose().map_err(Problem::Internal)?;
    let change = ProviderChange {
        issuer: &new.issuer,
        client_id: &new.client_id,
        client_secret: secret.as_deref(),
        domains: &checked.domains,
        trusted_domains: &checked.trusted_domains,
        default_role: checked.default_role,
        groups_claim: new.groups_claim.as_deref(),
        group_roles: &checked.group_roles,
    };
    let provider = oidc::put(&tenant.scope, &change, version, state.clock.now()).await?;
    Ok(view(&state, Some(provider)))
}

async fn delete(
    tenant: Tenant<ManageUsers>,
    State(state): State<ApiState>,
) -> Result<NoContent, Problem> {
    let is_done = oidc::delete(&tenant.scope, state.clock.now()).await?;
    NoContent::where_done(is_done, "provider")
}
