//! What a user would miss of agents: a token that is spent as often as it may be and no more, signs of
//! life that repair what was lost, and orders that reach whoever holds the connection.

mod enrolment;
mod heartbeats;
mod identity;

use crate::agents::*;
use crate::commands::{self, Command, Signal};
use crate::test_fixtures::{World, at};

#[tokio::test]
async fn a_scan_is_asked_for_with_a_growing_number_and_heard_by_every_node() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut signals = world.store().signals().await.unwrap();

    assert_eq!(request_scan(&world.scope, agent).await.unwrap(), Some(1));
    assert_eq!(request_scan(&world.scope, agent).await.unwrap(), Some(2));

    assert_eq!(signals.next().await.unwrap(), Signal::Command(agent));
    // The newest request only: a scan that ends answers all that were asked for before it.
    let pending = commands::pending(world.store(), &[agent]).await.unwrap();
    assert_eq!(pending, [(agent, Command::ScanNow { request: 2 })]);
}

#[tokio::test]
async fn a_poll_reads_every_command_of_its_time_page_by_page_and_no_older_one() {
    let world = World::new().await;
    let mut agents = Vec::new();
    for _ in 0..5 {
        agents.push(world.agent().await);
    }
    ask_for_snapshots(&world.scope, &agents, at(1)).await.unwrap();
    let minute = Duration::from_secs(60);
    // Five of one statement have the same instant but for microseconds; pages of two end within.
    let mut found: Vec<commands::Queued> = Vec::new();
    loop {
        let page = commands::queued_within(world.store(), minute, found.last(), 2).await.unwrap();
        found.extend(&page);
        if page.len() < 2 {
            break;
        }
    }
    let mut told: Vec<_> = found.iter().map(|queued| queued.agent).collect();
    told.sort_unstable();
    agents.sort_unstable();
    assert_eq!(told, agents);

    let old = "UPDATE agent_commands SET created_at = created_at - interval '2 minutes'";
    world.database.execute(old).await;
    let none = commands::queued_within(world.store(), minute, None, 9);
    assert_eq!(none.await.unwrap(), []);
}

#[tokio::test]
async fn a_revoked_agent_is_let_go_once_and_gets_no_orders_and_no_certificate() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut signals = world.store().signals().await.unwrap();

    assert!(revoke(&world.scope, agent, at(5)).await.unwrap());
    assert!(!revoke(&world.scope, agent, at(6)).await.unwrap());

    let revoked = Revoked::Agent(agent);
    assert_eq!(signals.next().await.unwrap(), Signal::Revoked(revoked));
    // By the database's clock: this test's instants are of 1970.
    let within = commands::revoked_within(world.store(), Duration::from_secs(60));
    assert_eq!(within.await.unwrap(), [revoked]);
    let admission = admission(&world.scope, agent).await.unwrap().unwrap();
    assert_eq!(admission.revoked_at, Some(at(5)));
    assert_eq!(request_scan(&world.scope, agent).await.unwrap(), None);
    assert_eq!(ask_for_snapshots(&world.scope, &[agent], at(7)).await.unwrap(), []);
    let certificate = crate::test_fixtures::certificate();
    assert!(!record_certificate(&world.scope, agent, &certificate, [1; 32]).await.unwrap());
    assert_eq!(
        commands::purge_revocations(world.store(), Duration::from_secs(60)).await.unwrap(),
        0
    );
    assert_eq!(commands::purge_revocations(world.store(), Duration::ZERO).await.unwrap(), 1);
}

#[tokio::test]
async fn who_is_given_another_authoritys_certificate_has_to_come_over_again() {
    let world = World::new().await;
    let agent = world.agent().await;
    let (before, after) = ([1; 32], [2; 32]);
    let certificate = crate::test_fixtures::certificate();
    let given = async |by| {
        assert!(record_certificate(&world.scope, agent, &certificate, by).await.unwrap());
        by_authority(&world.scope, after, at(1)).await.unwrap()
    };
    assert_eq!(given(after).await, (0, 1), "it has not come with it yet");
    record_authority(&world.scope, agent, after).await.unwrap();
    assert_eq!(given(after).await, (1, 0));
    assert_eq!(given(before).await, (0, 1));
    assert_eq!(given(after).await, (0, 1), "it has not come with it yet");
}

#[tokio::test]
async fn admission_says_what_the_company_wants_and_where_the_line_ends() {
    let world = World::new().await;
    let agent = world.agent().await;
    let wanted = Settings { heartbeat_every_s: 60, ..Settings::default() };
    companies::set_settings(&world.scope, &wanted, Some(true), at(0)).await.unwrap();
    let renewed = Certificate { sha256: [9; 32], ..crate::test_fixtures::certificate() };
    assert!(record_certificate(&world.scope, agent, &renewed, [1; 32]).await.unwrap());
    let mut endpoint = crate::test_fixtures::Endpoint::new(agent);
    world.apply(&endpoint.snapshot([], 1)).await;

    let admission = admission(&world.scope, agent).await.unwrap().unwrap();

    assert_eq!(admission.settings.heartbeat_every_s, 60);
    assert_eq!(admission.visits, Some(true));
    assert_eq!(admission.applied, Position::new(1, 1));
    assert_eq!(admission.certificate_sha256, Some([9; 32]));
    assert_eq!((admission.revoked_at, admission.suspended_at), (None, None));
}

#[tokio::test]
async fn signals_say_that_some_were_missed_when_the_connection_was_lost() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut signals = world.store().signals().await.unwrap();
    // Another session of the database's owner ends the listening one.
    let mut connection =
        <PgConnection as sqlx::Connection>::connect(world.database.url()).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .execute(&mut connection)
    .await
    .unwrap();

    assert_eq!(signals.next().await.unwrap(), Signal::Missed);
    // The listener reconnects on its own; what was announced in between is gone, which is why
    // `Missed` is said first and makes whoever hears it read the tables.
    request_scan(&world.scope, agent).await.unwrap();
    assert_eq!(signals.next().await.unwrap(), Signal::Command(agent));
}
