//! Hosts of a large company in the orders of their findings: the same as a small one's, with hosts that no count has seen
//! behind the others.

use super::*;
use crate::agents;
use crate::counts::make::DIFFERENCES_MAX;
use crate::counts::make::hosts::{host_differences, write_hosts};
use crate::exceptions::{self, About, Claim, Hosts, NewException, VexStatus};
use crate::hosts::Host;
use crate::labels::{self, NewLabel};
use crate::software::FindingCounts;
use crate::summary::summary;
use crate::test_fixtures::{asset, id};

const BY_NUMBER: [HostSort; 3] = [HostSort::Findings, HostSort::Critical, HostSort::Kev];

/// The hosts of `world()`, of whose CVEs one is exploited.
async fn exploited_world() -> (World, Vec<Endpoint>) {
    let (world, endpoints) = world().await;
    let mut exploited = published("CVE-2024-90010", 9.9, "critical");
    exploited.kev = Some(KevEntry {
        cve: exploited.id,
        name: "X".to_owned(),
        added_on: "2024-02-03".to_owned(),
        due_on: String::new(),
        required_action: String::new(),
        ransomware: false,
    });
    cves::upsert(world.store(), &[exploited]).await.unwrap();
    (world, endpoints)
}

/// Hosts in an order, read two by two, which is that of their export.
async fn hosts_by(scope: &TenantScope, sort: HostSort) -> Vec<Host> {
    let filter = HostFilter { revoked: true, ..HostFilter::default() };
    let listed = rows_of(async |page| hosts::list(scope, &filter, sort, &page).await).await;
    let mut export = hosts::export(scope, &filter, sort).await.unwrap();
    assert_eq!(export.next().await.unwrap(), listed, "{sort:?}");
    listed
}

async fn orders(scope: &TenantScope) -> Vec<Vec<Host>> {
    let mut orders = Vec::new();
    for sort in BY_NUMBER {
        let hosts = hosts_by(scope, sort).await;
        for host in &hosts {
            let alone = hosts::get(scope, host.id).await.unwrap().unwrap();
            assert_eq!(alone.host, *host);
        }
        let number = |host: &Host| {
            let FindingCounts { open, critical, kev, .. } = host.findings;
            [open, critical, kev][BY_NUMBER.iter().position(|one| *one == sort).unwrap()]
        };
        assert!(hosts.is_sorted_by(|one, next| number(one) >= number(next)), "{sort:?}");
        orders.push(hosts);
    }
    orders
}

async fn except(world: &World, about: About, hosts: Hosts) -> Uuid {
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: "the risk is taken".to_owned(),
        action: String::new(),
        suppresses: true,
    };
    let new = NewException {
        id: id(),
        name: None,
        about: &about,
        hosts,
        claim: &claim,
        expires_at: None,
        origin: None,
    };
    exceptions::create(&world.scope, &new, at(10)).await.unwrap().0.id
}

fn of_product(name: &str) -> About {
    About { product: Some(name.to_owned()), ..About::default() }
}

fn of_cve(cve: &str) -> About {
    About { cve: Some(cve.to_owned()), ..About::default() }
}

async fn label(world: &World, hosts: &[&Endpoint]) -> Uuid {
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(5)).await.unwrap().id;
    let hosts: Vec<_> = hosts.iter().map(|endpoint| endpoint.agent).collect();
    labels::assign(&world.scope, label, &hosts, true, at(6)).await.unwrap();
    label
}

