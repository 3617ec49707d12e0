//! `[ingest]`: agents' connections, and how much of them is taken.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use protocol::limits;
use protocol::token::is_address;

use super::section::section;
use super::{ConfigError, in_range};

section! {
    /// Agents' connections.
    "ingest" RawIngest {
        /// Where agents connect, over UDP (QUIC).
        listen: SocketAddr = "0.0.0.0:7070";
        /// Where agents connect whose network drops UDP, over TCP (TLS): an address, `same` for the one above,
        /// or `off`. Agents look for it at the port that they know, so `same` is what nearly everybody wants.
        tcp_listen: String = "same";
        /// How agents reach this collector from outside, as `host:port`, the preferred address first. They
        /// are written into enrolment tokens; without one, the listening address is.
        addresses: Vec<String> = [];
        /// More names and addresses that the collector's certificate is valid for. Agents check a name of
        /// their own and need none of them.
        names: Vec<String> = [];
        /// The trust domain of agents' identities, `spiffe://<trust domain>/company/…/agent/…`. It cannot be
        /// changed without enrolling every agent again.
        trust_domain: String = "muster.internal";
        /// How long an agent's certificate is valid, in days. Agents renew at two thirds.
        certificate_days: u32 = 30;
        /// Over how many seconds agents renew once another authority signs.
        renew_within_s: u32 = 3_600;
        /// Connections at once. More are refused before any work is done for them.
        connections_max: u32 = 20_000;
        /// What agents do whose company does not say: `hold` their connection, so that a scan that is
        /// asked for begins at once; `visit` now and then, which costs no memory in between; or
        /// `auto`, hold as long as there is room.
        connections: String = "auto";
        /// With `auto`: connections that are held. Whoever comes on top visits.
        held_max: u32 = 15_000;
        /// With `auto`: memory of this process beyond which no further connection is held, in bytes, and the
        /// youngest are sent away. 0 looks at their number alone.
        memory_bytes_max: u64 = 0;
        /// Time between two visits, in seconds, or between two heartbeats where the company wants those more
        /// rarely.
        visit_every_s: u32 = 900;
        /// Connections at once that have not said who they are. Above a quarter of it, a caller has to prove
        /// its address first.
        handshakes_max: u32 = 512;
        /// Handshakes a second. More are refused before any cryptography, and a fleet that has lost its
        /// collector is told to come back over as long as half of them take.
        handshakes_per_second: u32 = 1_000;
        /// After how long a silent connection is dropped, in seconds. Agents with longer pauses between
        /// heartbeats connect anew for each.
        idle_timeout_s: u32 = 900;
        /// Reports, heartbeats and renewals that one agent may send a minute.
        agent_requests_per_minute: u32 = 100;
        /// The same for all agents of one company on this node.
        company_requests_per_minute: u32 = 10_000;
        /// Enrolments that one address may try a minute.
        enrolments_per_minute: u32 = 60;
        /// Bytes of reports that may wait for the queue's disk at once.
        bytes_in_flight_max: u64 = 67_108_864;
        /// Bytes of frames that may be in reading at once, over all connections. Whoever brings more is
        /// told to come again.
        bytes_in_reading_max: u64 = 67_108_864;
    }
}

/// Agents' connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestConfig {
    /// Where agents connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where agents connect over TCP.
    pub tcp_listen: TcpListen,
    /// How agents reach this collector, as `host:port`; may be empty.
    pub addresses: Vec<String>,
    /// More names for the collector's certificate.
    pub names: Vec<String>,
    /// The trust domain of agents' identities.
    pub trust_domain: String,
    /// How long an agent's certificate is valid.
    pub certificate_validity: Duration,
    /// Over how long agents renew once another authority signs, in seconds.
    pub renew_within_s: u32,
    /// Connections at once.
    pub connections_max: u32,
    /// What agents do whose company does not say.
    pub connections: Connections,
    /// Connections that are held at most, on `auto`.
    pub held_max: u32,
    /// Memory beyond which no further connection is held, on `auto`; 0 for none.
    pub memory_bytes_max: u64,
    /// Time between two visits, in seconds.
    pub visit_every_s: u32,
    /// Unauthenticated connections at once.
    pub handshakes_max: u32,
    /// Handshakes a second.
    pub handshakes_per_second: u32,
    /// After how long a silent connection is dropped.
    pub idle_timeout: Duration,
    /// An agent's share.
    pub agent_requests_per_minute: u32,
    /// A company's share.
    pub company_requests_per_minute: u32,
    /// An unknown address' share.
    pub enrolments_per_minute: u32,
    /// Bytes that may wait for the queue at once.
    pub bytes_in_flight_max: u64,
    /// Bytes of frames that may be in reading at once.
    pub bytes_in_reading_max: u64,
}

/// Where agents connect over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpListen {
    /// At the address and the port of UDP.
    Same,
    /// Nowhere.
    Off,
    /// Here.
    At(SocketAddr),
}

