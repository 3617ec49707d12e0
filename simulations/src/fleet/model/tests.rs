//! The delivery contract, as a simulated agent keeps it.

use std::io;
use std::sync::OnceLock;

use protocol::frame::{HEADER_BYTES, Header, Unpacker};

use super::*;
use crate::fleet::host::Host;
use crate::fleet::stock::Records;

fn packer() -> Packer {
    Packer::new().expect("a packer")
}

// Once for all tests: it unpacks a megabyte.
fn stock() -> &'static Stock {
    static STOCK: OnceLock<Stock> = OnceLock::new();
    STOCK.get_or_init(|| Stock::load().expect("the stock"))
}

fn host(apps: u32) -> Model {
    Model::new(Host::new(0, apps, &Random::new(1)), Epoch(0))
}

fn started(apps: u32) -> Model {
    let mut model = host(apps);
    begin(&mut model);
    model
}

fn begin(model: &mut Model) {
    let begun = model.begin_epoch(1, (stock(), &mut packer()));
    begun.expect("a snapshot");
}

/// Upgrades one package; says whether it did.
fn upgrade(model: &mut Model, number: u64) -> bool {
    let rows = model.host().rows(stock());
    let package = rows.keys().next().expect("something").package;
    let what = Happening::Upgrade { package, number };
    let changed = model.happen(what, 2, (stock(), &mut packer()));
    changed.expect("packs").is_some()
}

fn now() -> Instant {
    crate::clock::Clock.now()
}

fn send_all(model: &mut Model) -> Vec<Vec<u8>> {
    let at = now();
    let mut sent = Vec::new();
    while let Some(outgoing) = model.send_next(at) {
        sent.push(outgoing.bytes);
    }
    sent
}

fn open(bytes: &[u8]) -> io::Result<Report> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>().expect("a header");
    let header = Header::parse(*header).map_err(io::Error::other)?;
    let message = Unpacker::new()?.unpack(header.packing, payload).map_err(io::Error::other)?;
    let message = AgentMessage::decode(&message).map_err(io::Error::other)?;
    let AgentMessage::Report(report) = message else {
        panic!("{message:?} is no report");
    };
    Ok(report)
}

/// What a collector would hold: applies reports as the protocol says.
#[derive(Default)]
struct Mirror {
    records: Records,
    applied: Position,
}

impl Mirror {
    fn apply(&mut self, report: Report) {
        // As the real one would before its ack, so that no model passes with a report that is
        // refused.
        let keys = report.validate().expect("a valid report");
        self.applied = report.position;
        match report.body {
            ReportBody::Snapshot { from, to, records } => {
                // What lies in the range goes, listed or not; what is listed comes back below.
                self.records.retain(|key, _| *key < from || to.is_some_and(|to| *key >= to));
                self.records.extend(keys.into_iter().zip(records));
            }
            ReportBody::Delta { upserts, removes } => {
                self.records.retain(|key, _| !removes.contains(key));
                self.records.extend(keys.into_iter().zip(upserts));
            }
        }
        if let Some(digest) = report.digest {
            let own: InventoryDigest = self
                .records
                .iter()
                .map(|(key, record)| RecordFingerprint::of(*key, record))
                .collect();
            assert_eq!(own, digest, "after {}", self.applied);
        }
    }
}

#[test]
fn its_reports_rebuild_its_inventory() {
    let mut model = started(1_234);
    let mut mirror = Mirror::default();
    for number in 1..=20 {
        assert!(upgrade(&mut model, number));
    }
    for bytes in send_all(&mut model) {
        mirror.apply(open(&bytes).expect("a report"));
    }
    // 1,234 records are twelve full parts and one more.
    assert_eq!(model.unanswered(), 13 + 20);
    // One more than the window: the last waits until another is answered.
    model.acknowledge(Position::new(1, 1), now());
    for bytes in send_all(&mut model) {
        mirror.apply(open(&bytes).expect("a report"));
    }
    assert_eq!(mirror.records, model.host().records(stock()));
}

#[test]
fn an_empty_host_says_so() {
    let mut model = started(0);
    let sent = send_all(&mut model);
    let report = open(&sent[0]).expect("a report");
    assert_eq!(sent.len(), 1);
    assert!(report.validate().is_ok());
    assert_eq!(report.digest, Some(InventoryDigest::default()));
}

#[test]
fn sends_no_more_than_the_window_without_an_answer() {
    let mut model = started(5_000);
    assert_eq!(send_all(&mut model).len(), REPORTS_IN_FLIGHT_MAX);
    model.acknowledge(Position::new(1, 3), now());
    assert_eq!(send_all(&mut model).len(), 3);
}

