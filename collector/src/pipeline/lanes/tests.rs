//! Order, fairness and patience, by example and by random runs against a model.

mod late;
mod model;

use uuid::Uuid;

use super::*;

const LIMITS: LaneLimits = LaneLimits {
    // A report of `delta` or `snapshot` has as many records, so that each is a full batch and is
    // due at once.
    batch_records: 100,
    batch_after: Duration::from_millis(50),
    group_records_max: 2_000,
    gap_wait: Duration::from_secs(5),
};

#[expect(clippy::disallowed_methods, reason = "some instant to count from")]
fn start() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn company(number: u128) -> CompanyId {
    CompanyId(Uuid::from_u128(number))
}

fn agent(number: u128) -> AgentId {
    AgentId(Uuid::from_u128(number))
}

/// A report: whose, which, with how many records, in which lane.
fn report(of: (u128, u128), place: (u32, u32), records: u16, lane: Lane) -> EntryHead {
    let (epoch, seq) = place;
    EntryHead {
        company: company(of.0),
        agent: agent(of.1),
        slip: Slip {
            // Grows with the position, as the queue's does for an agent that sends in order; tests
            // of another order set it themselves.
            sequence: u64::from(epoch) * 1_000_000 + u64::from(seq),
            received_at_ms: u64::from(seq),
            position: Position::new(epoch, seq),
            offset: 0,
            payload_bytes: 1_000,
            records,
            lane,
        },
    }
}

fn delta(of: (u128, u128), place: (u32, u32)) -> EntryHead {
    report(of, place, 100, Lane::Delta)
}

fn snapshot(of: (u128, u128), place: (u32, u32)) -> EntryHead {
    report(of, place, 100, Lane::Snapshot)
}

fn places(part: &Part) -> Vec<(u32, u32)> {
    let place = |slip: &Slip| (slip.position.epoch.0, slip.position.seq.0);
    part.slips.iter().map(place).collect()
}

fn lanes_with(entries: &[EntryHead], now: Instant) -> Lanes {
    let mut lanes = Lanes::new(LIMITS);
    for entry in entries {
        lanes.push(entry, now);
    }
    lanes
}

/// Takes a group that holds one part.
fn take_part(lanes: &mut Lanes, now: Instant) -> Part {
    let mut group = lanes.take(now).unwrap();
    assert_eq!(group.parts.len(), 1);
    group.parts.remove(0)
}

#[test]
fn a_full_batch_is_given_out_at_once_and_a_smaller_one_when_it_is_old_enough() {
    let now = start();
    let mut lanes = lanes_with(&[delta((1, 1), (1, 1))], now);
    assert!(lanes.take(now).is_some());

    let mut lanes = lanes_with(&[report((1, 1), (1, 1), 3, Lane::Delta)], now);
    assert_eq!(lanes.take(now), None);
    assert_eq!(lanes.due_at(), Some(now + ms(50)));
    assert!(!lanes.is_due(now + ms(49)) && lanes.is_due(now + ms(50)));
    assert!(lanes.take(now + ms(50)).is_some());
}

#[test]
fn small_reports_of_several_agents_make_a_batch_together() {
    let now = start();
    let mut lanes = Lanes::new(LIMITS);
    for number in 1..=4 {
        lanes.push(&report((1, number), (1, 1), 25, Lane::Delta), now);
    }
    assert_eq!(lanes.take(now).unwrap().parts.len(), 4);
}

#[test]
fn a_report_that_joins_a_waiting_agent_can_fill_the_batch() {
    let now = start();
    let mut lanes = lanes_with(&[report((1, 1), (1, 1), 60, Lane::Delta)], now);
    assert_eq!(lanes.take(now), None);
    lanes.push(&report((1, 1), (1, 2), 60, Lane::Delta), now);
    assert_eq!(places(&take_part(&mut lanes, now)), [(1, 1), (1, 2)]);
}

#[test]
fn gives_an_agents_reports_out_in_order_whatever_order_they_came_in() {
    let now = start();
    let came = [3, 1, 4, 2].map(|seq| delta((1, 1), (1, seq)));
    let mut lanes = lanes_with(&came, now);
    let part = take_part(&mut lanes, now);
    assert_eq!(places(&part), [(1, 1), (1, 2), (1, 3), (1, 4)]);
}

