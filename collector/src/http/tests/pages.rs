//! Pages of every list: how long they may be, which tokens lead on, and what a reader sees who goes on
//! while hosts come and go.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fleet::Machine;
use super::harness::{Answer, Api};
use super::walk::{Operation, operations};

/// Whether an operation takes a parameter in its query.
fn takes(operation: &Operation, name: &str) -> bool {
    let parameters = operation.document["parameters"].as_array();
    let mut all = parameters.into_iter().flatten();
    all.any(|one| one["in"] == "query" && one["name"] == name)
}

/// The paths of all lists that come in pages and whose objects the company has, with who may read them.
fn lists(api: &Api) -> Vec<(String, String)> {
    let ours = &api.ours;
    let mut lists = Vec::new();
    for operation in operations() {
        let path = operation.path_of(ours.company.0, ours.host.0, ours.software);
        let is_list = operation.method == Method::GET
            && takes(&operation, "page_token")
            && !path.ends_with("/export")
            && !path.contains(&Uuid::nil().to_string());
        if is_list {
            let is_operators = operation.document["x-muster-operators"] == true;
            let key = if is_operators { &api.operator } else { &ours.admin };
            lists.push((path, key.clone()));
        }
    }
    assert!(lists.len() >= 12, "{lists:?}");
    lists
}

#[tokio::test]
async fn every_list_gives_one_to_a_thousand_rows_and_says_so() {
    let api = Api::new().await;
    for (path, key) in lists(&api) {
        for limit in ["1", "1000"] {
            let answer = api.get(&format!("{path}?limit={limit}"), &key).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        }
        for limit in ["0", "1001", "4294967295"] {
            let answer = api.get(&format!("{path}?limit={limit}"), &key).await;
            answer.blames("limit", &format!("{limit} is not within 1 to 1000"));
        }
        // What is no number of 32 bits is refused where it is read.
        for limit in ["-1", "1.5", "ten", "4294967296", ""] {
            let answer = api.get(&format!("{path}?limit={limit}"), &key).await;
            answer.blames("query", "limit: ");
        }
    }
}

