//! What a user would miss of CVE metadata: the newest word of the best source, and no row written for
//! nothing.

use enrichment::advisory::Publisher;
use enrichment::cve::{CveId, CveRecord, EpssEntry, KevEntry, RecordSource, Timestamp};
use enrichment::rating::Rating;

use super::*;
use crate::database::Store;
use crate::page::PageRequest;
use crate::test_fixtures::{Endpoint, World, at, evaluation, key, published, record};
use crate::test_support::FreshDatabase;

fn cve(id: &str, modified_ms: i64, summary: &str) -> CveRecord {
    CveRecord {
        modified: Some(Timestamp(modified_ms)),
        summary: summary.to_owned(),
        ..published(id, 9.8, "critical")
    }
}

fn kev(id: &str, added_on: &str) -> KevEntry {
    KevEntry {
        cve: id.parse().unwrap(),
        name: "Example".to_owned(),
        added_on: added_on.to_owned(),
        due_on: "2024-03-01".to_owned(),
        required_action: "Update".to_owned(),
        ransomware: true,
    }
}

async fn summary(store: &Store, id: &str) -> Option<String> {
    sqlx::query_scalar("SELECT summary FROM cves WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_newer_record_replaces_an_older_one_and_never_the_other_way() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let id = "CVE-2024-1000";
    assert_eq!(upsert(store, &[cve(id, 20, "new")]).await.unwrap(), 1);
    assert_eq!(upsert(store, &[cve(id, 10, "old")]).await.unwrap(), 0);
    assert_eq!(summary(store, id).await.as_deref(), Some("new"));
    assert_eq!(upsert(store, &[cve(id, 30, "newest")]).await.unwrap(), 1);
    assert_eq!(summary(store, id).await.as_deref(), Some("newest"));
}

#[tokio::test]
async fn the_same_record_again_writes_nothing() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    // More than two chunks, and the last one not full.
    let records: Vec<CveRecord> =
        (0..5_000).map(|n| cve(&format!("CVE-2024-{n:04}"), 10, "same")).collect();
    assert_eq!(upsert(store, &records).await.unwrap(), 5_000);
    assert_eq!(upsert(store, &records).await.unwrap(), 0);
}

#[tokio::test]
async fn nvds_record_stands_before_others_whatever_came_first() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let other = |id| CveRecord {
        source: RecordSource::Anchore,
        // With a later date than NVD's, so that the source and not the date decides.
        ..cve(id, 99, "other")
    };
    let ids = ["CVE-2024-1001", "CVE-2024-1002", "CVE-2024-1003"];
    upsert(store, &[cve(ids[0], 10, "nvd")]).await.unwrap();
    upsert(store, &[other(ids[0]), other(ids[1])]).await.unwrap();
    upsert(store, &[cve(ids[1], 10, "nvd")]).await.unwrap();
    // Both in one call: only one of them can be in the statement.
    upsert(store, &[cve(ids[2], 10, "nvd"), other(ids[2])]).await.unwrap();
    for id in ids {
        assert_eq!(summary(store, id).await.as_deref(), Some("nvd"), "{id}");
    }
}

#[tokio::test]
async fn a_catalogue_takes_back_what_is_not_in_it_unless_it_is_empty() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let exploited = || async {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM cves WHERE kev_added IS NOT NULL ORDER BY id")
                .fetch_all(store.pool())
                .await
                .unwrap();
        ids
    };
    let (one, two) = (kev("CVE-2024-1001", "2024-02-01"), kev("CVE-2024-1002", "2024-02-02"));
    assert_eq!(upsert_kev(store, &[one.clone(), two.clone()]).await.unwrap(), 2);
    // A download that broke off; without care every CVE of the catalogue would look unexploited.
    assert_eq!(replace_kev(store, &[]).await.unwrap(), 0);
    assert_eq!(exploited().await.len(), 2);
    assert_eq!(replace_kev(store, std::slice::from_ref(&two)).await.unwrap(), 1);
    assert_eq!(exploited().await, ["CVE-2024-1002"]);
    assert_eq!(replace_kev(store, &[two]).await.unwrap(), 0, "nothing is written twice");
    assert_eq!(
        // No date: passed over, and the others of the same catalogue would still be written.
        upsert_kev(store, &[kev("CVE-2024-1001", "soon")]).await.unwrap(),
        0
    );
}