#[test]
fn an_agent_has_one_group_in_flight_at_most() {
    let now = start();
    let mut lanes = lanes_with(&[delta((1, 1), (1, 1))], now);
    let first = take_part(&mut lanes, now);
    lanes.push(&delta((1, 1), (1, 2)), now);
    assert_eq!(lanes.take(now + ms(1_000)), None);
    lanes.release(first.agent, now);
    assert_eq!(places(&take_part(&mut lanes, now)), [(1, 2)]);
}

#[test]
fn an_agent_whose_report_has_no_room_goes_first_in_the_next_group() {
    let now = start();
    let mut lanes = Lanes::new(LIMITS);
    for seq in 1..=33 {
        lanes.push(&report((1, 1), (1, seq), 60, Lane::Delta), now);
    }
    lanes.push(&report((1, 2), (1, 1), 60, Lane::Delta), now);
    // 33 times 60 leave room for 20.
    assert_eq!(take_part(&mut lanes, now).agent, agent(1));
    lanes.push(&delta((1, 3), (1, 1)), now);
    let next = lanes.take(now + ms(50)).unwrap();
    assert_eq!(next.parts.iter().map(|part| part.agent).collect::<Vec<_>>(), [agent(2), agent(3)]);
}

#[test]
fn a_group_holds_one_company_and_no_more_records_than_it_may() {
    let now = start();
    let mut lanes = Lanes::new(LIMITS);
    for seq in 1..=30 {
        lanes.push(&delta((1, 1), (1, seq)), now);
        lanes.push(&delta((2, 2), (1, seq)), now);
    }
    let group = lanes.take(now).unwrap();
    assert_eq!(group.company, company(1));
    let records: u32 =
        group.parts.iter().flat_map(|p| &p.slips).map(|s| u32::from(s.records)).sum();
    assert_eq!(records, LIMITS.group_records_max);
    assert_eq!(lanes.take(now).unwrap().company, company(2));
}

#[test]
fn a_gap_between_waiting_reports_ends_a_group() {
    let now = start();
    let mut lanes = lanes_with(&[delta((1, 1), (1, 1)), delta((1, 1), (1, 3))], now);
    let part = take_part(&mut lanes, now);
    assert_eq!(places(&part), [(1, 1)]);
}

#[test]
fn the_same_report_twice_is_given_out_twice() {
    let now = start();
    let mut again = delta((1, 1), (1, 1));
    // An agent that lost an acknowledgement sends the same report again. The queue cannot know
    // that; the store does, so both have to come to it, and each entry to its outcome.
    again.slip.sequence += 1;
    let mut lanes = lanes_with(&[delta((1, 1), (1, 1)), again, delta((1, 1), (1, 2))], now);
    assert_eq!(places(&take_part(&mut lanes, now)), [(1, 1), (1, 1), (1, 2)]);
}

#[test]
fn changes_go_before_snapshots_which_still_get_every_fourth_turn() {
    let now = start();
    let mut lanes = Lanes::new(LIMITS);
    for number in 1..=20 {
        lanes.push(&snapshot((number, number), (1, 1)), now);
        lanes.push(&delta((number, 100 + number), (1, 1)), now);
    }
    let order: Vec<Lane> =
        (0..20).map(|_| lanes.take(now).unwrap().parts[0].slips[0].lane).collect();
    let turns_of_snapshots: Vec<usize> =
        (0..20).filter(|turn| order[*turn] == Lane::Snapshot).collect();
    assert_eq!(turns_of_snapshots, [3, 7, 11, 15, 19]);
}

#[test]
fn an_agents_first_report_decides_its_lane() {
    let now = start();
    let mut lanes = lanes_with(&[snapshot((1, 1), (2, 1)), delta((1, 1), (2, 2))], now);
    lanes.push(&delta((2, 2), (1, 1)), now);
    assert_eq!(lanes.take(now).unwrap().company, company(2));
    assert_eq!(places(&take_part(&mut lanes, now)), [(2, 1), (2, 2)]);
}

