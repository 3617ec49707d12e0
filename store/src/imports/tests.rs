//! What a user would miss of imports: one asset a name, the latest document and no other, nothing half done,
//! and an asset that goes when it is let go.

use serde_json::json;

use super::*;
use crate::enrolment_tokens::Labels;
use crate::hosts::{self, HostFilter, HostKind, HostSort};
use crate::jobs;
use crate::page::PageRequest;
use crate::policies::rule::PolicyRule;
use crate::policies::{self, NewPolicy, PolicyChange, PolicyState, ResultFilter};
use crate::reports::{Applied, bring_ahead};
use crate::test_fixtures::{
    Endpoint, GENERATION, World, at, company, id, judge, key, record, stored,
};
use crate::{agents, software};

/// A document of a name.
fn document(name: &str) -> NewImport<'_> {
    NewImport {
        id: id(),
        name,
        host: AgentId(id()),
        labels: None,
        format: "cyclonedx",
        version: "1.6",
        sha256: [5; 32],
        document: b"{}",
        components: 3,
        software: 2,
        warnings: &Value::Null,
    }
}

async fn bring(world: &World, name: &str, seconds: i64) -> Import {
    create(&world.scope, &document(name), at(seconds)).await.unwrap()
}

async fn state(world: &World, import: &Import) -> ImportState {
    get(&world.scope, import.id).await.unwrap().unwrap().state
}

/// The asset's side: a snapshot in the epoch of an import.
async fn apply(world: &World, work: &Work, names: &[&str]) -> Vec<Applied> {
    let mut endpoint = Endpoint::new(work.host);
    endpoint.position.epoch.0 = work.epoch - 1;
    let records: Vec<_> = names.iter().map(|name| record(name, "1")).collect();
    world.apply(&endpoint.snapshot(records, 1)).await.reports
}

async fn installed(world: &World) -> i64 {
    let open =
        "SELECT count(*) FROM installations WHERE company_key = $1 AND closed_at = 'infinity'";
    world.number(open).await
}

#[tokio::test]
async fn a_document_makes_the_asset_of_its_name_and_the_next_is_for_the_same() {
    let world = World::new().await;
    let labels = Labels::from([("team".to_owned(), "web".to_owned())]);
    let new = NewImport { labels: Some(&labels), ..document("Web shop") };
    let first = create(&world.scope, &new, at(1)).await.unwrap();
    assert_eq!((first.host, first.state), (new.host, ImportState::Queued));
    assert_eq!((first.counts.components, first.counts.software), (3, 2));
    let second = bring(&world, "web SHOP", 2).await;
    assert_eq!(second.host, first.host);
    assert_ne!(bring(&world, "web shop 2", 3).await.host, first.host);
    let host = hosts::get(&world.scope, first.host).await.unwrap().unwrap();
    assert_eq!((host.host.kind, host.host.hostname.as_str()), (HostKind::Sbom, "Web shop"));
    // Said once, and kept by a document that says nothing of labels.
    assert_eq!(host.labels, labels);
}

#[tokio::test]
async fn a_machine_of_the_same_name_is_another_host() {
    let world = World::new().await;
    let machine = world.agent().await;
    assert_ne!(bring(&world, "host", 1).await.host, machine);
    let page = PageRequest::first(10);
    for (kind, expected) in [(HostKind::Agent, 1), (HostKind::Sbom, 1)] {
        let filter = HostFilter { kind: Some(kind), ..HostFilter::default() };
        let found = hosts::list(&world.scope, &filter, HostSort::Hostname, &page).await.unwrap();
        assert_eq!(found.items.len(), expected, "{kind:?}");
        assert_eq!(found.items[0].kind, kind);
    }
}

