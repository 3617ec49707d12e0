//! Every list has an export, and an export is its list: its rows, its filter, its order and its refusals.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use futures_util::StreamExt as _;
use protocol::host::Platform;
use protocol::ids::Position;
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use serde_json::{Value, json};
use store::reports::{self, IncomingReport};

use super::harness::{Api, NOW, Tenant, evaluation};
use super::walk::{Operation, operations};
use crate::http::{document, v1};

/// Answers with items that are no lists of objects: a series of numbers, which the charts are drawn from.
const NO_LISTS: [&str; 2] = ["/api/v1/cves/{cve}/history", "/api/v1/statistics"];

/// Every operation that answers with a list.
fn lists() -> Vec<Operation> {
    let document = document::of(&v1::routes());
    let is_list = |operation: &Operation| {
        let answer = &operation.document["responses"]["200"]["content"]["application/json"];
        let reference = answer["schema"]["$ref"].as_str().unwrap_or("#");
        let schema = document.pointer(&reference[1..]).unwrap_or(&Value::Null);
        operation.method == Method::GET && schema["properties"].get("items").is_some()
    };
    let lists: Vec<Operation> = operations().into_iter().filter(is_list).collect();
    assert!(lists.len() > 30, "{} lists", lists.len());
    lists.into_iter().filter(|list| !NO_LISTS.contains(&list.path.as_str())).collect()
}

fn key<'a>(api: &'a Api, list: &Operation) -> &'a str {
    if list.document["x-muster-operators"] == true { &api.operator } else { &api.ours.admin }
}

fn ours(api: &Api, list: &Operation) -> String {
    list.path_of(api.ours.company.0, api.ours.host.0, api.ours.software)
}

