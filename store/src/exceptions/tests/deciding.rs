//! Who may let an exception hold, and how often: once, and another person than who asked.

use super::*;
use crate::actors;
use crate::api_keys::{self, NewApiKey, PresentedKey};
use crate::audit::{Actor, Origin};
use crate::invitations::tests::member;
use crate::labels::{self, NewLabel};
use crate::tenant::{Principal, Role};
use crate::test_fixtures::company;

const ONE: &str = "CVE-2024-90010";

/// Asks for an exception as somebody.
async fn ask(scope: &TenantScope, claim: &Claim) -> Exception {
    let about = of_cve(ONE);
    let new = NewException {
        id: id(),
        name: None,
        about: &about,
        hosts: Hosts::All,
        claim,
        expires_at: None,
        origin: None,
    };
    create(scope, &new, at(10)).await.unwrap().0
}

#[tokio::test]
async fn who_asked_rejects_their_own_and_approves_it_never() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let (ann, bob) = (somebody(&world, 1), somebody(&world, 2));
    let asked = ask(&ann, &accepted()).await;
    assert_eq!(asked.state, ExceptionState::Requested);
    let own = decide(&ann, asked.id, Decision::Approve, at(20)).await;
    assert!(matches!(own, Err(DecideError::OwnRequest)), "{own:?}");
    assert_eq!(open(&world).await.len(), 3, "nothing is left out meanwhile");
    let (rejected, settled) =
        decide(&ann, asked.id, Decision::Reject, at(21)).await.unwrap().unwrap();
    assert_eq!((rejected.state, settled.suppressed), (ExceptionState::Rejected, 0));
    assert_eq!((rejected.decided_at, rejected.ended_at), (Some(at(21)), Some(at(21))));
    for decision in [Decision::Approve, Decision::Reject] {
        let again = decide(&bob, asked.id, decision, at(22)).await;
        assert!(matches!(again, Err(DecideError::Decided("rejected"))), "{again:?}");
    }
}

/// A key of the company as somebody makes it, and who acts with it.
async fn key_of(maker: &TenantScope) -> TenantScope {
    let key = PresentedKey::new(id(), [3; 32]);
    let new = NewApiKey { key: &key, name: "key", expires_at: None };
    api_keys::create(maker, &new, Role::Admin, at(5)).await.unwrap();
    let actor = Actor::Key { id: key.id(), name: "key".to_owned() };
    maker.clone().on_behalf_of(Origin::of_request(actor, None, String::new()))
}

#[tokio::test]
async fn a_key_is_nobody_else_than_who_made_it() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let (ann, bob) = (somebody(&world, 1), somebody(&world, 2));
    let anns = key_of(&ann).await;
    let by_anns = key_of(&anns).await;
    let all = [&ann, &anns, &by_anns];
    for asking in all {
        let asked = ask(asking, &accepted()).await;
        for own in all {
            let refused = decide(own, asked.id, Decision::Approve, at(20)).await;
            assert!(matches!(refused, Err(DecideError::OwnRequest)), "{refused:?}");
        }
        decide(&ann, asked.id, Decision::Reject, at(21)).await.unwrap().unwrap();
    }
    let asked = ask(&ann, &accepted()).await;
    let bobs = key_of(&bob).await;
    decide(&bobs, asked.id, Decision::Approve, at(22)).await.unwrap().unwrap();
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_does() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let asked = ask(&somebody(&world, 1), &accepted()).await;
    let (bob, eve) = (somebody(&world, 2), somebody(&world, 3));
    let (first, second) = tokio::join!(
        decide(&bob, asked.id, Decision::Approve, at(20)),
        decide(&eve, asked.id, Decision::Reject, at(20))
    );
    assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
    let left = get(&world.scope, asked.id).await.unwrap().unwrap();
    let expected = if first.is_ok() { 2 } else { 3 };
    assert_eq!(open(&world).await.len(), expected);
    assert_eq!(left.revision, 2);
}

#[tokio::test]
async fn what_was_withdrawn_is_not_decided_and_ends_once() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let (ann, bob) = (somebody(&world, 1), somebody(&world, 2));
    let asked = ask(&ann, &accepted()).await;
    let (ended, _) = withdraw(&ann, asked.id, at(20)).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.ended_at), (ExceptionState::Withdrawn, Some(at(20))));
    let late = decide(&bob, asked.id, Decision::Approve, at(21)).await;
    assert!(matches!(late, Err(DecideError::Decided("withdrawn"))), "{late:?}");
    let (again, _) = withdraw(&bob, asked.id, at(30)).await.unwrap().unwrap();
    assert_eq!(again, ended);
    assert_eq!(open(&world).await.len(), 3);
}

