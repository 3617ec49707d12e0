//! Keys, invitations, tokens, people and companies: who may give what to whom, and for how long.

mod companies;
mod told;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::harness::{Answer, Api};
use super::people::{Browser, person};
use crate::http::client::Peer;

const PASSWORD: &str = "seven quiet herons";

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    api.write((Method::POST, path), key, &[], body).await
}

async fn delete(api: &Api, path: &str, key: &str) -> Answer {
    api.write((Method::DELETE, path), key, &[], &json!({})).await
}

/// Makes something as an admin, and gives it.
async fn made(api: &Api, path: &str, body: &Value) -> Value {
    let made = post(api, path, &api.ours.admin, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap()
}

/// Accepts an invitation as somebody new.
async fn accept(api: &Api, token: &str) -> Answer {
    let body = json!({ "token": token, "name": "Ann", "password": PASSWORD });
    let headers = [("muster-csrf", "1")];
    // A key is no hindrance: nobody is asked for who they are yet.
    let accept = (Method::POST, "/invitations/accept");
    api.write(accept, &api.ours.viewer, &headers, &body).await
}

#[tokio::test]
async fn a_keys_scopes_are_of_its_role_and_of_whoever_makes_it() {
    let api = Api::new().await;
    for (role, scopes, words) in [
        ("viewer", json!(["everything"]), "the role has no permission \"everything\""),
        ("viewer", json!(["hosts:scan"]), "the role has no permission \"hosts:scan\""),
        ("admin", json!(["companies:manage"]), "the role has no permission"),
        ("admin", json!([""]), "the role has no permission \"\""),
        ("admin", json!(["x".repeat(500)]), "the role has no permission \"xxxx"),
    ] {
        let body = json!({ "name": "x", "role": role, "scopes": scopes });
        let refused = post(&api, "/api-keys", &api.ours.admin, &body).await;
        refused.blames("scopes", words);
        assert!(refused.text.len() < 500, "it does not repeat all that it was sent");
    }
    let body = json!({
        "name": "narrow", "role": "admin",
        "scopes": ["keys:manage", "inventory:read", "keys:manage"],
    });
    let narrow = made(&api, "/api-keys", &body).await;
    assert_eq!(narrow["scopes"], json!(["keys:manage", "inventory:read"]));
    let key = text(&narrow, "key");
    let body = |scopes: Value| json!({ "name": "y", "role": "admin", "scopes": scopes });
    post(&api, "/api-keys", key, &body(Value::Null))
        .await
        .blames("scopes", "a key with scopes makes no key without");
    post(&api, "/api-keys", key, &body(json!(["inventory:read", "hosts:scan"])))
        .await
        .refuses(403, "hosts:scan, which the role analyst has");
    let child = post(&api, "/api-keys", key, &body(json!(["inventory:read"]))).await;
    let child = child.json();
    let child = text(&child, "key");
    let hosts = api.get("/api/v1/hosts", child).await;
    assert_eq!(hosts.status, StatusCode::OK, "{}", hosts.text);
    api.get("/api/v1/api-keys", child).await.refuses(403, "keys:manage");
    // One that may nothing is somebody all the same.
    let nothing = made(&api, "/api-keys", &body(json!([]))).await;
    let me = api.get("/api/v1/me", text(&nothing, "key")).await.json();
    assert_eq!(me["scopes"], json!([]));
    assert_eq!(me["companies"][0]["permissions"], json!([]));
    api.get("/api/v1/hosts", text(&nothing, "key")).await.refuses(403, "inventory:read");
}

#[tokio::test]
async fn a_key_lets_in_up_to_its_last_second() {
    let api = Api::new().await;
    let body = json!({ "name": "x", "role": "viewer", "expires_after_s": 60 });
    let key = made(&api, "/api-keys", &body).await;
    assert_eq!(key["expires_at"], "2026-03-01T12:01:00Z");
    let longest = json!({ "name": "y", "role": "viewer", "expires_after_s": 315_360_000 });
    made(&api, "/api-keys", &longest).await;
    api.hand.advance(Duration::from_secs(59));
    let last = api.get("/api/v1/hosts", text(&key, "key")).await;
    assert_eq!(last.status, StatusCode::OK, "{}", last.text);
    // And those two seconds for which a node remembers whom it let in.
    api.hand.advance(Duration::from_secs(2));
    let over = api.get("/api/v1/hosts", text(&key, "key")).await;
    over.refuses(401, "send a valid API key");
}

#[tokio::test]
async fn a_credential_of_another_kind_or_company_opens_and_ends_nothing() {
    let api = Api::new().await;
    let invitation = json!({ "email": "ann@example.org", "role": "viewer" });
    let invitation = made(&api, "/invitations", &invitation).await;
    let token = made(&api, "/enrolment-tokens", &json!({ "name": "x" })).await;
    let key = made(&api, "/api-keys", &json!({ "name": "x", "role": "admin" })).await;
    let secret = text(&invitation, "token").strip_prefix("msi_").unwrap().to_owned();
    for other in [
        text(&invitation, "token"),
        text(&token, "token"),
        &format!("msk_{secret}"),
        &format!("mss_{secret}"),
    ] {
        api.get("/api/v1/hosts", other).await.refuses(401, "send a valid API key");
    }
    let gone = "it is no invitation, or one that is used or over";
    let key_as_invitation = text(&key, "key").replacen("msk_", "msi_", 1);
    for other in ["", "msi_", text(&key, "key"), &key_as_invitation, text(&token, "token")] {
        accept(&api, other).await.blames("token", gone);
    }
    for (path, object, what) in [
        ("/invitations", &invitation, "invitation"),
        ("/enrolment-tokens", &token, "enrolment token"),
        ("/api-keys", &key, "API key"),
    ] {
        let path = format!("{path}/{}", text(object, "id"));
        delete(&api, &path, &api.theirs.admin)
            .await
            .refuses(404, &format!("there is no such {what}"));
        for lesser in [&api.ours.viewer, &api.ours.analyst] {
            delete(&api, &path, lesser).await.refuses(403, "which the role admin has");
        }
    }
    assert_eq!(accept(&api, text(&invitation, "token")).await.status, StatusCode::NO_CONTENT);
    let me = api.get("/api/v1/me", text(&key, "key")).await;
    assert_eq!(me.status, StatusCode::OK, "{}", me.text);
}

#[tokio::test]
async fn an_invitation_is_open_for_a_week_and_listed_while_it_is() {
    let api = Api::new().await;
    for (email, words) in [
        ("", "an address of mail"),
        ("ann", "an address of mail"),
        ("ann@example", "an address of mail"),
        ("ann@example.org\nbcc: x@example.org", "an address of mail"),
        ("\u{e4}nn@example.org", "an address of mail"),
        (&format!("{}@example.org", "a".repeat(243)), "an address of mail"),
    ] {
        let body = json!({ "email": email, "role": "viewer" });
        let refused = post(&api, "/invitations", &api.ours.admin, &body).await;
        refused.blames("email", words);
    }
    for role in ["operator", "owner", "", "Viewer"] {
        let body = json!({ "email": "ann@example.org", "role": role });
        let refused = post(&api, "/invitations", &api.ours.admin, &body).await;
        refused.blames("role", "one of viewer, analyst, admin");
    }
    let longest = format!("{}@Example.org", "A".repeat(242));
    let long = made(&api, "/invitations", &json!({ "email": longest, "role": "viewer" })).await;
    assert_eq!(long["email"], longest.to_lowercase());
    api.hand.advance(Duration::from_secs(1));
    let body = json!({ "email": " Ann@Example.org ", "role": "analyst" });
    let ann = made(&api, "/invitations", &body).await;
    assert_eq!(ann["email"], "ann@example.org");
    let list = async || {
        let list = api.get("/api/v1/invitations", &api.ours.admin).await;
        assert!(!list.text.contains("msi_"), "{}", list.text);
        list.items()
    };
    let open = list().await;
    assert_eq!([&open[0]["id"], &open[1]["id"]], [&ann["id"], &long["id"]]);
    let theirs = api.get("/api/v1/invitations", &api.theirs.admin).await;
    assert_eq!(theirs.items(), [Value::Null; 0]);
    let path = format!("/invitations/{}", text(&long, "id"));
    assert_eq!(delete(&api, &path, &api.ours.admin).await.status, StatusCode::NO_CONTENT);
    delete(&api, &path, &api.ours.admin).await.refuses(404, "there is no such invitation");
    let gone = "it is no invitation, or one that is used or over";
    accept(&api, text(&long, "token")).await.blames("token", gone);
    assert_eq!(list().await.len(), 1);
    api.hand.advance(Duration::from_secs(7 * 86_400));
    accept(&api, text(&ann, "token")).await.blames("token", gone);
    assert_eq!(list().await, [Value::Null; 0]);
    // Over is not taken back: there is nothing to see of it, and it can still be ended.
    let path = format!("/invitations/{}", text(&ann, "id"));
    assert_eq!(delete(&api, &path, &api.ours.admin).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn who_accepts_needs_a_name_and_a_password_that_nobody_guesses() {
    let api = Api::new().await;
    let body = json!({ "email": "ann@example.org", "role": "viewer" });
    let invitation = made(&api, "/invitations", &body).await;
    let token = text(&invitation, "token");
    let headers = [("muster-csrf", "1")];
    let accept = (Method::POST, "/invitations/accept");
    for (body, field) in [
        (json!({ "token": token, "password": PASSWORD }), "name"),
        (json!({ "token": token, "name": " ", "password": PASSWORD }), "name"),
        (json!({ "token": token, "name": "A\nB", "password": PASSWORD }), "name"),
        (json!({ "token": token, "name": "Ann", "password": "" }), "password"),
        (json!({ "token": token, "name": "Ann", "password": "ann@example.org" }), "password"),
    ] {
        api.write(accept.clone(), &api.ours.viewer, &headers, &body).await.blames(field, "");
    }
    // From another site it is not even looked at.
    let body = json!({ "token": token, "name": "Ann", "password": PASSWORD });
    api.write(accept.clone(), &api.ours.viewer, &[], &body)
        .await
        .refuses(403, "send the header `Muster-Csrf`");
    let users = api.get("/api/v1/users", &api.ours.admin).await;
    assert_eq!(users.items(), [Value::Null; 0]);
    let done = api.write(accept, &api.ours.viewer, &headers, &body).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);
}

#[tokio::test]
async fn what_no_row_can_hold_signs_nobody_in_and_is_no_fault_of_the_collector() {
    let api = Api::new().await;
    let headers = [("muster-csrf", "1")];
    for (email, password, code) in [
        ("a\0b@example.org", PASSWORD, Value::Null),
        ("\0", "\0", json!("\0")),
        ("ann@example.org", "\0", json!("000000")),
    ] {
        let body = json!({ "email": email, "password": password, "code": code });
        let answer =
            api.write((Method::POST, "/sessions"), &api.ours.viewer, &headers, &body).await;
        answer.refuses(401, "the address, the password or the code is not right");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
}

#[tokio::test]
async fn a_token_is_bounded_as_it_was_asked_for_and_newest_stand_first() {
    let api = Api::new().await;
    let label = |count: usize, chars: usize| -> Value {
        let value = "\u{fc}".repeat(chars);
        (0..count)
            .map(|n| (format!("l{n}"), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let bounds = json!({
        "name": "most", "labels": label(32, 100), "uses_max": 1, "expires_after_s": 1,
    });
    let most = made(&api, "/enrolment-tokens", &bounds).await;
    assert_eq!(most["labels"], bounds["labels"]);
    assert_eq!((&most["uses_max"], &most["uses"]), (&json!(1), &json!(0)));
    assert_eq!(most["expires_at"], "2026-03-01T12:00:01Z");
    api.hand.advance(Duration::from_secs(1));
    let plain = made(&api, "/enrolment-tokens", &json!({ "name": "plain" })).await;
    assert_eq!((plain.get("uses_max"), plain.get("expires_at")), (None, None));
    for (labels, uses_max) in [(label(33, 1), 1), (label(1, 101), 1)] {
        let body = json!({ "name": "x", "labels": labels, "uses_max": uses_max });
        post(&api, "/enrolment-tokens", &api.ours.admin, &body)
            .await
            .blames("labels", "at most 32 labels");
    }
    for wrong in [json!(-1), json!(4_294_967_296_u64), json!("1"), json!(1.5)] {
        let body = json!({ "name": "x", "uses_max": wrong });
        post(&api, "/enrolment-tokens", &api.ours.admin, &body).await.refuses(422, "uses_max");
    }
    let list = api.get("/api/v1/enrolment-tokens", &api.ours.admin).await;
    let names: Vec<Value> = list.items().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names[0], "plain");
    assert!(names.contains(&json!("most")), "{names:?}");
    let theirs = api.get("/api/v1/enrolment-tokens", &api.theirs.admin).await;
    assert!(!theirs.text.contains("plain"), "{}", theirs.text);
}

#[tokio::test]
async fn a_key_with_scopes_gives_no_role_that_may_do_more() {
    let api = Api::new().await;
    let narrow = async |scopes: Value| {
        let body = json!({ "name": "narrow", "role": "admin", "scopes": scopes });
        text(&made(&api, "/api-keys", &body).await, "key").to_owned()
    };
    let people = narrow(json!(["users:manage"])).await;
    let reader = narrow(json!(["users:manage", "inventory:read", "inventory:export"])).await;
    let invite = |role: &str| json!({ "email": "ann@example.org", "role": role });
    for (key, role, lacks) in [
        (&people, "viewer", "inventory:read"),
        (&people, "admin", "inventory:read"),
        (&reader, "analyst", "hosts:scan"),
        (&reader, "admin", "hosts:scan"),
    ] {
        post(&api, "/invitations", key, &invite(role)).await.refuses(403, lacks);
    }
    let invited = post(&api, "/invitations", &reader, &invite("viewer")).await;
    assert_eq!(invited.status, StatusCode::CREATED, "{}", invited.text);
    person(&api, "bob@example.org", "viewer").await;
    let users = api.get("/api/v1/users", &people).await.items();
    let path = format!("/users/{}", text(&users[0], "id"));
    let raise = async |key: &str| {
        let headers = [("if-match", "*")];
        let way = (Method::PATCH, path.as_str());
        api.write(way, key, &headers, &json!({ "role": "admin" })).await
    };
    raise(&reader).await.refuses(403, "hosts:scan");
    assert_eq!(raise(&api.ours.admin).await.status, StatusCode::OK);
    let provider = json!({ "issuer": "https://id.example", "client_id": "muster",
                           "client_secret": "s", "domains": ["example.org"],
                           "default_role": "admin" });
    let headers = [("if-match", "*")];
    let put = api.write((Method::PUT, "/oidc"), &reader, &headers, &provider).await;
    put.refuses(403, "hosts:scan");
}

#[tokio::test]
async fn a_new_password_is_no_way_to_guess_at_other_accounts_of_the_address() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let mut ann = Browser::default();
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    // Strangers guess from one place after another, each within what one of them may.
    let guess = async |last: u8| {
        let claim = json!({ "email": "ann@example.org", "password": "no heron at all" });
        let request = Request::post("/api/v1/sessions")
            .header(header::CONTENT_TYPE, "application/json")
            .header("muster-csrf", "1")
            .extension(Peer(SocketAddr::from(([203, 0, 113, last], 443))))
            .body(Body::from(claim.to_string()))
            .unwrap();
        api.answer(request).await.status
    };
    let mut guessed = 0;
    while guess(1 + guessed / 5).await == StatusCode::UNAUTHORIZED {
        guessed += 1;
    }
    // Twenty in all, of which some were hers: she came from nowhere that is known.
    assert!((10..20).contains(&guessed), "{guessed}");
    let set = async |ann: &mut Browser| {
        let body = json!({ "password": PASSWORD, "new_password": "four loud herons" });
        ann.send(&api, Method::PUT, "/me/password", Some(body)).await
    };
    set(&mut ann).await.refuses(429, "too many requests to sign in from here");
    api.hand.advance(Duration::from_secs(61));
    let later = set(&mut ann).await;
    assert_eq!(later.status, StatusCode::NO_CONTENT, "{}", later.text);
}
