//! Jobs on a real database, with an index of a few CVEs.

mod nodes;
mod retention;

use std::path::PathBuf;

use protocol::ids::{AgentId, Position};
use protocol::limits::REPORT_RECORDS_MAX;
use protocol::software::SoftwareRecord;
use serde_json::Value;
use store::findings::{self, FindingFilter, FindingSort};
use store::jobs::{self as rows, NewJob};
use store::page::PageRequest;
use store::reports::{self, IncomingReport};
use store::tenant::TenantScope;
use store::test_support::FreshDatabase;
use tokio_util::sync::CancellationToken;

use super::index_watch::IndexWatch;
use super::*;
use crate::clock::ManualClock;
use crate::pipeline::testing::{self, DAY, lodash, write_index};

/// Jobs of one node, without a cache on disk.
pub(super) fn jobs_on(store: &Store, clock: &Clock) -> Jobs {
    Jobs {
        store: store.clone(),
        matcher: Arc::new(Matcher::in_memory(1_000)),
        clock: clock.clone(),
        dead_letters_kept: Duration::from_secs(86_400),
        history_kept: Duration::from_secs(30 * 86_400),
        feeds: None,
        mail: None,
    }
}

/// A node with a database and a place for its index.
pub(super) struct Node {
    pub(super) database: FreshDatabase,
    directory: tempfile::TempDir,
    pub(super) jobs: Jobs,
    pub(super) hand: ManualClock,
}

impl Node {
    pub(super) async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let (clock, hand) = Clock::manual(DAY);
        let jobs = jobs_on(database.store(), &clock);
        Self { database, directory: tempfile::tempdir().unwrap(), jobs, hand }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("current")
    }

    pub(super) fn watch(&self) -> IndexWatch {
        IndexWatch::new(self.jobs.clone(), self.path())
    }

    fn runner(&self) -> Runner {
        Runner::new(self.jobs.clone(), Wake::default(), Does::All)
    }

    /// Takes one job; whether there was one.
    pub(super) async fn take(&self) -> bool {
        let stopping = CancellationToken::new();
        self.runner().take_one(&stopping).await.unwrap()
    }

    /// Takes away a table that a job needs.
    async fn break_tidying(&self) {
        let sql = "DROP TABLE revocations";
        self.database.execute(sql).await;
    }

    /// Makes it an error to read one company's rows of a table.
    pub(super) async fn break_rows(&self, scope: &TenantScope, table: &str) {
        let company = scope.company();
        // Once a question, and also where there is no row.
        let sql = format!(
            "CREATE FUNCTION is_whole() RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN
                 IF current_setting('muster.company_key')::bigint
                    = (SELECT key FROM companies WHERE id = '{company}') THEN
                     RAISE 'the rows of {company} cannot be read';
                 END IF;
                 RETURN true;
             END $$;
             CREATE POLICY whole ON {table} AS RESTRICTIVE FOR SELECT USING ((SELECT is_whole()))"
        );
        self.database.execute(&sql).await;
    }

    /// Stores records on a host of their own in a company of that number.
    pub(super) async fn store(&self, number: u128, records: Vec<SoftwareRecord>) -> TenantScope {
        let store = self.database.store();
        let scope = testing::company(store, number).await;
        let agent = testing::agent(store, &scope, number).await;
        self.store_judged_by(&self.jobs, &scope, agent, records).await;
        scope
    }

    /// Stores an agent's first records as they are judged by a node.
    pub(super) async fn store_judged_by(
        &self,
        jobs: &Jobs,
        scope: &TenantScope,
        agent: AgentId,
        records: Vec<SoftwareRecord>,
    ) {
        let batch: Vec<_> = (1..)
            .zip(records.chunks(REPORT_RECORDS_MAX))
            .map(|(seq, records)| {
                let report = testing::report(Position::new(1, seq), records.to_vec());
                IncomingReport { agent, keys: report.validate().unwrap(), report, received_at: DAY }
            })
            .collect();
        let judge = jobs.matcher.judge();
        reports::apply(
            scope,
            &batch,
            &|record, platform, key| judge.evaluate(record, platform, key).as_ref().clone(),
            judge.generation(),
            DAY,
        )
        .await
        .unwrap();
    }
}

pub(super) async fn open_cves(scope: &TenantScope) -> Vec<String> {
    let filter = FindingFilter::default();
    let page = PageRequest::first(100);
    let found = findings::list(scope, &filter, FindingSort::default(), &page).await.unwrap();
    let mut cves: Vec<String> = found.items.into_iter().map(|finding| finding.cve.id).collect();
    cves.sort_unstable();
    cves
}

