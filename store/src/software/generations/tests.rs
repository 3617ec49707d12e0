//! Which index counts, whatever the order in which nodes take them into use.

use super::*;
use crate::test_fixtures::at;
use crate::test_support::FreshDatabase;

fn keys(keys: &[u64]) -> ChangedKeys {
    ChangedKeys::These(keys.iter().map(|key| LookupKey(*key)).collect())
}

/// Takes index `number`, made at that second, with rules 1.
async fn take(store: &Store, number: u64, changes: Option<(u64, &ChangedKeys)>) -> Standing {
    let taken = Taken {
        generation: number,
        index: number,
        rules: 1,
        built_at: at(i64::try_from(number).unwrap()),
        changes,
    };
    record(store, &taken, at(0)).await.unwrap()
}

async fn last_change(store: &Store) -> ChangedKeys {
    let changes = unfinished(store, Some(at(0))).await.unwrap();
    changes.last().unwrap().changed.clone()
}

#[tokio::test]
async fn the_first_index_changes_everything_and_the_next_what_it_says() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    assert_eq!(current(store).await.unwrap(), None);
    assert_eq!(take(store, 1, None).await, Standing::New);
    assert_eq!(last_change(store).await, ChangedKeys::Everything);
    assert_eq!(
        // The greatest number is -1 in PostgreSQL, and has to come back as what it was.
        take(store, 2, Some((1, &keys(&[u64::MAX, 5])))).await,
        Standing::New
    );
    assert_eq!(last_change(store).await, keys(&[u64::MAX, 5]));
    assert_eq!(current(store).await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_node_that_comes_later_with_the_same_index_or_an_older_one_changes_nothing() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    take(store, 1, None).await;
    take(store, 2, Some((1, &keys(&[5])))).await;
    assert_eq!(take(store, 2, None).await, Standing::Current);
    assert_eq!(take(store, 1, None).await, Standing::Older { current: 2 });
    assert_eq!(current(store).await.unwrap(), Some(2));
    assert_eq!(unfinished(store, Some(at(1))).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_index_that_was_made_again_later_comes_back() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    take(store, 1, None).await;
    take(store, 2, None).await;
    let again = Taken {
        generation: 1,
        index: 1,
        rules: 1,
        built_at: at(3),
        changes: Some((2, &keys(&[5]))),
    };
    assert_eq!(record(store, &again, at(0)).await.unwrap(), Standing::New);
    assert_eq!(current(store).await.unwrap(), Some(1));
    // The copy that another node makes of it moves its time on.
    let copy = Taken { built_at: at(10), ..again };
    assert_eq!(record(store, &copy, at(0)).await.unwrap(), Standing::Current);
    assert_eq!(take(store, 9, None).await, Standing::Older { current: 1 });
}

#[tokio::test]
async fn a_release_with_newer_rules_counts_with_any_copy_of_the_same_index() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    take(store, 5, None).await;
    let newer_rules =
        |built_at| Taken { generation: 1_005, index: 5, rules: 2, built_at, changes: None };
    assert_eq!(record(store, &newer_rules(at(4)), at(0)).await.unwrap(), Standing::New);
    assert_eq!(last_change(store).await, ChangedKeys::Everything);
    // The node of the release before cannot take it back.
    assert_eq!(take(store, 5, None).await, Standing::Older { current: 1_005 });
}

#[tokio::test]
async fn a_node_that_missed_changes_adds_them_to_what_it_finds_itself() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    take(store, 1, None).await;
    take(store, 2, Some((1, &keys(&[5])))).await;
    take(store, 3, Some((2, &keys(&[6])))).await;
    // From 1 to 4 the node sees 7 only: 5 and 6 were changed and changed back.
    take(store, 4, Some((1, &keys(&[7])))).await;
    assert_eq!(last_change(store).await, keys(&[5, 6, 7]));
    // Of what it had before nothing is known here.
    take(store, 5, Some((77, &keys(&[8])))).await;
    assert_eq!(last_change(store).await, ChangedKeys::Everything);
    // And what everything was changed since cannot be told apart.
    take(store, 6, Some((4, &keys(&[9])))).await;
    assert_eq!(last_change(store).await, ChangedKeys::Everything);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_take_the_same_index_at_once_record_it_once() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    take(store, 1, None).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _node in 0..6 {
        let store = store.clone();
        tasks.spawn(async move { take(&store, 2, Some((1, &keys(&[5])))).await });
    }
    let standings = tasks.join_all().await;
    let new = standings.iter().filter(|one| **one == Standing::New);
    assert_eq!(new.count(), 1);
    assert_eq!(unfinished(store, Some(at(1))).await.unwrap().len(), 2);
}

#[tokio::test]
async fn finished_changes_are_given_for_a_while_and_forgotten_later_but_for_the_last() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    take(store, 1, None).await;
    take(store, 2, Some((1, &keys(&[5])))).await;
    let both = unfinished(store, Some(at(1))).await.unwrap();
    assert_eq!(both[0].has_it, [1, 2]);
    assert_eq!(both[1].has_it, [2]);
    assert!(finish(store, both[1].ordinal, at(10)).await.unwrap());
    assert!(!finish(store, both[1].ordinal, at(11)).await.unwrap());
    assert_eq!(unfinished(store, Some(at(1))).await.unwrap(), []);
    assert_eq!(unfinished(store, Some(at(0))).await.unwrap(), both);
    // Finished at that very second, which is not before it.
    assert_eq!(purge(store, at(10)).await.unwrap(), 0);
    assert_eq!(purge(store, at(11)).await.unwrap(), 1);
    assert_eq!(current(store).await.unwrap(), Some(2));
}

#[tokio::test]
async fn what_is_not_finished_is_never_forgotten() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    take(store, 1, None).await;
    take(store, 2, None).await;
    assert_eq!(purge(store, at(1_000_000)).await.unwrap(), 0);
}
