//! One simulated agent without its sockets: what its host has, and which reports wait for an answer.
//!
//! It keeps the delivery contract of an agent: a report's bytes are made once, kept until they are
//! answered, and sent again unchanged. It must never touch the network or a clock.

use std::collections::VecDeque;
use std::time::Duration;

use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::frame::{Frame, FrameError, Packer};
use protocol::host::HostFacts;
use protocol::ids::{Epoch, Position, Seq};
use protocol::limits::{REPORT_RECORDS_MAX, REPORTS_IN_FLIGHT_MAX};
use protocol::message::{
    AgentMessage, Capabilities, Heartbeat, Hello, Presence, VERSION_MAX, VERSION_MIN,
};
use protocol::report::{Lane, Report, ReportBody};
use protocol::software::SoftwareRecord;
use protocol::way::Path;
use tokio::time::Instant;

use super::changes::{self, Edit, Row};
use super::host::Host;
use super::stock::{Records, Stock};
use crate::random::Random;

/// Reports that a host keeps at most; while so many wait, its software does not change.
const PENDING_MAX: usize = 1_024;

/// A simulated host and its reports.
#[derive(Debug)]
pub(crate) struct Model {
    host: Host,
    digest: InventoryDigest,
    last: Position,
    acknowledged: Position,
    acknowledged_digest: Option<InventoryDigest>,
    pending: VecDeque<Pending>,
    /// How many of `pending`, from the front, were sent on this connection.
    in_flight: usize,
    scan_done: u64,
}

/// A report that waits for its answer.
#[derive(Debug)]
struct Pending {
    position: Position,
    lane: Lane,
    frame: Frame,
    records: usize,
    digest: Option<InventoryDigest>,
    sent_at: Option<Instant>,
}

/// What an ack settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Records and removes of the reports.
    pub(crate) records: usize,
    /// From the last time that each report was sent to its ack.
    pub(crate) waited: Vec<(Lane, Duration)>,
}

/// A report to be sent now.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether it was sent before.
    pub(crate) is_again: bool,
}

/// Something that may happen on a host.
#[derive(Debug)]
pub(crate) enum Happening<'a> {
    /// Whatever happens on hosts.
    Any {
        /// Packages that can be installed.
        installable: &'a [u32],
        /// What makes its versions new.
        number: u64,
        /// What is drawn from.
        random: &'a mut Random,
    },
    /// A package comes, or comes in another version.
    Upgrade {
        /// The package.
        package: u32,
        /// What makes the version.
        number: u64,
    },
}

/// What happened on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The key and the name of what is new.
    pub(crate) come: Option<(SoftwareKey, String)>,
}

impl Model {
    /// A host that has never reported, or whose epochs up to `epoch` are used.
    pub(crate) fn new(host: Host, epoch: Epoch) -> Self {
        Self {
            host,
            digest: InventoryDigest::default(),
            last: Position { epoch, seq: Seq(0) },
            acknowledged: Position::default(),
            acknowledged_digest: None,
            pending: VecDeque::new(),
            in_flight: 0,
            scan_done: 0,
        }
    }

    /// The host.
    pub(crate) const fn host(&self) -> &Host {
        &self.host
    }

    /// Whether it has begun an epoch, and so has something to say.
    pub(crate) fn has_begun(&self) -> bool {
        self.last.seq > Seq(0)
    }

