//! What a user would miss of statistics: that they count what hosts have, each thing once, and that an
//! update is no fix.

use protocol::software::SoftwareRecord;

use super::*;
use crate::agents;
use crate::cves;
use crate::exceptions::{self, About, Claim, Hosts, NewException, VexStatus};
use crate::reports::{IncomingReport, apply};
use crate::test_fixtures::{
    Endpoint, GENERATION, World, asset, at, company, id, judge, published, record,
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A company with the severities of the CVEs that `bad1` and `bad2` have.
async fn world() -> World {
    let world = World::new().await;
    let records = [
        published("CVE-2024-90010", 9.8, "critical"),
        published("CVE-2024-90011", 7.5, "high"),
        published("CVE-2024-90020", 5.0, "medium"),
    ];
    cves::upsert(world.store(), &records).await.unwrap();
    world
}

/// Stores what came at an instant.
async fn store(world: &World, mut batch: Vec<IncomingReport>, seconds: i64) {
    for report in &mut batch {
        report.received_at = at(seconds);
    }
    apply(&world.scope, &batch, &judge, GENERATION, at(seconds)).await.unwrap();
}

/// A host that has had records since an instant.
async fn host(world: &World, records: Vec<SoftwareRecord>, seconds: i64) -> Endpoint {
    let mut endpoint = Endpoint::new(world.agent().await);
    store(world, endpoint.snapshot(records, 100), seconds).await;
    endpoint
}

/// Puts one record in the place of another.
async fn update(
    world: &World,
    host: &mut Endpoint,
    (old, new): (SoftwareRecord, Option<SoftwareRecord>),
    seconds: i64,
) {
    let report = host.delta(new.into_iter().collect(), &[old]);
    store(world, vec![report], seconds).await;
}

async fn rows(scope: &TenantScope, step: Step) -> Vec<Statistics> {
    let range = Range { step, from: at(-DAY), to: at(1_000 * DAY) };
    list(scope, range).await.unwrap()
}

/// Measures, and gives the hour's row.
async fn measured(world: &World, seconds: i64) -> Statistics {
    measure(&world.scope, at(seconds)).await.unwrap();
    rows(&world.scope, Step::Hour).await.pop().unwrap()
}

#[tokio::test]
async fn what_is_open_is_counted_by_severity_and_by_host() {
    let world = world().await;
    let (bad1, bad2) = (record("bad1", "1.1"), record("bad2", "1"));
    let mut first = host(&world, vec![bad1.clone()], 1).await;
    let mut second = host(&world, vec![bad1.clone(), bad2, record("good", "1")], 1).await;
    let stood = measured(&world, 2 * HOUR).await;
    assert_eq!((stood.hosts, stood.silent_hosts), (2, 0));
    let groups = stood.groups;
    assert_eq!((groups.all.open, groups.all.exposure), (3, 5));
    assert_eq!((groups.critical.open, groups.critical.exposure), (1, 2));
    assert_eq!((groups.medium.open, groups.medium.exposure), (1, 1));
    assert_eq!((groups.kev.open, groups.low.open, groups.other.open), (0, 0, 0));
    // Off every host it is still a finding of the company's software, and threatens nobody.
    update(&world, &mut first, (bad1.clone(), None), 3 * HOUR).await;
    update(&world, &mut second, (bad1, None), 3 * HOUR).await;
    let groups = measured(&world, 4 * HOUR).await.groups;
    assert_eq!((groups.all.open, groups.all.exposure), (1, 1));
}

#[tokio::test]
async fn what_comes_and_goes_is_counted_once_for_each_host() {
    let world = world().await;
    measured(&world, HOUR).await;
    let bad1 = record("bad1", "1.1");
    let mut first = host(&world, vec![bad1.clone()], HOUR + 600).await;
    host(&world, vec![bad1.clone()], HOUR + 700).await;
    let groups = measured(&world, 2 * HOUR).await.groups;
    assert_eq!((groups.all.opened, groups.all.resolved), (4, 0));
    assert_eq!((groups.critical.opened, groups.high.opened), (2, 2));
    update(&world, &mut first, (bad1, None), 2 * HOUR + 600).await;
    let groups = measured(&world, 3 * HOUR).await.groups;
    assert_eq!((groups.all.opened, groups.all.resolved), (0, 2));
    let days = rows(&world.scope, Step::Day).await;
    assert_eq!(days.len(), 1);
    assert_eq!((days[0].groups.all.opened, days[0].groups.all.resolved), (4, 2));
    assert_eq!(days[0].groups.all.exposure, 2);
}

#[tokio::test]
async fn an_update_to_a_version_with_the_same_cve_neither_opens_nor_fixes_it() {
    let world = world().await;
    let mut host = host(&world, vec![record("bad1", "1.1")], 0).await;
    measured(&world, HOUR).await;
    let two = (record("bad1", "1.1"), Some(record("bad1", "2.1")));
    update(&world, &mut host, two, HOUR + 600).await;
    let groups = measured(&world, 2 * HOUR).await.groups;
    assert_eq!((groups.all.opened, groups.all.resolved), (0, 0));
    assert_eq!(groups.all.fix_median_s, None);
    // Version 3 has the first CVE alone, so that the second one is fixed: after three hours, and not after
    // the two since the update.
    let three = (record("bad1", "2.1"), Some(record("bad1", "3")));
    update(&world, &mut host, three, 3 * HOUR).await;
    let groups = measured(&world, 4 * HOUR).await.groups;
    assert_eq!((groups.critical.resolved, groups.high.resolved), (0, 1));
    assert_eq!((groups.critical.fix_median_s, groups.all.open), (None, 1));
    assert_eq!(groups.high.fix_median_s, Some(3 * HOUR.unsigned_abs()));
}

#[tokio::test]
async fn the_time_to_fix_is_the_middle_one_of_the_last_weeks() {
    let world = world().await;
    let bad2 = record("bad2", "1");
    for hours in [1, 2, 3, 4, 10] {
        let mut host = host(&world, vec![bad2.clone()], 0).await;
        update(&world, &mut host, (bad2.clone(), None), hours * HOUR).await;
    }
    let groups = measured(&world, DAY).await.groups;
    assert_eq!(groups.medium.fix_median_s, Some(3 * HOUR.unsigned_abs()));
    assert_eq!(groups.all.fix_median_s, groups.medium.fix_median_s);
    // Between the fourth and the last of five.
    assert_eq!(groups.medium.fix_p90_s, Some(27_360));
    assert_eq!((groups.kev.fix_median_s, groups.critical.fix_p90_s), (None, None));
    let groups = measured(&world, 32 * DAY).await.groups;
    assert_eq!(groups.medium.fix_median_s, None);
}

#[tokio::test]
async fn a_measurement_that_is_done_again_counts_nothing_twice() {
    let world = world().await;
    host(&world, vec![record("bad1", "1.1")], HOUR).await;
    for seconds in [HOUR + 600, HOUR + 600, HOUR + 700] {
        let stood = measured(&world, seconds).await;
        assert_eq!(stood.groups.all.opened, 2, "{seconds}");
        assert_eq!(stood.measured_at, at(seconds));
    }
    assert_eq!(rows(&world.scope, Step::Hour).await.len(), 1);
    // Nor does one of a node whose clock is behind.
    measure(&world.scope, at(HOUR)).await.unwrap();
    assert_eq!(measured(&world, 2 * HOUR).await.groups.all.opened, 0);
}

#[tokio::test]
async fn what_came_while_no_node_measured_is_counted_by_the_next_measurement() {
    let world = world().await;
    measured(&world, 0).await;
    host(&world, vec![record("bad1", "1.1")], 5 * HOUR).await;
    let stood = measured(&world, 9 * HOUR).await;
    assert_eq!((stood.at, stood.groups.all.opened), (at(9 * HOUR), 2));
}

#[tokio::test]
async fn a_revoked_host_counts_no_more_and_a_silent_one_is_said() {
    let world = world().await;
    let gone = host(&world, vec![record("bad1", "1.1")], 1).await;
    host(&world, vec![record("bad2", "1")], 1).await;
    agents::revoke(&world.scope, gone.agent, at(2)).await.unwrap();
    let stood = measured(&world, HOUR).await;
    assert_eq!((stood.hosts, stood.groups.all.exposure), (1, 1));
    let stood = measured(&world, 8 * DAY).await;
    assert_eq!((stood.hosts, stood.silent_hosts), (1, 1));
}

#[tokio::test]
async fn an_asset_without_an_agent_counts_as_a_host_and_is_never_silent() {
    let world = world().await;
    asset(&world.scope, "web-shop").await;
    let stood = measured(&world, 8 * DAY).await;
    assert_eq!((stood.hosts, stood.silent_hosts), (1, 0));
}

#[tokio::test]
async fn an_exception_for_one_host_takes_it_out_of_the_exposure() {
    let world = world().await;
    let bad1 = record("bad1", "1.1");
    let first = host(&world, vec![bad1.clone()], 1).await;
    host(&world, vec![bad1], 1).await;
    let claim = Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    let about = About { cve: Some("CVE-2024-90010".to_owned()), ..About::default() };
    for (hosts, open, exposure) in [(Hosts::One(first.agent), 2, 3), (Hosts::All, 1, 2)] {
        let new = NewException {
            id: id(),
            name: None,
            about: &about,
            hosts,
            claim: &claim,
            expires_at: None,
            origin: None,
        };
        exceptions::create(&world.scope, &new, at(2)).await.unwrap();
        let all = measured(&world, HOUR).await.groups.all;
        assert_eq!((all.open, all.exposure), (open, exposure), "{hosts:?}");
    }
}

#[tokio::test]
async fn an_hour_is_measured_once() {
    let world = world().await;
    assert!(is_due(&world.scope, at(10)).await.unwrap());
    measure(&world.scope, at(10)).await.unwrap();
    assert!(!is_due(&world.scope, at(HOUR - 1)).await.unwrap());
    assert!(is_due(&world.scope, at(HOUR)).await.unwrap());
    let other = company(world.store(), "Other").await;
    assert!(is_due(&other, at(10)).await.unwrap());
    assert_eq!(rows(&other, Step::Hour).await, []);
}

#[tokio::test]
async fn hours_are_forgotten_long_before_days_are() {
    let world = world().await;
    measure(&world.scope, at(0)).await.unwrap();
    assert_eq!(purge(&world.scope, at(34 * DAY)).await.unwrap(), 0);
    assert_eq!(purge(&world.scope, at(36 * DAY)).await.unwrap(), 1);
    assert_eq!(rows(&world.scope, Step::Day).await.len(), 1);
    assert_eq!(purge(&world.scope, at(801 * DAY)).await.unwrap(), 1);
    assert_eq!(rows(&world.scope, Step::Day).await, []);
}
