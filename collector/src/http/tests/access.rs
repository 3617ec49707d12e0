//! What lists, filters and headers show of another company: nothing.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::harness::Api;

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
            assert!(!answer.text.contains(part), "{path} shows {part}: {}", answer.text);
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
