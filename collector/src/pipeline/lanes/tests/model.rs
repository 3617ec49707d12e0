//! Random runs of lanes against a store that applies by position.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use protocol::ids::Succession;

use super::super::turns::SNAPSHOT_EVERY;
use super::*;

// Few, so that random events meet at the same agent often enough to disturb each other.
const COMPANIES: u128 = 4;
const AGENTS: u128 = 3;

/// What happens to one part of a group.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Stored,
    Failed,
    Away,
}

#[derive(Clone, Debug)]
enum Event {
    /// An agent's next reports come, each late by so many places.
    Come { agent: u128, lateness: Vec<u8>, begins_epoch: bool },
    /// One of an agent's reports never comes.
    Lost { agent: u128 },
    /// A group is taken, and this becomes of its parts.
    Work(Vec<Fate>),
    /// Time passes.
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let agent = 0..COMPANIES * AGENTS;
    let fate = prop_oneof![4 => Just(Fate::Stored), 1 => Just(Fate::Failed), 1 => Just(Fate::Away)];
    prop_oneof![
        5 => (agent.clone(), prop::collection::vec(0..6_u8, 1..8), prop::bool::weighted(0.2))
            .prop_map(|(agent, lateness, begins_epoch)| Event::Come { agent, lateness, begins_epoch }),
        1 => agent.prop_map(|agent| Event::Lost { agent }),
        // More work than arrivals: lines become empty now and then, which is where an agent is
        // forgotten and met again.
        8 => prop::collection::vec(fate, 1..4).prop_map(Event::Work),
        3 => (0..3_000_u64).prop_map(Event::Pass),
    ]
}

/// The lanes, and the world around them.
struct World {
    lanes: Lanes,
    now: Instant,
    sent: BTreeMap<u128, Position>,
    applied: BTreeMap<AgentId, Position>,
    /// Sequences that were pushed and have no outcome.
    open: BTreeSet<u64>,
    next_sequence: u64,
}

impl World {
    fn new() -> Self {
        Self {
            lanes: Lanes::new(LIMITS),
            now: start(),
            sent: BTreeMap::new(),
            applied: BTreeMap::new(),
            open: BTreeSet::new(),
            next_sequence: 1,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Come { agent, lateness, begins_epoch } => {
                let mut entries: Vec<_> = lateness
                    .iter()
                    .enumerate()
                    .map(|(place, late)| {
                        let begins = begins_epoch && place == 0;
                        // An agent sends over one stream, and still a report may come late: it was
                        // rejected, or another node of the cluster took it first.
                        (place + usize::from(*late), self.next_report(agent, begins))
                    })
                    .collect();
                entries.sort_by_key(|(place, _)| *place);
                for (_, entry) in entries {
                    self.open.insert(entry.slip.sequence);
                    self.lanes.push(&entry, self.now);
                }
            }
            Event::Lost { agent } => drop(self.next_report(agent, false)),
            Event::Work(fates) => self.work(&fates),
            Event::Pass(by) => self.now += ms(by),
        }
    }

    fn next_report(&mut self, number: u128, begins_epoch: bool) -> EntryHead {
        let last = self.sent.entry(number).or_insert(Position::new(1, 0));
        *last = if begins_epoch {
            Position::new(last.epoch.0 + 1, 1)
        } else {
            Position::new(last.epoch.0, last.seq.0 + 1)
        };
        let place = (last.epoch.0, last.seq.0);
        // As an epoch begins: with the parts of a snapshot, then changes.
        let lane = if last.seq.0 < 3 { Lane::Snapshot } else { Lane::Delta };
        // Sixty of a hundred records: a batch is due only with a second report or with age, so both
        // ways are tried.
        let mut entry = report((number / AGENTS, number), place, 60, lane);
        entry.slip.sequence = self.next_sequence;
        self.next_sequence += 1;
        entry
    }