impl FromStr for TcpListen {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "same" => Ok(Self::Same),
            "off" => Ok(Self::Off),
            address => address.parse().map(Self::At).map_err(|_| {
                ConfigError::value(
                    "ingest.tcp_listen",
                    format!("{address:?} is none of same, off and an address with a port"),
                )
            }),
        }
    }
}

impl IngestConfig {
    /// Where agents connect over TCP, if they may.
    #[must_use]
    pub const fn tcp_address(&self) -> Option<SocketAddr> {
        match self.tcp_listen {
            TcpListen::Same => Some(self.listen),
            TcpListen::Off => None,
            TcpListen::At(address) => Some(address),
        }
    }
}

/// What agents do whose company does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// Hold their connection.
    Hold,
    /// Come by.
    Visit,
    /// Hold it while there is room.
    Auto,
}

impl FromStr for Connections {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "hold" => Ok(Self::Hold),
            "visit" => Ok(Self::Visit),
            "auto" => Ok(Self::Auto),
            other => Err(ConfigError::value(
                "ingest.connections",
                format!("{other:?} is none of hold, visit and auto"),
            )),
        }
    }
}

impl TryFrom<RawIngest> for IngestConfig {
    type Error = ConfigError;

    fn try_from(raw: RawIngest) -> Result<Self, ConfigError> {
        if raw.addresses.len() > limits::TOKEN_ADDRESSES_MAX {
            return Err(ConfigError::value(
                "ingest.addresses",
                format!("at most {} fit into a token", limits::TOKEN_ADDRESSES_MAX),
            ));
        }
        raw.addresses.iter().try_for_each(|address| check_address(address))?;
        check_trust_domain(&raw.trust_domain)?;
        let days = in_range("ingest.certificate_days", raw.certificate_days, 1..=366)?;
        let idle_s = in_range("ingest.idle_timeout_s", raw.idle_timeout_s, 30..=86_400)?;
        // More than a node can serve: for whoever wants no limit.
        let rate = 1..=10_000_000;
        Ok(Self {
            listen: raw.listen,
            tcp_listen: raw.tcp_listen.parse()?,
            addresses: raw.addresses,
            names: raw.names,
            trust_domain: raw.trust_domain,
            certificate_validity: Duration::from_secs(u64::from(days) * 86_400),
            renew_within_s: in_range(
                "ingest.renew_within_s",
                raw.renew_within_s,
                0..=limits::RENEW_WITHIN_S_MAX,
            )?,
            connections_max: in_range(
                "ingest.connections_max",
                raw.connections_max,
                1..=1_000_000,
            )?,
            connections: raw.connections.parse()?,
            held_max: in_range("ingest.held_max", raw.held_max, 0..=1_000_000)?,
            memory_bytes_max: raw.memory_bytes_max,
            visit_every_s: in_range(
                "ingest.visit_every_s",
                raw.visit_every_s,
                limits::VISIT_EVERY_S,
            )?,
            handshakes_max: in_range("ingest.handshakes_max", raw.handshakes_max, 1..=100_000)?,
            handshakes_per_second: in_range(
                "ingest.handshakes_per_second",
                raw.handshakes_per_second,
                1..=1_000_000,
            )?,
            idle_timeout: Duration::from_secs(idle_s.into()),
            agent_requests_per_minute: in_range(
                "ingest.agent_requests_per_minute",
                raw.agent_requests_per_minute,
                rate.clone(),
            )?,
            company_requests_per_minute: in_range(
                "ingest.company_requests_per_minute",
                raw.company_requests_per_minute,
                rate.clone(),
            )?,
            enrolments_per_minute: in_range(
                "ingest.enrolments_per_minute",
                raw.enrolments_per_minute,
                rate,
            )?,
            bytes_in_flight_max: in_range(
                "ingest.bytes_in_flight_max",
                raw.bytes_in_flight_max,
                1_048_576..=17_179_869_184,
            )?,
            bytes_in_reading_max: in_range(
                "ingest.bytes_in_reading_max",
                raw.bytes_in_reading_max,
                1_048_576..=17_179_869_184,
            )?,
        })
    }
}

/// Refuses what is not `host:port`.
fn check_address(address: &str) -> Result<(), ConfigError> {
    if is_address(address) && address.len() <= limits::FACT_BYTES_MAX {
        Ok(())
    } else {
        Err(ConfigError::value(
            "ingest.addresses",
            format!("{address:?} is not host:port, with brackets around an IPv6 address"),
        ))
    }
}

/// Refuses what cannot stand in a SPIFFE identity (SPIFFE-ID, section 2.1).
fn check_trust_domain(name: &str) -> Result<(), ConfigError> {
    let is_fine = !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        });
    if is_fine {
        Ok(())
    } else {
        Err(ConfigError::value(
            "ingest.trust_domain",
            format!("{name:?} may have lower-case letters, digits, dots, dashes and underscores"),
        ))
    }
}
