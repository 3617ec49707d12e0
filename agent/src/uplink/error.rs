//! Why a way does not lead to a collector, in words that say what to do.

use std::io;

use protocol::way::{NotQuic, Way};

use super::proxy::ProxyError;

/// Why one way does not lead there.
#[derive(Debug, thiserror::Error)]
pub enum WayError {
    /// The name has no address.
    #[error("find its address: {0}; check the name and the resolver")]
    Resolve(io::Error),
    /// There is no socket, or no route for one.
    #[error("send over UDP: {0}")]
    Udp(io::Error),
    /// The network says that UDP does not get there.
    #[error("the network refuses UDP")]
    UdpRefused,
    /// The connection cannot be made.
    #[error("connect: {0}")]
    Connect(io::Error),
    /// Nothing came back in time.
    #[error("no answer")]
    NoAnswer,
    /// The collector is there and has no room.
    #[error("the collector is too busy for another connection")]
    Busy,
    /// It answered and the handshake did not succeed.
    #[error("it answers, and the handshake ends with: {why}")]
    Handshake {
        /// What the other side or TLS says.
        why: String,
    },
    /// Somebody else's certificate came.
    #[error("{0}")]
    Stranger(String),
    /// HTTP came where TLS has to be.
    #[error(
        "a web page answers in place of the collector: sign in to this network's portal, or look \
         what stands at this address"
    )]
    Portal,
    /// The proxy does not let it through.
    #[error("{0}")]
    Proxy(#[from] ProxyError),
}

impl WayError {
    /// What it means for QUIC, when it was QUIC.
    pub(super) const fn not_quic(&self) -> NotQuic {
        match self {
            Self::Resolve(_) | Self::NoAnswer | Self::Busy => NotQuic::NoAnswer,
            Self::UdpRefused => NotQuic::Refused,
            Self::Udp(_) | Self::Connect(_) => NotQuic::Unavailable,
            Self::Handshake { .. } | Self::Stranger(_) | Self::Portal | Self::Proxy(_) => {
                NotQuic::Handshake
            }
        }
    }
}

/// Why there is no connection to one collector.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {}", self.words())]
pub struct DialError {
    /// What was tried, `host:port`.
    pub address: String,
    /// What became of each way, in the order in which they failed.
    pub ways: Vec<(Way, WayError)>,
}

impl DialError {
    fn words(&self) -> String {
        let mut said = Vec::new();
        for (way, error) in &self.ways {
            let name = match way {
                Way::Quic => "QUIC (UDP)",
                Way::Tcp => "TLS (TCP)",
                Way::Proxy => "TLS through the proxy",
            };
            said.push(format!("{name}: {error}"));
        }
        if said.is_empty() { "there is no way to try".to_owned() } else { said.join("; ") }
    }
}

/// Why there is no connection to any of several collectors; each says its own, in the order in which they failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.words())]
pub struct Unreached(pub Vec<DialError>);

impl Unreached {
    fn words(&self) -> String {
        let said: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        if said.is_empty() { "no collector is known".to_owned() } else { said.join("; ") }
    }
}
