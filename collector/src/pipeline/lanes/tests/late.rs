//! A database that is late with reports: how long that has gone on, and how often it is tried.

use super::*;

#[test]
fn reports_that_a_database_is_late_with_are_charged_with_nothing_but_the_time_that_it_takes() {
    let began = start();
    let mut now = began;
    let mut lanes = lanes_with(&[delta((1, 1), (1, 1)), delta((1, 1), (1, 2))], now);
    assert_eq!(take_late(&mut lanes, now), None);
    let mut tries = 1;
    while now < began + Duration::from_secs(3_600) {
        // The rest, and the age that a batch needs behind it.
        now = lanes.due_at().unwrap() + ms(50);
        assert_eq!(take_late(&mut lanes, now), Some(began));
        tries += 1;
    }
    // At once, then ever more seldom, and every half minute at last.
    assert!((120..150).contains(&tries), "{tries} tries");
}

#[test]
fn a_report_is_not_charged_with_the_time_that_the_one_before_it_took() {
    let mut now = start();
    let mut lanes = lanes_with(&[delta((1, 1), (1, 1)), delta((1, 1), (1, 2))], now);
    take_late(&mut lanes, now);
    now += REST_MAX;
    // The first is stored at last, and then the database is away.
    let part = take_part(&mut lanes, now);
    lanes.put_back(part.agent, &part.slips[1..], Rest::Untouched, now);
    now += ms(50);
    assert_eq!(take_part(&mut lanes, now).late_since, None);
}

/// Takes the one part and puts it back late; gives since when it was late before.
fn take_late(lanes: &mut Lanes, now: Instant) -> Option<Instant> {
    let part = take_part(lanes, now);
    assert_eq!(part.attempts, 0);
    lanes.put_back(part.agent, &part.slips, Rest::Late, now);
    part.late_since
}
