//! What the two sides say to each other, once the connection stands.
//!
//! An agent opens one bidirectional stream and says [`AgentMessage::Hello`]; the collector answers
//! [`CollectorMessage::Welcome`] or [`CollectorMessage::Refuse`]. After that both speak when they
//! have something to say. One message is one frame.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::fingerprint::InventoryDigest;
use crate::ids::{AgentId, Position};
use crate::limits;
use crate::reject::RejectReason;
use crate::report::Report;
use crate::software::Source;
use crate::way::Path;
use crate::wire::{self, bounded};

/// The protocol's name in the TLS handshake of an enrolled agent.
pub const ALPN_SESSION: &[u8] = b"muster/1";
/// The protocol's name in the TLS handshake of a host that wants to enrol.
pub const ALPN_ENROL: &[u8] = b"muster-enrol/1";
/// The name that every collector's certificate carries and every agent checks, whatever address it
/// connects to; what tells one collector from another is the CA behind it.
pub const SERVER_NAME: &str = "collector.muster.internal";
/// The oldest version of the messages that this crate speaks.
pub const VERSION_MIN: u16 = 1;
/// The newest version of the messages that this crate speaks.
pub const VERSION_MAX: u16 = 1;

/// Optional abilities, one bit each; both sides use what both have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// Frames packed with dictionary 1.
    // Bits are the wire's and never get another meaning; a bit that neither side knows is passed
    // over.
    pub const DICTIONARY_1: Self = Self(1);
    /// The agent can scan when it is asked to.
    pub const SCAN_NOW: Self = Self(1 << 1);
    /// The certificate can be renewed over the session.
    pub const RENEW: Self = Self(1 << 2);
    /// The agent holds its connection or visits, as [`CollectorMessage::Attend`] says.
    pub const ATTEND: Self = Self(1 << 3);
    /// An agent can become another one, when its identity is on more than one machine.
    pub const REKEY: Self = Self(1 << 4);
    /// An agent can say that it leaves for good.
    pub const LEAVE: Self = Self(1 << 5);
    /// An agent can be told to trust other authorities.
    pub const AUTHORITIES: Self = Self(1 << 6);

    /// What this crate's users have.
    #[must_use]
    pub const fn current() -> Self {
        Self(
            Self::DICTIONARY_1.0
                | Self::SCAN_NOW.0
                | Self::RENEW.0
                | Self::ATTEND.0
                | Self::REKEY.0
                | Self::LEAVE.0
                | Self::AUTHORITIES.0,
        )
    }

    /// The same less what is in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What both have.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is in `self`.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// From the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentMessage {
    /// The first message of a session.
    Hello(Hello),
    /// Changes of the inventory.
    Report(Report),
    /// A sign of life, with what the agent believes that the collector holds.
    Heartbeat(Heartbeat),
    /// A certificate signing request for the certificate's renewal, DER.
    Renew {
        /// The request.
        csr: Vec<u8>,
    },
    /// The host is an agent no longer: nothing follows but [`CollectorMessage::Gone`].
    Leave,
    /// A certificate signing request for a new agent in the place of this one, DER; the answer to
    /// [`CollectorMessage::Rekey`].
    Rekey {
        /// The request, for a key of its own.
        csr: Vec<u8>,
    },
}

/// The first message of a session. Its layout never changes; what comes new goes into `extension`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest version of the messages that the agent speaks.
    pub version_min: u16,
    /// The newest version of the messages that the agent speaks.
    pub version_max: u16,
    /// What the agent can.
    pub capabilities: Capabilities,
    /// The agent's version, for people.
    #[serde(deserialize_with = "bounded::text::<_, { limits::FACT_BYTES_MAX }>")]
    pub agent_version: String,
    /// The last report that a collector acknowledged; zero when none.
    pub acknowledged: Position,
    /// The last scan that was asked for and done; zero when none.
    pub scan_done: u64,
    /// What [`Self::extension_of`] makes, [`Self::extension_with`] or more of later versions behind it; empty
    /// where the agent does not say.
    #[serde(deserialize_with = "bounded::list::<_, _, { limits::EXTENSION_BYTES_MAX }>")]
    pub extension: Vec<u8>,
}

/// What an agent says of the connection and of itself, in its hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Presence {
    /// The way that the connection takes.
    pub path: Path,
    /// A random number of the agent's process: one that comes back after another was heard of belongs to
    /// another machine with the same identity, or to a machine that was put back to an earlier state.
    pub process: u64,
}

