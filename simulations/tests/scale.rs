//! One CVE through a site of a hundred thousand installations: rows as `seed` makes them, judged
//! again by the collector's own jobs. What `scripts/scale.sh` measures, here is only looked at
//! whether it is right; how long it takes is no test's business.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a stage that cannot be set has to stop the test"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use collector::clock::Clock;
use collector::config::{Config, Layers};
use collector::jobs::Jobs;
use collector::lifecycle::Lifecycle;
use collector::pipeline::matcher::Matcher;
use enrichment::feeds::read_path;
use enrichment::index::Builder;
use simulations::cli::{SeedArgs, SeedTable};
use simulations::seed;
use store::companies;
use store::cves::{self, CveFilter, CveSort};
use store::events::{self, EventKind, FindingEvent};
use store::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
use store::page::PageRequest;
use store::software::generations;
use store::tenant::TenantScope;
use store::test_support::FreshDatabase;

const OLD: &str = "CVE-2020-8203";
const NEW: &str = "CVE-2099-0001";
const COMPANIES: u32 = 5;
/// Versions of the common product, of which every company has all and every host has one.
const COMMON_VERSIONS: usize = 200;
const HOSTS: u32 = 2_000;
const DEADLINE: Duration = Duration::from_secs(120);

/// Puts an index of these CVEs of the common product in a place, at once.
fn write_index(path: &Path, cves: &[&str]) {
    let vulnerabilities: Vec<_> = cves
        .iter()
        .map(|cve| {
            serde_json::json!({ "cve": {
                "id": cve, "vulnStatus": "Analyzed", "lastModified": "2026-01-01T00:00:00.000",
                "configurations": [{ "nodes": [{ "operator": "OR", "cpeMatch": [{
                    "vulnerable": true,
                    "criteria": "cpe:2.3:a:lodash:lodash:*:*:*:*:*:node.js:*:*",
                    "versionEndExcluding": "99",
                }]}]}],
            }})
        })
        .collect();
    let feed = serde_json::json!({
        "format": "NVD_CVE", "version": "2.0", "vulnerabilities": vulnerabilities,
    });
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("nvdcve-2.0-test.json");
    std::fs::write(&file, feed.to_string()).expect("a feed");
    let mut builder = Builder::new();
    read_path(&file, &mut builder).expect("a feed that can be read");
    builder.write(path).expect("an index");
}

/// A site of which the first company is as large as all the others.
fn site(index: &Path, hosts: u32, software: u32, installations: u64) -> SeedArgs {
    SeedArgs {
        table: SeedTable::Companies,
        target: false,
        index: index.to_owned(),
        companies: COMPANIES,
        hosts,
        software,
        installations,
        large: true,
    }
}

async fn load(database: &FreshDatabase, site: &SeedArgs) {
    for table in SeedTable::ALL {
        let args = SeedArgs { table, ..site.clone() };
        let mut rows = Vec::new();
        seed::write(&args, &mut rows).expect("rows");
        database.copy_in(table.target(), &rows).await;
    }
    // Rows that came by COPY have no statistics, and plans without them would be those of an empty
    // site.
    database.execute("ANALYZE").await;
}

async fn scopes(database: &FreshDatabase) -> Vec<TenantScope> {
    let operator = database.store().local_operator();
    let all = PageRequest::first(100);
    let found = companies::list(&operator, None, &all).await;
    let mut scopes = Vec::new();
    for company in found.expect("companies").items {
        let scope = operator.scope(company.id).await.expect("a scope");
        scopes.push(scope.expect("a company that is there"));
    }
    scopes
}

