//! Exceptions for the whole company.

use super::*;
use crate::cves as metadata;
use crate::events::{self, EventKind};
use crate::findings::replace;
use crate::test_fixtures::{evaluation, key, published};
use crate::{hosts, software, summary};

const ONE: &str = "CVE-2024-90010";
const TWO: &str = "CVE-2024-90011";
const THREE: &str = "CVE-2024-90020";

/// What events told of after the first `after`, in their order.
async fn told(world: &World, after: usize, count: usize) -> Vec<(EventKind, String)> {
    let reading = async {
        loop {
            let events = events::after(&world.scope, None, 100).await.unwrap();
            if events.len() >= after + count {
                let told = events.into_iter().skip(after);
                return told.map(|event| (event.kind, event.cve)).collect();
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, reading).await.unwrap()
}

#[tokio::test]
async fn a_finding_is_left_out_of_everything_that_counts_and_stays_findable() {
    let (world, endpoint) = world().await;
    let exception = except(&world, &of_cve(ONE), Hosts::All).await;
    assert_eq!(exception.state, ExceptionState::Active);
    assert_eq!(exception.findings, 1);
    assert_eq!(open(&world).await, [TWO, THREE]);
    assert_eq!(suppressed(&world).await, [ONE]);
    let summary = summary::summary(&world.scope).await.unwrap();
    assert_eq!((summary.findings.open, summary.findings.suppressed), (2, 1));
    let detail = hosts::get(&world.scope, endpoint.agent).await.unwrap();
    let counts = detail.unwrap().host.findings;
    assert_eq!((counts.open, counts.suppressed), (2, 1));
    let item = software::get(&world.scope, key(&record("bad1", "1.1"))).await.unwrap().unwrap();
    assert_eq!((item.findings.open, item.findings.suppressed), (1, 1));
    let page = PageRequest::first(10);
    let listed =
        metadata::list(&world.scope, &Default::default(), Default::default(), &page).await.unwrap();
    assert!(listed.items.iter().all(|item| item.cve.id != ONE));
    let of_cve = hosts::HostFilter { cve: Some(ONE.to_owned()), ..hosts::HostFilter::default() };
    let with = hosts::list(&world.scope, &of_cve, hosts::HostSort::Hostname, &page);
    assert_eq!(with.await.unwrap().items, []);
}

#[tokio::test]
async fn a_new_host_and_a_new_version_of_the_software_are_left_out_from_the_beginning() {
    let (world, _) = world().await;
    except(&world, &of_product("BAD1"), Hosts::All).await;
    let before = told(&world, 0, 5).await.len();
    // Another version is other software, with findings of its own.
    let second = host(&world, [record("bad1", "1.1"), record("bad1", "2.1.0")]).await;
    assert_eq!(open(&world).await, [THREE]);
    assert_eq!(suppressed(&world).await.len(), 5);
    let of_host = cves(&world, FindingState::Open, Some(second.agent)).await;
    assert_eq!(of_host, [""; 0]);
    // And whoever follows events is not told that they opened.
    let kinds: Vec<EventKind> =
        told(&world, before, 3).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [EventKind::Suppressed; 3]);
}

#[tokio::test]
async fn a_finding_that_a_new_judgement_opens_is_left_out_at_once() {
    let (world, _) = world().await;
    except(&world, &of_cve("CVE-2026-1"), Hosts::All).await;
    let judged = [(key(&record("bad2", "1")), evaluation(&["CVE-2026-1", "CVE-2026-2"]))];
    replace(&world.scope, &judged, 2, at(20)).await.unwrap();
    assert_eq!(open(&world).await, [ONE, TWO, "CVE-2026-2"]);
    assert_eq!(suppressed(&world).await, ["CVE-2026-1"]);
    let mut last = told(&world, 3, 3).await;
    last.sort_by(|one, other| one.1.cmp(&other.1));
    let expected = [
        (EventKind::Resolved, THREE.to_owned()),
        (EventKind::Suppressed, "CVE-2026-1".to_owned()),
        (EventKind::Opened, "CVE-2026-2".to_owned()),
    ];
    assert_eq!(last, expected);
}

#[tokio::test]
async fn a_finding_stays_left_out_when_it_is_judged_again() {
    let (world, _) = world().await;
    except(&world, &of_cve(ONE), Hosts::All).await;
    let judged = [(key(&record("bad1", "1.1")), evaluation(&[ONE, TWO]))];
    replace(&world.scope, &judged, 2, at(20)).await.unwrap();
    assert_eq!(suppressed(&world).await, [ONE]);
    // Gone and found again, it is another row.
    for (cves, generation) in [(&[TWO][..], 3), (&[ONE, TWO], 4)] {
        let judged = [(key(&record("bad1", "1.1")), evaluation(cves))];
        replace(&world.scope, &judged, generation, at(30)).await.unwrap();
    }
    assert_eq!(suppressed(&world).await, [ONE]);
}

#[tokio::test]
async fn what_an_exception_left_out_is_open_again_when_its_time_is_over() {
    let (world, _) = world().await;
    let made = except_until(&world, &of_cve(ONE), Hosts::All, Some(at(100))).await;
    assert_eq!(expire(&world.scope, at(99)).await.unwrap(), 0);
    assert_eq!(expire(&world.scope, at(100)).await.unwrap(), 1);
    let settled = settle(&world.scope, at(100)).await.unwrap();
    assert_eq!((settled.suppressed, settled.reopened), (0, 1));
    assert_eq!(open(&world).await, [ONE, TWO, THREE]);
    let last = told(&world, 4, 1).await;
    assert_eq!(last, [(EventKind::Reopened, ONE.to_owned())]);
    let ended = get(&world.scope, made.id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.ended_at), (ExceptionState::Expired, Some(at(100))));
    // Doing it again does nothing.
    assert_eq!(expire(&world.scope, at(200)).await.unwrap(), 0);
    let settled = settle(&world.scope, at(200)).await.unwrap();
    assert_eq!(settled, Settled::default());
}

