//! Bytes that are not what was written: torn tails, flipped bits, lost stretches.

use super::super::disk::simulated::Faults;
use super::super::writer::Next;
use super::*;

/// A disk with one segment of three groups: 1, then 2 and 3, then 4.
fn three_groups() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let mut writer = Writer::new(
        Arc::new(disk.clone()),
        LIMITS,
        Arc::default(),
        Arc::new(Told::default()),
        clock(),
        Next { segment: 1, previous: 0, sequence: 1 },
    );
    for group in [1..=1, 2..=3, 4..=4] {
        let mut waiting = group
            // Nobody waits for these answers; the writer must not mind.
            .map(|seq| (entry(seq, 100), oneshot::channel().0))
            .collect();
        writer.append_all(&mut waiting);
    }
    let (_, closed) = mpsc::channel(1);
    writer.run(closed);
    disk
}

const RECORD: usize = record::HEAD_BYTES + 100;

/// Where the record with that seq stands.
fn record_of(seq: usize) -> std::ops::Range<usize> {
    let start = segment::HEADER_BYTES + (seq - 1) * RECORD;
    start..start + RECORD
}

#[test]
fn a_tail_torn_at_any_byte_costs_only_what_was_not_acknowledged() {
    let whole = three_groups().bytes(&segment::file_name(1));
    for end in segment::HEADER_BYTES..=whole.len() {
        let disk = SimulatedDisk::default();
        disk.put(&segment::file_name(1), &whole[..end]);
        let opened = open_on(&disk, LIMITS);
        let kept = (end - segment::HEADER_BYTES) / RECORD;
        assert_eq!(opened.told.slips().len(), kept, "cut at byte {end}");
        assert_eq!(opened.recovered.damaged_segments, 0, "cut at byte {end}");
        append(&opened.queue, [entry(9, 10)]);
    }
}

#[test]
fn a_tail_torn_inside_a_header_is_an_empty_queue() {
    let whole = three_groups().bytes(&segment::file_name(1));
    for end in 0..segment::HEADER_BYTES {
        let disk = SimulatedDisk::default();
        disk.put(&segment::file_name(1), &whole[..end]);
        let opened = open_on(&disk, LIMITS);
        assert_eq!(opened.recovered.entries, 0, "cut at byte {end}");
        append(&opened.queue, [entry(9, 10)]);
    }
}

#[test]
fn any_flipped_bit_costs_at_most_the_record_that_holds_it_or_the_last_group() {
    let whole = three_groups().bytes(&segment::file_name(1));
    for byte in segment::HEADER_BYTES..whole.len() {
        let disk = SimulatedDisk::default();
        disk.put(&segment::file_name(1), &whole);
        disk.damage(&segment::file_name(1), |bytes| {
            // Every byte once, a different bit each: all 8 bits of every byte would take eight
            // times as long and hit the same checks.
            bytes[byte] ^= 1 << (byte % 8);
        });
        let opened = open_on(&disk, LIMITS);
        let hit = u32::try_from((byte - segment::HEADER_BYTES) / RECORD + 1).unwrap();
        let rest: Vec<_> = (1..=4).filter(|seq| *seq != hit).collect();
        assert_eq!(opened.told.positions(), rest, "flipped a bit of byte {byte}");
        // Nothing behind the last group proves that it was acknowledged; the one before it is
        // proven by the last.
        let is_known = hit < 4;
        assert_eq!(opened.recovered.lost_entries, u64::from(is_known));
    }
}

#[test]
fn a_flipped_bit_in_a_header_costs_nothing() {
    let whole = three_groups().bytes(&segment::file_name(1));
    for byte in 0..segment::HEADER_BYTES {
        let disk = SimulatedDisk::default();
        disk.put(&segment::file_name(1), &whole);
        disk.damage(&segment::file_name(1), |bytes| bytes[byte] ^= 0x10);
        let opened = open_on(&disk, LIMITS);
        assert_eq!(opened.told.positions(), [1, 2, 3, 4], "byte {byte}");
        assert_eq!(opened.recovered.damaged_segments, 1);
    }
}

