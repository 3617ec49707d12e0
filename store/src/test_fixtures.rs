//! What tests of this crate have in common: a company with agents, reports as an agent makes them,
//! and judgements that a test can foresee.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use enrichment::cve::{CveRecord, Cvss, RecordSource, Timestamp};
use enrichment::evaluation::{Confidence, Evaluation, Finding, Identity, Status, Why};
use enrichment::lookup_key::LookupKey;
use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::host::{HostFacts, Platform};
use protocol::ids::{AgentId, CompanyId, Position, TokenId};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source, SourceState, SourceStatus};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::agents::{Certificate, Enrolment, enrol};
use crate::companies;
use crate::database::Store;
use crate::enrolment_tokens::{self, Labels, NewEnrolmentToken};
use crate::imports::{self, NewImport};
use crate::reports::{Applied, AppliedBatch, IncomingReport, Stored, apply};
use crate::tenant::TenantScope;
use crate::test_support::FreshDatabase;
use crate::tx::Tx;

/// The generation of the index that tests judge with.
// With the highest bit set: PostgreSQL keeps it as a negative number, which has to come back the
// same.
pub(crate) const GENERATION: u64 = 0xfeed_0000_0000_0001;

/// An instant, in seconds after the beginning of a test.
pub(crate) fn at(seconds: i64) -> OffsetDateTime {
    time::macros::datetime!(2026-11-21 08:00 UTC) + Duration::seconds(seconds)
}

/// A company in a database of its own.
pub(crate) struct World {
    pub(crate) scope: TenantScope,
    pub(crate) database: FreshDatabase,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let scope = company(database.store(), "Acme").await;
        Self { scope, database }
    }

    pub(crate) const fn store(&self) -> &Store {
        self.database.store()
    }

    /// A transaction in the company, for looking at rows.
    pub(crate) async fn tx(&self) -> Tx {
        self.scope.begin("test").await.unwrap()
    }

    pub(crate) async fn agent(&self) -> AgentId {
        agent(&self.scope, "host").await
    }

    /// The database's present.
    pub(crate) async fn now(&self) -> OffsetDateTime {
        let now = sqlx::query_scalar("SELECT clock_timestamp()");
        now.fetch_one(self.store().pool()).await.unwrap()
    }

    /// A number out of a query whose `$1` is the company.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let mut tx = self.tx().await;
        sqlx::query_scalar(sql).bind(self.scope.key()).fetch_one(&mut *tx).await.unwrap()
    }

    pub(crate) async fn apply(&self, batch: &[IncomingReport]) -> AppliedBatch {
        apply(&self.scope, batch, &judge, GENERATION, at(0)).await.unwrap()
    }
}

/// Ids that differ and grow.
pub(crate) fn id() -> Uuid {
    // Counted and not random, so that an order by id is the order of making.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u64_pair(0x0193_0000_0000_7000, NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) async fn company(store: &Store, name: &str) -> TenantScope {
    let company =
        companies::create(&store.local_operator(), CompanyId(id()), name, at(0)).await.unwrap();
    // The scope that reports are stored with, and not the operator's: what this one may not do, a
    // test must not do by accident.
    store.pipeline_scope(company.id).await.unwrap().unwrap()
}

pub(crate) async fn agent(scope: &TenantScope, hostname: &str) -> AgentId {
    let token = TokenId(id());
    let labels = Labels::from([("site".to_owned(), "north".to_owned())]);
    let new = NewEnrolmentToken {
        id: token,
        secret: &[7; 32],
        name: "test",
        labels: &labels,
        expires_at: None,
        uses_max: None,
    };
    enrolment_tokens::create(scope, &new, at(0)).await.unwrap();
    let enrolment = Enrolment {
        token,
        secret: &[7; 32],
        agent: AgentId(id()),
        hostname,
        agent_version: "0.1.0",
        labels: &Labels::new(),
    };
    let enrolled =
        enrol(scope.store(), &enrolment, &|_, _| Ok((certificate(), ())), at(0)).await.unwrap();
    enrolled.agent
}

