//! Requests that are asked again under the same word: done once, answered twice, and nobody else's.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api, REQUESTS_MAX};

async fn ask(api: &Api, way: (Method, &str), word: &str, body: &Value) -> Answer {
    let headers = [("idempotency-key", word), ("if-match", "*")];
    api.write(way, &api.ours.admin, &headers, body).await
}

/// How many labels there are of a name.
async fn labels(api: &Api, name: &str) -> usize {
    let list = api.get("/api/v1/labels", &api.ours.viewer).await;
    list.items().iter().filter(|one| one["name"] == name).count()
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.contains_key("idempotency-replayed")
}

#[tokio::test]
async fn every_way_of_writing_is_answered_again_as_it_was() {
    let api = Api::new().await;
    let made = ask(&api, (Method::POST, "/labels"), "make", &json!({ "name": "a" })).await;
    let path = format!("/labels/{}", made.json()["id"].as_str().unwrap());
    let assign = format!("{path}/hosts");
    let give = json!({ "carries": true, "hosts": [api.ours.host] });
    let none = json!({});
    for (word, way, body) in [
        ("make", (Method::POST, "/labels"), json!({ "name": "a" })),
        ("change", (Method::PUT, path.as_str()), json!({ "name": "b" })),
        ("give", (Method::POST, assign.as_str()), give),
        ("delete", (Method::DELETE, path.as_str()), none),
    ] {
        let first = ask(&api, way.clone(), word, &body).await;
        assert_eq!(is_replayed(&first), word == "make", "{word}");
        let again = ask(&api, way, word, &body).await;
        assert!(is_replayed(&again), "{word}: {}", again.text);
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{word}");
        for name in [header::ETAG, header::CONTENT_TYPE] {
            assert_eq!(again.headers.get(&name), first.headers.get(&name), "{word} {name}");
        }
        // What is of the one request and not of its answer is its own.
        assert_ne!(again.headers["muster-request-id"], first.headers["muster-request-id"]);
    }
    // Each was done once: a second change would have been another revision, and in the log.
    let log = api.get("/api/v1/audit?action=label", &api.ours.admin).await;
    assert_eq!(log.items().len(), 4);
}

