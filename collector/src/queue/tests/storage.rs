//! Disks that refuse: full ones, and ones whose writes and syncs fail.

use super::super::disk::simulated::Faults;
use super::*;

fn is_storage(result: &Result<(), AppendError>) -> bool {
    matches!(result, Err(AppendError::Storage(_)))
}

#[test]
fn a_full_disk_refuses_appends_serves_reads_and_recovers_when_space_returns() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, (1..=15).map(|seq| entry(seq, 100_000)));
    disk.set_faults(Faults {
        // Less than what is written already and one more segment.
        capacity: Some(2 << 20),
        ..Faults::default()
    });
    let results: Vec<_> =
        (16..=40).map(|seq| block_on(opened.queue.append(entry(seq, 100_000)))).collect();
    assert!(opened.queue.stats().is_refusing);
    let refused = results.iter().filter(|result| is_storage(result)).count();
    assert!(refused > 0 && results.iter().all(|r| r.is_ok() || is_storage(r)));
    for slip in opened.told.slips() {
        let seq = slip.position.seq.0;
        assert_eq!(opened.queue.read(&slip).unwrap(), entry(seq, 100_000).frame);
    }
    disk.set_faults(Faults::default());
    append(&opened.queue, [entry(41, 100_000)]);
    assert!(!opened.queue.stats().is_refusing);
    let held = opened.told.positions();
    opened.queue.close();
    assert_eq!(open_on(&disk, LIMITS).told.positions(), held);
    // A refused entry may not be found again: its agent was told to send it once more.
    assert_eq!(held.len(), 41 - refused);
}

#[test]
fn what_is_done_makes_room_on_a_disk_of_one_segment_and_a_half() {
    let disk = SimulatedDisk::default();
    disk.set_faults(Faults {
        // No room for a second segment beside the first: what is done has to be deleted before the
        // next is made, not after.
        capacity: Some(SEGMENT_BYTES_MIN * 3 / 2),
        ..Faults::default()
    });
    let opened = open_on(&disk, LIMITS);
    for seq in 1..=40 {
        append(&opened.queue, [entry(seq, 100_000)]);
        let last = opened.told.slips().last().copied().unwrap();
        opened.queue.complete(&last);
    }
    assert_eq!(opened.queue.stats().entries, 0);
}

#[test]
fn leaves_the_free_bytes_on_the_disk_that_it_is_told_to_leave() {
    let disk = SimulatedDisk::default();
    disk.set_faults(Faults { capacity: Some(10 * SEGMENT_BYTES_MIN), ..Faults::default() });
    let limits = QueueLimits {
        // PostgreSQL shares the disk as a rule, and it fares worse without space than the queue
        // does.
        disk_free_bytes_min: 8 * SEGMENT_BYTES_MIN,
        ..LIMITS
    };
    let opened = open_on(&disk, limits);
    let results: Vec<_> =
        (1..=40).map(|seq| block_on(opened.queue.append(entry(seq, 100_000)))).collect();
    assert!(is_storage(&results[39]));
    assert_eq!(opened.queue.stats().segments, 2);
}

#[test]
fn a_failed_sync_fails_its_appends_and_the_next_go_to_a_new_segment() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, [entry(1, 10)]);
    disk.set_faults(Faults { failing_syncs: 1, ..Faults::default() });
    assert!(is_storage(&block_on(opened.queue.append(entry(2, 10)))));
    append(&opened.queue, [entry(3, 10)]);
    assert_eq!(opened.told.positions(), [1, 3]);
    assert_eq!(opened.queue.stats().segments, 2);
    // What the failed sync forgot is lost with the power; what was acknowledged is not.
    let cut = disk.cut_power(|| false);
    assert_eq!(open_on(&cut, LIMITS).told.positions(), [1, 3]);
}

#[test]
fn an_entry_whose_sync_failed_does_not_come_back_beside_its_successor() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, [entry(1, 10)]);
    disk.set_faults(Faults { failing_syncs: 1, fails_to_cut: true, ..Faults::default() });
    assert!(is_storage(&block_on(opened.queue.append(entry(2, 10)))));
    append(&opened.queue, [entry(3, 10)]);
    disk.set_faults(Faults::default());
    // The process ends without a power cut, so the page cache still shows the failed entry.
    let again = open_on(&disk.cut_power(|| true), LIMITS);
    assert_eq!(again.told.positions(), [1, 3]);
    assert_eq!(again.recovered.damaged_segments, 0);
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, [entry(1, 5_000)]);
    disk.set_faults(Faults { failing_writes: 1, ..Faults::default() });
    assert!(is_storage(&block_on(opened.queue.append(entry(2, 5_000)))));
    append(&opened.queue, [entry(3, 5_000)]);
    opened.queue.close();
    let again = open_on(&disk, LIMITS);
    assert_eq!(again.told.positions(), [1, 3]);
    assert_eq!(again.recovered.torn_bytes, 0);
}

#[test]
fn a_directory_that_does_not_sync_takes_no_entry() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    disk.set_faults(Faults { fails_to_sync_directory: true, ..Faults::default() });
    assert!(is_storage(&block_on(opened.queue.append(entry(1, 10)))));
    disk.set_faults(Faults::default());
    append(&opened.queue, [entry(2, 10)]);
    let cut = disk.cut_power(|| false);
    assert_eq!(open_on(&cut, LIMITS).told.positions(), [2]);
}

#[test]
fn a_disk_that_fails_every_sync_leaves_no_files_behind() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    disk.set_faults(Faults {
        // Each failed sync abandons its segment: on a failing disk that would be a file for every
        // try, for as long as nobody looks.
        failing_syncs: 20,
        ..Faults::default()
    });
    for seq in 1..=20 {
        assert!(is_storage(&block_on(opened.queue.append(entry(seq, 10)))));
    }
    assert!(!disk.names().iter().any(|name| name.ends_with(".segment")));
    append(&opened.queue, [entry(21, 10)]);
}

#[test]
fn a_payload_longer_than_a_frame_is_refused_alone() {
    let opened = open_on(&SimulatedDisk::default(), LIMITS);
    let entries = vec![
        entry(1, 10),
        // No agent can send it, the ingest refuses it before; the queue does not rely on that, as
        // its reader would call the record damaged.
        entry(2, FRAME_WIRE_BYTES_MAX + 1),
        entry(3, 10),
    ];
    let results = append_together(&opened.queue, entries);
    assert!(results[0].is_ok() && is_storage(&results[1]) && results[2].is_ok());
}
