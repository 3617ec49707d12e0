//! Who stands behind keys: the person who made one, or the first of keys that made one another.
//!
//! It is written with every key. A node of a release before this one writes none, or the key that made it where that
//! one had none: the log says who it was.

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::actors;
use crate::audit::{self, Actor, Change, Origin};
use crate::error::StoreError;
use crate::tenant::{OPERATORS, OperatorScope, TenantScope};

/// Who stands behind a key that an actor makes; `None` where that is the collector itself or its command line.
pub(super) async fn maker(
    tx: &mut PgConnection,
    company_key: i64,
    actor: &Actor,
) -> Result<Option<String>, StoreError> {
    match actor {
        Actor::Local | Actor::System => Ok(None),
        maker @ (Actor::User { .. } | Actor::Key { .. }) => {
            Ok(Some(actors::behind(tx, company_key, &actors::word(maker)).await?))
        }
    }
}

/// Refuses, from now on, the keys of an owner behind which somebody stands who left, and says so of each in the owner's
/// log: a company, or the operators where there is none. Keys that they made for others are none of these.
pub(crate) async fn end_keys_of(
    tx: &mut PgConnection,
    (owner, origin): (Option<i64>, &Origin),
    user: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let ended = sqlx::query_scalar!(
        "UPDATE api_keys SET revoked_at = $3
         WHERE company_key IS NOT DISTINCT FROM $1::bigint AND created_by = 'user:' || $2::uuid
           AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
         RETURNING id",
        owner,
        user,
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    for key in ended {
        let why = json!({ "user_removed": user });
        let change = Change { after: Some(why), ..Change::done("api_key.revoke", key) };
        audit::insert(tx, owner.unwrap_or(OPERATORS), origin, change, now).await?;
    }
    Ok(())
}

/// Fills in who stands behind a company's keys where another release wrote none; how many they were.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn name_makers(scope: &TenantScope) -> Result<u64, StoreError> {
    let mut tx = scope.begin_with_operators("api_keys.name_makers").await?;
    let named = name_makers_in(&mut tx, scope.key()).await?;
    tx.commit().await?;
    Ok(named)
}

/// The same of the operators' keys, which companies' may be made by.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn name_operators_makers(operator: &OperatorScope) -> Result<u64, StoreError> {
    let mut tx = operator.begin("api_keys.name_operators_makers").await?;
    let named = name_makers_in(&mut tx, OPERATORS).await?;
    tx.commit().await?;
    Ok(named)
}

/// As [`name_makers`], within a transaction that sees operators' keys.
pub(crate) async fn name_makers_in(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<u64, StoreError> {
    let owner = (company_key != OPERATORS).then_some(company_key);
    let mut named = name_from_log(tx, company_key, owner).await?;
    // No key is its own maker's maker, so this comes to an end.
    loop {
        let done = sqlx::query!(
            "UPDATE api_keys k SET created_by = m.created_by FROM api_keys m
             WHERE k.company_key IS NOT DISTINCT FROM $1::bigint
               AND k.created_by = 'api_key:' || m.id AND m.created_by IS NOT NULL",
            owner
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(named);
        }
        named += done.rows_affected();
    }
}

/// Names the makers of keys that have none by the log, which is asked apart: keys stand on the coordinator alone.
async fn name_from_log(
    tx: &mut PgConnection,
    company_key: i64,
    owner: Option<i64>,
) -> Result<u64, StoreError> {
    let nameless = sqlx::query_scalar!(
        "SELECT id FROM api_keys
         WHERE company_key IS NOT DISTINCT FROM $1::bigint AND created_by IS NULL",
        owner
    )
    .fetch_all(&mut *tx)
    .await?;
    if nameless.is_empty() {
        return Ok(0);
    }
    let objects: Vec<String> = nameless.iter().map(Uuid::to_string).collect();
    let made = sqlx::query!(
        r#"SELECT object, actor_kind || ':' || actor_id AS "maker!" FROM audit_log
           WHERE company_key = $1 AND action = 'api_key.create' AND object = ANY ($2)
             AND actor_id IS NOT NULL"#,
        company_key,
        &objects
    )
    .fetch_all(&mut *tx)
    .await?;
    let (keys, makers): (Vec<Uuid>, Vec<String>) = made
        .into_iter()
        .filter_map(|row| Some((row.object.parse::<Uuid>().ok()?, row.maker)))
        .unzip();
    let done = sqlx::query!(
        "UPDATE api_keys k SET created_by = n.maker
         FROM UNNEST($1::uuid[], $2::text[]) AS n (id, maker)
         WHERE k.id = n.id AND k.created_by IS NULL",
        &keys,
        &makers
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