#[tokio::test]
async fn a_word_is_for_one_request_to_the_letter() {
    let api = Api::new().await;
    let body = json!({ "name": "a" });
    let first = ask(&api, (Method::POST, "/labels"), "w", &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let path = format!("/labels/{}", first.json()["id"].as_str().unwrap());
    for (way, body) in [
        ((Method::POST, "/labels"), json!({ "name": "b" })),
        ((Method::POST, "/labels"), json!({ "name": "a", "description": "" })),
        ((Method::POST, "/labels?x=1"), body.clone()),
        ((Method::POST, "/policies"), body.clone()),
        ((Method::PUT, path.as_str()), body.clone()),
        ((Method::DELETE, path.as_str()), body.clone()),
    ] {
        let other = ask(&api, way.clone(), "w", &body).await;
        other.refuses(422, "make a new one for each");
        assert_eq!(other.json()["type"], "urn:muster:problem:key-reused", "{way:?}");
        assert!(!is_replayed(&other));
    }
    assert_eq!((labels(&api, "a").await, labels(&api, "b").await), (1, 0));
}

#[tokio::test]
async fn an_operators_word_is_for_the_company_that_they_name() {
    let api = Api::new().await;
    let body = json!({ "name": "a" });
    let in_company = async |company: String| {
        let headers = [("idempotency-key", "w"), ("muster-company", company.as_str())];
        api.write((Method::POST, "/labels"), &api.operator, &headers, &body).await
    };
    let ours = in_company(api.ours.company.to_string()).await;
    assert_eq!(ours.status, StatusCode::CREATED, "{}", ours.text);
    // The answer of one company is never another's, not even to who may see both.
    let theirs = in_company(api.theirs.company.to_string()).await;
    theirs.refuses(422, "was used for another request");
    assert!(is_replayed(&in_company(api.ours.company.to_string()).await));
}

#[tokio::test]
async fn a_word_is_1_to_200_characters_that_can_be_seen() {
    let api = Api::new().await;
    let body = json!({ "name": "a" });
    let longest = "w".repeat(200);
    let first = ask(&api, (Method::POST, "/labels"), &longest, &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    for word in ["", &format!("{longest}w")] {
        let other = json!({ "name": "b" });
        ask(&api, (Method::POST, "/labels"), word, &other)
            .await
            .blames("Idempotency-Key", "1 to 200 printable ASCII characters");
    }
    assert_eq!(labels(&api, "b").await, 0);
}

#[tokio::test]
async fn what_only_reads_is_read_anew_whatever_word_it_has() {
    let api = Api::new().await;
    let read = async || {
        let headers = [("idempotency-key", "w")];
        let get = (Method::GET, "/labels");
        api.write(get, &api.ours.viewer, &headers, &json!({})).await
    };
    assert_eq!(read().await.items().len(), 0);
    ask(&api, (Method::POST, "/labels"), "x", &json!({ "name": "a" })).await;
    let second = read().await;
    assert_eq!(second.items().len(), 1);
    assert!(!is_replayed(&second));
}

#[tokio::test]
async fn a_refusal_is_not_kept_and_what_was_refused_can_be_asked_when_it_may_be_done() {
    let api = Api::new().await;
    let body = json!({ "name": "a" });
    let taken = ask(&api, (Method::POST, "/labels"), "first", &body).await;
    let path = format!("/labels/{}", taken.json()["id"].as_str().unwrap());
    for _ in 0..2 {
        let refused = ask(&api, (Method::POST, "/labels"), "second", &body).await;
        refused.refuses(409, "there is a label with this name");
        assert!(!is_replayed(&refused));
    }
    ask(&api, (Method::DELETE, &path), "third", &json!({})).await;
    let made = ask(&api, (Method::POST, "/labels"), "second", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert!(!is_replayed(&made));
}

#[tokio::test]
async fn whoever_is_not_let_in_any_more_gets_no_answer_of_before() {
    let api = Api::new().await;
    let key = json!({ "name": "x", "role": "admin" });
    let key = api.write((Method::POST, "/api-keys"), &api.ours.admin, &[], &key).await.json();
    let secret = key["key"].as_str().unwrap();
    let headers = [("idempotency-key", "w")];
    let make = async |secret: &str| {
        let body = json!({ "name": "made", "role": "viewer" });
        api.write((Method::POST, "/api-keys"), secret, &headers, &body).await
    };
    let first = make(secret).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let path = format!("/api-keys/{}", key["id"].as_str().unwrap());
    let gone = api.write((Method::DELETE, &path), &api.ours.admin, &[], &json!({})).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    let refused = make(secret).await;
    refused.refuses(401, "send a valid API key");
    // The same word of another key is another word.
    let other = make(&api.ours.admin).await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.text);
    assert!(!is_replayed(&other));
    assert_ne!(other.json()["key"], first.json()["key"]);
}

#[tokio::test]
async fn a_body_that_is_too_large_to_be_asked_again_is_refused_with_its_bound() {
    let api = Api::new().await;
    let body = json!({ "name": "a", "description": "x".repeat(1 << 20) });
    let request = Request::post("/api/v1/labels")
        .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", "w")
        .body(Body::from(body.to_string()))
        .unwrap();
    let refused = api.answer(request).await;
    refused.refuses(413, "has at most 1048576 bytes");
    let small = ask(&api, (Method::POST, "/labels"), "w", &json!({ "name": "a" })).await;
    assert_eq!(small.status, StatusCode::CREATED, "the word was not spent: {}", small.text);
}

#[tokio::test]
async fn who_hangs_up_and_asks_again_has_it_done_once() {
    let api = Api::new().await;
    let body = json!({ "name": "a" });
    let hangs_up = async {
        while api.database.number("SELECT count(*) FROM idempotent_requests").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = hangs_up => {}
        _ = ask(&api, (Method::POST, "/labels"), "w", &body) => {}
    }
    let again = loop {
        let again = ask(&api, (Method::POST, "/labels"), "w", &body).await;
        if is_replayed(&again) {
            break again;
        }
        assert_eq!(again.json()["type"], "urn:muster:problem:running", "{}", again.text);
        tokio::task::yield_now().await;
    };
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text);
    assert_eq!(labels(&api, "a").await, 1);
    let log = api.get("/api/v1/audit?action=label", &api.ours.admin).await;
    assert_eq!(log.items().len(), 1);
}

#[tokio::test]
async fn who_hangs_up_leaves_no_more_at_work_than_may_be_answered_at_once() {
    let api = Api::new().await;
    let locked = api.database.lock("labels").await;
    let asking = async |number: u32| {
        let body = json!({ "name": format!("{number}") });
        ask(&api, (Method::POST, "/labels"), &format!("{number}"), &body).await;
    };
    for number in 1..=REQUESTS_MAX {
        let begun = format!("SELECT count(*) = {number} FROM idempotent_requests");
        let begun = format!("SELECT ({begun})::int");
        let hangs_up = async {
            while api.database.number(&begun).await == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = hangs_up => {}
            () = asking(number) => panic!("the labels are locked"),
        }
    }
    let one_more = api.get("/api/v1/me", &api.ours.admin);
    let one_more = tokio::time::timeout(Duration::from_millis(300), one_more).await;
    assert!(one_more.is_err(), "all turns are taken by what goes on");
    drop(locked);
    let me = api.get("/api/v1/me", &api.ours.admin).await;
    assert_eq!(me.status, StatusCode::OK, "{}", me.text);
}