#[test]
fn a_company_with_fifty_thousand_reports_does_not_delay_one_with_fifty() {
    let now = start();
    let mut lanes = Lanes::new(LIMITS);
    // A company that enrols five hundred hosts at once beside one that lives its day.
    for number in 1..=500 {
        for seq in 1..=100 {
            lanes.push(&delta((1, number), (1, seq)), now);
        }
    }
    for number in 1..=50 {
        lanes.push(&delta((2, 10_000 + number), (1, 1)), now);
    }
    let mut small = 0;
    // Groups hold 2,000 records, twenty reports of a hundred: fifty reports are three groups, and
    // every second turn is the small company's.
    for _turn in 0..6 {
        let group = lanes.take(now).unwrap();
        if group.company == company(2) {
            small += group.parts.len();
        }
        for part in group.parts {
            lanes.release(part.agent, now);
        }
    }
    assert_eq!(small, 50);
}

#[test]
fn what_failed_comes_again_in_order_after_a_rest_that_grows_to_a_bound() {
    let mut now = start();
    let entries = [delta((1, 1), (1, 1)), delta((1, 1), (1, 2))];
    let mut lanes = lanes_with(&entries, now);
    let mut rests = Vec::new();
    for attempts in 0..20 {
        let part = take_part(&mut lanes, now);
        assert_eq!((places(&part), part.attempts), (vec![(1, 1), (1, 2)], attempts));
        lanes.put_back(part.agent, &part.slips, Rest::Failed, now);
        assert_eq!(lanes.take(now), None);
        let due = lanes.due_at().unwrap();
        rests.push(due - now);
        // The rest, and the age that a batch needs behind it.
        now = due + ms(50);
    }
    assert_eq!(rests[0], REST_MIN);
    assert!(rests.is_sorted());
    assert_eq!(rests[19], REST_MAX);
}

#[test]
fn a_report_is_not_charged_with_the_failures_of_the_one_before_it() {
    let mut now = start();
    let entries = [delta((1, 1), (1, 1)), delta((1, 1), (1, 2))];
    let mut lanes = lanes_with(&entries, now);
    for attempts in 0..3 {
        let part = take_part(&mut lanes, now);
        assert_eq!(part.attempts, attempts);
        lanes.put_back(part.agent, &part.slips, Rest::Failed, now);
        now += REST_MAX;
    }
    // The first is stored at last, and the second fails for the first time.
    let part = take_part(&mut lanes, now);
    lanes.put_back(part.agent, &part.slips[1..], Rest::Failed, now);
    now += REST_MAX;
    assert_eq!(take_part(&mut lanes, now).attempts, 1);
}

#[test]
fn what_came_to_its_end_before_a_failure_is_not_given_out_again() {
    let now = start();
    let mut lanes = lanes_with(&[1, 2, 3].map(|seq| delta((1, 1), (1, seq))), now);
    let part = take_part(&mut lanes, now);
    lanes.put_back(part.agent, &part.slips[1..], Rest::Untouched, now);
    assert_eq!(places(&take_part(&mut lanes, now)), [(1, 2), (1, 3)]);
}

/// Lanes of one agent whose report 3 waits for 2, and when it was found out.
fn with_gap() -> (Lanes, Instant) {
    let now = start();
    let mut lanes = lanes_with(&[delta((1, 1), (1, 3))], now);
    let part = take_part(&mut lanes, now);
    let gap = lanes.put_back_gap(part.agent, &part.slips, Position::new(1, 1), now);
    assert_eq!(gap, Gap::Waits);
    (lanes, now)
}

#[test]
fn a_gap_that_is_filled_here_goes_on_at_once() {
    let (mut lanes, now) = with_gap();
    lanes.push(&delta((1, 1), (1, 4)), now);
    assert_eq!(lanes.take(now + ms(100)), None);
    lanes.push(&delta((1, 1), (1, 2)), now);
    assert_eq!(places(&take_part(&mut lanes, now)), [(1, 2), (1, 3), (1, 4)]);
}

#[test]
fn a_gap_that_another_node_fills_is_found_by_asking_again() {
    let (mut lanes, now) = with_gap();
    // The agent moved to another node between two reports, so the missing one lies in that node's
    // queue: no push will ever wake this line.
    let asked_again = lanes.due_at().unwrap();
    assert!(asked_again < now + LIMITS.gap_wait);
    assert!(lanes.take(asked_again + LIMITS.batch_after).is_some());
}

