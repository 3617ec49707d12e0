//! Who gets an answer: every route with no key, a wrong key, too small a role, and another
//! company's objects.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use uuid::Uuid;

use super::harness::Api;

/// Who a route is for.
#[derive(Clone, Copy, PartialEq)]
enum For {
    Viewer,
    Analyst,
    Admin,
    Operator,
    /// Anyone with a key, whatever the company.
    Anyone,
}

/// Every route of the API, with `{}` for the id of an object of the asking company.
const ROUTES: &[(&str, &str, For)] = &[
    ("GET", "/api-keys", For::Admin),
    ("POST", "/api-keys", For::Admin),
    ("DELETE", "/api-keys/{none}", For::Admin),
    ("GET", "/companies", For::Operator),
    ("POST", "/companies", For::Operator),
    ("GET", "/companies/{company}", For::Operator),
    ("POST", "/companies/{company}/suspend", For::Operator),
    ("POST", "/companies/{company}/resume", For::Operator),
    ("GET", "/cves", For::Viewer),
    ("GET", "/cves/CVE-2024-0001", For::Viewer),
    ("GET", "/dead-letters", For::Admin),
    ("POST", "/dead-letters/{none}/replay", For::Admin),
    ("GET", "/enrolment-tokens", For::Admin),
    ("POST", "/enrolment-tokens", For::Admin),
    ("GET", "/enrolment-tokens/{none}", For::Admin),
    ("DELETE", "/enrolment-tokens/{none}", For::Admin),
    ("GET", "/feeds", For::Anyone),
    ("GET", "/findings", For::Viewer),
    ("GET", "/hosts", For::Viewer),
    ("GET", "/hosts/{host}", For::Viewer),
    ("GET", "/hosts/{host}/software", For::Viewer),
    ("POST", "/hosts/{host}/scan", For::Analyst),
    ("POST", "/hosts/{host}/revoke", For::Admin),
    ("GET", "/operator/pipeline", For::Operator),
    ("GET", "/pipeline", For::Viewer),
    ("GET", "/software", For::Viewer),
    ("GET", "/software/{software}", For::Viewer),
    ("GET", "/summary", For::Viewer),
];

fn method(name: &str) -> Method {
    name.parse().unwrap()
}

/// The path with ids of the other company's objects.
fn theirs(api: &Api, path: &str) -> String {
    let theirs = &api.theirs;
    let path = path
        .replace("{company}", &theirs.company.to_string())
        .replace("{host}", &theirs.host.to_string())
        .replace("{software}", &theirs.software.to_string())
        .replace("{none}", &Uuid::nil().to_string());
    format!("/api/v1{path}")
}

#[tokio::test]
async fn no_route_answers_without_a_valid_key() {
    let api = Api::new().await;
    // A real id with a secret that differs in its last bits.
    let forged = format!("{}A", &api.ours.admin[..api.ours.admin.len() - 1]);
    for (name, path, _) in ROUTES {
        for key in [None, Some("nonsense"), Some(forged.as_str())] {
            let answer = api
                .send(method(name), &theirs(&api, path), key, Some("{}"))
                .await;
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{name} {path} with {key:?}"
            );
            assert_eq!(answer.json()["type"], "urn:muster:problem:unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_role_does_no_more_than_it_may() {
    let api = Api::new().await;
    for (name, path, whom) in ROUTES {
        let path = theirs(&api, path);
        // A viewer's other answers may be anything but a refusal for the role: not found, mostly,
        // as the ids are another company's. So the role is looked at before the object.
        let is_beyond = matches!(whom, For::Analyst | For::Admin | For::Operator);
        let answer = api
            .send(method(name), &path, Some(&api.ours.viewer), Some("{}"))
            .await;
        assert_eq!(
            answer.status == StatusCode::FORBIDDEN,
            is_beyond,
            "{name} {path}"
        );
        // The greatest role of a company is still less than an operator.
        if *whom == For::Operator {
            let answer = api
                .send(method(name), &path, Some(&api.ours.admin), Some("{}"))
                .await;
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{name} {path} as admin"
            );
        }
    }
}

#[tokio::test]
async fn another_companys_objects_are_not_found() {
    let api = Api::new().await;
    for (name, path, whom) in ROUTES {
        let names_theirs = path.contains("{host}") || path.contains("{software}");
        // An operator may see both; lists are looked through in the test below.
        if *whom == For::Operator || !names_theirs {
            continue;
        }
        let path = theirs(&api, path);
        let answer = api
            .send(method(name), &path, Some(&api.ours.admin), None)
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name} {path}");
    }
}

#[tokio::test]
async fn lists_and_filters_show_nothing_of_another_company() {
    let api = Api::new().await;
    let theirs = [api.theirs.host.to_string(), "Theirs".to_owned()];
    let filters = [
        "/api/v1/hosts".to_owned(),
        "/api/v1/software".to_owned(),
        "/api/v1/findings".to_owned(),
        format!("/api/v1/findings?host={}", api.theirs.host),
        format!("/api/v1/hosts?software={}", api.theirs.software),
        "/api/v1/enrolment-tokens".to_owned(),
        "/api/v1/api-keys".to_owned(),
    ];
    for path in filters {
        let answer = api.get(&path, &api.ours.admin).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        for part in &theirs {
            assert!(
                !answer.text.contains(part),
                "{path} shows {part}: {}",
                answer.text
            );
        }
    }
    let of_their_host = format!("/api/v1/findings?host={}", api.theirs.host);
    let answer = api.get(&of_their_host, &api.ours.admin).await;
    assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn a_companys_key_opens_no_other_company_by_its_header() {
    let api = Api::new().await;
    let request = Request::get("/api/v1/hosts")
        .header("Authorization", format!("Bearer {}", api.ours.admin))
        .header("Muster-Company", api.theirs.company.to_string())
        .body(Body::empty())
        .unwrap();
    assert_eq!(api.answer(request).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_operator_says_which_company_and_sees_that_one() {
    let api = Api::new().await;
    let answer = api.get("/api/v1/hosts", &api.operator).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["type"], "urn:muster:problem:company-missing");
    let answer = api.get_in("/api/v1/hosts", api.theirs.company).await;
    assert_eq!(answer.json()["items"][0]["id"], api.theirs.host.to_string());
}
