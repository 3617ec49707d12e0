//! Making, changing and deleting labels. A rule's hosts are computed in the same transaction, so that
//! whoever has made a label finds its hosts.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::evaluate::evaluate;
use super::rule::{Condition, RuleError};
use super::{LABELS_MAX, Label, read};
use crate::companies;
use crate::error::StoreError;
use crate::revised::{self, Refused, Revised};
use crate::tenant::TenantScope;

/// A label to be made.
#[derive(Clone, Debug)]
pub struct NewLabel<'a> {
    /// The caller's, so that trying again cannot make two.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// For which hosts it holds; `None` where people give it.
    pub rule: Option<&'a Condition>,
}

/// What a label is to be.
#[derive(Clone, Debug)]
pub struct LabelChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// Its rule. A label whose rule is taken away keeps its hosts, for people to go on with.
    pub rule: Option<&'a Condition>,
    /// The revision that was looked at; `None` where it does not matter.
    pub revision: Option<u64>,
}

/// Why a label cannot be made, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Another one has the name.
    #[error("there is a label with this name")]
    NameTaken,
    /// The rule cannot be taken.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// There are too many of them.
    #[error("the company has {LABELS_MAX} labels, which is all it can have")]
    TooMany,
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile: look at it again")]
    Changed,
    /// Exceptions or policies are for its hosts.
    #[error("{0} are for the hosts with this label: end those first")]
    InUse(&'static str),
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

impl Revised for Label {
    const TABLE: &'static str = "labels";
    const MAX: u32 = LABELS_MAX;
    const MADE: &'static str = "label.create";
    const EDITED: &'static str = "label.update";
    const DELETED: &'static str = "label.delete";

    fn revision(&self) -> u64 {
        self.revision
    }

    fn shown(&self) -> Value {
        json!({ "name": self.name, "description": self.description,
                "rule": self.rule.as_ref().map(to_json) })
    }

    async fn count(tx: &mut PgConnection, company_key: i64) -> Result<i64, StoreError> {
        let there = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM labels WHERE company_key = $1"#,
            company_key
        );
        Ok(there.fetch_one(tx).await?)
    }

    async fn lock(tx: &mut PgConnection, company_key: i64, id: Uuid) -> Result<(), StoreError> {
        sqlx::query_scalar!(
            "SELECT revision FROM labels WHERE company_key = $1 AND id = $2 FOR UPDATE",
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

/// Makes a label.
///
/// # Errors
///
/// When its name is taken, its rule cannot be taken, it is one too many, or the database cannot be
/// used.
pub async fn create(
    scope: &TenantScope,
    new: &NewLabel<'_>,
    now: OffsetDateTime,
) -> Result<Label, ChangeError> {
    new.rule.map_or(Ok(()), Condition::check)?;
    let mut tx = scope.begin("labels.create").await?;
    revised::check_room::<Label>(&mut tx, scope.key()).await?;
    sqlx::query!(
        "INSERT INTO labels (company_key, id, name, description, rule, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        scope.key(),
        new.id,
        new.name,
        new.description,
        new.rule.map(to_json),
        now
    )
    .execute(&mut *tx)
    .await?;
    companies::note_rules(&mut tx, scope.key()).await?;
    evaluate_rule(&mut tx, scope.key(), new.id, new.rule, now).await?;
    let label = revised::made(&mut tx, scope, new.id, now).await?;
    tx.commit().await?;
    Ok(label)
}

/// Changes a label; `None` when the company has none with this id.
///
/// # Errors
///
/// As [`create`], and when somebody else changed it meanwhile.
pub async fn change(
    scope: &TenantScope,
    id: Uuid,
    change: &LabelChange<'_>,
    now: OffsetDateTime,
) -> Result<Option<Label>, ChangeError> {
    change.rule.map_or(Ok(()), Condition::check)?;
    let mut tx = scope.begin("labels.change").await?;
    let before: Option<Label> = revised::lock(&mut tx, scope.key(), id, change.revision).await?;
    let Some(before) = before else {
        return Ok(None);
    };
    sqlx::query!(
        "UPDATE labels SET name = $3, description = $4, rule = $5, changed_at = $6,
                revision = revision + 1
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        change.name,
        change.description,
        change.rule.map(to_json),
        now
    )
    .execute(&mut *tx)
    .await?;
    evaluate_rule(&mut tx, scope.key(), id, change.rule, now).await?;
    let label = revised::edited(&mut tx, scope, (id, &before), now).await?;
    tx.commit().await?;
    Ok(label)
}

/// Deletes a label, and takes it from its hosts; whether there was one.
///
/// # Errors
///
/// When exceptions or policies are for its hosts, or the database cannot be used.
pub async fn delete(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, ChangeError> {
    let mut tx = scope.begin("labels.delete").await?;
    let uses = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM exceptions e WHERE e.company_key = $1 AND e.label = $2
                      AND e.state IN ('active', 'requested')) AS "exceptions!",
                  EXISTS (SELECT FROM policies p WHERE p.company_key = $1 AND p.label = $2)
                      AS "policies!",
                  EXISTS (SELECT FROM webhooks w WHERE w.company_key = $1 AND w.label = $2)
                      AS "webhooks!""#,
        scope.key(),
        id
    )
    .fetch_one(&mut *tx)
    .await?;
    // Without its label an exception would be for nobody and a policy for everybody, and a webhook would be told of
    // nothing.
    if uses.exceptions {
        return Err(ChangeError::InUse("exceptions"));
    }
    if uses.policies {
        return Err(ChangeError::InUse("policies"));
    }
    if uses.webhooks {
        return Err(ChangeError::InUse("webhooks"));
    }
    sqlx::query!("DELETE FROM host_labels WHERE company_key = $1 AND label = $2", scope.key(), id)
        .execute(&mut *tx)
        .await?;
    let done =
        sqlx::query!("DELETE FROM labels WHERE company_key = $1 AND id = $2", scope.key(), id)
            .execute(&mut *tx)
            .await?;
    let rows = done.rows_affected();
    let is_gone = revised::deleted::<Label>(&mut tx, scope, (id, rows), now).await?;
    tx.commit().await?;
    Ok(is_gone)
}

/// Gives the label to the hosts that its rule holds for.
async fn evaluate_rule(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
    rule: Option<&Condition>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if let Some(rule) = rule {
        evaluate(tx, company_key, (id, rule), None, now).await?;
    }
    Ok(())
}

fn to_json(rule: &Condition) -> Value {
    // Texts and lists under text keys: this cannot fail.
    serde_json::to_value(rule).unwrap_or_default()
}
