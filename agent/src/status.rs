//! What the agent says of itself: one document for `status`, for people and for programs.
//!
//! It is built from what the running agent knows, or from the state folder when none runs. It shows
//! everything that could be wrong and nothing that is secret.

mod costs;

use std::fmt::{self, Write as _};

use protocol::software::{SourceState, SourceStatus};
use protocol::way::{NotQuic, Path, Way};
use serde::{Deserialize, Serialize};

pub use self::costs::Costs;
use crate::collect::Inventory;
use crate::identity::Certificate;
use crate::logging::{rfc3339, sanitise};
use crate::recording::Recorded;
use crate::spool::Spool;
use crate::uplink::Traffic;

/// How the agent stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The host has no identity.
    #[default]
    NotEnrolled,
    /// No agent runs.
    Stopped,
    /// One starts, stops or enrols at this moment.
    Starting,
    /// It waits for its next attempt to connect.
    Waiting,
    /// It visits its collector, and is between two visits.
    Away,
    /// It connects.
    Connecting,
    /// It is connected.
    Connected,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotEnrolled => "not enrolled",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Away => "between visits",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
        }
    }
}

/// Who the agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The company.
    pub company: String,
    /// The agent.
    pub agent: String,
    /// The trust domain of both.
    pub trust_domain: String,
    /// When the certificate ends.
    pub certificate_expires_at: String,
}

impl Enrolment {
    /// What a certificate says of its owner.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            company: certificate.company.to_string(),
            agent: certificate.agent.to_string(),
            trust_domain: certificate.trust_domain.clone(),
            certificate_expires_at: rfc3339(certificate.not_after_ms),
        }
    }
}

/// The connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Where the collectors are.
    pub collectors: Vec<String>,
    /// The address of the connection that stands or stood last.
    pub address: Option<String>,
    /// The way of that connection, and why it is not QUIC.
    #[serde(default)]
    pub path: Option<Path>,
    /// Since when it stands.
    pub since: Option<String>,
    /// When the next attempt is made.
    pub next_attempt_at: Option<String>,
    /// Time between two visits, in seconds, where the collector wants visits and not a connection that
    /// is held.
    #[serde(default)]
    pub visits_every_s: Option<u32>,
    /// Why the last attempt failed or the last connection ended.
    pub last_problem: Option<String>,
    /// UDP and TCP payload sent since the agent started, in bytes.
    pub sent_bytes: u64,
    /// UDP and TCP payload received since the agent started, in bytes.
    pub received_bytes: u64,
}

impl Connection {
    /// Takes what went over the wire.
    pub const fn count(&mut self, traffic: Traffic) {
        self.sent_bytes = traffic.sent_bytes;
        self.received_bytes = traffic.received_bytes;
    }
}

/// What waits for the collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// The last report that a collector acknowledged, `epoch.seq`; `0.0` when none, empty while no
    /// agent has opened the spool.
    pub acknowledged: String,
    /// Reports that wait.
    pub waiting_reports: u32,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// How many bytes may wait.
    pub bytes_max: u64,
    /// Records of the inventory that was reported last.
    pub records: u32,
    /// What is wrong with the disk at the moment.
    pub problem: Option<String>,
    /// What was wrong with a file that was set aside since the agent started.
    pub set_aside: Option<String>,
}

impl SpoolStatus {
    /// How a spool stands.
    #[must_use]
    pub fn of(spool: &Spool) -> Self {
        let (waiting_reports, waiting_bytes) = spool.waiting();
        Self {
            acknowledged: spool.view().acknowledged.to_string(),
            waiting_reports,
            waiting_bytes,
            bytes_max: spool.bytes_max(),
            records: spool.digest().count,
            problem: None,
            set_aside: spool.set_aside().map(str::to_owned),
        }
    }
}

/// The last scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastScan {
    /// When it ended.
    pub at: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Records that it found.
    pub records: usize,
    /// Records that are new or changed.
    pub upserts: usize,
    /// Records that are gone.
    pub removes: usize,
    /// Reports that it made.
    pub reports: usize,
    /// Whether they are a snapshot.
    pub is_snapshot: bool,
    /// Why it could not be recorded.
    pub problem: Option<String>,
}

impl LastScan {
    /// A scan that was recorded.
    #[must_use]
    pub fn of(recorded: &Recorded, at_ms: u64, took_ms: u64) -> Self {
        Self {
            at: rfc3339(at_ms),
            took_ms,
            records: recorded.records,
            upserts: recorded.upserts,
            removes: recorded.removes,
            reports: recorded.reports,
            is_snapshot: recorded.is_snapshot,
            problem: None,
        }
    }

    /// A scan that was not.
    #[must_use]
    pub fn failed(inventory: Option<&Inventory>, at_ms: u64, problem: String) -> Self {
        Self {
            at: rfc3339(at_ms),
            records: inventory.map_or(0, |inventory| inventory.records.len()),
            problem: Some(problem),
            ..Self::default()
        }
    }
}

