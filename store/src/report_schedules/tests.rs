//! What a user would miss of schedules: reports at the time of day that they named, wherever that is, each
//! once.

use time::macros::datetime;

use super::*;
use crate::companies;
use crate::page::PageRequest;
use crate::report_files::{self, FILES_MAX, NewReport, ReportFormat, ReportKind};
use crate::test_fixtures::{World, at, id};

const SPEC: Spec = Spec {
    kind: ReportKind::Summary,
    format: ReportFormat::Html,
    severity_min: None,
    kev: None,
    label: None,
};

fn every(weekday: Option<u8>, minute: u16, time_zone: &str) -> Every {
    Every { weekday, minute, time_zone: time_zone.to_owned() }
}

async fn make(world: &World, every: &Every, now: OffsetDateTime) -> Result<Schedule, ChangeError> {
    let name = format!("{every:?}");
    let schedule = ScheduleChange { name: &name, spec: SPEC, every, is_enabled: true };
    create(&world.scope, &NewSchedule { id: id(), schedule }, now).await
}

#[tokio::test]
async fn the_next_time_is_that_of_a_clock_in_its_time_zone() {
    let world = World::new().await;
    // A Saturday in winter.
    let now = datetime!(2026-03-28 12:00 UTC);
    for (weekday, minute, zone, next) in [
        (None, 13 * 60, "UTC", datetime!(2026-03-28 13:00 UTC)),
        (None, 12 * 60, "UTC", datetime!(2026-03-29 12:00 UTC)),
        // In Berlin summer begins in the night.
        (None, 14 * 60, "Europe/Berlin", datetime!(2026-03-28 13:00 UTC)),
        (None, 8 * 60, "Europe/Berlin", datetime!(2026-03-29 6:00 UTC)),
        // The clock goes from two to three.
        (None, 150, "Europe/Berlin", datetime!(2026-03-29 1:30 UTC)),
        (Some(1), 8 * 60, "Europe/Berlin", datetime!(2026-03-30 6:00 UTC)),
        (Some(6), 8 * 60, "Europe/Berlin", datetime!(2026-04-04 6:00 UTC)),
        // In Auckland it is Sunday already.
        (Some(7), 120, "Pacific/Auckland", datetime!(2026-03-28 13:00 UTC)),
        (Some(7), 0, "Pacific/Auckland", datetime!(2026-04-04 11:00 UTC)),
    ] {
        let made = make(&world, &every(weekday, minute, zone), now).await.unwrap();
        assert_eq!(made.next_at, next, "{weekday:?} {minute} {zone}");
    }
}

#[tokio::test]
async fn a_time_zone_that_is_none_is_refused() {
    let world = World::new().await;
    for zone in ["", "Berlin", "Europe/Atlantis", "UTC; SELECT 1", "EST5EDT4"] {
        let refused = make(&world, &every(None, 0, zone), at(0)).await;
        assert!(matches!(refused, Err(ChangeError::NoTimeZone)), "{zone}: {refused:?}");
    }
}

#[tokio::test]
async fn a_schedule_asks_for_one_report_each_time_and_once_for_those_that_were_missed() {
    let world = World::new().await;
    // The test's day begins at eight.
    let made = make(&world, &every(None, 9 * 60, "UTC"), at(0)).await.unwrap();
    assert_eq!(due(&world.scope, id, at(10)).await.unwrap(), Due::default());
    let nine = made.next_at;
    let first = due(&world.scope, id, nine).await.unwrap().reports;
    assert_eq!(first.len(), 1);
    assert_eq!(due(&world.scope, id, nine).await.unwrap(), Due::default());
    let report = report_files::get(&world.scope, first[0]).await.unwrap().unwrap();
    assert_eq!((report.schedule, report.spec, &report.name), (Some(made.id), SPEC, &made.name));
    // Five days in which nobody looked.
    let later = nine + time::Duration::days(5);
    assert_eq!(due(&world.scope, id, later).await.unwrap().reports.len(), 1);
    let schedule = get(&world.scope, made.id).await.unwrap().unwrap();
    assert_eq!(schedule.next_at, later + time::Duration::DAY);
}

