//! Making, changing and deleting webhooks, and giving them another secret.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Only, Template, WEBHOOKS_MAX, Webhook, read};
use crate::audit::{self, Change};
use crate::companies;
use crate::cves::Severity;
use crate::error::StoreError;
use crate::events::company::{self, CompanyEventKind};
use crate::revised::{self, Refused, Revised};
use crate::tenant::TenantScope;

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook<'a> {
    /// The caller's, so that trying again cannot make two.
    pub id: Uuid,
    /// Its secret, sealed.
    pub secret: &'a [u8],
    /// What it is to be.
    pub webhook: WebhookChange<'a>,
}

/// What a webhook is to be.
#[derive(Clone, Debug)]
pub struct WebhookChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where messages go.
    pub url: &'a str,
    /// How they are written.
    pub template: Template,
    /// What it is told of.
    pub kinds: &'a [CompanyEventKind],
    /// Which events of these.
    pub only: Only,
    /// Whether it is told. What happens while it is not, it is never told.
    pub is_enabled: bool,
}

/// Why a webhook cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Another one has the name.
    #[error("there is a webhook with this name")]
    NameTaken,
    /// There are too many of them.
    #[error("the company has {WEBHOOKS_MAX} webhooks, which is all it can have")]
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

impl Revised for Webhook {
    const TABLE: &'static str = "webhooks";
    const MAX: u32 = WEBHOOKS_MAX;
    const MADE: &'static str = "webhook.create";
    const EDITED: &'static str = "webhook.update";
    const DELETED: &'static str = "webhook.delete";

    fn revision(&self) -> u64 {
        self.revision
    }

    // An address of Slack's or Teams' is a secret of its own, so only its beginning stands there.
    fn shown(&self) -> Value {
        let host = self.url.splitn(4, '/').take(3).collect::<Vec<_>>();
        json!({ "name": self.name, "host": host.join("/"), "template": self.template.as_str(),
                "kinds": names(&self.kinds), "enabled": self.is_enabled,
                "severity_min": self.only.severity_min.map(Severity::as_str),
                "kev": self.only.kev, "label": self.only.label })
    }

    async fn count(tx: &mut PgConnection, company_key: i64) -> Result<i64, StoreError> {
        let there = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM webhooks WHERE company_key = $1"#,
            company_key
        );
        Ok(there.fetch_one(tx).await?)
    }

    async fn lock(tx: &mut PgConnection, company_key: i64, id: Uuid) -> Result<(), StoreError> {
        sqlx::query_scalar!(
            "SELECT revision FROM webhooks WHERE company_key = $1 AND id = $2 FOR UPDATE",
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

/// Makes a webhook that is told what happens from now on.
///
/// # Errors
///
/// When its name is taken, it is one too many, or the database cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewWebhook<'_>,
    now: OffsetDateTime,
) -> Result<Webhook, ChangeError> {
    let webhook = &new.webhook;
    // Taken before the webhook is there: what happens in between is told as well.
    let (xact, event) = company::present(scope).await?.parts();
    let mut tx = scope.begin("webhooks.create").await?;
    revised::check_room::<Webhook>(&mut tx, scope.key()).await?;
    sqlx::query!(
        "INSERT INTO webhooks (company_key, id, name, url, template, kinds, secret, is_enabled,
                               created_at, changed_at, xact, event, severity_min, kev_only, label)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, $13, $14)",
        scope.key(),
        new.id,
        webhook.name,
        webhook.url,
        webhook.template.as_str(),
        &names(webhook.kinds),
        new.secret,
        webhook.is_enabled,
        now,
        xact,
        event,
        webhook.only.severity_min.map(Severity::as_str),
        webhook.only.kev,
        webhook.only.label
    )
    .execute(&mut *tx)
    .await?;
    companies::note_webhooks(&mut tx, scope.key()).await?;
    let made = revised::made(&mut tx, scope, new.id, now).await?;
    tx.commit().await?;
    Ok(made)
}

/// Changes a webhook; `None` when the company has none with this id.
///
/// # Errors
///
/// As [`create`], and when it is of another revision than the one that was looked at.
pub async fn change(
    scope: &TenantScope,
    id: Uuid,
    change: &WebhookChange<'_>,
    seen: Option<u64>,
    now: OffsetDateTime,
) -> Result<Option<Webhook>, ChangeError> {
    let (xact, event) = company::present(scope).await?.parts();
    let mut tx = scope.begin("webhooks.change").await?;
    let before: Option<Webhook> = revised::lock(&mut tx, scope.key(), id, seen).await?;
    let Some(before) = before else {
        return Ok(None);
    };
    // Who is turned on is told what happens from then on: the past would come as news.
    let begins_anew = change.is_enabled && !before.is_enabled;
    sqlx::query!(
        "UPDATE webhooks SET name = $3, url = $4, template = $5, kinds = $6, is_enabled = $7,
                changed_at = $8, revision = revision + 1,
                xact = CASE WHEN $9::boolean THEN $10::bigint ELSE xact END,
                event = CASE WHEN $9 THEN $11::bigint ELSE event END,
                severity_min = $12, kev_only = $13, label = $14
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        change.name,
        change.url,
        change.template.as_str(),
        &names(change.kinds),
        change.is_enabled,
        now,
        begins_anew,
        xact,
        event,
        change.only.severity_min.map(Severity::as_str),
        change.only.kev,
        change.only.label
    )
    .execute(&mut *tx)
    .await?;
    let changed = revised::edited(&mut tx, scope, (id, &before), now).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Gives a webhook another sealed secret; the one before signs as well until `until`. `None` when the
/// company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn rotate_secret(
    scope: &TenantScope,
    id: Uuid,
    secret: &[u8],
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Option<Webhook>, StoreError> {
    let mut tx = scope.begin("webhooks.rotate_secret").await?;
    let done = sqlx::query!(
        "UPDATE webhooks SET secret_before = secret, secret_before_until = $4, secret = $3,
                changed_at = $5, revision = revision + 1
         WHERE company_key = $1 AND id = $2",
        scope.key(),
        id,
        secret,
        until,
        now
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() > 0 {
        audit::record(&mut tx, scope, Change::done("webhook.rotate_secret", id), now).await?;
    }
    let webhook = read::one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(webhook)
}

/// The present secret of a webhook as it was sealed; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn sealed_secret(scope: &TenantScope, id: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
    let mut tx = scope.begin("webhooks.sealed_secret").await?;
    let secret = sqlx::query_scalar!(
        "SELECT secret FROM webhooks WHERE company_key = $1 AND id = $2",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(secret)
}

/// Deletes a webhook with its messages; whether there was one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn delete(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("webhooks.delete").await?;
    // The webhook first: a turn locks its row, and could otherwise add messages after they were
    // deleted.
    let done =
        sqlx::query!("DELETE FROM webhooks WHERE company_key = $1 AND id = $2", scope.key(), id)
            .execute(&mut *tx)
            .await?;
    sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE company_key = $1 AND webhook = $2",
        scope.key(),
        id
    )
    .execute(&mut *tx)
    .await?;
    let rows = done.rows_affected();
    let is_gone = revised::deleted::<Webhook>(&mut tx, scope, (id, rows), now).await?;
    tx.commit().await?;
    Ok(is_gone)
}

fn names(kinds: &[CompanyEventKind]) -> Vec<String> {
    kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
}
