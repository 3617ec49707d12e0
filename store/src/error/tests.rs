//! Which failures mean that a report is bad, and which that it has to wait.

use sqlx::AssertSqlSafe;

use super::*;
use crate::test_support::FreshDatabase;

/// What a statement that ends with this SQLSTATE comes to.
async fn raised(database: &FreshDatabase, code: &str) -> StoreError {
    let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$");
    let error =
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(database.store().pool()).await.unwrap_err();
    error.into()
}

#[tokio::test]
async fn only_what_is_wrong_with_the_data_is_permanent() {
    let database = FreshDatabase::create().await;
    for (code, what, is_permanent) in [
        ("22021", "a character that is none", true),
        ("22003", "a number out of range", true),
        ("23505", "a unique constraint", true),
        ("54000", "an index entry that is too long", true),
        ("08006", "a lost connection", false),
        ("40001", "a serialization failure", false),
        ("40P01", "a deadlock", false),
        // Faults of the program or its set-up: setting reports aside for them would empty the queue
        // into dead letters during a bad upgrade.
        ("42P01", "a missing table", false),
        ("42501", "a missing right", false),
        ("53100", "a full disk", false),
        ("57014", "a statement that took too long", false),
        ("57P01", "a server that shuts down", false),
        ("58030", "a disk that fails", false),
    ] {
        let error = raised(&database, code).await;
        assert_eq!(error.is_permanent(), is_permanent, "{code}: {what}");
        assert_eq!(
            is_conflict(&error),
            // Class 40 is rollback: the same transaction may succeed at once. All others wait.
            code.starts_with("40"),
            "{code}: {what}"
        );
    }
}

#[tokio::test]
async fn a_statement_that_waited_too_long_is_late_and_neither_bad_nor_away() {
    let database = FreshDatabase::create().await;
    for (code, is_late) in [("57014", true), ("55P03", true), ("57P01", false), ("22021", false)] {
        let error = raised(&database, code).await;
        assert_eq!(error.is_late(), is_late, "{code}");
        assert!(!is_late || !(error.is_permanent() || error.is_away()), "{code}");
    }
}

#[test]
fn what_a_connection_does_is_never_the_datas_fault() {
    for error in [
        sqlx::Error::PoolTimedOut,
        sqlx::Error::PoolClosed,
        sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()),
    ] {
        assert!(!StoreError::from(error).is_permanent());
    }
}

#[test]
fn an_unknown_value_is_said_and_cut() {
    let error = StoreError::inconsistent("software", "status", &"x".repeat(1_000));
    let text = error.to_string();
    assert!(text.contains("software") && text.contains("status"), "{text}");
    assert!(text.len() < 200, "{text}");
    assert!(!error.is_permanent(), "another version may know it");
}
