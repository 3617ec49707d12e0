//! Why a CVE is not found, asked over the API: in the words of the command, of one's own software alone.

use axum::http::{StatusCode, header};
use enrichment::lines;
use protocol::fingerprint::SoftwareKey;
use protocol::ids::Position;
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use serde_json::{Value, json};
use store::reports::{self, IncomingReport};
use uuid::Uuid;

use super::harness::{Api, INDEXED, NOW, evaluation};
use crate::pipeline::testing::{debian, index, lodash};

/// Brings software to the host of our company with its report of this number; gives its id.
async fn bring(api: &Api, seq: u32, record: SoftwareRecord) -> Uuid {
    let key = SoftwareKey::of(&record, &debian());
    let report = Report {
        position: Position::new(1, seq),
        made_at_ms: 0,
        platform: debian(),
        facts: None,
        sources: Vec::new(),
        digest: None,
        body: ReportBody::Delta { upserts: vec![record], removes: Vec::new() },
    };
    let agent = api.ours.host;
    let incoming = IncomingReport { agent, report, keys: vec![key], received_at: NOW };
    reports::apply(&api.ours.scope, &[incoming], &|_, _, _| evaluation(), 1, NOW).await.unwrap();
    key.to_uuid()
}

/// What the command answers of the same software.
fn by_command(record: &SoftwareRecord, cve: &str) -> Value {
    let line = json!({
        "source": record.source, "name": record.name, "version": record.version,
        "standalone": true, "os": { "family": "linux", "id": "debian", "version": "12" },
    });
    let answer = lines::match_line(&index(&INDEXED), &line.to_string(), Some(cve));
    serde_json::from_str::<Value>(&answer).unwrap()["why_not"].clone()
}

#[tokio::test]
async fn why_not_is_answered_as_the_command_answers_it() {
    let api = Api::new().await;
    let fixed = lodash("4.17.21");
    let software = bring(&api, 2, fixed.clone()).await;
    // Beyond the range, and a CVE that nobody knows; typed as people type.
    for (asked, cve) in [(INDEXED[0], INDEXED[0]), ("cve-1999-9999", "CVE-1999-9999")] {
        let path = format!("/api/v1/software/{software}/why-not/{asked}");
        let answer = api.get(&path, &api.ours.viewer).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let mut said = answer.json();
        let index = said.as_object_mut().unwrap().remove("index").unwrap();
        assert_eq!(index.as_str().map(str::len), Some(16));
        assert_eq!(said, by_command(&fixed, cve), "{asked}");
    }
    assert_eq!(by_command(&fixed, INDEXED[0])["step"], "version");
    // A package of a distribution of which the index has no advisories.
    let package = SoftwareRecord::new(Source::Deb, "openssh-server", "1:9.2p1-2");
    let software = bring(&api, 3, package).await;
    let path = format!("/api/v1/software/{software}/why-not/{}", INDEXED[0]);
    assert_eq!(api.get(&path, &api.ours.viewer).await.json()["step"], "not_evaluable");
}

#[tokio::test]
async fn why_not_is_asked_later_where_no_index_is_and_never_of_anothers_software() {
    let api = Api::new().await;
    api.node.lacks_an_index();
    let path = |software| format!("/api/v1/software/{software}/why-not/{}", INDEXED[0]);
    let answer = api.get(&path(api.ours.software), &api.ours.viewer).await;
    answer.refuses(503, "a match index");
    assert_eq!(answer.headers[header::RETRY_AFTER], "30");
    let answer = api.get(&path(api.theirs.software), &api.ours.viewer).await;
    answer.refuses(404, "software");
}
