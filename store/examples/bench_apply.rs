//! How many records a second reach committed rows, beside a plain COPY of the same rows in the same
//! run. Prints one JSON object a line: `name, value, unit, ratio, against`.
//!
//! `DATABASE_URL=… cargo run --release -p store --features test-support --example bench_apply
//! [AGENTS] [RECORDS] [CONNECTIONS]`; without numbers 400, 1,000 and 2. It makes a database of its
//! own and drops it.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement prints, reads the clock, and stops at the first thing that is wrong"
)]

use std::sync::Arc;
use std::time::Instant;

use enrichment::evaluation::{Evaluation, Identity, Status};
use enrichment::lookup_key::LookupKey;
use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::host::Platform;
use protocol::ids::{AgentId, CompanyId, Position, TokenId};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use sqlx::{Connection as _, PgConnection};
use store::agents::{Certificate, Enrolment, enrol};
use store::database::Store;
use store::enrolment_tokens::{self, Labels, NewEnrolmentToken};
use store::reports::{IncomingReport, apply};
use store::tenant::TenantScope;
use store::test_support::FreshDatabase;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Different software in the whole company.
const SOFTWARE: usize = 5_000;
/// Records of one transaction: ten full reports.
const BATCH: usize = 1_000;
/// Records of one delta.
const DELTA: usize = 10;

struct Bench {
    scope: TenantScope,
    database: FreshDatabase,
    pool: Vec<(SoftwareKey, SoftwareRecord)>,
    agents: Vec<AgentId>,
    records: usize,
    connections: usize,
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse().unwrap());
    let agents: usize = numbers.next().unwrap_or(400);
    let records: usize = numbers.next().unwrap_or(1_000);
    let connections: usize = numbers.next().unwrap_or(2);
    // What the table of lookups costs: the same, in a database of its own, without what it holds.
    let without_keys = {
        let bench = Bench::new(agents, records, connections).await;
        bench.apply_all(bench.snapshots(1), &judge).await
    };
    let bench = Bench::new(agents, records, connections).await;

    let copied = bench.copy().await;
    print("store: plain COPY, the same rows", copied, None);
    print("store: first snapshots without lookup keys", without_keys, Some(copied));
    let first = bench.apply_all(bench.snapshots(1), &with_keys).await;
    print("store: first snapshots", first, Some(copied));
    let unchanged = bench.apply_all(bench.snapshots(2), &with_keys).await;
    print("store: unchanged snapshots", unchanged, Some(copied));
    let deltas = bench.apply_all(bench.deltas(), &with_keys).await;
    print("store: deltas", deltas, Some(copied));
}

fn print(name: &str, value: f64, against: Option<f64>) {
    let value = value.round();
    match against {
        None => {
            println!("{}", serde_json::json!({"name": name, "value": value, "unit": "records/s"}));
        }
        Some(copied) => println!(
            "{}",
            serde_json::json!({
                "name": name, "value": value, "unit": "records/s",
                "ratio": (value / copied * 100.0).round() / 100.0, "against": "plain COPY",
            })
        ),
    }
}

impl Bench {
    async fn new(agents: usize, records: usize, connections: usize) -> Self {
        let database = FreshDatabase::create().await;
        let store = database.store();
        let operator = store.local_operator();
        let now = OffsetDateTime::now_utc();
        let id = CompanyId(Uuid::new_v4());
        store::companies::create(&operator, id, "bench", now).await.unwrap();
        let scope = operator.scope(id).await.unwrap().unwrap();
        let mut pool: Vec<(SoftwareKey, SoftwareRecord)> = (0..SOFTWARE).map(software).collect();
        // In the order of the keys, so that an inventory that is taken in order is cut into parts
        // as it is.
        pool.sort_by_key(|(key, _)| *key);
        let agents = enrol_all(store, &scope, agents).await;
        Self { scope, database, pool, agents, records, connections }
    }

    /// What an agent has: a part of the pool that is not the next agent's, in key order.
    fn inventory(&self, agent: usize) -> Vec<&(SoftwareKey, SoftwareRecord)> {
        // Neighbours share most of it and no two have the same, as in a fleet of one image with its
        // exceptions.
        let step = SOFTWARE / self.records;
        (0..self.records).map(|n| &self.pool[n * step + (agent * 7 + n) % step]).collect()
    }

