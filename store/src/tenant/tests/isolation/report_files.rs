//! A company's report and schedule: each of their tables has a row, which another company cannot get at.

use super::two_companies;
use crate::page::PageRequest;
use crate::report_files::{self, Finished, NewReport, Put, ReportFormat, ReportKind, Spec};
use crate::report_schedules::{self, Every, NewSchedule, ScheduleChange};
use crate::tenant::TenantScope;
use crate::test_fixtures::{at, id};

/// A report with one part, and a schedule.
pub(super) async fn make(scope: &TenantScope) {
    let spec = Spec {
        kind: ReportKind::Findings,
        format: ReportFormat::Csv,
        severity_min: None,
        kev: None,
        label: None,
    };
    let new = NewReport { id: id(), name: "ours", spec };
    report_files::create(scope, &new, at(1)).await.unwrap();
    let making = report_files::begin(scope, new.id).await.unwrap().unwrap();
    assert_eq!(report_files::put_part(scope, &making, 0, b"ours").await.unwrap(), Put::Done);
    let every = Every { weekday: None, minute: 0, time_zone: "UTC".to_owned() };
    let schedule = ScheduleChange { name: "ours", spec, every: &every, is_enabled: true };
    let new = NewSchedule { id: id(), schedule };
    report_schedules::create(scope, &new, at(1)).await.unwrap();
}

/// Makes the report.
pub(super) async fn done(scope: &TenantScope) {
    let page = &PageRequest::first(1);
    let id = report_files::list(scope, None, page).await.unwrap().items[0].id;
    let making = report_files::begin(scope, id).await.unwrap().unwrap();
    for number in 0..2 {
        assert_eq!(
            report_files::put_part(scope, &making, number, b"ours").await.unwrap(),
            Put::Done
        );
    }
    let finished = Finished { bytes: 8, records: 1 };
    assert!(report_files::finish(scope, &making, finished, at(2)).await.unwrap());
}

#[tokio::test]
async fn reports_of_another_company_are_neither_seen_nor_changed() {
    let (world, other, _) = two_companies().await;
    let page = &PageRequest::first(10);
    let ours = report_files::list(&world.scope, None, page).await.unwrap().items.remove(0);
    let schedule = report_schedules::list(&world.scope, page).await.unwrap().items.remove(0);

    assert_eq!(report_files::list(&other, None, page).await.unwrap().items, []);
    assert_eq!(report_files::get(&other, ours.id).await.unwrap(), None);
    assert_eq!(report_files::part(&other, ours.id, 0).await.unwrap(), None);
    assert!(report_files::begin(&other, ours.id).await.unwrap().is_none());
    assert!(!report_files::delete(&other, ours.id, at(2)).await.unwrap());
    assert_eq!(report_files::purge(&other, at(1_000_000_000)).await.unwrap(), 0);
    let (now, lost) = (at(1_000_000_000), report_files::give_up_lost);
    assert_eq!(lost(&other, now, now).await.unwrap(), 0);
    assert_eq!(report_schedules::list(&other, page).await.unwrap().items, []);
    assert_eq!(report_schedules::get(&other, schedule.id).await.unwrap(), None);
    let due = report_schedules::due(&other, id, at(1_000_000)).await.unwrap();
    assert!(due.reports.is_empty());
    assert!(!report_schedules::delete(&other, schedule.id, at(2)).await.unwrap());
    // And nothing of it changed meanwhile.
    assert_eq!(report_files::get(&world.scope, ours.id).await.unwrap(), Some(ours));
    assert_eq!(report_schedules::get(&world.scope, schedule.id).await.unwrap(), Some(schedule));
}
