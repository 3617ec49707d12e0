//! What a webhook's messages are signed with: made here, or brought along by who keeps secrets elsewhere. Nothing
//! shows one again.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::tenant::TenantScope;
use store::webhooks;
use subtle::ConstantTimeEq as _;
use time::Duration;
use uuid::Uuid;

use super::view::WebhookView;
use super::{GONE, id};
use crate::http::answer::NoContent;
use crate::http::document::Routes;
use crate::http::extract::{Body, Path, Tenant};
use crate::http::may::ManageWebhooks;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

/// How long the secret before signs as well after a rotation.
const BEFORE_SIGNS: Duration = Duration::hours(24);
/// Characters of a secret: below these it could be guessed.
const CHARS: std::ops::RangeInclusive<usize> = 24..=200;

pub(super) fn add(routes: Routes) -> Routes {
    const PATH: &str = "/webhooks/{webhook}/secret";
    routes
        .post(
            PATH,
            "rotate_webhook_secret",
            "Give a webhook another secret, shown once; the one before signs as well for a day",
            rotate,
        )
        .put(
            PATH,
            "put_webhook_secret",
            "Give a webhook a secret of one's own; the one before signs as well for a day",
            put,
        )
        .post(
            "/webhooks/{webhook}/secret/check",
            "check_webhook_secret",
            "Whether a webhook has this secret",
            check,
        )
}

/// A webhook with its secret, which is shown this once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookWithSecret")]
pub(super) struct WithSecret {
    #[serde(flatten)]
    pub(super) webhook: WebhookView,
    /// What messages are signed with; shown this once.
    pub(super) secret: String,
}

/// A secret of one's own.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "WebhookSecret")]
#[serde(deny_unknown_fields)]
struct SecretBody {
    /// 24 to 200 characters that can be seen, without blanks.
    secret: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookSecretChecked")]
struct CheckedView {
    /// Whether it is what messages are signed with now.
    is_current: bool,
}

/// The secret of a webhook that is made, and the same sealed: somebody's own, or a new one.
///
/// # Errors
///
/// When it is none, or the system gives no random bytes.
pub(super) fn of(
    state: &ApiState,
    scope: &TenantScope,
    webhook: Uuid,
    own: Option<String>,
) -> Result<(String, Vec<u8>), Problem> {
    let company = scope.company();
    let Some(secret) = own else {
        return state.sealer.new_secret(company, webhook).map_err(Problem::Internal);
    };
    let is_good = CHARS.contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_graphic());
    if !is_good {
        let detail = "24 to 200 characters that can be seen, without blanks";
        return Err(Problem::field("secret", detail));
    }
    let sealed = state.sealer.seal(company, webhook, &secret).map_err(Problem::Internal)?;
    Ok((secret, sealed))
}

async fn rotate(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path(webhook): Path<String>,
) -> Result<Json<WithSecret>, Problem> {
    let (id, now) = (id(&webhook)?, state.clock.now());
    let (secret, sealed) = of(&state, &tenant.scope, id, None)?;
    let until = now + BEFORE_SIGNS;
    let webhook = webhooks::rotate_secret(&tenant.scope, id, &sealed, until, now).await?;
    let webhook = webhook.ok_or(GONE)?.into();
    Ok(Json(WithSecret { webhook, secret }))
}

async fn put(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path(webhook): Path<String>,
    Body(body): Body<SecretBody>,
) -> Result<NoContent, Problem> {
    let (id, now) = (id(&webhook)?, state.clock.now());
    // The same again is no rotation: the one before would be forgotten for it.
    if is_current(&state, &tenant.scope, id, &body.secret).await? {
        return Ok(NoContent);
    }
    let (_, sealed) = of(&state, &tenant.scope, id, Some(body.secret))?;
    let until = now + BEFORE_SIGNS;
    let webhook = webhooks::rotate_secret(&tenant.scope, id, &sealed, until, now).await?;
    webhook.map(|_| NoContent).ok_or(GONE)
}

async fn check(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path(webhook): Path<String>,
    Body(body): Body<SecretBody>,
) -> Result<Json<CheckedView>, Problem> {
    let is_current = is_current(&state, &tenant.scope, id(&webhook)?, &body.secret).await?;
    Ok(Json(CheckedView { is_current }))
}

async fn is_current(
    state: &ApiState,
    scope: &TenantScope,
    webhook: Uuid,
    secret: &str,
) -> Result<bool, Problem> {
    let sealed = webhooks::sealed_secret(scope, webhook).await?.ok_or(GONE)?;
    // What cannot be opened with this authority is nobody's.
    let current = state.sealer.open(scope.company(), webhook, &sealed);
    Ok(current.is_some_and(|current| current.as_bytes().ct_eq(secret.as_bytes()).into()))
}
