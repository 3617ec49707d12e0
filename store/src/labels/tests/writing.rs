//! Labels that are written, changed and deleted, also by several at once, and what the log says of it.

use serde_json::{Value, json};

use super::*;
use crate::audit::{self, EntryFilter};
use crate::policies::{self, NewPolicy, PolicyChange};
use crate::test_fixtures::company;

fn condition(text: &str) -> Condition {
    serde_json::from_str(text).unwrap()
}

fn to<'a>(name: &'a str, rule: Option<&'a Condition>, revision: Option<u64>) -> LabelChange<'a> {
    LabelChange { name, description: "", rule, revision }
}

/// What the log says of labels: the action, what was and what is, the newest first.
async fn log(world: &World) -> Vec<(String, Option<Value>, Option<Value>)> {
    let filter = EntryFilter { action: Some("label".to_owned()), ..EntryFilter::default() };
    let page = PageRequest::first(100);
    let entries = audit::list(&world.scope, &filter, &page).await.unwrap();
    let entries = entries.items.into_iter();
    entries.map(|entry| (entry.action, entry.before, entry.after)).collect()
}

#[tokio::test]
async fn a_label_whose_rule_is_taken_away_keeps_its_hosts_for_people() {
    let (world, mut endpoints) = world().await;
    let label = make(&world, "web", Some(r#"{"hostname":"web-*"}"#)).await;
    let by_hand = change(&world.scope, label.id, &to("web", None, Some(1)), at(2)).await;
    let by_hand = by_hand.unwrap().unwrap();
    assert_eq!((by_hand.rule, by_hand.hosts, by_hand.revision), (None, 2, 2));
    // Nothing computes it any more, whatever its hosts report.
    world.apply(&[endpoints[0].delta(vec![], &[record("bad1", "1")])]).await;
    evaluate_all(&world.scope, at(3)).await.unwrap();
    evaluate_due(&world.scope, 10, at(3)).await.unwrap();
    assert_eq!(carriers(&world, &label).await, ["web-1", "web-2"]);
    let given = assign(&world.scope, label.id, &[endpoints[2].agent], true, at(4)).await;
    assert_eq!(given.unwrap().changed, 1);
    // A rule again takes it from whom it does not hold for.
    let rule = condition(r#"{"hostname":"db-*"}"#);
    let ruled = change(&world.scope, label.id, &to("web", Some(&rule), None), at(5)).await;
    assert_eq!(ruled.unwrap().unwrap().hosts, 1);
    assert_eq!(carriers(&world, &label).await, ["db-1"]);
}

#[tokio::test]
async fn of_two_changes_of_one_revision_one_is_done() {
    let (world, _) = world().await;
    let label = make(&world, "web", None).await;
    let (one, other) = (to("one", None, Some(1)), to("other", None, Some(1)));
    let (first, second) = tokio::join!(
        change(&world.scope, label.id, &one, at(2)),
        change(&world.scope, label.id, &other, at(2))
    );
    let results = [first, second];
    let done = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(done, 1, "{results:?}");
    let refused = results.iter().find_map(|result| result.as_ref().err());
    assert!(matches!(refused, Some(ChangeError::Changed)), "{refused:?}");
    let left = get(&world.scope, label.id).await.unwrap().unwrap();
    assert_eq!(left.revision, 2);
    // Without a revision both are done, one after the other.
    let (one, other) = (to("one", None, None), to("other", None, None));
    let (first, second) = tokio::join!(
        change(&world.scope, label.id, &one, at(3)),
        change(&world.scope, label.id, &other, at(3))
    );
    let mut revisions = [first, second].map(|one| one.unwrap().unwrap().revision);
    revisions.sort_unstable();
    assert_eq!(revisions, [3, 4]);
}

#[tokio::test]
async fn of_two_labels_of_one_name_one_is_made() {
    let (world, _) = world().await;
    let new = |name| NewLabel { id: id(), name, description: "", rule: None };
    let (lower, upper) = (new("site"), new("SITE"));
    let (first, second) =
        tokio::join!(create(&world.scope, &lower, at(1)), create(&world.scope, &upper, at(1)));
    let refused = [first.err(), second.err()];
    let refused: Vec<_> = refused.into_iter().flatten().collect();
    assert!(matches!(refused.as_slice(), [ChangeError::NameTaken]), "{refused:?}");
    // Another company has names of its own.
    let other = company(world.store(), "Other").await;
    assert!(create(&other, &new("site"), at(2)).await.is_ok());
    let page = PageRequest::first(10);
    assert_eq!(list(&other, &page).await.unwrap().items.len(), 1);
    assert_eq!(list(&world.scope, &page).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_change_to_a_name_that_is_taken_leaves_the_label_and_its_hosts() {
    let (world, _) = world().await;
    make(&world, "db", None).await;
    let label = make(&world, "web", Some(r#"{"hostname":"web-*"}"#)).await;
    let rule = condition(r#"{"any":[]}"#);
    let taken = change(&world.scope, label.id, &to("DB", Some(&rule), Some(1)), at(2)).await;
    assert!(matches!(taken, Err(ChangeError::NameTaken)), "{taken:?}");
    assert_eq!(get(&world.scope, label.id).await.unwrap(), Some(label.clone()));
    assert_eq!(carriers(&world, &label).await, ["web-1", "web-2"]);
    let kept = change(&world.scope, label.id, &to("WEB", None, Some(1)), at(3)).await;
    assert_eq!(kept.unwrap().unwrap().name, "WEB");
}

#[tokio::test]
async fn the_log_has_the_rule_before_and_after_and_nothing_that_was_not_done() {
    let (world, _) = world().await;
    let text = r#"{"hostname":"web-*"}"#;
    let label = make(&world, "web", Some(text)).await;
    let late = change(&world.scope, label.id, &to("x", None, Some(7)), at(2)).await;
    assert!(matches!(late, Err(ChangeError::Changed)));
    change(&world.scope, label.id, &to("db", None, Some(1)), at(3)).await.unwrap();
    assert!(delete(&world.scope, label.id, at(4)).await.unwrap());
    assert!(!delete(&world.scope, label.id, at(5)).await.unwrap());
    let with = json!({ "name": "web", "description": "", "rule": { "hostname": "web-*" } });
    let without = json!({ "name": "db", "description": "", "rule": null });
    let expected = [
        ("label.delete".to_owned(), None, None),
        ("label.update".to_owned(), Some(with.clone()), Some(without)),
        ("label.create".to_owned(), None, Some(with)),
    ];
    assert_eq!(log(&world).await, expected);
}

#[tokio::test]
async fn a_deleted_label_is_off_its_hosts_and_one_that_is_in_use_stays() {
    let (world, endpoints) = world().await;
    let label = make(&world, "web", Some(r#"{"hostname":"web-*"}"#)).await;
    let rule = serde_json::from_str(r#"{"no_finding":{}}"#).unwrap();
    let new = NewPolicy {
        id: id(),
        policy: PolicyChange {
            name: "p",
            description: "",
            rule: &rule,
            label: Some(label.id),
            is_enabled: false,
        },
    };
    policies::create(&world.scope, &new, at(2)).await.unwrap();
    // Also while the policy is off: turned on, it would be for all hosts.
    let used = delete(&world.scope, label.id, at(3)).await;
    assert!(matches!(used, Err(ChangeError::InUse("policies"))), "{used:?}");
    assert_eq!(carriers(&world, &label).await.len(), 2);
    policies::delete(&world.scope, new.id, at(4)).await.unwrap();
    assert!(delete(&world.scope, label.id, at(5)).await.unwrap());
    let ids: Vec<AgentId> = endpoints.iter().map(|endpoint| endpoint.agent).collect();
    assert!(of_hosts(&world.scope, &ids).await.unwrap().is_empty());
    let left = "SELECT count(*) FROM host_labels WHERE company_key = $1";
    assert_eq!(world.number(left).await, 0);
}

#[tokio::test]
async fn a_company_has_no_more_labels_than_it_can() {
    let (world, _) = world().await;
    let mut tx = world.tx().await;
    // As many as leave room for one more: making each would take the test's time.
    sqlx::query(
        "INSERT INTO labels (company_key, id, name, description, created_at, changed_at)
         SELECT $1, gen_random_uuid(), 'label ' || n, '', now(), now()
         FROM generate_series(2, $2::bigint) n",
    )
    .bind(world.scope.key())
    .bind(i64::from(LABELS_MAX))
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let last = make(&world, "last", None).await;
    let new = NewLabel { id: id(), name: "one more", description: "", rule: None };
    let more = create(&world.scope, &new, at(2)).await;
    let Err(error @ ChangeError::TooMany) = more else {
        panic!("{more:?}");
    };
    let words = "the company has 500 labels, which is all it can have";
    assert_eq!(error.to_string(), words);
    let changed = change(&world.scope, last.id, &to("still", None, None), at(3)).await;
    assert!(changed.is_ok(), "changing one is no new one");
    delete(&world.scope, last.id, at(4)).await.unwrap();
    assert!(create(&world.scope, &new, at(5)).await.is_ok());
}

#[tokio::test]
async fn a_rule_of_another_version_is_left_alone_and_the_others_are_kept() {
    let (world, mut endpoints) = world().await;
    let odd = make(&world, "odd", Some(r#"{"hostname":"web-*"}"#)).await;
    let web = make(&world, "web", Some(r#"{"software":{"name":"nginx"}}"#)).await;
    let mut tx = world.tx().await;
    sqlx::query(
        r#"UPDATE labels SET rule = '{"colour":"red"}' WHERE company_key = $1 AND id = $2"#,
    )
    .bind(world.scope.key())
    .bind(odd.id)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let installed = endpoints[2].delta(vec![record("nginx", "1.27.0")], &[]);
    world.apply(&[installed]).await;
    let done = evaluate_all(&world.scope, at(2)).await.unwrap();
    assert_eq!((done.gained, done.lost), (1, 0));
    assert_eq!(carriers(&world, &web).await, ["db-1", "web-1", "web-2"]);
    assert_eq!(carriers(&world, &odd).await, ["web-1", "web-2"]);
}

#[tokio::test]
async fn one_host_is_computed_alone_and_nobodys_host_is_no_error() {
    let (world, mut endpoints) = world().await;
    let label = make(&world, "nginx", Some(r#"{"software":{"name":"nginx"}}"#)).await;
    for endpoint in [0, 1] {
        let version = ["1.18.0", "1.26.1"][endpoint];
        let gone = endpoints[endpoint].delta(vec![], &[record("nginx", version)]);
        world.apply(&[gone]).await;
    }
    let done = evaluate_host(&world.scope, endpoints[0].agent, at(2)).await.unwrap();
    assert_eq!((done.hosts, done.gained, done.lost), (1, 0, 1));
    assert_eq!(carriers(&world, &label).await, ["web-2"]);
    let nobody = evaluate_host(&world.scope, AgentId(id()), at(3)).await.unwrap();
    assert_eq!(nobody, Evaluated::default());
    let other = company(world.store(), "Other").await;
    let theirs = evaluate_host(&other, endpoints[1].agent, at(3)).await.unwrap();
    assert_eq!(theirs, Evaluated::default());
    assert_eq!(carriers(&world, &label).await, ["web-2"]);
}

#[tokio::test]
async fn no_company_reads_gives_or_ends_anothers_label() {
    let (world, endpoints) = world().await;
    let other = company(world.store(), "Other").await;
    let label = make(&world, "web", None).await;
    let before = get(&world.scope, label.id).await.unwrap();
    assert_eq!(get(&other, label.id).await.unwrap(), None);
    assert_eq!(find(&other, "web").await.unwrap(), None);
    let mine = to("mine", None, None);
    assert_eq!(change(&other, label.id, &mine, at(2)).await.unwrap(), None);
    assert!(!delete(&other, label.id, at(2)).await.unwrap());
    let hosts = [endpoints[0].agent];
    let given = assign(&other, label.id, &hosts, true, at(2)).await;
    assert!(matches!(given, Err(AssignError::NoLabel)), "{given:?}");
    let all = HostFilter::default();
    let given = assign_filtered(&other, label.id, &all, true, at(2)).await;
    assert!(matches!(given, Err(AssignError::NoLabel)), "{given:?}");
    // A label of theirs finds no host of ours.
    let new = NewLabel { id: id(), name: "all", description: "", rule: None };
    let own = create(&other, &new, at(2)).await.unwrap();
    let given = assign(&other, own.id, &hosts, true, at(3)).await.unwrap();
    assert_eq!(given.changed, 0);
    assert_eq!(get(&world.scope, label.id).await.unwrap(), before);
    assert!(of_hosts(&other, &hosts).await.unwrap().is_empty());
}
