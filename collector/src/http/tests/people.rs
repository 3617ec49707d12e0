//! People: signing in, what a session is worth, and how somebody gets to be one.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;

use super::harness::{Answer, Api};

pub(super) const PASSWORD: &str = "seven quiet herons";

/// A browser: it keeps its cookie and says that its pages are ours.
#[derive(Default)]
pub(super) struct Browser {
    pub(super) cookie: Option<String>,
}

impl Browser {
    pub(super) async fn send(
        &mut self,
        api: &Api,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.send_with(api, (method, path, body), &[("muster-csrf", "1")]).await
    }

    pub(super) async fn send_with(
        &mut self,
        api: &Api,
        (method, path, body): (Method, &str, Option<Value>),
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let answer = api.answer(request.body(body).unwrap()).await;
        if let Some(set) = answer.headers.get(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        answer
    }

    pub(super) async fn sign_in(&mut self, api: &Api, email: &str, password: &str) -> Answer {
        let claim = json!({ "email": email, "password": password });
        self.send(api, Method::POST, "/sessions", Some(claim)).await
    }
}

/// Invites somebody into our company and accepts, with a password.
pub(super) async fn person(api: &Api, email: &str, role: &str) {
    let token = invite(api, email, role).await;
    let accepted = accept(api, &token, PASSWORD).await;
    assert_eq!(accepted.status, StatusCode::NO_CONTENT, "{}", accepted.text);
}

async fn invite(api: &Api, email: &str, role: &str) -> String {
    invite_as(api, &api.ours.admin, email, role).await
}

pub(super) async fn accept(api: &Api, token: &str, password: &str) -> Answer {
    let accept = json!({ "token": token, "name": "Ann", "password": password });
    Browser::default().send(api, Method::POST, "/invitations/accept", Some(accept)).await
}

pub(super) async fn invite_as(api: &Api, admin: &str, email: &str, role: &str) -> String {
    let body = json!({ "email": email, "role": role }).to_string();
    let made = api.send(Method::POST, "/api/v1/invitations", Some(admin), Some(&body)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_who_was_invited_signs_in_works_and_signs_out() {
    let api = Api::new().await;
    person(&api, "Ann@Example.org", "analyst").await;
    let mut browser = Browser::default();
    let began = browser.sign_in(&api, "ann@example.org", PASSWORD).await;
    assert_eq!(began.status, StatusCode::CREATED, "{}", began.text);
    assert!(!began.text.contains("mss_"), "the cookie alone has it: {}", began.text);
    let me = browser.send(&api, Method::GET, "/me", None).await.json();
    assert_eq!(me["name"], "ann@example.org");
    assert_eq!(me["companies"][0]["role"], "analyst");
    let hosts = browser.send(&api, Method::GET, "/hosts", None).await;
    assert_eq!(hosts.json()["items"][0]["id"], api.ours.host.to_string());
    let keys = browser.send(&api, Method::GET, "/api-keys", None).await;
    assert_eq!(keys.status, StatusCode::FORBIDDEN, "an analyst manages no keys");
    let before = browser.cookie.clone();
    let out = browser.send(&api, Method::DELETE, "/sessions/current", None).await;
    assert_eq!((out.status, &browser.cookie), (StatusCode::NO_CONTENT, &None));
    let mut thief = Browser { cookie: before };
    let refused = thief.send(&api, Method::GET, "/me", None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "the row is gone, not only the cookie");
}

#[tokio::test]
async fn whatever_is_wrong_with_signing_in_the_answer_is_the_same() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let mut answers = Vec::new();
    for (email, password) in [
        ("ann@example.org", "seven quiet heronz"),
        ("ann@example.org", ""),
        ("nobody@example.org", PASSWORD),
        ("", ""),
        ("ann@example.org' OR 1=1 --", PASSWORD),
    ] {
        let answer = Browser::default().sign_in(&api, email, password).await;
        assert!(answer.headers.get(header::SET_COOKIE).is_none());
        let mut problem = answer.json();
        problem["request_id"] = Value::Null;
        problem["trace_id"] = Value::Null;
        answers.push((answer.status, problem));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_says_when_to_come_again() {
    let api = Api::new().await;
    let mut last = StatusCode::OK;
    for _ in 0..12 {
        let answer = Browser::default().sign_in(&api, "x@example.org", "a").await;
        last = answer.status;
        if last == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers.contains_key(header::RETRY_AFTER));
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    api.hand.advance(Duration::from_secs(61));
    let later = Browser::default().sign_in(&api, "x@example.org", "a").await;
    assert_eq!(later.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_planted_session_is_worth_nothing_and_ends_at_signing_in() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    person(&api, "eve@example.org", "viewer").await;
    let mut eve = Browser::default();
    eve.sign_in(&api, "eve@example.org", PASSWORD).await;
    let planted = eve.cookie.clone();
    let mut ann = Browser { cookie: planted.clone() };
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    assert_ne!(ann.cookie, planted, "signing in makes a new session");
    let me = ann.send(&api, Method::GET, "/me", None).await.json();
    assert_eq!(me["name"], "ann@example.org");
    let old = Browser { cookie: planted }.send(&api, Method::GET, "/me", None).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_site_can_make_a_browser_send_nothing_that_changes() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "admin").await;
    let mut ann = Browser::default();
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    let path = format!("/hosts/{}/scan", api.ours.host);
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("muster-csrf", "1"), ("sec-fetch-site", "cross-site")],
        &[("muster-csrf", "1"), ("sec-fetch-site", "same-site")],
        &[("muster-csrf", "1"), ("origin", "https://evil.example"), ("host", "muster.example")],
    ] {
        let answer = ann.send_with(&api, (Method::POST, &path, None), headers).await;
        assert_eq!(answer.json()["type"], "urn:muster:problem:cross-site", "{headers:?}");
    }
    let ours = ann.send(&api, Method::POST, &path, None).await;
    assert_eq!(ours.status, StatusCode::ACCEPTED, "{}", ours.text);
    // Signing somebody in as somebody else is refused as well.
    let claim = Some(json!({ "email": "ann@example.org", "password": PASSWORD }));
    let forced = Browser::default().send_with(&api, (Method::POST, "/sessions", claim), &[]).await;
    assert_eq!(forced.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_session_ends_idle_and_in_any_case_after_its_time() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let mut ann = Browser::default();
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    // Seven days, never idle for eight hours.
    for _ in 0..23 {
        api.hand.advance(Duration::from_secs(7 * 3_600));
        assert_eq!(ann.send(&api, Method::GET, "/me", None).await.status, StatusCode::OK);
    }
    api.hand.advance(Duration::from_secs(7 * 3_600 + 1));
    let over = ann.send(&api, Method::GET, "/me", None).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED);
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    api.hand.advance(Duration::from_secs(8 * 3_600));
    let idle = ann.send(&api, Method::GET, "/me", None).await;
    assert_eq!(idle.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_invitation_is_good_once_and_for_its_own_address() {
    let api = Api::new().await;
    let token = invite(&api, "ann@example.org", "viewer").await;
    let accept = |token: &str, password: &str| json!({ "token": token, "name": "Ann", "password": password });
    let mut nobody = Browser::default();
    let short =
        nobody.send(&api, Method::POST, "/invitations/accept", Some(accept(&token, "short"))).await;
    assert_eq!(short.json()["errors"][0]["field"], "password");
    let first = nobody
        .send(&api, Method::POST, "/invitations/accept", Some(accept(&token, PASSWORD)))
        .await;
    assert_eq!(first.status, StatusCode::NO_CONTENT, "{}", first.text);
    let again = nobody
        .send(&api, Method::POST, "/invitations/accept", Some(accept(&token, PASSWORD)))
        .await;
    assert_eq!(again.json()["errors"][0]["field"], "token");
    // For an account that there is, the link alone is worth nothing.
    let second = invite(&api, "ann@example.org", "admin").await;
    let wrong = nobody
        .send(&api, Method::POST, "/invitations/accept", Some(accept(&second, "another long one")))
        .await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_company_keeps_an_address_from_another_or_learns_who_has_it() {
    let api = Api::new().await;
    let (stolen, own) = ("a password of theirs", "seven quiet herons");
    // Theirs invites somebody of ours, and accepts it itself.
    let token = invite_as(&api, &api.theirs.admin, "ann@example.org", "admin").await;
    assert_eq!(accept(&api, &token, stolen).await.status, StatusCode::NO_CONTENT);
    // With a wrong password, a short one or none of its own, the link answers as for an address that nobody has.
    for email in ["ann@example.org", "nobody@example.org"] {
        let token = invite(&api, email, "viewer").await;
        let short = accept(&api, &token, "short").await;
        assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY, "{email}");
        assert_eq!(short.json()["errors"][0]["field"], "password", "{email}");
        let accepted = accept(&api, &token, own).await;
        assert_eq!(accepted.status, StatusCode::NO_CONTENT, "{email}: {}", accepted.text);
    }
    // The password says which account is meant, and neither reaches into the other's company.
    for (password, company) in [(own, &api.ours), (stolen, &api.theirs)] {
        let mut browser = Browser::default();
        let began = browser.sign_in(&api, "ann@example.org", password).await;
        assert_eq!(began.status, StatusCode::CREATED, "{}", began.text);
        let me = browser.send(&api, Method::GET, "/me", None).await.json();
        assert_eq!(me["companies"].as_array().unwrap().len(), 1, "{me}");
        let hosts = browser.send(&api, Method::GET, "/hosts", None).await.json();
        assert_eq!(hosts["items"][0]["id"], company.host.to_string());
    }
}

#[tokio::test]
async fn who_gives_the_password_of_an_account_works_in_both_companies_with_it() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let token = invite_as(&api, &api.theirs.admin, "ann@example.org", "analyst").await;
    assert_eq!(accept(&api, &token, PASSWORD).await.status, StatusCode::NO_CONTENT);
    let mut ann = Browser::default();
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    let me = ann.send(&api, Method::GET, "/me", None).await.json();
    assert_eq!(me["companies"].as_array().unwrap().len(), 2, "{me}");
}

#[tokio::test]
async fn the_passwords_of_one_address_stay_apart() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let token = invite_as(&api, &api.theirs.admin, "ann@example.org", "viewer").await;
    let other = "another long one";
    assert_eq!(accept(&api, &token, other).await.status, StatusCode::NO_CONTENT);
    let mut ann = Browser::default();
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    let set = async |ann: &mut Browser, new: &str| {
        let body = json!({ "password": PASSWORD, "new_password": new });
        ann.send(&api, Method::PUT, "/me/password", Some(body)).await
    };
    let same = set(&mut ann, other).await;
    assert_eq!(same.json()["errors"][0]["field"], "new_password", "{}", same.text);
    let changed = set(&mut ann, "a third one of words").await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text);
}

#[tokio::test]
async fn the_last_admin_stays_and_a_role_is_changed_from_what_it_was() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "admin").await;
    let admin = Some(api.ours.admin.as_str());
    let users = api.get("/api/v1/users", &api.ours.admin).await.json();
    let path = format!("/users/{}", users["items"][0]["id"].as_str().unwrap());
    let patch = async |version: &str, role: &str| {
        let request = Request::patch(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, version)
            .body(Body::from(json!({ "role": role }).to_string()))
            .unwrap();
        api.answer(request).await
    };
    assert_eq!(patch("\"1\"", "viewer").await.status, StatusCode::CONFLICT);
    let gone = api.send(Method::DELETE, &format!("/api/v1{path}"), admin, None).await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    person(&api, "bob@example.org", "admin").await;
    assert_eq!(patch("\"7\"", "viewer").await.status, StatusCode::PRECONDITION_FAILED);
    let changed = patch("\"1\"", "viewer").await;
    assert_eq!((changed.status, changed.json()["role"].as_str()), (StatusCode::OK, Some("viewer")));
    assert_eq!(changed.headers[header::ETAG], "\"2\"");
}

