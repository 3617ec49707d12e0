//! Transactions that lose, and settings that end with theirs.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::test_support::FreshDatabase;

/// Fails with this SQLSTATE so many times, then passes; gives the outcome and the attempts.
async fn lose(database: &FreshDatabase, code: &str, times: u32) -> (bool, u32) {
    let attempts = AtomicU32::new(0);
    let outcome = retrying("test", || async {
        if attempts.fetch_add(1, Ordering::Relaxed) < times {
            let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(database.store().pool()).await?;
        }
        Ok(())
    })
    .await;
    (outcome.is_ok(), attempts.into_inner())
}

#[tokio::test]
async fn a_transaction_that_lost_is_run_again_but_not_for_ever() {
    let database = FreshDatabase::create().await;
    assert_eq!(lose(&database, "40P01", 2).await, (true, 3));
    assert_eq!(lose(&database, "40001", 9).await, (false, ATTEMPTS_MAX));
    // What the data or a timeout did would only happen again.
    assert_eq!(lose(&database, "23505", 9).await, (false, 1));
    assert_eq!(lose(&database, "57014", 9).await, (false, 1));
}

#[tokio::test]
async fn settings_end_with_their_transaction() {
    let database = FreshDatabase::create().await;
    // One connection, so that the second transaction meets what the first one left.
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .connect(database.url())
        .await
        .unwrap();
    let settings =
        Settings { company: Some(7), operator: true, by_key_only: true, ..Settings::default() };
    const SEEN: &str = "SELECT coalesce(muster_setting('muster.company_key'), '-')
        || coalesce(muster_setting('muster.operator'), '-') || current_setting('enable_seqscan')";
    for end in ["COMMIT", "ROLLBACK"] {
        let mut tx = begin(&Transactions::on(pool.clone()), "test", settings).await.unwrap();
        let seen: String = sqlx::query_scalar(SEEN).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(seen, "7onoff");
        if end == "COMMIT" {
            tx.commit().await.unwrap();
        } else {
            // A rollback that nobody asked for, as after an error or a panic.
            drop(tx);
        }
        let seen: String = sqlx::query_scalar(SEEN).fetch_one(&pool).await.unwrap();
        assert_eq!(seen, "--on", "after {end}");
    }
    pool.close().await;
}

#[tokio::test]
async fn the_server_can_say_what_a_session_is_doing() {
    let database = FreshDatabase::create().await;
    let tx =
        begin(database.store().transactions(), "reports.apply", Settings::default()).await.unwrap();
    let mut connection =
        <sqlx::PgConnection as sqlx::Connection>::connect(database.url()).await.unwrap();
    let named: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '/* reports.apply */%'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(named, 1);
    drop(tx);
}
