//! An API with a database of its own, two companies in it, and requests without a socket.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use enrichment::evaluation::{Confidence, Evaluation, Finding, Identity, Status, Why};
use metrics_exporter_prometheus::PrometheusBuilder;
use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::host::Platform;
use protocol::ids::{AgentId, CompanyId, Position, TokenId};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use protocol::token::EnrolmentToken;
use serde_json::Value;
use store::agents::{self, Certificate, Enrolment};
use store::api_keys::{self, NewApiKey, PresentedKey};
use store::companies;
use store::enrolment_tokens::{self, Labels, NewEnrolmentToken};
use store::reports::{self, IncomingReport};
use store::tenant::{Role, TenantScope};
use store::test_support::FreshDatabase;
use time::OffsetDateTime;
use time::macros::datetime;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::clock::{Clock, ManualClock};
use crate::config::{Config, Layers, OidcConfig, WebhooksConfig};
use crate::http::{ApiState, Explained, Exports, Gate, Live, Node, NodeStatus, Uploads, router};
use crate::lifecycle::Lifecycle;
use crate::mail::Passes;
use crate::oidc::Oidc;
use crate::pipeline::matcher::Matcher;
use crate::pipeline::testing::index;
use crate::traces::Tracer;
use crate::webhooks::{Reach, Sealer};

pub(super) const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

/// Requests that are answered at once.
pub(super) const REQUESTS_MAX: u32 = 8;

/// A company with a host on which `node` 18.0.0 is installed, which has one finding.
pub(super) struct Tenant {
    pub(super) company: CompanyId,
    pub(super) scope: TenantScope,
    pub(super) host: AgentId,
    pub(super) software: Uuid,
    pub(super) viewer: String,
    pub(super) analyst: String,
    pub(super) admin: String,
}

/// An API with two companies.
pub(super) struct Api {
    pub(super) router: Router,
    pub(super) hand: ManualClock,
    pub(super) node: Arc<FakeNode>,
    pub(super) database: FreshDatabase,
    pub(super) operator: String,
    pub(super) ours: Tenant,
    pub(super) theirs: Tenant,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl Answer {
    /// The items of a list, which has to be one.
    pub(super) fn items(&self) -> Vec<Value> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()["items"].as_array().unwrap().clone()
    }

    /// Asserts that it refuses with this status and these words.
    pub(super) fn refuses(&self, status: u16, words: &str) {
        assert_eq!(self.status.as_u16(), status, "{words:?}: {}", self.text);
        let problem = self.json();
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "{words:?} is not in {detail:?}");
    }

    /// Asserts that it takes a body for none of the shape that it wants, with these words.
    pub(super) fn is_no_body(&self, words: &str) {
        // 400 or 422: what cannot be read as what it should be looks like bad JSON in some places.
        assert!(self.status.is_client_error(), "{}", self.text);
        assert_eq!(self.json()["type"], "urn:muster:problem:body", "{}", self.text);
        self.refuses(self.status.as_u16(), words);
    }

    /// Asserts that it blames this field and no other, with these words.
    pub(super) fn blames(&self, field: &str, words: &str) {
        self.refuses(422, words);
        let errors = self.json()["errors"].clone();
        let fields: Vec<_> = errors.as_array().into_iter().flatten().collect();
        assert_eq!(fields.len(), 1, "{}", self.text);
        assert_eq!(fields[0]["field"], field, "{}", self.text);
    }
}

/// A node whose index is of two CVEs of lodash, unless a test says that it has none.
#[derive(Default)]
pub(super) struct FakeNode {
    matcher: OnceLock<Matcher>,
}

/// The CVEs of the node's index.
pub(super) const INDEXED: [&str; 2] = ["CVE-2020-8203", "CVE-2021-23337"];

impl FakeNode {
    /// Has no index from the beginning.
    pub(super) fn lacks_an_index(&self) {
        assert!(self.matcher.set(Matcher::in_memory(1)).is_ok(), "it was asked before");
    }
}

