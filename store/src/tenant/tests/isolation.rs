//! Another company's rows: not to be seen, not to be changed, not to be guessed, by any function of
//! this crate or by SQL of one's own.

mod digests;
mod ending;
mod erasure;
mod imports;
mod report_files;
mod rules;
mod webhooks;

use protocol::ids::TokenId;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::super::*;
use crate::agents::{self, BEHIND_AFTER, HeartbeatSeen, record_heartbeats};
use crate::api_keys::{self, NewApiKey, PresentedKey};
use crate::counts;
use crate::cve_history;
use crate::cves::{self, CveFilter, CveSort};
use crate::findings::{self, FindingFilter, FindingSort};
use crate::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
use crate::page::PageRequest;
use crate::reports::{Applied, apply};
use crate::software::generations::{self, Taken};
use crate::software::{self, SoftwareFilter, SoftwareSort};
use crate::statistics;
use crate::summary;
use crate::test_fixtures::{Endpoint, GENERATION, World, at, company, id, judge, key, record};
use crate::{companies, dead_letters, enrolment_tokens};

/// A world whose company has something of everything, and another company that has nothing.
async fn two_companies() -> (World, TenantScope, Endpoint) {
    let world = World::new().await;
    let mut endpoint = Endpoint::new(world.agent().await);
    // Another index than the one that reports are judged with, so that the software is late.
    let taken = Taken { generation: 2, index: 2, rules: 1, built_at: at(0), changes: None };
    generations::record(world.store(), &taken, at(0)).await.unwrap();
    world.apply(&endpoint.snapshot([record("bad1", "1")], 100)).await;
    let letter = dead_letters::NewDeadLetter {
        id: id(),
        agent: endpoint.agent,
        position: protocol::ids::Position::new(1, 2),
        reason: "test".to_owned(),
        detail: String::new(),
        frame: protocol::frame::Frame {
            packing: protocol::frame::Packing::Plain,
            payload: vec![1],
        },
        received_at: at(0),
    };
    dead_letters::add(&world.scope, &[letter], at(0)).await.unwrap();
    rules::make(&world.scope, endpoint.agent).await;
    webhooks::make(&world.scope).await;
    imports::make(&world.scope).await;
    counts::count(&world.scope, at(2), || 0.0).await.unwrap();
    statistics::measure(&world.scope, at(2)).await.unwrap();
    cve_history::record(&world.scope, at(2)).await.unwrap();
    report_files::make(&world.scope).await;
    digests::make(&world.scope).await;
    // In the same database and, with four partitions, often in the same one: what keeps the two
    // apart is the policy and not the place.
    let other = company(world.store(), "Other").await;
    (world, other, endpoint)
}

#[tokio::test]
async fn no_list_shows_another_companys_rows() {
    let (world, other, endpoint) = two_companies().await;
    let page = &PageRequest::first(100);
    let (any_host, any_installed) = (HostFilter::default(), HostSoftwareFilter::default());
    let (any_software, any_finding) = (SoftwareFilter::default(), FindingFilter::default());
    let any_cve = CveFilter::default();
    // The one company sees its row, so an empty answer to the other is not the answer of a query
    // that finds nothing at all.
    for (scope, expected) in [(&world.scope, 1), (&other, 0)] {
        let host = endpoint.agent;
        let hosts = hosts::list(scope, &any_host, HostSort::Hostname, page);
        assert_eq!(hosts.await.unwrap().items.len(), expected);
        assert_eq!(hosts::get(scope, host).await.unwrap().is_some(), expected == 1);
        let installed = hosts::software(scope, host, &any_installed, page);
        assert_eq!(installed.await.unwrap().items.len(), expected);
        let software = software::list(scope, &any_software, SoftwareSort::Name, page);
        assert_eq!(software.await.unwrap().items.len(), expected);
        let one = software::get(scope, key(&record("bad1", "1"))).await.unwrap();
        assert_eq!(one.is_some(), expected == 1);
        let findings = findings::list(scope, &any_finding, FindingSort::Epss, page);
        assert_eq!(findings.await.unwrap().items.len(), expected);
        let cves = cves::list(scope, &any_cve, CveSort::Severity, page);
        assert_eq!(cves.await.unwrap().items.len(), expected);
        assert_eq!(dead_letters::list(scope, page).await.unwrap().items.len(), expected);
        assert_eq!(enrolment_tokens::list(scope, page).await.unwrap().items.len(), expected);
        let pipeline = summary::pipeline(scope).await.unwrap();
        assert_eq!(pipeline.dead_letters, expected as u64);
        assert_eq!(summary::summary(scope).await.unwrap().agents, expected as u64);
        let due = software::page_for_evaluation(scope, &[1], None, 10).await.unwrap();
        assert_eq!(due.len(), expected);
    }
}

