//! What a user would miss: who patches the last host sees the risk fall at once and everywhere, and
//! finds what was there where it is asked for.

use enrichment::cve::KevEntry;
use time::OffsetDateTime;

use crate::cves::{self, CveFilter, CveSort};
use crate::export::Columns;
use crate::findings::{self, FindingFilter, FindingSort};
use crate::page::PageRequest;
use crate::summary::summary;
use crate::tenant::TenantScope;
use crate::test_fixtures::{Endpoint, World, agent, at, published, record};
use crate::{agents, counts};

const ORDERS: [FindingSort; 5] = [
    FindingSort::Severity,
    FindingSort::Epss,
    FindingSort::Kev,
    FindingSort::Opened,
    FindingSort::Hosts,
];

/// `web` has `bad1` 1.1 with two CVEs, of which one is exploited; `mail` has `bad2` 1 with another one.
async fn world() -> (World, Endpoint, Endpoint) {
    let world = World::new().await;
    let mut hosts = Vec::new();
    for (name, software) in [("web", record("bad1", "1.1")), ("mail", record("bad2", "1"))] {
        let mut endpoint = Endpoint::new(agent(&world.scope, name).await);
        world.apply(&endpoint.snapshot([software, record("good", "1")], 100)).await;
        hosts.push(endpoint);
    }
    let mut exploited = published("CVE-2024-90010", 9.8, "critical");
    exploited.kev = Some(KevEntry {
        cve: exploited.id,
        name: "Example".to_owned(),
        added_on: "2024-02-01".to_owned(),
        due_on: String::new(),
        required_action: String::new(),
        ransomware: false,
    });
    cves::upsert(world.store(), &[exploited]).await.unwrap();
    let mail = hosts.remove(1);
    (world, hosts.remove(0), mail)
}

/// `web` gets the version that is repaired.
async fn patch(world: &World, web: &mut Endpoint) {
    let repaired = record("repaired", "2");
    world.apply(&[web.delta(vec![repaired], &[record("bad1", "1.1")])]).await;
}

/// The CVEs of the findings of a filter, which are the same in every order and in an export.
async fn found(
    scope: &TenantScope,
    on_hosts: Option<bool>,
    as_of: Option<OffsetDateTime>,
) -> Vec<String> {
    let filter = FindingFilter { on_hosts, as_of, ..FindingFilter::default() };
    let mut export =
        findings::export(scope, &filter, FindingSort::Hosts, Columns::All).await.unwrap();
    let mut exported: Vec<String> =
        export.next().await.unwrap().into_iter().map(|finding| finding.cve.id).collect();
    exported.sort_unstable();
    for sort in ORDERS {
        let page = PageRequest::first(10);
        let listed = findings::list(scope, &filter, sort, &page).await.unwrap();
        let mut ids: Vec<String> = listed.items.into_iter().map(|finding| finding.cve.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, exported, "{sort:?} {on_hosts:?} {as_of:?}");
    }
    exported
}

/// The CVEs of a filter, which are the same in every order.
async fn cves_of(scope: &TenantScope, on_hosts: Option<bool>) -> Vec<String> {
    let filter = CveFilter { on_hosts, ..CveFilter::default() };
    let mut of_all: Option<Vec<String>> = None;
    for sort in [CveSort::Severity, CveSort::Epss, CveSort::Kev, CveSort::Hosts, CveSort::Published]
    {
        let page = PageRequest::first(10);
        let listed = cves::list(scope, &filter, sort, &page).await.unwrap();
        let mut ids: Vec<String> = listed.items.into_iter().map(|item| item.cve.id).collect();
        ids.sort_unstable();
        assert_eq!(*of_all.get_or_insert_with(|| ids.clone()), ids, "{sort:?} {on_hosts:?}");
    }
    of_all.unwrap()
}

/// Findings that are open and those of exploited CVEs, of what is on hosts; and those of what is on
/// none.
async fn counted(scope: &TenantScope) -> (u64, u64, u64) {
    let summary = summary(scope).await.unwrap();
    (summary.findings.open, summary.findings.kev, summary.findings_gone)
}

