//! Making, changing and deleting policies. What one comes to is computed in the same transaction.

use time::OffsetDateTime;
use uuid::Uuid;

use super::evaluate::evaluate_in;
use super::rule::{PolicyRule, PolicyRuleError};
use super::{POLICIES_MAX, Policy, read};
use crate::audit::{self, Change};
use crate::companies;
use crate::error::{StoreError, violated_constraint};
use crate::tenant::TenantScope;

/// A policy to be made.
#[derive(Clone, Debug)]
pub struct NewPolicy<'a> {
    /// The caller's, so that trying again cannot make two.
    pub id: Uuid,
    /// What it is to be.
    pub policy: PolicyChange<'a>,
}

/// What a policy is to be.
#[derive(Clone, Debug)]
pub struct PolicyChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// What is to hold.
    pub rule: &'a PolicyRule,
    /// For the hosts with this label; for all where there is none.
    pub label: Option<Uuid>,
    /// Whether it is computed.
    pub is_enabled: bool,
}

/// Why a policy cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Another one has the name.
    #[error("there is a policy with this name")]
    NameTaken,
    /// The rule cannot be taken.
    #[error(transparent)]
    Rule(#[from] PolicyRuleError),
    /// The company has no such label.
    #[error("the company has no such label")]
    NoLabel,
    /// There are too many of them.
    #[error("the company has {POLICIES_MAX} policies, which is all it can have")]
    TooMany,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile: look at it again")]
    Changed,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        // On each partition the index has a name of its own, with the columns in it.
        let taken = violated_constraint(&error).is_some_and(|name| name.contains("lower"));
        if taken {
            Self::NameTaken
        } else {
            Self::Store(error.into())
        }
    }
}

/// Makes a policy.
///
/// # Errors
///
/// When its name is taken, its rule or its label cannot be taken, it is one too many, or the database
/// cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewPolicy<'_>,
    now: OffsetDateTime,
) -> Result<Policy, ChangeError> {
    let policy = &new.policy;
    policy.rule.check()?;
    let mut tx = scope.begin("policies.create").await?;
    check_label(&mut tx, scope.key(), policy.label).await?;
    let there = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM policies WHERE company_key = $1"#,
        scope.key()
    );
    if there.fetch_one(&mut *tx).await? >= i64::from(POLICIES_MAX) {
        return Err(ChangeError::TooMany);
    }
    sqlx::query!(
        "INSERT INTO policies
             (company_key, id, name, description, rule, label, is_enabled, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        scope.key(),
        new.id,
        policy.name,
        policy.description,
        json(policy.rule),
        policy.label,
        policy.is_enabled,
        now
    )
    .execute(&mut *tx)
    .await?;
    companies::note_rules(&mut tx, scope.key()).await?;
    evaluate_in(&mut tx, scope.key(), new.id, now).await?;
    let made = read::one(&mut tx, scope.key(), new.id).await?;
    if let Some(made) = &made {
        let change = Change::made("policy.create", made.id, shown(made));
        audit::record(&mut tx, scope, change, now).await?;
    }
    tx.commit().await?;
    made.ok_or_else(|| StoreError::inconsistent("policies", "id", &new.id.to_string()).into())
}

/// Changes a policy; `None` when the company has none with this id.
///
/// # Errors
///
/// As [`create`], and when it is of another revision than the one that was looked at.
pub async fn change(
    scope: &TenantScope,
    id: Uuid,
    change: &PolicyChange<'_>,
    seen: Option<u64>,
    now: OffsetDateTime,
) -> Result<Option<Policy>, ChangeError> {
    change.rule.check()?;
    let mut tx = scope.begin("policies.change").await?;
    check_label(&mut tx, scope.key(), change.label).await?;
    // Locked by its number and read after that, so that two changes come one after the other.
    sqlx::query_scalar!(
        "SELECT revision FROM policies WHERE company_key = $1 AND id = $2 FOR UPDATE",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(before) = read::one(&mut tx, scope.key(), id).await? else {
        return Ok(None);
    };
    if seen.is_some_and(|seen| seen != before.revision) {
        return Err(ChangeError::Changed);
    }
    sqlx::query!(
        "UPDATE policies SET name = $3, description = $4, rule = $5, label = $6, is_enabled = $7,
                changed_at = $8, revision = revision + 1
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        change.name,
        change.description,
        json(change.rule),
        change.label,
        change.is_enabled,
        now
    )
    .execute(&mut *tx)
    .await?;
    if !change.is_enabled {
        // What is not computed any more would be shown as if it were.
        forget_results(&mut tx, scope.key(), id).await?;
    }
    evaluate_in(&mut tx, scope.key(), id, now).await?;
    let changed = read::one(&mut tx, scope.key(), id).await?;
    if let Some(changed) = &changed {
        let change = Change::edited("policy.update", id, shown(&before), shown(changed));
        audit::record(&mut tx, scope, change, now).await?;
    }
    tx.commit().await?;
    Ok(changed)
}

/// Deletes a policy with its results; whether there was one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn delete(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("policies.delete").await?;
    let done = sqlx::query!(
        "DELETE FROM policies WHERE company_key = $1 AND id = $2",
        scope.key(),
        id
    )
    .execute(&mut *tx)
    .await?;
    forget_results(&mut tx, scope.key(), id).await?;
    let is_gone = done.rows_affected() > 0;
    if is_gone {
        audit::record(&mut tx, scope, Change::done("policy.delete", id), now).await?;
    }
    tx.commit().await?;
    Ok(is_gone)
}

async fn forget_results(
    tx: &mut sqlx::PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM policy_results WHERE company_key = $1 AND policy = $2",
        company_key,
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn check_label(
    tx: &mut sqlx::PgConnection,
    company_key: i64,
    label: Option<Uuid>,
) -> Result<(), ChangeError> {
    let Some(label) = label else { return Ok(()) };
    let is_there = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM labels WHERE company_key = $1 AND id = $2) AS "there!""#,
        company_key,
        label
    );
    if is_there.fetch_one(tx).await? {
        Ok(())
    } else {
        Err(ChangeError::NoLabel)
    }
}

/// A policy as the audit log shows it.
fn shown(policy: &Policy) -> serde_json::Value {
    serde_json::json!({ "name": policy.name, "description": policy.description,
                        "rule": json(&policy.rule), "label": policy.label,
                        "enabled": policy.is_enabled })
}

fn json(rule: &PolicyRule) -> serde_json::Value {
    // Texts and numbers under text keys: this cannot fail.
    serde_json::to_value(rule).unwrap_or_default()
}