#[test]
fn a_lost_stretch_in_the_middle_is_reported_copied_and_jumped_over() {
    let disk = three_groups();
    let name = segment::file_name(1);
    disk.damage(&name, |bytes| {
        bytes[record_of(1).start..record_of(2).end].fill(0);
    });
    let damaged = disk.bytes(&name);
    let opened = open_on(&disk, LIMITS);
    assert_eq!(opened.told.positions(), [3, 4]);
    assert_eq!(opened.recovered.lost_entries, 2);
    assert_eq!(disk.bytes(&segment::damaged_file_name(1)), damaged);
}

#[test]
fn a_sealed_segment_that_lost_its_end_says_how_many_entries_that_are() {
    let disk = SimulatedDisk::default();
    let first = open_on(&disk, LIMITS);
    append(&first.queue, (1..=3).map(|seq| entry(seq, 100)));
    first.queue.close();
    let second = open_on(&disk, LIMITS);
    append(&second.queue, [entry(4, 100)]);
    second.queue.close();
    disk.damage(&segment::file_name(1), |bytes| {
        // Within the head of the second: the tag is there, and a part of the checksum.
        bytes.truncate(record_of(2).start + 9);
    });
    let third = open_on(&disk, LIMITS);
    assert_eq!(third.told.positions(), [1, 4]);
    assert_eq!(third.recovered.lost_entries, 2);
    assert_eq!(third.recovered.damaged_segments, 1);
}

#[test]
fn the_end_of_a_group_that_was_not_acknowledged_is_dropped_without_an_alarm() {
    let disk = three_groups();
    let name = segment::file_name(1);
    // Of the group of 2 and 3, only 3 reached the disk, and nothing came after it.
    disk.damage(&name, |bytes| {
        bytes.truncate(record_of(3).end);
        bytes[record_of(2)].fill(0);
    });
    let opened = open_on(&disk, LIMITS);
    assert_eq!(opened.told.positions(), [1]);
    assert_eq!(opened.recovered.damaged_segments, 0);
    assert!(opened.recovered.torn_bytes > RECORD as u64);
}

#[test]
fn a_payload_of_zeros_is_not_taken_for_the_end() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    let mut zeros = entry(1, 0);
    zeros.frame.payload = vec![0; 20_000];
    // Longer than the blocks of zeros that the search for the content's end goes by.
    append(&opened.queue, [zeros.clone(), zeros]);
    let again = open_on(&disk.cut_power(|| false), LIMITS);
    assert_eq!(again.told.slips().len(), 2);
    assert_eq!(again.recovered.torn_bytes, 0);
}

#[test]
fn a_segment_of_noise_is_kept_for_people_and_stops_nothing() {
    let disk = three_groups();
    let noise: Vec<u8> = (0..5_000_u32).map(|n| (n * 31 % 251) as u8).collect();
    disk.put(&segment::file_name(2), &noise);
    let opened = open_on(&disk, LIMITS);
    assert_eq!(opened.told.positions(), [1, 2, 3, 4]);
    assert_eq!(opened.recovered.damaged_segments, 1);
    assert_eq!(disk.bytes(&segment::damaged_file_name(2)), noise);
    append(&opened.queue, [entry(5, 10)]);
    opened.queue.close();
    assert_eq!(open_on(&disk, LIMITS).told.positions(), [1, 2, 3, 4, 5]);
}

#[test]
fn at_most_four_copies_of_damaged_segments_are_kept_and_the_others_stay_as_they_are() {
    let disk = SimulatedDisk::default();
    for number in 1..=6 {
        disk.put(&segment::file_name(number), &[7; 300]);
    }
    let opened = open_on(&disk, LIMITS);
    assert_eq!(opened.recovered.damaged_segments, 6);
    let names = disk.names();
    let copies = names.iter().filter(|name| segment::is_damaged_copy(name)).count();
    assert_eq!(copies, 4);
    assert!(names.contains(&segment::file_name(5)) && names.contains(&segment::file_name(6)));
}

#[test]
fn a_copy_of_another_segment_does_not_pass_for_the_copy_of_this_one() {
    let disk = SimulatedDisk::default();
    disk.put(&segment::damaged_file_name(1), b"of a segment long gone");
    disk.put(&segment::file_name(1), &[7; 300]);
    drop(open_on(&disk, LIMITS));
    // Taken for copied it would be deleted, because nothing of it waits.
    assert_eq!(disk.bytes(&segment::file_name(1)), [7; 300]);
}

