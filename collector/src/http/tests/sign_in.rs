//! Who came in from where, who was refused, and what the log says of either.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use totp_rs::{Algorithm, TOTP};

use super::harness::{Answer, Api, NOW};
use super::people::{PASSWORD, person};
use crate::http::client::Peer;
use crate::http::totp;

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

/// The second factor's secret in these tests.
const SECRET: [u8; 20] = *b"12345678901234567890";

/// Ann, who signs in from home and has a second factor.
async fn ann_with_a_second_factor(api: &Api) {
    person(api, "ann@example.org", "viewer").await;
    let began = sign_in(api, address(1), PASSWORD, None).await;
    assert_eq!(began.status, StatusCode::CREATED, "{}", began.text);
    let secret: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
    let sql = format!("UPDATE users SET totp_secret = '\\x{secret}', totp_confirmed_at = now()");
    api.database.execute(&sql).await;
}

async fn sign_in(api: &Api, from: IpAddr, password: &str, code: Option<&str>) -> Answer {
    let claim = json!({ "email": "ann@example.org", "password": password, "code": code });
    post_from(api, from, "/sessions", &claim).await
}

/// The code that is right so many seconds after the beginning.
fn code(seconds: i64) -> String {
    let at = u64::try_from(NOW.unix_timestamp() + seconds).unwrap();
    TOTP::new_unchecked(Algorithm::SHA1, 6, 0, 30, SECRET.to_vec()).generate(at)
}

/// The rows of refused sign-ins in the operators' log, once there are so many.
async fn refusals(api: &Api, count: i64) -> Vec<Value> {
    await_rows(api, "NOT IN", count).await;
    api.get("/api/v1/operator/audit?action=session.refused", &api.operator).await.items()
}

/// Waits for rows about refused sign-ins in the logs of companies (`IN`) or of operators.
async fn await_rows(api: &Api, of_companies: &str, count: i64) {
    let sql = format!(
        "SELECT count(*) FROM audit_log
         WHERE action = 'session.refused' AND company_key {of_companies} (SELECT key FROM companies)"
    );
    let waiting = async {
        while api.database.number(&sql).await < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test]
async fn the_second_factor_is_guessed_a_few_times_and_its_owner_is_not_kept_out() {
    let api = Api::new().await;
    ann_with_a_second_factor(&api).await;
    for _ in 0..10 {
        let wrong = sign_in(&api, address(2), PASSWORD, Some("wrong!")).await;
        wrong.refuses(401, "the address, the password or the code is not right");
    }
    let guessed = json!({ "email": "ann@example.org", "why": "code" });
    let log = refusals(&api, 10).await;
    assert!(log.iter().all(|row| row["after"] == guessed), "{log:?}");
    // Wherever else it comes from, and were it right.
    let waits = sign_in(&api, address(3), PASSWORD, Some(&code(0))).await;
    waits.refuses(429, "codes of the second factor");
    assert_eq!(waits.headers[header::RETRY_AFTER], "31");
    let owner = sign_in(&api, address(1), PASSWORD, Some(&code(0))).await;
    assert_eq!(owner.status, StatusCode::CREATED, "{}", owner.text);
    api.hand.advance(Duration::from_secs(31));
    let later = sign_in(&api, address(3), PASSWORD, Some(&code(31))).await;
    assert_eq!(later.status, StatusCode::CREATED, "{}", later.text);
    let log = refusals(&api, 10).await;
    assert_eq!(log.len(), 10, "no more of one account within an hour");
}

#[tokio::test]
async fn a_recovery_code_counts_while_codes_wait() {
    let api = Api::new().await;
    ann_with_a_second_factor(&api).await;
    let (codes, hashes) = totp::new_recovery_codes().unwrap();
    let hash: String = hashes[0].iter().map(|byte| format!("{byte:02x}")).collect();
    let sql = format!("UPDATE users SET recovery_hashes = ARRAY['\\x{hash}'::bytea]");
    api.database.execute(&sql).await;
    for _ in 0..10 {
        sign_in(&api, address(2), PASSWORD, Some("wrong!")).await.refuses(401, "not right");
    }
    sign_in(&api, address(3), PASSWORD, Some("wrong!")).await.refuses(429, "second factor");
    let recovered = sign_in(&api, address(3), PASSWORD, Some(&codes[0])).await;
    assert_eq!(recovered.status, StatusCode::CREATED, "{}", recovered.text);
}

#[tokio::test]
async fn a_refused_sign_in_is_in_both_logs_with_its_address_and_no_secret() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let unknown = json!({ "email": "nobody@example.org", "password": "a guess of words" });
    let nobody = post_from(&api, address(8), "/sessions", &unknown).await;
    let refused = sign_in(&api, address(9), "a guess of words", None).await;
    assert_eq!((nobody.status, refused.status.as_u16()), (StatusCode::UNAUTHORIZED, 401));
    let log = refusals(&api, 1).await;
    assert_eq!(log.len(), 1, "nobody's address has no row: {log:?}");
    assert_eq!(
        (&log[0]["address"], &log[0]["after"]["why"]),
        (&json!("203.0.113.9"), &json!("password"))
    );
    let request = refused.headers["muster-request-id"].to_str().unwrap();
    assert_eq!(log[0]["request_id"], request);
    assert!(!format!("{log:?}").contains("a guess"), "{log:?}");
    // And in that of the company that Ann works in, of no other.
    await_rows(&api, "IN", 1).await;
    let path = "/api/v1/audit?action=session.refused";
    let ours = api.get(path, &api.ours.admin).await.items();
    assert_eq!((ours.len(), &ours[0]["address"]), (1, &json!("203.0.113.9")));
    assert!(!format!("{ours:?}").contains("a guess"), "{ours:?}");
    assert_eq!(api.get(path, &api.theirs.admin).await.items(), Vec::<Value>::new());
}
