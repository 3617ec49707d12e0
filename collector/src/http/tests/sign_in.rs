//! What is kept of who came in, and from where.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};
use super::people::PASSWORD;
use crate::http::client::Peer;

/// Where a request comes from.
fn address(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

/// Sends somebody's words from an address, as a page of ours does.
async fn post_from(api: &Api, from: IpAddr, path: &str, body: &Value) -> Answer {
    let mut request = Request::post(format!("/api/v1{path}"))
        .header("muster-csrf", "1")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    request.extensions_mut().insert(Peer(SocketAddr::new(from, 40_000)));
    api.answer(request).await
}

#[tokio::test]
async fn the_log_says_where_an_invitation_was_accepted_from() {
    let api = Api::new().await;
    let invite = json!({ "email": "ann@example.org", "role": "viewer" }).to_string();
    let admin = Some(api.ours.admin.as_str());
    let made = api.send(Method::POST, "/api/v1/invitations", admin, Some(&invite)).await.json();
    let accept = json!({ "token": made["token"], "name": "Ann", "password": PASSWORD });
    let accepted = post_from(&api, address(7), "/invitations/accept", &accept).await;
    assert_eq!(accepted.status, StatusCode::NO_CONTENT, "{}", accepted.text);
    let log = api.get("/api/v1/audit?action=invitation.accept", &api.ours.admin).await.items();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["address"], "203.0.113.7");
    let request = accepted.headers["muster-request-id"].to_str().unwrap();
    assert_eq!(log[0]["request_id"], request);
}
