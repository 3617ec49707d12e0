//! The walk over every route that the document has: with nobody's, another company's and a lesser
//! role's requests. A new route is in it by being mounted.

mod isolation;
pub(super) mod things;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value;
use store::tenant::Role;
use uuid::Uuid;

use self::things::Things;
use super::harness::Api;
use crate::http::{document, v1};

/// One operation of the document.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) document: Value,
}

impl Operation {
    /// The least role that may use it; `None` where everybody who is let in may, or everybody.
    pub(super) fn role(&self) -> Option<Role> {
        self.document["x-muster-role"].as_str().and_then(Role::parse)
    }

    /// Whether it is for who is not let in yet.
    pub(super) fn is_open(&self) -> bool {
        self.document["security"].as_array().is_some_and(Vec::is_empty)
    }

    /// The path with the ids of a company, a host and a piece of software; objects of other kinds are ones that nobody
    /// has.
    pub(super) fn path_of(&self, company: Uuid, host: Uuid, software: Uuid) -> String {
        let ids = [("company", company), ("host", host), ("software", software)];
        let part = |part: &str| {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                return part.to_owned();
            };
            let known = ids.iter().find(|(kind, _)| *kind == name);
            match name {
                "cve" => "CVE-2024-0001".to_owned(),
                _ => known.map_or(Uuid::nil(), |(_, id)| *id).to_string(),
            }
        };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

/// Every operation of the document.
pub(super) fn operations() -> Vec<Operation> {
    let document = document::of(&v1::routes());
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                document: operation.clone(),
            });
        }
    }
    assert!(operations.len() > 40, "{} operations", operations.len());
    operations
}

/// Asks as somebody, with what every operation could want.
async fn ask(
    api: &Api,
    operation: &Operation,
    path: &str,
    key: Option<&str>,
) -> (StatusCode, Value) {
    let mut request = Request::builder()
        .method(operation.method.clone())
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::IF_MATCH, "*")
        .header("Muster-Csrf", "1");
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    let answer = api.answer(request.body(Body::from("{}")).unwrap()).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn no_route_answers_without_a_valid_key() {
    let api = Api::new().await;
    let theirs = Things::of(&api, &api.theirs).await;
    // A real id with a secret that differs in its last bits.
    let forged = format!("{}A", &api.ours.admin[..api.ours.admin.len() - 1]);
    for operation in operations().iter().filter(|operation| !operation.is_open()) {
        for key in [None, Some("nonsense"), Some(forged.as_str())] {
            let path = theirs.path_of(operation);
            let (status, problem) = ask(&api, operation, &path, key).await;
            let name = format!("{} {path} with {key:?}", operation.method);
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}");
            assert_eq!(problem["type"], "urn:muster:problem:unauthenticated", "{name}");
        }
    }
}

#[tokio::test]
async fn only_what_lets_people_in_is_open() {
    let open: Vec<_> = operations().into_iter().filter(Operation::is_open).collect();
    let paths: Vec<_> = open.iter().map(|operation| operation.path.as_str()).collect();
    let by_provider = ["/api/v1/oidc/callback", "/api/v1/oidc/start"];
    // From a mail program, with a pass that ends one digest.
    let by_mail = "/api/v1/digests/unsubscribe";
    assert_eq!(
        paths,
        [
            by_mail,
            by_mail,
            "/api/v1/invitations/accept",
            by_provider[0],
            by_provider[1],
            "/api/v1/sessions"
        ]
    );
}

#[tokio::test]
async fn a_role_does_no_more_than_it_may() {
    let api = Api::new().await;
    let theirs = Things::of(&api, &api.theirs).await;
    let ours = &api.ours;
    let keys =
        [(Role::Viewer, &ours.viewer), (Role::Analyst, &ours.analyst), (Role::Admin, &ours.admin)];
    for operation in operations() {
        let Some(least) = operation.role() else {
            continue;
        };
        let path = theirs.path_of(&operation);
        for (role, key) in keys {
            // Other answers may be anything but a refusal for the role: not found, mostly, as the
            // ids are another company's. So the role is looked at before the object.
            let (status, problem) = ask(&api, &operation, &path, Some(key)).await;
            let is_refused = problem["type"] == "urn:muster:problem:forbidden";
            let name = format!("{} {path} as {}: {status}", operation.method, role.as_str());
            assert_eq!(is_refused, role < least, "{name} {problem}");
        }
    }
}

#[tokio::test]
async fn no_route_lets_a_company_be_named_that_is_not_ones_own() {
    let api = Api::new().await;
    let theirs = Things::of(&api, &api.theirs).await;
    for operation in operations() {
        let takes_company = operation.document["parameters"].as_array().is_some_and(|all| {
            all.iter().any(|one| one["$ref"] == "#/components/parameters/Company")
        });
        if !takes_company {
            continue;
        }
        let path = theirs.path_of(&operation);
        let request = Request::builder()
            .method(operation.method.clone())
            .uri(&path)
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
            .header("Muster-Company", api.theirs.company.to_string())
            .body(Body::empty())
            .unwrap();
        let answer = api.answer(request).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{} {path}", operation.method);
    }
}

#[tokio::test]
async fn a_key_with_scopes_does_what_they_say_and_no_more() {
    let api = Api::new().await;
    let theirs = Things::of(&api, &api.theirs).await;
    let body = r#"{ "name": "narrow", "role": "admin", "scopes": ["inventory:read"] }"#;
    let admin = Some(api.ours.admin.as_str());
    let made = api.send(Method::POST, "/api/v1/api-keys", admin, Some(body)).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    for operation in operations() {
        let Some(permission) = operation.document["x-muster-permission"].as_str() else {
            continue;
        };
        let path = theirs.path_of(&operation);
        let (_, problem) = ask(&api, &operation, &path, Some(&key)).await;
        let is_refused = problem["type"] == "urn:muster:problem:forbidden";
        assert_eq!(is_refused, permission != "inventory:read", "{path}");
    }
}
