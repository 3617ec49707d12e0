//! A company's webhook, so that each of its tables has a row. What another company may do with one stands
//! in the tests of webhooks.

use crate::events::company::CompanyEventKind;
use crate::tenant::TenantScope;
use crate::test_fixtures::{at, id};
use crate::webhooks::{self, NewWebhook, Only, Template, WebhookChange};

/// A webhook with a message.
pub(super) async fn make(scope: &TenantScope) {
    let new = NewWebhook {
        id: id(),
        secret: b"sealed",
        webhook: WebhookChange {
            name: "ours",
            url: "https://hooks.example/",
            template: Template::Generic,
            kinds: &[CompanyEventKind::FindingOpened],
            only: Only::default(),
            is_enabled: true,
        },
    };
    let made = webhooks::create(scope, &new, at(1)).await.unwrap();
    let sent = webhooks::test(scope, made.id, id(), at(1)).await.unwrap();
    assert!(sent.is_some());
}
