//! API keys: an admin's for the company, an operator's for the operators; shown whole once.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::api_keys::{self, ApiKey, KEYS_MAX, NewApiKey};
use store::permission::Permission;
use store::tenant::{Principal, Role};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::answer::{Created, NoContent};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Authenticated, Body, Path, Tenant, parse_id};
use crate::http::may::ManageKeys;
use crate::http::page::{self, Whole};
use crate::http::problem::Problem;
use crate::http::schema::{PermissionName, RoleName};
use crate::http::state::ApiState;
use crate::http::v1::credential;

pub(super) fn routes() -> Routes {
    Routes::of("API keys", "What programs show to be let in.")
        .list("/api-keys", "list_api_keys", "Keys, newest first, without their secrets", list)
        .post("/api-keys", "create_api_key", "Make a key, shown once", create)
        .delete("/api-keys/{key}", "revoke_api_key", "Refuse a key from now on", revoke)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
struct KeyView {
    id: Uuid,
    name: String,
    #[schemars(with = "RoleName")]
    role: &'static str,
    /// What it may do of what its role may; all of it when absent.
    #[schemars(with = "Option<Vec<PermissionName>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<&'static str>>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    revoked_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    last_used_at: Option<OffsetDateTime>,
    /// Who stands behind it, in a word that stays the same: `user:<uuid>`, or `api_key:<uuid>` of the first of keys that
    /// made one another. Absent where it was made at the collector's command line. It ends when that person is taken out
    /// of the company.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    /// What they are called now; absent for who is none of the company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by_name: Option<String>,
    /// The key whole; only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-muster-secret" = true))]
    key: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            role: key.role.as_str(),
            scopes: key.scopes.map(|scopes| scopes.into_iter().map(Permission::as_str).collect()),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            created_by: key.created_by,
            created_by_name: key.created_by_name,
            key: None,
        }
    }
}

async fn list(tenant: Tenant<ManageKeys>) -> Result<Json<Whole<KeyView>>, Problem> {
    let scope = tenant.scope;
    let keys = api_keys::list(&scope).await?;
    Ok(page::whole_within(keys, KEYS_MAX, KeyView::from))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewApiKey")]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What it is for.
    name: String,
    /// `viewer`, `analyst` or `admin`.
    #[schemars(with = "RoleName")]
    role: String,
    /// What it may do of what its role may, such as `inventory:read`; all of it when absent.
    #[schemars(with = "Option<Vec<PermissionName>>")]
    scopes: Option<Vec<String>>,
    /// How long it is valid, in seconds; for ever when absent.
    expires_after_s: Option<u32>,
}

impl NewKey {
    fn role(&self) -> Result<Role, Problem> {
        Role::parse(&self.role)
            // An admin who could make an operator's key would be one.
            .filter(|role| *role < Role::Operator)
            .ok_or_else(|| Problem::field("role", "one of viewer, analyst, admin"))
    }

    fn scopes(&self, role: Role) -> Result<Option<Vec<Permission>>, Problem> {
        let Some(names) = &self.scopes else {
            return Ok(None);
        };
        let mut scopes = Vec::with_capacity(names.len().min(Permission::ALL.len()));
        for name in names {
            // One that the role lacks would never let the key do anything, and look as if it did.
            let scope = Permission::parse(name).filter(|scope| scope.role() <= role);
            let scope = scope.ok_or_else(|| {
                let word: String = name.chars().take(40).collect();
                Problem::field("scopes", format!("the role has no permission {word:?}"))
            })?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Ok(Some(scopes))
    }
}

/// The scopes of a new key: who may do only some things gives nobody more.
fn within(
    maker: &Principal,
    scopes: Option<Vec<Permission>>,
) -> Result<Option<Vec<Permission>>, Problem> {
    let Some(own) = maker.scopes() else {
        return Ok(scopes);
    };
    let Some(scopes) = scopes else {
        let detail = "say which: a key with scopes makes no key without";
        return Err(Problem::field("scopes", detail));
    };
    match scopes.iter().find(|scope| !own.contains(scope)) {
        None => Ok(Some(scopes)),
        Some(beyond) => Err(Problem::Forbidden(*beyond)),
    }
}

async fn create(
    tenant: Tenant<ManageKeys>,
    who: Authenticated,
    State(state): State<ApiState>,
    Body(new): Body<NewKey>,
) -> Result<Created<KeyView>, Problem> {
    let scope = tenant.scope;
    let now = state.clock.now();
    let name = credential::name(&new.name)?;
    let expires_at = credential::expires_at(new.expires_after_s, now)?;
    let role = new.role()?;
    let scopes = within(&who.principal, new.scopes(role)?)?;
    let key = credential::new_key()?;
    let made = NewApiKey { key: &key, name, expires_at };
    let row = api_keys::create_narrowed(&scope, &made, role, scopes.as_deref(), now).await?;
    Ok(Created(KeyView { key: Some(key.expose()), ..row.into() }))
}

async fn revoke(
    tenant: Tenant<ManageKeys>,
    State(state): State<ApiState>,
    Path(key): Path<String>,
) -> Result<NoContent, Problem> {
    let scope = tenant.scope;
    let id = parse_id::<Uuid>(&key, "API key")?;
    let is_done = api_keys::revoke(&scope, id, state.clock.now()).await?;
    NoContent::where_done(is_done, "API key")
}