#[tokio::test]
async fn nobodys_and_another_companys_exceptions_are_not_there() {
    let (world, _) = world().await;
    let other = company(world.store(), "Other").await;
    let made = except(&world, &of_cve(ONE), Hosts::All).await;
    for (scope, id) in [(&other, made.id), (&world.scope, id())] {
        assert_eq!(get(scope, id).await.unwrap(), None);
        assert_eq!(withdraw(scope, id, at(20)).await.unwrap(), None);
        let decided = decide(scope, id, Decision::Approve, at(20)).await;
        assert!(decided.unwrap().is_none());
    }
    assert_eq!(suppressed(&world).await, [ONE]);
    set_approval(&other, true, at(20)).await.unwrap();
    assert!(!approval(&world.scope).await.unwrap());
    assert!(approval(&other).await.unwrap());
}

#[tokio::test]
async fn an_exception_is_about_something_for_hosts_that_there_are() {
    let (world, endpoint) = world().await;
    let other = company(world.store(), "Other").await;
    let label = NewLabel { id: id(), name: "theirs", description: "", rule: None };
    let theirs = labels::create(&other, &label, at(1)).await.unwrap().id;
    let claim = accepted();
    let make = async |scope: &TenantScope, about: &About, hosts: Hosts| {
        let new = NewException {
            id: id(),
            name: None,
            about,
            hosts,
            claim: &claim,
            expires_at: None,
            origin: None,
        };
        create(scope, &new, at(10)).await.unwrap_err().to_string()
    };
    let about = of_cve(ONE);
    for (scope, hosts, words) in [
        (&world.scope, Hosts::One(AgentId(id())), "the company has no such host"),
        (&other, Hosts::One(endpoint.agent), "the company has no such host"),
        (&world.scope, Hosts::Label(theirs), "the company has no such label"),
    ] {
        assert_eq!(make(scope, &about, hosts).await, words, "{hosts:?}");
    }
    for nothing in [
        About::default(),
        About { version: Some("1.1".to_owned()), ..About::default() },
        About { source: Some(Source::Deb), ..About::default() },
    ] {
        let words = make(&world.scope, &nothing, Hosts::All).await;
        assert!(words.contains("an exception is about something"), "{words}");
    }
    let page = PageRequest::first(10);
    let none = list(&world.scope, &ExceptionFilter::default(), &page).await;
    assert_eq!(none.unwrap().items, []);
}

#[tokio::test]
async fn a_remark_holds_without_leave_and_leaves_nothing_out() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let remark = Claim { status: VexStatus::UnderInvestigation, suppresses: false, ..accepted() };
    let made = ask(&somebody(&world, 1), &remark).await;
    assert_eq!((made.state, made.findings), (ExceptionState::Active, 0));
    assert_eq!(open(&world).await.len(), 3);
    // Beside an exception that leaves it out, it changes nothing of that.
    set_approval(&world.scope, false, at(2)).await.unwrap();
    let real = except(&world, &of_cve(ONE), Hosts::All).await;
    assert_eq!(real.findings, 1);
    withdraw(&world.scope, made.id, at(30)).await.unwrap();
    assert_eq!(suppressed(&world).await, [ONE]);
}

#[tokio::test]
async fn exceptions_are_listed_newest_first_by_what_they_are_about() {
    let (world, endpoint) = world().await;
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(1)).await.unwrap().id;
    let first = except(&world, &of_cve(ONE), Hosts::All).await.id;
    let second = except(&world, &of_product("Bad1"), Hosts::Label(label)).await.id;
    let third = except(&world, &of_cve(ONE), Hosts::One(endpoint.agent)).await.id;
    withdraw(&world.scope, second, at(20)).await.unwrap();
    let found = async |filter: ExceptionFilter| -> Vec<Uuid> {
        let page = PageRequest::first(10);
        let found = list(&world.scope, &filter, &page).await.unwrap();
        found.items.into_iter().map(|one| one.id).collect()
    };
    let none = ExceptionFilter::default;
    // All were made at one instant: the ids, which grow, decide.
    assert_eq!(found(none()).await, [third, second, first]);
    let active = Some(ExceptionState::Active);
    assert_eq!(found(ExceptionFilter { state: active, ..none() }).await, [third, first]);
    let cve = Some(ONE.to_owned());
    assert_eq!(found(ExceptionFilter { cve, ..none() }).await, [third, first]);
    let product = Some("BAD1".to_owned());
    assert_eq!(found(ExceptionFilter { product, ..none() }).await, [second]);
    let label = Some(label);
    assert_eq!(found(ExceptionFilter { label, ..none() }).await, [second]);
    let document = Some(id());
    assert!(found(ExceptionFilter { document, ..none() }).await.is_empty());
    let page = PageRequest::first(2);
    let two = list(&world.scope, &none(), &page).await.unwrap();
    let rest = PageRequest { limit: 2, after: two.next };
    let rest = list(&world.scope, &none(), &rest).await.unwrap();
    assert_eq!((two.items.len(), rest.items[0].id), (2, first));
}