#[tokio::test]
async fn estimates_change_only_what_they_are_about() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    upsert(store, &[cve("CVE-2024-1001", 10, "text")]).await.unwrap();
    let entries = |score| {
        ["CVE-2024-1001", "CVE-2024-1002"].map(|id| EpssEntry {
            cve: id.parse().unwrap(),
            score,
            percentile: 0.5,
        })
    };
    assert_eq!(upsert_epss(store, &entries(0.25), None).await.unwrap(), 2);
    assert_eq!(upsert_epss(store, &entries(0.25), None).await.unwrap(), 0);
    assert_eq!(upsert_epss(store, &entries(0.75), None).await.unwrap(), 2);
    assert_eq!(summary(store, "CVE-2024-1001").await.as_deref(), Some("text"));
    // The record of a CVE that was only estimated so far.
    assert_eq!(upsert(store, &[cve("CVE-2024-1002", 1, "late")]).await.unwrap(), 1);
    let score: f32 = sqlx::query_scalar("SELECT epss_score FROM cves WHERE id = 'CVE-2024-1002'")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert!((score - 0.75).abs() < f32::EPSILON);
}

/// A host with software that has a CVE which is exploited.
async fn world_with_one() -> World {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    let bad = record("bad1", "1");
    world.apply(&endpoint.snapshot([bad.clone()], 100)).await;
    let known = CveRecord {
        kev: Some(kev("CVE-2024-1000", "2024-02-01")),
        ..cve("CVE-2024-1000", 10, "A flaw in Example")
    };
    upsert(world.store(), &[known]).await.unwrap();
    // In place of the fixture's own finding, whose CVE no feed has told of.
    let judged = [(key(&bad), evaluation(&["CVE-2024-1000"]))];
    let replaced = crate::findings::replace(&world.scope, &judged, 2, at(1)).await;
    assert_eq!(replaced.unwrap().unwrap().opened, 1);
    world
}

#[tokio::test]
async fn a_cve_that_no_feed_has_told_of_is_listed_and_shown_to_who_has_it() {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot([record("bad1", "1")], 100)).await;
    let page = PageRequest::first(10);
    let filter = CveFilter::default();
    let listed = list(&world.scope, &filter, CveSort::Severity, &page).await.unwrap();
    assert_eq!(listed.items[0].cve.id, "CVE-2024-90010");
    assert_eq!(listed.items[0].cve.severity, Severity::Unknown);
    let shown = get(&world.scope, "CVE-2024-90010").await.unwrap().unwrap();
    assert_eq!((shown.software, shown.hosts), (1, 1));
    assert_eq!((shown.cve.severity, shown.cve.summary.as_str()), (Severity::Unknown, ""));
    assert!(shown.scores.is_empty() && shown.cwes.is_empty() && shown.kev.is_none());
    // It stays to be looked at when it is gone, as lists of what was resolved lead to it.
    let nothing: [&str; 0] = [];
    let judged = [(key(&record("bad1", "1")), evaluation(&nothing))];
    crate::findings::replace(&world.scope, &judged, 2, at(1)).await.unwrap();
    let gone = get(&world.scope, "CVE-2024-90010").await.unwrap().unwrap();
    assert_eq!((gone.software, gone.hosts), (0, 0));
    assert_eq!(get(&world.scope, "CVE-2024-90011").await.unwrap(), None, "nobody knows it");
}

#[tokio::test]
async fn shows_a_cve_with_all_its_scores_and_what_the_company_has_of_it() {
    let world = world_with_one().await;
    let detail = get(&world.scope, "CVE-2024-1000").await.unwrap().unwrap();
    assert_eq!((detail.software, detail.hosts), (1, 1));
    assert_eq!(detail.scores.len(), 1);
    assert_eq!(detail.cwes, ["CWE-79", "CWE-80"]);
    assert_eq!(detail.cve.severity, Severity::Critical);
    assert_eq!(detail.kev.unwrap().name, "Example");
    let added = detail.cve.kev.unwrap();
    assert_eq!((added.added, added.ransomware), (time::macros::date!(2024 - 02 - 01), true));
}

fn rated(id: &str, severity: &'static str, publisher: Publisher) -> (CveId, Rating) {
    let rating = Rating { severity, publisher, is_own: true };
    (id.parse().unwrap(), rating)
}

