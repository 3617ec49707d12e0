//! Which heartbeats are noted again, and how often.

use protocol::ids::Position;
use protocol::message::Heartbeat;
use time::OffsetDateTime;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;

const COMPANY: CompanyId = CompanyId(Uuid::from_u128(1));
const AGENT: AgentId = AgentId(Uuid::from_u128(2));

fn seen(seq: u32) -> SeenHeartbeat {
    let acknowledged = Position::new(1, seq);
    SeenHeartbeat {
        agent: AGENT,
        at: OffsetDateTime::UNIX_EPOCH,
        heartbeat: Heartbeat { acknowledged, digest: None, scan_done: 0 },
        every_s: 86_400,
        presence: None,
    }
}

/// At which seconds it is noted again, looked for every second, of an agent that is behind until then.
fn again(behind: &Behind, began: Instant, behind_for: u64) -> Vec<u64> {
    let mut noted = Vec::new();
    for second in 0..120 {
        let due = behind.take_due(began + Duration::from_secs(second)).remove(&COMPANY);
        let Some(due) = due else { continue };
        noted.push(second);
        let still: &[AgentId] = if second < behind_for { &[AGENT] } else { &[] };
        behind.keep_on(COMPANY, due, still);
    }
    noted
}

#[test]
fn one_that_stays_behind_is_noted_again_until_a_lost_node_counts_as_gone() {
    let (behind, began) = (Behind::default(), Clock::system().instant());
    behind.keep(COMPANY, &[seen(1)], &[AGENT], began);
    let noted = again(&behind, began, 1_000);
    assert_eq!(noted, [4, 20, 60]);
    let gone = store::nodes::LIVES_FOR.as_secs();
    assert!(noted.iter().any(|second| *second > gone), "{noted:?}");
    behind.keep(COMPANY, &[seen(1)], &[AGENT], began);
    assert_eq!(again(&behind, began, 10), [4, 20]);
}

#[test]
fn a_newer_heartbeat_takes_the_place_of_an_older_one() {
    let (behind, began) = (Behind::default(), Clock::system().instant());
    behind.keep(COMPANY, &[seen(1)], &[AGENT], began);
    let later = began + Duration::from_secs(5);
    let due = behind.take_due(later).remove(&COMPANY).unwrap();
    // It comes while the older one is noted again.
    behind.keep(COMPANY, &[seen(2)], &[AGENT], later);
    behind.keep_on(COMPANY, due, &[AGENT]);
    let due = behind.take_due(later + Duration::from_secs(5)).remove(&COMPANY).unwrap();
    let acknowledged: Vec<_> = due.iter().map(|kept| kept.seen.heartbeat.acknowledged).collect();
    assert_eq!(acknowledged, [Position::new(1, 2)]);
}

#[test]
fn one_that_is_not_behind_any_more_is_forgotten() {
    let (behind, began) = (Behind::default(), Clock::system().instant());
    behind.keep(COMPANY, &[seen(1)], &[AGENT], began);
    behind.keep(COMPANY, &[seen(2)], &[], began);
    assert_eq!(again(&behind, began, 1_000), [0; 0]);
}