#[tokio::test]
async fn software_that_was_stored_before_there_was_an_index_is_judged_once_there_is_one() {
    let node = Node::new().await;
    let scope = node.store(1, vec![lodash("4.17.20"), lodash("4.17.21")]).await;
    let mut watch = node.watch();
    watch.look().await;
    assert!(!node.take().await, "there is nothing to judge with");
    write_index(&node.path(), &["CVE-2020-8203", "CVE-2021-23337"]);
    watch.look().await;
    assert!(node.take().await);
    assert_eq!(open_cves(&scope).await, ["CVE-2020-8203", "CVE-2021-23337"]);
}

#[tokio::test]
async fn another_index_opens_and_resolves_findings_in_every_company() {
    let node = Node::new().await;
    let mut watch = node.watch();
    write_index(&node.path(), &["CVE-2020-8203"]);
    watch.look().await;
    assert!(node.take().await);
    let many = (0..1_200).map(|patch| lodash(&format!("4.16.{patch}"))).collect();
    let scopes = [node.store(1, vec![lodash("4.17.20")]).await, node.store(2, many).await];
    assert_eq!(open_cves(&scopes[0]).await, ["CVE-2020-8203"]);
    write_index(&node.path(), &["CVE-2021-23337"]);
    watch.look().await;
    assert!(node.take().await);
    for scope in &scopes {
        let cves = open_cves(scope).await;
        assert!(!cves.is_empty() && cves.iter().all(|cve| cve == "CVE-2021-23337"));
        let present = [node.jobs.matcher.generation()];
        let left = store::software::page_for_evaluation(scope, &present, None, 10);
        assert!(left.await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_index_is_taken_once_and_asked_for_once() {
    let node = Node::new().await;
    let mut watch = node.watch();
    write_index(&node.path(), &["CVE-2020-8203"]);
    for _ in 0..3 {
        watch.look().await;
    }
    // Another node with the same file asks for the same job.
    node.watch().look().await;
    // And starts within the same minute ask for one look at what they may have stored before.
    node.watch().look().await;
    assert!(node.take().await && node.take().await);
    assert!(!node.take().await);
}

#[tokio::test]
async fn a_damaged_index_leaves_the_one_before_in_use() {
    let node = Node::new().await;
    let mut watch = node.watch();
    write_index(&node.path(), &["CVE-2020-8203"]);
    watch.look().await;
    let before = node.jobs.matcher.generation();
    let damaged = node.directory.path().join("damaged");
    std::fs::write(&damaged, b"no index at all").unwrap();
    std::fs::rename(&damaged, node.path()).unwrap();
    watch.look().await;
    assert_eq!(node.jobs.matcher.generation(), before);
    std::fs::remove_file(node.path()).unwrap();
    watch.look().await;
    assert_eq!(node.jobs.matcher.generation(), before);
}

async fn enqueue(node: &Node, kind: &str, payload: &Value) {
    let now = node.jobs.clock.now();
    let job = NewJob { kind, tick: "once", payload, run_after: now, company: None };
    assert!(rows::enqueue(&node.jobs.store, &job, now).await.unwrap());
}

#[tokio::test]
async fn a_job_that_never_gets_done_is_given_up() {
    let node = Node::new().await;
    node.break_tidying().await;
    enqueue(&node, "tidy", &Value::Null).await;
    let mut attempts = 0;
    for _ in 0..50 {
        attempts += u32::from(node.take().await);
        assert!(!node.take().await, "it rests before it is tried again");
        node.hand.advance(Duration::from_secs(2_000));
    }
    assert_eq!(attempts, runner::ATTEMPTS_MAX);
}

#[tokio::test]
async fn jobs_of_kinds_that_this_release_does_not_know_are_left_to_others() {
    let node = Node::new().await;
    enqueue(&node, "fold_laundry", &Value::Null).await;
    assert!(!node.take().await);
}

#[tokio::test]
async fn feeds_are_fetched_by_a_node_that_is_told_to_and_by_no_other() {
    let mut node = Node::new().await;
    enqueue(&node, "feed_sync", &Value::Null).await;
    assert!(!node.take().await, "this node fetches nothing");
    let layers = crate::config::Layers::defaults();
    let layers = layers.with("feeds", "sources", Vec::<String>::new());
    let syncer = FeedSyncer::new(
        node.jobs.store.clone(),
        node.jobs.clock.clone(),
        crate::feeds::Sleeper::manual(node.hand.clone()),
        crate::config::Config::from_layers(layers).unwrap().feeds,
        crate::feeds::FeedPaths {
            mirror: node.directory.path().join("mirror"),
            index: node.path(),
        },
    );
    node.jobs.feeds = Some(Arc::new(syncer.unwrap()));
    assert!(node.take().await);
    assert!(node.directory.path().join("mirror").exists());
    assert!(!node.take().await, "it is done");
}

#[tokio::test]
async fn a_job_is_done_by_one_of_several_runners() {
    let node = Node::new().await;
    enqueue(&node, "tidy", &Value::Null).await;
    let mut done = 0;
    for _ in 0..3 {
        done += u32::from(node.take().await);
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn a_stop_gives_a_job_back_at_once() {
    let node = Node::new().await;
    enqueue(&node, "tidy", &Value::Null).await;
    let stopping = CancellationToken::new();
    stopping.cancel();
    assert!(node.runner().take_one(&stopping).await.unwrap());
    assert!(node.take().await, "the job is lost until its lease ends");
}

#[tokio::test]
async fn tidying_forgets_jobs_that_ended_long_ago_and_no_others() {
    let node = Node::new().await;
    enqueue(&node, "match_findings", &Value::Null).await;
    assert!(node.take().await);
    enqueue(&node, "tidy", &Value::Null).await;
    node.hand.advance(Duration::from_secs(8 * 24 * 3_600));
    assert!(node.take().await);
    // The first one is forgotten, so its tick can be asked for again; the second one is not.
    enqueue(&node, "match_findings", &Value::Null).await;
    let now = node.jobs.clock.now();
    let again =
        NewJob { kind: "tidy", tick: "once", payload: &Value::Null, run_after: now, company: None };
    assert!(!rows::enqueue(&node.jobs.store, &again, now).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_asked_for_elsewhere_is_done_within_moments() {
    let node = Node::new().await;
    let lifecycle = Lifecycle::new();
    let config = JobsConfig {
        deletion_wait: Duration::ZERO,
        dead_letters_kept: Duration::from_secs(86_400),
        workers: 2,
        retention_days: 90,
    };
    node.jobs.clone().start(&config, &lifecycle).await.unwrap();
    enqueue(&node, "tidy", &Value::Null).await;
    let done = async {
        let kinds = ["tidy"];
        let far = node.jobs.clock.now() + Duration::from_secs(3_600);
        // Once it is done nobody can take it, not even after any lease.
        loop {
            let lease = Duration::ZERO;
            match rows::take(&node.jobs.store, &kinds, lease, DAY - time::Duration::days(1)).await {
                Ok(None) => {}
                taken => panic!("{taken:?}"),
            }
            if rows::purge(&node.jobs.store, far).await.unwrap() == 1 {
                return;
            }
            // Between two looks; the deadline below is what fails.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Well below the poll that stands behind the signal.
    tokio::time::timeout(Duration::from_secs(10), done).await.unwrap();
    lifecycle.stop();
    let timeout = Duration::from_secs(10);
    let (ending, _) = lifecycle.run_to_end(timeout, std::future::pending()).await;
    assert_eq!(ending, crate::lifecycle::Ending::Stopped);
}

#[tokio::test]
async fn a_runner_of_the_site_leaves_what_companies_ask_for_to_others() {
    let node = Node::new().await;
    let now = node.jobs.clock.now();
    for kind in Kind::ALL {
        let job = NewJob {
            kind: kind.as_str(),
            tick: "once",
            payload: &Value::Null,
            run_after: now,
            company: None,
        };
        assert!(rows::enqueue(&node.jobs.store, &job, now).await.unwrap());
    }
    let stopping = CancellationToken::new();
    let runner = Runner::new(node.jobs.clone(), Wake::default(), Does::OfTheSite);
    while runner.take_one(&stopping).await.unwrap() {}
    let untouched = async |kinds: &str| {
        let sql = format!("SELECT count(*) FROM jobs WHERE attempts = 0 AND kind IN ({kinds})");
        node.database.number(&sql).await
    };
    assert_eq!(untouched("'erase_company', 'import', 'make_reports'").await, 3);
    let own = "'keep_counts', 'keep_rules', 'match_findings', 'measure', 'tidy'";
    assert_eq!(untouched(own).await, 0);
}