/// Everything that `status` says.
// Dates are text already: they are for people and for programs of others, and this agent computes
// with none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// How it stands.
    pub state: State,
    /// Since when the agent runs.
    pub running_since: Option<String>,
    /// Who it is.
    pub enrolment: Option<Enrolment>,
    /// Its connection.
    pub connection: Connection,
    /// Its spool.
    pub spool: SpoolStatus,
    /// Whether a scan runs.
    pub is_scanning: bool,
    /// The last scan since the agent started.
    pub last_scan: Option<LastScan>,
    /// When the next one is due.
    pub next_scan_at: Option<String>,
    /// How each source went when that last changed.
    pub sources: Vec<SourceStatus>,
    /// Time between two heartbeats, as the collector set it, in seconds.
    pub heartbeat_every_s: u32,
    /// Time between two scans, as the collector set it, in seconds.
    pub scan_every_s: u32,
    /// What the running agent costs this machine, where the system says it.
    #[serde(default)]
    pub costs: Option<Costs>,
}

impl Status {
    /// Whether an agent runs and has an identity.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.state, State::Waiting | State::Away | State::Connecting | State::Connected)
    }

    fn connection_lines(&self, text: &mut String) -> fmt::Result {
        let connection = &self.connection;
        if !connection.collectors.is_empty() {
            writeln!(text, "collectors   {}", connection.collectors.join(", "))?;
        }
        if let (Some(address), Some(since)) = (&connection.address, &connection.since) {
            writeln!(text, "connected    {address} since {since}")?;
        }
        if let Some(path) = connection.path {
            writeln!(text, "way          {}", words(path))?;
        }
        if let Some(every_s) = connection.visits_every_s {
            writeln!(text, "visits       every {every_s} s, as the collector set it")?;
        }
        if let Some(at) = &connection.next_attempt_at {
            let what = match self.state {
                State::Away => "next visit",
                State::NotEnrolled
                | State::Stopped
                | State::Starting
                | State::Waiting
                | State::Connecting
                | State::Connected => "next attempt",
            };
            writeln!(text, "{what:12} {at}")?;
        }
        if let Some(problem) = &connection.last_problem {
            writeln!(text, "last problem {problem}")?;
        }
        Ok(())
    }

    fn spool_lines(&self, text: &mut String) -> fmt::Result {
        let spool = &self.spool;
        writeln!(
            text,
            "inventory    {} records reported, acknowledged up to report {}",
            spool.records, spool.acknowledged
        )?;
        if spool.waiting_reports > 0 {
            writeln!(
                text,
                "waiting      {} reports, {} of {} bytes",
                spool.waiting_reports, spool.waiting_bytes, spool.bytes_max
            )?;
        }
        for (name, problem) in [("spool", &spool.problem), ("set aside", &spool.set_aside)] {
            if let Some(problem) = problem {
                writeln!(text, "{name:12} {problem}")?;
            }
        }
        Ok(())
    }

    fn scan_lines(&self, text: &mut String) -> fmt::Result {
        if let Some(scan) = &self.last_scan {
            match &scan.problem {
                Some(problem) => writeln!(text, "last scan    {}: {problem}", scan.at)?,
                None => writeln!(
                    text,
                    "last scan    {}: {} records, {} new or changed, {} gone, in {} ms",
                    scan.at, scan.records, scan.upserts, scan.removes, scan.took_ms
                )?,
            }
        }
        if self.is_scanning {
            writeln!(text, "scanning     now")?;
        }
        if let Some(at) = &self.next_scan_at {
            writeln!(text, "next scan    {at}")?;
        }
        for source in &self.sources {
            source_line(text, source)?;
        }
        Ok(())
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "agent        {} ({})", self.version, self.state.as_str())?;
        if let Some(enrolment) = &self.enrolment {
            writeln!(text, "identity     {}", enrolment.agent)?;
            writeln!(text, "company      {} ({})", enrolment.company, enrolment.trust_domain)?;
            writeln!(text, "certificate  until {}", enrolment.certificate_expires_at)?;
        }
        self.connection_lines(text)?;
        if self.enrolment.is_some() {
            self.spool_lines(text)?;
        }
        self.scan_lines(text)?;
        if let Some(Costs { resident_kib, peak_kib, cpu_ms }) = self.costs {
            writeln!(
                text,
                "costs        {resident_kib} KiB of memory, {peak_kib} at most, {cpu_ms} ms of the processor"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text)?;
        f.write_str(text.trim_end())
    }
}

/// A way and its reason, for people.
fn words(path: Path) -> String {
    let way = match path.way {
        Way::Quic => return "QUIC".to_owned(),
        Way::Tcp => "TLS over TCP",
        Way::Proxy => "TLS over TCP through the proxy",
    };
    let why = match path.not_quic {
        Some(NotQuic::NoAnswer) => "QUIC (UDP) gets no answer",
        Some(NotQuic::Refused) => "the network refuses UDP",
        Some(NotQuic::Handshake) => "QUIC's handshake does not succeed",
        Some(NotQuic::Unavailable) => "this host cannot send UDP",
        Some(NotQuic::Configured) => "it is configured",
        None => return way.to_owned(),
    };
    format!("{way}, because {why}")
}

/// One source's line, for people; a source that the host does not have has none.
pub fn source_line(text: &mut String, source: &SourceStatus) -> fmt::Result {
    let state = match source.state {
        // Nine sources are known and a host has two or three: the others would hide them.
        SourceState::Absent => return Ok(()),
        SourceState::Ok => {
            return writeln!(text, "  {:10} {} records", source.source.as_str(), source.records);
        }
        SourceState::Partial | SourceState::TimedOut | SourceState::Failed => source.state.as_str(),
    };
    writeln!(
        text,
        "  {:10} {} records, {state}: {}",
        source.source.as_str(),
        source.records,
        // A reason may hold names of files, which anybody may have chosen.
        sanitise(&source.reason)
    )
}

#[cfg(test)]
mod tests;
