//! Webhooks and their messages as answers show them.

use schemars::JsonSchema;
use serde::Serialize;
use store::cves::Severity;
use store::events::company::CompanyEventKind;
use store::webhooks::{Delivery, DeliveryState, Template, Webhook};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::{DateTime, names_of};
use crate::http::schema::SeverityName;

names_of! {
    /// How messages are written.
    TemplateName as "WebhookTemplate": Template::ALL.iter().map(|one| one.as_str()).collect()
}

names_of! {
    /// What a webhook can be told of.
    KindName as "EventKind": CompanyEventKind::ALL.iter()
        .filter(|kind| **kind != CompanyEventKind::WebhookTest).map(|kind| kind.as_str()).collect()
}

names_of! {
    /// How a message stands.
    DeliveryStateName as "WebhookDeliveryState":
        DeliveryState::ALL.iter().map(|state| state.as_str()).collect()
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(super) struct WebhookView {
    id: Uuid,
    name: String,
    /// Of some services a secret of its own: no export has it.
    #[schemars(extend("x-muster-secret" = true))]
    url: String,
    #[schemars(with = "TemplateName")]
    template: &'static str,
    #[schemars(with = "Vec<KindName>")]
    kinds: Vec<&'static str>,
    /// Of findings, it is told of CVEs that are at least as severe.
    #[schemars(with = "Option<SeverityName>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    severity_min: Option<&'static str>,
    /// Whether of findings it is told of CVEs alone that are known to be exploited.
    kev: bool,
    /// It is told of what hosts with this label have.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Uuid>,
    enabled: bool,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    changed_at: OffsetDateTime,
    revision: u64,
    /// Messages that wait for their next attempt.
    pending: u64,
    /// Messages that were given up.
    dead: u64,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name,
            url: webhook.url,
            template: webhook.template.as_str(),
            kinds: webhook.kinds.iter().map(|kind| kind.as_str()).collect(),
            severity_min: webhook.only.severity_min.map(Severity::as_str),
            kev: webhook.only.kev,
            label: webhook.only.label,
            enabled: webhook.is_enabled,
            created_at: webhook.created_at,
            changed_at: webhook.changed_at,
            revision: webhook.revision,
            pending: webhook.messages.pending,
            dead: webhook.messages.dead,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
pub(super) struct DeliveryView {
    /// The same as the message's header `Muster-Delivery`.
    id: Uuid,
    webhook: Uuid,
    #[schemars(with = "DeliveryStateName")]
    state: &'static str,
    /// What happened first of what it tells.
    kind: String,
    /// How many events it tells.
    events: u64,
    attempts: u32,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    /// When it is sent next, while it waits.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    next_at: Option<OffsetDateTime>,
    /// When it is given up, while it waits.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    gives_up_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    attempted_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    ended_at: Option<OffsetDateTime>,
    /// The status that it was answered with last.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The beginning of that answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id,
            webhook: delivery.webhook,
            state: delivery.state.as_str(),
            kind: delivery.kind,
            events: delivery.events,
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            next_at: waits.then_some(delivery.next_at),
            gives_up_at: waits.then_some(delivery.gives_up_at),
            attempted_at: delivery.attempted_at,
            ended_at: delivery.ended_at,
            status: delivery.status,
            answer: delivery.answer,
            error: delivery.error,
        }
    }
}
