//! Webhooks: whom the company tells what happens in it, and what became of it.

mod body;
mod secrets;
mod view;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use store::webhooks::{
    self, ChangeError, DeliveryFilter, DeliveryState, NewWebhook, ReplayError, Webhook,
};
use time::OffsetDateTime;
use uuid::Uuid;

use self::body::{NewWebhookBody, WebhookBody};
use self::secrets::WithSecret;
use self::view::{DeliveryStateName, DeliveryView, WebhookView};
use crate::http::answer::{Accepted, AcceptedAlone, Created, NoContent, Versioned};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Body, IfMatch, Params, Path, Tenant, parse_id};
use crate::http::may::ManageWebhooks;
use crate::http::moment;
use crate::http::page::{self, Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v7;

pub(super) fn routes() -> Routes {
    const ONE: &str = "/webhooks/{webhook}";
    let about = "Whom the company tells what happens in it, and what became of it.";
    let routes = Routes::of("Webhooks", about)
        .list("/webhooks", "list_webhooks", "Webhooks, by name", list)
        .post("/webhooks", "create_webhook", "Make a webhook; its secret is shown once", create)
        .list(
            "/webhooks/dead-letters",
            "list_webhook_dead_letters",
            "Messages that were given up, newest first",
            dead_letters,
        )
        .get(ONE, "get_webhook", "One webhook", get)
        .put(ONE, "put_webhook", "Change a webhook", change)
        .delete(ONE, "delete_webhook", "Delete a webhook with its messages", delete);
    messages(secrets::add(routes))
}

fn messages(routes: Routes) -> Routes {
    routes
        .post(
            "/webhooks/{webhook}/test",
            "test_webhook",
            "Send a message that tells of nothing",
            test,
        )
        .post(
            "/webhooks/{webhook}/replay",
            "replay_webhook",
            "Tell a webhook again what happened since an instant",
            replay_since,
        )
        .list(
            "/webhooks/{webhook}/deliveries",
            "list_webhook_deliveries",
            "A webhook's messages, newest first",
            deliveries,
        )
        .get(
            "/webhooks/{webhook}/deliveries/{delivery}",
            "get_webhook_delivery",
            "One message, and what became of it",
            delivery,
        )
        .post(
            "/webhooks/{webhook}/deliveries/{delivery}/replay",
            "replay_webhook_delivery",
            "Send a message again",
            replay,
        )
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => error.into(),
            ChangeError::Changed => Self::Stale,
            ChangeError::NameTaken | ChangeError::TooMany => Self::Conflict(error.to_string()),
        }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Off => Self::Conflict(error.to_string()),
            ReplayError::Store(error) => error.into(),
        }
    }
}

async fn list(
    tenant: Tenant<ManageWebhooks>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<WebhookView>>, Problem> {
    let page = query.of("webhooks")?;
    let webhooks = webhooks::list(&tenant.scope, &page).await?;
    Ok(page::respond("webhooks", webhooks, WebhookView::from))
}

fn id(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "webhook")
}

const GONE: Problem = Problem::NotFound("webhook");

async fn get(
    tenant: Tenant<ManageWebhooks>,
    Path(webhook): Path<String>,
) -> Result<Versioned<WebhookView>, Problem> {
    let webhook = webhooks::get(&tenant.scope, id(&webhook)?).await?;
    webhook.map(versioned).ok_or(GONE)
}

fn versioned(webhook: Webhook) -> Versioned<WebhookView> {
    Versioned(webhook.revision, webhook.into())
}

async fn create(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Body(body): Body<NewWebhookBody>,
) -> Result<Created<WithSecret>, Problem> {
    let scope = tenant.scope;
    let (body, secret) = body.apart();
    let (now, kinds) = (state.clock.now(), body.kinds()?);
    let webhook = body.change(&kinds, &scope, &state).await?;
    let id = v7(now);
    let (secret, sealed) = secrets::of(&state, &scope, id, secret)?;
    let new = NewWebhook { id, secret: &sealed, webhook };
    let webhook = webhooks::create(&scope, &new, now).await?.into();
    Ok(Created(WithSecret { webhook, secret }))
}