impl Hello {
    /// An extension that says this.
    #[must_use]
    pub fn extension_of(presence: Presence) -> Vec<u8> {
        wire::encode(&presence)
    }

    /// An extension that says this, and the number of the authorities that the agent trusts
    /// ([`crate::authorities::number`]).
    #[must_use]
    pub fn extension_with(presence: Presence, authorities: u64) -> Vec<u8> {
        wire::encode(&(presence, authorities))
    }

    /// The number of the authorities that the agent trusts; `None` for one that does not say.
    #[must_use]
    pub fn authorities(&self) -> Option<u64> {
        let ((_, authorities), _): ((Presence, u64), _) =
            postcard::take_from_bytes(&self.extension).ok()?;
        Some(authorities)
    }

    /// What the agent says of the connection and of itself; `None` for an agent that says nothing, or
    /// something that this version does not know.
    #[must_use]
    pub fn presence(&self) -> Option<Presence> {
        let (presence, _) = postcard::take_from_bytes(&self.extension).ok()?;
        Some(presence)
    }
}

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The last report that a collector acknowledged; zero when none.
    pub acknowledged: Position,
    /// The digest of the inventory as of that report; `None` while a snapshot is under way.
    pub digest: Option<InventoryDigest>,
    /// The last scan that was asked for and done; zero when none.
    pub scan_done: u64,
}

/// From the collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CollectorMessage {
    /// The answer to a hello.
    Welcome(Welcome),
    /// The session cannot be: the agent closes, waits and tries again.
    Refuse {
        /// Why.
        reason: RejectReason,
        /// For people; at most [`limits::REASON_BYTES_MAX`] bytes.
        #[serde(deserialize_with = "bounded::text::<_, { limits::REASON_BYTES_MAX }>")]
        detail: String,
        /// How long to wait, in milliseconds, before jitter.
        retry_after_ms: u32,
    },
    /// The report is durable: no failure of the collector can take it back.
    Ack {
        /// Which report; all before it in the agent's line are durable too.
        position: Position,
    },
    /// The report was not taken.
    Reject {
        /// Which report; those after it are not taken either.
        position: Position,
        /// Why; [`RejectReason::remedy`] says what to do about it.
        reason: RejectReason,
        /// For people; at most [`limits::REASON_BYTES_MAX`] bytes.
        #[serde(deserialize_with = "bounded::text::<_, { limits::REASON_BYTES_MAX }>")]
        detail: String,
        /// How long to wait before sending again, in milliseconds, before jitter.
        retry_after_ms: u32,
    },
    /// The collector's rows are not what the digest says: begin a new epoch with a snapshot.
    SendSnapshot,
    /// Scan now.
    ScanNow {
        /// Grows with every request, so that one request is done once.
        request: u64,
    },
    /// How to behave from now on.
    Settings(Settings),
    /// The renewed certificate.
    Certificate {
        /// The chain, the agent's own first, each DER.
        #[serde(deserialize_with = "bounded::chain")]
        chain: Vec<Vec<u8>>,
    },
    /// Whether to hold the connection from now on or to visit; only to an agent that has
    /// [`Capabilities::ATTEND`], and to that one in every session, once everything was said that waited
    /// for it.
    Attend(Attendance),
    /// The collector will not hear of this agent again: the answer to [`AgentMessage::Leave`].
    Gone,
    /// More than one machine has this agent's identity: the agent makes a new key and asks with
    /// [`AgentMessage::Rekey`]; only to an agent that has [`Capabilities::REKEY`].
    Rekey,
    /// The agent is another one from now on: the answer to [`AgentMessage::Rekey`].
    Rekeyed {
        /// Which one, of the same company.
        agent: AgentId,
        /// The chain, the agent's own first, each DER.
        #[serde(deserialize_with = "bounded::chain")]
        chain: Vec<Vec<u8>>,
    },
    /// The authorities that the agent trusts from its next connection on, in the place of those before; only to
    /// an agent that has [`Capabilities::AUTHORITIES`]. An agent passes over it unless it trusts one of them
    /// already.
    Authorities {
        /// Their certificates, the one that signs first, each DER.
        #[serde(deserialize_with = "bounded::chain")]
        roots: Vec<Vec<u8>>,
        /// Whether the agent is to renew its certificate, at any moment within so many seconds;
        /// [`limits::RENEW_WITHIN_S_MAX`] at most.
        renew_within_s: Option<u32>,
    },
}

