//! What a user would miss of findings: opened when they come, resolved when they go, untouched when
//! they stay, and found by every filter.

mod beside_inventories;

use enrichment::cve::KevEntry;
use enrichment::evaluation::{Confidence, Evaluation};
use protocol::fingerprint::SoftwareKey;

use super::*;
use crate::cves::{self, Severity};
use crate::page::PageRequest;
use crate::software;
use crate::test_fixtures::{Endpoint, GENERATION, World, at, evaluation, key, published, record};

const ROWS: &str = "SELECT bit_xor(hashtextextended(t || xmin::text || ctid::text, 0)) FROM (
    SELECT 'f' AS t, xmin, ctid FROM findings WHERE company_key = $1
    UNION ALL SELECT 's', xmin, ctid FROM software WHERE company_key = $1) rows";

/// A host with `bad1` 1.1, which has two findings, and `good`, which has none.
async fn world() -> (World, Endpoint, SoftwareKey, SoftwareKey) {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let (bad, good) = (record("bad1", "1.1"), record("good", "1"));
    world.apply(&endpoint.snapshot([bad.clone(), good.clone()], 100)).await;
    (world, endpoint, key(&bad), key(&good))
}

async fn judge_again(
    world: &World,
    judged: &[(SoftwareKey, Evaluation)],
    generation: u64,
    seconds: i64,
) -> Replaced {
    replace(&world.scope, judged, generation, at(seconds)).await.unwrap().unwrap()
}

async fn find(world: &World, filter: &FindingFilter) -> Vec<String> {
    let page = PageRequest::first(100);
    let page = list(&world.scope, filter, FindingSort::Severity, &page);
    page.await.unwrap().items.into_iter().map(|finding| finding.cve.id).collect()
}

#[tokio::test]
async fn opens_what_is_new_resolves_what_is_gone_and_leaves_what_stays() {
    let (world, _, bad, good) = world().await;
    let judged = [
        (bad, evaluation(&["CVE-2024-90010", "CVE-2024-7777"])),
        (good, evaluation(&["CVE-2024-8888"])),
    ];
    let replaced = judge_again(&world, &judged, 2, 50).await;
    let expected = Replaced { opened: 2, resolved: 1, changed: 0, unchanged: 1 };
    assert_eq!(replaced, expected);
    let open = find(&world, &FindingFilter::default()).await;
    assert_eq!(open, ["CVE-2024-90010", "CVE-2024-8888", "CVE-2024-7777"]);
    let resolved = FindingFilter { state: FindingState::Resolved, ..FindingFilter::default() };
    assert_eq!(find(&world, &resolved).await, ["CVE-2024-90011"]);
}

#[tokio::test]
async fn the_same_judgement_again_writes_nothing() {
    let (world, _, bad, good) = world().await;
    let judged = [(bad, evaluation(&["CVE-2024-7777"])), (good, evaluation(&[""; 0]))];
    judge_again(&world, &judged, 2, 50).await;
    // `xmin` and `ctid` change with every write of a row, even one that sets what is there.
    let before = world.number(ROWS).await;
    let replaced = judge_again(&world, &judged, 2, 60).await;
    assert_eq!((replaced.unchanged, replaced.opened, replaced.resolved), (1, 0, 0));
    assert_eq!(world.number(ROWS).await, before);
}

#[tokio::test]
async fn another_reason_changes_the_finding_and_not_its_beginning() {
    let (world, _, bad, _) = world().await;
    let mut better = evaluation(&["CVE-2024-90010", "CVE-2024-90011"]);
    better.findings[0].fixed_in = Some("2.0".into());
    better.findings[0].confidence = Confidence::Medium;
    let replaced = judge_again(&world, &[(bad, better)], 2, 50).await;
    assert_eq!((replaced.changed, replaced.unchanged), (1, 1));
    let filter =
        FindingFilter { cve: Some("CVE-2024-90010".to_owned()), ..FindingFilter::default() };
    let page = PageRequest::first(9);
    let page = list(&world.scope, &filter, FindingSort::Opened, &page);
    let finding = page.await.unwrap().items.remove(0);
    assert_eq!(finding.fixed_in.as_deref(), Some("2.0"));
    assert_eq!(finding.confidence, Confidence::Medium);
    assert_eq!(finding.opened_at, at(0));
    assert_eq!(finding.why["range"], "< 9");
    assert_eq!(finding.hosts, 1);
}

