//! What a user would miss of dead letters: kept once, whole, without holding up what follows.

use super::*;
use crate::commands::{self, Command};
use crate::summary;
use crate::test_fixtures::{Endpoint, World, at, id, record, stored};

fn letter(agent: AgentId, position: Position) -> NewDeadLetter {
    NewDeadLetter {
        id: id(),
        agent,
        position,
        reason: "unstorable".to_owned(),
        // The one character that PostgreSQL's text cannot hold, and error texts quote what was
        // wrong: without care the letter about a bad report would be refused itself.
        detail: "a value with \0 in it".to_owned(),
        frame: Frame { packing: Packing::Zstd1, payload: vec![1, 2, 3] },
        received_at: at(1),
    }
}

async fn only(world: &World) -> DeadLetter {
    let mut page = list(&world.scope, &PageRequest::first(10)).await.unwrap();
    assert_eq!(page.items.len(), 1);
    page.items.remove(0)
}

#[tokio::test]
async fn the_line_goes_on_after_a_dead_letter_and_the_agent_is_asked_again() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("a", "1")], 100)).await;
    let dead = endpoint.delta(vec![record("poison", "1")], &[]);
    let mut next = endpoint.delta(vec![record("b", "1")], &[]);
    // The digest would not agree, as the poison's records are in the agent's and not in the rows;
    // that is another way to a snapshot, and not the one that is tested.
    next.report.digest = None;

    let new = letter(endpoint.agent, dead.report.position);
    assert_eq!(add(&world.scope, &[new], at(2)).await.unwrap(), 1);

    let applied = world.apply(&[dead, next]).await;
    // Delivered again, as a queue may: its place counts as applied, although nothing of it is in
    // the rows.
    assert_eq!(applied.reports[0], crate::reports::Applied::Duplicate);
    assert_eq!(stored(&applied.reports[1]).opened, 1);
    let pending = commands::pending(world.store(), &[endpoint.agent]).await.unwrap();
    assert_eq!(pending, [(endpoint.agent, Command::SendSnapshot)]);
}

#[tokio::test]
async fn a_report_is_kept_once_and_whole() {
    let world = World::new().await;
    let agent = world.agent().await;
    let first = letter(agent, Position::new(1, 1));
    // With an id of its own, as after a crash between keeping the letter and ending the report:
    // place and not id makes it the same.
    let again = letter(agent, Position::new(1, 1));
    assert_eq!(add(&world.scope, std::slice::from_ref(&first), at(2)).await.unwrap(), 1);
    assert_eq!(add(&world.scope, &[again], at(3)).await.unwrap(), 0);
    assert_eq!(add(&world.scope, &[], at(3)).await.unwrap(), 0);

    let kept = only(&world).await;
    assert_eq!((kept.id, kept.agent, kept.position), (first.id, agent, Position::new(1, 1)));
    assert_eq!((kept.reason.as_str(), kept.bytes), ("unstorable", 3));
    assert_eq!(kept.detail, "a value with  in it");
    assert_eq!((kept.received_at, kept.created_at), (at(1), at(2)));
    assert_eq!(
        // Byte for byte as it came: somebody has to be able to find out what was wrong with it.
        frame(&world.scope, first.id).await.unwrap(),
        Some(first.frame)
    );
    assert_eq!(frame(&world.scope, id()).await.unwrap(), None);
}

#[tokio::test]
async fn a_letter_that_is_not_next_in_its_line_moves_nothing() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let report = endpoint.snapshot([], 1);
    // If it moved the line to 3, reports 1 and 2 would count as applied and be lost without a
    // trace.
    let ahead = letter(endpoint.agent, Position::new(1, 3));
    // Kept all the same: it may be what explains why the agent is gone.
    let nobodys = letter(AgentId(id()), Position::new(1, 1));
    assert_eq!(add(&world.scope, &[ahead, nobodys], at(2)).await.unwrap(), 2);
    assert_eq!(stored(&world.apply(&report).await.reports[0]).digest_agrees, Some(true));
}

#[tokio::test]
async fn a_replay_asks_at_once_however_lately_the_agent_was_asked() {
    let world = World::new().await;
    let agent = world.agent().await;
    add(&world.scope, &[letter(agent, Position::new(1, 1))], at(2)).await.unwrap();
    assert_eq!(summary::pipeline(&world.scope).await.unwrap().dead_letters, 1);
    let kept = only(&world).await;
    let mut connection = world.store().pool().acquire().await.unwrap();
    // Other requests of a snapshot are spaced; this one was asked for by a person who is looking.
    for seconds in [3, 4] {
        assert!(replay(&world.scope, kept.id, at(seconds)).await.unwrap());
        let queued = commands::pending(world.store(), &[agent]).await.unwrap();
        assert_eq!(queued, [(agent, Command::SendSnapshot)]);
        commands::snapshots_came(&mut connection, &[agent.0]).await.unwrap();
    }
    assert_eq!(only(&world).await.replayed_at, Some(at(4)));
    assert_eq!(summary::pipeline(&world.scope).await.unwrap().dead_letters, 0);
    assert!(!replay(&world.scope, id(), at(5)).await.unwrap());
}

#[tokio::test]
async fn old_letters_are_forgotten_a_few_at_a_time_and_younger_ones_stay() {
    let world = World::new().await;
    let agent = world.agent().await;
    for seq in 1..=5 {
        let letters = [letter(agent, Position::new(1, seq))];
        add(&world.scope, &letters, at(seq.into())).await.unwrap();
    }
    // Three are older than the fourth second; two a statement, so that none holds many rows.
    assert_eq!(purge(&world.scope, at(4), 2).await.unwrap(), 2);
    assert_eq!(purge(&world.scope, at(4), 2).await.unwrap(), 1);
    assert_eq!(purge(&world.scope, at(4), 2).await.unwrap(), 0);
    let left = list(&world.scope, &PageRequest::first(9)).await.unwrap();
    assert_eq!(left.items.len(), 2);
}
