//! The walk of somebody who has all rights in one company over what is another's: of every kind, by every route, with
//! requests that the other company itself is served with.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::super::harness::{Answer, Api};
use super::super::people::Browser;
use super::things::{Things, admitted, names_of};
use super::{Operation, operations};

/// Whether it is done in a company, with a permission there.
fn is_of_company(operation: &Operation) -> bool {
    operation.document["x-muster-permission"].is_string()
        && operation.document["x-muster-operators"] != true
}

fn of_version_1(path: &str) -> &str {
    path.strip_prefix("/api/v1").unwrap()
}

async fn ask_with_key(api: &Api, method: &Method, path: &str, body: Option<&Value>) -> Answer {
    let body = body.cloned().unwrap_or_default();
    let way = (method.clone(), of_version_1(path));
    api.write(way, &api.ours.admin, &[("if-match", "*")], &body).await
}

async fn ask_as_person(
    api: &Api,
    person: &mut Browser,
    method: &Method,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let request = (method.clone(), of_version_1(path), body.cloned());
    person.send_with(api, request, &[("muster-csrf", "1"), ("if-match", "*")]).await
}

/// The rows that are in one of two states of a company and not in the other.
fn differences<'a>(before: &'a [String], after: &'a [String]) -> Vec<&'a String> {
    let only = |these: &'a [String], those: &'a [String]| {
        these.iter().filter(|row| !those.contains(row)).collect::<Vec<_>>()
    };
    [only(before, after), only(after, before)].concat()
}

#[tokio::test]
async fn a_company_is_served_with_every_body_that_the_walk_sends() {
    let api = Api::new().await;
    let things = Things::of(&api, &api.ours).await;
    let mut person = admitted(&api, &[(&api.ours, "admin")], "ann@example.org").await;
    for operation in operations().iter().filter(|operation| is_of_company(operation)) {
        // No provider is where this one is said to be.
        if operation.document["operationId"] == "put_oidc" {
            continue;
        }
        let Some(body) = things.body_of(operation) else { continue };
        let path = things.path_of(operation);
        let answer = ask_as_person(&api, &mut person, &operation.method, &path, Some(&body)).await;
        assert!(answer.status.is_success(), "{} {path}: {}", operation.method, answer.text);
    }
}

#[tokio::test]
async fn whatever_is_another_companys_is_not_found_and_stays_as_it_was() {
    let api = Api::new().await;
    let theirs = Things::of(&api, &api.theirs).await;
    let mut person = admitted(&api, &[(&api.ours, "admin")], "ann@example.org").await;
    let before = api.database.rows_of(api.theirs.company.0).await;
    assert!(before.iter().any(|row| row.starts_with("webhooks ")), "{before:?}");
    for operation in operations() {
        if names_of(&operation.path).is_empty() {
            continue;
        }
        let (path, body) = (theirs.path_of(&operation), theirs.body_of(&operation));
        let method = &operation.method;
        let by_person = ask_as_person(&api, &mut person, method, &path, body.as_ref()).await;
        let by_key = ask_with_key(&api, method, &path, body.as_ref()).await;
        let (of_person, of_key) = if operation.document["x-muster-operators"] == true {
            (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN)
        } else if is_of_company(&operation) {
            (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
        } else {
            // What is a person's own is no key's, whoever's it is.
            (StatusCode::NOT_FOUND, StatusCode::FORBIDDEN)
        };
        assert_eq!(by_person.status, of_person, "{method} {path}: {}", by_person.text);
        assert_eq!(by_key.status, of_key, "{method} {path}: {}", by_key.text);
    }
    let after = api.database.rows_of(api.theirs.company.0).await;
    assert_eq!(differences(&before, &after), [""; 0]);
}

#[tokio::test]
async fn whatever_is_another_companys_is_not_found_below_ones_own() {
    let api = Api::new().await;
    let theirs = Things::of(&api, &api.theirs).await;
    let ours = Things::of(&api, &api.ours).await;
    let mut seen = 0;
    for operation in operations() {
        let names = names_of(&operation.path);
        let Some(last) = names.last().filter(|_| names.len() > 1) else { continue };
        seen += 1;
        let path = operation.path.replace(&format!("{{{last}}}"), theirs.id(last));
        let path = ours.fill(&path);
        let body = theirs.body_of(&operation);
        let answer = ask_with_key(&api, &operation.method, &path, body.as_ref()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{} {path}", operation.method);
    }
    assert!(seen > 0, "a message of a webhook is below it");
}

#[tokio::test]
async fn a_body_that_names_what_is_another_companys_changes_nothing_there() {
    let api = Api::new().await;
    let theirs = Things::of(&api, &api.theirs).await;
    let ours = Things::of(&api, &api.ours).await;
    let mut person = admitted(&api, &[(&api.ours, "admin")], "ann@example.org").await;
    let before = api.database.rows_of(api.theirs.company.0).await;
    for operation in operations().iter().filter(|operation| is_of_company(operation)) {
        let Some(body) = theirs.body_of(operation) else { continue };
        let path = ours.path_of(operation);
        let method = &operation.method;
        for answer in [
            ask_with_key(&api, method, &path, Some(&body)).await,
            ask_as_person(&api, &mut person, method, &path, Some(&body)).await,
        ] {
            assert!(!answer.status.is_server_error(), "{method} {path}: {}", answer.text);
        }
    }
    let after = api.database.rows_of(api.theirs.company.0).await;
    assert_eq!(differences(&before, &after), [""; 0]);
}
