//! What the API answers of hosts, software, CVEs, findings, tokens and companies.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;
use store::api_keys::{self, PresentedKey};
use store::dead_letters::{self, NewDeadLetter};
use uuid::Uuid;

use super::harness::{Api, NOW};

#[tokio::test]
async fn a_host_shows_what_is_installed_and_what_is_vulnerable() {
    let api = Api::new().await;
    let (host, key) = (api.ours.host, &api.ours.viewer);
    let detail = api.get(&format!("/api/v1/hosts/{host}"), key).await.json();
    assert_eq!(detail["hostname"], "web-1");
    assert_eq!(detail["software"], 1);
    assert_eq!(detail["findings"]["open"], 1);
    assert_eq!(detail["delivery"]["applied"], "1.1");
    let software = api.get(&format!("/api/v1/hosts/{host}/software"), key).await.json();
    assert_eq!(software["items"][0]["name"], "nodejs");
    assert_eq!(software["items"][0]["matching"]["status"], "evaluated");
    assert_eq!(software["items"][0]["findings"]["open"], 1);
}

#[tokio::test]
async fn a_host_shows_what_came_onto_it() {
    let api = Api::new().await;
    let (host, key) = (api.ours.host, &api.ours.viewer);
    let path = format!("/api/v1/hosts/{host}/changes");
    let changes = api.get(&path, key).await.items();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["kind"], "installed");
    assert_eq!(changes[0]["software"]["name"], "nodejs");
    assert!(changes[0]["at"].is_string());
    api.get(&path, &api.theirs.viewer).await.refuses(404, "there is no such host");
    let token = format!("{path}?page_token=x");
    api.get(&token, key).await.refuses(422, "page_token");
}

#[tokio::test]
async fn hosts_and_findings_of_a_cve_are_found_in_whatever_case_its_id_is_written() {
    let api = Api::new().await;
    for list in ["hosts", "findings"] {
        let path = format!("/api/v1/{list}?cve=cve-2024-0001");
        let found = api.get(&path, &api.ours.viewer).await.json();
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{list}");
    }
}

#[tokio::test]
async fn a_finding_says_why_and_what_repairs_it() {
    let api = Api::new().await;
    let findings = api.get("/api/v1/findings", &api.ours.viewer).await.json();
    let finding = &findings["items"][0];
    assert_eq!(finding["cve"]["id"], "CVE-2024-0001");
    assert_eq!(finding["software"]["id"], api.ours.software.to_string());
    assert_eq!(finding["fixed_in"], "18.0.1");
    assert_eq!(finding["confidence"], "high");
    assert_eq!(finding["hosts"], 1);
    assert!(finding["why"].is_object());
}

