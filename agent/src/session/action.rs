//! What a session is told and what it asks for: its whole vocabulary.

use std::fmt;
use std::time::Duration;

use protocol::ids::{AgentId, Position};
use protocol::message::{CollectorMessage, Heartbeat, Hello, Settings};
use protocol::reject::RejectReason;

use super::SpoolView;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing but time: [`super::Session::deadline`] came.
    Tick,
    /// The connection that was asked for stands, and its handshake is done.
    Connected,
    /// The connection that was asked for cannot be made.
    ConnectFailed,
    /// The connection ended, without the session having asked for it.
    Closed,
    /// Bytes came that are no message of the protocol.
    Garbled,
    /// A message came.
    Received(CollectorMessage),
    /// Somebody at the endpoint wants a scan now.
    ScanRequested,
    /// The scan that was asked for is over.
    ScanFinished {
        /// Whether its outcome is in the spool.
        recorded: bool,
    },
    /// The spool has changed.
    SpoolChanged(SpoolView),
    /// The spool cannot be read or written at the moment.
    SpoolFailed,
    /// The collector has said what time it is, by which the certificate is to be renewed at this moment.
    CertificateDue {
        /// When.
        renew_at: Duration,
    },
    /// A better way to the collector is open: the next connection takes it.
    BetterWay,
    /// A new certificate is in use for the connections that follow.
    CertificateInstalled {
        /// When it is to be renewed.
        renew_at: Duration,
    },
    /// The certificate that came is not one for this agent's key.
    CertificateUnusable,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect, to the address of this number modulo their count.
    Connect {
        /// Attempts since a connection last stood.
        attempt: usize,
    },
    /// Send this over the connection.
    Greet(Hello),
    /// Send this over the connection.
    Beat(Heartbeat),
    /// Make a key and a certificate signing request, and send it.
    // Without the request in it: making a key needs the system's random numbers, which a pure state
    // machine does not have.
    Renew,
    /// End the connection; no [`Event::Closed`] follows.
    Disconnect(Parting),
    /// Scan, and record the outcome with this number as the last scan done.
    StartScan {
        /// The scan that was asked for, or the last one.
        request: u64,
    },
    /// Everything up to here is durable at the collector: forget it.
    Acknowledge(Position),
    /// Forget what was not acknowledged; the next scan begins an epoch with a snapshot.
    StartOver(StartOver),
    /// Keep these for the next start, and use them.
    SaveSettings(Settings),
    /// Check this chain, the agent's own first, and use it from the next connection on.
    InstallCertificate(Vec<Vec<u8>>),
    /// Make a key and a certificate signing request for another agent, and send it.
    Rekey,
    /// Check this chain, and be this agent from the next connection on.
    BecomeAgent(AgentId, Vec<Vec<u8>>),
    /// Trust these authorities from the next connection on, if one of them is trusted already.
    TrustAuthorities(Vec<Vec<u8>>),
}

/// Why an epoch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOver {
    /// The collector's rows are not what the digest says.
    Asked,
    /// A report can never be taken.
    Rejected(Position, RejectReason),
    /// The collector has this report, and this spool never gave it: it was lost, or is an old copy
    /// of its machine's. The next epoch has to be behind it.
    Overtaken(Position),
    /// The agent is another one from now on.
    Rekeyed,
}

impl StartOver {
    /// A position that some collector may have seen, and that the next epoch has to be behind.
    #[must_use]
    pub fn seen(self) -> Position {
        match self {
            Self::Asked | Self::Rekeyed => Position::default(),
            Self::Rejected(position, _) | Self::Overtaken(position) => position,
        }
    }
}

impl fmt::Display for StartOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("the collector asks for a snapshot"),
            Self::Rekeyed => f.write_str("this host is another agent from now on"),
            Self::Overtaken(position) => write!(
                f,
                "the collector has report {position}, which this spool does not know of: it was \
                 lost, or an old copy of it was put back"
            ),
            Self::Rejected(position, reason) => {
                write!(f, "the collector cannot take report {position}: {reason}")
            }
        }
    }
}

/// Why the agent ends a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// No answer came to the hello.
    NoWelcome,
    /// No answer came to a report.
    NoAnswer,
    /// The collector said no, with a reason and words for people.
    Refused(RejectReason, String),
    /// The collector broke the protocol.
    Violation(&'static str),
    /// The next connection uses the new certificate.
    CertificateRenewed,
    /// Without a spool there is nothing to say.
    SpoolFailed,
    /// The visit is over.
    Visited,
    /// The next connection takes a better way.
    BetterWay,
}

impl Parting {
    /// Whether something is wrong.
    #[must_use]
    pub const fn is_problem(&self) -> bool {
        match self {
            Self::Visited | Self::BetterWay => false,
            Self::NoWelcome
            | Self::NoAnswer
            | Self::Refused(..)
            | Self::Violation(_)
            | Self::CertificateRenewed
            | Self::SpoolFailed => true,
        }
    }
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWelcome => f.write_str("the collector did not answer the hello"),
            Self::NoAnswer => f.write_str("the collector did not answer a report"),
            Self::Refused(reason, detail) if detail.is_empty() => {
                write!(f, "the collector refuses: {reason}")
            }
            Self::Refused(reason, detail) => {
                write!(f, "the collector refuses: {reason}: {detail}")
            }
            Self::Violation(what) => write!(f, "the collector sent {what}"),
            Self::CertificateRenewed => f.write_str("the certificate was renewed"),
            Self::SpoolFailed => f.write_str("the spool cannot be used"),
            Self::Visited => f.write_str("the visit is over"),
            Self::BetterWay => f.write_str("a better way is open"),
        }
    }
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// There is none; the next attempt is due.
    Waiting {
        /// When.
        until: Duration,
    },
    /// There is none between two visits.
    Away {
        /// When the next one begins, unless there is something to say before.
        until: Duration,
    },
    /// One is being made.
    Connecting,
    /// It stands and the collector has welcomed the agent.
    Connected {
        /// Since when.
        since: Duration,
    },
}
