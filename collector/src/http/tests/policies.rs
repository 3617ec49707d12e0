//! Policies over HTTP: what each rule comes to, whom results are shown to, and what is refused.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fleet::Machine;
use super::harness::{Answer, Api};

async fn post(api: &Api, body: &Value) -> Answer {
    api.write((Method::POST, "/policies"), &api.ours.admin, &[], body).await
}

/// Makes a policy, and gives it.
async fn policy(api: &Api, name: &str, rule: Value) -> Value {
    let made = post(api, &json!({ "name": name, "rule": rule })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()
}

fn path_of(policy: &Value) -> String {
    format!("/api/v1/policies/{}", policy["id"].as_str().unwrap())
}

async fn change(api: &Api, policy: &Value, body: &Value) -> Answer {
    let path = format!("/policies/{}", policy["id"].as_str().unwrap());
    let headers = [("if-match", "*")];
    api.write((Method::PUT, &path), &api.ours.admin, &headers, body).await
}

/// `db-1` with `openssl` 1.1, `db-2` with `openssl` 3.0, beside `web-1` with `nodejs` that has a finding.
async fn fleet(api: &Api) {
    for (name, version) in [("db-1", "1.1.1"), ("db-2", "3.0.11")] {
        let software = [("openssl", version)];
        let machine = Machine { software: &software, ..Machine::new(name) };
        machine.add(api, &api.ours).await;
    }
}

/// The names of the hosts in a state.
async fn hosts(api: &Api, policy: &Value, state: &str) -> Vec<String> {
    let path = format!("{}/hosts?state={state}", path_of(policy));
    let list = api.get(&path, &api.ours.viewer).await;
    let name = |host: &Value| host["hostname"].as_str().unwrap().to_owned();
    list.items().iter().map(name).collect()
}

#[tokio::test]
async fn a_rule_fails_for_the_hosts_that_break_it() {
    let api = Api::new().await;
    fleet(&api).await;
    let rules = [
        (json!({ "no_finding": {} }), &["web-1"][..]),
        (json!({ "no_finding": { "cve": "CVE-2024-0001" } }), &["web-1"]),
        (json!({ "no_finding": { "cve": "CVE-2024-0002" } }), &[]),
        // Nobody scored it and nobody says that it is exploited.
        (json!({ "no_finding": { "severity_min": "low" } }), &[]),
        (json!({ "no_finding": { "kev": true } }), &[]),
        (json!({ "no_finding": { "epss_above": 0.0 } }), &[]),
        (json!({ "no_finding": { "older_than_days": 1 } }), &[]),
        (json!({ "software_version": { "name": "openssl", "version": ">= 3" } }), &["db-1"]),
        (json!({ "software_version": { "name": "OPENSSL", "version": ">= 3.0.11" } }), &["db-1"]),
        (
            json!({ "software_version": { "name": "openssl", "version": "> 3.0.11" } }),
            &["db-1", "db-2"],
        ),
        (json!({ "software_version": { "name": "openssl", "version": "< 1" } }), &["db-1", "db-2"]),
        (json!({ "no_software": { "name": "openssl", "source": "deb" } }), &["db-1", "db-2"]),
        (json!({ "no_software": { "name": "openssl", "source": "rpm" } }), &[]),
        (json!({ "no_software": { "name": "*" } }), &["db-1", "db-2", "web-1"]),
        (json!({ "has_software": { "name": "openssl" } }), &["web-1"]),
        (json!({ "has_software": { "name": "openssl", "version": ">= 3" } }), &["db-1", "web-1"]),
        (json!({ "has_software": { "name": "edr" } }), &["db-1", "db-2", "web-1"]),
        (json!({ "seen_within": { "days": 1 } }), &[]),
    ];
    for (number, (rule, expected)) in rules.into_iter().enumerate() {
        let made = policy(&api, &number.to_string(), rule.clone()).await;
        assert_eq!(hosts(&api, &made, "fail").await, expected, "{rule}");
        let counts = &made["hosts"];
        assert_eq!(counts["fail"], expected.len(), "{rule}");
        assert_eq!(counts["pass"], 3 - expected.len(), "{rule}");
        let failing = format!("/api/v1/hosts?fails={}", made["id"].as_str().unwrap());
        let failing = api.get(&failing, &api.ours.viewer).await;
        assert_eq!(failing.items().len(), expected.len(), "{rule}");
    }
}

/// Rules that are read and could never be meant, with words of what could.
fn wrong_rules() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "no_finding": { "severity_min": "awful" } }), "\"awful\" is no severity: low"),
        (json!({ "no_finding": { "severity_min": "LOW" } }), "is no severity"),
        (json!({ "no_finding": { "epss_above": 1.0 } }), "at least 0 and below 1"),
        (json!({ "no_finding": { "epss_above": -0.1 } }), "at least 0 and below 1"),
        (json!({ "no_finding": { "older_than_days": 3_651 } }), "at most 3650"),
        (json!({ "no_finding": { "cve": "CVE 1" } }), "an id such as CVE-2024-3094"),
        (json!({ "no_finding": { "cve": "x".repeat(65) } }), "an id such as"),
        (json!({ "software_version": { "name": "x" } }), "takes a version, a constraint"),
        (json!({ "software_version": { "name": "x", "version": "new" } }), "is no constraint"),
        (json!({ "no_software": { "name": "" } }), "no text of 1 to 200 characters"),
        (json!({ "has_software": { "name": "a\0b" } }), "no text of 1 to 200"),
        (json!({ "seen_within": { "days": 0 } }), "days are within 1 to 3650"),
        (json!({ "seen_within": { "days": 3_651 } }), "days are within 1 to 3650"),
    ]
}

