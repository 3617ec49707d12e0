//! What follows from each reason for which a report or a whole agent is not taken.

use super::*;

#[test]
fn every_reason_of_a_reject_has_its_consequence() {
    for reason in RejectReason::ALL {
        let mut bench = Bench::open(5);
        bench.send();
        bench.reject(bench.at(1), reason, 2_000);
        let (over, parted) = (bench.count(is_start_over), bench.count(is_disconnect));
        let may_come_again = [
            RejectReason::RateLimited,
            RejectReason::QueueFull,
            RejectReason::StorageUnavailable,
            RejectReason::Internal,
        ];
        let never = [
            RejectReason::Gap,
            RejectReason::FrameTooLarge,
            RejectReason::Undecodable,
            RejectReason::TooManyRecords,
            RejectReason::InvalidRecord,
        ];
        let is_refused = !may_come_again.contains(&reason) && !never.contains(&reason);
        let expected = (usize::from(never.contains(&reason)), usize::from(is_refused));
        assert_eq!((over, parted), expected, "{reason}");
        assert_eq!(bench.send(), [], "{reason}: nothing is sent at once");
        if over == 0 {
            assert!(bench.spool.pending.is_some(), "{reason}: nothing is lost");
        }
        if parted == 1 {
            assert!(bench.waits_until() >= bench.now + 2 * SECOND, "{reason}");
        }
    }
}

#[test]
fn sends_the_same_reports_again_after_the_pause_that_was_asked_for() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.tell(ack(bench.at(1)));
    bench.reject(bench.at(2), RejectReason::RateLimited, 5_000);
    bench.sleep_for(5 * SECOND - Duration::from_millis(1));
    assert_eq!(bench.send(), []);
    bench.sleep_for(4 * SECOND);
    assert_eq!(bench.send(), (2..=5).map(|seq| bench.at(seq)).collect::<Vec<_>>());
}

#[test]
fn rejects_that_follow_the_first_one_are_not_news() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.reject(bench.at(2), RejectReason::QueueFull, 1_000);
    bench.done.clear();
    for seq in 3..=5 {
        bench.reject(bench.at(seq), RejectReason::Gap, 0);
    }
    assert!(bench.done.is_empty(), "{:?}", bench.done);
    assert!(!bench.spool.is_snapshot_due);
}

#[test]
fn fills_a_gap_from_the_spool_where_it_can() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.reject(bench.at(4), RejectReason::Gap, 0);
    assert_eq!(bench.count(is_start_over), 0);
    bench.sleep_for(2 * SECOND);
    assert_eq!(bench.send().first(), Some(&bench.at(1)));
}

#[test]
fn begins_an_epoch_where_the_gap_was_acknowledged_before() {
    let mut bench = Bench::open(5);
    bench.send();
    bench.tell(ack(bench.at(3)));
    bench.reject(bench.at(4), RejectReason::Gap, 0);
    assert!(
        bench
            .done
            .contains(&Action::StartOver(StartOver::Rejected(bench.at(4), RejectReason::Gap)))
    );
    assert_eq!(bench.count(is_scan), 1);
}

#[test]
fn a_report_that_is_never_taken_does_not_keep_the_agent_busy() {
    let mut bench = Bench::open(1);
    let end = bench.now + Duration::from_secs(86_400);
    let mut epochs = 0;
    while bench.now < end {
        if let Some(position) = bench.send().first() {
            bench.reject(*position, RejectReason::InvalidRecord, 0);
            epochs += 1;
        }
        if bench.session.is_scanning() {
            bench.scanned(1);
        } else {
            bench.sleep();
        }
    }
    assert!((5..=20).contains(&epochs), "{epochs} snapshots a day");
}

#[test]
fn a_report_that_a_collector_cannot_even_read_is_not_sent_for_ever() {
    let refuse =
        |reason| CollectorMessage::Refuse { reason, detail: String::new(), retry_after_ms: 0 };
    let mut bench = Bench::open(3);
    bench.send();
    bench.tell(refuse(RejectReason::Undecodable));
    assert_eq!(bench.count(is_start_over), 1);
    assert_eq!(bench.count(is_disconnect), 1);

    let mut idle = Bench::open(3);
    idle.tell(refuse(RejectReason::Undecodable));
    assert_eq!(idle.count(is_start_over), 0, "it was not about a report");
    let mut revoked = Bench::open(3);
    revoked.send();
    revoked.tell(refuse(RejectReason::AgentRevoked));
    assert_eq!(revoked.count(is_start_over), 0);
}

#[test]
fn ignores_answers_to_an_epoch_that_is_over() {
    let mut bench = Bench::open(2);
    bench.send();
    let old = bench.at(2);
    bench.tell(CollectorMessage::SendSnapshot);
    assert_eq!(bench.count(is_start_over), 0, "a snapshot is under way");
    bench.reject(bench.at(1), RejectReason::InvalidRecord, 0);
    bench.scanned(2);
    bench.send();
    bench.done.clear();
    bench.tell(ack(old));
    bench.reject(old, RejectReason::InvalidRecord, 0);
    assert!(bench.done.is_empty(), "{:?}", bench.done);
}