impl Node for FakeNode {
    fn status(&self) -> NodeStatus {
        NodeStatus::default()
    }

    fn new_token(&self, id: TokenId) -> anyhow::Result<EnrolmentToken> {
        let addresses = vec!["collector.example:7070".to_owned()];
        Ok(EnrolmentToken { id, secret: [7; 32], ca_sha256: [8; 32], addresses })
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn why_not(
        &self,
        record: &SoftwareRecord,
        platform: &Platform,
        cve: &str,
    ) -> Option<Explained> {
        // Made when it is asked for, which few tests do.
        let matcher = self.matcher.get_or_init(|| {
            let matcher = Matcher::in_memory(1);
            matcher.swap(index(&INDEXED));
            matcher
        });
        let judge = matcher.judge();
        let answer = judge.why_not(record, platform, cve)?;
        Some(Explained { answer, generation: judge.generation() })
    }
}

impl Api {
    pub(super) async fn new() -> Self {
        // Streams end when there is nothing more to tell, so that every answer has an end.
        Self::with(Live::of_a_test(true)).await
    }

    /// An API whose streams go on.
    pub(super) async fn streaming() -> Self {
        Self::with(Live::of_a_test(false)).await
    }

    async fn with(live: Live) -> Self {
        let database = FreshDatabase::create().await;
        let store = database.store().clone();
        let (clock, hand) = Clock::manual(NOW);
        let mut config = Config::from_layers(Layers::defaults()).unwrap().http;
        // Few enough that a test can come to the end of them.
        config.principal_requests_per_minute = 500;
        config.requests_max = REQUESTS_MAX;
        // The providers of these tests are on this machine.
        let oidc = OidcConfig {
            public_url: Some("https://muster.example".to_owned()),
            allow_http: true,
            allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ca_file: None,
        };
        let node = Arc::new(FakeNode::default());
        let shared: Arc<dyn Node> = Arc::<FakeNode>::clone(&node);
        let state = ApiState {
            mail: None,
            passes: Passes::new(|_| [5; 32]),
            oidc: Oidc::new(&oidc, clock.clone(), |_| [4; 32]).unwrap(),
            store: store.clone(),
            clock,
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            node: shared,
            gate: Gate::new(&config),
            tasks: Lifecycle::new(),
            exports: Exports::new(Lifecycle::new()),
            uploads: Uploads::new(&config),
            live,
            reach: Reach::new(&WebhooksConfig::default()),
            sealer: Sealer::new(|_| [3; 32]).unwrap(),
            history_days: 90,
            tracer: Tracer::default(),
            deletion_wait: Duration::from_secs(7 * 86_400),
        };
        let operator = PresentedKey::new(Uuid::new_v4(), [1; 32]);
        let new = NewApiKey { key: &operator, name: "operator", expires_at: None };
        api_keys::create_operator(&store.local_operator(), &new, NOW).await.unwrap();
        Self {
            // The two differ in every secret and identifier (10, 11, 12 and 20, 21, 22) and are
            // alike in all else: what crosses from one to the other is seen by its bytes.
            ours: tenant(&database, "Ours", 10).await,
            theirs: tenant(&database, "Theirs", 20).await,
            operator: operator.expose(),
            router: router(state, &config),
            hand,
            node,
            database,
        }
    }

    /// Sends a request with a key, and a body when there is one.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        self.answer(request.body(body).unwrap()).await
    }

    /// Sends JSON with more headers, to a path of the API.
    pub(super) async fn write(
        &self,
        (method, path): (Method, &str),
        key: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str, key: &str) -> Answer {
        self.send(Method::GET, path, Some(key), None).await
    }

