//! Two hosts of a company with the same kernels, of which each runs another: a CVE is of the host that
//! runs the old one, until it boots into the new one.

use enrichment::evaluation::Status;
use enrichment::feeds::read_path;
use enrichment::index::{Builder, Index};
use protocol::report::ReportBody;
use protocol::software::Source;
use store::findings::{self, FindingFilter, FindingSort};
use store::hosts::{self, HostFilter, HostSoftware, HostSoftwareFilter, HostSort};
use store::reports::IncomingReport;

use super::super::sink::{ReportSink, StoreSink};
use super::super::testing::{DAY, key};
use super::*;

const CVE: &str = "CVE-2025-21756";
const OLD: (&str, &str) = ("linux-image-6.1.0-40-amd64", "6.1.153-1");
const NEW: (&str, &str) = ("linux-image-6.1.0-41-amd64", "6.1.158-1");

/// An index in which Debian repaired a flaw of its kernel between the two.
fn index_of_kernels() -> Arc<Index> {
    let advisory = serde_json::json!({
        "schema_version": "1.6.0", "id": CVE, "modified": "2025-12-05T14:55:52Z",
        "affected": [{
            "package": {"ecosystem": "Debian:12", "name": "linux"},
            "ranges": [{
                "type": "ECOSYSTEM",
                "events": [{"introduced": "0"}, {"fixed": NEW.1}],
            }],
        }],
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("debian.json");
    std::fs::write(&file, advisory.to_string()).unwrap();
    let mut builder = Builder::new();
    read_path(&file, &mut builder).unwrap();
    let path = directory.path().join("index");
    builder.write(&path).unwrap();
    Arc::new(Index::open(&path).unwrap())
}

fn kernel((name, version): (&str, &str), running: bool) -> SoftwareRecord {
    SoftwareRecord {
        arch: "amd64".to_owned(),
        vendor: "Debian Kernel Team <debian-kernel@lists.debian.org>".to_owned(),
        source_name: "linux-signed-amd64".to_owned(),
        running: Some(running),
        ..SoftwareRecord::new(Source::Deb, name, version)
    }
}

/// Both kernels on a host that runs one of them.
fn kernels(runs_old: bool) -> Vec<SoftwareRecord> {
    vec![kernel(OLD, runs_old), kernel(NEW, !runs_old)]
}

struct World {
    _database: FreshDatabase,
    sink: StoreSink,
    scope: TenantScope,
}

impl World {
    async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let store = database.store().clone();
        let matcher = Arc::new(Matcher::in_memory(1_000));
        matcher.swap(index_of_kernels());
        let scope = company(&store, 1).await;
        Self { _database: database, sink: StoreSink { store, matcher }, scope }
    }

    async fn host(&self, number: u128, records: Vec<SoftwareRecord>) -> AgentId {
        let agent = agent(&self.sink.store, &self.scope, number).await;
        self.apply(agent, report(Position::new(1, 1), records)).await;
        agent
    }

    async fn apply(&self, agent: AgentId, report: protocol::report::Report) {
        let incoming =
            IncomingReport { agent, keys: report.validate().unwrap(), report, received_at: DAY };
        let applied = self.sink.apply(self.scope.company(), &[incoming], DAY).await;
        applied.unwrap();
    }

    /// The next report of a host that booted into its other kernel.
    async fn boot_into_new(&self, agent: AgentId) {
        let mut delta = report(Position::new(1, 2), kernels(false));
        if let ReportBody::Delta { removes, .. } = &mut delta.body {
            // Both go and both come back marked the other way: a record's mark is part of its key.
            *removes = kernels(true).iter().map(key).collect();
        }
        self.apply(agent, delta).await;
    }

    async fn hosts_with_the_cve(&self) -> Vec<AgentId> {
        let filter = HostFilter { cve: Some(CVE.to_owned()), ..HostFilter::default() };
        let page = PageRequest::first(10);
        let hosts = hosts::list(&self.scope, &filter, HostSort::default(), &page).await;
        hosts.unwrap().items.iter().map(|host| host.id).collect()
    }

    /// How many hosts each finding is of.
    async fn hosts_of_findings(&self) -> Vec<u64> {
        let (filter, sort) = (FindingFilter::default(), FindingSort::default());
        let page = PageRequest::first(10);
        let findings = findings::list(&self.scope, &filter, sort, &page).await;
        let items = findings.unwrap().items;
        items.iter().map(|finding| finding.hosts).collect()
    }

    async fn software_of(&self, agent: AgentId) -> Vec<HostSoftware> {
        let filter = HostSoftwareFilter::default();
        let page = PageRequest::first(10);
        let software = hosts::software(&self.scope, agent, &filter, &page).await;
        software.unwrap().items
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cve_of_a_kernel_is_of_the_hosts_that_run_it_and_of_no_other() {
    let world = World::new().await;
    let late = world.host(1, kernels(true)).await;
    let booted = world.host(2, kernels(false)).await;
    assert_eq!(world.hosts_with_the_cve().await, [late]);
    assert_eq!(world.hosts_of_findings().await, [1]);
    let old = &world.software_of(booted).await[0];
    assert_eq!(old.software.record, kernel(OLD, false));
    assert_eq!(old.software.status, Status::NotEvaluable);
    let reason = old.software.reason.as_deref().unwrap();
    assert!(reason.starts_with("not running: "), "{reason}");
    assert_eq!(old.findings.open, 0);
    let running = &world.software_of(late).await[0];
    assert_eq!(running.software.record, kernel(OLD, true));
    assert_eq!((running.software.status, running.findings.open), (Status::Evaluated, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_boot_into_the_new_kernel_no_host_has_the_cve() {
    let world = World::new().await;
    let host = world.host(1, kernels(true)).await;
    assert_eq!(world.hosts_with_the_cve().await, [host]);
    world.boot_into_new(host).await;
    assert_eq!(world.hosts_with_the_cve().await, []);
    // The finding is the old kernel's, wherever it runs again; it is of no host now.
    assert_eq!(world.hosts_of_findings().await, [0]);
    let held = world.software_of(host).await;
    let running: Vec<_> = held.iter().map(|held| held.software.record.running).collect();
    assert_eq!(running, [Some(false), Some(true)]);
}