    /// Every agent's whole inventory in full reports.
    fn snapshots(&self, epoch: u32) -> Vec<Vec<IncomingReport>> {
        let reports = self.agents.iter().enumerate().flat_map(|(number, agent)| {
            let inventory = self.inventory(number);
            let digest = digest(&inventory);
            let parts: Vec<_> = inventory.chunks(100).collect();
            let mut reports = Vec::new();
            for (part, chunk) in parts.iter().enumerate() {
                let body = ReportBody::Snapshot {
                    from: if part == 0 { SoftwareKey(0) } else { chunk[0].0 },
                    to: parts.get(part + 1).map(|next| next[0].0),
                    records: chunk.iter().map(|(_, record)| record.clone()).collect(),
                };
                let seq = u32::try_from(part + 1).unwrap();
                let last = (part + 1 == parts.len()).then_some(digest);
                reports.push(report(*agent, Position::new(epoch, seq), body, last));
            }
            reports
        });
        batches(&reports.collect::<Vec<_>>(), BATCH / 100)
    }

    /// For every agent ten reports of ten records: five come, five go.
    fn deltas(&self) -> Vec<Vec<IncomingReport>> {
        let parts = u32::try_from(self.records.div_ceil(100)).unwrap();
        let mut reports = Vec::new();
        for round in 0..10_u32 {
            for (number, agent) in self.agents.iter().enumerate() {
                let at = usize::try_from(round).unwrap() * DELTA;
                let inventory = self.inventory(number);
                let removes = inventory[at..at + DELTA / 2].iter().map(|(key, _)| *key).collect();
                let upserts = inventory[at + DELTA / 2..at + DELTA]
                    .iter()
                    .map(|(_, record)| SoftwareRecord {
                        // Another time than in the snapshot: a record that says the same would
                        // write nothing.
                        installed_at_s: Some(1_800_000_000),
                        ..record.clone()
                    })
                    .collect();
                let body = ReportBody::Delta { upserts, removes };
                reports.push(report(*agent, Position::new(2, parts + 1 + round), body, None));
            }
        }
        batches(&reports, BATCH / DELTA)
    }

    /// Applies batches on all connections at once; an agent's stay in order, because a batch is of
    /// other agents than its neighbours or follows them on the same connection.
    async fn apply_all(
        &self,
        batches: Vec<Vec<IncomingReport>>,
        judge: &'static (dyn Fn(&SoftwareRecord, &Platform, SoftwareKey) -> Evaluation + Sync),
    ) -> f64 {
        let records: usize = batches.iter().flatten().map(|r| r.report.body.record_count()).sum();
        let mut lanes: Vec<Vec<Vec<IncomingReport>>> = vec![Vec::new(); self.connections];
        for batch in batches {
            let agent = self.agents.iter().position(|agent| *agent == batch[0].agent).unwrap();
            // All of an agent's batches on one connection, in order: two would only show how long
            // they wait for each other's locks.
            let lane = agent * self.connections / self.agents.len();
            lanes[lane].push(batch);
        }
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for lane in lanes {
            let scope = self.scope.clone();
            tasks.spawn(async move {
                for batch in lane {
                    let now = batch[0].received_at;
                    let applied = apply(&scope, &batch, judge, 1, now).await.unwrap();
                    assert_eq!(applied.asked, []);
                }
            });
        }
        tasks.join_all().await;
        per_second(records, began)
    }

