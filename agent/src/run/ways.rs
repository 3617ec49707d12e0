//! The way of the connection, and when to look for a better one.
//!
//! What was learned of each network is kept by [`Paths`]; here the running agent asks it before each
//! connection, tells it how that went, and tries QUIC beside a connection that takes another way.

use std::time::Duration;

use protocol::way::{NotQuic, Path, Way};

use super::Agent;
use crate::backoff::Jitter;
use crate::config::{Reach, Transport};
use crate::session::Event;
use crate::uplink::{self, CONNECT_WITHIN, Network, Paths, Plan, WayError};

/// How long a connection over QUIC stands before it counts as one that carries something, where nothing was
/// acknowledged: its first heartbeat has been answered by then, or its path was found dead.
const PROVEN_AFTER: Duration = Duration::from_secs(60);

/// What the agent knows of its ways.
#[derive(Debug)]
pub(super) struct Ways {
    paths: Paths,
    reach: Reach,
    jitter: Jitter,
    /// Where the last attempt went from, and where the last connection led to.
    from: Network,
    to: String,
    /// The way of the last connection, while it stands.
    path: Option<Path>,
    /// Since when.
    since: Duration,
    /// Whether it has carried a report and its answer.
    has_carried: bool,
}

impl Ways {
    pub(super) fn new(reach: Reach, jitter: Jitter) -> Self {
        Self {
            paths: Paths::default(),
            reach,
            jitter,
            from: Network::default(),
            to: String::new(),
            path: None,
            since: Duration::ZERO,
            has_carried: false,
        }
    }

    /// How to connect to each of these addresses.
    pub(super) fn plans(&mut self, addresses: &[String], now: Duration) -> Vec<Plan> {
        self.path = None;
        self.from = uplink::network();
        let plan = |address: &String| {
            let place = (self.from, address.as_str());
            self.paths.plan(place, &self.reach, CONNECT_WITHIN, now)
        };
        addresses.iter().map(plan).collect()
    }

    /// The connection stands.
    pub(super) fn connected(&mut self, to: String, path: Path, now: Duration) {
        self.to = to;
        (self.path, self.since, self.has_carried) = (Some(path), now, false);
        let place = (self.from, self.to.as_str());
        self.paths.worked(place, path, now, &mut self.jitter);
    }

    /// The connection is over.
    pub(super) const fn disconnected(&mut self) {
        self.path = None;
    }

    /// A report was acknowledged over it.
    pub(super) const fn carried(&mut self) {
        self.has_carried = true;
    }

    /// The connection is over because nothing comes through any more. Networks that let QUIC shake hands and drop
    /// what follows are there, and an agent that begins with it each time would never say anything: another way
    /// is first from now on, and QUIC is tried again as in any other network that drops it.
    pub(super) fn died(&mut self, now: Duration) {
        let was_quic = self.path.take().is_some_and(|path| path.way == Way::Quic);
        if !was_quic || self.has_carried || now.saturating_sub(self.since) >= PROVEN_AFTER {
            return;
        }
        let fresh = Plan::fresh(&self.to, &self.reach, CONNECT_WITHIN);
        if let Some(way) = fresh.ways.into_iter().find(|way| *way != Way::Quic) {
            let path = Path { way, not_quic: Some(NotQuic::NoAnswer) };
            let place = (self.from, self.to.as_str());
            self.paths.worked(place, path, now, &mut self.jitter);
        }
    }

    /// Where the last connection led to.
    pub(super) fn to(&self) -> &str {
        &self.to
    }

    /// The way of the connection that stands.
    pub(super) fn path(&self) -> Path {
        self.path.unwrap_or(Path::QUIC)
    }

    /// When QUIC is to be tried beside the connection that stands.
    pub(super) fn probe_at(&self) -> Option<Duration> {
        let is_wanted = self.reach.transport == Transport::Auto
            && self.path.is_some_and(|path| path.way != Way::Quic);
        is_wanted.then(|| self.paths.probe_at(self.from, &self.to))
    }

    /// Takes note that QUIC is tried now: it is due again later, however that goes.
    fn probes(&mut self, now: Duration) {
        let place = (self.from, self.to.as_str());
        if let Some(path) = self.path {
            // A connection that outlived a move is what works in the network that it moved to.
            self.paths.worked(place, path, now, &mut self.jitter);
        }
        self.paths.probed(place, now, &mut self.jitter);
    }
}

impl Agent {
    /// When [`Self::look_for_a_better_way`] is to be called; `None` while it would do nothing. A moment
    /// that has passed and cannot be used would wake the agent up again and again.
    pub(super) fn looks_for_a_better_way_at(&self) -> Option<Duration> {
        let can_look = self.is_connected() && !self.uplink.is_probing();
        if can_look { self.ways.probe_at() } else { None }
    }

    /// Tries QUIC where that is due.
    pub(super) fn look_for_a_better_way(&mut self) {
        if self.looks_for_a_better_way_at().is_none() {
            return;
        }
        let now = self.clock.elapsed();
        // In another network QUIC may work, whatever was learned before.
        self.ways.from = uplink::network();
        if self.ways.probe_at().is_none_or(|at| now < at) {
            return;
        }
        // Also where the identity cannot be used: it is no better a moment later.
        self.ways.probes(now);
        if let Some(config) = self.tls_config() {
            self.log.debug(format_args!("tries QUIC again"));
            self.uplink.probe(self.ways.to.clone(), config);
        }
    }

    /// Takes note of how that went.
    pub(super) fn on_probed(&mut self, probed: Result<(), WayError>) {
        match probed {
            Ok(()) => {
                self.log.info(format_args!("QUIC gets through again"));
                self.give(Event::BetterWay);
            }
            Err(error) => {
                self.log.debug(format_args!("QUIC does not get through yet: {error}"));
            }
        }
    }
}