async fn severity(store: &Store, id: &str) -> (String, Option<String>) {
    sqlx::query_as("SELECT cvss_severity, cvss_source FROM cves WHERE id = $1")
        .bind(id)
        .fetch_one(store.pool())
        .await
        .unwrap()
}

fn said(severity: &str, source: &str) -> (String, Option<String>) {
    (severity.to_owned(), Some(source.to_owned()))
}

#[tokio::test]
async fn what_nobody_has_scored_is_as_severe_as_its_distribution_says() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let id = "CVE-2024-1000";
    let ratings = [rated(id, "medium", Publisher::Ubuntu)];
    assert_eq!(upsert_ratings(store, &ratings).await.unwrap(), 1);
    assert_eq!(upsert_ratings(store, &ratings).await.unwrap(), 0);
    // A record that scores nothing leaves it, and one more severe word counts.
    let unscored = CveRecord { cvss: Vec::new(), ..cve(id, 10, "awaiting analysis") };
    let unscored = [unscored];
    assert_eq!(upsert(store, &unscored).await.unwrap(), 1);
    assert_eq!(upsert(store, &unscored).await.unwrap(), 0);
    assert_eq!(severity(store, id).await, said("medium", "ubuntu"));
    let others = [rated(id, "low", Publisher::Debian), rated(id, "high", Publisher::RedHat)];
    for (rating, expected) in others.iter().zip([said("medium", "ubuntu"), said("high", "redhat")])
    {
        upsert_ratings(store, std::slice::from_ref(rating)).await.unwrap();
        assert_eq!(severity(store, id).await, expected);
    }
}

#[tokio::test]
async fn a_score_stands_before_every_word() {
    let database = FreshDatabase::create().await;
    let store = database.store();
    let id = "CVE-2024-1000";
    let word = [rated(id, "low", Publisher::Debian)];
    upsert_ratings(store, &word).await.unwrap();
    upsert(store, &[cve(id, 10, "scored")]).await.unwrap();
    assert_eq!(severity(store, id).await.0, "critical");
    assert_eq!(upsert_ratings(store, &word).await.unwrap(), 0);
    assert_eq!(severity(store, id).await.0, "critical");
}

#[tokio::test]
async fn a_word_alone_puts_a_cve_among_those_that_have_a_score() {
    let world = world_with_one().await;
    let id = "CVE-2024-1000";
    sqlx::query("DELETE FROM cves WHERE id = $1")
        .bind(id)
        .execute(world.store().pool())
        .await
        .unwrap();
    let word = [rated(id, "high", Publisher::RedHat)];
    upsert_ratings(world.store(), &word).await.unwrap();
    let filter = CveFilter { severity_min: Some(Severity::High), ..CveFilter::default() };
    let page = PageRequest::first(10);
    let listed = list(&world.scope, &filter, CveSort::Severity, &page).await.unwrap();
    let shown = &listed.items[0].cve;
    assert_eq!((shown.severity, shown.score), (Severity::High, None));
    assert_eq!(shown.severity_source, "redhat");
}

#[tokio::test]
async fn finds_cves_by_text_severity_and_exploitation() {
    let world = world_with_one().await;
    let with = |set: fn(&mut CveFilter)| {
        let mut filter = CveFilter::default();
        set(&mut filter);
        filter
    };
    let page = PageRequest::first(10);
    for (filter, expected) in [
        (with(|f| f.text = Some("flaw in EX".to_owned())), 1),
        (with(|f| f.text = Some("1000".to_owned())), 1),
        (with(|f| f.text = Some("9999".to_owned())), 0),
        (with(|f| f.kev = Some(true)), 1),
        (with(|f| f.kev = Some(false)), 0),
        (with(|f| f.severity_min = Some(Severity::Critical)), 1),
    ] {
        let listed = list(&world.scope, &filter, CveSort::Kev, &page).await;
        assert_eq!(listed.unwrap().items.len(), expected, "{filter:?}");
    }
}

#[test]
fn severities_are_named_both_ways_and_ordered() {
    for severity in Severity::ALL {
        assert_eq!(Severity::parse(severity.as_str()), Some(severity));
    }
    assert_eq!(Severity::High.and_above(), ["high", "critical"]);
    assert_eq!(Severity::parse("CRITICAL"), None);
}
