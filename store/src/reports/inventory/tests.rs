//! Which stretches of an inventory a run touches, and what it comes to, without a database.

use protocol::ids::{AgentId, Position};
use uuid::Uuid;

use super::super::line::{Line, sort};
use super::*;
use crate::test_fixtures::{Endpoint, at, key, record};

fn line(held: u32) -> Line {
    Line {
        agent_key: 1,
        agent: AgentId(Uuid::from_u128(1)),
        applied: Position::new(1, 1),
        applied_at: Some(at(100)),
        digest: InventoryDigest { count: held, sum: 0 },
    }
}

fn endpoint() -> Endpoint {
    let mut endpoint = Endpoint::new(AgentId(Uuid::from_u128(1)));
    // The first epoch, which the line has behind it.
    endpoint.snapshot([], 1);
    endpoint
}

/// The run that a batch is for an agent that holds so many records.
fn run(batch: &[IncomingReport], held: u32) -> Run<'_> {
    let lines = BTreeMap::from([(line(held).agent, line(held))]);
    let (_, mut runs) = sort(&lines, batch);
    runs.remove(0)
}

fn ten() -> Vec<SoftwareRecord> {
    (0..10).map(|n| record(&format!("p{n}"), "1")).collect()
}

#[test]
fn the_parts_of_a_snapshot_are_read_as_one_stretch() {
    let batch = endpoint().snapshot(ten(), 3);
    assert_eq!(batch.len(), 4);
    let whole = KeyRange { low: SoftwareKey(0), high: SoftwareKey(u128::MAX) };
    assert_eq!(touched(&run(&batch, 5)), [whole]);
    let first = touched(&run(&batch[..1], 5));
    assert_eq!(first[0].low, SoftwareKey(0));
    // The part's end is exclusive, the stretch's inclusive.
    assert_eq!(first[0].high.0 + 1, batch[1].keys[0].0);
}

#[test]
fn a_delta_reads_its_keys_and_an_agent_without_rows_reads_nothing() {
    let mut endpoint = endpoint();
    let (a, b) = (record("a", "1"), record("b", "1"));
    let batch = [endpoint.delta(vec![a.clone()], std::slice::from_ref(&b))];
    let mut expected = [key(&a), key(&b)].map(|key| KeyRange { low: key, high: key });
    let mut ranges = touched(&run(&batch, 5));
    ranges.sort_by_key(|range| range.low);
    expected.sort_by_key(|range| range.low);
    assert_eq!(ranges, expected);
    assert_eq!(touched(&run(&batch, 0)), []);
}

#[test]
fn the_instant_of_a_run_grows_whatever_the_clocks_say() {
    let mut endpoint = endpoint();
    let mut batch = [endpoint.delta(vec![], &[])];
    assert!(batch[0].received_at < at(100), "taken in before the last one");
    let late = run(&batch, 0).at;
    assert!(late > at(100) && late < at(101), "{late}");
    batch[0].received_at = at(200);
    assert_eq!(run(&batch, 0).at, at(200));
}

#[test]
fn a_part_ends_only_what_is_in_its_own_stretch() {
    let mut endpoint = endpoint();
    let records = ten();
    let parts = endpoint.snapshot(records.clone(), 5);
    // Every row is another one than the snapshot's: same software, other place.
    let open: OpenRows = records
        .iter()
        .map(|record| {
            let row = OpenRow { fingerprint: RecordFingerprint(1), opened_at: at(0) };
            (key(record), row)
        })
        .chain([(SoftwareKey(0), OpenRow { fingerprint: RecordFingerprint(2), opened_at: at(0) })])
        .collect();
    let run = run(&parts[..1], 11);
    let changes = fold(&run, &open);
    // Software of the later parts is not in this one, and yet it must not end: only what is missing
    // within the part's own stretch does.
    assert_eq!(changes.closed, [(SoftwareKey(0), open[&SoftwareKey(0)])]);
    assert_eq!(changes.changed.len(), 5);
    assert!(changes.opened.is_empty());
    let (_, stored) = changes.stored[0];
    assert_eq!((stored.closed, stored.changed, stored.opened), (1, 5, 0));
    assert_eq!(changes.digest.count, 10);
}
