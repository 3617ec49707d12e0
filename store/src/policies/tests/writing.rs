//! Policies that are written and changed: their bounds, their labels, and what the log says of them.

use serde_json::json;

use super::*;
use crate::audit::{self, EntryFilter};
use crate::test_fixtures::company;

/// What a policy is to be.
fn to<'a>(name: &'a str, rule: &'a PolicyRule, label: Option<Uuid>) -> PolicyChange<'a> {
    PolicyChange { name, description: "", rule, label, is_enabled: true }
}

async fn label(world: &World, name: &str, hosts: &[AgentId]) -> Uuid {
    let new = NewLabel { id: id(), name, description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(1)).await.unwrap().id;
    labels::assign(&world.scope, label, hosts, true, at(1)).await.unwrap();
    label
}

#[tokio::test]
async fn a_changed_rule_has_its_results_at_once_and_hosts_that_fail_on_fail_since_before() {
    let (world, _) = world().await;
    let policy = make(&world, "p", r#"{"no_software":{"name":"bad*"}}"#, 10).await;
    assert_eq!(states(&world, policy.id).await, of(["fail", "pass", "unknown"]));
    let all = rule(r#"{"no_software":{"name":"ssl"}}"#);
    let changed = change(&world.scope, policy.id, &to("p", &all, None), Some(1), at(20)).await;
    let changed = changed.unwrap().unwrap();
    assert_eq!((changed.revision, changed.hosts.fail), (2, 2));
    assert_eq!(states(&world, policy.id).await, of(["fail", "fail", "unknown"]));
    let page = PageRequest::first(10);
    let filter = ResultFilter { state: Some(PolicyState::Fail) };
    let failing = results(&world.scope, policy.id, filter, &page).await.unwrap();
    let since: Vec<_> = failing.items.iter().map(|result| result.since).collect();
    assert_eq!(since, [at(10), at(20)]);
}

#[tokio::test]
async fn another_label_moves_the_policy_to_its_hosts_and_no_label_to_all() {
    let (world, endpoints) = world().await;
    let first = label(&world, "first", &[endpoints[0].agent]).await;
    let second = label(&world, "second", &[endpoints[1].agent]).await;
    let text = r#"{"has_software":{"name":"bad1"}}"#;
    let policy = make_for(&world, "p", text, Some(first), 10).await;
    assert_eq!(states(&world, policy.id).await, [("a".to_owned(), "pass")]);
    for (label, expected) in [
        (Some(second), vec![("b".to_owned(), "fail")]),
        (None, of(["pass", "fail", "unknown"])),
        (Some(first), vec![("a".to_owned(), "pass")]),
    ] {
        let to = to("p", &policy.rule, label);
        change(&world.scope, policy.id, &to, None, at(20)).await.unwrap();
        assert_eq!(states(&world, policy.id).await, expected, "{label:?}");
    }
}

#[tokio::test]
async fn a_label_that_the_company_has_not_is_refused_and_nothing_is_changed() {
    let (world, _) = world().await;
    let other = company(world.store(), "Other").await;
    let new = NewLabel { id: id(), name: "theirs", description: "", rule: None };
    let theirs = labels::create(&other, &new, at(1)).await.unwrap().id;
    let policy = make(&world, "p", r#"{"no_finding":{}}"#, 10).await;
    for label in [theirs, id()] {
        let to = to("q", &policy.rule, Some(label));
        let new = NewPolicy { id: id(), policy: to.clone() };
        let made = create(&world.scope, &new, at(20)).await;
        assert!(matches!(made, Err(ChangeError::NoLabel)), "{made:?}");
        let changed = change(&world.scope, policy.id, &to, None, at(20)).await;
        assert!(matches!(changed, Err(ChangeError::NoLabel)), "{changed:?}");
    }
    assert_eq!(get(&world.scope, policy.id).await.unwrap(), Some(policy));
    let page = PageRequest::first(10);
    assert_eq!(list(&world.scope, &page).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn names_are_taken_whatever_their_case_and_changes_of_one_revision_are_done_once() {
    let (world, _) = world().await;
    let first = make(&world, "first", r#"{"no_finding":{}}"#, 10).await;
    make(&world, "Second", r#"{"no_finding":{}}"#, 10).await;
    let taken = to("SECOND", &first.rule, None);
    let changed = change(&world.scope, first.id, &taken, Some(1), at(20)).await;
    assert!(matches!(changed, Err(ChangeError::NameTaken)), "{changed:?}");
    let new = NewPolicy { id: id(), policy: taken };
    let made = create(&world.scope, &new, at(20)).await;
    assert!(matches!(made, Err(ChangeError::NameTaken)), "{made:?}");
    let (one, other) = (to("one", &first.rule, None), to("other", &first.rule, None));
    let (one, other) = tokio::join!(
        change(&world.scope, first.id, &one, Some(1), at(30)),
        change(&world.scope, first.id, &other, Some(1), at(30))
    );
    let results = [one, other];
    assert_eq!(results.iter().filter(|one| one.is_ok()).count(), 1, "{results:?}");
    let left = get(&world.scope, first.id).await.unwrap().unwrap();
    assert_eq!(left.revision, 2);
}

#[tokio::test]
async fn a_company_has_no_more_policies_than_it_can() {
    let (world, _) = world().await;
    let mut tx = world.tx().await;
    sqlx::query(
        r#"INSERT INTO policies
               (company_key, id, name, description, rule, is_enabled, created_at, changed_at)
           SELECT $1, gen_random_uuid(), 'policy ' || n, '', '{"no_finding":{}}', false, now(), now()
           FROM generate_series(2, $2::bigint) n"#,
    )
    .bind(world.scope.key())
    .bind(i64::from(POLICIES_MAX))
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let last = make(&world, "last", r#"{"no_finding":{}}"#, 10).await;
    let new = NewPolicy { id: id(), policy: to("one more", &last.rule, None) };
    let more = create(&world.scope, &new, at(20)).await;
    let Err(error @ ChangeError::TooMany) = more else {
        panic!("{more:?}");
    };
    assert!(error.to_string().contains(&POLICIES_MAX.to_string()));
    delete(&world.scope, last.id, at(30)).await.unwrap();
    assert!(create(&world.scope, &new, at(40)).await.is_ok());
}

#[tokio::test]
async fn a_policy_that_is_gone_or_off_is_computed_for_nobody() {
    let (world, endpoints) = world().await;
    let policy = make(&world, "p", r#"{"no_finding":{}}"#, 10).await;
    let off = PolicyChange { is_enabled: false, ..to("p", &policy.rule, None) };
    change(&world.scope, policy.id, &off, None, at(20)).await.unwrap();
    assert_eq!(evaluate(&world.scope, policy.id, at(30)).await.unwrap(), 0);
    assert_eq!(evaluate_all(&world.scope, at(30)).await.unwrap(), Evaluated::default());
    assert_eq!(of_host(&world.scope, endpoints[0].agent).await.unwrap(), []);
    assert_eq!(evaluate(&world.scope, id(), at(30)).await.unwrap(), 0);
    let other = company(world.store(), "Other").await;
    assert_eq!(evaluate(&other, policy.id, at(30)).await.unwrap(), 0);
    assert!(!delete(&other, policy.id, at(30)).await.unwrap());
    let on = to("p", &policy.rule, None);
    let on = change(&world.scope, policy.id, &on, None, at(40)).await;
    assert_eq!(on.unwrap().unwrap().hosts.fail, 1);
    // The results begin anew: what was switched off is no history.
    let result = of_host(&world.scope, endpoints[0].agent).await.unwrap().remove(0);
    assert_eq!(result.since, at(40));
}

#[tokio::test]
async fn the_log_says_what_a_policy_was_and_is() {
    let (world, _) = world().await;
    let policy = make(&world, "p", r#"{"seen_within":{"days":1}}"#, 10).await;
    let wider = rule(r#"{"seen_within":{"days":2}}"#);
    let to = to("p", &wider, None);
    change(&world.scope, policy.id, &to, Some(9), at(15)).await.unwrap_err();
    change(&world.scope, policy.id, &to, Some(1), at(20)).await.unwrap();
    delete(&world.scope, policy.id, at(30)).await.unwrap();
    delete(&world.scope, policy.id, at(40)).await.unwrap();
    let filter = EntryFilter { action: Some("policy".to_owned()), ..EntryFilter::default() };
    let entries = audit::list(&world.scope, &filter, &PageRequest::first(10)).await;
    let entries = entries.unwrap().items;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["policy.delete", "policy.update", "policy.create"]);
    let shown = |days: u32| {
        json!({ "name": "p", "description": "", "rule": { "seen_within": { "days": days } },
                "label": null, "enabled": true })
    };
    assert_eq!(entries[1].before, Some(shown(1)));
    assert_eq!(entries[1].after, Some(shown(2)));
    assert_eq!(entries[2].after, Some(shown(1)));
}

#[tokio::test]
async fn a_revoked_host_is_no_failure_of_any_policy() {
    let (world, endpoints) = world().await;
    let policy = make(&world, "p", r#"{"no_finding":{}}"#, 10).await;
    crate::agents::revoke(&world.scope, endpoints[0].agent, at(20)).await.unwrap();
    evaluate(&world.scope, policy.id, at(30)).await.unwrap();
    let left = of(["fail", "pass", "unknown"])[1..].to_vec();
    assert_eq!(states(&world, policy.id).await, left);
    let overview = summary(&world.scope).await.unwrap();
    assert_eq!((overview.failing, overview.hosts_failing), (0, 0));
}
