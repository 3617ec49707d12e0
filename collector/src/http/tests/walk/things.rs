//! One object of every kind in a company, and a valid body for every operation: what a request has to name and to say
//! before anybody looks whose it is. A path or a body without an entry here ends the test, so that a new route gets one.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use protocol::frame::{Frame, Packing};
use protocol::ids::Position;
use serde_json::{Value, json};
use store::dead_letters::{self, NewDeadLetter};
use uuid::Uuid;

use super::super::harness::{Api, NOW, Tenant};
use super::super::people::{Browser, PASSWORD, accept, invite_as};
use super::Operation;

/// What the world has named before, and no company.
const WORLDS: &str = "cve";

/// The objects of a company, by how paths call them.
pub(in crate::http::tests) struct Things {
    ids: BTreeMap<&'static str, String>,
}

impl Things {
    /// Makes one of each.
    pub(in crate::http::tests) async fn of(api: &Api, tenant: &Tenant) -> Self {
        let mut ids = BTreeMap::from([
            ("company", tenant.company.to_string()),
            ("host", tenant.host.to_string()),
            ("software", tenant.software.to_string()),
            (WORLDS, "CVE-2024-0001".to_owned()),
            ("letter", letter(tenant).await),
        ]);
        for (name, path, body) in new_ones() {
            ids.insert(name, make(api, tenant, path, &body).await);
        }
        let trial = format!("/webhooks/{}/test", ids["webhook"]);
        ids.insert("delivery", make(api, tenant, &trial, &Value::Null).await);
        // That of the report, or of the import.
        let jobs = api.get("/api/v1/jobs", &tenant.admin).await.items();
        ids.insert("job", text(&jobs[0], "id"));
        let (user, session) = person(api, tenant).await;
        ids.insert("user", user);
        ids.insert("session", session);
        Self { ids }
    }

    /// The id of the object that a path calls by this name.
    pub(in crate::http::tests) fn id(&self, name: &str) -> &str {
        let id = self.ids.get(name).map(String::as_str);
        id.unwrap_or_else(|| panic!("nothing is made for {{{name}}}: make one in every company"))
    }

    /// A path with what it names, and with what its query has to have.
    pub(in crate::http::tests) fn path_of(&self, operation: &Operation) -> String {
        self.fill(&operation.path) + &query_of(operation)
    }

    /// A path with the objects that are named in it still.
    pub(super) fn fill(&self, path: &str) -> String {
        let parts = path.split('/').map(|part| name_of(part).map_or(part, |name| self.id(name)));
        parts.collect::<Vec<_>>().join("/")
    }

    /// What an operation takes, which names these objects where it can name any.
    pub(in crate::http::tests) fn body_of(&self, operation: &Operation) -> Option<Value> {
        let name = operation.document["operationId"].as_str().unwrap_or_default();
        let mut bodies = [self.inventory(name), self.rules(name), self.outside(name), people(name)]
            .into_iter()
            .flatten();
        let body = bodies.next();
        let takes_one = operation.document["requestBody"].is_object();
        assert_eq!(body.is_some(), takes_one, "whether {name} takes a body: give it a valid one");
        body
    }

    fn inventory(&self, operation: &str) -> Option<Value> {
        let body = match operation {
            "create_enrolment_token" => json!({ "name": "walk", "labels": { "site": "north" } }),
            "create_import" => bill(),
            "create_label" => json!({ "name": "walk" }),
            "put_label" => json!({ "name": "changed", "description": "by a walk" }),
            "scan_hosts" => json!({ "hosts": [self.id("host")] }),
            "replay_dead_letters" => json!({ "host": self.id("host") }),
            "assign_label" => json!({ "carries": true, "hosts": [self.id("host")] }),
            "create_report" => with(report("walk"), "label", self.id("label")),
            "create_report_schedule" => with(schedule("walk"), "label", self.id("label")),
            "put_report_schedule" => schedule("changed"),
            "put_settings" => json!({
                "heartbeat_every_s": 60, "scan_every_s": 3_600, "sources_off": [], "visits": null,
            }),
            "put_retention" => json!({ "history_days": 30, "silent_hosts_days": 60 }),
            _ => return None,
        };
        Some(body)
    }

