//! Software that a change concerns is found, in its own company, and no other is touched.

use enrichment::evaluation::Evaluation;
use enrichment::index::ChangedKeys;

use super::*;
use crate::cves;
use crate::findings::{Replaced, replace};
use crate::reports::apply;
use crate::software::generations::{self, Taken};
use crate::test_fixtures::{
    Endpoint, GENERATION, World, agent, at, company, evaluation, judge, key, published, record,
};

/// Judges as tests do, and says that it looked up what the software is called and `everyone`.
fn judge_by_name(record: &SoftwareRecord, platform: &Platform, key: SoftwareKey) -> Evaluation {
    Evaluation {
        keys: vec![
            LookupKey::of_product("example", &record.name),
            LookupKey::of_product("example", "everyone"),
        ],
        ..judge(record, platform, key)
    }
}

async fn store_on(scope: &TenantScope, names: &[&str], generation: u64) {
    let mut endpoint = Endpoint::new(agent(scope, "host").await);
    let records = names.iter().map(|name| record(name, "1.1"));
    let reports = endpoint.snapshot(records, 100);
    apply(scope, &reports, &judge_by_name, generation, at(0)).await.unwrap();
}

async fn count(world: &World, generation: u64) {
    let taken = Taken {
        generation,
        index: generation,
        rules: 1,
        built_at: at(i64::try_from(generation % 1_000).unwrap()),
        changes: None,
    };
    generations::record(world.store(), &taken, at(0)).await.unwrap();
}

async fn names_of(scope: &TenantScope, products: &[&str]) -> Vec<String> {
    let keys: Vec<_> =
        products.iter().map(|product| LookupKey::of_product("example", product)).collect();
    let software = that_looked_up(scope, &keys).await.unwrap();
    names(not_judged_with(scope, &software, &[2]).await.unwrap())
}

fn names(software: Vec<SoftwareToJudge>) -> Vec<String> {
    let mut names: Vec<_> = software.into_iter().map(|software| software.record.name).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn software_is_found_by_what_its_evaluation_looked_up_in_its_own_company() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    store_on(&world.scope, &["bad1", "bad2", "good"], GENERATION).await;
    store_on(&other, &["bad1"], GENERATION).await;
    assert_eq!(names_of(&world.scope, &["bad1"]).await, ["bad1"]);
    assert_eq!(names_of(&world.scope, &["bad1", "good", "none"]).await, ["bad1", "good"]);
    assert_eq!(names_of(&world.scope, &["everyone"]).await.len(), 3);
    assert_eq!(names_of(&world.scope, &["none"]).await.len(), 0);
    assert_eq!(names_of(&other, &["everyone"]).await, ["bad1"]);
    assert_eq!(names_of(&other, &["good"]).await.len(), 0);
}

#[tokio::test]
async fn many_keys_are_asked_for_in_pieces() {
    let world = World::new().await;
    store_on(&world.scope, &["bad1", "good"], GENERATION).await;
    // Three questions, and what is found is in the last.
    let mut keys: Vec<_> = (0..5_000).map(LookupKey).collect();
    keys.push(LookupKey::of_product("example", "good"));
    let found = that_looked_up(&world.scope, &keys).await.unwrap();
    assert_eq!(found, [key(&record("good", "1.1"))]);
}

#[tokio::test]
async fn what_was_judged_with_the_change_is_passed_over() {
    let world = World::new().await;
    store_on(&world.scope, &["bad1", "bad2"], GENERATION).await;
    let bad1 = key(&record("bad1", "1.1"));
    let judged = [(bad1, evaluation(&["CVE-2024-1"]))];
    replace(&world.scope, &judged, 2, at(1)).await.unwrap();
    assert_eq!(names_of(&world.scope, &["everyone"]).await, ["bad2"]);
}

#[tokio::test]
async fn a_new_judgement_adds_what_it_looked_up() {
    let world = World::new().await;
    store_on(&world.scope, &["bad1"], GENERATION).await;
    let bad1 = key(&record("bad1", "1.1"));
    let mut judged = evaluation(&["CVE-2024-1"]);
    judged.keys = vec![LookupKey::of_product("example", "renamed")];
    // Twice, because keys that are there already must not be an error.
    for generation in [3, 4] {
        let judged = [(bad1, judged.clone())];
        replace(&world.scope, &judged, generation, at(1)).await.unwrap();
    }
    assert_eq!(names_of(&world.scope, &["renamed"]).await, ["bad1"]);
}

#[tokio::test]
async fn a_judgement_of_an_index_that_does_not_count_is_not_written() {
    let world = World::new().await;
    store_on(&world.scope, &["bad1"], GENERATION).await;
    count(&world, 1).await;
    count(&world, 2).await;
    let bad1 = key(&record("bad1", "1.1"));
    let judged = [(bad1, evaluation(&["CVE-2024-1"]))];
    assert_eq!(replace(&world.scope, &judged, 1, at(1)).await.unwrap(), None);
    assert_eq!(names_of(&world.scope, &["bad1"]).await, ["bad1"]);
    let replaced = replace(&world.scope, &judged, 2, at(1)).await.unwrap();
    let expected = Replaced { opened: 1, resolved: 2, ..Replaced::default() };
    assert_eq!(replaced, Some(expected));
}