#[tokio::test]
async fn a_finding_that_comes_back_is_opened_anew_even_in_the_same_instant() {
    let (world, _, bad, _) = world().await;
    let with = [(bad, evaluation(&["CVE-2024-90010"]))];
    let without = [(bad, evaluation(&[""; 0]))];
    judge_again(&world, &without, 2, 50).await;
    judge_again(&world, &with, 3, 60).await;
    // In the instant in which it was opened: the interval is empty, and its row's key is the next
    // one's.
    judge_again(&world, &without, 4, 60).await;
    let replaced = judge_again(&world, &with, 5, 60).await;
    assert_eq!(replaced.opened, 1);
    assert_eq!(find(&world, &FindingFilter::default()).await, ["CVE-2024-90010"]);
    let all = FindingFilter { state: FindingState::Any, ..FindingFilter::default() };
    assert_eq!(find(&world, &all).await.len(), 3);
}

#[tokio::test]
async fn software_is_given_out_until_all_of_it_was_judged() {
    let (world, ..) = world().await;
    let page = |after| software::page_for_evaluation(&world.scope, &[2], after, 1);
    assert_eq!(
        software::page_for_evaluation(&world.scope, &[GENERATION], None, 9).await.unwrap(),
        []
    );
    let mut after = None;
    let mut names = Vec::new();
    while let Some(due) = page(after).await.unwrap().pop() {
        assert_eq!(SoftwareKey::of(&due.record, &due.platform), due.key);
        judge_again(&world, &[(due.key, evaluation(&[""; 0]))], 2, 50).await;
        names.push(due.record.name);
        after = Some(due.key);
    }
    // Pages come in the order of keys, which are hashes.
    names.sort_unstable();
    assert_eq!(names, ["bad1", "good"]);
    assert_eq!(page(None).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_judge_the_same_software_come_to_one_result() {
    let (world, _, bad, good) = world().await;
    let judged = [(bad, evaluation(&["CVE-2024-7777"])), (good, evaluation(&["CVE-2024-7777"]))];
    let mut tasks = tokio::task::JoinSet::new();
    for node in 0..6 {
        let (scope, mut judged) = (world.scope.clone(), judged.clone());
        // Rows that are locked in the order in which they are given would be waited for in a
        // circle.
        if node % 2 == 0 {
            judged.reverse();
        }
        tasks.spawn(
            async move { replace(&scope, &judged, 2, at(50)).await.unwrap().unwrap().opened },
        );
    }
    let opened: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(opened, 2);
    assert_eq!(find(&world, &FindingFilter::default()).await.len(), 2);
}

#[tokio::test]
async fn finds_by_severity_exploitation_software_host_fix_and_confidence() {
    let (world, endpoint, bad, good) = world().await;
    let mut low = evaluation(&["CVE-2024-1000"]);
    low.findings[0].confidence = Confidence::Low;
    let mut unfixed = evaluation(&["CVE-2024-3000", "CVE-2024-2000"]);
    unfixed.findings[0].fixed_in = None;
    judge_again(&world, &[(bad, unfixed), (good, low)], 2, 50).await;
    let mut exploited = published("CVE-2024-2000", 7.5, "high");
    exploited.kev = Some(KevEntry {
        cve: exploited.id,
        name: "X".to_owned(),
        added_on: "2024-02-03".to_owned(),
        due_on: String::new(),
        required_action: String::new(),
        ransomware: true,
    });
    let records = [published("CVE-2024-1000", 9.8, "critical"), exploited];
    cves::upsert(world.store(), &records).await.unwrap();

    let all = || FindingFilter::default();
    let order = ["CVE-2024-1000", "CVE-2024-2000", "CVE-2024-3000"];
    assert_eq!(find(&world, &all()).await, order);
    let severe = FindingFilter { severity_min: Some(Severity::High), ..all() };
    assert_eq!(find(&world, &severe).await, order[..2]);
    let exploited = FindingFilter { kev: Some(true), ..all() };
    assert_eq!(find(&world, &exploited).await, order[1..2]);
    let not = FindingFilter { kev: Some(false), ..all() };
    assert_eq!(find(&world, &not).await, [order[0], order[2]]);
    let sure = FindingFilter { confidence_min: Some(Confidence::Medium), ..all() };
    assert_eq!(find(&world, &sure).await, order[1..]);
    let of_software = FindingFilter { software: Some(good), ..all() };
    assert_eq!(find(&world, &of_software).await, order[..1]);
    let named = FindingFilter { name: Some("OO".to_owned()), ..all() };
    assert_eq!(find(&world, &named).await, order[..1]);
    let fixed = FindingFilter { has_fix: Some(true), ..all() };
    assert_eq!(find(&world, &fixed).await, order[..2]);
    let unfixed = FindingFilter { has_fix: Some(false), ..all() };
    assert_eq!(find(&world, &unfixed).await, order[2..]);
    let of_host = FindingFilter { host: Some(endpoint.agent), ..all() };
    assert_eq!(find(&world, &of_host).await, order);
    let other = world.agent().await;
    let of_other = FindingFilter { host: Some(other), ..all() };
    assert!(find(&world, &of_other).await.is_empty());
}