#[tokio::test]
async fn who_is_taken_out_of_a_company_is_out_at_once() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "admin").await;
    person(&api, "bob@example.org", "viewer").await;
    let mut bob = Browser::default();
    bob.sign_in(&api, "bob@example.org", PASSWORD).await;
    let me = bob.send(&api, Method::GET, "/me", None).await.json();
    let path = format!("/api/v1/users/{}", me["id"].as_str().unwrap());
    let admin = Some(api.ours.admin.as_str());
    let gone = api.send(Method::DELETE, &path, admin, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    let hosts = bob.send(&api, Method::GET, "/hosts", None).await;
    assert_eq!(hosts.json()["type"], "urn:muster:problem:company-missing");
}

#[tokio::test]
async fn every_change_of_people_is_in_the_log_without_their_secrets() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let log = api.get("/api/v1/audit", &api.ours.admin).await;
    let actions: Vec<_> = log.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect();
    for action in ["invitation.create", "invitation.accept", "api_key.create"] {
        assert!(actions.iter().any(|one| one == action), "{actions:?}");
    }
    for secret in ["msi_", "msk_", "argon2", PASSWORD] {
        assert!(!log.text.contains(secret), "{secret}");
    }
    let theirs = api.get("/api/v1/audit", &api.theirs.admin).await;
    assert!(!theirs.text.contains("ann@example.org"));
    let lines = api.get("/api/v1/audit/export", &api.ours.admin).await;
    assert_eq!(lines.text.lines().count(), actions.len());
}

