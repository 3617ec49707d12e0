//! Power cuts and restarts at every moment, against a model of what the queue promised.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::disk::simulated::Faults;
use super::*;

/// What happens to a queue.
#[derive(Clone, Debug)]
enum Event {
    /// So many entries of that size are appended together.
    Append(usize, usize),
    /// An entry that waits is completed.
    Complete(prop::sample::Index),
    /// The next sync fails.
    FailSync,
    /// The next write fails.
    FailWrite,
    /// The process ends in order and starts again.
    Restart,
    /// The power goes; the bits say what of the unsynced bytes survives.
    Cut(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        // Up to 2.4 MB in one call: more than two segments, so that groups are split and seals
        // happen under way.
        6 => (1..40_usize, 0..60_000_usize).prop_map(|(count, bytes)| Event::Append(count, bytes)),
        6 => any::<prop::sample::Index>().prop_map(Event::Complete),
        1 => Just(Event::FailSync),
        1 => Just(Event::FailWrite),
        1 => Just(Event::Restart),
        2 => any::<u64>().prop_map(Event::Cut),
    ]
}

/// The queue, and what it promised.
struct Model {
    disk: SimulatedDisk,
    opened: Opened,
    acknowledged: BTreeSet<u32>,
    refused: BTreeSet<u32>,
    complete: BTreeSet<u32>,
    next: u32,
}

impl Model {
    fn new() -> Self {
        let disk = SimulatedDisk::default();
        let opened = open_on(&disk, LIMITS);
        Self {
            disk,
            opened,
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            complete: BTreeSet::new(),
            next: 1,
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Append(count, bytes) => self.append(*count, *bytes),
            Event::Complete(index) => self.complete(*index),
            Event::FailSync => {
                self.disk.set_faults(Faults { failing_syncs: 1, ..Faults::default() });
            }
            Event::FailWrite => {
                self.disk.set_faults(Faults { failing_writes: 1, ..Faults::default() });
            }
            Event::Restart => {
                self.opened.queue.close();
                self.disk.set_faults(Faults::default());
                self.reopen();
            }
            Event::Cut(bits) => {
                let mut bits = *bits;
                self.disk = self.disk.cut_power(|| {
                    // A decision for each sector from one number, so that proptest can shrink a
                    // cut.
                    bits = bits.rotate_left(7).wrapping_mul(0x5851_f42d_4c95_7f2d) | 1;
                    bits >> 63 == 1
                });
                self.reopen();
            }
        }
    }

    fn append(&mut self, count: usize, bytes: usize) {
        let first = self.next;
        let seqs: Vec<u32> = (first..).take(count).collect();
        self.next += u32::try_from(count).unwrap();
        let entries = seqs.iter().map(|seq| entry(*seq, bytes)).collect();
        let results = append_together(&self.opened.queue, entries);
        for (seq, result) in seqs.into_iter().zip(results) {
            if result.is_ok() {
                self.acknowledged.insert(seq);
            } else {
                // Not "never": its bytes may lie on the disk whole when only the sync's answer was
                // lost.
                self.refused.insert(seq);
            }
        }
    }

    fn complete(&mut self, index: prop::sample::Index) {
        let slips = self.opened.told.slips();
        if !slips.is_empty() {
            let slip = index.get(&slips);
            self.opened.queue.complete(slip);
            // Completions are not synced, so it may come again; the store knows what it has seen.
            self.complete.insert(slip.position.seq.0);
        }
    }

    /// Everything acknowledged and not completed is there, once, whole and in order; what was
    /// completed may come again; what was refused may come only after a power cut or a kill.
    fn reopen(&mut self) {
        self.opened = open_on(&self.disk, LIMITS);
        assert_eq!(self.opened.recovered.damaged_segments, 0);
        let slips = self.opened.told.slips();
        let held: Vec<u32> = slips.iter().map(|slip| slip.position.seq.0).collect();
        assert!(held.is_sorted_by(|a, b| a < b), "twice or out of order: {held:?}");
        let held: BTreeSet<u32> = held.into_iter().collect();
        let promised = self.acknowledged.difference(&self.complete);
        let missing: Vec<_> = promised.filter(|seq| !held.contains(seq)).collect();
        assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
        let known: BTreeSet<u32> = self.acknowledged.union(&self.refused).copied().collect();
        assert!(held.is_subset(&known), "never appended: {held:?}");
        for slip in slips {
            let frame = self.opened.queue.read(&slip).unwrap();
            let bytes = frame.payload.len();
            assert_eq!(frame.payload, payload(slip.position.seq.0, bytes));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_nothing_acknowledged_is_lost_or_doubled(
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut model = Model::new();
        for event in &events {
            model.happen(event);
        }
        // Nothing unsynced survives this one: every run ends in the harshest case, and then reads
        // its queue in peace.
        model.happen(&Event::Cut(0));
        model.happen(&Event::Restart);
    }
}
