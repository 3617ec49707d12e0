//! The whole pipeline: a real queue, a real index, a real database.

mod kernels;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use protocol::frame::Packer;
use protocol::ids::{AgentId, Position};
use protocol::message::AgentMessage;
use protocol::software::SoftwareRecord;
use store::page::PageRequest;
use store::software::{self, SoftwareFilter, SoftwareSort};
use store::tenant::TenantScope;
use store::test_support::FreshDatabase;

use super::testing::{agent, company, index, lodash, report};
use super::*;
use crate::lifecycle::Ending;
use crate::queue::{Entry, QueueLimits};
use crate::traces::Tracer;

const CONFIG: PipelineConfig = PipelineConfig {
    workers: 4,
    batch_records: 100,
    batch_after: Duration::from_millis(5),
    transaction_batches_max: 8,
    attempts_max: 3,
    gap_wait: Duration::from_secs(5),
};
const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    queue: Queue,
    lifecycle: Lifecycle,
}

impl Node {
    fn start(directory: &Path, store: &Store) -> Self {
        let clock = Clock::system();
        let dispatcher = Dispatcher::new(&CONFIG, clock.clone());
        let limits = QueueLimits {
            segment_bytes: 1 << 20,
            // Whatever the machine that runs the tests has left.
            disk_free_bytes_min: 0,
            ..QueueLimits::default()
        };
        let (queue, _) = Queue::open(directory, limits, dispatcher.clone(), clock.clone()).unwrap();
        let matcher = Arc::new(Matcher::in_memory(1_000));
        matcher.swap(index(&["CVE-2021-23337"]));
        let lifecycle = Lifecycle::new();
        let pipeline = Pipeline {
            queue: queue.clone(),
            dispatcher,
            store: store.clone(),
            matcher,
            clock,
            tracer: Tracer::default(),
        };
        pipeline.start(&CONFIG, Duration::ZERO, &lifecycle);
        Self { queue, lifecycle }
    }

    async fn wait_until_empty(&self) {
        let emptying = async {
            while self.queue.stats().entries > 0 {
                // Between two looks: a queue tells nobody that it is empty.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, emptying).await.unwrap();
    }

    async fn stop(self) {
        self.lifecycle.stop();
        let ended = self.lifecycle.run_to_end(PATIENCE, std::future::pending());
        assert_eq!(ended.await, (Ending::Stopped, None));
        // Joins the writer's thread, which would keep this thread of the runtime from its other
        // tasks.
        tokio::task::block_in_place(|| self.queue.close());
    }
}

async fn append(queue: &Queue, scope: &TenantScope, agent: AgentId, seq: u32, of: SoftwareRecord) {
    let report = report(Position::new(1, seq), vec![of]);
    let entry = Entry {
        company: scope.company(),
        agent,
        position: report.position,
        lane: report.body.lane(),
        records: 1,
        received_at_ms: Clock::system().now_ms(),
        frame: Packer::new().unwrap().pack(AgentMessage::Report(report).encode()).unwrap(),
    };
    queue.append(entry).await.unwrap();
}

/// Versions of lodash in a company, each with its open findings.
async fn held(scope: &TenantScope) -> BTreeSet<(String, u64)> {
    let (filter, sort) = (SoftwareFilter::default(), SoftwareSort::default());
    let page = PageRequest::first(500);
    let found = software::list(scope, &filter, sort, &page).await.unwrap();
    let items = found.items.into_iter();
    items.map(|item| (item.software.record.version, item.findings.open)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_report_stands_in_their_company_with_its_findings_and_nowhere_else() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), store);
    let scopes = [company(store, 1).await, company(store, 2).await];
    for (number, scope) in (1_u128..).zip(&scopes) {
        for host in 0..5 {
            let agent = agent(store, scope, number * 100 + host).await;
            for seq in 1..=8 {
                // Every host gets all five versions, each company in another order.
                let version = format!("4.17.{}", 17 + (u128::from(seq) + number) % 5);
                append(&node.queue, scope, agent, seq, lodash(&version)).await;
            }
        }
    }
    node.wait_until_empty().await;
    // 4.17.21 is the version with the fix.
    let expected = (17..=21).map(|patch| (format!("4.17.{patch}"), u64::from(patch < 21)));
    let expected: BTreeSet<_> = expected.collect();
    for scope in &scopes {
        assert_eq!(held(scope).await, expected);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_comes_again_whole_changes_nothing() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), store);
    let scope = company(store, 1).await;
    let agent = agent(store, &scope, 7).await;
    for seq in 1..=30 {
        append(&node.queue, &scope, agent, seq, lodash(&format!("4.17.{seq}"))).await;
    }
    // As a crash leaves it: everything is stored, and nothing of that is noted.
    let crashed = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "segment") {
            std::fs::copy(&path, crashed.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    node.wait_until_empty().await;
    let before = held(&scope).await;
    assert_eq!(before.len(), 30);
    node.stop().await;
    let node = Node::start(crashed.path(), store);
    // The note of what is complete was left behind, so all of them wait again.
    assert_eq!(node.queue.stats().entries, 30);
    node.wait_until_empty().await;
    assert_eq!(held(&scope).await, before);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_a_company_that_is_not_there_leave_the_queue() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), store);
    let scope = company(store, 1).await;
    let stranger = AgentId(uuid::Uuid::from_u128(99));
    append(&node.queue, &scope, stranger, 1, lodash("4.17.20")).await;
    node.wait_until_empty().await;
    assert!(held(&scope).await.is_empty());
    node.stop().await;
}