#[tokio::test]
async fn nothing_of_another_company_can_be_changed() {
    let (world, other, mut endpoint) = two_companies().await;
    let agent = endpoint.agent;
    // Each with the right id: ids are in logs and addresses, and count as known.
    assert!(!agents::revoke(&other, agent, at(1)).await.unwrap());
    assert_eq!(agents::request_scan(&other, agent).await.unwrap(), None);
    assert_eq!(agents::admission(&other, agent).await.unwrap(), None);
    let certificate = crate::test_fixtures::certificate();
    assert!(!agents::record_certificate(&other, agent, &certificate, [1; 32]).await.unwrap());
    assert_eq!(agents::ask_for_snapshots(&other, &[agent], at(1)).await.unwrap(), []);
    let seen = HeartbeatSeen {
        agent,
        at: at(1),
        acknowledged: protocol::ids::Position::new(9, 9),
        digest: None,
        scan_done: 0,
        every_s: 300,
        presence: None,
        is_repeat: false,
    };
    let asked = record_heartbeats(&other, &[seen], BEHIND_AFTER, at(1)).await.unwrap();
    assert_eq!(asked.asked, []);
    let report = endpoint.delta(vec![record("x", "1")], &[]);
    let applied = apply(&other, &[report], &judge, GENERATION, at(1)).await.unwrap();
    assert_eq!(applied.reports, [Applied::AgentUnknown]);
    let letter =
        dead_letters::list(&world.scope, &PageRequest::first(1)).await.unwrap().items[0].id;
    assert!(!dead_letters::replay(&other, letter, at(1)).await.unwrap());
    assert_eq!(dead_letters::frame(&other, letter).await.unwrap(), None);
    let tokens = enrolment_tokens::list(&world.scope, &PageRequest::first(1)).await.unwrap();
    let token: TokenId = tokens.items[0].id;
    assert!(!enrolment_tokens::revoke(&other, token, at(1)).await.unwrap());
    assert_eq!(enrolment_tokens::get(&other, token).await.unwrap(), None);
    let judged = [(key(&record("bad1", "1")), crate::test_fixtures::evaluation(&[""; 0]))];
    let replaced = findings::replace(&other, &judged, 2, at(1)).await.unwrap();
    // Done, with nothing to do: the other company has no such software.
    assert_eq!(replaced, Some(findings::Replaced::default()));
    assert_eq!(summary::summary(&world.scope).await.unwrap().findings.open, 1);
}

#[tokio::test]
async fn a_principal_stays_in_its_company_and_an_operator_names_one() {
    let (world, other, _) = two_companies().await;
    let store = world.store();
    let (own, operators) = (PresentedKey::new(id(), [1; 32]), PresentedKey::new(id(), [2; 32]));
    let new = |key| NewApiKey { key, name: "n", expires_at: None };
    api_keys::create(&world.scope, &new(&own), Role::Viewer, at(0)).await.unwrap();
    api_keys::create_operator(&store.local_operator(), &new(&operators), at(0)).await.unwrap();

    let principal = store.authenticate(&own, at(1)).await.unwrap().unwrap();
    let origin = Origin::system();
    assert_eq!(principal.company(), Some(world.scope.company()));
    let home = principal.scope(world.scope.company(), &origin);
    assert!(home.await.unwrap().is_some());
    let elsewhere = principal.scope(other.company(), &origin);
    assert!(elsewhere.await.unwrap().is_none());
    assert!(principal.operator(&origin).is_none());

    let operator = store.authenticate(&operators, at(1)).await.unwrap().unwrap();
    assert_eq!((operator.is_operator(), operator.company()), (true, None));
    let named = operator.scope(other.company(), &origin);
    assert!(named.await.unwrap().is_some());
    let unknown = operator.scope(CompanyId(id()), &origin);
    assert!(unknown.await.unwrap().is_none());
    assert!(operator.operator(&origin).is_some());
}