#[tokio::test]
async fn a_later_document_takes_the_place_of_one_that_waits() {
    let world = World::new().await;
    let first = bring(&world, "shop", 1).await;
    let second = bring(&world, "shop", 2).await;
    let cancelled = get(&world.scope, first.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, ImportState::Cancelled);
    assert!(cancelled.error.unwrap().contains("a later document"));
    assert_eq!(begin(&world.scope, first.id, 1, at(3)).await.unwrap(), None);
    let work = begin(&world.scope, second.id, 1, at(3)).await.unwrap().unwrap();
    assert_eq!((work.name.as_str(), work.document.as_slice()), ("shop", &b"{}"[..]));
    // Whoever was at the first one would come too late: its epoch is before.
    assert!(work.epoch > 1);
}

#[tokio::test]
async fn only_so_many_documents_of_a_company_wait() {
    let world = World::new().await;
    for number in 0..WAITING_MAX {
        bring(&world, &format!("asset {number}"), 1).await;
    }
    let refused = create(&world.scope, &document("one more"), at(2)).await.unwrap_err();
    assert!(matches!(refused, CreateError::TooMany), "{refused}");
    // One that takes another's place is no more than there were.
    bring(&world, "asset 0", 3).await;
    let other = company(world.store(), "Other").await;
    create(&other, &document("one more"), at(3)).await.unwrap();
    // And what was refused left no asset.
    let filter = HostFilter { text: Some("one more".to_owned()), ..HostFilter::default() };
    let page = PageRequest::first(10);
    let found = hosts::list(&world.scope, &filter, HostSort::Hostname, &page).await.unwrap();
    assert_eq!(found.items, []);
}

#[tokio::test]
async fn an_import_has_a_job_that_knows_whose_it_is() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    let lease = std::time::Duration::from_secs(60);
    let job = jobs::take(world.store(), &[JOB], lease, at(1)).await.unwrap().unwrap();
    let payload: Payload = serde_json::from_value(job.payload).unwrap();
    assert_eq!(payload, Payload { company: world.scope.company(), import: import.id });
}

#[tokio::test]
async fn an_import_says_how_far_it_is_and_what_came_of_it() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    assert!(!progress(&world.scope, import.id, 1, 0).await.unwrap(), "nobody works at it");
    begin(&world.scope, import.id, 1, at(2)).await.unwrap().unwrap();
    assert!(progress(&world.scope, import.id, 1, 4).await.unwrap());
    let running = get(&world.scope, import.id).await.unwrap().unwrap();
    assert_eq!((running.state, running.counts.judged), (ImportState::Running, 1));
    let outcome = Outcome { opened: 2, closed: 1, unchanged: 0 };
    assert!(finish(&world.scope, import.id, Some(outcome), at(3)).await.unwrap());
    let done = get(&world.scope, import.id).await.unwrap().unwrap();
    assert_eq!((done.state, done.counts.judged, done.counts.findings), (ImportState::Done, 2, 4));
    assert_eq!((done.counts.opened, done.counts.closed), (2, 1));
    assert!(done.revision > running.revision);
    let said: Vec<_> = done.log.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(
        said,
        ["3 components, 2 pieces of software", "begun", "done: 2 new, 1 gone, 0 as before"]
    );
    // The job may be done twice, and finds nothing to do.
    assert_eq!(begin(&world.scope, import.id, 2, at(4)).await.unwrap(), None);
    let documents = "SELECT count(document) FROM imports WHERE company_key = $1";
    assert_eq!(world.number(documents).await, 0, "nobody needs it any more");
}

#[tokio::test]
async fn who_is_cancelled_is_told_with_the_next_progress() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    begin(&world.scope, import.id, 1, at(2)).await.unwrap().unwrap();
    let other = company(world.store(), "Other").await;
    assert!(!cancel(&other, import.id, at(3)).await.unwrap());
    assert!(cancel(&world.scope, import.id, at(3)).await.unwrap());
    assert!(!progress(&world.scope, import.id, 1, 0).await.unwrap());
    assert!(!finish(&world.scope, import.id, None, at(4)).await.unwrap());
    stumble(&world.scope, import.id, "no", true, at(4)).await.unwrap();
    assert_eq!(state(&world, &import).await, ImportState::Cancelled);
    let again = cancel(&world.scope, import.id, at(5)).await.unwrap_err();
    assert!(matches!(again, CancelError::Over), "{again}");
}

