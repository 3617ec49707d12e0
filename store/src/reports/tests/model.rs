//! Random lines of reports against a model that is only a set.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::software::SoftwareRecord;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::*;
use crate::test_fixtures::{Endpoint, World, record};

/// What an agent and the network between do.
#[derive(Clone, Debug)]
enum Step {
    /// Some records come or change, some go.
    Delta(Vec<(u8, u8)>, BTreeSet<u8>),
    /// Everything is said again, in parts.
    Snapshot(Vec<(u8, u8)>, u8),
    /// A report of the past comes again.
    Again(u8),
    /// A report comes before one that is missing.
    Ahead,
    /// What came so far is applied.
    Apply,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || prop::collection::vec((0..24_u8, 0..3_u8), 0..8);
    prop::collection::vec(
        prop_oneof![
            4 => (some(), prop::collection::btree_set(0..24_u8, 0..5))
                .prop_map(|(upserts, removes)| Step::Delta(upserts, removes)),
            2 => (some(), 1..4_u8).prop_map(|(a, b)| Step::Snapshot(a, b)),
            1 => any::<u8>().prop_map(Step::Again),
            1 => Just(Step::Ahead),
            3 => Just(Step::Apply),
        ],
        1..20,
    )
}

/// Software `n`, installed at one of three places.
fn software((number, place): (u8, u8)) -> SoftwareRecord {
    SoftwareRecord {
        locations: vec![format!("/place/{place}")],
        ..record(&format!("p{number}"), "1")
    }
}

/// What is sent, and what is expected of each report that is.
struct Plan {
    endpoint: Endpoint,
    sent: Vec<IncomingReport>,
    batch: Vec<(IncomingReport, Expected)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Stored,
    Duplicate,
    Gap,
}

impl Plan {
    fn take(&mut self, step: Step) {
        match step {
            Step::Delta(upserts, removes) => {
                // An agent's delta is made of sets: one record a software, and none of them goes.
                let upserts: BTreeMap<u8, u8> = upserts.into_iter().collect();
                let removes: Vec<SoftwareRecord> = removes
                    .into_iter()
                    .filter(|number| !upserts.contains_key(number))
                    .map(|number| software((number, 0)))
                    .collect();
                let upserts = upserts.into_iter().map(software).collect();
                let report = self.endpoint.delta(upserts, &removes);
                self.send(report);
            }
            Step::Snapshot(records, part) => {
                let records: BTreeMap<u8, u8> = records.into_iter().collect();
                let records = records.into_iter().map(software);
                for report in self.endpoint.snapshot(records, usize::from(part)) {
                    self.send(report);
                }
            }
            Step::Again(which) if !self.sent.is_empty() => {
                let report = self.sent[usize::from(which) % self.sent.len()].clone();
                self.batch.push((report, Expected::Duplicate));
            }
            Step::Ahead => {
                // A copy goes on, and the endpoint itself does not know of it: its own next report
                // fills the gap.
                let mut ahead = self.endpoint.clone();
                ahead.delta(vec![], &[]);
                let report = ahead.delta(vec![software((0, 0))], &[]);
                self.batch.push((report, Expected::Gap));
            }
            Step::Again(_) | Step::Apply => {}
        }
    }

    fn send(&mut self, report: IncomingReport) {
        self.sent.push(report.clone());
        self.batch.push((report, Expected::Stored));
    }
}

async fn run(world: &World, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut plan =
        Plan { endpoint: Endpoint::new(world.agent().await), sent: Vec::new(), batch: Vec::new() };
    for step in steps.into_iter().chain([Step::Apply]) {
        let is_apply = matches!(step, Step::Apply);
        plan.take(step);
        if is_apply {
            let (batch, expected): (Vec<_>, Vec<_>) =
                std::mem::take(&mut plan.batch).into_iter().unzip();
            let applied = world.apply(&batch).await;
            prop_assert_eq!(applied.asked, []);
            let outcomes: Vec<Expected> = applied.reports.iter().map(outcome).collect();
            prop_assert_eq!(outcomes, expected);
            check(world, &plan.endpoint).await?;
        }
    }
    Ok(())
}

fn outcome(applied: &Applied) -> Expected {
    match applied {
        Applied::Stored(stored) => {
            assert_ne!(stored.digest_agrees, Some(false));
            Expected::Stored
        }
        Applied::Duplicate => Expected::Duplicate,
        Applied::Gap { .. } => Expected::Gap,
        Applied::AgentUnknown => panic!("the agent is enrolled"),
    }
}

/// The rows of an agent say what the agent has, and its history has no two rows at once.
async fn check(world: &World, endpoint: &Endpoint) -> Result<(), TestCaseError> {
    let mut tx = world.tx().await;
    let rows: Vec<(Uuid, Uuid, Vec<String>, OffsetDateTime, bool)> = sqlx::query_as(
        "SELECT i.software_key, i.fingerprint, i.locations, i.opened_at, i.closed_at = 'infinity'
         FROM installations i JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key
         JOIN software s ON s.company_key = $1 AND s.software_key = i.software_key
         WHERE i.company_key = $1 AND a.id = $2",
    )
    .bind(world.scope.key())
    .bind(endpoint.agent.0)
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let open: BTreeMap<SoftwareKey, (RecordFingerprint, Vec<String>)> = rows
        .iter()
        .filter(|row| row.4)
        .map(|row| {
            let fingerprint = RecordFingerprint::from_uuid(row.1);
            (SoftwareKey::from_uuid(row.0), (fingerprint, row.2.clone()))
        })
        .collect();
    // As a map two open rows of one software would look like one.
    prop_assert_eq!(rows.iter().filter(|row| row.4).count(), open.len());
    let expected: BTreeMap<_, _> = endpoint
        .held
        .iter()
        .map(|(key, record)| {
            (*key, (RecordFingerprint::of(*key, record), record.locations.clone()))
        })
        .collect();
    prop_assert_eq!(open, expected);
    let overlaps: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM installations x JOIN installations y
           ON y.company_key = $1 AND y.agent_key = x.agent_key AND y.software_key = x.software_key
          AND y.opened_at > x.opened_at AND y.opened_at < x.closed_at
         WHERE x.company_key = $1",
    )
    .bind(world.scope.key())
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    prop_assert_eq!(overlaps, 0);
    Ok(())
}

#[test]
fn rows_equal_what_the_host_has_whatever_the_order_of_things() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let config = Config {
        cases: 64,
        // A failing case needs the database as it was; its steps are printed, and become a test by
        // hand.
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(&steps(), |steps| runtime.block_on(run(&world, steps))).unwrap();
}
