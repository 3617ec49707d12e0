//! What the stand-in for a collector holds: durable in the sense that its deaths do not touch it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::ids::{AgentId, Position, Succession};
use protocol::report::{Report, ReportBody};
use protocol::software::SoftwareRecord;

/// One host's rows.
#[derive(Default)]
pub(crate) struct Host {
    applied: Position,
    rows: BTreeMap<SoftwareKey, SoftwareRecord>,
    digest: Option<InventoryDigest>,
}

/// All that survives.
#[derive(Default)]
pub(crate) struct World {
    /// Hosts by agent.
    hosts: HashMap<AgentId, Host>,
    /// Agents by the certificate that they were given.
    pub(crate) certificates: HashMap<Vec<u8>, AgentId>,
    /// Reports that were applied.
    pub(crate) applied: usize,
    /// Records of those reports.
    pub(crate) records: usize,
    /// Records that the counter in the API is short of.
    pub(crate) uncounted: usize,
    /// Reports that came again.
    pub(crate) duplicates: usize,
    /// Every so many reports, a record is lost behind the ack; 0 for none.
    pub(crate) loses_every: usize,
}

/// How a report stands to what was applied before.
pub(crate) enum Outcome {
    Applied,
    Duplicate,
    Gap,
}

impl World {
    pub(crate) fn apply(&mut self, agent: AgentId, report: Report) -> Outcome {
        // A report that a real collector refuses fails the test here, whatever it is about.
        let keys = report.validate().unwrap_or_else(|error| panic!("{error}"));
        let host = self.hosts.entry(agent).or_default();
        match host.applied.succession(report.position) {
            Succession::Next => {}
            Succession::Seen => {
                self.duplicates += 1;
                return Outcome::Duplicate;
            }
            Succession::Gap => return Outcome::Gap,
        }
        host.applied = report.position;
        // Removes included, as the collector's own counter has them.
        self.records += report.body.record_count();
        host.digest = report.digest;
        match report.body {
            ReportBody::Snapshot { from, to, records } => {
                let is_outside = |key: &SoftwareKey| *key < from || to.is_some_and(|to| *key >= to);
                host.rows.retain(|key, _| is_outside(key));
                host.rows.extend(keys.into_iter().zip(records));
            }
            ReportBody::Delta { upserts, removes } => {
                host.rows.retain(|key, _| !removes.contains(key));
                host.rows.extend(keys.into_iter().zip(upserts));
            }
        }
        self.applied += 1;
        if self.loses_every > 0 && self.applied.is_multiple_of(self.loses_every) {
            // Behind the ack, so that only the comparison at the end can see it.
            host.rows.pop_first();
        }
        Outcome::Applied
    }

    /// Whether the rows are what the last digest says; `None` inside a snapshot.
    pub(crate) fn agrees(&self, agent: AgentId) -> Option<bool> {
        let host = self.hosts.get(&agent)?;
        let fingerprints = host.rows.iter().map(|(key, row)| RecordFingerprint::of(*key, row));
        let own: InventoryDigest = fingerprints.collect();
        host.digest.map(|digest| digest == own)
    }

    /// The keys of a host whose names contain a text.
    pub(crate) fn keys(&self, agent: AgentId, name: &str) -> Vec<SoftwareKey> {
        let rows = self.hosts.get(&agent).into_iter().flat_map(|host| &host.rows);
        rows.filter(|(_, row)| row.name.contains(name)).map(|(key, _)| *key).collect()
    }
}

/// A world that several tasks share.
#[derive(Default)]
pub(crate) struct Shared(Mutex<World>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
