//! An exception in another one's place: what was agreed to is never changed, and a name is one exception's.

use super::*;
use crate::exceptions::{ReplaceError, replace};

const ONE: &str = "CVE-2024-90010";
const TWO: &str = "CVE-2024-90020";

fn named<'a>(name: &'a str, about: &'a About, claim: &'a Claim) -> NewException<'a> {
    NewException {
        id: id(),
        name: Some(name),
        about,
        hosts: Hosts::All,
        claim,
        expires_at: None,
        origin: None,
    }
}

#[tokio::test]
async fn a_name_is_one_exceptions_until_it_ends_whatever_the_letters_case() {
    let (world, _) = world().await;
    let (about, claim) = (of_cve(ONE), accepted());
    let first = create(&world.scope, &named("openssl", &about, &claim), at(10)).await.unwrap().0;
    let again = create(&world.scope, &named("OpenSSL", &about, &claim), at(11)).await;
    assert!(matches!(again, Err(CreateError::NameTaken)), "{again:?}");
    let other = crate::test_fixtures::company(world.store(), "Other").await;
    create(&other, &named("openssl", &about, &claim), at(12)).await.unwrap();
    withdraw(&world.scope, first.id, at(13)).await.unwrap();
    let anew = create(&world.scope, &named("OpenSSL", &about, &claim), at(14)).await.unwrap().0;
    let filter = ExceptionFilter { name: Some("openssl".to_owned()), ..Default::default() };
    let page = PageRequest::first(10);
    let found = list(&world.scope, &filter, &page).await.unwrap().items;
    let found: Vec<_> = found.iter().map(|one| one.id).collect();
    assert_eq!(found, [anew.id, first.id]);
}

#[tokio::test]
async fn one_takes_the_place_of_another_at_once_and_the_other_stays_as_it_was_agreed_to() {
    let (world, _) = world().await;
    let (one, two, claim) = (of_cve(ONE), of_cve(TWO), accepted());
    let first = create(&world.scope, &named("ours", &one, &claim), at(10)).await.unwrap().0;
    assert_eq!(suppressed(&world).await, [ONE]);
    let new = named("ours", &two, &claim);
    let stale = replace(&world.scope, first.id, Some(2), &new, at(20)).await;
    assert!(matches!(stale, Err(ReplaceError::Changed)), "{stale:?}");
    assert_eq!(suppressed(&world).await, [ONE], "nothing of it was done");
    let (made, settled) =
        replace(&world.scope, first.id, Some(1), &new, at(20)).await.unwrap().unwrap();
    assert_eq!((made.name.as_deref(), made.state), (Some("ours"), ExceptionState::Active));
    assert_eq!((settled.suppressed, settled.reopened), (1, 1));
    assert_eq!(suppressed(&world).await, [TWO]);
    let before = get(&world.scope, first.id).await.unwrap().unwrap();
    assert_eq!((before.state, before.about), (ExceptionState::Withdrawn, one));
    let ended = replace(&world.scope, first.id, None, &new, at(21)).await;
    assert!(matches!(ended, Err(ReplaceError::Ended("withdrawn"))), "{ended:?}");
    let other = crate::test_fixtures::company(world.store(), "Other").await;
    assert!(replace(&other, made.id, None, &new, at(22)).await.unwrap().is_none());
}

#[tokio::test]
async fn what_takes_an_agreed_ones_place_is_agreed_to_again() {
    let (world, _) = world().await;
    let (about, claim) = (of_cve(ONE), accepted());
    let first = create(&world.scope, &named("ours", &about, &claim), at(10)).await.unwrap().0;
    set_approval(&world.scope, true, at(11)).await.unwrap();
    let new = named("ours", &about, &claim);
    let made = replace(&world.scope, first.id, None, &new, at(12)).await.unwrap().unwrap().0;
    assert_eq!(made.state, ExceptionState::Requested);
    assert_eq!(suppressed(&world).await, Vec::<String>::new(), "open until somebody agrees");
}