#[tokio::test]
async fn another_exception_takes_over_when_the_first_ends() {
    let (world, _) = world().await;
    let first = except(&world, &of_cve(ONE), Hosts::All).await;
    let second = except(&world, &of_product("bad1"), Hosts::All).await;
    let ended = withdraw(&world.scope, first.id, at(20)).await.unwrap();
    let (ended, settled) = ended.unwrap();
    assert_eq!((settled.suppressed, settled.reopened), (0, 0));
    assert_eq!(ended.state, ExceptionState::Withdrawn);
    assert_eq!(suppressed(&world).await, [ONE, TWO]);
    let second = get(&world.scope, second.id).await.unwrap().unwrap();
    assert_eq!(second.findings, 2);
}

#[tokio::test]
async fn a_remark_leaves_nothing_out() {
    let (world, _) = world().await;
    let claim = Claim { status: VexStatus::UnderInvestigation, suppresses: false, ..accepted() };
    let new = NewException {
        id: id(),
        name: None,
        about: &of_cve(ONE),
        hosts: Hosts::All,
        claim: &claim,
        expires_at: None,
        origin: None,
    };
    create(&world.scope, &new, at(10)).await.unwrap();
    assert_eq!(open(&world).await, [ONE, TWO, THREE]);
}

#[tokio::test]
async fn a_score_counts_once_somebody_gives_one() {
    let (world, _) = world().await;
    let about = About { score_below: Some(4.0), ..About::default() };
    except(&world, &about, Hosts::All).await;
    assert_eq!(suppressed(&world).await, [""; 0]);
    for (cve, score, severity) in [(ONE, 3.9, "low"), (TWO, 4.0, "medium")] {
        metadata::upsert(world.store(), &[published(cve, score, severity)]).await.unwrap();
    }
    settle(&world.scope, at(20)).await.unwrap();
    assert_eq!(suppressed(&world).await, [ONE]);
}

