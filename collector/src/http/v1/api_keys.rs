//! API keys: an admin's for the company, an operator's for the operators; shown whole once.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use store::api_keys::{self, ApiKey, NewApiKey, PresentedKey};
use store::tenant::Role;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::extract::{Admin, Body, Path, Tenant, parse_id};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v1::credential;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/api-keys", routing::get(list).post(create))
        .route("/api-keys/{key}", routing::delete(revoke))
}

#[derive(Debug, Serialize)]
struct KeyView {
    id: Uuid,
    name: String,
    role: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    expires_at: Option<OffsetDateTime>,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    revoked_at: Option<OffsetDateTime>,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    last_used_at: Option<OffsetDateTime>,
    /// The key whole; only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            role: key.role.as_str(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            key: None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Keys {
    items: Vec<KeyView>,
}

async fn list(tenant: Tenant<Admin>) -> Result<Json<Keys>, Problem> {
    let scope = tenant.scope;
    let keys = api_keys::list(&scope).await?;
    Ok(Json(Keys {
        items: keys.into_iter().map(KeyView::from).collect(),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What it is for.
    name: String,
    /// `viewer`, `analyst` or `admin`.
    role: String,
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
}

async fn create(
    tenant: Tenant<Admin>,
    State(state): State<ApiState>,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let scope = tenant.scope;
    let now = state.clock.now();
    let name = credential::name(&new.name)?;
    let expires_at = credential::expires_at(new.expires_after_s, now)?;
    let role = new.role()?;
    let mut secret = [0; 32];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| Problem::Internal(anyhow::anyhow!("the system gives no random bytes")))?;
    // Version 4: the id is public and stands in every request, and when a key was made is nobody's
    // business there.
    let key = PresentedKey::new(Uuid::new_v4(), secret);
    let row = api_keys::create(
        &scope,
        &NewApiKey {
            key: &key,
            name,
            expires_at,
        },
        role,
        now,
    )
    .await?;
    Ok((
        StatusCode::CREATED,
        Json(KeyView {
            key: Some(key.expose()),
            ..row.into()
        }),
    ))
}

async fn revoke(
    tenant: Tenant<Admin>,
    State(state): State<ApiState>,
    Path(key): Path<String>,
) -> Result<StatusCode, Problem> {
    let scope = tenant.scope;
    let id = parse_id::<Uuid>(&key, "API key")?;
    if api_keys::revoke(&scope, id, state.clock.now()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::NotFound("API key"))
    }
}
