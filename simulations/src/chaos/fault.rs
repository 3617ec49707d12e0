//! What can go wrong in a chaos run, and which of it goes wrong next.

use std::fmt;
use std::time::Duration;

use super::links::Link;
use crate::random::Random;

/// One thing that goes wrong and is mended again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A node is killed, and started again after a while.
    KillNode(u8, Duration),
    /// A node stands still for a while.
    PauseNode(u8, Duration),
    /// A node is asked to stop, drains, and is started again.
    RestartNode(u8),
    /// A node loses its disk, the queue with it.
    WipeNode(u8),
    /// A node's disk has no byte left for a while.
    FullDisk(u8, Duration),
    /// A node's clock is so many seconds wrong for a while.
    ClockStep(u8, i32, Duration),
    /// Agents and a node do not hear each other for a while.
    CutFromAgents(u8, Duration),
    /// A node and the database do not hear each other for a while.
    CutFromDatabase(u8, Duration),
    /// The way between agents and a node is bad for a while.
    BadWayToAgents(u8, Link, Duration),
    /// The way between a node and the database is bad for a while.
    BadWayToDatabase(u8, Link, Duration),
    /// The database's primary is killed, and started again after a while.
    KillDatabase(Duration),
    /// The database's primary stands still for a while.
    PauseDatabase(Duration),
    /// The database's primary is lost; the standby takes its place.
    FailOver,
    /// Somebody else has all the database's connections for a while.
    NoConnections(Duration),
}

/// The kind that sets clocks, which takes a library.
pub(super) const CLOCK_STEP: &str = "clock step";

/// Names of the kinds, for the report.
pub(super) const KINDS: [&str; 14] = [
    "kill node",
    "pause node",
    "restart node",
    "wipe node",
    "full disk",
    CLOCK_STEP,
    "cut from agents",
    "cut from database",
    "bad way to agents",
    "bad way to database",
    "kill database",
    "pause database",
    "fail over",
    "no connections",
];

impl Fault {
    /// The `number`th fault of a run. Every kind comes once before any comes again, in an order that
    /// the seed says.
    pub(super) fn draw(number: usize, nodes: u8, seed: &Random) -> Self {
        // By its number alone, so that the tenth fault of a seed is the same however long the nine
        // before took.
        let round = u64::try_from(number / KINDS.len()).unwrap_or(0);
        let mut order: Vec<usize> = (0..KINDS.len()).collect();
        shuffle(&mut order, &mut seed.fork(round));
        // Far from the rounds' own parts, which count from 0.
        let mut random = seed.fork(1_000_000 + u64::try_from(number).unwrap_or(0));
        let kind = order.get(number % KINDS.len()).copied().unwrap_or(0);
        Self::of(kind, nodes, &mut random)
    }

    fn of(kind: usize, nodes: u8, random: &mut Random) -> Self {
        let node = u8::try_from(random.below(usize::from(nodes))).unwrap_or(0);
        let mut span = |from: u64, to: u64| {
            let more = random.below(usize::try_from((to - from) * 1_000).unwrap_or(0));
            Duration::from_millis(from * 1_000 + u64::try_from(more).unwrap_or(0))
        };
        match kind {
            // Nothing at the least: a supervisor starts a process again at once.
            0 => Self::KillNode(node, span(0, 3)),
            1 => Self::PauseNode(node, span(1, 8)),
            2 => Self::RestartNode(node),
            3 => Self::WipeNode(node),
            4 => Self::FullDisk(node, span(2, 6)),
            5 => {
                let away = span(3, 6);
                Self::ClockStep(node, step(random), away)
            }
            // Up to sixteen seconds, one more than the simulated agents bear silence, so that some
            // are given up and some are not.
            6 => Self::CutFromAgents(node, span(2, 16)),
            7 => Self::CutFromDatabase(node, span(2, 16)),
            8 => {
                let away = span(3, 8);
                Self::BadWayToAgents(node, bad(random), away)
            }
            9 => {
                let away = span(3, 8);
                Self::BadWayToDatabase(node, bad(random), away)
            }
            10 => Self::KillDatabase(span(0, 3)),
            11 => Self::PauseDatabase(span(1, 8)),
            12 => Self::FailOver,
            _ => Self::NoConnections(span(2, 6)),
        }
    }

    /// The name of its kind, of [`KINDS`].
    pub(super) const fn kind(self) -> &'static str {
        KINDS[match self {
            Self::KillNode(..) => 0,
            Self::PauseNode(..) => 1,
            Self::RestartNode(..) => 2,
            Self::WipeNode(..) => 3,
            Self::FullDisk(..) => 4,
            Self::ClockStep(..) => 5,
            Self::CutFromAgents(..) => 6,
            Self::CutFromDatabase(..) => 7,
            Self::BadWayToAgents(..) => 8,
            Self::BadWayToDatabase(..) => 9,
            Self::KillDatabase(..) => 10,
            Self::PauseDatabase(..) => 11,
            Self::FailOver => 12,
            Self::NoConnections(..) => 13,
        }]
    }
}

/// A link as a bad mobile network has it.
fn bad(random: &mut Random) -> Link {
    let ms = |random: &mut Random, below| {
        Duration::from_millis(u64::try_from(random.below(below)).unwrap_or(0))
    };
    Link {
        is_cut: false,
        delay: ms(random, 300),
        jitter: ms(random, 100),
        loss_percent: random.below(25),
        twice_percent: random.below(10),
    }
}

/// By how much a clock is wrong: seconds after a bad sync, an hour with a wrong time zone.
fn step(random: &mut Random) -> i32 {
    const STEPS: [i32; 6] = [-3_600, -90, -5, 5, 90, 3_600];
    random.pick(&STEPS).copied().unwrap_or(5)
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], random: &mut Random) {
    // From the end, each place with one of those not yet placed, itself included: every order is as
    // likely.
    for end in (1..order.len()).rev() {
        order.swap(end, random.below(end + 1));
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match *self {
            Self::RestartNode(node) | Self::WipeNode(node) => write!(f, " {}", node + 1),
            Self::KillNode(node, away)
            | Self::PauseNode(node, away)
            | Self::FullDisk(node, away)
            | Self::CutFromAgents(node, away)
            | Self::CutFromDatabase(node, away) => write!(f, " {} for {away:.1?}", node + 1),
            Self::ClockStep(node, by, away) => write!(f, " {} by {by} s for {away:.1?}", node + 1),
            Self::BadWayToAgents(node, link, away) | Self::BadWayToDatabase(node, link, away) => {
                write!(
                    f,
                    " {} ({:?} late, {} % lost) for {away:.1?}",
                    node + 1,
                    link.delay,
                    link.loss_percent
                )
            }
            Self::KillDatabase(away) | Self::PauseDatabase(away) | Self::NoConnections(away) => {
                write!(f, " for {away:.1?}")
            }
            Self::FailOver => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