#[tokio::test]
async fn hosts_by_kept_counts_are_those_that_are_counted_when_asked() {
    let (world, endpoints) = exploited_world().await;
    let asked = orders(&world.scope).await;
    let open: Vec<u64> = asked[0].iter().map(|host| host.findings.open).collect();
    assert_eq!(open, [6, 4, 2, 2]);
    assert_eq!(count_at(&world, 10).await, Counted { software: 4, cves: 4, hosts: 4 });
    assert_eq!(orders(&world.scope).await, asked);
    let page = PageRequest::first(1);
    let any = HostFilter::default();
    let found = hosts::list(&world.scope, &any, HostSort::Kev, &page).await.unwrap();
    assert_eq!(found.counted_at, Some(at(10)));
    agents::revoke(&world.scope, endpoints[0].agent, at(11)).await.unwrap();
    let found = hosts::list(&world.scope, &any, HostSort::Findings, &page).await.unwrap();
    assert_eq!(found.items[0].id, endpoints[1].agent);
}

#[tokio::test]
async fn hosts_are_found_by_whether_they_have_what_is_exploited_or_critical() {
    let (world, endpoints) = exploited_world().await;
    let mut clean = Endpoint::new(world.agent().await);
    world.apply(&clean.snapshot([record("good", "1")], 100)).await;
    let page = PageRequest::first(10);
    let by_sort = async |filter: HostFilter| {
        let found = hosts::list(&world.scope, &filter, HostSort::Kev, &page).await.unwrap();
        assert_eq!(hosts::how_many(&world.scope, &filter).await.unwrap(), found.items.len() as u64);
        found.items
    };
    let kev = |is| HostFilter { kev: Some(is), ..HostFilter::default() };
    let critical = |is| HostFilter { critical: Some(is), ..HostFilter::default() };
    let check = async || {
        let all = by_sort(HostFilter::default()).await;
        for is in [true, false] {
            let mut expected = all.clone();
            expected.retain(|host| (host.findings.kev > 0) == is);
            assert_eq!(by_sort(kev(is)).await, expected, "exploited: {is}");
            let mut expected = all.clone();
            expected.retain(|host| (host.findings.critical > 0) == is);
            assert_eq!(by_sort(critical(is)).await, expected, "critical: {is}");
        }
        by_sort(kev(true)).await.len()
    };
    let asked = check().await;
    assert_eq!(asked, 4, "and one has nothing");
    count_at(&world, 10).await;
    assert_eq!(check().await, asked);
    // One that came since has no row, and is asked itself.
    let bad = endpoints[0].held.values().cloned().collect::<Vec<_>>();
    let mut late = Endpoint::new(world.agent().await);
    world.apply(&late.snapshot(bad, 100)).await;
    assert_eq!(by_sort(kev(true)).await.len(), asked + 1);
    // What is left out on a host is not there.
    let lab = label(&world, &[&late]).await;
    for cve in ["CVE-2024-90010", "CVE-2024-90020", "CVE-2024-90011", "CVE-2024-90021"] {
        except(&world, of_cve(cve), Hosts::Label(lab)).await;
    }
    assert_eq!(by_sort(kev(true)).await.len(), asked);
}

#[tokio::test]
async fn what_is_left_out_resolved_or_removed_counts_as_little_once_it_is_counted_again() {
    let (world, mut endpoints) = exploited_world().await;
    count_at(&world, 10).await;
    let before = orders(&world.scope).await;
    let lab = label(&world, &[&endpoints[1], &endpoints[2]]).await;
    // Of two hosts, of one of them once more and in another way, and of all hosts.
    except(&world, of_product("bad1"), Hosts::Label(lab)).await;
    except(&world, of_cve("CVE-2024-90010"), Hosts::One(endpoints[1].agent)).await;
    except(&world, of_cve("CVE-2024-90010"), Hosts::One(endpoints[3].agent)).await;
    except(&world, of_cve("CVE-2024-90020"), Hosts::All).await;
    world.apply(&[endpoints[0].delta(vec![], &[record("bad1", "2.1")])]).await;
    let judged = [(key(&record("bad2", "1.1")), evaluation(&["CVE-2024-90020"]))];
    findings::replace(&world.scope, &judged, 2, at(20)).await.unwrap();
    assert_eq!(count_at(&world, 30).await.hosts, 4);
    let kept = orders(&world.scope).await;
    assert_ne!(kept, before);
    let numbers: Vec<_> = endpoints
        .iter()
        .map(|endpoint| {
            let host = kept[0].iter().find(|host| host.id == endpoint.agent).unwrap();
            (host.findings.open, host.findings.kev, host.findings.suppressed)
        })
        .collect();
    assert_eq!(numbers, [(2, 1, 1), (0, 0, 4), (0, 0, 2), (1, 0, 1)]);
    world.database.execute("UPDATE company_counts SET counted_at = '-infinity'").await;
    assert_eq!(orders(&world.scope).await, kept);
}

