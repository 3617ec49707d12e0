//! For tests: a company with an agent in a real database, and small match indexes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use enrichment::feeds::read_path;
use enrichment::index::{Builder, Index};
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::ids::{AgentId, CompanyId, Position, Seq, TokenId};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use store::agents::{self, Certificate, Enrolment};
use store::companies;
use store::database::Store;
use store::enrolment_tokens::{self, Labels, NewEnrolmentToken};
use store::tenant::TenantScope;
use time::OffsetDateTime;
use uuid::Uuid;

/// Some day, to count from.
pub(crate) const DAY: OffsetDateTime = time::macros::datetime!(2026-03-01 12:00 UTC);

/// Makes a company of that number.
pub(crate) async fn company(store: &Store, number: u128) -> TenantScope {
    let id = CompanyId(Uuid::from_u128(number));
    let operator = store.local_operator();
    companies::create(&operator, id, &format!("Company {number}"), DAY).await.unwrap();
    store.pipeline_scope(id).await.unwrap().unwrap()
}

/// Makes an agent of that number in a company.
pub(crate) async fn agent(store: &Store, scope: &TenantScope, number: u128) -> AgentId {
    let (token, secret) = (TokenId(Uuid::from_u128(number)), [7; 32]);
    let new = NewEnrolmentToken {
        id: token,
        secret: &secret,
        name: "test",
        labels: &BTreeMap::new(),
        expires_at: None,
        uses_max: None,
    };
    enrolment_tokens::create(scope, &new, DAY).await.unwrap();
    let enrolment = Enrolment {
        token,
        secret: &secret,
        agent: AgentId(Uuid::from_u128(number)),
        hostname: "host",
        agent_version: "0.1.0",
        labels: &Labels::new(),
    };
    let certificate = Certificate {
        serial: number.to_be_bytes().to_vec(),
        sha256: [9; 32],
        expires_at: DAY + time::Duration::days(30),
    };
    agents::enrol(store, &enrolment, &|_, _| Ok((certificate.clone(), ())), DAY).await.unwrap();
    enrolment.agent
}

/// lodash of a version, as npm says it.
pub(crate) fn lodash(version: &str) -> SoftwareRecord {
    SoftwareRecord::new(Source::Npm, "lodash", version)
}

/// Where it is installed.
pub(crate) fn debian() -> Platform {
    Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() }
}

/// The key of a record on [`debian`].
pub(crate) fn key(record: &SoftwareRecord) -> SoftwareKey {
    SoftwareKey::of(record, &debian())
}

/// A report that brings records: all of them at an epoch's begin, else new ones.
pub(crate) fn report(position: Position, mut records: Vec<SoftwareRecord>) -> Report {
    // A real snapshot has as many parts as it takes; with `to: None` in the first, one part is all
    // of it.
    let body = if position.seq == Seq(1) {
        // The protocol wants a snapshot's records in the order of their keys, and a report that is
        // not is invalid.
        records.sort_by_key(key);
        ReportBody::Snapshot { from: SoftwareKey(0), to: None, records }
    } else {
        ReportBody::Delta { upserts: records, removes: Vec::new() }
    };
    Report {
        position,
        made_at_ms: 0,
        platform: debian(),
        facts: None,
        sources: Vec::new(),
        body,
        digest: None,
    }
}

/// Writes an index in which each of `cves` concerns lodash before 4.17.21.
pub(crate) fn write_index(path: &Path, cves: &[&str]) {
    let vulnerabilities: Vec<_> = cves.iter().map(|cve| vulnerability(cve)).collect();
    let feed = serde_json::json!({
        "resultsPerPage": cves.len(), "startIndex": 0, "totalResults": cves.len(),
        "format": "NVD_CVE", "version": "2.0", "timestamp": "2026-03-01T00:00:00.000",
        "vulnerabilities": vulnerabilities,
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nvdcve-2.0-test.json");
    std::fs::write(&file, feed.to_string()).unwrap();
    let mut builder = Builder::new();
    read_path(&file, &mut builder).unwrap();
    builder.write(path).unwrap();
}

/// As [`write_index`], opened.
pub(crate) fn index(cves: &[&str]) -> Arc<Index> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    write_index(&path, cves);
    Arc::new(Index::open(&path).unwrap())
}

fn vulnerability(cve: &str) -> serde_json::Value {
    serde_json::json!({ "cve": {
        "id": cve, "sourceIdentifier": "cve@example.org", "vulnStatus": "Analyzed",
        "published": "2021-02-15T13:15:12.560", "lastModified": "2024-11-21T05:51:06.717",
        "descriptions": [{ "lang": "en", "value": "A flaw." }],
        "configurations": [{ "nodes": [{ "operator": "OR", "negate": false, "cpeMatch": [{
            "vulnerable": true,
            // As NVD names it, with the target software, so that npm's package is found by its own
            // rule.
            "criteria": "cpe:2.3:a:lodash:lodash:*:*:*:*:*:node.js:*:*",
            "versionEndExcluding": "4.17.21",
            "matchCriteriaId": "00000000-0000-0000-0000-000000000001",
        }]}]}],
    }})
}