async fn change(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path(webhook): Path<String>,
    IfMatch(revision): IfMatch,
    Body(body): Body<WebhookBody>,
) -> Result<Versioned<WebhookView>, Problem> {
    let (now, kinds) = (state.clock.now(), body.kinds()?);
    let change = body.change(&kinds, &tenant.scope, &state).await?;
    let changed = webhooks::change(&tenant.scope, id(&webhook)?, &change, revision, now).await?;
    changed.map(versioned).ok_or(GONE)
}

async fn delete(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path(webhook): Path<String>,
) -> Result<NoContent, Problem> {
    let is_done = webhooks::delete(&tenant.scope, id(&webhook)?, state.clock.now()).await?;
    NoContent::where_done(is_done, "webhook")
}

async fn test(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path(webhook): Path<String>,
) -> Result<Accepted<DeliveryView>, Problem> {
    let now = state.clock.now();
    let sent = webhooks::test(&tenant.scope, id(&webhook)?, v7(now), now).await?;
    sent.map(|sent| Accepted(sent.into())).ok_or(GONE)
}

/// Since when.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookReplay")]
#[serde(deny_unknown_fields)]
struct ReplayBody {
    #[serde(deserialize_with = "moment::read")]
    #[schemars(with = "DateTime")]
    since: OffsetDateTime,
}

async fn replay_since(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path(webhook): Path<String>,
    Body(body): Body<ReplayBody>,
) -> Result<AcceptedAlone, Problem> {
    let now = state.clock.now();
    if webhooks::replay_since(&tenant.scope, id(&webhook)?, body.since, now).await? {
        Ok(AcceptedAlone)
    } else {
        Err(GONE)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookDeliveryQuery")]
#[serde(deny_unknown_fields)]
struct DeliveryQuery {
    #[schemars(with = "Option<DeliveryStateName>")]
    state: Option<String>,
    limit: Option<u32>,
    page_token: Option<String>,
}

async fn deliveries(
    tenant: Tenant<ManageWebhooks>,
    Path(webhook): Path<String>,
    Params(query): Params<DeliveryQuery>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    const LIST: &str = "webhook_deliveries";
    let webhook = id(&webhook)?;
    let state = query.state.as_deref().map(|name| {
        DeliveryState::parse(name)
            .ok_or_else(|| Problem::field("state", "one of pending, delivered, dead"))
    });
    let filter = DeliveryFilter { webhook: Some(webhook), state: state.transpose()? };
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    if webhooks::get(&tenant.scope, webhook).await?.is_none() {
        return Err(GONE);
    }
    let found = webhooks::list_deliveries(&tenant.scope, filter, &page).await?;
    Ok(page::respond(LIST, found, DeliveryView::from))
}

async fn dead_letters(
    tenant: Tenant<ManageWebhooks>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    const LIST: &str = "webhook_dead_letters";
    let filter = DeliveryFilter { webhook: None, state: Some(DeliveryState::Dead) };
    let page = query.of(LIST)?;
    let found = webhooks::list_deliveries(&tenant.scope, filter, &page).await?;
    Ok(page::respond(LIST, found, DeliveryView::from))
}

fn message(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "message")
}

async fn delivery(
    tenant: Tenant<ManageWebhooks>,
    Path((webhook, delivery)): Path<(String, String)>,
) -> Result<Json<DeliveryView>, Problem> {
    let (webhook, delivery) = (id(&webhook)?, message(&delivery)?);
    let found = webhooks::delivery(&tenant.scope, webhook, delivery).await?;
    let found = found.ok_or(Problem::NotFound("message"))?;
    Ok(Json(found.into()))
}

async fn replay(
    tenant: Tenant<ManageWebhooks>,
    State(state): State<ApiState>,
    Path((webhook, delivery)): Path<(String, String)>,
) -> Result<AcceptedAlone, Problem> {
    let (webhook, delivery) = (id(&webhook)?, message(&delivery)?);
    if webhooks::replay(&tenant.scope, webhook, delivery, state.clock.now()).await? {
        Ok(AcceptedAlone)
    } else {
        Err(Problem::NotFound("message"))
    }
}
