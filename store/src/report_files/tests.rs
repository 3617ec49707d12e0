//! What a user would miss of reports: that each is made or given up, that a file is whole and one attempt's, and
//! that what is deleted or over is gone.

use super::*;
use crate::page::PageRequest;
use crate::test_fixtures::{World, at, id};
use crate::{audit, jobs};

const COUNT_PARTS: &str = "SELECT count(*) FROM report_parts WHERE company_key = $1";

const SPEC: Spec = Spec {
    kind: ReportKind::Findings,
    format: ReportFormat::Html,
    severity_min: Some(Severity::High),
    kev: Some(true),
    label: None,
};

async fn ask(world: &World) -> Uuid {
    let new = NewReport { id: id(), name: "Every finding", spec: SPEC };
    create(&world.scope, &new, at(1)).await.unwrap().id
}

async fn state(world: &World, report: Uuid) -> ReportState {
    get(&world.scope, report).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_report_is_waiting_until_its_file_is_whole() {
    let world = World::new().await;
    let report = ask(&world).await;
    let making = begin(&world.scope, report).await.unwrap().unwrap();
    assert_eq!(making.report.spec, SPEC);
    for (number, bytes) in [(0, b"first "), (1, b"second")] {
        assert_eq!(put_part(&world.scope, &making, number, bytes).await.unwrap(), Put::Done);
    }
    assert_eq!(state(&world, report).await, ReportState::Waiting);
    let finished = Finished { bytes: 12, records: 2 };
    assert!(finish(&world.scope, &making, finished, at(5)).await.unwrap());
    let done = get(&world.scope, report).await.unwrap().unwrap();
    assert_eq!((done.state, done.bytes, done.records), (ReportState::Done, 12, 2));
    assert_eq!(done.finished_at, Some(at(5)));
    assert_eq!(part(&world.scope, report, 1).await.unwrap().as_deref(), Some(&b"second"[..]));
    assert_eq!(part(&world.scope, report, 2).await.unwrap(), None);
    // Nobody makes it again.
    assert!(begin(&world.scope, report).await.unwrap().is_none());
}

#[tokio::test]
async fn a_report_that_is_asked_for_has_the_job_that_makes_it() {
    let world = World::new().await;
    let report = ask(&world).await;
    let lease = std::time::Duration::from_secs(60);
    let job = jobs::take(world.store(), &[JOB], lease, at(1)).await.unwrap().unwrap();
    assert_eq!(job.tick, report.to_string());
    let payload: Payload = serde_json::from_value(job.payload).unwrap();
    assert_eq!(payload.report, Some((world.scope.company(), report)));
    // A report whose job cannot be asked for is not there: nobody would ever make it.
    world.database.execute("ALTER TABLE jobs ADD CONSTRAINT refused CHECK (false) NOT VALID").await;
    let new = NewReport { id: id(), name: "no job", spec: SPEC };
    create(&world.scope, &new, at(2)).await.unwrap_err();
    assert_eq!(get(&world.scope, new.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_report_that_nobody_makes_any_more_is_given_up_and_no_other_is() {
    let world = World::new().await;
    let (done, lost) = (ask(&world).await, ask(&world).await);
    let making = begin(&world.scope, done).await.unwrap().unwrap();
    put_part(&world.scope, &making, 0, b"done").await.unwrap();
    finish(&world.scope, &making, Finished { bytes: 4, records: 1 }, at(2)).await.unwrap();
    let making = begin(&world.scope, lost).await.unwrap().unwrap();
    put_part(&world.scope, &making, 0, b"a part").await.unwrap();
    // Both were asked for at 1.
    assert_eq!(give_up_lost(&world.scope, at(1), at(3)).await.unwrap(), 0);
    assert_eq!(give_up_lost(&world.scope, at(2), at(3)).await.unwrap(), 1);
    let given_up = get(&world.scope, lost).await.unwrap().unwrap();
    assert_eq!((given_up.state, given_up.finished_at), (ReportState::Failed, Some(at(3))));
    assert!(given_up.error.unwrap().contains("ask for it again"));
    assert_eq!(state(&world, done).await, ReportState::Done);
    assert_eq!(world.number(COUNT_PARTS).await, 1, "its file is no longer there");
    // Whoever comes back late to it finds that it is over.
    assert_eq!(put_part(&world.scope, &making, 1, b"late").await.unwrap(), Put::NotOurs);
}

#[tokio::test]
async fn an_attempt_that_another_one_has_followed_writes_nothing_any_more() {
    let world = World::new().await;
    let report = ask(&world).await;
    let lost = begin(&world.scope, report).await.unwrap().unwrap();
    assert_eq!(put_part(&world.scope, &lost, 0, b"old").await.unwrap(), Put::Done);
    let ours = begin(&world.scope, report).await.unwrap().unwrap();
    assert_eq!(put_part(&world.scope, &lost, 1, b"old").await.unwrap(), Put::NotOurs);
    assert!(!finish(&world.scope, &lost, Finished::default(), at(5)).await.unwrap());
    fail(&world.scope, &lost, "a lost attempt", at(5)).await.unwrap();
    assert_eq!(state(&world, report).await, ReportState::Waiting);
    assert_eq!(put_part(&world.scope, &ours, 0, b"new").await.unwrap(), Put::Done);
    assert!(finish(&world.scope, &ours, Finished::default(), at(6)).await.unwrap());
    assert_eq!(part(&world.scope, report, 0).await.unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(part(&world.scope, report, 1).await.unwrap(), None);
}

#[tokio::test]
async fn a_report_that_is_given_up_says_why_and_has_no_file() {
    let world = World::new().await;
    let report = ask(&world).await;
    let making = begin(&world.scope, report).await.unwrap().unwrap();
    put_part(&world.scope, &making, 0, b"a part").await.unwrap();
    fail(&world.scope, &making, "it is too large", at(5)).await.unwrap();
    let failed = get(&world.scope, report).await.unwrap().unwrap();
    assert_eq!(failed.state, ReportState::Failed);
    assert_eq!(failed.error.as_deref(), Some("it is too large"));
    assert_eq!(world.number(COUNT_PARTS).await, 0);
}

#[tokio::test]
async fn a_report_goes_with_its_file_when_it_is_deleted_or_over() {
    let world = World::new().await;
    let (first, second) = (ask(&world).await, ask(&world).await);
    for report in [first, second] {
        let making = begin(&world.scope, report).await.unwrap().unwrap();
        put_part(&world.scope, &making, 0, b"x").await.unwrap();
    }
    assert!(delete(&world.scope, first, at(2)).await.unwrap());
    assert!(!delete(&world.scope, first, at(2)).await.unwrap());
    assert_eq!(world.number(COUNT_PARTS).await, 1);
    assert_eq!(purge(&world.scope, at(0) + KEPT).await.unwrap(), 0);
    assert_eq!(purge(&world.scope, at(1) + KEPT).await.unwrap(), 1);
    assert_eq!(world.number(COUNT_PARTS).await, 0);
    let page = PageRequest::first(9);
    assert_eq!(list(&world.scope, None, &page).await.unwrap().items, []);
}

#[tokio::test]
async fn a_company_has_a_bounded_number_of_reports() {
    let world = World::new().await;
    for _ in 0..FILES_MAX {
        ask(&world).await;
    }
    let new = NewReport { id: id(), name: "One more", spec: SPEC };
    let refused = create(&world.scope, &new, at(1)).await;
    assert!(matches!(refused, Err(CreateError::TooMany)), "{refused:?}");
}

#[tokio::test]
async fn who_asked_for_a_report_and_deleted_it_is_in_the_audit_log() {
    let world = World::new().await;
    let report = ask(&world).await;
    delete(&world.scope, report, at(2)).await.unwrap();
    let page = PageRequest::first(9);
    let log = audit::list(&world.scope, &audit::EntryFilter::default(), &page).await.unwrap();
    let actions: Vec<&str> = log.items.iter().map(|entry| entry.action.as_str()).collect();
    assert!(
        actions.contains(&"report.create") && actions.contains(&"report.delete"),
        "{actions:?}"
    );
}

#[tokio::test]
async fn reports_that_are_made_at_once_have_the_room_of_one_company() {
    let world = World::new().await;
    let (first, second, third) = (ask(&world).await, ask(&world).await, ask(&world).await);
    let scope = &world.scope;
    let [one, other] = [first, second].map(|report| begin(scope, report));
    let (one, other) = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    assert!(one.has_room && other.has_room);
    assert_eq!(put_part(scope, &one, 0, b"part").await.unwrap(), Put::Done);
    // All but three bytes of what there may be.
    let sql = format!("UPDATE report_files SET bytes = {} WHERE id = '{first}'", BYTES_MAX - 3);
    world.database.execute(&sql).await;
    assert_eq!(put_part(scope, &other, 0, b"four").await.unwrap(), Put::NoRoom);
    assert_eq!(put_part(scope, &other, 0, b"two").await.unwrap(), Put::Done);
    assert_eq!(put_part(scope, &one, 1, b"x").await.unwrap(), Put::NoRoom);
    let late = begin(scope, third).await.unwrap().unwrap();
    assert!(!late.has_room, "nothing is read for what cannot be kept");
    let new = NewReport { id: id(), name: "One more", spec: SPEC };
    let refused = create(scope, &new, at(1)).await;
    assert!(matches!(refused, Err(CreateError::TooLarge)), "{refused:?}");
    // What is given up or begun again gives its room back.
    fail(scope, &one, "too large", at(2)).await.unwrap();
    assert!(begin(scope, third).await.unwrap().unwrap().has_room);
}