#[tokio::test]
async fn a_schedule_keeps_its_newest_reports() {
    let world = World::new().await;
    let made = make(&world, &every(None, 540, "UTC"), at(0)).await.unwrap();
    for day in 0..20 {
        due(&world.scope, id, made.next_at + time::Duration::days(day)).await.unwrap();
    }
    let page = PageRequest::first(100);
    let kept = report_files::list(&world.scope, Some(made.id), &page).await.unwrap().items;
    assert_eq!(kept.len(), REPORTS_KEPT as usize);
    assert_eq!(kept[0].created_at, made.next_at + time::Duration::days(19));
}

#[tokio::test]
async fn reports_of_schedules_take_nobodys_place_who_asks_for_one() {
    let world = World::new().await;
    let made = make(&world, &every(None, 540, "UTC"), at(0)).await.unwrap();
    due(&world.scope, id, made.next_at).await.unwrap();
    let ask = async || {
        let new = NewReport { id: id(), name: "Asked for", spec: SPEC };
        report_files::create(&world.scope, &new, made.next_at).await
    };
    for _ in 0..FILES_MAX {
        ask().await.unwrap();
    }
    let refused = ask().await.unwrap_err().to_string();
    assert!(refused.contains("beside those of its schedules"), "{refused}");
    let later = made.next_at + time::Duration::DAY;
    assert_eq!(due(&world.scope, id, later).await.unwrap().reports.len(), 1);
}

#[tokio::test]
async fn a_schedule_that_is_off_asks_for_nothing_and_makes_up_for_nothing() {
    let world = World::new().await;
    let daily = every(None, 540, "UTC");
    let made = make(&world, &daily, at(0)).await.unwrap();
    let mut to = ScheduleChange { name: "off", spec: SPEC, every: &daily, is_enabled: false };
    change(&world.scope, made.id, &to, Some(1), at(1)).await.unwrap().unwrap();
    let later = made.next_at + time::Duration::days(3);
    assert_eq!(due(&world.scope, id, later).await.unwrap(), Due::default());
    to.is_enabled = true;
    let on = change(&world.scope, made.id, &to, Some(2), later).await.unwrap().unwrap();
    assert_eq!(on.next_at, later + time::Duration::DAY);
    let stale = change(&world.scope, made.id, &to, Some(1), later).await;
    assert!(matches!(stale, Err(ChangeError::Changed)), "{stale:?}");
}

#[tokio::test]
async fn a_name_is_taken_once_and_a_company_with_a_schedule_is_visited() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    assert_eq!(companies::with_report_schedules(&operator).await.unwrap(), []);
    let daily = every(None, 540, "UTC");
    let made = make(&world, &daily, at(0)).await.unwrap();
    let again = make(&world, &daily, at(0)).await;
    assert!(matches!(again, Err(ChangeError::NameTaken)), "{again:?}");
    let visited = companies::with_report_schedules(&operator).await.unwrap();
    assert_eq!(visited, [world.scope.company()]);
    assert!(delete(&world.scope, made.id, at(1)).await.unwrap());
    assert_eq!(get(&world.scope, made.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_schedule_whose_time_zone_is_no_more_comes_once_a_day_and_stops_no_other() {
    let world = World::new().await;
    let lost = make(&world, &every(Some(7), 9 * 60, "UTC"), at(0)).await.unwrap();
    let other = make(&world, &every(None, 9 * 60, "UTC"), at(0)).await.unwrap();
    let sql =
        format!("UPDATE report_schedules SET time_zone = 'Gone/Zone' WHERE id = '{}'", lost.id);
    world.database.execute(&sql).await;
    let now = lost.next_at.max(other.next_at);
    let (reports, page) =
        (due(&world.scope, id, now).await.unwrap().reports, PageRequest::first(9));
    assert_eq!(reports.len(), 2);
    for schedule in list(&world.scope, &page).await.unwrap().items {
        assert_eq!(schedule.next_at, now + time::Duration::DAY, "{schedule:?}");
    }
}