/// The rows of comma-separated values (RFC 4180).
fn rows(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut is_quoted, mut signs) = (false, csv.chars().peekable());
    while let Some(sign) = signs.next() {
        match sign {
            '"' if is_quoted && signs.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {
                assert_eq!(signs.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(row.is_empty() && cell.is_empty(), "the last line has its end: {csv}");
    rows
}

fn lines(ndjson: &str) -> Vec<Value> {
    ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Software of some names on the company's host.
async fn install(tenant: &Tenant, names: &[String]) {
    let platform =
        Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() };
    for (number, names) in (2..).zip(names.chunks(100)) {
        let record = |name: &String| SoftwareRecord::new(Source::Deb, name.as_str(), "1.2.3-4");
        let report = Report {
            position: Position::new(1, number),
            made_at_ms: 0,
            platform: platform.clone(),
            facts: None,
            sources: Vec::new(),
            digest: None,
            body: ReportBody::Delta {
                upserts: names.iter().map(record).collect(),
                removes: Vec::new(),
            },
        };
        let keys = report.validate().unwrap();
        let incoming = IncomingReport { agent: tenant.host, keys, report, received_at: NOW };
        let judge = |_: &_, _: &_, _| {
            let mut judged = evaluation();
            judged.findings.clear();
            judged
        };
        reports::apply(&tenant.scope, &[incoming], &judge, 1, NOW).await.unwrap();
    }
}

/// Twelve hundred titles, and others.
async fn install_many(tenant: &Tenant) {
    let tools = (0..1_200).map(|number| format!("tool-{number:04}"));
    install(tenant, &tools.chain(["other".to_owned()]).collect::<Vec<_>>()).await;
}

#[test]
fn every_list_has_an_export_that_says_what_it_takes_and_gives() {
    let all = operations();
    for list in lists() {
        let path = format!("{}/export", list.path);
        let export = all.iter().find(|one| one.method == Method::GET && one.path == path);
        let export = &export.unwrap_or_else(|| panic!("{path} is missing")).document;
        let content = &export["responses"]["200"]["content"];
        for media in ["text/csv", "application/x-ndjson"] {
            assert_eq!(content[media]["schema"]["type"], "string", "{path}");
        }
        let names = |document: &Value| -> Vec<String> {
            let all = document["parameters"].as_array().cloned().unwrap_or_default();
            let all = all.iter().filter(|one| one["in"] == "query");
            let of_pages = ["limit", "page_token", "format"];
            let names = all.map(|one| one["name"].as_str().unwrap().to_owned());
            names.filter(|name| !of_pages.contains(&name.as_str())).collect()
        };
        assert_eq!(names(export), names(&list.document), "{path}");
        assert!(export["parameters"].to_string().contains(r#""name":"format""#), "{path}");
    }
}

#[tokio::test]
async fn every_export_has_the_rows_of_its_list_and_refuses_what_the_list_refuses() {
    let api = Api::new().await;
    install(&api.ours, &["a, \"b\"".to_owned(), "=1+1".to_owned()]).await;
    let label = json!({ "name": "=cmd()", "description": "@SUM(A1), \"so\"" });
    api.write((Method::POST, "/labels"), &api.ours.admin, &[], &label).await;
    let mut shown = 0;
    for list in lists() {
        let (path, key) = (ours(&api, &list), key(&api, &list));
        let page = api.get(&path, key).await;
        let ndjson = api.get(&format!("{path}/export?format=ndjson"), key).await;
        let csv = api.get(&format!("{path}/export?format=csv"), key).await;
        assert_eq!((ndjson.status, csv.status), (page.status, page.status), "{path}");
        if page.status != StatusCode::OK {
            assert_eq!(csv.json()["type"], page.json()["type"], "{path}");
            continue;
        }
        let mut items = page.items();
        shown += items.len();
        // Read by its own requests, the key that asks was used again.
        let mut exported = lines(&ndjson.text);
        for item in items.iter_mut().chain(&mut exported) {
            item.as_object_mut().unwrap().remove("last_used_at");
        }
        assert_eq!(exported, items, "{path}");
        let rows = rows(&csv.text);
        let mut names = rows[0].clone();
        assert_eq!(rows.len(), items.len() + 1, "{path}: {}", csv.text);
        assert!(rows.iter().all(|row| row.len() == names.len()), "{path}: {}", csv.text);
        assert!(names.iter().all(|name| !name.is_empty()), "{path}: {names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows[0].len(), "{path} has a column twice: {:?}", rows[0]);
    }
    assert!(shown > 20, "{shown} rows");
}

#[tokio::test]
async fn an_export_has_all_pages_of_its_filter_in_the_order_of_the_list() {
    let api = Api::new().await;
    install_many(&api.ours).await;
    let (path, key) = ("/api/v1/software/titles", &api.ours.viewer);
    let (mut token, mut items) = (String::new(), Vec::new());
    loop {
        let query = format!("query=tool&source=deb&limit=500&page_token={token}");
        let page = api.get(&format!("{path}?{query}"), key).await;
        items.extend(page.items());
        match page.json()["next_page_token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(items.len(), 1_200);
    let ndjson = api.get(&format!("{path}/export?query=tool&format=ndjson&source=deb"), key).await;
    assert_eq!(lines(&ndjson.text), items);
    assert!(ndjson.headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains(".ndjson"));
    let csv = api.get(&format!("{path}/export?query=tool&source=deb"), key).await;
    let rows = rows(&csv.text);
    assert_eq!(rows[0][..4], ["name", "source", "vendor", "versions"]);
    let names: Vec<&str> = rows[1..].iter().map(|row| row[0].as_str()).collect();
    let expected: Vec<&str> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, expected);
    let changes = format!("/api/v1/hosts/{}/changes/export?format=ndjson", api.ours.host);
    assert_eq!(lines(&api.get(&changes, key).await.text).len(), 1_202);
}

#[tokio::test]
async fn what_anybody_wrote_is_quoted_and_no_formula_in_an_export() {
    let api = Api::new().await;
    install(&api.ours, &["=cmd|' /C calc'!A0".to_owned()]).await;
    let label = json!({ "name": "+1", "description": "say \"so\",\nand -1" });
    let made = api.write((Method::POST, "/labels"), &api.ours.admin, &[], &label).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let titles = api.get("/api/v1/software/titles/export", &api.ours.viewer).await.text;
    assert!(titles.contains("\r\n\"'=cmd|' /C calc'!A0\",deb,"), "{titles}");
    let labels = api.get("/api/v1/labels/export", &api.ours.viewer).await.text;
    assert!(labels.contains(",\"'+1\",\"say \"\"so\"\",\nand -1\","), "{labels}");
}

#[tokio::test]
async fn no_export_has_a_secret() {
    let api = Api::new().await;
    let new = json!({ "name": "chat", "url": "https://hooks.example/T0/secret", "kinds": ["finding.opened"] });
    let made = api.write((Method::POST, "/webhooks"), &api.ours.admin, &[], &new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    for list in lists() {
        let path = ours(&api, &list);
        for format in ["csv", "ndjson"] {
            let path = format!("{path}/export?format={format}");
            let export = api.get(&path, key(&api, &list)).await;
            for secret in ["msk_", "mst1.", "msi_", "hooks.example/T0"] {
                // The audit log shows to admins what a webhook was made with, in the list as well.
                let is_log = path.contains("audit") && secret.starts_with("hooks");
                assert!(is_log || !export.text.contains(secret), "{path}: {}", export.text);
            }
            if format == "csv" && export.status == StatusCode::OK {
                let names = rows(&export.text).remove(0);
                assert!(!names.iter().any(|name| ["key", "token", "url"].contains(&name.as_str())));
            }
        }
    }
}

#[tokio::test]
async fn an_export_shows_and_allows_what_its_list_does() {
    let api = Api::new().await;
    let theirs = [api.theirs.host.to_string(), "Theirs".to_owned(), "18.0.20-".to_owned()];
    for list in lists() {
        let path = ours(&api, &list);
        for key in [&api.ours.viewer, &api.ours.admin] {
            let (page, export) =
                (api.get(&path, key).await, api.get(&format!("{path}/export"), key).await);
            assert_eq!(export.status, page.status, "{path}");
            for part in &theirs {
                assert!(!export.text.contains(part), "{path} shows {part}: {}", export.text);
            }
        }
        let unknown = api.get(&format!("{path}?color=red"), key(&api, &list)).await;
        let export = api.get(&format!("{path}/export?color=red"), key(&api, &list)).await;
        assert_eq!(export.status, unknown.status, "{path}");
    }
}

#[tokio::test]
async fn an_export_is_asked_for_whole_and_in_a_format_that_there_is() {
    let api = Api::new().await;
    for wrong in [
        "labels/export?limit=5",
        "labels/export?page_token=x",
        // However it is spelled.
        "labels/export?%6cimit=5",
        "labels/export?page%5Ftoken=x",
        "labels/export?format=xlsx",
        "labels/export?format=csv&format=ndjson",
        "imports/export?state=nowhere",
        "operator/jobs/export?state=nowhere",
    ] {
        let answer = api.get(&format!("/api/v1/{wrong}"), &api.operator).await;
        let in_company = api.get_in(&format!("/api/v1/{wrong}"), api.ours.company).await;
        let status = if wrong.starts_with("operator") { answer.status } else { in_company.status };
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", in_company.text);
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_its_export() {
    let api = Api::new().await;
    install_many(&api.ours).await;
    let begin = || {
        let request = Request::get("/api/v1/software/titles/export?format=ndjson")
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.viewer))
            .body(Body::empty())
            .unwrap();
        api.begin(request)
    };
    let mut reading = Vec::new();
    for _ in 0..2 {
        let mut body = begin().await.into_body().into_data_stream();
        body.next().await.unwrap().unwrap();
        reading.push(body);
    }
    let refused = begin().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    drop(reading);
    for _ in 0..200 {
        let answer = begin().await;
        if answer.status() == StatusCode::OK {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the places are not free again");
}