#[tokio::test]
async fn sql_without_a_company_is_refused_and_with_one_sees_that_one() {
    let (world, other, _) = two_companies().await;
    for table in company_tables(&world).await {
        let count = format!("SELECT count(*) FROM {table}");
        // A connection that never had a company, and one that had one in a transaction before.
        for _ in 0..2 {
            let error = sqlx::query(AssertSqlSafe(count.clone()))
                .fetch_one(world.store().pool())
                .await
                .unwrap_err();
            assert!(error.as_database_error().is_some(), "{table}: {error}");
            // Leaves the pool a connection on which the setting exists and is empty, which
            // PostgreSQL does not forget.
            drop(world.tx().await);
        }
        for (scope, sees) in [(&world.scope, true), (&other, false)] {
            let mut tx = scope.begin("test").await.unwrap();
            let rows: i64 =
                sqlx::query_scalar(AssertSqlSafe(count.clone())).fetch_one(&mut *tx).await.unwrap();
            assert_eq!(rows > 0, sees, "{table}");
        }
    }
}

#[tokio::test]
async fn rows_of_another_company_cannot_be_put_in_or_moved() {
    let (world, other, _) = two_companies().await;
    for sql in [
        "INSERT INTO agent_facts (company_key, agent_key) VALUES ($1, 1)",
        "UPDATE agents SET company_key = $1",
        "UPDATE software SET company_key = $1",
    ] {
        let mut tx = world.tx().await;
        let error = sqlx::query(sql).bind(other.key()).execute(&mut *tx).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code().map(String::from));
        // insufficient_privilege, which is what `WITH CHECK` raises. Any other error would be an
        // accident that happens to hold here.
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn every_table_with_a_company_is_protected_and_its_partitions_are_closed() {
    let world = World::new().await;
    let rows = sqlx::query(
        "SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS protected,
                c.relispartition AS is_partition,
                EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS has_policy,
                has_table_privilege('muster_app', c.oid, 'SELECT') AS readable
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relkind IN ('r', 'p') AND a.attname = 'company_key' AND NOT a.attisdropped",
    )
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    // Or the query finds nothing, and all of nothing is protected.
    assert!(rows.len() > 20);
    for row in rows {
        let name: String = row.get("name");
        assert!(row.get::<bool, _>("protected"), "{name}");
        let is_partition: bool = row.get("is_partition");
        // A query that names a partition directly goes by that table's own policies and rights, not
        // its parent's. It has none: not readable at all.
        assert_eq!(row.get::<bool, _>("has_policy"), !is_partition, "{name}");
        assert_eq!(row.get::<bool, _>("readable"), !is_partition, "{name}");
    }
}

#[tokio::test]
async fn the_working_role_owns_nothing_and_passes_nothing() {
    let world = World::new().await;
    let (role, can_bypass): (String, bool) = sqlx::query_as(
        "SELECT current_user::text, rolsuper OR rolbypassrls FROM pg_roles
         WHERE rolname = current_user",
    )
    .fetch_one(world.store().pool())
    .await
    .unwrap();
    assert_eq!((role.as_str(), can_bypass), ("muster_app", false));
    for sql in [
        "ALTER TABLE agents DISABLE ROW LEVEL SECURITY",
        "DROP TABLE findings",
        // Row security does not apply to TRUNCATE, so the right to it must not be there.
        "TRUNCATE installations",
        "CREATE TABLE mine (x int)",
    ] {
        assert!(sqlx::query(sql).execute(world.store().pool()).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_presented_credential_opens_its_own_row_and_no_other() {
    let (world, ..) = two_companies().await;
    let tokens = enrolment_tokens::list(&world.scope, &PageRequest::first(1)).await.unwrap();
    let other = company(world.store(), "Third").await;
    crate::test_fixtures::agent(&other, "host").await;
    let settings = Settings { credential: Some(tokens.items[0].id.0), ..Settings::default() };
    let mut tx = tx::begin(world.store().transactions(), "test", settings).await.unwrap();
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM enrolment_tokens").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(ids, [tokens.items[0].id.0]);
    let companies: i64 =
        sqlx::query_scalar("SELECT count(*) FROM companies").fetch_one(&mut *tx).await.unwrap();
    // Who has only presented a credential has no company yet.
    assert_eq!(companies, 0);
}

#[tokio::test]
async fn a_companys_own_scope_sees_no_other_company() {
    let (world, other, _) = two_companies().await;
    assert_eq!(companies::own(&other).await.unwrap().name, "Other");
    let seen = world.number("SELECT count(*) FROM companies WHERE $1 > 0").await;
    assert_eq!(seen, 1);
}

async fn company_tables(world: &World) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
         ORDER BY 1",
    )
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    // A new table has to be put into this test's world with a row of its own, or it proves nothing
    // here.
    assert_eq!(tables.len(), 33, "{tables:?}");
    tables
}