#[tokio::test]
async fn a_newer_index_that_comes_while_an_older_ones_judgement_is_written_wins() {
    let world = World::new().await;
    store_on(&world.scope, &["bad1"], GENERATION).await;
    count(&world, 1).await;
    let bad1 = key(&record("bad1", "1.1"));
    // The row is taken, so the older judgement waits; meanwhile the newer one is recorded.
    let mut holder = world.tx().await;
    sqlx::query("SELECT FROM software WHERE company_key = $1 FOR UPDATE")
        .bind(world.scope.key())
        .execute(&mut *holder)
        .await
        .unwrap();
    let older = {
        let scope = world.scope.clone();
        async move {
            let judged = [(bad1, evaluation(&["CVE-2024-1"]))];
            replace(&scope, &judged, 1, at(1)).await.unwrap()
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(older);
    let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                   WHERE NOT l.granted AND a.datname = current_database() AND $1 > 0";
    // Until it waits: before that the newer index would simply be there first.
    while world.number(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    count(&world, 2).await;
    holder.rollback().await.unwrap();
    assert_eq!(tasks.join_all().await, [None]);
}

#[tokio::test]
async fn software_that_a_lagging_node_stores_is_late_until_it_is_judged_with_what_counts() {
    let world = World::new().await;
    let late = || async { names(that_came_late(&world.scope, 10).await.unwrap()) };
    store_on(&world.scope, &["before"], 1).await;
    assert_eq!(late().await.len(), 0, "nothing counts yet");
    count(&world, 1).await;
    count(&world, 2).await;
    store_on(&world.scope, &["lagging"], 1).await;
    store_on(&world.scope, &["current"], 2).await;
    // With no index at all, as a node stores before it has one.
    store_on(&world.scope, &["unjudged"], 0).await;
    assert_eq!(late().await, ["lagging", "unjudged"]);
    let judged = [(key(&record("lagging", "1.1")), evaluation(&["CVE-2024-1"]))];
    replace(&world.scope, &judged, 1, at(1)).await.unwrap();
    assert_eq!(late().await, ["lagging", "unjudged"]);
    replace(&world.scope, &judged, 2, at(1)).await.unwrap();
    assert_eq!(late().await, ["unjudged"]);
    let other = company(world.store(), "Other").await;
    assert_eq!(that_came_late(&other, 10).await.unwrap(), []);
}

#[tokio::test]
async fn software_that_comes_twice_at_once_has_its_keys_once() {
    let world = World::new().await;
    for _host in 0..3 {
        store_on(&world.scope, &["bad1", "good"], GENERATION).await;
    }
    let keys = "SELECT count(*) FROM software_keys WHERE company_key = $1";
    assert_eq!(world.number(keys).await, 4);
}

#[tokio::test]
async fn scores_and_exploitation_touch_no_row_of_a_company() {
    const ROWS: &str = "SELECT bit_xor(hashtextextended(t || xmin::text || ctid::text, 0)) FROM (
        SELECT 'f' AS t, xmin, ctid FROM findings WHERE company_key = $1
        UNION ALL SELECT 'e', xmin, ctid FROM finding_events WHERE company_key = $1
        UNION ALL SELECT 's', xmin, ctid FROM software WHERE company_key = $1) rows";
    let world = World::new().await;
    store_on(&world.scope, &["bad1"], GENERATION).await;
    let mut known = published("CVE-2024-90010", 7.5, "high");
    cves::upsert(world.store(), &[known.clone()]).await.unwrap();
    let before = world.number(ROWS).await;
    known.kev = Some(enrichment::cve::KevEntry {
        cve: known.id,
        name: "X".to_owned(),
        added_on: "2024-02-03".to_owned(),
        due_on: String::new(),
        required_action: String::new(),
        ransomware: true,
    });
    cves::upsert(world.store(), &[known.clone()]).await.unwrap();
    let epss = enrichment::cve::EpssEntry { cve: known.id, score: 0.5, percentile: 0.9 };
    cves::upsert_epss(world.store(), &[epss], None).await.unwrap();
    assert_eq!(world.number(ROWS).await, before);
    let shown = "SELECT count(*) FROM findings f JOIN cves c ON c.id = f.cve
                 WHERE company_key = $1 AND kev_added IS NOT NULL AND epss_score > 0.4";
    assert_eq!(world.number(shown).await, 1);
}

#[tokio::test]
async fn everything_is_given_out_page_by_page_to_whoever_has_to_judge_everything() {
    let world = World::new().await;
    store_on(&world.scope, &["bad1", "bad2", "good"], GENERATION).await;
    count(&world, 2).await;
    let change = generations::unfinished(world.store(), Some(at(0))).await.unwrap();
    assert_eq!(change[0].changed, ChangedKeys::Everything);
    let (mut after, mut seen) = (None, 0);
    while let Some(due) =
        page_for_evaluation(&world.scope, &change[0].has_it, after, 1).await.unwrap().pop()
    {
        after = Some(due.key);
        seen += 1;
    }
    assert_eq!(seen, 3);
}
