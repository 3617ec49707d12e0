//! Signing in by a company's own provider, against a real one: who comes in, into what, and whom nothing that
//! a provider, another site or another browser does lets in.

mod provider;
mod settings;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use self::provider::{Does, Provider, SECRET};
use super::harness::{Answer, Api, NOW};
use crate::oidc::testing::SigningKey;

const SESSION: &str = "__Host-muster_session";
const KEPT: &str = "__Host-muster_oidc";

/// A browser with its cookies.
#[derive(Clone, Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    /// Goes to a page of the API.
    async fn go(&mut self, api: &Api, path: &str) -> Answer {
        let cookies: Vec<_> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().uri(path).method(Method::GET);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let answer = api.answer(request.body(Body::empty()).unwrap()).await;
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let (name, value) = set.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap();
            self.0.insert(name.to_owned(), value.to_owned());
            self.0.retain(|_, value| !value.is_empty());
        }
        answer
    }

    fn is_in(&self) -> bool {
        self.0.contains_key(SESSION)
    }
}

/// An API whose company has a provider.
struct World {
    api: Api,
    provider: Provider,
}

impl World {
    async fn new(key: SigningKey) -> Self {
        let world = Self { api: Api::new().await, provider: Provider::new(key).await };
        let set = world.put("\"0\"", &world.body()).await;
        assert_eq!(set.status, StatusCode::OK, "{}", set.text);
        world
    }

    fn body(&self) -> Value {
        json!({ "issuer": self.provider.issuer(), "client_id": "muster", "client_secret": SECRET,
                "domains": ["Example.org"], "default_role": "viewer" })
    }

    async fn put(&self, version: &str, body: &Value) -> Answer {
        let admin = &self.api.ours.admin;
        self.api.write((Method::PUT, "/oidc"), admin, &[("if-match", version)], body).await
    }

    /// Sends a browser to the provider; where it is sent.
    async fn start(&self, browser: &mut Browser) -> String {
        let answer = browser.go(&self.api, "/api/v1/oidc/start?company=ours&to=/hosts%3Fa=b").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        place(&answer)
    }

    /// Signs in, and gives where that led.
    async fn sign_in(&self, browser: &mut Browser) -> String {
        let location = self.start(browser).await;
        let back = self.provider.lets_in(&location);
        self.come_back(browser, &back).await
    }

