//! Imports over the API: what is taken, what is refused and how, and who sees it.

use std::task::Poll;

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::harness::{Answer, Api};

fn document(components: &Value) -> String {
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": components }).to_string()
}

fn packages(names: &[&str]) -> Value {
    let package = |name: &&str| json!({ "name": name, "purl": format!("pkg:npm/{name}@1.0.0") });
    json!(names.iter().map(package).collect::<Vec<_>>())
}

async fn upload(api: &Api, query: &str, body: &str) -> Answer {
    let path = format!("/api/v1/imports?{query}");
    api.send(Method::POST, &path, Some(&api.ours.analyst), Some(body)).await
}

/// An upload with a header.
async fn raw(api: &Api, (name, value): (&str, &str), body: &str) -> Answer {
    let request = Request::post("/api/v1/imports?name=shop")
        .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.analyst))
        .header(name, value);
    api.answer(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn get(api: &Api, path: &str, key: &str) -> Answer {
    api.send(Method::GET, &format!("/api/v1{path}"), Some(key), None).await
}

#[tokio::test]
async fn a_document_is_taken_and_says_what_will_come_of_it() {
    let api = Api::new().await;
    let components = json!([
        { "name": "lodash", "purl": "pkg:npm/lodash@4.17.20" },
        { "name": "lodash", "purl": "pkg:npm/lodash@4.17.20" },
        { "name": "acme-core" },
    ]);
    let answer =
        upload(&api, "name=Web%20shop&labels=team=web,%20stage=test", &document(&components)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let import = answer.json();
    assert_eq!((&import["name"], &import["state"]), (&json!("Web shop"), &json!("queued")));
    assert_eq!((&import["components"], &import["software"]), (&json!(3), &json!(1)));
    assert_eq!(
        import["warnings"],
        json!([{ "kind": "no_package", "count": 1, "examples": ["acme-core"] }])
    );
    assert_eq!(import["sha256"].as_str().unwrap().len(), 64);
    let path = format!("/imports/{}", import["id"].as_str().unwrap());
    assert_eq!(get(&api, &path, &api.ours.viewer).await.json(), import);
    let host =
        get(&api, &format!("/hosts/{}", import["host"].as_str().unwrap()), &api.ours.viewer).await;
    let host = host.json();
    assert_eq!((&host["kind"], &host["hostname"]), (&json!("sbom"), &json!("Web shop")));
    assert_eq!(host["labels"], json!({ "team": "web", "stage": "test" }));
    assert_eq!((&host["facts"], &host["agent_outdated"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn what_is_wrong_with_a_document_is_said_with_its_place() {
    let api = Api::new().await;
    for (body, words) in [
        ("{\"a\":", "EOF while parsing"),
        ("{}", "neither CycloneDX"),
        ("<bom/>", "XML"),
        (
            "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.2\"}",
            "\"1.2\" is a version that is not read",
        ),
        ("{\"components\":[{},{\"name\":7}]}", "components[1].name: invalid type: integer `7`"),
    ] {
        upload(&api, "name=shop", body).await.blames("document", words);
    }
    // And nothing came of any of them.
    assert_eq!(get(&api, "/imports", &api.ours.viewer).await.items(), Vec::<Value>::new());
    assert_eq!(get(&api, "/hosts?kind=sbom", &api.ours.viewer).await.items(), Vec::<Value>::new());
}

#[tokio::test]
async fn names_and_labels_that_no_host_can_have_are_refused() {
    let api = Api::new().await;
    let body = document(&json!([]));
    for (query, field, words) in [
        ("name=%20", "name", "1 to 200 characters"),
        ("name=a%07b", "name", "none of control"),
        ("labels=team=web", "query", "missing field `name`"),
        ("name=shop&labels=team", "labels", "NAME=VALUE"),
        ("name=shop&kind=x", "query", "unknown field"),
    ] {
        upload(&api, query, &body).await.blames(field, words);
    }
    let long = "é".repeat(200);
    upload(&api, &format!("name={long}"), &body).await.blames("name", "256 bytes");
    let many: Vec<String> = (0..17).map(|n| format!("l{n}=x")).collect();
    upload(&api, &format!("name=shop&labels={}", many.join(",")), &body)
        .await
        .blames("labels", "16 labels");
}

#[tokio::test]
async fn a_document_may_be_larger_than_other_bodies_and_not_larger_than_is_set() {
    let api = Api::new().await;
    let filler = "x".repeat(2 << 20);
    let body = document(&json!([{ "name": "a", "purl": "pkg:npm/a@1", "description": filler }]));
    assert_eq!(upload(&api, "name=shop", &body).await.status, 202);
    let large = " ".repeat((32 << 20) + 1);
    upload(&api, "name=shop", &large).await.refuses(413, "at most 33554432 bytes");
}

#[tokio::test]
async fn packed_and_foreign_bodies_are_refused() {
    let api = Api::new().await;
    let body = document(&json!([]));
    let refused = raw(&api, ("content-encoding", "gzip"), &body);
    refused.await.refuses(415, "without Content-Encoding");
    let refused = raw(&api, ("content-type", "text/xml"), &body);
    refused.await.refuses(415, "application/vnd.cyclonedx+json");
    let kind = ("content-type", "application/vnd.cyclonedx+json; version=1.6");
    assert_eq!(raw(&api, kind, &body).await.status, 202);
}

#[tokio::test]
async fn imports_are_listed_and_cancelled_by_those_who_may() {
    let api = Api::new().await;
    let first = upload(&api, "name=one", &document(&packages(&["a"]))).await.json();
    let second = upload(&api, "name=two", &document(&packages(&["b"]))).await.json();
    let path = format!("/api/v1/imports/{}", first["id"].as_str().unwrap());
    let cancel = async |key: &str| api.send(Method::DELETE, &path, Some(key), None).await;
    assert_eq!(cancel(&api.ours.viewer).await.status, 403);
    assert_eq!(cancel(&api.theirs.admin).await.status, 404);
    assert_eq!(cancel(&api.ours.analyst).await.status, 204);
    cancel(&api.ours.analyst).await.refuses(409, "the import is over");
    let of = async |query: &str| {
        let found = get(&api, &format!("/imports{query}"), &api.ours.viewer).await.items();
        found.into_iter().map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    // Two of one instant come in either order.
    assert_eq!(of("").await.len(), 2);
    assert_eq!(of("?state=cancelled").await, [first["id"].clone()]);
    assert_eq!(
        of(&format!("?host={}", second["host"].as_str().unwrap())).await,
        [second["id"].clone()]
    );
    get(&api, "/imports?state=lost", &api.ours.viewer).await.blames("state", "one of queued");
    // By a word that stays, and by what that is called now; texts that stay name nobody.
    let one = api.get(&path, &api.ours.viewer).await.json();
    let listed = get(&api, "/imports?state=cancelled", &api.ours.viewer).await.items();
    for shown in [&first, &one, &listed[0]] {
        assert!(shown["created_by"].as_str().unwrap().starts_with("api_key:"), "{shown}");
        assert_eq!(shown["created_by_name"], "test", "{shown}");
    }
    assert_eq!(one["error"], "cancelled by an API key");
    assert_eq!(get(&api, "/imports", &api.theirs.viewer).await.items(), Vec::<Value>::new());
}

#[tokio::test]
async fn an_asset_has_nobody_to_scan_it_and_goes_when_it_is_let_go() {
    let api = Api::new().await;
    let import = upload(&api, "name=shop", &document(&packages(&["a"]))).await.json();
    let host = import["host"].as_str().unwrap();
    let act = async |what: &str| {
        let path = format!("/api/v1/hosts/{host}/{what}");
        api.send(Method::POST, &path, Some(&api.ours.admin), None).await
    };
    act("scan").await.refuses(409, "no agent");
    assert_eq!(act("revoke").await.status, 204);
    let path = format!("/imports/{}", import["id"].as_str().unwrap());
    let cancelled = get(&api, &path, &api.ours.viewer).await.json();
    assert_eq!(cancelled["state"], "cancelled");
    // Its name is free again.
    let next = upload(&api, "name=shop", &document(&packages(&["a"]))).await.json();
    assert_ne!(next["host"], import["host"]);
}

#[tokio::test]
async fn a_stream_of_an_import_says_how_it_stands_and_ends_when_it_is_over() {
    let api = Api::streaming().await;
    let import = upload(&api, "name=shop", &document(&packages(&["a"]))).await.json();
    let path = format!("/imports/{}", import["id"].as_str().unwrap());
    let whole = format!("/api/v1{path}");
    let cancelled = api.send(Method::DELETE, &whole, Some(&api.ours.analyst), None).await;
    assert_eq!(cancelled.status, 204);
    // An answer has an end, or this would wait for ever.
    let stream = get(&api, &format!("{path}/events"), &api.ours.viewer).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.text.matches("event: import").count(), 1, "{}", stream.text);
    assert!(stream.text.contains("\"state\":\"cancelled\""), "{}", stream.text);
    assert_eq!(get(&api, &format!("{path}/events"), &api.theirs.viewer).await.status, 404);
}

#[tokio::test]
async fn a_stream_of_an_import_follows_it() {
    let api = Api::streaming().await;
    let import = upload(&api, "name=shop", &document(&packages(&["a"]))).await.json();
    let id: uuid::Uuid = import["id"].as_str().unwrap().parse().unwrap();
    let path = format!("/imports/{id}/events");
    let streaming = get(&api, &path, &api.ours.viewer);
    let working = async {
        let (scope, now) = (&api.ours.scope, super::harness::NOW);
        store::imports::begin(scope, id, 1, now).await.unwrap().unwrap();
        assert!(store::imports::progress(scope, id, 1, 0).await.unwrap());
        assert!(store::imports::finish(scope, id, None, now).await.unwrap());
    };
    let (stream, ()) = tokio::join!(streaming, working);
    let last = stream.text.rsplit("data: ").next().unwrap();
    let last: Value = serde_json::from_str(last.trim()).unwrap();
    assert_eq!((&last["state"], &last["judged"]), (&json!("done"), &json!(1)));
}

#[tokio::test]
async fn a_document_comes_once_with_an_idempotency_key() {
    let api = Api::new().await;
    let body: Value = serde_json::from_str(&document(&packages(&["a"]))).unwrap();
    let again = [("idempotency-key", "once")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer =
            api.write((Method::POST, "/imports?name=shop"), &api.ours.analyst, &again, &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        ids.push(answer.json()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn operators_see_the_job_of_an_import_and_nobody_else_does() {
    let api = Api::new().await;
    let import = upload(&api, "name=shop", &document(&packages(&["a"]))).await.json();
    let jobs = get(&api, "/operator/jobs?kind=import&state=queued", &api.operator).await.items();
    assert_eq!(jobs.len(), 1);
    assert_eq!((&jobs[0]["tick"], &jobs[0]["attempts"]), (&import["id"], &json!(0)));
    assert_eq!(get(&api, "/operator/jobs", &api.ours.admin).await.status, 403);
    get(&api, "/operator/jobs?state=lost", &api.operator).await.blames("state", "one of queued");
}

#[tokio::test]
async fn who_sends_nothing_of_a_document_keeps_no_other_company_waiting() {
    let api = Api::new().await;
    let (asked, is_asked) = tokio::sync::oneshot::channel();
    let mut asked = Some(asked);
    // A document of which nothing comes; that it is asked for says that its place is taken.
    let nothing = futures_util::stream::poll_fn(move |_| {
        if let Some(asked) = asked.take() {
            asked.send(()).unwrap();
        }
        Poll::<Option<std::io::Result<Vec<u8>>>>::Pending
    });
    let stalled = Request::post("/api/v1/imports?name=shop")
        .header(header::AUTHORIZATION, format!("Bearer {}", api.theirs.analyst))
        .body(Body::from_stream(nothing))
        .unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    let router = api.router.clone();
    waiting.spawn(async move { router.oneshot(stalled).await });
    is_asked.await.unwrap();
    let body = document(&packages(&["lodash"]));
    let theirs = async |name: &str| {
        let path = format!("/api/v1/imports?name={name}");
        api.send(Method::POST, &path, Some(&api.theirs.analyst), Some(&body)).await
    };
    // Theirs alone is told to come later.
    assert_eq!(theirs("soon").await.status, 503);
    assert_eq!(upload(&api, "name=shop", &body).await.status, 202);
    waiting.abort_all();
    while waiting.join_next().await.is_some() {}
    let again = theirs("later").await;
    assert_eq!(again.status, 202, "{}", again.text);
}
