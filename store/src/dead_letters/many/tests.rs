//! Many letters at once: those that are meant, once, and no more than may be.

use protocol::frame::{Frame, Packing};
use protocol::ids::Position;

use super::*;
use crate::commands::{self, Command};
use crate::dead_letters::{NewDeadLetter, add};
use crate::test_fixtures::{World, at, id};

async fn bury(world: &World, agent: AgentId, reason: &str, count: u32) {
    let letters: Vec<NewDeadLetter> = (1..=count)
        .map(|seq| NewDeadLetter {
            id: id(),
            agent,
            // Of an epoch that never comes: the line stays where it is, and no snapshot is asked for by that.
            position: Position::new(9, 9 + seq),
            reason: reason.to_owned(),
            detail: String::new(),
            frame: Frame { packing: Packing::Plain, payload: vec![1] },
            received_at: at(1),
        })
        .collect();
    add(&world.scope, &letters, at(2)).await.unwrap();
}

#[tokio::test]
async fn letters_of_a_reason_or_a_host_are_made_up_for_once_and_others_stay() {
    let world = World::new().await;
    let (one, two) = (world.agent().await, world.agent().await);
    bury(&world, one, "exhausted", 3).await;
    bury(&world, two, "refused", 2).await;
    let replay = async |which| replay_many(&world.scope, which, at(3)).await.unwrap();
    let exhausted = Which { reason: Some("exhausted"), agent: None };
    let nothing = MadeUpFor { letters: 0, agents: 0, has_more: false };
    assert_eq!(replay(Which { agent: Some(two), ..exhausted }).await, nothing);
    assert_eq!(replay(exhausted).await, MadeUpFor { letters: 3, agents: 1, has_more: false });
    assert_eq!(replay(exhausted).await, nothing, "they were");
    let asked = commands::pending(world.store(), &[one, two]).await.unwrap();
    assert_eq!(asked, [(one, Command::SendSnapshot)]);
    let of_two = Which { agent: Some(two), reason: None };
    assert_eq!(replay(of_two).await, MadeUpFor { letters: 2, agents: 1, has_more: false });
}

#[tokio::test]
async fn no_more_letters_than_may_be_are_made_up_for_at_a_time() {
    let world = World::new().await;
    let agent = world.agent().await;
    bury(&world, agent, "exhausted", LETTERS_A_TIME + 1).await;
    let all = Which::default();
    let first = replay_many(&world.scope, all, at(3)).await.unwrap();
    assert_eq!((first.letters, first.has_more), (LETTERS_A_TIME.into(), true));
    let rest = replay_many(&world.scope, all, at(4)).await.unwrap();
    assert_eq!((rest.letters, rest.has_more), (1, false));
}
