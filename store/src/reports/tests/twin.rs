//! The simulated rows beside PostgreSQL: the same reports, heartbeats and dead letters go to both,
//! and both have to say and to hold the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::frame::{Frame, Packing};
use uuid::Uuid;

use super::super::*;
use crate::agents::{BEHIND_AFTER, HeartbeatSeen, ask_for_snapshots, record_heartbeats};
use crate::commands::{Command, pending};
use crate::dead_letters::{self, NewDeadLetter};
use crate::simulated::SimulatedRows;
use crate::test_fixtures::{Endpoint, GENERATION, World, at, id, judge, record};

/// Something that is said to both.
#[derive(Clone, Debug)]
enum Step {
    /// Some records come, some of them under another number go.
    Delta(Vec<u8>, Vec<u8>),
    /// Everything is said again, in parts of so many records.
    Snapshot(Vec<u8>, u8),
    /// A report of the past comes again, with what came since.
    Again(u8),
    /// The next report is lost, so that what follows is a gap.
    Lost(Vec<u8>),
    /// The last report says another digest than its own.
    WrongDigest(Vec<u8>),
    /// The last report becomes a dead letter.
    Buried,
    /// A heartbeat, which says the truth or does not, of a report behind or ahead.
    Heartbeat(bool, i8),
    /// Somebody asks for a snapshot.
    Asked,
    /// Time passes, in seconds.
    Later(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || prop::collection::vec(0..20_u8, 0..6);
    prop::collection::vec(
        prop_oneof![
            4 => (some(), some()).prop_map(|(a, b)| Step::Delta(a, b)),
            2 => (some(), 1..4_u8).prop_map(|(a, b)| Step::Snapshot(a, b)),
            2 => any::<u8>().prop_map(Step::Again),
            1 => some().prop_map(Step::Lost),
            1 => some().prop_map(Step::WrongDigest),
            1 => Just(Step::Buried),
            3 => (any::<bool>(), -1..2_i8).prop_map(|(a, b)| Step::Heartbeat(a, b)),
            1 => Just(Step::Asked),
            2 => (0..3_000_u16).prop_map(Step::Later),
        ],
        1..25,
    )
}

/// An agent, the rows in the database and the rows in memory.
struct Twins<'a> {
    world: &'a World,
    rows: SimulatedRows,
    endpoint: Endpoint,
    sent: Vec<IncomingReport>,
    seconds: i64,
}

