//! The network between the hosts of a chaos run: every packet passes through this process.
//!
//! Each host has a namespace whose one interface is a TUN device with its other end here. So a link can
//! be cut, slow, lossy or double without anything in the kernel that a machine may lack, and nothing
//! of the machine's own network is touched but for one interface, which ends with this process.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_tun::Tun;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::host::{DATABASE, Host};
use super::links::{Link, Links};
use super::shell::run;
use crate::random::Random;

/// More nodes than any run has.
const NODES_MAX: u8 = 9;
/// Bytes of a packet. As on most paths; QUIC and TCP find it out.
const MTU: i32 = 1_500;
/// Packets under way on slow links at once; what comes on top is lost, as in a router.
const UNDER_WAY_MAX: usize = 20_000;
/// Where an IPv4 header says for whom it is (RFC 791, section 3.1).
const DESTINATION: std::ops::Range<usize> = 16..20;

/// The network of a run. Dropped, no packet passes any more.
#[derive(Debug)]
pub(super) struct Network {
    shared: Arc<Shared>,
    hosts: Vec<Host>,
    stop: CancellationToken,
}

struct Shared {
    links: Mutex<Links>,
    /// Which of the database's hosts has its address.
    primary: AtomicU8,
    devices: BTreeMap<Host, Arc<Tun>>,
    under_way: Arc<Semaphore>,
    tracker: TaskTracker,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("links", &self.links).finish_non_exhaustive()
    }
}

impl Network {
    /// Makes the namespaces of `nodes` nodes and of what belongs to them, and begins to carry packets.
    /// What an earlier run left, processes included, goes first.
    ///
    /// # Errors
    ///
    /// When the machine does not let it, which takes root.
    pub(super) async fn build(nodes: u8, random: Random) -> anyhow::Result<Self> {
        let hosts = Host::all(nodes);
        // Of any number of nodes: the run before may have had more.
        remove(&Host::all(NODES_MAX)).await?;
        let mut devices = BTreeMap::new();
        for host in &hosts {
            devices.insert(*host, Arc::new(plug_in(*host).await?));
        }
        let shared = Arc::new(Shared {
            links: Mutex::new(Links::new(random)),
            primary: AtomicU8::new(0),
            devices,
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            tracker: TaskTracker::new(),
        });
        let stop = CancellationToken::new();
        // A task for each sender: what one host sends waits behind nothing but its own.
        for host in &hosts {
            let (shared, host) = (Arc::clone(&shared), *host);
            let carrying = stop.clone().run_until_cancelled_owned(carry(Arc::clone(&shared), host));
            shared.tracker.spawn(carrying);
        }
        Ok(Self { shared, hosts, stop })
    }

    /// Makes the way between two hosts as it says.
    pub(super) fn set(&self, one: Host, other: Host, link: Link) {
        self.links(|links| links.set(one, other, link));
    }

    /// Makes the way between two hosts good.
    pub(super) fn heal(&self, one: Host, other: Host) {
        self.links(|links| links.heal(one, other));
    }

    /// Gives the database's address to one of its hosts.
    pub(super) fn give_address(&self, database: u8) {
        // Relaxed, for nothing is read beside it: a packet that still goes to the old one is lost
        // with it.
        self.shared.primary.store(database, Ordering::Relaxed);
    }

    /// Takes everything away that [`Self::build`] made.
    ///
    /// # Errors
    ///
    /// When a namespace does not go.
    pub(super) async fn remove(self) -> anyhow::Result<()> {
        self.stop.cancel();
        remove(&self.hosts).await
    }

