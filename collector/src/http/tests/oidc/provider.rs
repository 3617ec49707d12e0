//! A provider of identities: a real server that publishes, takes codes and signs, right or wrong.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::harness::NOW;
use crate::oidc::testing::SigningKey;

/// What the provider gave this collector, with what a form has to escape.
pub(super) const SECRET: &str = "s3cret: a+b";

/// How it answers when it is asked for what it publishes, or for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Answer,
    Fail,
    Redirect,
    /// More than anybody wants.
    Flood,
}

/// What it was asked for and has to answer.
struct Asked {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

pub(super) struct Inner {
    pub(super) does: Does,
    pub(super) key: SigningKey,
    pub(super) key_id: String,
    /// What a token says beside what binds it, and instead of it.
    pub(super) claims: Value,
    /// The header of a token, where it is not the right one.
    pub(super) header: Option<Value>,
    /// What its configuration says instead of what is right.
    pub(super) configuration: Value,
    codes: HashMap<String, Asked>,
    issuer: String,
    /// How often its keys were asked for.
    pub(super) keys_asked: u32,
}

/// The provider; it ends when it is dropped.
pub(super) struct Provider {
    shared: Arc<Mutex<Inner>>,
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Provider {
    pub(super) async fn new(key: SigningKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Inner {
            does: Does::Answer,
            key,
            key_id: "k1".to_owned(),
            claims: json!({ "sub": "s1", "email": "ann@example.org", "email_verified": true }),
            header: None,
            configuration: json!({}),
            codes: HashMap::new(),
            issuer: format!("http://{address}"),
            keys_asked: 0,
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { shared, address, _serving: serving }
    }

    pub(super) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap()
    }

    /// What it says of somebody from now on.
    pub(super) fn says(&self, changes: &Value) {
        let mut inner = self.inner();
        for (name, value) in changes.as_object().unwrap() {
            inner.claims[name] = value.clone();
        }
    }

    /// Lets somebody in who was sent here; gives the query that they come back with.
    pub(super) fn lets_in(&self, location: &str) -> String {
        let (place, query) = location.split_once('?').unwrap();
        assert_eq!(place, format!("{}/authorize", self.issuer()));
        let asked: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], "muster");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let mut inner = self.inner();
        let code = format!("code+{}", inner.codes.len());
        let answers = Asked {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        inner.codes.insert(code.clone(), answers);
        form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &asked["state"])
            // Providers add things of their own.
            .append_pair("session_state", "x")
            .finish()
    }
}

type Shared = State<Arc<Mutex<Inner>>>;

fn as_it_does(does: Does, answer: Response) -> Response {
    match does {
        Does::Answer => answer,
        Does::Fail => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Does::Redirect => Redirect::temporary("http://127.0.0.1:9/").into_response(),
        Does::Flood => "a".repeat(1 << 20).into_response(),
    }
}

fn merged(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

async fn configuration(State(shared): Shared) -> Response {
    let inner = shared.lock().unwrap();
    let issuer = &inner.issuer;
    let right = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
    });
    as_it_does(inner.does, merged(right, &inner.configuration).to_string().into_response())
}

async fn keys(State(shared): Shared) -> Response {
    let mut inner = shared.lock().unwrap();
    inner.keys_asked += 1;
    let set = json!({ "keys": [inner.key.jwk(&inner.key_id)] });
    as_it_does(inner.does, set.to_string().into_response())
}

async fn token(State(shared): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = shared.lock().unwrap();
    let form: HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
    let asked = inner.codes.remove(&form["code"]);
    let is_right = asked.as_ref().is_some_and(|asked| {
        let hash = digest::digest(&digest::SHA256, form["code_verifier"].as_bytes());
        asked.challenge == URL_SAFE_NO_PAD.encode(hash.as_ref())
            && asked.redirect_uri == form["redirect_uri"]
            && form["grant_type"] == "authorization_code"
            && is_client(&headers)
    });
    let Some(asked) = asked.filter(|_| is_right) else {
        return (StatusCode::BAD_REQUEST, r#"{"error":"invalid_grant"}"#).into_response();
    };
    let now = NOW.unix_timestamp();
    let binds = json!({ "iss": inner.issuer, "aud": "muster", "nonce": asked.nonce,
                        "iat": now, "exp": now + 300 });
    let claims = merged(binds, &inner.claims);
    let token = match &inner.header {
        Some(header) => inner.key.token_with(header, &claims),
        None => inner.key.token(&inner.key_id, &claims),
    };
    let answer = json!({ "access_token": "a", "token_type": "Bearer", "id_token": token });
    as_it_does(inner.does, answer.to_string().into_response())
}

/// Whether a request shows the client's name and secret, as a form would write them.
fn is_client(headers: &HeaderMap) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let pair = shown.and_then(|text| text.strip_prefix("Basic ")).unwrap_or_default();
    let pair = String::from_utf8(STANDARD.decode(pair).unwrap_or_default()).unwrap();
    let secret: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    pair == format!("muster:{secret}")
}
