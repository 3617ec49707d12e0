//! For which hosts a policy holds: one question for what speaks for or against hosts, compared with the
//! results before, and only what differs is written.

use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::question::{CHANGED, DIFFERENT, verdicts};
use super::rule::PolicyRule;
use crate::error::StoreError;
use crate::tenant::TenantScope;
use crate::tx;

/// What computing policies came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// Policies that were computed.
    pub policies: u64,
    /// Hosts for which one comes to something else than before.
    pub changed: u64,
}

/// Computes all of a company's policies, a transaction each.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn evaluate_all(
    scope: &TenantScope,
    now: OffsetDateTime,
) -> Result<Evaluated, StoreError> {
    let mut tx = scope.begin("policies.enabled").await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM policies WHERE company_key = $1 AND is_enabled ORDER BY id",
        scope.key()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut evaluated = Evaluated::default();
    for id in ids {
        evaluated.changed += evaluate(scope, id, now).await?;
        evaluated.policies += 1;
    }
    Ok(evaluated)
}

/// Computes one policy; gives for how many hosts it comes to something else than before. Done twice at
/// once, the second waits for the first.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn evaluate(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    tx::retrying("policies.evaluate", || async {
        let mut tx = scope.begin("policies.evaluate").await?;
        let changed = evaluate_in(&mut tx, scope.key(), id, now).await?;
        tx.commit().await?;
        Ok(changed)
    })
    .await
}

/// The same, in a transaction that writes the policy.
pub(super) async fn evaluate_in(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let policy = sqlx::query!(
        "SELECT rule, label, is_enabled FROM policies WHERE company_key = $1 AND id = $2 FOR UPDATE",
        company_key,
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(policy) = policy.filter(|policy| policy.is_enabled) else {
        return Ok(0);
    };
    // One that another version wrote and this one cannot read keeps its results.
    let Ok(rule) = serde_json::from_value::<PolicyRule>(policy.rule) else {
        return Ok(0);
    };
    let mut query = verdicts(tx, company_key, &rule, now).await?;
    if let Some(label) = policy.label {
        query.push(
            " AND a.key IN (SELECT l.agent_key FROM host_labels l
                WHERE l.company_key = $1 AND l.label = ",
        );
        query.push_bind(label).push(")");
    }
    query.push(CHANGED).push_bind(id).push(DIFFERENT);
    #[cfg(test)]
    crate::page::note(&query);
    let changed: Vec<Changed> = query.build_query_as().fetch_all(&mut *tx).await?;
    write(tx, company_key, id, &changed, now).await?;
    forget_others(tx, company_key, id, policy.label).await?;
    sqlx::query!(
        "UPDATE policies SET evaluated_at = $3 WHERE company_key = $1 AND id = $2",
        company_key,
        id,
        now
    )
    .execute(tx)
    .await?;
    Ok(changed.len() as u64)
}

/// A host for which a policy comes to something else than before.
#[derive(Debug, FromRow)]
struct Changed {
    agent_key: i64,
    was: Option<String>,
    state: String,
    reason: Option<Value>,
}

async fn write(
    tx: &mut PgConnection,
    company_key: i64,
    policy: Uuid,
    changed: &[Changed],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let hosts: Vec<i64> = changed.iter().map(|row| row.agent_key).collect();
    let states: Vec<String> = changed.iter().map(|row| row.state.clone()).collect();
    let reasons: Vec<Option<Value>> = changed.iter().map(|row| row.reason.clone()).collect();
    // `since` is when the state began: another reason for it does not move it.
    sqlx::query!(
        "INSERT INTO policy_results AS p (company_key, policy, agent_key, state, since, reason)
         SELECT $1, $2, agent_key, state, $6, reason
         FROM UNNEST($3::bigint[], $4::text[], $5::jsonb[]) AS r (agent_key, state, reason)
         ON CONFLICT (company_key, policy, agent_key)
         DO UPDATE SET state = excluded.state, reason = excluded.reason,
                       since = CASE WHEN p.state = excluded.state THEN p.since
                                    ELSE excluded.since END",
        company_key,
        policy,
        &hosts,
        &states,
        &reasons as &[Option<Value>],
        now
    )
    .execute(&mut *tx)
    .await?;
    // Another reason for the same result is no event, and neither is a first result that is good.
    let told: Vec<&Changed> = changed
        .iter()
        .filter(|row| match &row.was {
            Some(was) => *was != row.state,
            None => row.state == "fail",
        })
        .collect();
    let hosts: Vec<i64> = told.iter().map(|row| row.agent_key).collect();
    let was = |row: &&Changed| row.was.clone().unwrap_or_else(|| "unknown".to_owned());
    let was: Vec<String> = told.iter().map(was).collect();
    let states: Vec<String> = told.iter().map(|row| row.state.clone()).collect();
    let reasons: Vec<Option<Value>> = told.iter().map(|row| row.reason.clone()).collect();
    sqlx::query!(
        "INSERT INTO policy_events (company_key, at, policy, agent_key, was, state, reason)
         SELECT $1, $2, $3, agent_key, was, state, reason
         FROM UNNEST($4::bigint[], $5::text[], $6::text[], $7::jsonb[])
              AS r (agent_key, was, state, reason)",
        company_key,
        now,
        policy,
        &hosts,
        &was,
        &states,
        &reasons as &[Option<Value>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Hosts that the policy is not for any more have no result.
async fn forget_others(
    tx: &mut PgConnection,
    company_key: i64,
    policy: Uuid,
    label: Option<Uuid>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM policy_results p WHERE p.company_key = $1 AND p.policy = $2 AND NOT EXISTS (
             SELECT FROM agents a WHERE a.company_key = $1 AND a.key = p.agent_key
               AND a.revoked_at IS NULL
               AND ($3::uuid IS NULL OR EXISTS (SELECT FROM host_labels l
                   WHERE l.company_key = $1 AND l.label = $3 AND l.agent_key = a.key)))",
        company_key,
        policy,
        label
    )
    .execute(tx)
    .await?;
    Ok(())
}
