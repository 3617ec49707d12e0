//! The hosts of a chaos run: their names, addresses and namespaces.

use std::fmt;
use std::net::Ipv4Addr;

/// The address under which the database is reached, whichever of its hosts has it.
pub(super) const DATABASE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);

/// One host. Each is a network namespace with one interface, but for the machine itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    /// A collector.
    Node(u8),
    /// A PostgreSQL server.
    Database(u8),
    /// Where all agents are.
    Agents,
    /// The machine that the run is started on, which watches.
    Watcher,
}

impl Host {
    /// Every host of a run with so many nodes.
    pub(super) fn all(nodes: u8) -> Vec<Self> {
        let mut all: Vec<Self> = (0..nodes).map(Self::Node).collect();
        all.extend([Self::Database(0), Self::Database(1), Self::Agents, Self::Watcher]);
        all
    }

    /// Its address.
    pub(super) const fn address(self) -> Ipv4Addr {
        let last = match self {
            // Nine nodes at most (`cli`), so that no two ranges meet.
            Self::Node(number) => 1 + number,
            Self::Database(number) => 51 + number,
            Self::Agents => 61,
            Self::Watcher => 254,
        };
        Ipv4Addr::new(10, 77, 0, last)
    }

    /// Its network interface, which is unique on the machine until it is moved to the namespace.
    pub(super) fn interface(self) -> String {
        let [.., last] = self.address().octets();
        format!("mchaos{last}")
    }

    /// Its namespace; the watcher is in none.
    pub(super) fn namespace(self) -> Option<String> {
        (self != Self::Watcher).then(|| format!("mchaos-{self}"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(number) => write!(f, "node{}", number + 1),
            Self::Database(number) => write!(f, "database{}", number + 1),
            Self::Agents => f.write_str("agents"),
            Self::Watcher => f.write_str("watcher"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_hosts_share_an_address_an_interface_or_a_namespace() {
        let all = Host::all(9);
        let addresses: BTreeSet<_> = all.iter().map(|host| host.address()).collect();
        let interfaces: BTreeSet<_> = all.iter().map(|host| host.interface()).collect();
        let namespaces: BTreeSet<_> = all.iter().map(|host| host.namespace()).collect();
        assert_eq!(addresses.len(), all.len());
        assert_eq!(interfaces.len(), all.len());
        assert_eq!(namespaces.len(), all.len());
        assert!(!addresses.contains(&DATABASE));
    }

    #[test]
    fn names_of_interfaces_are_as_short_as_the_kernel_wants_them() {
        let longest = Host::all(9).into_iter().map(|host| host.interface().len());
        // IFNAMSIZ is 16, and the last byte is the zero behind the name.
        assert!(longest.max() <= Some(15));
    }
}
