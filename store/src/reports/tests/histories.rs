//! A database that goes back to a moment: what it is believed to have is not there any more, and what was
//! made of that belief is mended.

use super::super::*;
use crate::database::{Store, StoreConfig};
use crate::test_fixtures::{Endpoint, GENERATION, World, at, judge, record, stored};

/// Installations without software: no list shows them, and nothing misses them.
const ORPHANS: &str = "SELECT count(*) FROM installations i WHERE i.company_key = $1
     AND NOT EXISTS (SELECT FROM software s
                     WHERE s.company_key = $1 AND s.software_key = i.software_key)";

#[tokio::test]
async fn a_database_that_went_back_is_not_believed_to_have_the_software_that_it_had() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let records = || [record("bad1", "1"), record("good", "1")];
    let before = world.database.keep().await;
    assert_eq!(world.apply(&endpoint.snapshot(records(), 100)).await.software, 2);
    world.database.go_back(before).await;
    // What the agent sends once its digest is not the rows'.
    let applied = world.apply(&endpoint.snapshot(records(), 100)).await;
    assert_eq!(stored(&applied.reports[0]).opened, 2);
    assert_eq!((applied.software, applied.findings), (2, 1));
    assert_eq!(world.number(ORPHANS).await, 0);
}

#[tokio::test]
async fn installations_without_software_are_taken_out_and_come_again() {
    let world = World::new().await;
    let mut broken = Endpoint::new(world.agent().await);
    let mut whole = Endpoint::new(world.agent().await);
    world.apply(&broken.snapshot([record("a", "1"), record("b", "1")], 100)).await;
    world.apply(&whole.snapshot([record("b", "1")], 100)).await;
    // As a release left it that believed a database which had gone back.
    world.database.execute("DELETE FROM software WHERE name = 'a'").await;
    assert_eq!(world.number(ORPHANS).await, 1);

    // Two shares, and one agent a step.
    let mut taken_out = 0;
    for rest in 0..2 {
        let mut after = 0;
        while let Some(mended) = mend(&world.scope, Share { of: 2, rest }, after, 1).await.unwrap()
        {
            (after, taken_out) = (mended.last, taken_out + mended.installations);
        }
    }
    assert_eq!((taken_out, world.number(ORPHANS).await), (1, 0));
    let digests = "SELECT count(*) FROM agents WHERE company_key = $1 AND digest_count = 1";
    assert_eq!(world.number(digests).await, 2, "the rows say what they hold");

    // A node that was started since, which believes nothing.
    let started = Store::connect(&StoreConfig::new(world.database.url())).await.unwrap();
    let scope = started.pipeline_scope(world.scope.company()).await.unwrap().unwrap();
    let again = broken.snapshot([record("a", "1"), record("b", "1")], 100);
    let applied = apply(&scope, &again, &judge, GENERATION, at(0)).await.unwrap();
    assert_eq!((stored(&applied.reports[0]).opened, applied.software), (1, 1));
    assert_eq!(stored(&applied.reports[0]).digest_agrees, Some(true));
    assert_eq!(world.number(ORPHANS).await, 0);
}