/// An asset without an agent: that of its name, with a document that waits.
pub(crate) async fn asset(scope: &TenantScope, name: &str) -> AgentId {
    let new = NewImport {
        id: id(),
        name,
        host: AgentId(id()),
        labels: None,
        format: "spdx",
        version: "2.3",
        sha256: [5; 32],
        document: b"{}",
        components: 0,
        software: 0,
        warnings: &serde_json::json!([]),
    };
    imports::create(scope, &new, at(1)).await.unwrap().host
}

pub(crate) fn certificate() -> Certificate {
    Certificate { serial: vec![1, 2, 3], sha256: [4; 32], expires_at: at(30 * 86_400) }
}

pub(crate) fn platform() -> Platform {
    Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() }
}

pub(crate) fn record(name: &str, version: &str) -> SoftwareRecord {
    SoftwareRecord {
        vendor: "Example".to_owned(),
        ..SoftwareRecord::new(Source::Deb, name, version)
    }
}

pub(crate) fn key(record: &SoftwareRecord) -> SoftwareKey {
    SoftwareKey::of(record, &platform())
}

pub(crate) fn facts(hostname: &str) -> HostFacts {
    HostFacts {
        hostname: hostname.to_owned(),
        platform: platform(),
        os_name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        kernel: "6.1.0".to_owned(),
        cpu_count: 2,
        ..HostFacts::default()
    }
}

pub(crate) fn status(source: Source, state: SourceState) -> SourceStatus {
    SourceStatus { source, state, reason: String::new(), records: 1, took_ms: 2 }
}

/// Says of software called `bad…` that it has a CVE for each version part, and of all else nothing;
/// what was looked up is the product of its name.
pub(crate) fn judge(record: &SoftwareRecord, _: &Platform, _: SoftwareKey) -> Evaluation {
    let cves: Vec<String> = match record.name.strip_prefix("bad") {
        Some(rest) => record
            .version
            .split('.')
            .enumerate()
            .map(|(number, _)| format!("CVE-2024-9{rest:0>3}{number}"))
            .collect(),
        None => Vec::new(),
    };
    Evaluation { keys: vec![LookupKey::of_product("example", &record.name)], ..evaluation(&cves) }
}

pub(crate) fn evaluation(cves: &[impl AsRef<str>]) -> Evaluation {
    Evaluation {
        status: Status::Evaluated,
        reason: None,
        identity: Identity {
            cpes: vec!["cpe:2.3:a:example:bad:1:*:*:*:*:*:*:*".to_owned()],
            purl: None,
            rule: "test".to_owned(),
        },
        findings: cves.iter().map(|cve| finding(cve.as_ref())).collect(),
        keys: Vec::new(),
    }
}

pub(crate) fn finding(cve: &str) -> Finding {
    Finding {
        cve: cve.into(),
        source: "nvd".into(),
        confidence: Confidence::High,
        fixed_in: Some("9".into()),
        why: Why {
            criteria: "cpe:2.3:a:example:bad:*:*:*:*:*:*:*:*".into(),
            range: Some("< 9".into()),
            ..Why::default()
        },
    }
}

/// What NVD says of a CVE, with a score of this severity.
pub(crate) fn published(id: &str, score: f32, severity: &str) -> CveRecord {
    CveRecord {
        id: id.parse().unwrap(),
        source: RecordSource::Nvd,
        is_correction: false,
        status: "Analyzed".to_owned(),
        published: Some(Timestamp(1_000)),
        modified: Some(Timestamp(2_000)),
        summary: format!("About {id}"),
        cvss: vec![Cvss {
            version: "3.1".to_owned(),
            vector: "CVSS:3.1/AV:N".to_owned(),
            score,
            severity: severity.to_owned(),
            source: "nvd@nist.gov".to_owned(),
            primary: true,
        }],
        cwes: vec!["CWE-79".to_owned(), "CWE-80".to_owned()],
        references: Vec::new(),
        kev: None,
        configurations: Vec::new(),
        cna: Vec::new(),
        ssvc: None,
    }
}