#[tokio::test]
async fn a_host_that_is_new_is_in_every_order_behind_those_that_are_counted() {
    let (world, endpoints) = exploited_world().await;
    count_at(&world, 10).await;
    let mut new = Endpoint::new(world.agent().await);
    let many = ["1.1", "2.1", "3.1"].map(|version| record("bad1", version));
    world.apply(&new.snapshot(many, 100)).await;
    let asset = asset(&world.scope, "shop").await;
    for sort in BY_NUMBER {
        let hosts = hosts_by(&world.scope, sort).await;
        assert_eq!(hosts.len(), endpoints.len() + 2, "{sort:?}");
        assert_eq!([hosts[4].id, hosts[5].id], [asset, new.agent], "{sort:?}: by their ids");
        // With what it has now, which no count has seen.
        assert_eq!(hosts[5].findings.open, 6);
    }
    let filter =
        HostFilter { software: Some(key(&record("bad1", "3.1"))), ..HostFilter::default() };
    let page = PageRequest::first(2);
    let found = hosts::list(&world.scope, &filter, HostSort::Findings, &page).await.unwrap();
    assert_eq!(found.items.iter().map(|host| host.id).collect::<Vec<_>>(), [new.agent]);
    count_at(&world, 20).await;
    let first = &orders(&world.scope).await[0][0];
    assert_eq!(first.findings.open, 6);
}

#[tokio::test]
async fn a_host_that_is_erased_is_in_no_order_and_leaves_no_row() {
    let (world, endpoints) = exploited_world().await;
    count_at(&world, 10).await;
    let rows = "SELECT count(*) FROM host_counts WHERE company_key = $1";
    assert_eq!(world.number(rows).await, 4);
    let erased = hosts::erase(&world.scope, endpoints[0].agent, at(20)).await.unwrap().unwrap();
    assert_eq!(erased.get("host_counts"), Some(&1));
    assert_eq!(orders(&world.scope).await[0].len(), 3);
    // One that is erased while it is counted is not written behind that.
    world.apply(&Endpoint::new(world.agent().await).snapshot([record("bad1", "1.1")], 9)).await;
    let newest = hosts_by(&world.scope, HostSort::Enrolled).await[0].id;
    let differences = host_differences(&world.scope, DIFFERENCES_MAX).await.unwrap();
    hosts::erase(&world.scope, newest, at(20)).await.unwrap().unwrap();
    write_hosts(&world.scope, &differences).await.unwrap();
    assert_eq!(world.number(rows).await, 3);
    // What a count finds without a host goes.
    let erase = "DELETE FROM agents WHERE id IN (SELECT id FROM agents ORDER BY key LIMIT 1)";
    world.database.execute(erase).await;
    count_at(&world, 30).await;
    assert_eq!(world.number(rows).await, 2);
}