#[test]
fn an_ack_settles_all_before_it_once() {
    let mut model = started(1_000);
    send_all(&mut model);
    let settled = model.acknowledge(Position::new(1, 4), now());
    assert_eq!((settled.records, settled.waited.len()), (400, 4));
    assert_eq!(model.acknowledge(Position::new(1, 4), now()), Settled::default());
    assert!(model.is_in_snapshot());
    model.acknowledge(Position::new(1, 10), now());
    assert!(!model.is_in_snapshot());
    assert_eq!(model.unanswered(), 0);
}

#[test]
fn an_ack_of_what_was_not_sent_settles_nothing() {
    let mut model = started(1_000);
    assert_eq!(model.acknowledge(Position::new(1, 10), now()), Settled::default());
    assert_eq!(model.unanswered(), 10);
}

#[test]
fn sends_the_same_bytes_again_after_a_lost_connection() {
    let mut model = started(1_000);
    let first = send_all(&mut model);
    model.acknowledge(Position::new(1, 2), now());
    model.disconnected();
    // Nothing was sent on the next connection yet, so nobody is late with an answer.
    assert!(model.waits_since().is_none());
    // A change while there is no connection goes behind what waits, and must not change its bytes.
    assert!(upgrade(&mut model, 1));
    let again = model.send_next(now()).expect("a report");
    assert!(again.is_again);
    assert_eq!(again.bytes, first[2]);
    assert_eq!(send_all(&mut model)[..7], first[3..]);
}

#[test]
fn takes_back_what_was_rejected_and_all_after_it() {
    let mut model = started(1_000);
    let first = send_all(&mut model);
    model.take_back(Position::new(1, 4));
    assert!(model.is_in_flight(Position::new(1, 3)));
    assert!(!model.is_in_flight(Position::new(1, 4)));
    assert_eq!(send_all(&mut model)[..], first[3..]);
}

#[test]
fn a_new_epoch_forgets_old_reports_and_begins_at_one() {
    let mut model = started(300);
    send_all(&mut model);
    begin(&mut model);
    let report = open(&send_all(&mut model)[0]).expect("a report");
    assert_eq!(report.position, Position::new(2, 1));
    assert!(report.facts.is_some());
    // An answer to the epoch before changes nothing.
    assert_eq!(model.acknowledge(Position::new(1, 3), now()), Settled::default());
}

#[test]
fn stops_changing_when_too_many_reports_wait() {
    let mut model = started(1);
    let changes = (1..).take_while(|number| upgrade(&mut model, *number));
    // One place is the first snapshot's.
    assert_eq!(changes.count(), PENDING_MAX - 1);
    assert_eq!(model.unanswered(), PENDING_MAX);
}

#[test]
fn heartbeats_say_what_was_acknowledged_and_no_digest_inside_a_snapshot() {
    let mut model = started(150);
    let AgentMessage::Heartbeat(heartbeat) = model.heartbeat() else {
        panic!("a heartbeat");
    };
    assert_eq!(heartbeat.digest, None);
    send_all(&mut model);
    model.acknowledge(Position::new(1, 2), now());
    let AgentMessage::Heartbeat(heartbeat) = model.heartbeat() else {
        panic!("a heartbeat");
    };
    assert_eq!(heartbeat.acknowledged, Position::new(1, 2));
    assert_eq!(heartbeat.digest.map(|digest| digest.count), Some(150));
}

/// The protocol's promise: 40 KB for the first inventory of 2,000 packages, 1 KB for a change.
#[test]
fn stays_within_the_bytes_that_the_protocol_promises() {
    let mut model = started(2_000);
    // Twenty parts, which are within the window: one round of sending has all of them.
    let snapshot: usize = send_all(&mut model).iter().map(Vec::len).sum();
    assert!(snapshot < 40_000, "{snapshot} bytes for 2,000 packages");
    model.acknowledge(Position::new(1, 20), now());
    let mut most = 0;
    for number in 1..=200 {
        assert!(upgrade(&mut model, number));
        let bytes = model.send_next(now()).expect("a report").bytes.len();
        model.acknowledge(model.last, now());
        most = most.max(bytes);
    }
    assert!(most < 500, "{most} bytes for one change");
}

#[test]
fn what_happens_before_the_first_snapshot_is_in_it() {
    let mut model = host(50);
    assert!(upgrade(&mut model, 1));
    assert!(!model.has_begun() && model.unanswered() == 0);
    begin(&mut model);
    let mut mirror = Mirror::default();
    for bytes in send_all(&mut model) {
        mirror.apply(open(&bytes).expect("a report"));
    }
    assert_eq!(mirror.records, model.host().records(stock()));
    assert!(!upgrade(&mut model, 1), "the same version again");
    assert_eq!(model.unanswered(), 1);
}