    /// Sends a request as the operator in a company.
    pub(super) async fn get_in(&self, path: &str, company: CompanyId) -> Answer {
        let request = Request::get(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.operator))
            .header("Muster-Company", company.to_string())
            .body(Body::empty())
            .unwrap();
        self.answer(request).await
    }

    /// An answer whose body goes on.
    pub(super) async fn begin(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// An answer whose body is no text.
    pub(super) async fn bytes(&self, request: Request<Body>) -> (HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        (parts.headers, bytes.to_vec())
    }

    pub(super) async fn answer(&self, request: Request<Body>) -> Answer {
        // The whole router with its layers, and no socket: what hyper does before it is tested with
        // the program.
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}

async fn tenant(database: &FreshDatabase, name: &str, seed: u8) -> Tenant {
    let store = database.store();
    let operator = store.local_operator();
    let company = CompanyId(Uuid::from_u128(seed.into()));
    companies::create(&operator, company, name, NOW).await.unwrap();
    let scope = operator.scope(company).await.unwrap().unwrap();
    let host = enrol(database, &scope, seed).await;
    let software = install(&scope, host, seed).await;
    Tenant {
        viewer: key(&scope, seed + 1, Role::Viewer).await,
        analyst: key(&scope, seed + 3, Role::Analyst).await,
        admin: key(&scope, seed + 2, Role::Admin).await,
        company,
        scope,
        host,
        software,
    }
}

async fn key(scope: &TenantScope, seed: u8, role: Role) -> String {
    let key = PresentedKey::new(Uuid::new_v4(), [seed; 32]);
    let new = NewApiKey { key: &key, name: "test", expires_at: None };
    api_keys::create(scope, &new, role, NOW).await.unwrap();
    key.expose()
}

async fn enrol(database: &FreshDatabase, scope: &TenantScope, seed: u8) -> AgentId {
    let token = TokenId(Uuid::new_v4());
    let labels = Labels::new();
    let new = NewEnrolmentToken {
        id: token,
        secret: &[seed; 32],
        name: "test",
        labels: &labels,
        expires_at: None,
        uses_max: None,
    };
    enrolment_tokens::create(scope, &new, NOW).await.unwrap();
    let enrolment = Enrolment {
        token,
        secret: &[seed; 32],
        agent: AgentId(Uuid::new_v4()),
        hostname: "web-1",
        agent_version: "0.1.0",
        labels: &Labels::new(),
    };
    let certificate = Certificate {
        serial: vec![seed],
        sha256: [seed; 32],
        expires_at: NOW + Duration::from_secs(86_400),
    };
    agents::enrol(database.store(), &enrolment, &|_, _| Ok((certificate.clone(), ())), NOW)
        .await
        .unwrap()
        .agent
}

/// Reports one record and gives its key.
async fn install(scope: &TenantScope, host: AgentId, seed: u8) -> Uuid {
    let platform =
        Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() };
    // Another version for each company, hence another key: the key follows from the record and the
    // platform, so with the same software one company's answer could not be told from the other's.
    let record = SoftwareRecord::new(Source::Deb, "nodejs", format!("18.0.{seed}-1nodesource1"));
    let key = SoftwareKey::of(&record, &platform);
    let report = Report {
        position: Position::new(1, 1),
        made_at_ms: 0,
        platform,
        facts: None,
        sources: Vec::new(),
        // The right one, or the store would ask the agent for a snapshot, which shows in the host's
        // answers.
        digest: Some([RecordFingerprint::of(key, &record)].into_iter().collect()),
        body: ReportBody::Snapshot { from: SoftwareKey(0), to: None, records: vec![record] },
    };
    let incoming = IncomingReport { agent: host, report, keys: vec![key], received_at: NOW };
    reports::apply(scope, &[incoming], &|_, _, _| evaluation(), 1, NOW).await.unwrap();
    key.to_uuid()
}

pub(super) fn evaluation() -> Evaluation {
    Evaluation {
        status: Status::Evaluated,
        reason: None,
        identity: Identity { rule: "test".to_owned(), ..Identity::default() },
        findings: vec![Finding {
            cve: "CVE-2024-0001".into(),
            source: "nvd".into(),
            confidence: Confidence::High,
            fixed_in: Some("18.0.1".into()),
            why: Why::default(),
        }],
        keys: Vec::new(),
    }
}
