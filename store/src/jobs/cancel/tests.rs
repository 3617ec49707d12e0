//! What a user would miss of cancelling: that it stops what it is about, and that it says who did it.

use super::*;
use crate::imports::{ImportState, NewImport};
use crate::jobs::{self, Ending, JobFilter, JobState, NewJob};
use crate::page::PageRequest;
use crate::report_files::{NewReport, ReportFormat, ReportKind, ReportState, Spec};
use crate::test_fixtures::{World, at, id};

async fn newest(world: &World) -> ListedJob {
    let (operator, page) = (world.store().local_operator(), PageRequest::first(1));
    jobs::list(&operator, &JobFilter::default(), &page).await.unwrap().items.remove(0)
}

async fn import(world: &World) -> Uuid {
    let new = NewImport {
        id: id(),
        name: "shop",
        host: protocol::ids::AgentId(id()),
        labels: None,
        format: "spdx",
        version: "2.3",
        sha256: [5; 32],
        document: b"{}",
        components: 0,
        software: 0,
        warnings: &json!([]),
    };
    imports::create(&world.scope, &new, at(1)).await.unwrap().id
}

async fn report(world: &World) -> Uuid {
    let spec = Spec {
        kind: ReportKind::Findings,
        format: ReportFormat::Csv,
        severity_min: None,
        kev: None,
        label: None,
    };
    let new = NewReport { id: id(), name: "r", spec };
    report_files::create(&world.scope, &new, at(1)).await.unwrap().id
}

#[tokio::test]
async fn a_cancelled_job_cancels_its_import_and_the_other_way() {
    let world = World::new().await;
    let state = async |id| imports::get(&world.scope, id).await.unwrap().unwrap().state;
    let first = import(&world).await;
    let job = newest(&world).await;
    assert_eq!((job.tick.as_str(), job.state), (first.to_string().as_str(), JobState::Queued));
    let cancelled = cancel_own(&world.scope, job.id, at(2)).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(cancelled.cancelled_by.as_deref(), Some("system"));
    assert_eq!(state(first).await, ImportState::Cancelled);
    let again = cancel_own(&world.scope, job.id, at(3)).await;
    assert!(matches!(again, Err(CancelError::Over)));

    let second = import(&world).await;
    assert!(imports::cancel(&world.scope, second, at(4)).await.unwrap());
    assert_eq!(newest(&world).await.state, JobState::Cancelled);
    let sql = "SELECT count(*) FROM audit_log WHERE company_key = $1 AND action = 'job.cancel'";
    assert_eq!(world.number(sql).await, 1);
}

#[tokio::test]
async fn whoever_works_at_a_cancelled_job_has_it_no_more() {
    let world = World::new().await;
    let report = report(&world).await;
    let making = report_files::begin(&world.scope, report).await.unwrap().unwrap();
    let lease = std::time::Duration::from_secs(60);
    let job = jobs::take(world.store(), &[report_files::JOB], lease, at(2)).await.unwrap().unwrap();
    let listed = newest(&world).await;
    assert_eq!(listed.state, JobState::Running);
    let operator = world.store().local_operator();
    let cancelled = cancel(&operator, listed.id, at(3)).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert!(!jobs::extend(world.store(), &job, lease).await.unwrap());
    assert!(!jobs::end(world.store(), &job, Ending::Done, at(4)).await.unwrap());
    let put = report_files::put_part(&world.scope, &making, 0, b"late").await.unwrap();
    assert_eq!(put, report_files::Put::NotOurs);
    let file = report_files::get(&world.scope, report).await.unwrap().unwrap();
    assert_eq!(file.state, ReportState::Cancelled);
    assert_eq!(file.error.as_deref(), Some("cancelled by the command line"));
    assert_eq!(newest(&world).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn a_deleted_report_is_made_by_nobody() {
    let world = World::new().await;
    let report = report(&world).await;
    assert!(report_files::delete(&world.scope, report, at(2)).await.unwrap());
    assert_eq!(newest(&world).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn what_is_no_companys_is_cancelled_by_operators_and_stands_in_their_log() {
    let world = World::new().await;
    let payload = json!(null);
    let job =
        NewJob { kind: "tidy", tick: "once", payload: &payload, run_after: at(1), company: None };
    jobs::enqueue(world.store(), &job, at(1)).await.unwrap();
    let listed = newest(&world).await;
    assert_eq!(cancel_own(&world.scope, listed.id, at(2)).await.unwrap(), None);
    let operator = world.store().local_operator();
    assert!(cancel(&operator, listed.id, at(2)).await.unwrap().is_some());
    assert!(matches!(cancel(&operator, listed.id, at(3)).await, Err(CancelError::Over)));
    assert_eq!(cancel(&operator, id(), at(3)).await.unwrap(), None);
    let filter = audit::EntryFilter::default();
    let log = audit::list_of_operators(&operator, &filter, &PageRequest::first(1)).await.unwrap();
    assert_eq!(log.items[0].action, "job.cancel");
}

#[tokio::test]
async fn cancelling_the_job_that_would_erase_a_company_keeps_it() {
    let world = World::new().await;
    let (operator, acme) = (world.store().local_operator(), world.scope.company());
    let week = std::time::Duration::from_secs(7 * 86_400);
    deletion::ask(&operator, acme, "Acme", week, at(1)).await.unwrap();
    let job = newest(&world).await;
    assert_eq!((job.kind.as_str(), job.company), (erase::JOB, Some(acme)));
    assert_eq!(cancel_own(&world.scope, job.id, at(2)).await.unwrap(), None, "not the company's");
    let cancelled = cancel(&operator, job.id, at(2)).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    let company = crate::companies::own(&world.scope).await.unwrap();
    assert_eq!((company.deletion, company.suspended_at), (None, None));
    deletion::ask(&operator, acme, "Acme", std::time::Duration::ZERO, at(3)).await.unwrap();
    // The one that was cancelled is another deletion's.
    assert!(matches!(cancel(&operator, job.id, at(4)).await, Err(CancelError::Over)));
    assert!(crate::companies::own(&world.scope).await.unwrap().deletion.is_some());
    erase::begin(&operator, acme).await.unwrap();
    let job = newest(&world).await;
    assert!(matches!(cancel(&operator, job.id, at(4)).await, Err(CancelError::Erasing)));
}