/// An agent as the other side sees it: it keeps its set and makes reports of it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) agent: AgentId,
    pub(crate) position: Position,
    pub(crate) held: BTreeMap<SoftwareKey, SoftwareRecord>,
    seconds: i64,
}

impl Endpoint {
    pub(crate) const fn new(agent: AgentId) -> Self {
        Self { agent, position: Position::new(0, 0), held: BTreeMap::new(), seconds: 0 }
    }

    pub(crate) fn digest(&self) -> InventoryDigest {
        self.held.iter().map(|(key, record)| RecordFingerprint::of(*key, record)).collect()
    }

    /// The next report of the line, with this body.
    pub(crate) fn report(
        &mut self,
        body: ReportBody,
        digest: Option<InventoryDigest>,
    ) -> IncomingReport {
        self.position = Position::new(self.position.epoch.0.max(1), self.position.seq.0 + 1);
        self.seconds += 1;
        let report = Report {
            position: self.position,
            made_at_ms: 0,
            platform: platform(),
            facts: None,
            sources: Vec::new(),
            body,
            digest,
        };
        IncomingReport {
            agent: self.agent,
            // As the collector has it. A test whose report no agent could send would prove nothing.
            keys: report.validate().unwrap(),
            report,
            received_at: at(self.seconds),
        }
    }

    /// A delta that puts records in and takes others out; a snapshot when nothing was said before.
    pub(crate) fn delta(
        &mut self,
        upserts: Vec<SoftwareRecord>,
        removes: &[SoftwareRecord],
    ) -> IncomingReport {
        if self.position.epoch.0 == 0 {
            return self.snapshot(upserts, usize::MAX).remove(0);
        }
        let removes: Vec<SoftwareKey> = removes.iter().map(key).collect();
        for key in &removes {
            self.held.remove(key);
        }
        for record in &upserts {
            self.held.insert(key(record), record.clone());
        }
        let digest = Some(self.digest());
        self.report(ReportBody::Delta { upserts, removes }, digest)
    }

    /// A new epoch: a snapshot of `records`, in parts of at most `part` records.
    pub(crate) fn snapshot(
        &mut self,
        records: impl IntoIterator<Item = SoftwareRecord>,
        part: usize,
    ) -> Vec<IncomingReport> {
        self.held = records.into_iter().map(|record| (key(&record), record)).collect();
        self.position = Position::new(self.position.epoch.0 + 1, 0);
        let digest = self.digest();
        let all: Vec<(SoftwareKey, SoftwareRecord)> = self.held.clone().into_iter().collect();
        let chunks: Vec<_> = if all.is_empty() {
            // A host without software still says so: one empty part, which is the whole range of
            // keys.
            vec![&all[..]]
        } else {
            all.chunks(part).collect()
        };
        let mut from = SoftwareKey(0);
        let mut reports = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            // Parts meet without a hole: each ends where the next begins, the last is open. What
            // stands in a range and not in its part is gone from the host.
            let to = chunks.get(number + 1).map(|next| next[0].0);
            let records = chunk.iter().map(|(_, record)| record.clone()).collect();
            let body = ReportBody::Snapshot { from, to, records };
            // Only the last part can say what the whole comes to.
            reports.push(self.report(body, to.is_none().then_some(digest)));
            from = to.unwrap_or(SoftwareKey(u128::MAX));
        }
        reports
    }
}

/// What a report that was stored came to.
pub(crate) fn stored(applied: &Applied) -> Stored {
    let Applied::Stored(stored) = applied else {
        panic!("not stored: {applied:?}");
    };
    *stored
}
