//! Making, changing and deleting policies. What one comes to is computed in the same transaction.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::evaluate::evaluate_in;
use super::rule::{PolicyRule, PolicyRuleError};
use super::{POLICIES_MAX, Policy, read};
use crate::companies;
use crate::error::StoreError;
use crate::revised::{self, Refused, Revised};
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

impl From<Refused> for ChangeError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NameTaken => Self::NameTaken,
            Refused::TooMany => Self::TooMany,
            Refused::Changed => Self::Changed,
            Refused::Store(error) => Self::Store(error),
        }
    }
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        Refused::from(error).into()
    }
}

impl Revised for Policy {
    const TABLE: &'static str = "policies";
    const MAX: u32 = POLICIES_MAX;
    const MADE: &'static str = "policy.create";
    const EDITED: &'static str = "policy.update";
    const DELETED: &'static str = "policy.delete";

    fn revision(&self) -> u64 {
        self.revision
    }

    fn shown(&self) -> Value {
        json!({ "name": self.name, "description": self.description, "rule": to_json(&self.rule),
                "label": self.label, "enabled": self.is_enabled })
    }

    async fn count(tx: &mut PgConnection, company_key: i64) -> Result<i64, StoreError> {
        let there = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM policies WHERE company_key = $1"#,
            company_key
        );
        Ok(there.fetch_one(tx).await?)
    }

    async fn lock(tx: &mut PgConnection, company_key: i64, id: Uuid) -> Result<(), StoreError> {
        sqlx::query_scalar!(
            "SELECT revision FROM policies WHERE company_key = $1 AND id = $2 FOR UPDATE",
            company_key,
            id
        )
        .fetch_optional(tx)
        .await?;
        Ok(())
    }

    async fn read(
        tx: &mut PgConnection,
        company_key: i64,
        id: Uuid,
    ) -> Result<Option<Self>, StoreError> {
        read::one(tx, company_key, id).await
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
    revised::check_room::<Policy>(&mut tx, scope.key()).await?;
    sqlx::query!(
        "INSERT INTO policies
             (company_key, id, name, description, rule, label, is_enabled, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        scope.key(),
        new.id,
        policy.name,
        policy.description,
        to_json(policy.rule),
        policy.label,
        policy.is_enabled,
        now
    )
    .execute(&mut *tx)
    .await?;
    companies::note_rules(&mut tx, scope.key()).await?;
    evaluate_in(&mut tx, scope.key(), new.id, now).await?;
    let made = revised::made(&mut tx, scope, new.id, now).await?;
    tx.commit().await?;
    Ok(made)
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
    let before: Option<Policy> = revised::lock(&mut tx, scope.key(), id, seen).await?;
    let Some(before) = before else {
        return Ok(None);
    };
    sqlx::query!(
        "UPDATE policies SET name = $3, description = $4, rule = $5, label = $6, is_enabled = $7,
                changed_at = $8, revision = revision + 1
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        change.name,
        change.description,
        to_json(change.rule),
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
    let changed = revised::edited(&mut tx, scope, (id, &before), now).await?;
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
    let done =
        sqlx::query!("DELETE FROM policies WHERE company_key = $1 AND id = $2", scope.key(), id)
            .execute(&mut *tx)
            .await?;
    forget_results(&mut tx, scope.key(), id).await?;
    let rows = done.rows_affected();
    let is_gone = revised::deleted::<Policy>(&mut tx, scope, (id, rows), now).await?;
    tx.commit().await?;
    Ok(is_gone)
}

async fn forget_results(
    tx: &mut PgConnection,
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
    tx: &mut PgConnection,
    company_key: i64,
    label: Option<Uuid>,
) -> Result<(), ChangeError> {
    let Some(label) = label else { return Ok(()) };
    let is_there = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM labels WHERE company_key = $1 AND id = $2) AS "there!""#,
        company_key,
        label
    );
    if is_there.fetch_one(tx).await? { Ok(()) } else { Err(ChangeError::NoLabel) }
}

fn to_json(rule: &PolicyRule) -> Value {
    // Texts and numbers under text keys: this cannot fail.
    serde_json::to_value(rule).unwrap_or_default()
}