    /// The same installations by COPY BINARY, the same number a transaction, on as many connections.
    async fn copy(&self) -> f64 {
        let mut lanes: Vec<Vec<Vec<u8>>> = vec![Vec::new(); self.connections];
        for number in 0..self.agents.len() {
            let inventory = self.inventory(number);
            for chunk in inventory.chunks(BATCH) {
                lanes[number % self.connections].push(binary(number, chunk));
            }
        }
        let url: Arc<str> = self.database.url().into();
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for lane in lanes {
            let url = Arc::clone(&url);
            tasks.spawn(async move {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                for rows in lane {
                    let mut copy = connection
                        .copy_in_raw("COPY installations FROM STDIN (FORMAT binary)")
                        .await
                        .unwrap();
                    copy.send(rows).await.unwrap();
                    copy.finish().await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let rate = per_second(self.agents.len() * self.records, began);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        // What is measured next begins with an empty table, as this did.
        sqlx::query("TRUNCATE installations").execute(&mut connection).await.unwrap();
        rate
    }
}

fn per_second(records: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(records).unwrap()) / began.elapsed().as_secs_f64()
}

fn software(number: usize) -> (SoftwareKey, SoftwareRecord) {
    let record = SoftwareRecord {
        arch: "amd64".to_owned(),
        vendor: "Debian Developers <developers@example.org>".to_owned(),
        source_name: format!("source-{}", number / 3),
        installed_at_s: Some(1_700_000_000),
        ..SoftwareRecord::new(
            Source::Deb,
            format!("lib-package-{number}-dev"),
            format!("1:{}.{}-3+deb12u{}", number % 17, number % 41, number % 5),
        )
    };
    (SoftwareKey::of(&record, &platform()), record)
}

fn platform() -> Platform {
    Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() }
}

fn digest(inventory: &[&(SoftwareKey, SoftwareRecord)]) -> InventoryDigest {
    inventory.iter().map(|(key, record)| RecordFingerprint::of(*key, record)).collect()
}

fn report(
    agent: AgentId,
    position: Position,
    body: ReportBody,
    digest: Option<InventoryDigest>,
) -> IncomingReport {
    let report = Report {
        position,
        made_at_ms: 0,
        platform: platform(),
        facts: None,
        sources: Vec::new(),
        body,
        digest,
    };
    IncomingReport {
        agent,
        keys: report.validate().unwrap(),
        report,
        received_at: OffsetDateTime::now_utc(),
    }
}

fn batches(reports: &[IncomingReport], size: usize) -> Vec<Vec<IncomingReport>> {
    reports.chunks(size).map(<[_]>::to_vec).collect()
}

fn judge(_: &SoftwareRecord, _: &Platform, _: SoftwareKey) -> Evaluation {
    Evaluation {
        status: Status::NotEvaluable,
        reason: Some("distribution package".to_owned()),
        identity: Identity::default(),
        findings: Vec::new(),
        keys: Vec::new(),
    }
}

/// As many keys as a distribution's package has: the releases, its source and its own name.
fn with_keys(record: &SoftwareRecord, platform: &Platform, key: SoftwareKey) -> Evaluation {
    let names = ["", &record.source_name, &record.name];
    Evaluation {
        keys: names.map(|name| LookupKey::of_package("debian", "12", "", name)).to_vec(),
        ..judge(record, platform, key)
    }
}

async fn enrol_all(store: &Store, scope: &TenantScope, count: usize) -> Vec<AgentId> {
    let now = OffsetDateTime::now_utc();
    let token = TokenId(Uuid::new_v4());
    let new = NewEnrolmentToken {
        id: token,
        secret: &[0; 32],
        name: "bench",
        labels: &Labels::new(),
        expires_at: None,
        uses_max: None,
    };
    enrolment_tokens::create(scope, &new, now).await.unwrap();
    let mut agents = Vec::new();
    for number in 0..count {
        let certificate = Certificate { serial: vec![1], sha256: [0; 32], expires_at: now };
        let enrolment = Enrolment {
            token,
            secret: &[0; 32],
            agent: AgentId(Uuid::new_v4()),
            hostname: &format!("host-{number}"),
            agent_version: "0",
            labels: &Labels::new(),
        };
        let issue = |_, _| Ok((certificate.clone(), ()));
        agents.push(enrol(store, &enrolment, &issue, now).await.unwrap().agent);
    }
    agents
}

/// Installations in the format of COPY BINARY (PostgreSQL's manual, `COPY`, "Binary Format").
fn binary(agent: usize, rows: &[&(SoftwareKey, SoftwareRecord)]) -> Vec<u8> {
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    let field = |bytes: &mut Vec<u8>, value: &[u8]| {
        bytes.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(value);
    };
    for (key, record) in rows {
        bytes.extend_from_slice(&8_i16.to_be_bytes());
        field(&mut bytes, &1_i64.to_be_bytes());
        field(&mut bytes, &i64::try_from(agent).unwrap().to_be_bytes());
        field(&mut bytes, key.to_uuid().as_bytes());
        // Microseconds since 2000-01-01.
        field(&mut bytes, &800_000_000_000_000_i64.to_be_bytes());
        // `infinity`, as PostgreSQL has it in binary: the installation is open.
        field(&mut bytes, &i64::MAX.to_be_bytes());
        field(&mut bytes, &700_000_000_000_000_i64.to_be_bytes());
        // An empty text[]: no dimensions, no nulls, element type 25.
        field(&mut bytes, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25]);
        field(&mut bytes, RecordFingerprint::of(*key, record).to_uuid().as_bytes());
    }
    bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    bytes
}
