//! Exceptions for some hosts where a label is asked about: a finding is left out once it is on all hosts with it.

use super::*;
use crate::counts;
use crate::export::Columns;
use crate::labels::{self, NewLabel};
use crate::software::{self, SoftwareFilter, SoftwareSort};

async fn labelled(world: &World, name: &str, hosts: &[AgentId]) -> Uuid {
    let new = NewLabel { id: id(), name, description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(5)).await.unwrap().id;
    labels::assign(&world.scope, label, hosts, true, at(6)).await.unwrap();
    label
}

/// The CVEs of a label's findings in a state; a list and an export say the same.
async fn of_label(world: &World, state: FindingState, label: Uuid) -> Vec<String> {
    let filter = FindingFilter { state, label: Some(label), ..FindingFilter::default() };
    let (page, sort) = (PageRequest::first(100), FindingSort::Opened);
    let listed = findings::list(&world.scope, &filter, sort, &page).await.unwrap().items;
    let mut export = findings::export(&world.scope, &filter, sort, Columns::Cells).await.unwrap();
    let mut exported = Vec::new();
    loop {
        let some = export.next().await.unwrap();
        if some.is_empty() {
            break;
        }
        exported.extend(some);
    }
    let said = |all: Vec<findings::Finding>| {
        let mut all: Vec<_> =
            all.into_iter().map(|one| (one.state(None), one.exception, one.cve.id)).collect();
        all.sort_unstable();
        all
    };
    let listed = said(listed);
    assert_eq!(said(exported), listed);
    let expected = if state == FindingState::Suppressed { "suppressed" } else { "open" };
    assert!(listed.iter().all(|(is, ..)| *is == expected), "{listed:?}");
    let mut cves: Vec<String> = listed.into_iter().map(|(.., cve)| cve).collect();
    cves.sort_unstable();
    cves
}

/// The names of a label's software that has findings, or none.
async fn software_of(world: &World, label: Uuid, vulnerable: bool) -> Vec<String> {
    let filter = SoftwareFilter {
        vulnerable: Some(vulnerable),
        label: Some(label),
        ..SoftwareFilter::default()
    };
    let page = PageRequest::first(100);
    let mut names: Option<Vec<String>> = None;
    for sort in [SoftwareSort::Name, SoftwareSort::Hosts] {
        let found = software::list(&world.scope, &filter, sort, &page).await.unwrap().items;
        let mut found: Vec<String> =
            found.into_iter().map(|one| one.software.record.name).collect();
        found.sort_unstable();
        assert_eq!(names.get_or_insert_with(|| found.clone()), &found, "{sort:?}");
    }
    names.unwrap_or_default()
}

#[tokio::test]
async fn what_a_label_accepts_is_not_open_where_the_label_is_asked_about() {
    let (world, first) = world().await;
    let second = host(&world, [record("bad1", "1.1")]).await;
    let web = labelled(&world, "web", &[first.agent]).await;
    let all = labelled(&world, "all", &[first.agent, second.agent]).await;
    except(&world, &of_product("bad1"), Hosts::Label(web)).await;
    assert_eq!(of_label(&world, FindingState::Open, web).await, ["CVE-2024-90020"]);
    assert_eq!(of_label(&world, FindingState::Suppressed, web).await.len(), 2);
    // The other host has it still, and so has the company.
    assert_eq!(of_label(&world, FindingState::Open, all).await.len(), 3);
    assert_eq!(of_label(&world, FindingState::Suppressed, all).await.len(), 0);
    assert_eq!(open(&world).await.len(), 3);
    // With counts that are kept as without them.
    for seconds in [0, 20] {
        if seconds > 0 {
            counts::count(&world.scope, at(seconds), || 0.5).await.unwrap();
        }
        assert_eq!(software_of(&world, web, true).await, ["bad2"]);
        assert_eq!(software_of(&world, web, false).await, ["bad1"]);
        assert_eq!(software_of(&world, all, true).await, ["bad1", "bad2"]);
    }
}

#[tokio::test]
async fn a_label_whose_hosts_all_have_an_exception_has_nothing_open() {
    let (world, first) = world().await;
    let second = host(&world, [record("bad1", "1.1")]).await;
    let third = host(&world, [record("good", "1")]).await;
    let web = labelled(&world, "web", &[first.agent]).await;
    let other = labelled(&world, "other", &[third.agent]).await;
    let all = labelled(&world, "all", &[first.agent, second.agent, third.agent]).await;
    let bad = of_product("bad1");
    // For a host that has none of it: not what leaves it out.
    except(&world, &bad, Hosts::Label(other)).await;
    let of_web = except(&world, &bad, Hosts::Label(web)).await;
    assert_eq!(of_label(&world, FindingState::Open, all).await.len(), 3);
    // One by the label, one by itself.
    except(&world, &bad, Hosts::One(second.agent)).await;
    assert_eq!(of_label(&world, FindingState::Open, all).await, ["CVE-2024-90020"]);
    let out = FindingFilter {
        state: FindingState::Suppressed,
        label: Some(all),
        ..FindingFilter::default()
    };
    let page = PageRequest::first(100);
    let out = findings::list(&world.scope, &out, FindingSort::Opened, &page).await.unwrap().items;
    let by: Vec<Option<Uuid>> = out.iter().map(|one| one.exception).collect();
    assert_eq!(by, [Some(of_web.id), Some(of_web.id)]);
    withdraw(&world.scope, of_web.id, at(30)).await.unwrap();
    assert_eq!(of_label(&world, FindingState::Open, all).await.len(), 3);
}

#[tokio::test]
async fn an_exception_for_a_label_that_all_hosts_have_counts_for_others_labels() {
    let (world, first) = world().await;
    let second = host(&world, [record("bad1", "1.1")]).await;
    let linux = labelled(&world, "linux", &[first.agent, second.agent]).await;
    let web = labelled(&world, "web", &[first.agent]).await;
    except(&world, &of_cve("CVE-2024-90010"), Hosts::Label(linux)).await;
    for label in [linux, web] {
        let open = of_label(&world, FindingState::Open, label).await;
        assert_eq!(open, ["CVE-2024-90011", "CVE-2024-90020"]);
    }
}