impl Twins<'_> {
    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Delta(come, go) => {
                let report = self.delta(come, go);
                self.apply(vec![report]).await?;
            }
            Step::Snapshot(records, part) => {
                let records = records.into_iter().map(software);
                let reports = self.endpoint.snapshot(records, usize::from(part));
                self.sent.extend(reports.iter().cloned());
                self.apply(reports).await?;
            }
            Step::Again(first) if !self.sent.is_empty() => {
                let first = usize::from(first) % self.sent.len();
                self.apply(self.sent[first..].to_vec()).await?;
            }
            Step::Again(_) => {}
            Step::Lost(come) => {
                self.delta(come, Vec::new());
                self.sent.pop();
            }
            Step::WrongDigest(come) => {
                let mut report = self.delta(come, Vec::new());
                report.report.digest = Some(InventoryDigest { count: 1, sum: 9 });
                self.apply(vec![report]).await?;
            }
            Step::Buried => self.bury().await?,
            Step::Heartbeat(is_true, ahead) => self.beat(is_true, ahead).await?,
            Step::Asked => {
                let (agent, now) = (self.endpoint.agent, at(self.seconds));
                let asked = ask_for_snapshots(&self.world.scope, &[agent], now).await;
                let company = self.world.scope.company();
                let twin = self.rows.ask_for_snapshots(company, &[agent], now);
                prop_assert_eq!(asked.unwrap(), twin);
            }
            Step::Later(seconds) => self.seconds += i64::from(seconds),
        }
        self.compare().await
    }

    fn delta(&mut self, come: Vec<u8>, mut go: Vec<u8>) -> IncomingReport {
        let mut come = come;
        come.sort_unstable();
        come.dedup();
        go.sort_unstable();
        go.dedup();
        go.retain(|number| !come.contains(number));
        let removes: Vec<_> = go.into_iter().map(software).collect();
        let upserts = come.into_iter().map(software).collect();
        let report = self.endpoint.delta(upserts, &removes);
        self.sent.push(report.clone());
        report
    }

    async fn apply(&mut self, batch: Vec<IncomingReport>) -> Result<(), TestCaseError> {
        let (scope, now) = (&self.world.scope, at(self.seconds));
        let applied = apply(scope, &batch, &judge, GENERATION, now).await.unwrap();
        let twin = self.rows.apply(scope.company(), &batch, now);
        prop_assert_eq!(applied.reports, twin.reports);
        prop_assert_eq!(applied.asked, twin.asked);
        Ok(())
    }

    async fn bury(&mut self) -> Result<(), TestCaseError> {
        let report = self.delta(Vec::new(), Vec::new());
        let letter = NewDeadLetter {
            id: id(),
            agent: report.agent,
            position: report.report.position,
            reason: "refused".to_owned(),
            detail: String::new(),
            frame: Frame { packing: Packing::Plain, payload: vec![1] },
            received_at: at(self.seconds),
        };
        let (scope, now) = (&self.world.scope, at(self.seconds));
        let letters = [letter];
        dead_letters::add(scope, &letters, now).await.unwrap();
        self.rows.bury(scope.company(), &letters, now);
        Ok(())
    }

    async fn beat(&mut self, is_true: bool, ahead: i8) -> Result<(), TestCaseError> {
        let mut acknowledged = self.endpoint.position;
        acknowledged.seq.0 = acknowledged.seq.0.saturating_add_signed(ahead.into());
        let digest =
            if is_true { self.endpoint.digest() } else { InventoryDigest { count: 2, sum: 5 } };
        let seen = [HeartbeatSeen {
            agent: self.endpoint.agent,
            at: at(self.seconds),
            acknowledged,
            digest: Some(digest),
            scan_done: 0,
            every_s: 0,
            presence: None,
            is_repeat: false,
        }];
        let (scope, now) = (&self.world.scope, at(self.seconds));
        let asked = record_heartbeats(scope, &seen, BEHIND_AFTER, now).await;
        let twin = self.rows.record_heartbeats(scope.company(), &seen, BEHIND_AFTER, now);
        prop_assert_eq!(asked.unwrap(), twin);
        Ok(())
    }

    /// Both hold the same rows, stand at the same report and have the same to tell.
    async fn compare(&self) -> Result<(), TestCaseError> {
        let (scope, agent) = (&self.world.scope, self.endpoint.agent);
        let mut tx = self.world.tx().await;
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT i.software_key, i.fingerprint FROM installations i
             JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key
             WHERE i.company_key = $1 AND a.id = $2 AND i.closed_at = 'infinity'",
        )
        .bind(scope.key())
        .bind(agent.0)
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        drop(tx);
        let held: BTreeMap<SoftwareKey, RecordFingerprint> = rows
            .into_iter()
            .map(|(key, print)| (SoftwareKey::from_uuid(key), RecordFingerprint::from_uuid(print)))
            .collect();
        prop_assert_eq!(held, self.rows.held(scope.company(), agent));
        let admission = crate::agents::admission(scope, agent).await.unwrap();
        let standing = self.rows.standing(scope.company(), agent);
        prop_assert_eq!(
            admission.map(|admission| admission.applied),
            standing.map(|standing| standing.applied)
        );
        let told = pending(self.world.store(), &[agent]).await.unwrap();
        let told: Vec<Command> = told.into_iter().map(|(_, command)| command).collect();
        prop_assert_eq!(told, self.rows.pending(agent));
        Ok(())
    }
}

fn software(number: u8) -> SoftwareRecord {
    record(&format!("p{number}"), "1")
}

async fn run(world: &World, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let agent = world.agent().await;
    let mut rows = SimulatedRows::default();
    rows.add_agent(world.scope.company(), agent);
    let mut twins =
        Twins { world, rows, endpoint: Endpoint::new(agent), sent: Vec::new(), seconds: 0 };
    for step in steps {
        twins.take(step).await?;
    }
    Ok(())
}

#[test]
fn simulated_rows_say_and_hold_what_the_database_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let config = Config {
        cases: 48,
        // A failing case needs the database as it was; its steps are printed, and become a test by
        // hand.
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(&steps(), |steps| runtime.block_on(run(&world, steps))).unwrap();
}