/// Every event of a company, by pages.
async fn all_events(scope: &TenantScope) -> Vec<FindingEvent> {
    let mut all: Vec<FindingEvent> = Vec::new();
    loop {
        let place = all.last().map(|event| event.place);
        let page = events::after(scope, place, 500).await.expect("events");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            // Between two looks; the deadline below is what fails.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, waiting).await;
    in_time.unwrap_or_else(|_| panic!("{what}: not in time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cve_opens_and_announces_all_its_findings_on_a_large_site_and_touches_nothing_else() {
    let database = FreshDatabase::create().await;
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().display().to_string();
    let config = Config::from_layers(Layers::defaults().with("node", "data_dir", data_dir))
        .expect("a configuration");
    let index = config.enrichment.index.clone();
    std::fs::create_dir_all(index.parent().expect("a folder")).expect("a folder");
    write_index(&index, &[OLD]);
    load(&database, &site(&index, HOSTS, 6_000, 100_000)).await;

    let store = database.store();
    let jobs = Jobs {
        store: store.clone(),
        matcher: Arc::new(Matcher::new(&config.enrichment)),
        clock: Clock::system(),
        dead_letters_kept: Duration::from_secs(86_400),
        history_kept: Duration::from_secs(86_400),
        feeds: None,
        mail: None,
    };
    let lifecycle = Lifecycle::new();
    jobs.watch_index(&config.enrichment, &lifecycle).await;
    let starting = jobs.start(&config.jobs, &lifecycle).await;
    starting.expect("jobs that start");
    let is_done = async || {
        // Both, for before the first index is noted nothing is unfinished either.
        let left = generations::unfinished(store, None).await.expect("changes");
        left.is_empty() && generations::current(store).await.expect("one").is_some()
    };
    until("the first index", is_done).await;
    let scopes = scopes(&database).await;
    for scope in &scopes {
        // The first index tells nobody anything: rows came judged by the very same.
        assert_eq!(all_events(scope).await, [], "nothing changed yet");
    }

    write_index(&index, &[OLD, NEW]);
    for scope in &scopes {
        let announced = async || all_events(scope).await.len() >= COMMON_VERSIONS;
        until("all findings announced", announced).await;
    }
    until("the change", is_done).await;
    assert_eq!(scopes.len(), COMPANIES as usize);
    let mut hosts = 0;
    for scope in &scopes {
        let told = all_events(scope).await;
        // An event for each version, and no version twice.
        let software: BTreeSet<_> = told.iter().map(|event| event.software).collect();
        assert_eq!((told.len(), software.len()), (COMMON_VERSIONS, COMMON_VERSIONS));
        let is_new = |event: &FindingEvent| event.kind == EventKind::Opened && event.cve == NEW;
        assert!(told.iter().all(is_new), "something else was told");
        let filter = CveFilter { text: Some(NEW.to_owned()), ..CveFilter::default() };
        let page = PageRequest::first(10);
        let found = cves::list(scope, &filter, CveSort::default(), &page).await;
        hosts += found.expect("a list").items.first().map_or(0, |item| item.hosts);
    }
    assert_eq!(hosts, u64::from(HOSTS), "every host has it");
    lifecycle.stop();
    lifecycle.run_to_end(DEADLINE, std::future::pending()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_host_of_a_seeded_site_has_what_its_own_row_says_and_no_other_companys() {
    let database = FreshDatabase::create().await;
    let directory = tempfile::tempdir().expect("a directory");
    let index = directory.path().join("index");
    write_index(&index, &[OLD]);
    load(&database, &site(&index, 40, 4_000, 2_000)).await;
    let scopes = scopes(&database).await;
    let (mut counts, mut names) = (Vec::new(), BTreeSet::new());
    for scope in &scopes {
        let page = PageRequest::first(100);
        let filter = HostFilter::default();
        let found = hosts::list(scope, &filter, HostSort::default(), &page).await;
        let found = found.expect("hosts").items;
        for host in &found {
            let filter = HostSoftwareFilter::default();
            let rows = hosts::software(scope, host.id, &filter, &page).await;
            let rows = rows.expect("software").items;
            // 2,000 installations of 40 hosts.
            assert_eq!((rows.len(), host.software), (50, 50), "{}", host.hostname);
            assert!(names.insert(host.hostname.clone()), "{} twice", host.hostname);
        }
        counts.push(found.len());
    }
    counts.sort_unstable();
    // Half of them are one company's, and four share the rest.
    assert_eq!(counts, [5, 5, 5, 5, 20]);
}
