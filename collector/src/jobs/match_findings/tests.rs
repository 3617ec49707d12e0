//! A change of the index reaches all software that it concerns and no other, whoever holds which
//! index when.

use std::fs;
use std::time::Duration;

use enrichment::index::ChangedKeys;
use protocol::fingerprint::SoftwareKey;
use protocol::ids::CompanyId;
use protocol::software::{SoftwareRecord, Source};
use store::commands::Signal;
use store::events::{self, EventKind};
use store::software;
use store::software::generations;
use store::tenant::TenantScope;

use super::*;
use crate::jobs::index_watch::IndexWatch;
use crate::jobs::tests::{Node, jobs_on, open_cves};
use crate::pipeline::testing::{DAY, agent, key, lodash, write_index};

const OLD: &str = "CVE-2020-8203";
const NEW: &str = "CVE-2021-23337";

fn express() -> SoftwareRecord {
    SoftwareRecord::new(Source::Npm, "express", "4.16.0")
}

/// Puts an index into place, takes it into use and does the job.
async fn take_index(node: &Node, watch: &mut IndexWatch, cves: &[&str]) {
    write_index(&node.path(), cves);
    watch.look().await;
    assert!(node.take().await);
}

async fn judged_with(scope: &TenantScope, key: SoftwareKey) -> u64 {
    let software = software::get(scope, key).await.unwrap().unwrap();
    software.software.generation
}

async fn last_change(node: &Node) -> ChangedKeys {
    let changes = generations::unfinished(&node.jobs.store, Some(DAY));
    changes.await.unwrap().pop().unwrap().changed
}

