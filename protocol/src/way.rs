//! Which way an agent's bytes take to its collector, and why not the better one.
//!
//! Both sides name ways and reasons by the same words: in an agent's status, in a metric's label, in a
//! host's row. Nothing here knows how a way is made.

use serde::{Deserialize, Serialize};

/// A way to a collector.
///
/// The order is the wire's: new ways go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// QUIC, over UDP.
    Quic,
    /// TLS over TCP.
    Tcp,
    /// TLS over TCP, through an HTTP proxy.
    Proxy,
}

impl Way {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
        }
    }
}

/// Why an agent does not use QUIC.
///
/// The order is the wire's: new reasons go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotQuic {
    /// Nothing came back: UDP is dropped on the way, or so much of it that the other way was sooner.
    NoAnswer,
    /// The network says that UDP does not get there.
    Refused,
    /// Something answered, and the handshake did not succeed.
    Handshake,
    /// This host cannot send UDP.
    Unavailable,
    /// Whoever runs the host does not want it.
    Configured,
}

impl NotQuic {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::Refused => "refused",
            Self::Handshake => "handshake",
            Self::Unavailable => "unavailable",
            Self::Configured => "configured",
        }
    }
}

/// The way of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Path {
    /// The way.
    pub way: Way,
    /// Why it is not QUIC; `None` where it is.
    pub not_quic: Option<NotQuic>,
}

impl Path {
    /// QUIC, which needs no reason.
    pub const QUIC: Self = Self { way: Way::Quic, not_quic: None };
}
