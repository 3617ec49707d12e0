//! What follows from files and from what there is.

use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

fn object(kind: Kind, name: &str, spec: Value) -> Object {
    let place = format!("muster.yaml:{name}");
    Object { kind, name: name.to_owned(), spec, secret: None, place }
}

fn present(kind: Kind, name: &str, spec: Value) -> Present {
    let path = format!("{}/1", kind.path());
    Present { kind, name: name.to_owned(), spec, path, tag: Some("\"1\"".to_owned()) }
}

fn steps(objects: Vec<Object>, there: Vec<Present>, prune: bool) -> Vec<String> {
    let steps = compare(objects, there, prune, NOW).unwrap();
    steps.iter().map(ToString::to_string).collect()
}

#[test]
fn steps_go_from_what_is_named_to_what_names_it_and_deletions_back() {
    let (a, b) = (json!({ "description": "a" }), json!({ "description": "b" }));
    let objects = vec![
        object(Kind::Policy, "keep", a.clone()),
        object(Kind::Label, "new", a.clone()),
        object(Kind::Label, "other", b),
        object(Kind::Retention, "", json!({})),
    ];
    let there = vec![
        present(Kind::Retention, "", json!({ "history_days": 30 })),
        present(Kind::Label, "other", a.clone()),
        present(Kind::Label, "old", a.clone()),
        present(Kind::Policy, "keep", a.clone()),
        present(Kind::Policy, "old", a.clone()),
        present(Kind::Webhook, "not of these files", a),
    ];
    let kept = [
        "change    Retention (history_days)",
        "create    Label \"new\"",
        "change    Label \"other\" (description)",
        "unchanged Policy \"keep\"",
    ];
    let copy = |all: &[Object]| {
        all.iter().map(|o| object(o.kind, &o.name, o.spec.clone())).collect::<Vec<_>>()
    };
    assert_eq!(steps(copy(&objects), there.clone(), false), kept);
    let pruned = steps(objects, there, true);
    assert_eq!(pruned[..4], kept);
    assert_eq!(pruned[4..], ["delete    Policy \"old\"", "delete    Label \"old\""]);
}

#[test]
fn a_name_in_other_letters_is_the_same_object_and_a_change() {
    let spec = json!({ "description": "" });
    let steps = steps(
        vec![object(Kind::Label, "Web", spec.clone())],
        vec![present(Kind::Label, "web", spec)],
        true,
    );
    assert_eq!(steps, ["change    Label \"Web\" (name)"]);
}

#[test]
fn an_exception_whose_end_is_over_is_not_made_again() {
    let until = |text: &str| json!({ "expires_at": text, "status": "affected" });
    let objects = vec![
        object(Kind::Exception, "over", until("2026-03-01T12:00:00Z")),
        object(Kind::Exception, "to come", until("2026-03-01T13:00:00+01:01")),
        object(Kind::Exception, "yet", until("2026-03-01T13:00:00Z")),
    ];
    let expected = [
        "over      Exception \"over\"",
        "over      Exception \"to come\"",
        "create    Exception \"yet\"",
    ];
    assert_eq!(steps(objects, Vec::new(), false), expected);
}

#[test]
fn a_label_that_is_nowhere_is_found_before_anything_is_written() {
    let policy = object(Kind::Policy, "p", json!({ "label": "Web" }));
    let exception = object(Kind::Exception, "e", json!({ "rule": { "label": "gone" } }));
    let known = BTreeMap::from([("web".to_owned(), "1".to_owned())]);
    check_labels(std::slice::from_ref(&policy), &known).unwrap();
    let error = check_labels(&[policy, exception], &known).unwrap_err().to_string();
    assert!(error.starts_with("muster.yaml:e: ") && error.contains("gone"), "{error}");
    let made = object(Kind::Label, "Gone", json!({}));
    let uses = object(Kind::Policy, "p", json!({ "label": "gone" }));
    check_labels(&[uses, made], &BTreeMap::new()).unwrap();
}

#[test]
fn a_webhook_whose_secret_nobody_would_know_is_not_made() {
    let hook = object(Kind::Webhook, "hook", json!({}));
    let error = compare(vec![hook], Vec::new(), false, NOW).unwrap_err().to_string();
    assert!(error.starts_with("muster.yaml:hook: ") && error.contains("secret_from"), "{error}");
}