const OF_WEB: [&str; 2] = ["CVE-2024-90010", "CVE-2024-90011"];
const OF_MAIL: [&str; 1] = ["CVE-2024-90020"];
const OF_ALL: [&str; 3] = ["CVE-2024-90010", "CVE-2024-90011", "CVE-2024-90020"];

async fn assert_only_mail_is_left(scope: &TenantScope) {
    assert_lists_have_only_mail(scope).await;
    assert_eq!(counted(scope).await, (1, 0, 2));
}

async fn assert_lists_have_only_mail(scope: &TenantScope) {
    assert_eq!(found(scope, Some(true), None).await, OF_MAIL);
    assert_eq!(found(scope, Some(false), None).await, OF_WEB);
    assert_eq!(found(scope, None, None).await, OF_ALL);
    assert_eq!(cves_of(scope, Some(true)).await, OF_MAIL);
    assert_eq!(cves_of(scope, Some(false)).await, OF_WEB);
    assert_eq!(cves_of(scope, None).await, OF_ALL);
}

#[tokio::test]
async fn what_the_last_host_has_replaced_is_a_risk_no_more() {
    let (world, mut web, _) = world().await;
    assert_eq!(found(&world.scope, Some(true), None).await, OF_ALL);
    assert_eq!(cves_of(&world.scope, Some(true)).await, OF_ALL);
    assert_eq!(counted(&world.scope).await, (3, 1, 0));
    patch(&world, &mut web).await;
    assert_only_mail_is_left(&world.scope).await;
}

#[tokio::test]
async fn lists_of_a_large_company_show_it_at_once_and_its_summary_when_it_is_counted_next() {
    let (world, mut web, _) = world().await;
    counts::count(&world.scope, at(10), || 0.5).await.unwrap();
    assert_eq!(found(&world.scope, Some(true), None).await, OF_ALL);
    patch(&world, &mut web).await;
    assert_lists_have_only_mail(&world.scope).await;
    // Half a million findings are not looked through for a tile: it says of when it is.
    assert_eq!(counted(&world.scope).await, (3, 1, 0));
    assert_eq!(summary(&world.scope).await.unwrap().counted_at, Some(at(10)));
    counts::count(&world.scope, at(20), || 0.5).await.unwrap();
    assert_only_mail_is_left(&world.scope).await;
    // And what comes back is there before it is counted.
    world.apply(&[web.delta(vec![record("bad1", "1.1")], &[])]).await;
    assert_eq!(found(&world.scope, Some(true), None).await, OF_ALL);
    assert_eq!(cves_of(&world.scope, Some(true)).await, OF_ALL);
}

#[tokio::test]
async fn software_that_another_host_still_has_stays_a_risk() {
    let (world, mut web, mut mail) = world().await;
    world.apply(&[mail.delta(vec![record("bad1", "1.1")], &[])]).await;
    patch(&world, &mut web).await;
    assert_eq!(found(&world.scope, Some(true), None).await, OF_ALL);
    assert_eq!(counted(&world.scope).await, (3, 1, 0));
}

#[tokio::test]
async fn a_revoked_host_is_no_host_that_has_it() {
    let (world, web, _) = world().await;
    agents::revoke(&world.scope, web.agent, at(9)).await.unwrap();
    assert_only_mail_is_left(&world.scope).await;
    counts::count(&world.scope, at(10), || 0.5).await.unwrap();
    assert_only_mail_is_left(&world.scope).await;
}

#[tokio::test]
async fn the_past_has_what_hosts_had_then() {
    let (world, mut web, mail) = world().await;
    // At 2 s, and mail at 9 s.
    patch(&world, &mut web).await;
    agents::revoke(&world.scope, mail.agent, at(9)).await.unwrap();
    let scope = &world.scope;
    for (then, on_hosts, expected) in [
        (1, true, &OF_ALL[..]),
        (1, false, &[]),
        (2, true, &OF_MAIL),
        (2, false, &OF_WEB),
        (9, true, &[]),
        (9, false, &OF_ALL),
    ] {
        let was = found(scope, Some(on_hosts), Some(at(then))).await;
        assert_eq!(was, expected, "{then} {on_hosts}");
    }
}