#[tokio::test]
async fn what_does_not_work_is_tried_again_until_it_is_given_up() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    begin(&world.scope, import.id, 1, at(2)).await.unwrap().unwrap();
    stumble(&world.scope, import.id, "the database was away", false, at(3)).await.unwrap();
    let waiting = get(&world.scope, import.id).await.unwrap().unwrap();
    assert_eq!(waiting.state, ImportState::Queued);
    assert_eq!(waiting.error.as_deref(), Some("the database was away"));
    let work = begin(&world.scope, import.id, 2, at(4)).await.unwrap();
    assert_eq!(work.unwrap().document, b"{}");
    stumble(&world.scope, import.id, "still away", true, at(5)).await.unwrap();
    assert_eq!(state(&world, &import).await, ImportState::Failed);
    assert_eq!(begin(&world.scope, import.id, 3, at(6)).await.unwrap(), None);
}

#[tokio::test]
async fn an_import_that_nobody_works_at_is_given_up_and_old_ones_are_forgotten() {
    let world = World::new().await;
    let lost = bring(&world, "lost", 1).await;
    let fresh = bring(&world, "fresh", 100).await;
    assert_eq!(give_up_lost(&world.scope, at(50), at(200)).await.unwrap(), 1);
    assert_eq!(state(&world, &lost).await, ImportState::Failed);
    assert_eq!(state(&world, &fresh).await, ImportState::Queued);
    assert_eq!(purge(&world.scope, at(200), 10).await.unwrap(), 0);
    assert_eq!(purge(&world.scope, at(201), 10).await.unwrap(), 1);
    let page = PageRequest::first(10);
    let left = list(&world.scope, ImportFilter::default(), &page).await.unwrap();
    assert_eq!(left.items.iter().map(|one| one.id).collect::<Vec<_>>(), [fresh.id]);
}

