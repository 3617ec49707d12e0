//! Messages as people look at them, send them again, or send one to try.

use sqlx::{FromRow, PgConnection};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::outbox::{GIVE_UP_AFTER, objects};
use crate::audit::{self, Change};
use crate::commands;
use crate::error::StoreError;
use crate::events::EventPlace;
use crate::events::company::{self, CompanyEvent};
use crate::page::{self, Order, Page, PageRequest, SortType, within};
use crate::tenant::TenantScope;

/// A message for a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, which stays the same whenever it is sent.
    pub id: Uuid,
    /// The webhook.
    pub webhook: Uuid,
    /// How it stands.
    pub state: DeliveryState,
    /// What happened first of what it tells.
    pub kind: String,
    /// How many events it tells.
    pub events: u64,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it is sent next; of meaning while it waits.
    pub next_at: OffsetDateTime,
    /// When it is given up.
    pub gives_up_at: OffsetDateTime,
    /// When it was sent last.
    pub attempted_at: Option<OffsetDateTime>,
    /// When it was delivered or given up.
    pub ended_at: Option<OffsetDateTime>,
    /// The status that it was answered with last.
    pub status: Option<u16>,
    /// The beginning of that answer.
    pub answer: Option<String>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It waits for its next attempt.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// Which messages a list has.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryFilter {
    /// Of this webhook.
    pub webhook: Option<Uuid>,
    /// In this state.
    pub state: Option<DeliveryState>,
}

/// Why a message is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Its webhook is off.
    #[error("the webhook is off: turn it on first")]
    Off,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ReplayError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

const NEWEST: Order =
    Order { by: "d.seq", of: SortType::Integer, descending: true, tie: "d.id", tie_is_uuid: true };

const SELECT: &str = "SELECT d.id, d.webhook, d.state, d.events -> 0 ->> 'kind' AS kind,
       jsonb_array_length(d.events) AS events, d.attempts, d.created_at, d.next_at, d.gives_up_at,
       d.attempted_at, d.ended_at, d.status, d.answer, d.error";

/// A page of messages, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list_deliveries(
    scope: &TenantScope,
    filter: DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<Delivery>, StoreError> {
    let mut query = within(scope, SELECT)?;
    NEWEST.push_columns(&mut query);
    query.push("FROM webhook_deliveries d WHERE d.company_key = $1");
    if let Some(webhook) = filter.webhook {
        query.push(" AND d.webhook = ").push_bind(webhook);
    }
    if let Some(state) = filter.state {
        query.push(" AND d.state = ").push_bind(state.as_str());
    }
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "webhooks.deliveries", query).await?;
    NEWEST.page(rows, page, TryInto::try_into)
}

/// One message of a webhook; `None` when it has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn delivery(
    scope: &TenantScope,
    webhook: Uuid,
    id: Uuid,
) -> Result<Option<Delivery>, StoreError> {
    let mut query = within(scope, SELECT)?;
    query.push(" FROM webhook_deliveries d WHERE d.company_key = $1 AND d.id = ");
    query.push_bind(id);
    query.push(" AND d.webhook = ").push_bind(webhook);
    let mut tx = scope.begin("webhooks.delivery").await?;
    let row: Option<Row> = query.build_query_as().fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    row.map(TryInto::try_into).transpose()
}