#[tokio::test]
async fn who_works_in_two_companies_is_told_their_names_and_how_they_are_let_in() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "analyst").await;
    let body = json!({ "email": "ann@example.org", "role": "viewer" }).to_string();
    let admin = Some(api.theirs.admin.as_str());
    let made = api.send(Method::POST, "/api/v1/invitations", admin, Some(&body)).await.json();
    let accept = json!({ "token": made["token"], "name": "Ann", "password": PASSWORD });
    Browser::default().send(&api, Method::POST, "/invitations/accept", Some(accept)).await;
    let mut browser = Browser::default();
    browser.sign_in(&api, "ann@example.org", PASSWORD).await;
    let me = browser.send(&api, Method::GET, "/me", None).await.json();
    let names: Vec<_> =
        me["companies"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["Ours", "Theirs"]);
    let own = json!({ "second_factor": false, "recovery_codes": 0, "password": true });
    assert_eq!(me["account"], own);
    // With a second factor.
    let begin = json!({ "password": PASSWORD });
    let begun = browser.send(&api, Method::POST, "/me/totp", Some(begin)).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.text);
    let me = browser.send(&api, Method::GET, "/me", None).await.json();
    assert_eq!(me["account"], own, "it counts once it is confirmed");
    api.database
        .execute(
            "UPDATE users SET totp_confirmed_at = now(), recovery_hashes = ARRAY['\\x01'::bytea]",
        )
        .await;
    let me = browser.send(&api, Method::GET, "/me", None).await.json();
    let own = json!({ "second_factor": true, "recovery_codes": 1, "password": true });
    assert_eq!(me["account"], own);
    // A key is no person's account.
    let key = api.get("/api/v1/me", &api.ours.viewer).await.json();
    assert_eq!((key.get("account"), key["companies"][0].get("name")), (None, None));
}
