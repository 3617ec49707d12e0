//! What is wrong in a file is said with its line, and what is right reads the same however it is written.

use super::*;

fn objects(text: &str) -> anyhow::Result<Vec<Object>> {
    parse(Path::new("muster.yaml"), text)
}

fn wrong(text: &str) -> String {
    crate::causes::Causes(&objects(text).unwrap_err()).to_string()
}

const LABEL: &str = "kind: Label\nname: web\nspec:\n  rule: { hostname: web-* }\n";

#[test]
fn documents_are_read_one_after_the_other_and_empty_ones_are_none() {
    let text = format!(
        "# ours\n---\n{LABEL}---\n---  # nothing\n# more\n---\nkind: Retention\nspec: {{}}\n"
    );
    let objects = objects(&text).unwrap();
    let found: Vec<_> =
        objects.iter().map(|one| (one.kind, one.name.as_str(), one.place.as_str())).collect();
    assert_eq!(
        found,
        [(Kind::Label, "web", "muster.yaml:4"), (Kind::Retention, "", "muster.yaml:11")]
    );
    assert_eq!(objects[0].spec, json!({ "description": "", "rule": { "hostname": "web-*" } }));
}

#[test]
fn a_document_that_begins_on_its_markers_line_is_read() {
    let text = format!(
        "--- {{kind: Label, name: db, spec: {{}}}}\n--- # ours\n{LABEL}---\t{{kind: Retention, spec: {{}}}}"
    );
    let objects = objects(&text).unwrap();
    let found: Vec<_> = objects.iter().map(|one| (one.name.as_str(), one.place.as_str())).collect();
    assert_eq!(found, [("db", "muster.yaml:1"), ("web", "muster.yaml:4"), ("", "muster.yaml:7")]);
    // Whatever else stands there is said, and never passed over.
    for text in ["--- kind: Label\nname: db\nspec: {}\n", "--- text\n", "--- |\n  text\n"] {
        assert!(wrong(text).starts_with("muster.yaml:"), "{text:?}: {}", wrong(text));
    }
    let two = format!("{LABEL}...\n{}", LABEL.replace("web\n", "db\n"));
    assert!(wrong(&two).starts_with("muster.yaml:"), "what follows an end is not passed over");
}

#[test]
fn an_unknown_field_is_refused_with_its_line() {
    let text = format!("{LABEL}---\nkind: Label\nname: db\nspec:\n  wording: typo\n");
    let error = wrong(&text);
    assert!(error.starts_with("muster.yaml:9: "), "{error}");
    assert!(error.contains("wording"), "{error}");
    let error = wrong("kind: Label\nname: web\nlabels: []\nspec: {}\n");
    assert!(error.starts_with("muster.yaml:3: ") && error.contains("labels"), "{error}");
    let error = wrong("kind: Tag\nname: web\nspec: {}\n");
    assert!(error.starts_with("muster.yaml:1: ") && error.contains("Tag"), "{error}");
    // Within a rule as well, however deep.
    let error = wrong("kind: Label\nname: x\nspec:\n  rule:\n    all:\n      - hostnme: web\n");
    assert!(error.starts_with("muster.yaml:6: ") && error.contains("hostnme"), "{error}");
}

#[test]
fn what_is_no_yaml_or_lacks_something_is_refused_with_a_line() {
    for text in ["kind: [", "kind: Label\nname: web\n", "kind: Label\nspec: {}\n", "- 1\n"] {
        let error = wrong(text);
        assert!(error.starts_with("muster.yaml:"), "{text:?}: {error}");
    }
    let error = wrong("kind: Policy\nname: p\nspec:\n  rule: { seen_within: { days: many } }\n");
    assert!(error.starts_with("muster.yaml:4: "), "{error}");
    let error = wrong("kind: Label\nname: ' web'\nspec: {}\n");
    assert!(error.contains("muster.yaml:2") && error.contains("blank"), "{error}");
}

#[test]
fn a_webhooks_secrets_are_read_from_where_the_file_says_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "hush-hush-hush-hush-hush\n").unwrap();
    std::fs::write(dir.path().join("url"), "https://hooks.slack.example/T/B/X\n").unwrap();
    let text = "kind: Webhook\nname: chat\nspec:\n  url_from: { file: url }\n  secret_from: \
                { file: secret }\n  template: slack\n  kinds: [policy.fail, finding.opened]\n";
    let objects = parse(&dir.path().join("muster.yaml"), text).unwrap();
    assert_eq!(objects[0].secret.as_ref().unwrap().expose(), "hush-hush-hush-hush-hush");
    assert_eq!(objects[0].spec["url"], "https://hooks.slack.example/T/B/X");
    assert_eq!(objects[0].spec["kinds"], json!(["finding.opened", "policy.fail"]));
    assert!(!format!("{objects:?}").contains("hush"));
    let inline =
        "kind: Webhook\nname: x\nspec:\n  url: https://x.example\n  secret: hush\n  kinds: []\n";
    assert!(wrong(inline).contains("secret"), "a secret in a file is refused");
    let none = "kind: Webhook\nname: x\nspec:\n  url: https://x.example\n  secret_from: { file: \
                absent }\n  kinds: []\n";
    assert!(wrong(none).contains("muster.yaml:2: secret_from"), "{}", wrong(none));
}

#[test]
fn an_object_is_named_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    std::fs::write(&file, format!("{LABEL}---\n{}", LABEL.replace("web\n", "WEB\n"))).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "not: read").unwrap();
    let error = read(&[dir.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("a.yaml:7") && error.contains("a.yaml:2 already"), "{error}");
}

#[test]
fn what_is_written_reads_back_as_it_was() {
    let spec = json!({
        "rule": { "no_finding": { "severity_min": "critical", "epss_above": 0.1 } },
        "label": "yes: no", "description": "two\nlines # and: more", "enabled": false,
    });
    let document = json!({ "kind": "Policy", "name": "null", "spec": spec });
    let text = to_yaml(&document).unwrap();
    let read = objects(&text).unwrap();
    assert_eq!(read[0].name, "null");
    assert_eq!(read[0].spec["description"], spec["description"], "{text}");
    assert_eq!(read[0].spec["label"], "yes: no");
    assert_eq!(read[0].spec["rule"]["no_finding"]["epss_above"], 0.1);
}

#[test]
fn addresses_that_are_secrets_are_left_out_unless_they_are_asked_for() {
    let hook = |template: &str| Present {
        kind: Kind::Webhook,
        name: "Team chat".to_owned(),
        spec: json!({ "url": "https://hooks.example/T/B/X", "template": template }),
        path: String::new(),
        tag: None,
    };
    let shown = of(hook("slack"), false).to_string();
    assert!(!shown.contains("T/B/X") && shown.contains("WEBHOOK_URL_TEAM_CHAT"), "{shown}");
    assert!(of(hook("slack"), true).to_string().contains("T/B/X"));
    assert!(of(hook("generic"), false).to_string().contains("T/B/X"));
}
