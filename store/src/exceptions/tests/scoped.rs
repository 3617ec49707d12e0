//! Exceptions for some hosts: the finding stays the company's, and is left out of what is said of them.

use super::*;
use crate::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
use crate::labels::{self, NewLabel};
use crate::summary;

const ONE: &str = "CVE-2024-90010";

async fn counts(world: &World, agent: AgentId) -> (u64, u64) {
    let detail = hosts::get(&world.scope, agent).await.unwrap().unwrap();
    let counts = detail.host.findings;
    // The list and the software's own counts say the same.
    let page = PageRequest::first(10);
    let any = HostFilter::default();
    let listed = hosts::list(&world.scope, &any, HostSort::Enrolled, &page);
    let listed = listed.await.unwrap().items;
    let listed = listed.iter().find(|host| host.id == agent).unwrap();
    assert_eq!(listed.findings, counts);
    let any = HostSoftwareFilter::default();
    let installed = hosts::software(&world.scope, agent, &any, &page);
    let installed = installed.await.unwrap().items;
    let sum: (u64, u64) = installed
        .iter()
        .fold((0, 0), |(open, out), one| (open + one.findings.open, out + one.findings.suppressed));
    assert_eq!(sum, (counts.open, counts.suppressed));
    sum
}

async fn with_cve(world: &World) -> Vec<AgentId> {
    with_cve_at(world, None).await
}

async fn with_cve_at(world: &World, as_of: Option<OffsetDateTime>) -> Vec<AgentId> {
    let filter = HostFilter { cve: Some(ONE.to_owned()), as_of, ..HostFilter::default() };
    let page = PageRequest::first(10);
    let listed = hosts::list(&world.scope, &filter, HostSort::Enrolled, &page);
    let mut ids: Vec<AgentId> =
        listed.await.unwrap().items.into_iter().map(|host| host.id).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn one_host_is_excepted_and_the_company_is_not() {
    let (world, first) = world().await;
    let second = host(&world, [record("bad1", "1.1")]).await;
    let made = except(&world, &of_product("bad1"), Hosts::One(first.agent)).await;
    assert_eq!((made.findings, made.hosts), (2, Hosts::One(first.agent)));
    assert_eq!(counts(&world, first.agent).await, (1, 2));
    assert_eq!(counts(&world, second.agent).await, (2, 0));
    assert_eq!(open(&world).await.len(), 3);
    assert_eq!(summary::summary(&world.scope).await.unwrap().findings.open, 3);
    assert_eq!(with_cve(&world).await, [second.agent]);
    for (state, expected) in [(FindingState::Open, 1), (FindingState::Suppressed, 2)] {
        assert_eq!(cves(&world, state, Some(first.agent)).await.len(), expected);
    }
    withdraw(&world.scope, made.id, at(20)).await.unwrap();
    assert_eq!(counts(&world, first.agent).await, (3, 0));
}

#[tokio::test]
async fn a_host_that_gets_the_label_is_excepted_with_what_it_gets_later() {
    let (world, first) = world().await;
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(5)).await.unwrap().id;
    except(&world, &of_product("bad1"), Hosts::Label(label)).await;
    assert_eq!(counts(&world, first.agent).await, (3, 0));
    labels::assign(&world.scope, label, &[first.agent], true, at(20)).await.unwrap();
    assert_eq!(counts(&world, first.agent).await, (1, 2));
    let mut first = first;
    // A version that the company had not had before.
    world.apply(&[first.delta(vec![record("bad1", "3.1.4")], &[])]).await;
    assert_eq!(counts(&world, first.agent).await, (1, 5));
    labels::assign(&world.scope, label, &[first.agent], false, at(30)).await.unwrap();
    assert_eq!(counts(&world, first.agent).await, (6, 0));
}

#[tokio::test]
async fn two_exceptions_for_a_host_leave_a_finding_out_once() {
    let (world, first) = world().await;
    except(&world, &of_product("bad1"), Hosts::One(first.agent)).await;
    except(&world, &of_cve(ONE), Hosts::One(first.agent)).await;
    assert_eq!(counts(&world, first.agent).await, (1, 2));
    // And one for the whole company counts on its own.
    except(&world, &of_cve(ONE), Hosts::All).await;
    assert_eq!(counts(&world, first.agent).await, (1, 2));
}

#[tokio::test]
async fn a_label_that_an_exception_is_for_stays() {
    let (world, _) = world().await;
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(5)).await.unwrap().id;
    let made = except(&world, &of_cve(ONE), Hosts::Label(label)).await;
    let refused = labels::delete(&world.scope, label, at(40)).await;
    assert!(matches!(refused, Err(labels::ChangeError::InUse("exceptions"))));
    withdraw(&world.scope, made.id, at(20)).await.unwrap();
    assert!(labels::delete(&world.scope, label, at(40)).await.unwrap());
}

#[tokio::test]
async fn who_had_a_cve_before_it_was_accepted_is_found_by_that_time() {
    let (world, first) = world().await;
    let second = host(&world, [record("bad1", "1.1")]).await;
    // From 10 s on; what is left out for one host alone is of the present.
    except(&world, &of_cve(ONE), Hosts::One(second.agent)).await;
    let both = [first.agent, second.agent];
    assert_eq!(with_cve(&world).await, [first.agent]);
    assert_eq!(with_cve_at(&world, Some(at(11))).await, both);
    except(&world, &of_cve(ONE), Hosts::All).await;
    assert_eq!(with_cve(&world).await, []);
    assert_eq!(with_cve_at(&world, Some(at(9))).await, both);
    assert_eq!(with_cve_at(&world, Some(at(11))).await, []);
}