#[tokio::test]
async fn pages_over_equal_numbers_skip_and_repeat_no_host() {
    let world = World::new().await;
    for _ in 0..5 {
        let mut endpoint = Endpoint::new(world.agent().await);
        world.apply(&endpoint.snapshot([record("bad1", "1.1")], 100)).await;
    }
    count_at(&world, 10).await;
    for _ in 0..4 {
        world.agent().await;
    }
    let (scope, filter) = (&world.scope, HostFilter::default());
    for sort in BY_NUMBER {
        let whole = hosts::list(scope, &filter, sort, &PageRequest::first(100)).await.unwrap();
        assert_eq!((whole.items.len(), whole.next), (9, None));
        let paged = rows_of(async |page| hosts::list(scope, &filter, sort, &page).await).await;
        assert_eq!(paged, whole.items, "{sort:?}");
        for limit in [1, 4, 5, 8] {
            let mut page = PageRequest::first(limit);
            let mut items = Vec::new();
            loop {
                let found = hosts::list(scope, &filter, sort, &page).await.unwrap();
                items.extend(found.items);
                page.after = found.next;
                if page.after.is_none() {
                    break;
                }
            }
            assert_eq!(items, whole.items, "{sort:?} in pages of {limit}");
        }
    }
}

#[tokio::test]
async fn a_company_sees_its_own_hosts_in_these_orders_and_no_others() {
    let (world, _) = exploited_world().await;
    let other = company(world.store(), "Other").await;
    let theirs = crate::test_fixtures::agent(&other, "theirs").await;
    count_at(&world, 10).await;
    let rows = |found: Vec<Host>| found.into_iter().map(|host| host.id).collect::<Vec<_>>();
    for is_counted in [false, true] {
        if is_counted {
            count(&other, at(10), || 0.5).await.unwrap();
        }
        for sort in BY_NUMBER {
            assert_eq!(rows(hosts_by(&other, sort).await), [theirs], "{sort:?}");
            assert_eq!(hosts_by(&world.scope, sort).await.len(), 4, "{sort:?}");
        }
    }
}

#[tokio::test]
async fn a_company_whose_hosts_a_release_before_did_not_count_is_counted_when_it_asks_and_soon() {
    let (world, _) = exploited_world().await;
    let asked = orders(&world.scope).await;
    count_at(&world, 10).await;
    assert!(!is_due(&world.scope, None, at(11)).await.unwrap());
    world.database.execute("DELETE FROM host_counts").await;
    world.database.execute("UPDATE company_counts SET hosts_counted_at = NULL").await;
    assert_eq!(orders(&world.scope).await, asked);
    assert!(is_due(&world.scope, None, at(11)).await.unwrap());
    // Its other lists go by what is kept.
    let (any, page) = (SoftwareFilter::default(), PageRequest::first(1));
    let listed = software::list(&world.scope, &any, SoftwareSort::Hosts, &page).await.unwrap();
    assert_eq!(listed.counted_at, Some(at(10)));
    assert_eq!(count_at(&world, 20).await, Counted { hosts: 4, ..Counted::default() });
    assert_eq!(orders(&world.scope).await, asked);
}

#[tokio::test]
async fn an_exception_for_one_host_is_a_reason_to_count_again() {
    let (world, endpoints) = exploited_world().await;
    count_at(&world, 10).await;
    assert!(!is_due(&world.scope, None, at(71)).await.unwrap());
    count_at(&world, 9).await;
    except(&world, of_product("bad1"), Hosts::One(endpoints[0].agent)).await;
    assert!(is_due(&world.scope, None, at(71)).await.unwrap());
}

#[tokio::test]
async fn the_summary_of_a_large_company_is_that_of_a_small_one() {
    let (world, mut endpoints) = exploited_world().await;
    except(&world, of_cve("CVE-2024-90011"), Hosts::All).await;
    except(&world, of_cve("CVE-2024-90010"), Hosts::One(endpoints[0].agent)).await;
    world.apply(&[endpoints[0].delta(vec![], &[record("bad2", "1.1")])]).await;
    let asked = summary(&world.scope).await.unwrap();
    assert_eq!((asked.findings.suppressed, asked.findings_gone, asked.counted_at), (2, 2, None));
    count_at(&world, 10).await;
    let mut kept = summary(&world.scope).await.unwrap();
    assert_eq!(kept.counted_at.take(), Some(at(10)));
    assert_eq!(kept, asked);
}