#[tokio::test]
async fn a_rule_that_could_never_be_meant_says_what_could() {
    let api = Api::new().await;
    for (rule, words) in wrong_rules() {
        post(&api, &json!({ "name": "x", "rule": rule })).await.blames("rule", words);
    }
    for (rule, words) in [
        (json!({ "no_findings": {} }), "unknown variant `no_findings`"),
        (json!({ "no_finding": { "kve": true } }), "unknown field `kve`"),
        (json!({ "seen_within": {} }), "missing field `days`"),
        (json!({ "seen_within": { "days": -1 } }), "rule"),
        (json!({}), "rule"),
        (Value::Null, "rule"),
    ] {
        post(&api, &json!({ "name": "x", "rule": rule })).await.is_no_body(words);
    }
    post(&api, &json!({ "name": "x" })).await.refuses(422, "missing field `rule`");
    for rule in [
        json!({ "no_finding": { "epss_above": 0.999, "older_than_days": 3_650 } }),
        json!({ "seen_within": { "days": 3_650 } }),
    ] {
        policy(&api, &rule.to_string(), rule.clone()).await;
    }
    let list = api.get("/api/v1/policies", &api.ours.viewer).await;
    assert_eq!(list.items().len(), 2, "what was refused was not made");
}

#[tokio::test]
async fn results_are_filtered_by_state_paged_and_exported_alike() {
    let api = Api::new().await;
    fleet(&api).await;
    let made = policy(&api, "ssl", json!({ "has_software": { "name": "openssl" } })).await;
    assert_eq!(hosts(&api, &made, "pass").await, ["db-1", "db-2"]);
    assert_eq!(hosts(&api, &made, "fail").await, ["web-1"]);
    assert_eq!(hosts(&api, &made, "unknown").await, [""; 0]);
    let path = format!("{}/hosts", path_of(&made));
    let whole = api.get(&path, &api.ours.viewer).await.items();
    let mut items = Vec::new();
    let mut next = format!("{path}?limit=1");
    loop {
        let some = api.get(&next, &api.ours.viewer).await;
        items.extend(some.items());
        match some.json()["next_page_token"].as_str() {
            Some(token) => next = format!("{path}?limit=1&page_token={token}"),
            None => break,
        }
    }
    assert_eq!(items, whole);
    let lines = api.get(&format!("{path}/export?format=ndjson"), &api.ours.viewer).await;
    let lines: Vec<Value> =
        lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, whole);
    let csv = api.get(&format!("{path}/export?state=fail"), &api.ours.viewer).await;
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
    for (query, field, words) in [
        ("?state=odd", "state", "one of pass, fail, unknown"),
        ("?limit=0", "limit", "1 to 1000"),
        ("?limit=1001", "limit", "1 to 1000"),
        ("?page_token=x", "page_token", "begin without one"),
        ("?format=csv", "format", ""),
        ("/export?limit=1", "limit", "an export is whole"),
        ("/export?page_token=x", "page_token", "an export is whole"),
        ("/export?state=PASS", "state", "one of pass"),
    ] {
        let answer = api.get(&format!("{path}{query}"), &api.ours.viewer).await;
        answer.blames(field, words);
    }
}