#[tokio::test]
async fn the_companys_people_are_called_by_their_address_and_nobody_else_is() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let as_user = |id: Uuid| {
        let actor = Actor::User { id, email: String::new() };
        world.scope.clone().on_behalf_of(Origin::of_request(actor, None, String::new()))
    };
    let other = company(world.store(), "Other").await;
    let ann = as_user(member(&world.scope, "ann@example.org", Role::Analyst).await);
    let bob = as_user(member(&other, "bob@example.org", Role::Admin).await);
    let theirs = ask(&ann, &accepted()).await;
    assert_eq!(theirs.created_by_name.as_deref(), Some("ann@example.org"));
    let strangers = ask(&bob, &accepted()).await;
    assert!(strangers.created_by.starts_with("user:"), "{}", strangers.created_by);
    assert_eq!(strangers.created_by_name, None);
    let approved = decide(&ann, strangers.id, Decision::Approve, at(20)).await.unwrap().unwrap().0;
    assert_eq!(approved.decided_by_name.as_deref(), Some("ann@example.org"));
}

/// The company for who acts with an operator's key.
fn with_key(world: &World, key: &PresentedKey) -> TenantScope {
    let actor = Actor::Key { id: key.id(), name: "key".to_owned() };
    world.scope.clone().on_behalf_of(Origin::of_request(actor, None, String::new()))
}

/// An operators' key as somebody makes it.
async fn operators_key(world: &World, maker: &TenantScope) -> PresentedKey {
    let key = PresentedKey::new(id(), [4; 32]);
    let actor = maker.origin().actor().clone();
    let operator = Principal::of_operators(world.store().clone(), actor);
    let operator = operator.operator(maker.origin()).unwrap();
    let new = NewApiKey { key: &key, name: "key", expires_at: None };
    api_keys::create_operator(&operator, &new, at(5)).await.unwrap();
    key
}

#[tokio::test]
async fn an_operators_key_is_nobody_else_than_who_made_it() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let (ann, bob) = (somebody(&world, 1), somebody(&world, 2));
    let anns = with_key(&world, &operators_key(&world, &ann).await);
    let by_anns = with_key(&world, &operators_key(&world, &anns).await);
    // Of the company, by a key of the operators'.
    let ours = key_of(&by_anns).await;
    let all = [&ann, &anns, &by_anns, &ours];
    for asking in all {
        let asked = ask(asking, &accepted()).await;
        for own in all {
            let refused = decide(own, asked.id, Decision::Approve, at(20)).await;
            assert!(matches!(refused, Err(DecideError::OwnRequest)), "{refused:?}");
        }
        decide(&ann, asked.id, Decision::Reject, at(21)).await.unwrap().unwrap();
    }
    let asked = ask(&ours, &accepted()).await;
    let bobs = with_key(&world, &operators_key(&world, &bob).await);
    decide(&bobs, asked.id, Decision::Approve, at(22)).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_made_keys_of_another_release_is_read_from_the_log() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(1)).await.unwrap();
    let ann = somebody(&world, 1);
    let operators = operators_key(&world, &ann).await;
    let first = key_of(&with_key(&world, &operators)).await;
    let second = key_of(&first).await;
    let third = key_of(&second).await;
    // As a release before the column made the operators' key and the first two, and one before this the third, which
    // found none behind its maker.
    let maker = actors::word(second.origin().actor());
    let third_key = third.origin().actor().id().unwrap();
    for older in [
        "UPDATE api_keys SET created_by = NULL".to_owned(),
        format!("UPDATE api_keys SET created_by = '{maker}' WHERE id = '{third_key}'"),
    ] {
        world.database.execute(&older).await;
    }
    let operator = world.store().local_operator();
    assert_eq!(api_keys::name_operators_makers(&operator).await.unwrap(), 1);
    let asked = ask(&third, &accepted()).await;
    let refused = decide(&ann, asked.id, Decision::Approve, at(20)).await;
    assert!(matches!(refused, Err(DecideError::OwnRequest)), "before anything was tidied");
    assert!(api_keys::name_makers(&world.scope).await.unwrap() >= 3);
    assert_eq!(api_keys::name_makers(&world.scope).await.unwrap(), 0);
    let anns = "SELECT count(*) FROM api_keys
                WHERE created_by = 'user:00000000-0000-0000-0000-000000000001'";
    assert_eq!(world.database.number(anns).await, 4);
}
