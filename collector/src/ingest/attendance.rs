//! Whether an agent's connection is held or the agent visits, and over how long a fleet comes back. Pure.
//!
//! A held connection costs memory and brings a scan that is asked for at once; a visit costs a
//! handshake. The company's wish counts before the node's setting; on `auto`, the node holds as many as
//! it may and tells those that come on top to visit.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use protocol::ids::AgentId;
use protocol::limits::RETURN_WITHIN_S_MAX;
use protocol::message::{Attendance, Settings};

use crate::config::{Connections, IngestConfig};

/// Below this part of a limit a node that was full holds connections again.
// A tenth less: at the limit itself, every agent that leaves would change what the next one is told.
const FREE_BELOW: (u64, u64) = (9, 10);
/// The part of the held connections that is told to leave at a time while memory is short.
const SHED_PART: usize = 20;

/// What a node carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Connections that are held.
    pub(super) held: usize,
    /// Memory of the process, in bytes; 0 where it is not known.
    pub(super) memory_bytes: u64,
}

/// The rules, which may change while they are asked, and whether the node is full.
#[derive(Debug)]
pub(super) struct Rules {
    settings: Mutex<Node>,
    is_full: Mutex<bool>,
}

/// What the node's configuration says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    connections: Connections,
    held_max: usize,
    memory_bytes_max: u64,
    visit_every_s: u32,
    handshakes_per_second: u32,
}

impl Node {
    fn of(config: &IngestConfig) -> Self {
        Self {
            connections: config.connections,
            held_max: config.held_max as usize,
            memory_bytes_max: config.memory_bytes_max,
            visit_every_s: config.visit_every_s,
            handshakes_per_second: config.handshakes_per_second,
        }
    }
}

impl Rules {
    pub(super) fn new(config: &IngestConfig) -> Self {
        Self { settings: Mutex::new(Node::of(config)), is_full: Mutex::new(false) }
    }

