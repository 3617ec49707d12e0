//! A company's digest and its message: each of their tables has a row, which another company cannot get at.

use std::time::Duration;

use protocol::ids::AgentId;

use super::two_companies;
use crate::digests::{self, DigestChange, MessageFilter, NewMessage, Section};
use crate::invitations::tests::member;
use crate::page::PageRequest;
use crate::report_schedules::Every;
use crate::tenant::{Role, TenantScope};
use crate::test_fixtures::{at, id};

/// A person's digest with a message that waits.
pub(super) async fn make(scope: &TenantScope) {
    let user = member(scope, "ann@example.org", Role::Viewer).await;
    let every = Every { weekday: None, minute: 0, time_zone: "UTC".to_owned() };
    let change = DigestChange { every: &every, sections: &Section::ALL, when_quiet: false };
    let made = digests::put(scope, (user, id()), &change, None, at(1)).await.unwrap();
    let message = NewMessage { id: id(), subject: "ours", text: LINK, html: LINK };
    assert!(digests::test(scope, &made, &message, at(1)).await.unwrap());
}

/// The link that ends a digest, which is the right to do so.
pub(super) const LINK: &str = "https://muster.example/api/v1/digests/unsubscribe?pass=abc";

/// A message that names a host, to the person whose digest there is.
pub(super) async fn naming(scope: &TenantScope, host: AgentId) {
    let ours = digests::due(scope, 10, at(1_000_000)).await.unwrap().remove(0).digest;
    let html = format!("<a href=\"/hosts/{host}\">web-shop</a> <a href=\"{LINK}\">End</a>");
    let message = NewMessage { id: id(), subject: "1 host silent", text: "web-shop", html: &html };
    assert!(digests::test(scope, &ours, &message, at(1)).await.unwrap());
}

#[tokio::test]
async fn digests_of_another_company_are_neither_seen_nor_ended() {
    let (world, other, _) = two_companies().await;
    let due = digests::due(&world.scope, 10, at(1_000_000)).await.unwrap();
    let ours = due[0].digest.clone();
    assert_eq!(digests::due(&other, 10, at(1_000_000)).await.unwrap(), []);
    assert_eq!(digests::get(&other, ours.id).await.unwrap(), None);
    assert_eq!(digests::of_user(&other, ours.user).await.unwrap(), None);
    assert!(!digests::delete(&other, ours.user, at(2)).await.unwrap());
    assert!(!digests::unsubscribe(&other, ours.id, at(2)).await.unwrap());
    assert!(!digests::tell(&other, &ours, None, at(2)).await.unwrap());
    let page = &PageRequest::first(10);
    let any = MessageFilter::default();
    assert_eq!(digests::list_messages(&other, any, page).await.unwrap().items, []);
    let lease = Duration::from_secs(60);
    assert_eq!(digests::claim(&other, 10, lease, at(1_000)).await.unwrap(), []);
    assert_eq!(digests::get(&world.scope, ours.id).await.unwrap(), Some(ours));
}
