//! Which way to try first: what worked in this network before, and when to try QUIC again.
//!
//! Pure. A laptop changes between a network that drops UDP and one that does not, so what was learned
//! belongs to a network and an address, and to no more of either than it was learned for. It is
//! kept in memory alone: after a start it costs a few seconds to learn again.

use std::net::IpAddr;
use std::time::Duration;

use protocol::way::{NotQuic, Path, Way};

use crate::backoff::Jitter;
use crate::config::{Proxy, Reach, Transport};

/// Networks and addresses that are remembered, the oldest forgotten first.
const KNOWN_MAX: usize = 16;
/// Between these, QUIC is tried again where another way is in use. With the time that a try takes, an
/// agent is back on QUIC half an hour after UDP passes again at the latest.
const PROBE_AFTER: (Duration, Duration) =
    (Duration::from_secs(18 * 60), Duration::from_secs(28 * 60));

/// The network that a host is in, as far as a host can tell without asking anybody: the part of its own
/// address that it shares with its neighbours; `None` without a route to anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network(Option<IpAddr>);

impl Network {
    /// The network of a host's own address.
    #[must_use]
    pub fn of(own: Option<IpAddr>) -> Self {
        Self(own.map(|own| match own {
            IpAddr::V4(own) => {
                let [a, b, c, _] = own.octets();
                IpAddr::from([a, b, c, 0])
            }
            IpAddr::V6(own) => {
                let network = u128::from(own) & !u128::from(u64::MAX);
                IpAddr::from(network.to_be_bytes())
            }
        }))
    }
}

/// How to go about one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where to, `host:port`.
    pub address: String,
    /// The ways, the preferred one first.
    pub ways: Vec<Way>,
    /// The proxy, where one is among the ways.
    pub proxy: Option<Proxy>,
    /// Why QUIC is not the first of the ways.
    pub not_quic: Option<NotQuic>,
    /// How long all of them may take together.
    pub within: Duration,
}

impl Plan {
    /// A plan for an address about which nothing is known.
    #[must_use]
    pub fn fresh(address: &str, reach: &Reach, within: Duration) -> Self {
        let proxy = reach.proxies.for_address(address);
        let mut ways = Vec::new();
        if reach.transport != Transport::Tcp {
            ways.push(Way::Quic);
        }
        if reach.transport != Transport::Quic {
            ways.extend(proxy.is_some().then_some(Way::Proxy));
            // Also behind a proxy: one that is away or that forbids this must not keep an agent from a
            // collector next door.
            ways.push(Way::Tcp);
        }
        Self {
            address: address.to_owned(),
            not_quic: (!ways.contains(&Way::Quic)).then_some(NotQuic::Configured),
            proxy: proxy.cloned(),
            ways,
            within,
        }
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub struct Paths {
    /// The latest last.
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    network: Network,
    address: String,
    path: Path,
    probe_at: Duration,
}

impl Paths {
    /// How to connect to an address from a network.
    #[must_use]
    pub fn plan(
        &self,
        (network, address): (Network, &str),
        reach: &Reach,
        within: Duration,
        now: Duration,
    ) -> Plan {
        let mut plan = Plan::fresh(address, reach, within);
        // An agent that visits finds its way back by this alone: a visit after the moment begins with
        // QUIC again.
        let known = self.find(network, address).filter(|known| now < known.probe_at);
        if let Some(known) = known
            && plan.ways.contains(&known.path.way)
            && plan.not_quic.is_none()
        {
            plan.ways.retain(|way| *way != known.path.way);
            // QUIC last: it is known not to work, and what worked may have stopped.
            plan.ways.sort_by_key(|way| *way == Way::Quic);
            plan.ways.insert(0, known.path.way);
            plan.not_quic = known.path.not_quic;
        }
        plan
    }

    /// Takes note of what worked.
    pub fn worked(
        &mut self,
        (network, address): (Network, &str),
        path: Path,
        now: Duration,
        jitter: &mut Jitter,
    ) {
        let before = self.find(network, address).map(|known| known.probe_at);
        self.known.retain(|known| (known.network, known.address.as_str()) != (network, address));
        if path.way == Way::Quic {
            return;
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.remove(0);
        }
        self.known.push(Known {
            network,
            address: address.to_owned(),
            path,
            // Using the other way again is no reason to put off trying QUIC.
            probe_at: before
                .filter(|at| now < *at)
                .unwrap_or_else(|| now + jitter.between(PROBE_AFTER.0, PROBE_AFTER.1)),
        });
    }

    /// QUIC was tried beside a connection and does not work yet.
    pub fn probed(
        &mut self,
        (network, address): (Network, &str),
        now: Duration,
        jitter: &mut Jitter,
    ) {
        let at = now + jitter.between(PROBE_AFTER.0, PROBE_AFTER.1);
        let known = self.known.iter_mut();
        for known in known.filter(|known| known.is(network, address)) {
            known.probe_at = at;
        }
    }

    /// When to try QUIC beside a connection that takes another way; at once in a network that is not
    /// the one where that was learned, and never where QUIC is not wanted.
    #[must_use]
    pub fn probe_at(&self, network: Network, address: &str) -> Duration {
        self.find(network, address).map_or(Duration::ZERO, |known| known.probe_at)
    }

    fn find(&self, network: Network, address: &str) -> Option<&Known> {
        self.known.iter().find(|known| known.is(network, address))
    }
}

impl Known {
    fn is(&self, network: Network, address: &str) -> bool {
        self.network == network && self.address == address
    }
}

#[cfg(test)]
mod tests;