#[test]
fn the_number_of_a_damaged_copy_is_not_given_to_a_new_segment() {
    let disk = SimulatedDisk::default();
    disk.put(&segment::damaged_file_name(7), b"of a segment that is done");
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, [entry(1, 10)]);
    assert!(disk.names().contains(&segment::file_name(8)));
}

#[test]
fn a_copy_that_could_not_be_written_is_tried_again_at_the_next_start() {
    let disk = three_groups();
    disk.damage(&segment::file_name(1), |bytes| bytes[record_of(2)].fill(0));
    let damaged = disk.bytes(&segment::file_name(1));
    let copy = segment::damaged_file_name(1);
    disk.set_faults(Faults { failing_writes: 1, ..Faults::default() });
    drop(open_on(&disk, LIMITS));
    assert!(!disk.names().contains(&copy));
    assert_eq!(disk.bytes(&segment::file_name(1)), damaged);
    drop(open_on(&disk, LIMITS));
    assert_eq!(disk.bytes(&copy), damaged);
}

#[test]
fn a_record_inside_a_payload_is_never_taken_for_an_entry() {
    let disk = three_groups();
    let forged = disk.bytes(&segment::file_name(1))[record_of(4)].to_vec();
    let opened = open_on(&disk, LIMITS);
    let mut carrier = entry(5, 0);
    carrier.frame.payload = forged;
    append(&opened.queue, [carrier, entry(6, 10)]);
    opened.queue.close();
    // The carrier's own head breaks, so that recovery has to look for the next record.
    disk.damage(&segment::file_name(2), |bytes| {
        bytes[segment::HEADER_BYTES + 20] ^= 1;
    });
    let again = open_on(&disk, LIMITS);
    assert_eq!(again.told.positions(), [1, 2, 3, 4, 6]);
}

#[test]
fn bytes_of_a_file_that_was_used_before_are_not_taken_for_records() {
    let disk = three_groups();
    let stale = disk.bytes(&segment::file_name(1));
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, [entry(5, 100)]);
    opened.queue.close();
    disk.damage(&segment::file_name(2), |bytes| {
        bytes.extend_from_slice(&stale[record_of(2).start..]);
    });
    assert_eq!(open_on(&disk, LIMITS).told.positions(), [1, 2, 3, 4, 5]);
}

#[test]
fn an_entry_that_rots_while_it_waits_is_said_to_be_damaged() {
    let disk = SimulatedDisk::default();
    let opened = open_on(&disk, LIMITS);
    append(&opened.queue, [entry(1, 100)]);
    let slip = opened.told.slips()[0];
    disk.damage(&segment::file_name(1), |bytes| {
        bytes[record_of(1).end - 1] ^= 1;
    });
    assert!(matches!(opened.queue.read(&slip), Err(ReadError::Damaged(1))));
    disk.damage(&segment::file_name(1), |bytes| bytes.truncate(60));
    assert!(matches!(opened.queue.read(&slip), Err(ReadError::Damaged(1))));
}

#[test]
fn a_damaged_note_of_what_is_complete_is_as_good_as_none() {
    let disk = SimulatedDisk::default();
    let first = open_on(&disk, LIMITS);
    append(&first.queue, (1..=3).map(|seq| entry(seq, 100)));
    first.queue.complete(&first.told.slips()[0]);
    first.queue.close();
    let length = disk.bytes("progress").len();
    for byte in 0..length {
        // Everything survives: it is only a way to copy the disk.
        let copy = disk.cut_power(|| true);
        copy.damage("progress", |bytes| bytes[byte] ^= 0x20);
        assert_eq!(open_on(&copy, LIMITS).told.positions(), [1, 2, 3]);
    }
    assert_eq!(open_on(&disk, LIMITS).told.positions(), [2, 3]);
}

#[test]
fn files_of_others_are_left_alone() {
    let disk = three_groups();
    disk.put("notes.txt", b"mine");
    // The right ending and a number that is not written as this queue writes it.
    disk.put("0001.segment", b"not one of ours either");
    let opened = open_on(&disk, LIMITS);
    assert_eq!(opened.told.positions(), [1, 2, 3, 4]);
    assert_eq!(opened.recovered.damaged_segments, 0);
    assert_eq!(disk.bytes("notes.txt"), b"mine");
}