#[tokio::test]
async fn results_are_the_companys_own() {
    let api = Api::new().await;
    let made = policy(&api, "none", json!({ "no_finding": {} })).await;
    let path = path_of(&made);
    let (theirs, nobody) = (&api.theirs.viewer, Uuid::nil());
    for path in [
        path.clone(),
        format!("{path}/hosts"),
        format!("{path}/hosts/export"),
        format!("/api/v1/policies/{nobody}/hosts"),
        "/api/v1/policies/ssl".to_owned(),
    ] {
        let answer = api.get(&path, theirs).await;
        answer.refuses(404, "there is no such policy");
    }
    let of_host = format!("/api/v1/hosts/{}/policies", api.ours.host);
    let answer = api.get(&of_host, theirs).await;
    answer.refuses(404, "there is no such host");
    let own = api.get(&of_host, &api.ours.viewer).await.items();
    assert_eq!(own.len(), 1);
    assert_eq!((&own[0]["name"], &own[0]["state"]), (&json!("none"), &json!("fail")));
    let empty = json!({ "policies": 0, "failing": 0, "hosts_failing": 0, "hosts_passing": 0 });
    let summary = api.get("/api/v1/policies/summary", theirs).await;
    assert_eq!(summary.json(), empty);
    // Nor is a host of theirs found by a policy of ours.
    let fails = format!("/api/v1/hosts?fails={}", made["id"].as_str().unwrap());
    assert_eq!(api.get(&fails, theirs).await.items(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_policy_is_for_a_label_of_the_companys_own() {
    let api = Api::new().await;
    fleet(&api).await;
    let label = json!({ "name": "db", "rule": { "hostname": "db-*" } });
    let mut labels = Vec::new();
    for key in [&api.ours.admin, &api.theirs.admin] {
        let made = api.write((Method::POST, "/labels"), key, &[], &label).await;
        labels.push(made.json()["id"].clone());
    }
    let body = |label: &Value| json!({ "name": "x", "label": label, "rule": { "has_software": { "name": "openssl" } } });
    for other in [&labels[1], &json!(Uuid::nil())] {
        post(&api, &body(other)).await.blames("label", "the company has no such label");
    }
    let made = post(&api, &body(&labels[0])).await.json();
    assert_eq!(made["hosts"], json!({ "pass": 2, "fail": 0, "unknown": 0 }));
    let summary = api.get("/api/v1/policies/summary", &api.ours.viewer).await;
    assert_eq!(summary.json()["hosts_passing"], 2, "web-1 is not asked");
    change(&api, &made, &body(&labels[1])).await.blames("label", "the company has no such label");
    let for_all = change(&api, &made, &body(&Value::Null)).await;
    let counts = json!({ "pass": 2, "fail": 1, "unknown": 0 });
    assert_eq!(for_all.json()["hosts"], counts, "{}", for_all.text);
    let narrow = change(&api, &made, &body(&labels[0])).await;
    assert_eq!(narrow.json()["hosts"]["fail"], 0, "web-1's result is gone");
    assert_eq!(hosts(&api, &made, "fail").await, [""; 0]);
}

#[tokio::test]
async fn a_policy_that_is_off_says_nothing_until_it_is_on_again() {
    let api = Api::new().await;
    let rule = json!({ "no_finding": {} });
    let body = |enabled: bool| json!({ "name": "x", "rule": rule, "enabled": enabled });
    let made = post(&api, &body(false)).await.json();
    let none = json!({ "pass": 0, "fail": 0, "unknown": 0 });
    assert_eq!((&made["enabled"], &made["hosts"]), (&json!(false), &none));
    let summary = async || {
        let summary = api.get("/api/v1/policies/summary", &api.ours.viewer).await;
        let summary = summary.json();
        (summary["policies"].clone(), summary["hosts_failing"].clone())
    };
    assert_eq!(summary().await, (json!(0), json!(0)));
    let on = change(&api, &made, &body(true)).await.json();
    assert_eq!(on["hosts"]["fail"], 1);
    assert_eq!(summary().await, (json!(1), json!(1)));
    let off = change(&api, &made, &body(false)).await.json();
    assert_eq!(off["hosts"], none);
    assert_eq!(summary().await, (json!(0), json!(0)));
    // Left out, it is on.
    let again = change(&api, &made, &json!({ "name": "x", "rule": rule })).await;
    assert_eq!(again.json()["enabled"], true, "{}", again.text);
}