    fn links(&self, change: impl FnOnce(&mut Links)) {
        change(&mut self.shared.links.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Makes a host's namespace and interface; gives this process' end of it.
async fn plug_in(host: Host) -> anyhow::Result<Tun> {
    let interface = host.interface();
    let tun = Tun::builder().name(&interface).mtu(MTU).build();
    let tun = tun.with_context(|| format!("make the interface {interface}"))?;
    let tun = tun.into_iter().next().context("no interface was made")?;
    let address = format!("{}/24", host.address());
    let Some(namespace) = host.namespace() else {
        run("ip", &["address", "add", &address, "dev", &interface]).await?;
        run("ip", &["link", "set", &interface, "up"]).await?;
        return Ok(tun);
    };
    let inside = ["-n", namespace.as_str()];
    run("ip", &["netns", "add", &namespace]).await?;
    // The device goes, this end of it stays: that is what makes us the network.
    run("ip", &["link", "set", &interface, "netns", &namespace]).await?;
    run("ip", &[&inside[..], &["address", "add", &address, "dev", &interface]].concat()).await?;
    // A new namespace has it down, and the database's address is on it.
    run("ip", &[&inside[..], &["link", "set", "lo", "up"]].concat()).await?;
    run("ip", &[&inside[..], &["link", "set", &interface, "up"]].concat()).await?;
    if matches!(host, Host::Database(_)) {
        // Both hosts listen on it; the network alone says who hears it.
        let shared = format!("{DATABASE}/32");
        run("ip", &[&inside[..], &["address", "add", &shared, "dev", "lo"]].concat()).await?;
    }
    Ok(tun)
}

/// Ends the processes of hosts, and removes their namespaces where there are any.
async fn remove(hosts: &[Host]) -> anyhow::Result<()> {
    let there = run("ip", &["netns", "list"]).await?;
    for namespace in hosts.iter().filter_map(|host| host.namespace()) {
        let is_there = |line: &str| line.split_whitespace().next() == Some(namespace.as_str());
        if there.lines().any(is_there) {
            // A namespace lives as long as a process is in it, whatever its name's deletion says.
            let pids = run("ip", &["netns", "pids", &namespace]).await?;
            for pid in pids.split_whitespace() {
                // It may have ended meanwhile, which is what is wanted.
                let _ended = run("kill", &["-KILL", pid]).await;
            }
            run("ip", &["netns", "delete", &namespace]).await?;
        }
    }
    Ok(())
}

/// Carries what a host sends until the network is removed.
async fn carry(shared: Arc<Shared>, from: Host) {
    let Some(device) = shared.devices.get(&from).cloned() else {
        return;
    };
    // Longer than the MTU, so that no packet is cut: the kernel gives no more than that.
    let mut buffer = [0; 2_048];
    while let Ok(length) = device.recv(&mut buffer).await {
        let packet = &buffer[..length];
        let Some(to) = shared.destination(packet) else {
            continue;
        };
        // In a block of its own: the guard must be gone before the await below.
        let arrivals = {
            let mut links = shared.links.lock().unwrap_or_else(PoisonError::into_inner);
            links.arrivals(from, to)
        };
        // In turn: packets of a good link keep their order, as on a cable.
        for after in arrivals {
            deliver(&shared, to, packet, after).await;
        }
    }
}

async fn deliver(shared: &Arc<Shared>, to: Host, packet: &[u8], after: Duration) {
    let Some(device) = shared.devices.get(&to).cloned() else {
        return;
    };
    if after.is_zero() {
        // An interface whose host is gone takes nothing, like a cable that leads nowhere.
        let _taken = device.send(packet).await;
        return;
    }
    // Lost and not waited for: whoever waits here would hold up every packet behind it.
    let Ok(permit) = Arc::clone(&shared.under_way).try_acquire_owned() else {
        return;
    };
    let packet = packet.to_owned();
    shared.tracker.spawn(async move {
        sleep(after).await;
        let _taken = device.send(&packet).await;
        drop(permit);
    });
}

impl Shared {
    /// Whom a packet is for; `None` for what is not of this network, such as IPv6's own traffic.
    fn destination(&self, packet: &[u8]) -> Option<Host> {
        let address = destination(packet)?;
        if address == DATABASE {
            return Some(Host::Database(self.primary.load(Ordering::Relaxed)));
        }
        self.devices.keys().copied().find(|host| host.address() == address)
    }
}

/// Where a packet goes; `None` when it is not an IPv4 packet.
fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    // The first four bits are the version.
    if packet.first()? >> 4 != 4 {
        return None;
    }
    // `get`, because a packet of any length may come out of a device.
    let octets: [u8; 4] = packet.get(DESTINATION)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

#[cfg(test)]
mod tests;