    /// Takes other rules; whether they are.
    pub(super) fn set(&self, config: &IngestConfig) -> bool {
        let next = Node::of(config);
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *settings, next);
        before != next
    }

    fn node(&self) -> Node {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an agent is told; `is_held` when its connection is held already, which makes no difference to
    /// the load.
    pub(super) fn attendance(
        &self,
        settings: &Settings,
        visits: Option<bool>,
        is_held: bool,
        load: Load,
    ) -> Attendance {
        let visits = visits.unwrap_or_else(|| match self.node().connections {
            Connections::Hold => false,
            Connections::Visit => true,
            Connections::Auto => !is_held && self.is_full(load),
        });
        if visits {
            return self.visit(settings);
        }
        // With this one, which will come back as well.
        let others = load.held + usize::from(!is_held);
        Attendance::Hold { return_within_s: self.return_within_s(others) }
    }

    /// A visit, as often as the company wants heartbeats but not more often than the node.
    fn visit(&self, settings: &Settings) -> Attendance {
        // The longer of the two: each says how much it wants to hear at most.
        let every_s = self.node().visit_every_s.max(settings.heartbeat_every_s);
        Attendance::Visit { every_s }.clamped()
    }

    /// What an agent is told whose connection the node cannot hold any longer; `None` when that is not
    /// the node's to decide.
    pub(super) fn sent_away(
        &self,
        settings: &Settings,
        visits: Option<bool>,
    ) -> Option<Attendance> {
        let decides = visits.is_none() && self.node().connections == Connections::Auto;
        decides.then(|| self.visit(settings))
    }

    /// How many connections that are held should not be.
    pub(super) fn too_many(&self, load: Load) -> usize {
        let node = self.node();
        if node.connections != Connections::Auto {
            return 0;
        }
        // Also when nobody comes: what is full has to be known when memory falls again.
        self.is_full(load);
        let over = load.held.saturating_sub(node.held_max);
        let is_short = node.memory_bytes_max > 0 && load.memory_bytes > node.memory_bytes_max;
        // In steps: memory comes back late, and everybody at once would be a storm of its own.
        let shed = if is_short { load.held.div_ceil(SHED_PART) } else { 0 };
        over.max(shed)
    }

    /// Whether one more connection is too many.
    fn is_full(&self, load: Load) -> bool {
        let held = u64::try_from(load.held).unwrap_or(u64::MAX);
        let node = self.node();
        let held_max = u64::try_from(node.held_max).unwrap_or(u64::MAX);
        let reaches = |(part, whole): (u64, u64)| {
            let memory_max = node.memory_bytes_max / whole * part;
            // Divided first, so that no limit is too large to be multiplied.
            held >= held_max / whole * part + held_max % whole * part / whole
                || (node.memory_bytes_max > 0 && load.memory_bytes >= memory_max)
        };
        let mut is_full = self.is_full.lock().unwrap_or_else(PoisonError::into_inner);
        *is_full = if *is_full { reaches(FREE_BELOW) } else { reaches((1, 1)) };
        *is_full
    }

    /// Over how many seconds so many agents come back, so that half of the handshakes that are let in are
    /// theirs.
    fn return_within_s(&self, agents: usize) -> u32 {
        let agents = u32::try_from(agents).unwrap_or(u32::MAX);
        let half = (self.node().handshakes_per_second / 2).max(1);
        // The other half is for agents that come for the first time or have lost their path.
        agents.div_ceil(half).clamp(1, RETURN_WITHIN_S_MAX)
    }

    /// How long one of so many agents waits that all have to go at once: each has a moment of its own.
    pub(super) fn moment(&self, agent: AgentId, agents: usize) -> Duration {
        let within = Duration::from_secs(self.return_within_s(agents).into());
        // The id's last bits are random (RFC 9562, section 5.7) and the agent's for good. Shared out
        // by them, no two calls have to know of each other.
        let [.., a, b, c, d] = *agent.0.as_bytes();
        within.mul_f64(f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::config::{Config, Layers};

    fn rules(change: impl FnOnce(&mut IngestConfig)) -> Rules {
        let mut config = Config::from_layers(Layers::defaults()).unwrap().ingest;
        config.held_max = 100;
        config.visit_every_s = 900;
        config.handshakes_per_second = 20;
        change(&mut config);
        Rules::new(&config)
    }

    fn held(held: usize) -> Load {
        Load { held, memory_bytes: 0 }
    }

    impl Rules {
        fn new_one_visits(&self, load: Load) -> bool {
            let told = self.attendance(&Settings::default(), None, false, load);
            matches!(told, Attendance::Visit { .. })
        }
    }

    #[test]
    fn holds_up_to_the_limit_and_tells_the_next_to_visit() {
        let rules = rules(|_| {});
        assert!(!rules.new_one_visits(held(99)));
        assert!(rules.new_one_visits(held(100)));
    }

    #[test]
    fn another_rule_holds_from_the_next_answer_on() {
        let rules = rules(|_| {});
        let mut config = Config::from_layers(Layers::defaults()).unwrap().ingest;
        config.handshakes_per_second = 20;
        (config.held_max, config.visit_every_s) = (100, 900);
        assert!(!rules.set(&config), "the same");
        assert!(!rules.new_one_visits(held(50)));
        config.held_max = 40;
        assert!(rules.set(&config));
        assert!(rules.new_one_visits(held(50)));
        assert_eq!(rules.too_many(held(50)), 10);
        (config.connections, config.visit_every_s) = (Connections::Visit, 1_800);
        assert!(rules.set(&config));
        let told = rules.attendance(&Settings::default(), None, true, held(1));
        assert_eq!(told, Attendance::Visit { every_s: 1_800 });
    }

    #[test]
    fn holds_again_once_the_load_has_fallen_and_not_at_once() {
        let rules = rules(|_| {});
        assert!(rules.new_one_visits(held(100)));
        assert!(rules.new_one_visits(held(90)));
        assert!(!rules.new_one_visits(held(89)));
        assert!(!rules.new_one_visits(held(99)));
    }

    #[test]
    fn a_connection_that_is_held_is_not_its_own_reason_to_leave() {
        let rules = rules(|_| {});
        let told = rules.attendance(&Settings::default(), None, true, held(100));
        assert!(matches!(told, Attendance::Hold { .. }), "{told:?}");
    }

    #[test]
    fn memory_counts_as_connections_do() {
        let rules = rules(|config| config.memory_bytes_max = 1_000);
        let load = |memory_bytes| Load { held: 60, memory_bytes };
        assert!(!rules.new_one_visits(load(999)));
        assert_eq!(rules.too_many(load(1_000)), 0);
        assert!(rules.new_one_visits(load(1_000)));
        assert!(rules.new_one_visits(load(950)));
        assert_eq!(rules.too_many(load(1_001)), 3);
        assert!(!rules.new_one_visits(load(899)));
    }

    #[test]
    fn what_is_held_beyond_the_limit_is_sent_away() {
        let rules = rules(|_| {});
        assert_eq!(rules.too_many(held(100)), 0);
        assert_eq!(rules.too_many(held(130)), 30);
    }

    #[test]
    fn the_companys_wish_counts_before_the_nodes_setting() {
        let settings = Settings::default();
        for connections in [Connections::Hold, Connections::Visit, Connections::Auto] {
            let rules = rules(|config| config.connections = connections);
            let told = |visits| rules.attendance(&settings, visits, false, held(1_000));
            assert!(matches!(told(Some(false)), Attendance::Hold { .. }));
            assert!(matches!(told(Some(true)), Attendance::Visit { .. }));
            assert_eq!(rules.sent_away(&settings, Some(false)), None);
            assert_eq!(
                matches!(told(None), Attendance::Visit { .. }),
                connections != Connections::Hold
            );
            assert_eq!(
                rules.sent_away(&settings, None).is_some(),
                connections == Connections::Auto
            );
        }
    }

    #[test]
    fn visits_are_no_more_frequent_than_the_node_or_the_company_wants() {
        let rules = rules(|config| config.connections = Connections::Visit);
        for (heartbeat_every_s, every_s) in [(300, 900), (3_600, 3_600)] {
            let settings = Settings { heartbeat_every_s, ..Settings::default() };
            assert_eq!(
                rules.attendance(&settings, None, false, held(0)),
                Attendance::Visit { every_s }
            );
        }
    }

    #[test]
    fn a_large_fleet_takes_its_time_to_come_back_and_a_small_one_does_not_wait() {
        let rules = rules(|_| {});
        assert_eq!(rules.return_within_s(1), 1);
        assert_eq!(rules.return_within_s(1_000), 100);
        assert_eq!(rules.return_within_s(usize::MAX), RETURN_WITHIN_S_MAX);
    }

    #[test]
    fn twenty_thousand_that_leave_at_once_come_back_evenly() {
        let rules = rules(|config| config.handshakes_per_second = 1_000);
        let mut seconds = [0_u32; 40];
        let mut random = 7_u128;
        for _ in 0..20_000 {
            // Any spread of ids will do; this is the generator of Knuth's MMIX.
            random = random.wrapping_mul(6_364_136_223_846_793_005) + 1_442_695_040_888_963_407;
            let agent = AgentId(Uuid::from_u128(random >> 32));
            let moment = rules.moment(agent, 20_000);
            let second = usize::try_from(moment.as_secs()).unwrap().min(39);
            seconds[second] += 1;
        }
        assert!(seconds.iter().all(|count| (350..=650).contains(count)), "{seconds:?}");
    }
}