    fn rules(&self, operation: &str) -> Option<Value> {
        let body = match operation {
            "create_exception" => json!({
                "rule": { "cve": "CVE-2024-0002", "label": self.id("label") }, "status": "affected",
            }),
            "replace_exception" => json!({
                "rule": { "cve": "CVE-2024-0003", "host": self.id("host") }, "status": "affected",
            }),
            "preview_exception" => json!({ "cve": "CVE-2024-0001", "host": self.id("host") }),
            "put_exception_settings" => json!({ "approval_needed": false }),
            "create_policy" => json!({
                "name": "walk", "label": self.id("label"), "rule": { "no_finding": {} },
            }),
            "put_policy" => {
                json!({ "name": "changed", "rule": { "no_software": { "name": "x" } } })
            }
            "import_vex" => json!({
                "@context": "https://openvex.dev/ns/v0.2.0",
                "@id": "https://example.com/walk",
                "author": "Example",
                "timestamp": "2026-01-01T00:00:00Z",
                "version": 1,
                "statements": [{
                    "vulnerability": { "name": "CVE-2024-0004" },
                    "products": [{ "@id": "pkg:generic/nodejs" }],
                    "status": "fixed",
                    "timestamp": "2026-01-01T00:00:00Z",
                }],
            }),
            _ => return None,
        };
        Some(body)
    }

    fn outside(&self, operation: &str) -> Option<Value> {
        let webhook = |name: &str| {
            json!({
                "name": name, "url": "https://hooks.example/T0/walk", "kinds": ["finding.opened"],
            })
        };
        let secret = || json!({ "secret": "0123456789abcdefghijklmnopqrstuv" });
        let body = match operation {
            "create_api_key" => json!({ "name": "walk", "role": "viewer" }),
            "create_webhook" => webhook("walk"),
            "put_webhook" => webhook("changed"),
            "replay_webhook" => json!({ "since": "2026-03-01T11:00:00Z" }),
            "put_webhook_secret" | "check_webhook_secret" => secret(),
            // Nobody is asked whether a provider is at an address that nobody may be sent to.
            "put_oidc" => json!({
                "issuer": "https://169.254.169.254", "client_id": "muster",
                "client_secret": "walk", "domains": ["example.org"],
            }),
            "create_company" => json!({ "name": "Walk" }),
            "rename_company" => json!({ "name": "Renamed" }),
            "delete_company" => json!({ "name": "Theirs" }),
            _ => return None,
        };
        Some(body)
    }
}

/// What is made by asking for it.
fn new_ones() -> [(&'static str, &'static str, Value); 10] {
    let key = json!({ "name": "things", "role": "viewer" });
    let exception = json!({ "rule": { "cve": "CVE-2024-0009" }, "status": "affected" });
    let policy = json!({ "name": "things", "rule": { "no_finding": {} } });
    let webhook = json!({
        "name": "things", "url": "https://hooks.example/T0/things", "kinds": ["policy.fail"],
    });
    [
        ("key", "/api-keys", key),
        ("token", "/enrolment-tokens", json!({ "name": "things" })),
        ("exception", "/exceptions", exception),
        ("import", "/imports?name=things", bill()),
        ("invitation", "/invitations", json!({ "email": "eve@example.org", "role": "viewer" })),
        ("label", "/labels", json!({ "name": "things" })),
        ("policy", "/policies", policy),
        ("report", "/reports", report("things")),
        ("schedule", "/report-schedules", schedule("things")),
        ("webhook", "/webhooks", webhook),
    ]
}