#[test]
fn a_gap_that_stays_ends_its_reports_and_asks_for_a_snapshot() {
    let (mut lanes, began) = with_gap();
    let (now, slips, asks_snapshot) = loop {
        let now = lanes.due_at().unwrap();
        let Some(group) = lanes.take(now) else {
            continue;
        };
        let part = &group.parts[0];
        match lanes.put_back_gap(part.agent, &part.slips, Position::new(1, 1), now) {
            Gap::Waits => assert!(now < began + LIMITS.gap_wait),
            Gap::Hopeless { slips, asks_snapshot } => break (now, slips, asks_snapshot),
        }
    };
    assert!(asks_snapshot && slips.len() == 1);
    assert!(now <= began + LIMITS.gap_wait + LIMITS.batch_after);
    lanes.release(agent(1), now);
    // The agent may still send some of that epoch before it hears of the request.
    lanes.push(&delta((1, 1), (1, 4)), now);
    let part = take_part(&mut lanes, now);
    let gap = lanes.put_back_gap(part.agent, &part.slips, Position::new(1, 1), now);
    assert!(matches!(gap, Gap::Hopeless { .. }), "waits once an epoch, not once a report");
}

#[test]
fn a_snapshot_that_begins_meanwhile_ends_the_wait_and_is_not_asked_for() {
    let (mut lanes, began) = with_gap();
    let now = lanes.due_at().unwrap() + LIMITS.batch_after;
    assert!(now < began + LIMITS.gap_wait);
    let part = take_part(&mut lanes, now);
    lanes.push(&snapshot((1, 1), (2, 1)), now);
    match lanes.put_back_gap(part.agent, &part.slips, Position::new(1, 1), now) {
        Gap::Hopeless { slips, asks_snapshot } => assert!(slips.len() == 1 && !asks_snapshot),
        Gap::Waits => panic!("waits for what a snapshot has overtaken"),
    }
    lanes.release(agent(1), now);
    assert_eq!(places(&take_part(&mut lanes, now)), [(2, 1)]);
}

#[test]
fn a_new_epoch_after_a_hopeless_one_may_have_gaps_of_its_own() {
    let (mut lanes, began) = with_gap();
    let now = began + LIMITS.gap_wait;
    let part = take_part(&mut lanes, now + LIMITS.batch_after);
    lanes.put_back_gap(part.agent, &part.slips, Position::new(1, 1), now);
    lanes.release(agent(1), now);
    lanes.push(&snapshot((1, 1), (2, 1)), now);
    lanes.push(&snapshot((1, 1), (2, 3)), now);
    assert_eq!(places(&take_part(&mut lanes, now)), [(2, 1)]);
    lanes.release(agent(1), now);
    let part = take_part(&mut lanes, now);
    let gap = lanes.put_back_gap(part.agent, &part.slips, Position::new(2, 1), now);
    assert_eq!(gap, Gap::Waits);
}

#[test]
fn the_oldest_is_who_has_waited_longest_and_not_who_goes_first() {
    let mut late = delta((1, 1), (1, 1));
    late.slip.received_at_ms = 9;
    let lanes = lanes_with(&[delta((1, 1), (1, 2)), late], start());
    assert_eq!(lanes.oldest_received_at_ms(), Some(2));
}

#[test]
fn counts_what_waits_by_lane_and_knows_the_oldest() {
    let now = start();
    let mut lanes = lanes_with(&[delta((1, 1), (1, 7)), snapshot((1, 2), (1, 4))], now);
    assert_eq!(lanes.waiting(), Waiting { deltas: 1, snapshots: 1 });
    assert_eq!(lanes.oldest_received_at_ms(), Some(4));
    while let Some(group) = lanes.take(now) {
        for part in group.parts {
            lanes.release(part.agent, now);
        }
    }
    assert_eq!(lanes.waiting(), Waiting::default());
    assert_eq!(lanes.oldest_received_at_ms(), None);
    assert!(lanes.lines.is_empty(), "agents without reports are forgotten");
}
