//! What a user would miss of a company that is to be deleted: that it is shut, and that it can be kept.

use serde_json::Value;

use super::*;
use crate::api_keys::{self, NewApiKey, PresentedKey};
use crate::companies::{self, own, set_suspended};
use crate::jobs::{self, JobFilter, JobState};
use crate::page::PageRequest;
use crate::tenant::Role;
use crate::test_fixtures::{World, at, company, id};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

async fn jobs_of(world: &World) -> Vec<jobs::ListedJob> {
    let (operator, page) = (world.store().local_operator(), PageRequest::first(10));
    jobs::list(&operator, &JobFilter::default(), &page).await.unwrap().items
}

#[tokio::test]
async fn who_names_it_wrong_deletes_nothing() {
    let world = World::new().await;
    let (operator, acme) = (world.store().local_operator(), world.scope.company());
    for wrong in ["", "acme", "Acme2"] {
        let asked = ask(&operator, acme, wrong, WEEK, at(1)).await;
        assert!(matches!(asked, Err(AskError::NotConfirmed(name)) if name == "Acme"), "{wrong}");
    }
    assert_eq!(own(&world.scope).await.unwrap().deletion, None);
    assert_eq!(jobs_of(&world).await, []);
    assert_eq!(ask(&operator, CompanyId(id()), "Acme", WEEK, at(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_company_that_is_to_be_deleted_lets_nobody_in_until_it_is_kept() {
    let world = World::new().await;
    let (store, operator) = (world.store(), world.store().local_operator());
    let other = company(store, "Other").await;
    let (ours, theirs) = (PresentedKey::new(id(), [1; 32]), PresentedKey::new(id(), [2; 32]));
    for (scope, key) in [(&world.scope, &ours), (&other, &theirs)] {
        let new = NewApiKey { key, name: "n", expires_at: None };
        api_keys::create(scope, &new, Role::Admin, at(0)).await.unwrap();
    }
    let is_in = async |key: &PresentedKey| store.authenticate(key, at(2)).await.unwrap().is_some();
    assert!(is_in(&ours).await);
    let asked =
        ask(&operator, world.scope.company(), " Acme ", WEEK, at(1)).await.unwrap().unwrap();
    let deletion = asked.deletion.unwrap();
    assert_eq!(deletion.due_at - deletion.asked_at, WEEK);
    assert_eq!((deletion.asked_by.as_str(), deletion.erasing_since), ("the command line", None));
    assert!(!is_in(&ours).await);
    assert!(is_in(&theirs).await, "another company's");
    let both = [world.scope.company(), other.company()];
    let suspended = companies::suspended(&operator, &both);
    assert_eq!(suspended.await.unwrap(), [world.scope.company()]);
    // Taking its agents again would be half of keeping it.
    let resumed = set_suspended(&operator, world.scope.company(), false, at(3)).await.unwrap();
    assert!(resumed.unwrap().suspended_at.is_some());
    let again = ask(&operator, world.scope.company(), "Acme", WEEK, at(3)).await;
    assert!(matches!(again, Err(AskError::Asked)));

    let kept = keep(&operator, world.scope.company(), at(4)).await.unwrap().unwrap();
    assert_eq!((kept.deletion, kept.suspended_at), (None, None));
    assert!(is_in(&ours).await);
    let jobs = jobs_of(&world).await;
    assert_eq!((jobs[0].kind.as_str(), jobs[0].state), (erase::JOB, JobState::Cancelled));
    assert_eq!(jobs[0].cancelled_by.as_deref(), Some("local"));
    let again = keep(&operator, world.scope.company(), at(5)).await;
    assert!(matches!(again, Err(KeepError::NotAsked)));
}

#[tokio::test]
async fn a_company_that_was_suspended_before_is_so_afterwards() {
    let world = World::new().await;
    let (operator, acme) = (world.store().local_operator(), world.scope.company());
    set_suspended(&operator, acme, true, at(1)).await.unwrap();
    ask(&operator, acme, "Acme", WEEK, at(2)).await.unwrap();
    let kept = keep(&operator, acme, at(3)).await.unwrap().unwrap();
    assert_eq!(kept.suspended_at, Some(at(1)));
}

#[tokio::test]
async fn it_stands_in_the_operators_log_who_asked_and_who_kept_it() {
    let world = World::new().await;
    let (operator, acme) = (world.store().local_operator(), world.scope.company());
    ask(&operator, acme, "Acme", WEEK, at(2)).await.unwrap();
    keep(&operator, acme, at(3)).await.unwrap();
    let page = PageRequest::first(10);
    let filter = audit::EntryFilter::default();
    let log = audit::list_of_operators(&operator, &filter, &page);
    let log: Vec<(String, Option<Value>)> =
        log.await.unwrap().items.into_iter().map(|entry| (entry.action, entry.after)).collect();
    assert_eq!(log[0].0, "company.keep");
    assert_eq!(
        log[1],
        ("company.delete".to_owned(), Some(json!({ "name": "Acme", "wait_s": 604_800 })))
    );
}