/// The answer to a hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both speak from here on.
    pub version: u16,
    /// What both can.
    pub capabilities: Capabilities,
    /// The collector's clock, in milliseconds since 1970; which is how an
    /// agent knows when its certificate is due, whatever its own says.
    pub now_ms: u64,
    /// How to behave.
    pub settings: Settings,
    /// What [`Self::extension_of`] makes, and more of later versions behind it; empty when the
    /// collector does not know.
    #[serde(deserialize_with = "bounded::list::<_, _, { limits::EXTENSION_BYTES_MAX }>")]
    pub extension: Vec<u8>,
}

/// How an agent keeps in touch.
///
/// It counts until the next one comes, in this session or a later one, and an agent uses only what
/// [`Self::clamped`] gives. Told nothing, an agent holds its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Attendance {
    /// The connection is held, with a heartbeat every [`Settings::heartbeat_every_s`].
    Hold {
        /// When the connection is lost, the agent comes back at any moment within so many seconds, so
        /// that a fleet does not come back at once; 0 leaves it to the agent.
        return_within_s: u32,
    },
    /// The agent leaves as soon as nothing of its own waits for an answer and nothing was said for
    /// [`limits::VISIT_QUIET_S`], and comes again in time: with a heartbeat, for whatever waits
    /// for it. When it has something to report it comes at once, unless it was told to wait.
    Visit {
        /// Time between two visits, in seconds, before jitter.
        every_s: u32,
    },
}

impl Default for Attendance {
    fn default() -> Self {
        Self::Hold { return_within_s: 0 }
    }
}

impl Attendance {
    /// The same with every value brought into [`crate::limits`].
    #[must_use]
    pub fn clamped(self) -> Self {
        match self {
            Self::Hold { return_within_s } => {
                Self::Hold { return_within_s: return_within_s.min(limits::RETURN_WITHIN_S_MAX) }
            }
            Self::Visit { every_s } => {
                Self::Visit { every_s: clamp(every_s, &limits::VISIT_EVERY_S) }
            }
        }
    }
}

impl Welcome {
    /// An extension that says which report of the agent is the last in the collector's rows.
    #[must_use]
    pub fn extension_of(applied: Position) -> Vec<u8> {
        wire::encode(&applied)
    }

    /// The last report of the agent that is in the collector's rows, where it says so.
    ///
    /// An agent that never gave a report that place has lost its spool, or has an old copy of it:
    /// whatever it sends next has to begin behind that.
    #[must_use]
    pub fn applied(&self) -> Option<Position> {
        let (applied, _) = postcard::take_from_bytes(&self.extension).ok()?;
        Some(applied)
    }
}

/// What a collector may ask of an agent, and nothing beside it: it can never run anything.
///
/// An agent uses only what [`Self::clamped`] gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// Grows with every change. 0 is the default that nobody set: an agent that was told a later revision
    /// keeps that, for a collector whose database is away knows none but the default.
    pub revision: u64,
    /// Time between two heartbeats, in seconds, before jitter.
    pub heartbeat_every_s: u32,
    /// Time between two scans, in seconds, before jitter.
    pub scan_every_s: u32,
    /// Sources that the company does not want.
    #[serde(deserialize_with = "bounded::list::<_, _, { limits::REPORT_SOURCES_MAX }>")]
    pub sources_off: Vec<Source>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { revision: 0, heartbeat_every_s: 300, scan_every_s: 3_600, sources_off: Vec::new() }
    }
}

impl Settings {
    /// The same with every value brought into [`crate::limits`], which is all that an agent may use.
    #[must_use]
    pub fn clamped(mut self) -> Self {
        self.heartbeat_every_s = clamp(self.heartbeat_every_s, &limits::HEARTBEAT_EVERY_S);
        self.scan_every_s = clamp(self.scan_every_s, &limits::SCAN_EVERY_S);
        // Agents compare settings with those before, and an order that changes would be another
        // scan for nothing.
        self.sources_off.sort_unstable();
        self.sources_off.dedup();
        self
    }
}

fn clamp(value: u32, range: &RangeInclusive<u32>) -> u32 {
    value.clamp(*range.start(), *range.end())
}