#[tokio::test]
async fn where_approval_is_needed_another_person_gives_it() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(5)).await.unwrap();
    let asked = except(&world, &of_cve(ONE), Hosts::All).await;
    assert_eq!(asked.state, ExceptionState::Requested);
    assert_eq!(open(&world).await, [ONE, TWO, THREE]);
    let own = decide(&world.scope, asked.id, Decision::Approve, at(20)).await;
    assert!(matches!(own, Err(DecideError::OwnRequest)));
    let bob = somebody(&world, 2);
    let approved = decide(&bob, asked.id, Decision::Approve, at(20)).await;
    let (approved, settled) = approved.unwrap().unwrap();
    assert_eq!(asked.created_by, "system");
    let name = format!("user:{}", Uuid::from_u128(2));
    assert_eq!(approved.decided_by, Some(name));
    assert_eq!(settled.suppressed, 1);
    let again = decide(&bob, asked.id, Decision::Reject, at(30)).await;
    assert!(matches!(again, Err(DecideError::Decided("active"))));
    assert_eq!(suppressed(&world).await, [ONE]);
}

#[tokio::test]
async fn every_change_of_an_exception_is_in_the_audit_log() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(5)).await.unwrap();
    let asked = except(&world, &of_cve(ONE), Hosts::All).await;
    let bob = somebody(&world, 2);
    decide(&bob, asked.id, Decision::Approve, at(20)).await.unwrap();
    for _twice in 0..2 {
        withdraw(&bob, asked.id, at(30)).await.unwrap();
    }
    for (action, expected) in [
        ("exception_settings.write", 1),
        ("exception.create", 1),
        ("exception.approve", 1),
        ("exception.withdraw", 1),
    ] {
        let entries =
            crate::audit::EntryFilter { action: Some(action.to_owned()), ..Default::default() };
        let page = PageRequest::first(10);
        let found = crate::audit::list(&world.scope, &entries, &page).await;
        assert_eq!(found.unwrap().items.len(), expected, "{action}");
    }
}

#[tokio::test]
async fn a_rejected_request_leaves_nothing_out() {
    let (world, _) = world().await;
    set_approval(&world.scope, true, at(5)).await.unwrap();
    let asked = except(&world, &of_cve(ONE), Hosts::All).await;
    // Who asked may think better of it.
    let rejected = decide(&world.scope, asked.id, Decision::Reject, at(20)).await;
    let (rejected, _) = rejected.unwrap().unwrap();
    assert_eq!(rejected.state, ExceptionState::Rejected);
    settle(&world.scope, at(20)).await.unwrap();
    assert_eq!(open(&world).await, [ONE, TWO, THREE]);
}

#[tokio::test]
async fn an_exception_from_everything_is_refused() {
    let (world, _) = world().await;
    let about = About { version: Some("1".to_owned()), ..About::default() };
    let claim = accepted();
    let new = NewException {
        id: id(),
        name: None,
        about: &about,
        hosts: Hosts::All,
        claim: &claim,
        expires_at: None,
        origin: None,
    };
    let refused = create(&world.scope, &new, at(10)).await.unwrap_err();
    assert!(matches!(refused, CreateError::AboutNothing));
}

#[tokio::test]
async fn the_past_shows_what_was_left_out_then() {
    let (world, _) = world().await;
    except(&world, &of_cve(ONE), Hosts::All).await;
    for (then, expected) in [(at(9), "open"), (at(10), "suppressed")] {
        let filter = FindingFilter {
            state: FindingState::Any,
            cve: Some(ONE.to_owned()),
            as_of: Some(then),
            ..FindingFilter::default()
        };
        let page = PageRequest::first(10);
        let found = findings::list(&world.scope, &filter, FindingSort::Opened, &page);
        let found = found.await.unwrap().items.remove(0);
        assert_eq!(found.state(Some(then)), expected);
    }
}
