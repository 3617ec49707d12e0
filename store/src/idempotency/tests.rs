//! What is known of a request that comes again.

use super::*;
use crate::test_fixtures::{World, at, id};

#[tokio::test]
async fn a_request_is_new_then_running_then_answered_and_a_day_later_new() {
    let world = World::new().await;
    let store = world.store();
    let asked = Asked { principal: id(), key_hash: &[1; 32], fingerprint: &[2; 32], attempt: id() };
    assert_eq!(begin(store, &asked, at(0)).await.unwrap(), Known::New);
    assert_eq!(begin(store, &asked, at(1)).await.unwrap(), Known::Running);
    finish(store, &asked, b"sealed").await.unwrap();
    let answered = Known::Answered(b"sealed".to_vec());
    assert_eq!(begin(store, &asked, at(86_399)).await.unwrap(), answered);
    let other = Asked { fingerprint: &[3; 32], ..asked };
    assert_eq!(begin(store, &other, at(2)).await.unwrap(), Known::Differs);
    assert_eq!(begin(store, &other, at(86_401)).await.unwrap(), Known::New);
}

#[tokio::test]
async fn one_that_was_given_up_or_forgotten_can_be_done_again() {
    let world = World::new().await;
    let store = world.store();
    let asked = Asked { principal: id(), key_hash: &[1; 32], fingerprint: &[2; 32], attempt: id() };
    begin(store, &asked, at(0)).await.unwrap();
    assert_eq!(begin(store, &asked, at(121)).await.unwrap(), Known::New, "its node is gone");
    forget(store, &asked).await.unwrap();
    assert_eq!(begin(store, &asked, at(122)).await.unwrap(), Known::New);
    assert_eq!(purge(store, at(86_000)).await.unwrap(), 0);
    assert_eq!(purge(store, at(90_000)).await.unwrap(), 1);
}

#[tokio::test]
async fn the_same_word_of_two_askers_is_two_words() {
    let world = World::new().await;
    let store = world.store();
    for _ in 0..2 {
        let asked =
            Asked { principal: id(), key_hash: &[1; 32], fingerprint: &[2; 32], attempt: id() };
        assert_eq!(begin(store, &asked, at(0)).await.unwrap(), Known::New);
    }
}

#[tokio::test]
async fn one_that_says_that_it_is_at_work_is_not_given_up() {
    let world = World::new().await;
    let store = world.store();
    let asked = Asked { principal: id(), key_hash: &[1; 32], fingerprint: &[2; 32], attempt: id() };
    begin(store, &asked, at(0)).await.unwrap();
    let again = Asked { attempt: id(), ..asked };
    for seconds in [100, 200, 300] {
        assert!(renew(store, &asked, at(seconds)).await.unwrap());
        assert_eq!(begin(store, &again, at(seconds + 119)).await.unwrap(), Known::Running);
    }
    finish(store, &asked, b"sealed").await.unwrap();
    assert!(!renew(store, &asked, at(400)).await.unwrap(), "it is answered, and kept from then on");
    let answered = Known::Answered(b"sealed".to_vec());
    assert_eq!(begin(store, &again, at(9_000)).await.unwrap(), answered);
}

#[tokio::test]
async fn who_was_taken_over_neither_answers_nor_forgets_for_who_took_over() {
    let world = World::new().await;
    let store = world.store();
    let slow = Asked { principal: id(), key_hash: &[1; 32], fingerprint: &[2; 32], attempt: id() };
    begin(store, &slow, at(0)).await.unwrap();
    let next = Asked { attempt: id(), ..slow };
    assert_eq!(begin(store, &next, at(121)).await.unwrap(), Known::New);
    assert!(!renew(store, &slow, at(122)).await.unwrap());
    forget(store, &slow).await.unwrap();
    finish(store, &slow, b"of the slow one").await.unwrap();
    assert_eq!(begin(store, &slow, at(123)).await.unwrap(), Known::Running);
    finish(store, &next, b"of the next one").await.unwrap();
    let answered = Known::Answered(b"of the next one".to_vec());
    assert_eq!(begin(store, &slow, at(124)).await.unwrap(), answered);
}
