//! What happened on a host, moment by moment.

use std::slice;
use std::time::Duration;

use super::super::timeline::apart;
use super::*;
use crate::test_fixtures::{company, evaluation};

/// Reports of these tests come a second after each other.
const GAP: Duration = Duration::from_millis(500);

/// Moments of a host as `seconds: what happened`, the newest first, a page of `limit` at a time.
async fn told(
    world: &World,
    host: AgentId,
    kind: Option<MomentKind>,
    (gap, limit): (Duration, u32),
) -> Vec<String> {
    let mut page = PageRequest::first(limit);
    let mut told = Vec::new();
    loop {
        let found = apart(&world.scope, host, kind, gap, &page).await.unwrap();
        told.extend(found.items.iter().map(|moment| {
            let all: Vec<String> = moment.changes.iter().map(line).collect();
            format!("{}: {}", (moment.at - at(0)).whole_seconds(), all.join(", "))
        }));
        page.after = found.next;
        if page.after.is_none() {
            return told;
        }
    }
}

fn line(change: &MomentChange) -> String {
    let versions = [&change.went, &change.came].into_iter().flatten().cloned();
    let versions: Vec<String> = versions.collect();
    let what = change.cve.clone().unwrap_or_else(|| versions.join(" to "));
    format!("{} {} {what}", change.kind.as_str(), change.name)
}

/// A host that came with `a` 1 and the vulnerable `bad1` 1, then has `a` upgraded and `c` beside it, then goes from one
/// vulnerable version of `bad1` to another with one CVE more, and then is rid of it.
async fn lived() -> (World, Endpoint) {
    let world = World::new().await;
    let mut host = Endpoint::new(agent(&world.scope, "web-1").await);
    let bad = record("bad1", "1");
    world.apply(&host.snapshot([record("a", "1"), bad.clone()], 100)).await;
    let update = host.delta(vec![record("a", "2"), record("c", "1")], &[record("a", "1")]);
    world.apply(&[update]).await;
    let worse = record("bad1", "1.1");
    let update = host.delta(vec![worse.clone()], slice::from_ref(&bad));
    world.apply(&[update]).await;
    let gone = host.delta(Vec::new(), slice::from_ref(&worse));
    world.apply(&[gone]).await;
    (world, host)
}

#[tokio::test]
async fn an_upgrade_is_one_change_and_findings_stand_beside_what_brought_them() {
    let (world, host) = lived().await;
    let all = told(&world, host.agent, None, (GAP, 100)).await;
    assert_eq!(
        all,
        [
            "4: finding_resolved bad1 CVE-2024-90010, finding_resolved bad1 CVE-2024-90011, \
             removed bad1 1.1",
            // The CVE that both versions have is neither opened nor resolved.
            "3: finding_opened bad1 CVE-2024-90011, upgraded bad1 1 to 1.1",
            "2: installed c 1, upgraded a 1 to 2",
            "1: finding_opened bad1 CVE-2024-90010, installed a 1, installed bad1 1",
        ]
    );
    // However it is cut, nothing is lost and nothing comes twice.
    for limit in 1..=4 {
        assert_eq!(told(&world, host.agent, None, (GAP, limit)).await, all, "{limit} at a time");
    }
    let upgraded = told(&world, host.agent, Some(MomentKind::Upgraded), (GAP, 1)).await;
    assert_eq!(upgraded, ["3: upgraded bad1 1 to 1.1", "2: upgraded a 1 to 2"]);
}

#[tokio::test]
async fn what_arrives_within_a_minute_is_one_moment_and_the_first_says_so() {
    let (world, host) = lived().await;
    let page = PageRequest::first(10);
    let found = timeline(&world.scope, host.agent, None, &page).await.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].began_at, found[0].at), (at(1), at(4)));
    // What came and went within the moment is not told.
    assert_eq!((found[0].installed, found[0].removed, found[0].upgraded), (2, 0, 0));
    let apart = apart(&world.scope, host.agent, None, GAP, &page).await.unwrap().items;
    let first: Vec<bool> = apart.iter().map(|moment| moment.is_first).collect();
    assert_eq!(first, [false, false, false, true]);
}

#[tokio::test]
async fn a_finding_that_is_judged_later_is_a_moment_of_its_own() {
    let world = World::new().await;
    let mut host = Endpoint::new(agent(&world.scope, "web-1").await);
    let good = record("good", "1");
    world.apply(&host.snapshot([good.clone()], 100)).await;
    for (cves, seconds) in [(&["CVE-2024-1"][..], 500), (&[], 900)] {
        let judged = [(key(&good), evaluation(cves))];
        let replaced = crate::findings::replace(&world.scope, &judged, 2, at(seconds)).await;
        assert!(replaced.unwrap().is_some());
    }
    let all = told(&world, host.agent, None, (Duration::from_secs(60), 100)).await;
    assert_eq!(
        all,
        [
            "900: finding_resolved good CVE-2024-1",
            "500: finding_opened good CVE-2024-1",
            "1: installed good 1",
        ]
    );
}

#[tokio::test]
async fn a_moment_counts_all_and_names_some() {
    let world = World::new().await;
    let mut host = Endpoint::new(agent(&world.scope, "web-1").await);
    let records: Vec<_> = (0..100).map(|n| record(&format!("p{n:02}"), "1")).collect();
    world.apply(&host.snapshot(records, 100)).await;
    let page = PageRequest::first(10);
    let found = timeline(&world.scope, host.agent, None, &page).await.unwrap().items;
    assert_eq!((found.len(), found[0].installed), (1, 100));
    let names: Vec<&str> = found[0].changes.iter().map(|change| change.name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[19]), (20, "p00", "p19"));
    let other = company(world.store(), "Other").await;
    assert_eq!(timeline(&other, host.agent, None, &page).await.unwrap().items, []);
}