/// Has a message sent again, whatever became of it, before all later ones about the same. Whether the
/// webhook has it.
///
/// # Errors
///
/// When the webhook is off, or the database cannot be used.
pub async fn replay(
    scope: &TenantScope,
    webhook: Uuid,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, ReplayError> {
    let mut tx = scope.begin("webhooks.replay").await?;
    if !is_on(&mut tx, scope.key(), webhook).await? {
        return Ok(false);
    }
    let done = sqlx::query!(
        "UPDATE webhook_deliveries
         SET state = 'pending', attempts = 0, next_at = $4, gives_up_at = $5, ended_at = NULL
         WHERE company_key = $1 AND webhook = $2 AND id = $3",
        scope.key(),
        webhook,
        id,
        now,
        now + GIVE_UP_AFTER
    )
    .execute(&mut *tx)
    .await?;
    let is_there = done.rows_affected() > 0;
    if is_there {
        audit::record(&mut tx, scope, Change::done("webhook.replay", id), now).await?;
        // Without the signal the message would wait for the next look of a node.
        commands::announce_findings(&mut *tx, scope.company()).await?;
    }
    tx.commit().await?;
    Ok(is_there)
}

/// Has a webhook told again what happened since an instant, as far as events are kept, and what came
/// after that with it. Whether there is such a webhook.
///
/// # Errors
///
/// When the webhook is off, or the database cannot be used.
pub async fn replay_since(
    scope: &TenantScope,
    webhook: Uuid,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<bool, ReplayError> {
    let mut tx = scope.begin("webhooks.replay_since").await?;
    if !is_on(&mut tx, scope.key(), webhook).await? {
        return Ok(false);
    }
    let place = company::place_since(&mut tx, scope.key(), since).await?;
    if let Some((xact, event)) = place.map(EventPlace::parts) {
        sqlx::query!(
            // Never forward: what it was not told yet would be left out.
            "UPDATE webhooks SET xact = $3, event = $4
             WHERE company_key = $1 AND id = $2 AND (xact, event) > ($3, $4)",
            scope.key(),
            webhook,
            xact,
            event
        )
        .execute(&mut *tx)
        .await?;
    }
    let change = Change::made(
        "webhook.replay_since",
        webhook,
        serde_json::json!({ "since": since.unix_timestamp() }),
    );
    audit::record(&mut tx, scope, change, now).await?;
    commands::announce_findings(&mut *tx, scope.company()).await?;
    tx.commit().await?;
    Ok(true)
}

/// Has a message sent that tells of nothing; `None` when there is no such webhook.
///
/// # Errors
///
/// When the webhook is off, or the database cannot be used.
pub async fn test(
    scope: &TenantScope,
    webhook: Uuid,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<Delivery>, ReplayError> {
    let mut tx = scope.begin("webhooks.test").await?;
    if !is_on(&mut tx, scope.key(), webhook).await? {
        return Ok(None);
    }
    let events = [CompanyEvent::test(now)];
    sqlx::query!(
        "INSERT INTO webhook_deliveries
             (company_key, id, webhook, objects, events, created_at, next_at, gives_up_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        scope.key(),
        id,
        webhook,
        &objects(&events),
        serde_json::json!(events),
        now,
        // Whoever tries looks at it now, and not tomorrow.
        now + Duration::minutes(1)
    )
    .execute(&mut *tx)
    .await?;
    audit::record(&mut tx, scope, Change::done("webhook.test", webhook), now).await?;
    commands::announce_findings(&mut *tx, scope.company()).await?;
    tx.commit().await?;
    Ok(delivery(scope, webhook, id).await?)
}

/// That a webhook is there and on; locked, so that it stays so.
async fn is_on(tx: &mut PgConnection, company_key: i64, id: Uuid) -> Result<bool, ReplayError> {
    let is_enabled = sqlx::query_scalar!(
        "SELECT is_enabled FROM webhooks WHERE company_key = $1 AND id = $2 FOR UPDATE",
        company_key,
        id
    )
    .fetch_optional(tx)
    .await?;
    match is_enabled {
        None => Ok(false),
        Some(true) => Ok(true),
        Some(false) => Err(ReplayError::Off),
    }
}

/// Forgets messages that were delivered before an instant and those that were given up before another,
/// at most `limit`; gives how many. Less than `limit` means that none is left.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    delivered_before: OffsetDateTime,
    dead_before: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("webhooks.purge").await?;
    let done = sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE company_key = $1 AND id IN (
             SELECT id FROM webhook_deliveries
             WHERE company_key = $1
               AND ((state = 'delivered' AND ended_at < $2) OR (state = 'dead' AND ended_at < $3))
             LIMIT $4
         )",
        scope.key(),
        delivered_before,
        dead_before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    webhook: Uuid,
    state: String,
    kind: Option<String>,
    events: i32,
    attempts: i32,
    created_at: OffsetDateTime,
    next_at: OffsetDateTime,
    gives_up_at: OffsetDateTime,
    attempted_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    status: Option<i32>,
    answer: Option<String>,
    error: Option<String>,
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = || StoreError::inconsistent("webhook_deliveries", "state", &row.state);
        Ok(Self {
            id: row.id,
            webhook: row.webhook,
            state: DeliveryState::parse(&row.state).ok_or_else(bad)?,
            kind: row.kind.unwrap_or_default(),
            events: row.events.unsigned_abs().into(),
            attempts: row.attempts.unsigned_abs(),
            created_at: row.created_at,
            next_at: row.next_at,
            gives_up_at: row.gives_up_at,
            attempted_at: row.attempted_at,
            ended_at: row.ended_at,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            answer: row.answer,
            error: row.error,
        })
    }
}
