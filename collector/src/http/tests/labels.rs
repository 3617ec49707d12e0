//! Labels over HTTP: who carries them, who may give them, and what stands in the way of ending one.

mod rules;

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fleet::Machine;
use super::harness::{Answer, Api};

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    api.write((Method::POST, path), key, &[], body).await
}

/// Makes a label, and gives its id.
async fn label(api: &Api, body: &Value) -> String {
    let made = post(api, "/labels", &api.ours.admin, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// The names of the hosts of a list.
async fn hosts(api: &Api, query: &str) -> Vec<String> {
    let list = api.get(&format!("/api/v1/hosts?{query}"), &api.ours.viewer).await;
    let name = |host: &Value| host["hostname"].as_str().unwrap().to_owned();
    list.items().iter().map(name).collect()
}

/// `web-1` of the harness, `db-1` from the south with a database, and `db-2` of another distribution.
async fn fleet(api: &Api) {
    let south = [("site", "south"), ("rack", "7")];
    let database = [("postgresql", "16.2"), ("bad-tool", "1")];
    let first = Machine { labels: &south, software: &database, ..Machine::new("db-1") };
    first.add(api, &api.ours).await;
    let second =
        Machine { platform: "alpine", software: &[("postgresql", "15.6")], ..Machine::new("db-2") };
    second.add(api, &api.ours).await;
}

#[tokio::test]
async fn a_description_has_lines_and_no_other_control_and_at_most_two_thousand_characters() {
    let api = Api::new().await;
    let longest = "ß".repeat(2_000);
    for text in ["", "two\nlines\tand more", longest.as_str()] {
        let name = format!("{} characters", text.chars().count());
        let id = label(&api, &json!({ "name": name, "description": text })).await;
        let path = format!("/api/v1/labels/{id}");
        let read = api.get(&path, &api.ours.viewer).await.json();
        assert_eq!(read["description"], text);
    }
    for text in ["a\0b", "a\rb", "\u{1b}[31m", &format!("{longest}.")] {
        let body = json!({ "name": "x", "description": text });
        let refused = post(&api, "/labels", &api.ours.admin, &body).await;
        refused.blames("description", "at most 2000 characters, none of control");
    }
}

#[tokio::test]
async fn a_label_is_named_in_a_filter_by_its_id_or_its_name() {
    let api = Api::new().await;
    fleet(&api).await;
    let body = json!({ "name": "Data bases", "rule": { "hostname": "db-*" } });
    let id = label(&api, &body).await;
    for named in [&id, "Data%20bases", "data+BASES"] {
        assert_eq!(hosts(&api, &format!("label={named}")).await, ["db-1", "db-2"]);
    }
    // An id that is no label's is nobody's, and a name that is none is a mistake.
    assert_eq!(hosts(&api, &format!("label={}", Uuid::nil())).await, [""; 0]);
    for list in ["hosts", "software", "findings", "exceptions"] {
        let path = format!("/api/v1/{list}?label=databases");
        let refused = api.get(&path, &api.ours.viewer).await;
        refused.blames("label", "no label has this id or name");
        let path = path.replace("databases", "data%20bases");
        let theirs = api.get(&path, &api.theirs.viewer).await;
        theirs.blames("label", "no label has this id or name");
        let theirs = format!("/api/v1/{list}?label={id}");
        let theirs = api.get(&theirs, &api.theirs.viewer).await;
        assert_eq!(theirs.items(), [Value::Null; 0], "{list}");
    }
}

#[tokio::test]
async fn a_label_without_a_rule_is_given_to_named_hosts_or_to_all_of_a_filter() {
    let api = Api::new().await;
    fleet(&api).await;
    let id = label(&api, &json!({ "name": "lab" })).await;
    let path = format!("/labels/{id}/hosts");
    let analyst = &api.ours.analyst;
    for (body, changed, carriers) in [
        (json!({ "carries": true, "hosts": [] }), 0, &[][..]),
        (
            json!({ "carries": true, "hosts": [api.ours.host, api.ours.host, api.theirs.host] }),
            1,
            &["web-1"],
        ),
        (json!({ "carries": true, "filter": { "query": "DB-" } }), 2, &["db-1", "db-2", "web-1"]),
        (json!({ "carries": false, "filter": { "platform": "alpine" } }), 1, &["db-1", "web-1"]),
        (json!({ "carries": true, "filter": { "label": "lab" } }), 0, &["db-1", "web-1"]),
        (json!({ "carries": false, "filter": { "cve": "cve-2024-0001" } }), 2, &[]),
        (json!({ "carries": true, "filter": {} }), 3, &["db-1", "db-2", "web-1"]),
        (
            json!({ "carries": false, "filter": { "fails": Uuid::nil() } }),
            0,
            &["db-1", "db-2", "web-1"],
        ),
    ] {
        api.hand.advance(Duration::from_secs(1));
        let answer = post(&api, &path, analyst, &body).await;
        assert_eq!(answer.json()["changed"], changed, "{body}: {}", answer.text);
        assert_eq!(hosts(&api, "label=lab").await, carriers, "{body}");
    }
    // What changed nothing is not in the log.
    let log = api.get("/api/v1/audit?action=label.assign", &api.ours.admin).await;
    assert_eq!(log.items().len(), 5);
    assert_eq!(log.items()[0]["after"], json!({ "carries": true, "hosts": 3 }));
}

#[tokio::test]
async fn an_assignment_that_says_too_little_or_too_much_is_refused() {
    let api = Api::new().await;
    let id = label(&api, &json!({ "name": "lab" })).await;
    let path = format!("/labels/{id}/hosts");
    let analyst = &api.ours.analyst;
    let many = |count| json!({ "carries": true, "hosts": vec![Uuid::nil(); count] });
    for (body, field, words) in [
        (json!({ "carries": true }), "hosts", "either hosts or a filter"),
        (
            json!({ "carries": true, "hosts": [], "filter": {} }),
            "hosts",
            "either hosts or a filter",
        ),
        (many(10_001), "hosts", "at most 10000 hosts; use a filter for more"),
        (
            json!({ "carries": true, "filter": { "query": "a\0b" } }),
            "filter",
            "no characters of control",
        ),
        (json!({ "carries": true, "filter": { "label": "a\0b" } }), "filter", "control"),
        (json!({ "carries": true, "filter": { "label": "none" } }), "label", "no label has"),
    ] {
        let refused = post(&api, &path, analyst, &body).await;
        refused.blames(field, words);
    }
    for (body, words) in [
        (json!({ "hosts": [] }), "missing field `carries`"),
        (json!({ "carries": "yes", "hosts": [] }), "carries"),
        (json!({ "carries": true, "hosts": ["web-1"] }), "hosts[0]"),
        (json!({ "carries": true, "filter": { "hostname": "x" } }), "unknown field `hostname`"),
    ] {
        post(&api, &path, analyst, &body).await.refuses(422, words);
    }
    let most = post(&api, &path, analyst, &many(10_000)).await;
    assert_eq!(most.json()["changed"], 0, "{}", most.text);
    let body = json!({ "carries": true, "filter": { "software": "openssl" } });
    post(&api, &path, analyst, &body).await.refuses(404, "there is no such software");
    let nobody = format!("/labels/{}/hosts", Uuid::nil());
    post(&api, &nobody, analyst, &many(1)).await.refuses(404, "there is no such label");
    post(&api, &path, &api.theirs.analyst, &many(1)).await.refuses(404, "there is no such label");
    post(&api, &path, &api.ours.viewer, &many(1))
        .await
        .refuses(403, "hosts:label, which the role analyst has");
}

#[tokio::test]
async fn nobody_gives_by_hand_what_a_rule_gives_until_the_rule_is_taken_away() {
    let api = Api::new().await;
    fleet(&api).await;
    let rule = json!({ "name": "db", "rule": { "hostname": "db-*" } });
    let id = label(&api, &rule).await;
    let path = format!("/labels/{id}");
    let give = json!({ "carries": true, "hosts": [api.ours.host] });
    let assign = format!("{path}/hosts");
    post(&api, &assign, &api.ours.analyst, &give)
        .await
        .refuses(409, "change the rule, or take it away");
    let headers = [("if-match", "\"1\"")];
    let put = (Method::PUT, path.as_str());
    let by_hand = api.write(put.clone(), &api.ours.admin, &headers, &json!({ "name": "db" })).await;
    // Its hosts stay, for people to go on with.
    assert_eq!(by_hand.json()["hosts"], 2, "{}", by_hand.text);
    assert_eq!(by_hand.json().get("rule"), None);
    let given = post(&api, &assign, &api.ours.analyst, &give).await;
    assert_eq!(given.json()["changed"], 1, "{}", given.text);
    assert_eq!(hosts(&api, "label=db").await, ["db-1", "db-2", "web-1"]);
    // With a rule again, it is the rule that says.
    let headers = [("if-match", "\"2\"")];
    let again = api.write(put, &api.ours.admin, &headers, &rule).await;
    assert_eq!(again.json()["hosts"], 2, "{}", again.text);
    assert_eq!(hosts(&api, "label=db").await, ["db-1", "db-2"]);
}

#[tokio::test]
async fn a_label_that_something_is_for_stays_until_that_is_ended() {
    let api = Api::new().await;
    let id = label(&api, &json!({ "name": "lab" })).await;
    let admin = &api.ours.admin;
    let delete = async |path: &str| api.write((Method::DELETE, path), admin, &[], &json!({})).await;
    let label_path = format!("/labels/{id}");
    let policy = json!({ "name": "p", "label": id, "rule": { "no_finding": {} } });
    let policy = post(&api, "/policies", admin, &policy).await.json();
    let exception = json!({
        "rule": { "cve": "CVE-2024-0001", "label": id }, "status": "affected",
    });
    let exception = post(&api, "/exceptions", admin, &exception).await.json();
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    delete(&label_path).await.refuses(409, "exceptions are for the hosts with this label");
    let withdraw = format!("/exceptions/{}/withdraw", text(&exception));
    post(&api, &withdraw, admin, &json!({})).await;
    delete(&label_path).await.refuses(409, "policies are for the hosts with this label");
    delete(&format!("/policies/{}", text(&policy))).await;
    assert_eq!(delete(&label_path).await.status, StatusCode::NO_CONTENT);
    // What was withdrawn still says which label it was for.
    let path = format!("/api/v1/exceptions/{}", text(&exception));
    let still = api.get(&path, &api.ours.viewer).await.json();
    assert_eq!(still["rule"]["label"], id);
}

#[tokio::test]
async fn a_host_lists_its_labels_by_name_and_another_companys_host_has_none() {
    let api = Api::new().await;
    for (name, rule) in [("b", json!({ "all": [] })), ("A", json!({ "hostname": "web-?" }))] {
        label(&api, &json!({ "name": name, "rule": rule })).await;
    }
    label(&api, &json!({ "name": "c", "rule": { "any": [] } })).await;
    let path = format!("/api/v1/hosts/{}/labels", api.ours.host);
    let names: Vec<Value> = api
        .get(&path, &api.ours.viewer)
        .await
        .items()
        .iter()
        .map(|label| label["name"].clone())
        .collect();
    assert_eq!(names, ["A", "b"]);
    let theirs = api.get(&path, &api.theirs.viewer).await;
    theirs.refuses(404, "there is no such host");
    let list = api.get("/api/v1/labels", &api.ours.viewer).await;
    let names: Vec<Value> = list.items().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["A", "b", "c"]);
}