#[tokio::test]
async fn the_numbers_of_the_summary_are_those_of_the_lists() {
    let api = Api::new().await;
    let summary = api.get("/api/v1/summary", &api.ours.viewer).await.json();
    assert_eq!(summary["hosts"], 1);
    assert_eq!(summary["installations"], 1);
    assert_eq!(summary["findings"]["open"], 1);
    let cves = api.get("/api/v1/cves", &api.ours.viewer).await.json();
    assert_eq!(cves["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_no_host_has_any_more_is_counted_apart_and_listed_where_it_is_asked_for() {
    let api = Api::new().await;
    let viewer = &api.ours.viewer;
    let found = async |path: &str| {
        let items = api.get(&format!("/api/v1/{path}"), viewer).await.items();
        let csv = path.replacen('?', "/export?", 1);
        let csv = api.get(&format!("/api/v1/{csv}"), viewer).await;
        assert_eq!(csv.text.trim_end().split("\r\n").count(), items.len() + 1, "{path}");
        items.len()
    };
    for (is_there, expected) in [(true, [1, 0, 1]), (false, [0, 1, 1])] {
        for list in ["findings", "cves"] {
            for (filter, expected) in
                ["on_hosts=true", "on_hosts=false", "limit=9"].iter().zip(expected)
            {
                // An export has no pages.
                if filter.starts_with("limit") {
                    let all = api.get(&format!("/api/v1/{list}?{filter}"), viewer).await;
                    assert_eq!(all.items().len(), expected, "{list}");
                } else {
                    assert_eq!(
                        found(&format!("{list}?{filter}")).await,
                        expected,
                        "{list} {filter}"
                    );
                }
            }
        }
        let summary = api.get("/api/v1/summary", viewer).await.json();
        let counted = (&summary["findings"]["open"], &summary["findings_gone"]);
        assert_eq!(counted, (&json!(expected[0]), &json!(expected[1])));
        if is_there {
            let path = format!("/api/v1/hosts/{}/revoke", api.ours.host);
            let gone = api.send(Method::POST, &path, Some(&api.ours.admin), None).await;
            assert!(gone.status.is_success(), "{}", gone.text);
        }
    }
}

#[tokio::test]
async fn findings_are_found_by_a_part_of_the_name_of_their_software_and_by_whether_there_is_a_fix()
{
    let api = Api::new().await;
    for (filter, expected) in [
        ("software_name=ODEJ", 1),
        ("software_name=python", 0),
        ("fix=known", 1),
        ("fix=unknown", 0),
        ("sort=kev", 1),
    ] {
        let items = api.get(&format!("/api/v1/findings?{filter}"), &api.ours.viewer).await.items();
        assert_eq!(items.len(), expected, "{filter}");
    }
    api.get("/api/v1/findings?fix=maybe", &api.ours.viewer).await.refuses(422, "fix");
}

#[tokio::test]
async fn a_token_is_shown_whole_once_and_never_again() {
    let api = Api::new().await;
    let body = json!({ "name": "servers", "labels": { "site": "north" }, "uses_max": 5 });
    let admin = Some(api.ours.admin.as_str());
    let path = "/api/v1/enrolment-tokens";
    let made = api.send(Method::POST, path, admin, Some(&body.to_string())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("mst1."));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for path in [path.to_owned(), format!("{path}/{id}")] {
        // Kept as a hash: there is nothing to show, even to an admin.
        assert!(!api.get(&path, &api.ours.admin).await.text.contains(&token));
    }
    let path = format!("{path}/{id}");
    // Deleting is asked again when the first answer got lost: what is gone already is no error.
    for _ in 0..2 {
        let gone = api.send(Method::DELETE, &path, admin, None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
    }
    assert!(api.get(&path, &api.ours.admin).await.json()["revoked_at"].is_string());
}

#[tokio::test]
async fn a_new_key_works_until_it_is_revoked() {
    let api = Api::new().await;
    let admin = Some(api.ours.admin.as_str());
    let body = r#"{ "name": "report", "role": "viewer" }"#;
    let made = api.send(Method::POST, "/api/v1/api-keys", admin, Some(body)).await.json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(api.get("/api/v1/hosts", key).await.status, StatusCode::OK);
    let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
    let gone = api.send(Method::DELETE, &path, admin, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get("/api/v1/hosts", key).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_that_was_revoked_elsewhere_is_refused_after_two_seconds() {
    let api = Api::new().await;
    let key = &api.ours.viewer;
    assert_eq!(api.get("/api/v1/hosts", key).await.status, StatusCode::OK);
    let id = key.parse::<PresentedKey>().unwrap().id();
    // Past this process' API, as another node or a command does it.
    assert!(api_keys::revoke(&api.ours.scope, id, NOW).await.unwrap());
    api.hand.advance(Duration::from_secs(2));
    assert_eq!(api.get("/api/v1/hosts", key).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_company_makes_an_operators_key() {
    let api = Api::new().await;
    let admin = Some(api.ours.admin.as_str());
    let body = r#"{ "name": "up", "role": "operator" }"#;
    let answer = api.send(Method::POST, "/api/v1/api-keys", admin, Some(body)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["errors"][0]["field"], "role");
}

#[tokio::test]
async fn a_scan_request_is_numbered_and_unknown_hosts_get_none() {
    let api = Api::new().await;
    let admin = Some(api.ours.admin.as_str());
    let path = format!("/api/v1/hosts/{}/scan", api.ours.host);
    for request in 1..=2 {
        let answer = api.send(Method::POST, &path, admin, None).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(answer.json()["request"], request);
    }
    let path = format!("/api/v1/hosts/{}/scan", Uuid::nil());
    let answer = api.send(Method::POST, &path, admin, None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn many_hosts_are_asked_for_a_scan_at_once_by_name_or_by_what_they_have() {
    let api = Api::new().await;
    let scan = async |key: &str, body: &str| {
        api.send(Method::POST, "/api/v1/hosts/scan", Some(key), Some(body)).await
    };
    let named = format!(r#"{{ "hosts": ["{}", "{}"] }}"#, api.ours.host, api.theirs.host);
    for (body, expected) in [
        (named.as_str(), 1),
        (r#"{ "filter": {} }"#, 1),
        (r#"{ "filter": { "query": "nowhere" } }"#, 0),
    ] {
        let answer = scan(&api.ours.analyst, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(answer.json()["hosts"], expected, "{body}");
    }
    for body in ["{}", r#"{ "hosts": [], "filter": {} }"#, r#"{ "filter": { "label": "none" } }"#] {
        let answer = scan(&api.ours.analyst, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text);
    }
    let refused = scan(&api.ours.viewer, r#"{ "filter": {} }"#).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // The request that follows has the next number: these were two.
    let path = format!("/api/v1/hosts/{}/scan", api.ours.host);
    let answer = api.send(Method::POST, &path, Some(&api.ours.admin), None).await;
    assert_eq!(answer.json()["request"], 3);
}

#[tokio::test]
async fn an_operator_makes_suspends_and_resumes_companies() {
    let api = Api::new().await;
    let operator = Some(api.operator.as_str());
    let body = Some(r#"{ "name": "Third" }"#);
    let made = api.send(Method::POST, "/api/v1/companies", operator, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let again = api.send(Method::POST, "/api/v1/companies", operator, body).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let path = format!("/api/v1/companies/{}", made.json()["id"].as_str().unwrap());
    let suspend = format!("{path}/suspend");
    let suspended = api.send(Method::POST, &suspend, operator, None).await.json();
    assert!(suspended["suspended_at"].is_string());
    let resume = format!("{path}/resume");
    let resumed = api.send(Method::POST, &resume, operator, None).await.json();
    assert!(resumed["suspended_at"].is_null());
}

#[tokio::test]
async fn a_dead_letter_says_why_and_can_be_made_up_for() {
    let api = Api::new().await;
    let letter = NewDeadLetter {
        id: Uuid::from_u128(99),
        agent: api.ours.host,
        position: protocol::ids::Position::new(1, 2),
        reason: "invalid_record".to_owned(),
        detail: "record 3: the name is empty".to_owned(),
        frame: protocol::frame::Frame {
            packing: protocol::frame::Packing::Plain,
            payload: vec![1, 2, 3],
        },
        received_at: NOW,
    };
    dead_letters::add(&api.ours.scope, &[letter], NOW).await.unwrap();
    let list = api.get("/api/v1/dead-letters", &api.ours.admin).await.json();
    assert_eq!(list["items"][0]["detail"], "record 3: the name is empty");
    // Another company's letters are nobody's to find.
    let many = "/api/v1/dead-letters/replay";
    let body = serde_json::json!({ "reason": "invalid_record" });
    let theirs = Some(api.theirs.admin.as_str());
    let nothing = api.send(Method::POST, many, theirs, Some(&body.to_string())).await;
    assert_eq!(
        (nothing.status, nothing.json()["letters"].as_u64()),
        (StatusCode::ACCEPTED, Some(0))
    );
    let body = serde_json::json!({ "reason": "invalid_record", "host": api.ours.host });
    let ours = Some(api.ours.admin.as_str());
    let all = api.send(Method::POST, many, ours, Some(&body.to_string())).await;
    let told = serde_json::json!({ "letters": 1, "hosts": 1, "has_more": false });
    assert_eq!(all.json(), told);
    let path = format!("/api/v1/dead-letters/{}/replay", Uuid::from_u128(99));
    let ours = Some(api.ours.admin.as_str());
    let answer = api.send(Method::POST, &path, ours, None).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    // Not "forbidden", which would say that it exists.
    let theirs = Some(api.theirs.admin.as_str());
    let answer = api.send(Method::POST, &path, theirs, None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