fn people(operation: &str) -> Option<Value> {
    let password = || json!({ "password": PASSWORD });
    let body = match operation {
        "create_invitation" => json!({ "email": "bob@example.org", "role": "viewer" }),
        "invite_operator" => json!({ "email": "root@example.org" }),
        "accept_invitation" => json!({ "token": "msi_x", "name": "Ann", "password": PASSWORD }),
        "update_user" => json!({ "role": "admin" }),
        "sign_in" => json!({ "email": "ann@example.org", "password": PASSWORD }),
        "set_own_password" => {
            json!({ "password": PASSWORD, "new_password": "eight quiet herons" })
        }
        "begin_totp" | "remove_totp" => password(),
        "confirm_totp" => json!({ "code": "000000" }),
        "put_own_digest" => json!({ "at": "06:30" }),
        _ => return None,
    };
    Some(body)
}

/// The names of a path's parameters that are some company's objects, in order.
pub(super) fn names_of(path: &str) -> Vec<&str> {
    path.split('/').filter_map(name_of).filter(|name| *name != WORLDS).collect()
}

fn name_of(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// The query without which an operation is refused, or nothing.
fn query_of(operation: &Operation) -> String {
    let all = operation.document["parameters"].as_array().cloned().unwrap_or_default();
    let needed = all.iter().filter(|one| one["in"] == "query" && one["required"] == true);
    let given = needed.map(|one| match one["name"].as_str().unwrap() {
        "name" => "name=walk",
        "format" => "format=openvex",
        "pass" => "pass=walk",
        other => panic!("{} needs {other} in its query: say what", operation.path),
    });
    let given: Vec<_> = given.collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

fn bill() -> Value {
    let package = json!({ "name": "lodash", "purl": "pkg:npm/lodash@4.17.20" });
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [package] })
}

fn report(name: &str) -> Value {
    json!({ "name": name, "kind": "findings", "format": "csv" })
}

fn schedule(name: &str) -> Value {
    json!({ "name": name, "kind": "findings", "format": "csv", "at": "06:30" })
}

fn with(mut body: Value, field: &str, value: &str) -> Value {
    body[field] = value.into();
    body
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap().to_owned()
}

/// Has something made by the company's admin, and gives its id.
async fn make(api: &Api, tenant: &Tenant, path: &str, body: &Value) -> String {
    let made = api.write((Method::POST, path), &tenant.admin, &[], body).await;
    assert!(made.status.is_success(), "{path}: {}", made.text);
    text(&made.json(), "id")
}

async fn letter(tenant: &Tenant) -> String {
    let letter = NewDeadLetter {
        id: Uuid::new_v4(),
        agent: tenant.host,
        position: Position::new(1, 2),
        reason: "invalid_record".to_owned(),
        detail: "record 3: the name is empty".to_owned(),
        frame: Frame { packing: Packing::Plain, payload: vec![1, 2, 3] },
        received_at: NOW,
    };
    let id = letter.id.to_string();
    dead_letters::add(&tenant.scope, &[letter], NOW).await.unwrap();
    id
}

/// Somebody of the company, who is signed in: their id, and their session's.
async fn person(api: &Api, tenant: &Tenant) -> (String, String) {
    let email = format!("thing{}@example.org", tenant.company.0.as_u128());
    let mut browser = admitted(api, &[(tenant, "admin")], &email).await;
    let own = browser.send(api, Method::GET, "/sessions", None).await.items();
    let users = api.get("/api/v1/users", &tenant.admin).await.items();
    let user = users.iter().find(|user| user["email"] == email.as_str()).unwrap();
    (text(user, "id"), text(&own[0], "id"))
}

/// Somebody who has these roles in these companies, and is signed in.
pub(in crate::http::tests) async fn admitted(
    api: &Api,
    roles: &[(&Tenant, &str)],
    email: &str,
) -> Browser {
    for (tenant, role) in roles {
        let token = invite_as(api, &tenant.admin, email, role).await;
        let accepted = accept(api, &token, PASSWORD).await;
        assert_eq!(accepted.status, StatusCode::NO_CONTENT, "{}", accepted.text);
    }
    let mut browser = Browser::default();
    let began = browser.sign_in(api, email, PASSWORD).await;
    assert_eq!(began.status, StatusCode::CREATED, "{}", began.text);
    browser
}