    fn work(&mut self, fates: &[Fate]) {
        let Some(group) = self.lanes.take(self.now) else {
            assert!(!self.lanes.is_due(self.now), "something is due and not given out");
            return;
        };
        let weight: u64 = group.parts.iter().flat_map(|part| &part.slips).map(weight).sum();
        let reports = group.parts.iter().map(|part| part.slips.len()).sum::<usize>();
        // A report that is heavier than a group on its own still has to go, hence the exception.
        assert!(reports == 1 || weight <= u64::from(LIMITS.group_records_max));
        for (number, part) in group.parts.iter().enumerate() {
            assert_eq!(group.company, company(part.agent.0.as_u128() / AGENTS));
            // One group's parts come to different ends, as when its second agent is unknown and its
            // third failed.
            match fates[number % fates.len()] {
                Fate::Stored => self.store(part),
                Fate::Failed => {
                    self.lanes.put_back(part.agent, &part.slips, Rest::Failed, self.now);
                }
                Fate::Away => {
                    self.lanes.put_back(part.agent, &part.slips, Rest::Untouched, self.now);
                }
            }
        }
    }

    /// What the store does: next or seen are outcomes, a gap is none.
    fn store(&mut self, part: &Part) {
        let applied = self.applied.entry(part.agent).or_insert(Position::new(1, 0));
        for (number, slip) in part.slips.iter().enumerate() {
            match applied.succession(slip.position) {
                Succession::Next => *applied = slip.position,
                Succession::Seen => {}
                Succession::Gap => {
                    let applied = *applied;
                    return self.gap(part.agent, &part.slips[number..], applied);
                }
            }
            assert!(self.open.remove(&slip.sequence), "two outcomes of one report");
        }
        self.lanes.release(part.agent, self.now);
    }

    fn gap(&mut self, agent: AgentId, slips: &[Slip], applied: Position) {
        let Gap::Hopeless { slips, .. } = self.lanes.put_back_gap(agent, slips, applied, self.now)
        else {
            return;
        };
        for slip in slips {
            assert_eq!(
                applied.succession(slip.position),
                Succession::Gap,
                "ended a report with hope"
            );
            assert!(self.open.remove(&slip.sequence), "two outcomes of one report");
        }
        self.lanes.release(agent, self.now);
    }
}

proptest! {
    #[test]
    fn every_report_comes_to_exactly_one_outcome_in_its_agents_order(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new();
        for event in events {
            world.happen(event);
        }
        // With nothing new and every part stored, all comes to its end in bounded time.
        // 25 ms each, 250 seconds in all: far more than the rests and the gaps of 120 events.
        for _ in 0..10_000 {
            if world.open.is_empty() {
                break;
            }
            world.work(&[Fate::Stored]);
            world.now += ms(25);
        }
        prop_assert!(world.open.is_empty(), "{} reports without an outcome", world.open.len());
        prop_assert_eq!(world.lanes.waiting(), Waiting::default());
        // Nor is anything left of whose it was, also of those that went back and forth.
        prop_assert_eq!(world.lanes.portion(company(1)), Portion::default());
    }

    #[test]
    fn a_waiting_company_is_served_within_its_share_of_turns(
        backlogs in prop::collection::vec((1..60_u32, prop::bool::ANY), 2..12),
    ) {
        let now = start();
        let mut lanes = Lanes::new(LaneLimits { group_records_max: 100, ..LIMITS });
        for (number, (reports, is_snapshot)) in backlogs.iter().enumerate() {
            let lane = if *is_snapshot { Lane::Snapshot } else { Lane::Delta };
            for seq in 1..=*reports {
                lanes.push(&report((number as u128, number as u128), (1, seq), 100, lane), now);
            }
        }
        let mut left: Vec<u32> = backlogs.iter().map(|(reports, _)| *reports).collect();
        let mut served_at = vec![0_u64; left.len()];
        let mut turn = 0_u64;
        while let Some(group) = lanes.take(now) {
            turn += 1;
            let number = usize::try_from(group.company.0.as_u128()).unwrap();
            // Everybody else once, and in the lane of snapshots three turns of changes each time.
            let bound = SNAPSHOT_EVERY * backlogs.len() as u64;
            prop_assert!(turn - served_at[number] <= bound);
            served_at[number] = turn;
            left[number] -= 1;
            for part in group.parts {
                lanes.release(part.agent, now);
            }
        }
        prop_assert!(left.iter().all(|reports| *reports == 0));
    }
}