#[tokio::test]
async fn a_new_cve_reaches_the_software_of_its_product_and_no_other_row() {
    let node = Node::new().await;
    let mut watch = node.watch();
    take_index(&node, &mut watch, &[OLD]).await;
    let before = node.jobs.matcher.generation();
    let records = vec![lodash("4.17.20"), lodash("4.17.21"), express()];
    let scope = node.store(1, records).await;
    let mut signals = node.jobs.store.signals().await.unwrap();
    take_index(&node, &mut watch, &[OLD, NEW]).await;
    assert_eq!(open_cves(&scope).await, [OLD, NEW]);
    let present = node.jobs.matcher.generation();
    assert_eq!(judged_with(&scope, key(&lodash("4.17.20"))).await, present);
    assert_eq!(judged_with(&scope, key(&lodash("4.17.21"))).await, present);
    assert_eq!(judged_with(&scope, key(&express())).await, before);
    // Told as well as written.
    let told = loop {
        let events = events::after(&scope, None, 10).await.unwrap();
        if events.len() == 2 {
            break events;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(told[1].kind, EventKind::Opened);
    assert_eq!(told[1].cve, NEW);
    let company = scope.company();
    while signals.next().await.unwrap() != Signal::Findings(company) {}
}

#[tokio::test]
async fn software_of_a_product_that_no_record_named_is_found_when_one_does() {
    let node = Node::new().await;
    let mut watch = node.watch();
    take_index(&node, &mut watch, &[]).await;
    let scope = node.store(1, vec![lodash("4.17.20"), express()]).await;
    let before = node.jobs.matcher.generation();
    take_index(&node, &mut watch, &[NEW]).await;
    assert!(matches!(last_change(&node).await, ChangedKeys::These(_)));
    assert_eq!(open_cves(&scope).await, [NEW]);
    assert_eq!(judged_with(&scope, key(&express())).await, before);
}

/// A second node on the database of a first one, with an index of its own.
struct Other {
    jobs: Jobs,
    directory: tempfile::TempDir,
}

impl Other {
    fn beside(node: &Node) -> Self {
        Self {
            jobs: jobs_on(&node.jobs.store, &node.jobs.clock),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn watch(&self) -> IndexWatch {
        IndexWatch::new(self.jobs.clone(), self.directory.path().join("current"))
    }

    fn write(&self, cves: &[&str]) {
        write_index(&self.directory.path().join("current"), cves);
    }
}

async fn take_on(jobs: &Jobs) -> bool {
    let stopping = tokio_util::sync::CancellationToken::new();
    let wake = crate::jobs::wake::Wake::default();
    let does = crate::jobs::runner::Does::All;
    let runner = crate::jobs::runner::Runner::new(jobs.clone(), wake, does);
    runner.take_one(&stopping).await.unwrap()
}

#[tokio::test]
async fn a_node_that_lags_behind_judges_nothing_again_and_what_it_stores_is_caught() {
    let node = Node::new().await;
    let lagging = Other::beside(&node);
    lagging.write(&[OLD]);
    let mut lagging_watch = lagging.watch();
    lagging_watch.look().await;
    assert!(take_on(&lagging.jobs).await);
    let scope = node.store(1, vec![lodash("4.17.19")]).await;
    let mut watch = node.watch();
    write_index(&node.path(), &[NEW]);
    watch.look().await;
    assert!(!take_on(&lagging.jobs).await, "it would undo the newer index");
    assert!(node.take().await);
    assert_eq!(open_cves(&scope).await, [NEW]);

    // It stores software, judged as it can.
    let host = agent(&node.jobs.store, &scope, 2).await;
    node.store_judged_by(&lagging.jobs, &scope, host, vec![lodash("4.17.18")]).await;
    assert_eq!(open_cves(&scope).await, [OLD, NEW]);
    // When it catches up, so does its software.
    node.hand.advance(Duration::from_secs(61));
    lagging.write(&[NEW]);
    lagging_watch.look().await;
    assert!(take_on(&lagging.jobs).await);
    assert_eq!(open_cves(&scope).await, [NEW, NEW]);
}

#[tokio::test]
async fn an_index_that_was_made_before_the_one_that_counts_does_not_count() {
    let node = Node::new().await;
    let mut watch = node.watch();
    take_index(&node, &mut watch, &[OLD]).await;
    let counts = node.jobs.matcher.generation();
    let scope = node.store(1, vec![lodash("4.17.20")]).await;
    let other = Other::beside(&node);
    other.write(&[NEW]);
    // The tests' indexes do not say when they were made, so the file's time decides.
    let file =
        fs::File::options().write(true).open(other.directory.path().join("current")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    other.watch().look().await;
    assert_ne!(other.jobs.matcher.generation(), counts);
    assert!(!take_on(&other.jobs).await);
    let recorded = generations::current(&node.jobs.store).await.unwrap();
    assert_eq!(recorded, Some(counts));
    assert_eq!(open_cves(&scope).await, [OLD]);
}

#[tokio::test]
async fn software_whose_transaction_ended_behind_the_job_is_caught_by_another_look() {
    let node = Node::new().await;
    let mut watch = node.watch();
    take_index(&node, &mut watch, &[OLD]).await;
    let old = Other::beside(&node);
    old.write(&[OLD]);
    old.watch().look().await;
    let scope = node.store(1, vec![lodash("4.17.20")]).await;
    take_index(&node, &mut watch, &[NEW]).await;
    while node.take().await {}
    // Its transaction began before the change: nobody could see that it would be late.
    let host = agent(&node.jobs.store, &scope, 2).await;
    node.store_judged_by(&old.jobs, &scope, host, vec![lodash("4.17.19")]).await;
    // Nothing here can hold a transaction open over the change, so its mark is taken away
    // afterwards.
    node.database.execute("TRUNCATE software_late").await;
    assert!(!node.take().await);
    assert_eq!(open_cves(&scope).await, [OLD, NEW]);
    node.hand.advance(LOOK_AGAIN_AFTER);
    assert!(node.take().await);
    assert_eq!(open_cves(&scope).await, [NEW, NEW]);
}

#[tokio::test]
async fn a_job_that_was_cut_short_goes_on_behind_the_companies_that_are_done() {
    let node = Node::new().await;
    let mut watch = node.watch();
    take_index(&node, &mut watch, &[OLD]).await;
    let mut scopes = Vec::new();
    for number in 1..=3 {
        scopes.push(node.store(number, vec![lodash("4.17.20")]).await);
    }
    write_index(&node.path(), &[NEW]);
    watch.look().await;
    let now = node.jobs.clock.now();
    let kinds = [Kind::MatchFindings.as_str()];
    // A lease that is over at once: its runner dies, and the database's clock cannot be moved.
    let taken = rows::take(&node.jobs.store, &kinds, Duration::ZERO, now);
    let job = taken.await.unwrap().unwrap();
    // What a runner notes that dies after the second company; they are numbered as they are made.
    let changes = generations::unfinished(&node.jobs.store, Some(DAY)).await.unwrap();
    let progress =
        Progress { through: changes.last().unwrap().ordinal, after: Some(2), only_new: true };
    let payload = serde_json::to_value(progress).unwrap();
    assert!(rows::note(&node.jobs.store, &job, &payload).await.unwrap());
    assert!(node.take().await);
    let mut open = Vec::new();
    for scope in &scopes {
        open.extend(open_cves(scope).await);
    }
    assert_eq!(open, [OLD, OLD, NEW]);
    // Progress on other changes is none on these.
    assert_eq!(progress.about(progress.through).after, Some(2));
    assert_eq!(progress.about(progress.through + 1).after, None);
}

#[tokio::test]
async fn a_job_whose_index_is_replaced_while_it_works_leaves_the_change_to_the_next() {
    let node = Node::new().await;
    let mut watch = node.watch();
    take_index(&node, &mut watch, &[OLD]).await;
    let scope = node.store(1, vec![lodash("4.17.20")]).await;
    write_index(&node.path(), &[NEW]);
    watch.look().await;
    let judge = node.jobs.matcher.judge();
    let changes = generations::unfinished(&node.jobs.store, Some(DAY)).await.unwrap();
    let judging = Judging::new(node.jobs.clone(), judge, changes);
    // Another node has a newer one by now.
    let other = Other::beside(&node);
    other.write(&[OLD, NEW]);
    other.watch().look().await;
    assert_eq!(judging.company(scope.company()).await.unwrap(), None);
    assert_eq!(open_cves(&scope).await, [OLD]);
    assert!(take_on(&other.jobs).await);
    assert_eq!(open_cves(&scope).await, [OLD, NEW]);
}

#[tokio::test]
async fn after_a_restart_a_new_index_changes_no_more_than_it_does() {
    let node = Node::new().await;
    take_index(&node, &mut node.watch(), &[OLD]).await;
    let scope = node.store(1, vec![lodash("4.17.20"), express()]).await;
    // The process begins anew, and finds another index than it had.
    let again = jobs_on(&node.jobs.store, &node.jobs.clock);
    write_index(&node.path(), &[NEW]);
    IndexWatch::new(again.clone(), node.path()).look().await;
    assert!(matches!(last_change(&node).await, ChangedKeys::These(keys) if keys.len() == 1));
    assert!(take_on(&again).await);
    assert_eq!(open_cves(&scope).await, [NEW]);
}

#[tokio::test]
async fn a_company_that_is_gone_from_the_list_is_no_error() {
    let node = Node::new().await;
    take_index(&node, &mut node.watch(), &[OLD]).await;
    let judging = Judging::new(node.jobs.clone(), node.jobs.matcher.judge(), Vec::new());
    let nobody = CompanyId(uuid::Uuid::from_u128(77));
    let judged = judging.company(nobody).await.unwrap();
    assert_eq!(judged, Some(Judged::default()));
}