#[tokio::test]
async fn imports_are_listed_newest_first_by_state_and_asset() {
    let world = World::new().await;
    let first = bring(&world, "a", 1).await;
    let second = bring(&world, "b", 2).await;
    cancel(&world.scope, first.id, at(3)).await.unwrap();
    let ids = async |state, host| {
        let filter = ImportFilter { state, host };
        let found = list(&world.scope, filter, &PageRequest::first(10)).await.unwrap();
        found.items.into_iter().map(|import| import.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, None).await, [second.id, first.id]);
    assert_eq!(ids(Some(ImportState::Cancelled), None).await, [first.id]);
    assert_eq!(ids(None, Some(second.host)).await, [second.id]);
    let other = company(world.store(), "Other").await;
    let seen = list(&other, ImportFilter::default(), &PageRequest::first(10)).await.unwrap();
    assert_eq!(seen.items, []);
    assert_eq!(get(&other, first.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_document_is_what_the_asset_has_and_the_same_again_changes_nothing() {
    let world = World::new().await;
    for (seconds, names, expected) in
        [(1, ["bad1", "good"], 2), (10, ["bad1", "other"], 2), (20, ["bad1", "other"], 2)]
    {
        let import = bring(&world, "shop", seconds).await;
        let work = begin(&world.scope, import.id, 1, at(seconds)).await.unwrap().unwrap();
        let applied = apply(&world, &work, &names).await;
        assert!(applied.iter().all(|one| matches!(one, Applied::Stored(_))), "{applied:?}");
        assert_eq!(installed(&world).await, expected);
        if seconds == 20 {
            let changed = applied.iter().map(stored).map(|one| one.opened + one.closed);
            assert_eq!(changed.sum::<u32>(), 0);
        }
        // And so does an attempt after the one that did it.
        let again = apply(&world, &work, &["good"]).await;
        assert_eq!(again, [Applied::Duplicate]);
        finish(&world.scope, import.id, None, at(seconds)).await.unwrap();
    }
}

#[tokio::test]
async fn an_asset_that_is_let_go_has_nothing_and_its_name_is_free() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    let work = begin(&world.scope, import.id, 1, at(2)).await.unwrap().unwrap();
    apply(&world, &work, &["bad1"]).await;
    finish(&world.scope, import.id, None, at(3)).await.unwrap();
    let waiting = bring(&world, "shop", 4).await;
    assert!(agents::revoke(&world.scope, import.host, at(5)).await.unwrap());
    assert_eq!(installed(&world).await, 0);
    assert_eq!(state(&world, &waiting).await, ImportState::Cancelled);
    let host = hosts::get(&world.scope, import.host).await.unwrap().unwrap();
    assert_eq!((host.host.software, host.host.revoked_at), (0, Some(at(5))));
    // As it was before, it can still be asked for.
    let then = HostFilter { as_of: Some(at(4)), ..HostFilter::default() };
    let page = PageRequest::first(10);
    let found = hosts::list(&world.scope, &then, HostSort::Hostname, &page).await.unwrap();
    assert_eq!(found.items.iter().map(|one| one.software).collect::<Vec<_>>(), [1]);
    assert_ne!(bring(&world, "shop", 6).await.host, import.host);
}

#[tokio::test]
async fn an_asset_is_never_missed_and_never_asked_for_a_scan() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    let work = begin(&world.scope, import.id, 1, at(2)).await.unwrap().unwrap();
    apply(&world, &work, &["good"]).await;
    let late = at(1_000 * 86_400);
    let silent = HostFilter { silent_since: Some(late), ..HostFilter::default() };
    let page = PageRequest::first(10);
    let found = hosts::list(&world.scope, &silent, HostSort::Hostname, &page).await.unwrap();
    assert_eq!(found.items, []);
    let host = hosts::get(&world.scope, import.host).await.unwrap().unwrap();
    assert_eq!(host.host.overdue_at, None);
    assert_eq!(agents::request_scan(&world.scope, import.host).await.unwrap(), None);
    let policy = NewPolicy {
        id: id(),
        policy: PolicyChange {
            name: "seen",
            description: "",
            rule: &PolicyRule::SeenWithin { days: 1 },
            label: None,
            is_enabled: true,
        },
    };
    policies::create(&world.scope, &policy, late).await.unwrap();
    let results = policies::results(&world.scope, policy.id, ResultFilter::default(), &page);
    let results = results.await.unwrap().items;
    assert_eq!(results.iter().map(|one| one.state).collect::<Vec<_>>(), [PolicyState::Pass]);
}

#[tokio::test]
async fn software_that_was_brought_ahead_is_nobodys_until_it_is_applied() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    let work = begin(&world.scope, import.id, 1, at(2)).await.unwrap().unwrap();
    let mut endpoint = Endpoint::new(work.host);
    let reports = endpoint.snapshot([record("bad1", "1"), record("good", "1")], 10);
    let ahead = bring_ahead(&world.scope, &reports[0], &judge, GENERATION, at(2)).await.unwrap();
    assert_eq!((ahead.software, ahead.findings), (2, 1));
    assert_eq!(installed(&world).await, 0);
    assert!(software::get(&world.scope, key(&record("bad1", "1"))).await.unwrap().is_some());
    let again = bring_ahead(&world.scope, &reports[0], &judge, GENERATION, at(2)).await.unwrap();
    assert_eq!((again.software, again.findings), (0, 0));
    let applied = world.apply(&reports).await;
    assert_eq!((applied.software, applied.findings), (0, 0));
    assert_eq!(installed(&world).await, 2);
}

#[tokio::test]
async fn what_is_done_to_imports_stands_in_the_audit_log() {
    let world = World::new().await;
    let import = bring(&world, "shop", 1).await;
    cancel(&world.scope, import.id, at(2)).await.unwrap();
    let log = "SELECT count(*) FROM audit_log WHERE company_key = $1
               AND action IN ('import.create', 'import.cancel')";
    assert_eq!(world.number(log).await, 2);
    let kept = get(&world.scope, import.id).await.unwrap().unwrap();
    assert_eq!(kept.warnings, json!(null));
}
