//! What concerns a person wherever they work: told to the operators, and to each of their companies in its own log.
//!
//! No company learns of another by it: an entry is the same whether there is one or there are ten.

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Change, Origin, insert};
use crate::database::Store;
use crate::error::StoreError;
use crate::tenant::OPERATORS;
use crate::users::MEMBERSHIPS_MAX;

/// Attempts to sign in to one account in an hour that a company is told of. More would say nothing more, and whoever
/// knows an address could fill the log.
pub const REFUSED_PER_HOUR: u32 = 10;

/// Writes a change of a person's own into the operators' log and their companies'. The transaction has to be the
/// operators', and is it afterwards.
pub(crate) async fn record_of_person(
    tx: &mut PgConnection,
    user: Uuid,
    origin: &Origin,
    change: Change,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    for company_key in companies_of(tx, user).await? {
        turn_to(tx, company_key).await?;
        insert(tx, company_key, origin, change.clone(), now).await?;
    }
    turn_to(tx, OPERATORS).await?;
    insert(tx, OPERATORS, origin, change, now).await
}

/// Tells the companies of some accounts, all of one address, that somebody who was not let in tried to sign in to them:
/// [`REFUSED_PER_HOUR`] times an account at most.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn tell_refused(
    store: &Store,
    (users, email): (&[Uuid], &str),
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = store.local_operator().begin("audit.tell_refused").await?;
    for user in users {
        for company_key in companies_of(&mut tx, *user).await? {
            turn_to(&mut tx, company_key).await?;
            if told_of(&mut tx, company_key, *user, now).await? < i64::from(REFUSED_PER_HOUR) {
                let change = Change::made("session.refused", user, json!({ "email": email }));
                insert(&mut tx, company_key, origin, change, now).await?;
            }
        }
        turn_to(&mut tx, OPERATORS).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// How often a company was told of refused attempts within the last hour.
async fn told_of(
    tx: &mut PgConnection,
    company_key: i64,
    user: Uuid,
    now: OffsetDateTime,
) -> Result<i64, StoreError> {
    let told = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM audit_log
           WHERE company_key = $1 AND object = $2 AND at > $3 AND action = 'session.refused'"#,
        company_key,
        user.to_string(),
        now - Duration::HOUR
    )
    .fetch_one(tx)
    .await?;
    Ok(told)
}

async fn companies_of(tx: &mut PgConnection, user: Uuid) -> Result<Vec<i64>, StoreError> {
    let companies = sqlx::query_scalar!(
        "SELECT c.key FROM memberships m JOIN companies c ON c.key = m.company_key
         WHERE m.user_id = $1 AND c.deletion_asked_at IS NULL
         ORDER BY c.key LIMIT $2",
        user,
        MEMBERSHIPS_MAX
    )
    .fetch_all(tx)
    .await?;
    Ok(companies)
}

/// Has the transaction see another company's rows from here on: a statement and no function, which would stay on one
/// server.
async fn turn_to(tx: &mut PgConnection, company_key: i64) -> Result<(), StoreError> {
    let sql = format!("SET LOCAL muster.company_key = '{company_key}'");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx).await?;
    Ok(())
}
