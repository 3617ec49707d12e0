//! When the host is scanned, by schedule and on request, and what heartbeats tell of it.

use super::*;

#[test]
fn scans_once_for_a_request_however_often_it_comes() {
    let mut bench = Bench::open(0);
    for _ in 0..3 {
        bench.tell(CollectorMessage::ScanNow { request: 7 });
    }
    assert_eq!(bench.count(is_scan), 1);
    bench.scanned(0);
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    bench.tell(CollectorMessage::ScanNow { request: 6 });
    assert_eq!(bench.count(is_scan), 1);
    bench.tell(CollectorMessage::ScanNow { request: 8 });
    assert_eq!(bench.count(is_scan), 2);
}

#[test]
fn tells_at_once_that_a_requested_scan_is_done() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    bench.done.clear();
    bench.scanned(0);
    let Some(Action::Beat(heartbeat)) = bench.done.front() else {
        panic!("no heartbeat: {:?}", bench.done);
    };
    assert_eq!(heartbeat.scan_done, 7);
}

#[test]
fn a_request_during_a_scan_is_done_by_the_next_one() {
    let mut bench = Bench::new();
    bench.connect();
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    assert_eq!(bench.count(is_scan), 1);
    bench.scanned(1);
    assert_eq!(
        bench.done.iter().rfind(|action| is_scan(action)),
        Some(&Action::StartScan { request: 7 })
    );
    assert_eq!(bench.session.scans.done(), 0);
    bench.scanned(0);
    assert_eq!(bench.session.scans.done(), 7);
}

#[test]
fn a_scan_that_could_not_be_recorded_is_tried_again_within_minutes_and_not_called_done() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::ScanNow { request: 7 });
    bench.give(Event::ScanFinished { recorded: false });
    assert_eq!(bench.session.scans.done(), 0);
    bench.done.clear();
    bench.sleep_for(61 * SECOND);
    assert_eq!(
        bench.done.iter().find(|action| is_scan(action)),
        Some(&Action::StartScan { request: 7 })
    );
}

#[test]
fn scans_on_schedule_with_the_time_that_the_collector_set() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::Settings(Settings { scan_every_s: 600, ..Settings::default() }));
    for _ in 0..5 {
        bench.done.clear();
        bench.sleep_for(661 * SECOND);
        assert_eq!(bench.count(is_scan), 1);
        bench.scanned(0);
    }
}

#[test]
fn an_idle_hour_is_twelve_heartbeats_and_nothing_else() {
    let mut bench = Bench::open(0);
    bench
        .tell(CollectorMessage::Settings(Settings { scan_every_s: 86_400, ..Settings::default() }));
    bench.sleep();
    bench.done.clear();
    let mut wakes = 0;
    let end = bench.now + Duration::from_secs(3_600);
    while bench.session.deadline().is_some_and(|at| at <= end) {
        bench.sleep();
        wakes += 1;
    }
    assert!((11..=14).contains(&bench.count(is_heartbeat)));
    assert_eq!(wakes, bench.done.len(), "every wake-up is for a heartbeat");
}

#[test]
fn the_first_heartbeat_follows_the_welcome_and_tells_the_digest() {
    let digest = InventoryDigest { count: 3, sum: 9 };
    let mut bench = Bench::with(SpoolView {
        acknowledged: Position::new(4, 9),
        digest: Some(digest),
        ..SpoolView::default()
    });
    bench.connect();
    let heartbeat = bench.done.iter().find(|action| is_heartbeat(action));
    assert_eq!(
        heartbeat,
        Some(&Action::Beat(Heartbeat {
            acknowledged: Position::new(4, 9),
            digest: Some(digest),
            scan_done: 0,
        }))
    );
}