    async fn come_back(&self, browser: &mut Browser, query: &str) -> String {
        let answer = browser.go(&self.api, &format!("/api/v1/oidc/callback?{query}")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        place(&answer)
    }

    async fn me(&self, browser: &mut Browser) -> Value {
        browser.go(&self.api, "/api/v1/me").await.json()
    }
}

fn place(answer: &Answer) -> String {
    answer.headers[header::LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_signs_in_by_their_companys_provider_and_works_there() {
    for key in [SigningKey::rsa(), SigningKey::ec()] {
        let world = World::new(key).await;
        let mut browser = Browser::default();
        assert_eq!(world.sign_in(&mut browser).await, "/hosts?a=b");
        assert!(browser.is_in() && !browser.0.contains_key(KEPT));
        let me = world.me(&mut browser).await;
        assert_eq!(me["name"], "ann@example.org");
        assert_eq!(me["companies"][0]["company"], world.api.ours.company.to_string());
        assert_eq!(me["companies"][0]["role"], "viewer");
        let hosts = browser.go(&world.api, "/api/v1/hosts").await;
        assert_eq!(hosts.json()["items"][0]["id"], world.api.ours.host.to_string());
        let log = world.api.get("/api/v1/audit", &world.api.ours.admin).await;
        for word in ["user.create", "session.begin", "oidc.create"] {
            assert!(log.text.contains(word), "{word}");
        }
    }
}

#[tokio::test]
async fn the_cookie_that_waits_comes_back_from_another_site_and_the_session_does_not() {
    let world = World::new(SigningKey::ec()).await;
    let mut browser = Browser::default();
    let began = browser.go(&world.api, "/api/v1/oidc/start?email=ann@example.ORG").await;
    let kept = began.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for attribute in ["SameSite=Lax", "Secure", "HttpOnly", "Path=/", "Max-Age=600"] {
        assert!(kept.contains(attribute), "{kept}");
    }
    let back = world.provider.lets_in(&place(&began));
    let answer = browser.go(&world.api, &format!("/api/v1/oidc/callback?{back}")).await;
    let mut set = answer.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap());
    assert!(set.any(|cookie| cookie.contains(SESSION) && cookie.contains("SameSite=Strict")));
    assert_eq!(
        answer.headers[header::REFERRER_POLICY],
        "no-referrer",
        "the code stands in the address"
    );
}

#[tokio::test]
async fn tokens_that_are_not_true_let_nobody_in() {
    let world = World::new(SigningKey::ec()).await;
    let (now, right) = (NOW.unix_timestamp(), world.provider.inner().claims.clone());
    for (changes, word) in [
        (json!({ "nonce": "another" }), "untrue"),
        (json!({ "aud": "another" }), "untrue"),
        (json!({ "iss": "https://evil.example" }), "untrue"),
        (json!({ "exp": now - 61 }), "untrue"),
        (json!({ "iat": now + 3_600 }), "untrue"),
        (json!({ "sub": null }), "untrue"),
        (json!({ "email_verified": false }), "unverified"),
        (json!({ "email_verified": null }), "unverified"),
        (json!({ "email": "no address" }), "unverified"),
        (json!({ "email": "ann@evil.example" }), "domain"),
        (json!({ "email": "ann@sub.example.org" }), "domain"),
        (json!({ "email": "ann@evil.example@example.org" }), "unverified"),
    ] {
        world.provider.inner().claims = right.clone();
        world.provider.says(&changes);
        let mut browser = Browser::default();
        let led = world.sign_in(&mut browser).await;
        assert_eq!(led, format!("/sign-in?sso={word}"), "{changes}");
        assert!(browser.0.is_empty(), "{changes}");
    }
}

#[tokio::test]
async fn signatures_that_are_none_let_nobody_in() {
    let world = World::new(SigningKey::rsa()).await;
    let mut browser = Browser::default();
    for name in ["none", "HS256", "ES256"] {
        world.provider.inner().header = Some(json!({ "alg": name, "kid": "k1" }));
        assert_eq!(world.sign_in(&mut browser).await, "/sign-in?sso=untrue", "{name}");
    }
    world.provider.inner().header = None;
    world.sign_in(&mut Browser::default()).await;
    // Another key under the name of the one that was published.
    world.provider.inner().key = SigningKey::ec();
    assert_eq!(world.sign_in(&mut browser).await, "/sign-in?sso=untrue");
    assert!(!browser.is_in());
}

#[tokio::test]
async fn a_provider_may_change_its_key_and_is_not_asked_for_it_again_and_again() {
    let world = World::new(SigningKey::ec()).await;
    world.sign_in(&mut Browser::default()).await;
    world.sign_in(&mut Browser::default()).await;
    assert_eq!(world.provider.inner().keys_asked, 1);
    {
        let mut inner = world.provider.inner();
        (inner.key, inner.key_id) = (SigningKey::ec(), "k2".to_owned());
    }
    world.api.hand.advance(Duration::from_secs(31));
    let mut browser = Browser::default();
    assert_eq!(world.sign_in(&mut browser).await, "/hosts?a=b");
    // Tokens under names that nobody has make nobody ask more often.
    for _ in 0..5 {
        world.provider.inner().header = Some(json!({ "alg": "ES256", "kid": "nobody's" }));
        assert_eq!(world.sign_in(&mut browser).await, "/sign-in?sso=untrue");
    }
    assert_eq!(world.provider.inner().keys_asked, 2);
}

#[tokio::test]
async fn an_answer_counts_once_in_its_own_browser_and_in_its_time() {
    let world = World::new(SigningKey::ec()).await;
    let (mut ann, mut eve) = (Browser::default(), Browser::default());
    let (sent, kept) = (world.start(&mut ann).await, ann.clone());
    world.start(&mut eve).await;
    let back = world.provider.lets_in(&sent);
    // In a browser that began nothing, and in one that began something else.
    for browser in [&mut Browser::default(), &mut eve] {
        assert_eq!(world.come_back(browser, &back).await, "/sign-in?sso=expired");
        assert!(!browser.is_in());
    }
    assert_eq!(world.come_back(&mut ann, &back).await, "/hosts?a=b");
    // Again, with what the browser had, and a code that the provider would take.
    let again = world.provider.lets_in(&sent);
    let mut replayed = kept.clone();
    assert_eq!(world.come_back(&mut replayed, &again).await, "/sign-in?sso=expired");
    let mut late = Browser::default();
    let sent = world.start(&mut late).await;
    world.api.hand.advance(Duration::from_secs(600));
    let back = world.provider.lets_in(&sent);
    assert_eq!(world.come_back(&mut late, &back).await, "/sign-in?sso=expired");
    for query in ["", "code=c", "state=s", "code=c&state=s"] {
        assert_eq!(world.come_back(&mut kept.clone(), query).await, "/sign-in?sso=expired");
    }
}

#[tokio::test]
async fn a_provider_that_is_away_or_does_odd_things_is_said_and_followed_nowhere() {
    let world = World::new(SigningKey::ec()).await;
    let mut browser = Browser::default();
    for does in [Does::Fail, Does::Redirect, Does::Flood] {
        let sent = world.start(&mut browser).await;
        let back = world.provider.lets_in(&sent);
        world.provider.inner().does = does;
        assert_eq!(world.come_back(&mut browser, &back).await, "/sign-in?sso=away", "{does:?}");
        world.provider.inner().does = Does::Answer;
    }
    // What was published is forgotten, and nobody is there to ask.
    world.api.hand.advance(Duration::from_secs(3_601));
    for does in [Does::Fail, Does::Redirect, Does::Flood] {
        world.provider.inner().does = does;
        let answer = browser.go(&world.api, "/api/v1/oidc/start?company=ours").await;
        assert_eq!(place(&answer), "/sign-in?sso=away", "{does:?}");
    }
    assert!(!browser.is_in());
}

#[tokio::test]
async fn who_is_refused_by_the_provider_or_not_meant_by_it_is_told_so() {
    let world = World::new(SigningKey::ec()).await;
    let mut browser = Browser::default();
    let sent = world.start(&mut browser).await;
    let back = world.provider.lets_in(&sent).replace("code=", "error=access_denied&was=");
    assert_eq!(world.come_back(&mut browser, &back).await, "/sign-in?sso=denied");
    // Another provider's answer, which says so (RFC 9207).
    let sent = world.start(&mut browser).await;
    let back = format!("{}&iss=https://evil.example", world.provider.lets_in(&sent));
    assert_eq!(world.come_back(&mut browser, &back).await, "/sign-in?sso=untrue");
    for whose in ["company=Theirs", "company=nobody", "email=a@nowhere.example", "email=a"] {
        let answer = browser.go(&world.api, &format!("/api/v1/oidc/start?{whose}")).await;
        assert_eq!(place(&answer), "/sign-in?sso=unknown", "{whose}");
    }
    let neither = browser.go(&world.api, "/api/v1/oidc/start").await;
    neither.blames("company", "the company's name");
}

#[tokio::test]
async fn a_session_that_was_planted_ends_and_a_provider_opens_no_other_company() {
    let world = World::new(SigningKey::ec()).await;
    let mut browser = Browser::default();
    world.sign_in(&mut browser).await;
    let planted = browser.clone();
    world.sign_in(&mut browser).await;
    assert_ne!(browser.0[SESSION], planted.0[SESSION]);
    let old = planted.clone().go(&world.api, "/api/v1/me").await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    // Theirs has an account of this address, and ours names the domain.
    let theirs = &world.api.theirs;
    let invite = json!({ "email": "bob@example.org", "role": "admin" }).to_string();
    let path = "/api/v1/invitations";
    let made = world.api.send(Method::POST, path, Some(&theirs.admin), Some(&invite)).await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let accept = json!({ "token": token, "name": "Bob", "password": "seven quiet herons" });
    let headers = [("muster-csrf", "1")];
    let route = (Method::POST, "/invitations/accept");
    let accepted = world.api.write(route, &theirs.admin, &headers, &accept).await;
    assert_eq!(accepted.status, StatusCode::NO_CONTENT, "{}", accepted.text);
    world.provider.says(&json!({ "sub": "s2", "email": "Bob@Example.org" }));
    let mut thief = Browser::default();
    assert_eq!(world.sign_in(&mut thief).await, "/hosts?a=b");
    // An account of our own: theirs is neither opened by it nor seen.
    let me = world.me(&mut thief).await;
    let companies = me["companies"].as_array().unwrap();
    assert_eq!((companies.len(), &companies[0]["role"]), (1, &json!("viewer")));
    let claim = json!({ "email": "bob@example.org", "password": "seven quiet herons" });
    let signed_in = world.api.write((Method::POST, "/sessions"), &theirs.admin, &headers, &claim);
    assert_eq!(signed_in.await.status, StatusCode::CREATED, "theirs is as it was");
}

#[tokio::test]
async fn who_came_by_a_provider_has_no_password_that_anybody_could_try() {
    let world = World::new(SigningKey::ec()).await;
    let mut browser = Browser::default();
    world.sign_in(&mut browser).await;
    for password in ["", "$argon2id$", "ann@example.org"] {
        let claim = json!({ "email": "ann@example.org", "password": password });
        let headers = [("muster-csrf", "1")];
        let route = (Method::POST, "/sessions");
        let refused = world.api.write(route, &world.api.ours.viewer, &headers, &claim).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{password:?}");
    }
}

#[tokio::test]
async fn steps_of_signing_in_are_counted() {
    let world = World::new(SigningKey::ec()).await;
    let mut browser = Browser::default();
    for _ in 0..240 {
        browser.go(&world.api, "/api/v1/oidc/start?company=nobody").await;
    }
    let answer = browser.go(&world.api, "/api/v1/oidc/start?company=ours").await;
    assert_eq!(place(&answer), "/sign-in?sso=too-many");
    world.api.hand.advance(Duration::from_secs(61));
    assert_eq!(world.sign_in(&mut browser).await, "/hosts?a=b");
}