#[tokio::test]
async fn no_list_goes_on_from_a_token_that_it_did_not_give() {
    let api = Api::new().await;
    let foreign = URL_SAFE_NO_PAD.encode(r#"["somewhere.else",{"v":"a","i":"x","n":1}]"#);
    let bare = URL_SAFE_NO_PAD.encode(r#"{"v":"a","i":"x"}"#);
    let long = "A".repeat(4_097);
    for (path, key) in lists(&api) {
        for token in [&*foreign, &*bare, "e30", "a=b", "ÿ", "....", &*long] {
            let query = token.replace('ÿ', "%C3%BF").replace('=', "%3D");
            let answer = api.get(&format!("{path}?page_token={query}"), &key).await;
            answer.blames("page_token", "begin without one");
        }
        // Sent empty, as a form does it, it is the first page.
        let first = api.get(&format!("{path}?page_token="), &key).await;
        assert_eq!(first.items(), api.get(&path, &key).await.items(), "{path}");
    }
}

async fn page(api: &Api, path: &str, token: &str) -> Answer {
    let and = if path.contains('?') { '&' } else { '?' };
    let path = format!("/api/v1{path}{and}page_token={token}");
    api.get(&path, &api.ours.viewer).await
}

/// Seven hosts of two names beside the harness's, each with the same pieces of software.
async fn fleet(api: &Api) {
    for number in 0..7 {
        let machine = Machine {
            software: &[("bad-one", "1"), ("bad-one", "2"), ("good", "1")],
            ..Machine::new(if number % 2 == 0 { "twin" } else { "TWIN" })
        };
        machine.add(api, &api.ours).await;
    }
}

/// The lists that have several orders.
const SORTED: [(&str, &[&str]); 4] = [
    ("/hosts", &["hostname", "last_seen", "enrolled", "software", "findings", "critical", "kev"]),
    ("/software", &["name", "hosts", "findings", "first_seen"]),
    ("/findings", &["severity", "epss", "opened", "hosts"]),
    ("/cves", &["severity", "epss", "kev", "hosts", "published"]),
];

#[tokio::test]
async fn pages_come_to_the_whole_list_in_every_order_though_rows_are_equal() {
    let api = Api::new().await;
    fleet(&api).await;
    for (list, sorts) in SORTED {
        for sort in sorts {
            let path = format!("{list}?sort={sort}");
            let whole = page(&api, &path, "").await.items();
            let (mut token, mut items) = (String::new(), Vec::new());
            loop {
                let some = page(&api, &format!("{path}&limit=2"), &token).await;
                items.extend(some.items());
                let so_far = items.len();
                let body = some.json();
                let Some(next) = body["next_page_token"].as_str() else {
                    let total = json!({ "count": so_far, "type": "EXACT" });
                    assert_eq!(body["total"], total, "{path}");
                    break;
                };
                let total = json!({ "count": so_far + 1, "type": "AT_LEAST" });
                assert_eq!(body["total"], total, "{path}");
                next.clone_into(&mut token);
            }
            assert_eq!(items, whole, "{path}");
            let distinct: BTreeSet<String> = whole.iter().map(Value::to_string).collect();
            assert_eq!(distinct.len(), whole.len(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_token_of_one_order_is_none_of_another() {
    let api = Api::new().await;
    fleet(&api).await;
    for (list, sorts) in SORTED {
        for from in sorts {
            let first = page(&api, &format!("{list}?sort={from}&limit=1"), "").await;
            let Some(token) = first.json()["next_page_token"].as_str().map(str::to_owned) else {
                assert_eq!(list, "/cves", "one row has no next page");
                continue;
            };
            for to in sorts {
                let answer = page(&api, &format!("{list}?sort={to}"), &token).await;
                if from == to {
                    assert_eq!(answer.status, StatusCode::OK, "{list} {from}");
                } else {
                    answer.blames("page_token", "not a token of this list and order");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_was_altered_leads_to_a_refusal_or_into_the_same_list() {
    let api = Api::new().await;
    fleet(&api).await;
    let first = page(&api, "/hosts?limit=3", "").await.json();
    let token = first["next_page_token"].as_str().unwrap();
    let all: BTreeSet<String> =
        page(&api, "/hosts", "").await.items().iter().map(|host| host["id"].to_string()).collect();
    for at in 0..token.len() {
        for other in ["A", "_", ""] {
            let altered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            let answer = page(&api, "/hosts?limit=3", &altered).await;
            if answer.status == StatusCode::OK {
                let items = answer.items();
                assert!(
                    items.iter().all(|host| all.contains(&host["id"].to_string())),
                    "{at} {other:?}"
                );
            } else {
                assert_eq!(answer.status.as_u16(), 422, "{at} {other:?}: {}", answer.text);
                assert_eq!(answer.json()["errors"][0]["field"], "page_token");
            }
        }
    }
}

#[tokio::test]
async fn a_token_says_how_many_rows_it_passed_and_cannot_make_that_overflow() {
    let api = Api::new().await;
    let token = format!(r#"["hosts.hostname",{{"v":"","i":"{}","n":{}}}]"#, Uuid::nil(), u64::MAX);
    let answer = page(&api, "/hosts", &URL_SAFE_NO_PAD.encode(token)).await;
    assert_eq!(answer.items().len(), 1);
    assert_eq!(answer.json()["total"]["count"], u64::MAX);
}

#[tokio::test]
async fn another_companys_token_shows_ones_own_rows_alone() {
    let api = Api::new().await;
    for name in ["a", "z"] {
        Machine::new(name).add(&api, &api.theirs).await;
        Machine::new(name).add(&api, &api.ours).await;
    }
    let theirs = api.get("/api/v1/hosts?limit=1", &api.theirs.viewer).await.json();
    let token = theirs["next_page_token"].as_str().unwrap();
    let names: Vec<Value> = page(&api, "/hosts", token)
        .await
        .items()
        .iter()
        .map(|host| {
            assert_ne!(host["id"], api.theirs.host.to_string());
            host["hostname"].clone()
        })
        .collect();
    assert_eq!(names.last(), Some(&json!("z")));
}

fn hostnames(answer: &Answer) -> Vec<String> {
    let name = |host: &Value| host["hostname"].as_str().unwrap().to_owned();
    answer.items().iter().map(name).collect()
}

#[tokio::test]
async fn who_reads_on_while_hosts_come_and_go_misses_and_repeats_none_that_stayed() {
    let api = Api::new().await;
    let mut ids = Vec::new();
    for name in ["h1", "h2", "h3", "h4", "h5", "h6"] {
        ids.push(Machine::new(name).add(&api, &api.ours).await);
    }
    let (mut token, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let some = page(&api, "/hosts?limit=2", &token).await;
        seen.extend(hostnames(&some));
        pages += 1;
        match pages {
            // One before the place and one behind it, one gone that was shown and one that was not.
            1 => {
                Machine::new("h0").add(&api, &api.ours).await;
                Machine::new("h35").add(&api, &api.ours).await;
                for gone in [ids[0], ids[3]] {
                    let path = format!("/api/v1/hosts/{gone}/revoke");
                    let key = Some(api.ours.admin.as_str());
                    let answer = api.send(Method::POST, &path, key, None).await;
                    assert!(answer.status.is_success(), "{}", answer.text);
                }
            }
            // The very host that the next page begins after.
            2 => {
                let path = format!("/api/v1/hosts/{}/revoke", ids[2]);
                let key = Some(api.ours.admin.as_str());
                api.send(Method::POST, &path, key, None).await;
            }
            _ => {}
        }
        match some.json()["next_page_token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(seen, ["h1", "h2", "h3", "h35", "h5", "h6", "web-1"]);
}

#[tokio::test]
async fn an_export_is_whole_and_takes_no_page() {
    let api = Api::new().await;
    let ours = &api.ours;
    for operation in operations() {
        let path = operation.path_of(ours.company.0, ours.host.0, ours.software);
        if !path.ends_with("/export") || path.contains(&Uuid::nil().to_string()) {
            continue;
        }
        for (query, field) in [("limit=5", "limit"), ("page_token=x", "page_token")] {
            let answer = api.get(&format!("{path}?{query}"), &ours.admin).await;
            // The exports of the log and of the company have no such words at all.
            let is_unknown = ["/api/v1/audit/export", "/api/v1/company/export"].contains(&&*path);
            answer.blames(if is_unknown { "query" } else { field }, field);
        }
    }
}

#[tokio::test]
async fn hosts_are_told_apart_by_the_token_that_they_came_with() {
    let api = Api::new().await;
    let (mine, colleagues) = (Machine::new("mine"), Machine::new("colleagues"));
    let viewer = &api.ours.viewer;
    let mut tokens = Vec::new();
    for (machine, name) in [(&mine, "mine"), (&colleagues, "colleagues")] {
        let host = machine.add(&api, &api.ours).await;
        let detail = api.get(&format!("/api/v1/hosts/{host}"), viewer).await.json();
        tokens.push((detail["enrolled_with"].as_str().unwrap().to_owned(), name));
    }
    for (token, name) in &tokens {
        let path = format!("/api/v1/hosts?sort=enrolled&enrolment_token={token}");
        let names: Vec<_> = api
            .get(&path, viewer)
            .await
            .items()
            .iter()
            .map(|host| host["hostname"].clone())
            .collect();
        assert_eq!(names, [*name]);
        // Another company's token leads to none.
        assert_eq!(api.get(&path, &api.theirs.viewer).await.items().len(), 0);
    }
    let none = api.get("/api/v1/hosts?enrolment_token=mst1", viewer).await;
    assert!(none.status.is_client_error(), "{}", none.text);
}
