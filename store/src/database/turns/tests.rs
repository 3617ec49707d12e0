//! What others would miss of turns: their connections, while one company reads as much as it can.

use sqlx::AssertSqlSafe;

use crate::database::{Store, StoreConfig};
use crate::error::StoreError;
use crate::exceptions::{self, About, CreateError, Hosts};
use crate::hosts::{self, HostFilter, HostSort};
use crate::page::PageRequest;
use crate::tenant::TenantScope;
use crate::test_fixtures::company;
use crate::test_support::FreshDatabase;
use crate::tx::Tx;

/// A pool of eight, of which a company may have two, and two companies.
async fn world() -> (FreshDatabase, [TenantScope; 2]) {
    let database = FreshDatabase::create().await;
    let config = StoreConfig { connections_max: 8, ..StoreConfig::new(database.url()) };
    let store = Store::connect(&config).await.unwrap();
    let scopes = [company(&store, "Busy").await, company(&store, "Other").await];
    (database, scopes.map(TenantScope::of_a_request))
}

async fn read(scope: &TenantScope) -> Tx {
    scope.begin_read("test").await.unwrap()
}

async fn lists(scope: &TenantScope) -> Result<usize, StoreError> {
    let page = PageRequest::first(10);
    let hosts = hosts::list(scope, &HostFilter::default(), HostSort::default(), &page).await;
    Ok(hosts?.items.len())
}

#[tokio::test]
async fn a_company_that_reads_all_it_may_delays_neither_another_nor_its_own_reports() {
    let (_database, [busy, other]) = world().await;
    let (first, _second) = (read(&busy).await, read(&busy).await);
    let refused = lists(&busy).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy), "{refused}");
    assert!(!refused.is_away() && !refused.is_permanent());
    assert_eq!(lists(&other).await.unwrap(), 0);
    // What writes, and what no request asks for, waits for no turn.
    let scope = busy.store().pipeline_scope(busy.company()).await.unwrap().unwrap();
    assert_eq!(lists(&scope).await.unwrap(), 0);
    busy.begin("test").await.unwrap().commit().await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(lists(&busy).await.unwrap(), 0);
}

#[tokio::test]
async fn what_an_exception_would_come_to_is_asked_in_turn() {
    let (_database, [busy, other]) = world().await;
    let about = About { score_below: Some(10.1), ..About::default() };
    let _turns = (read(&busy).await, read(&busy).await);
    let refused = exceptions::preview(&busy, &about, &Hosts::All).await.unwrap_err();
    assert!(matches!(refused, CreateError::Store(StoreError::Busy)), "{refused}");
    assert_eq!(exceptions::preview(&other, &about, &Hosts::All).await.unwrap().hosts, 0);
}

#[tokio::test]
async fn a_turn_is_free_again_once_the_server_is_through_with_what_nobody_waits_for() {
    let (database, [busy, _]) = world().await;
    let _first = read(&busy).await;
    let lock = "SELECT pg_advisory_xact_lock(7)";
    let mut holder = busy.begin("test").await.unwrap();
    sqlx::query(lock).execute(&mut *holder).await.unwrap();
    let mut given_up = read(&busy).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    tokio::select! {
        _ = sqlx::query(lock).execute(&mut *given_up) => panic!("somebody else holds the lock"),
        () = async { while database.number(waiting).await == 0 {} } => {}
    }
    drop(given_up);
    // Its connection still waits: a third one would be more than the company may have.
    let refused = busy.begin_read("test").await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy), "{refused}");
    holder.rollback().await.unwrap();
    // The turn comes back with the connection, and not before it is asked for.
    lists(&busy).await.unwrap();
    assert_eq!(database.number(waiting).await, 0);
}

#[tokio::test]
async fn no_statement_of_a_request_outlives_it_and_exports_and_jobs_have_their_own_time() {
    let (database, [asked, _]) = world().await;
    let timeout_s = |mut tx: Tx| async move {
        let shown =
            "SELECT extract(epoch FROM current_setting('statement_timeout')::interval)::bigint";
        let seconds: i64 =
            sqlx::query_scalar(AssertSqlSafe(shown)).fetch_one(&mut *tx).await.unwrap();
        seconds
    };
    assert_eq!(timeout_s(read(&asked).await).await, 25);
    assert_eq!(timeout_s(asked.begin_whole("test").await.unwrap()).await, 60);
    let scope = database.store().pipeline_scope(asked.company()).await.unwrap().unwrap();
    assert_eq!(timeout_s(read(&scope).await).await, 60);
}