    /// Reports without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.pending.len()
    }

    /// Whether everything that there is to say was said and answered.
    pub(crate) fn is_settled(&self) -> bool {
        self.has_begun() && self.pending.is_empty()
    }

    /// Begins the next epoch: forgets all reports and cuts a snapshot of what the host has.
    ///
    /// # Errors
    ///
    /// When a report cannot be packed.
    pub(crate) fn begin_epoch(
        &mut self,
        now_ms: u64,
        (stock, packer): (&Stock, &mut Packer),
    ) -> Result<(), FrameError> {
        // Their positions are of an epoch that is over: whatever answer still comes for them
        // settles nothing.
        self.pending.clear();
        self.in_flight = 0;
        self.acknowledged_digest = None;
        // The first report of an epoch has the number one.
        self.last = Position { epoch: Epoch(self.last.epoch.0.saturating_add(1)), seq: Seq(0) };
        let records = self.host.records(stock);
        self.digest =
            records.iter().map(|(key, record)| RecordFingerprint::of(*key, record)).collect();
        for body in parts(&records) {
            let is_first = self.last.seq == Seq(0);
            // A digest is of the whole inventory, and the collector has that with the last part.
            let is_last = matches!(body, ReportBody::Snapshot { to: None, .. });
            let facts = is_first.then(|| Box::new(self.host.facts()));
            let digest = is_last.then_some(self.digest);
            self.report(body, (facts, digest), now_ms, packer)?;
        }
        Ok(())
    }

    /// Lets something happen on the host, and makes the report that says so. Gives the software that
    /// is new on it; `None` when nothing happened, as on a host with too many reports without an
    /// answer.
    ///
    /// # Errors
    ///
    /// When the report cannot be packed.
    pub(crate) fn happen(
        &mut self,
        what: Happening<'_>,
        now_ms: u64,
        (stock, packer): (&Stock, &mut Packer),
    ) -> Result<Option<Changed>, FrameError> {
        // Skipped and counted rather than kept: without a collector, ten thousand hosts would grow
        // until the machine is full.
        if self.pending.len() >= PENDING_MAX {
            return Ok(None);
        }
        let rows = self.host.rows(stock);
        let edit = match what {
            Happening::Any { installable, number, random } => {
                changes::draw(&rows, installable, number, random)
            }
            Happening::Upgrade { package, number } => changes::upgrade(&rows, package, number),
        };
        match edit {
            None => Ok(None),
            Some(edit) => self.change(&edit, now_ms, (stock, packer)).map(Some),
        }
    }

    fn change(
        &mut self,
        edit: &Edit,
        now_ms: u64,
        (stock, packer): (&Stock, &mut Packer),
    ) -> Result<Changed, FrameError> {
        let platform = self.host.platform();
        let keyed = |row: Row| {
            let record = stock.record(row.item, row.installed_after_s)?;
            Some((SoftwareKey::of(&record, &platform), record))
        };
        let gone = edit.gone.and_then(keyed);
        let come = edit.come.and_then(keyed);
        self.host.apply(edit);
        let changed =
            Changed { come: come.as_ref().map(|(key, record)| (*key, record.name.clone())) };
        // What the first snapshot will hold needs no report of its own.
        if !self.has_begun() {
            return Ok(changed);
        }
        if let Some((key, record)) = &gone {
            self.digest.remove(RecordFingerprint::of(*key, record));
        }
        if let Some((key, record)) = &come {
            self.digest.add(RecordFingerprint::of(*key, record));
        }
        let body = ReportBody::Delta {
            upserts: come.into_iter().map(|(_, record)| record).collect(),
            removes: gone.into_iter().map(|(key, _)| key).collect(),
        };
        let digest = Some(self.digest);
        self.report(body, (None, digest), now_ms, packer)?;
        Ok(changed)
    }

    fn report(
        &mut self,
        body: ReportBody,
        (facts, digest): (Option<Box<HostFacts>>, Option<InventoryDigest>),
        now_ms: u64,
        packer: &mut Packer,
    ) -> Result<(), FrameError> {
        let position = Position { seq: Seq(self.last.seq.0 + 1), ..self.last };
        let (lane, records) = (body.lane(), body.record_count());
        let message = AgentMessage::Report(Report {
            position,
            made_at_ms: now_ms,
            platform: self.host.platform(),
            facts,
            // A simulated host reads no sources, and none of them can fail.
            sources: Vec::new(),
            body,
            digest,
        });
        let frame = packer.pack(message.encode())?;
        self.last = position;
        self.pending.push_back(Pending { position, lane, frame, records, digest, sent_at: None });
        Ok(())
    }

    /// The next report that may be sent, which counts as sent then.
    pub(crate) fn send_next(&mut self, now: Instant) -> Option<Outgoing> {
        if self.in_flight >= REPORTS_IN_FLIGHT_MAX {
            return None;
        }
        // What is sent is a prefix of what waits, so one number says which.
        let next = self.pending.get_mut(self.in_flight)?;
        self.in_flight += 1;
        let is_again = next.sent_at.replace(now).is_some();
        Some(Outgoing { bytes: next.frame.to_bytes(), is_again })
    }

    /// Settles every report up to a position. Positions that are settled already change nothing.
    pub(crate) fn acknowledge(&mut self, position: Position, now: Instant) -> Settled {
        let mut settled = Settled::default();
        while let Some(front) = self.pending.front() {
            // An acknowledgement of what was not sent on this connection settles nothing, whatever
            // it says.
            if front.position > position || self.in_flight == 0 {
                break;
            }
            self.acknowledged = front.position;
            self.acknowledged_digest = front.digest;
            settled.records += front.records;
            let waited = front.sent_at.map(|at| (front.lane, now - at));
            settled.waited.extend(waited);
            // Not below zero: the loop ends where nothing is in flight.
            self.in_flight -= 1;
            self.pending.pop_front();
        }
        settled
    }

    /// Takes a report and all after it back, to be sent again.
    pub(crate) fn take_back(&mut self, position: Position) {
        // A reject takes what was sent behind it back too (docs/PROTOCOL.md).
        let before = self.pending.iter().take_while(|p| p.position < position);
        self.in_flight = self.in_flight.min(before.count());
    }

    /// Takes everything without an answer back: the connection is gone.
    pub(crate) const fn disconnected(&mut self) {
        self.in_flight = 0;
    }

    /// Whether the position is of a report that was sent and not answered.
    pub(crate) fn is_in_flight(&self, position: Position) -> bool {
        let mut sent = self.pending.iter().take(self.in_flight);
        sent.any(|pending| pending.position == position)
    }

    /// Since when the oldest report waits for its answer on this connection.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        let oldest = self.pending.front().filter(|_| self.in_flight > 0)?;
        oldest.sent_at
    }

    /// Whether a snapshot is on its way.
    pub(crate) fn is_in_snapshot(&self) -> bool {
        // Of a snapshot's reports only the last one carries a digest.
        self.acknowledged_digest.is_none()
    }

    /// A scan that was asked for is done.
    pub(crate) fn scanned(&mut self, request: u64) {
        self.scan_done = self.scan_done.max(request);
    }

    /// The first message of a session of the agent's process with that number.
    pub(crate) fn hello(&self, capabilities: Capabilities, process: u64) -> AgentMessage {
        AgentMessage::Hello(Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            capabilities,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            acknowledged: self.acknowledged,
            scan_done: self.scan_done,
            extension: Hello::extension_of(Presence { path: Path::QUIC, process }),
        })
    }

    /// A sign of life.
    pub(crate) const fn heartbeat(&self) -> AgentMessage {
        AgentMessage::Heartbeat(Heartbeat {
            acknowledged: self.acknowledged,
            digest: self.acknowledged_digest,
            scan_done: self.scan_done,
        })
    }
}

/// The parts of a snapshot: ranges that follow each other from the first key to the end.
fn parts(records: &Records) -> Vec<ReportBody> {
    let keyed: Vec<_> = records.iter().collect();
    // An empty host has a snapshot as well: one part, from the first key to the end, without
    // records.
    let chunks: Vec<_> = match keyed.len() {
        0 => vec![&keyed[..]],
        _ => keyed.chunks(REPORT_RECORDS_MAX).collect(),
    };
    let begins = |part: usize| {
        let first = chunks.get(part).and_then(|chunk| chunk.first());
        first.map(|(key, _)| **key)
    };
    let part =
        |(number, chunk): (usize, &&[(&SoftwareKey, &SoftwareRecord)])| ReportBody::Snapshot {
            // The first part begins at zero and not at its first record: what the collector has
            // below it is gone (decision 3).
            from: begins(number).filter(|_| number > 0).unwrap_or(SoftwareKey(0)),
            to: begins(number + 1),
            records: chunk.iter().map(|(_, record)| (*record).clone()).collect(),
        };
    chunks.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests;
