//! The way out: which webhooks have something to be told, messages made of events, and what became of
//! each attempt.

use std::time::Duration;

use ring::digest;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{EVENTS_MAX, PENDING_MAX, Template, read};
use crate::error::StoreError;
use crate::events::EventPlace;
use crate::events::company::{self, CompanyEvent, after_in};
use crate::page::PAGE_ITEMS_MAX;
use crate::tenant::TenantScope;

/// For how long a message is tried.
pub(super) const GIVE_UP_AFTER: time::Duration = time::Duration::hours(24);

/// A webhook that somebody has for a turn.
#[derive(Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The webhook.
    pub id: Uuid,
    /// Where messages go.
    pub url: String,
    /// How they are written.
    pub template: Template,
    /// Its secrets as they were sealed; the first is its present one.
    pub secrets: Vec<Vec<u8>>,
    /// Whether a message that waits was sent and not answered at all.
    pub is_silent: bool,
}

impl std::fmt::Debug for Claimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address may be a secret as well.
        f.debug_tuple("Claimed").field(&self.id).finish()
    }
}

/// Takes the company's webhooks that have something to be told, for `lease`; none that somebody else has.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn claim(
    scope: &TenantScope,
    turn: Uuid,
    lease: Duration,
    now: OffsetDateTime,
) -> Result<Vec<Claimed>, StoreError> {
    // Events of a later transaction are not told yet: an earlier one may still commit (decision
    // 14).
    let ended_before = company::present(scope).await?.parts().0;
    let mut tx = scope.begin_by_key("webhooks.claim").await?;
    // A look that finds nothing writes nothing: it comes every few seconds.
    let due = sqlx::query_scalar!(
        "SELECT w.id FROM webhooks w
         WHERE w.company_key = $1 AND w.is_enabled
           AND (w.leased_until IS NULL OR w.leased_until <= $2)
           AND (EXISTS (SELECT FROM webhook_deliveries d
                        WHERE d.company_key = $1 AND d.webhook = w.id AND d.state = 'pending'
                          AND d.next_at <= $2)
             OR EXISTS (SELECT FROM finding_events e
                        WHERE e.company_key = $1 AND (e.xact, e.id) > (w.xact, w.event)
                          AND e.xact < $3)
             OR EXISTS (SELECT FROM policy_events e
                        WHERE e.company_key = $1 AND (e.xact, e.id) > (w.xact, w.event)
                          AND e.xact < $3))
         ORDER BY w.id FOR UPDATE SKIP LOCKED",
        scope.key(),
        now,
        ended_before
    )
    .fetch_all(&mut *tx)
    .await?;
    let rows = sqlx::query!(
        r#"UPDATE webhooks w SET leased_by = $3, leased_until = $4
           WHERE w.company_key = $1 AND w.id = ANY($2)
           RETURNING w.id, w.url, w.template, w.secret, w.secret_before, w.secret_before_until,
                     EXISTS (SELECT FROM webhook_deliveries d
                             WHERE d.company_key = $1 AND d.webhook = w.id
                               AND d.state = 'pending' AND d.attempts > 0
                               AND d.status IS NULL) AS "is_silent!""#,
        scope.key(),
        &due,
        turn,
        now + lease
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter()
        .map(|row| {
            // While a secret is rotated both sign, so a receiver need not change in the same
            // second.
            let before = row
                .secret_before
                .filter(|_| row.secret_before_until.is_some_and(|until| until > now));
            Ok(Claimed {
                id: row.id,
                url: row.url,
                template: read::template(&row.template)?,
                secrets: std::iter::once(row.secret).chain(before).collect(),
                is_silent: row.is_silent,
            })
        })
        .collect()
}

/// Gives a webhook back.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn release(scope: &TenantScope, webhook: Uuid, turn: Uuid) -> Result<(), StoreError> {
    let mut tx = scope.begin_by_key("webhooks.release").await?;
    sqlx::query!(
        "UPDATE webhooks SET leased_by = NULL, leased_until = NULL
         WHERE company_key = $1 AND id = $2 AND leased_by = $3",
        scope.key(),
        webhook,
        turn
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// What a step of a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// All events are messages, or as many as may wait.
    All,
    /// There are more.
    More,
    /// Somebody else has the webhook, or nobody any more.
    Lost,
}

/// Makes messages of the next events of a webhook and moves its place over them, in one transaction. Ids
/// of messages come from `new_id`.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn turn(
    scope: &TenantScope,
    webhook: Uuid,
    turn: Uuid,
    new_id: &(dyn Fn() -> Uuid + Sync),
    now: OffsetDateTime,
) -> Result<Turned, StoreError> {
    let mut tx = scope.begin_by_key("webhooks.turn").await?;
    let row = sqlx::query!(
        "SELECT kinds, severity_min, kev_only, label, xact, event FROM webhooks
         WHERE company_key = $1 AND id = $2 AND leased_by = $3 AND is_enabled FOR UPDATE",
        scope.key(),
        webhook,
        turn
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(Turned::Lost);
    };
    let waiting = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM webhook_deliveries
           WHERE company_key = $1 AND webhook = $2 AND state = 'pending'"#,
        scope.key(),
        webhook
    )
    .fetch_one(&mut *tx)
    .await?;
    // A receiver that is away costs so many rows and no more; the webhook's place waits (decision
    // 41).
    if waiting >= i64::from(PENDING_MAX) {
        return Ok(Turned::All);
    }
    let place = EventPlace::new(row.xact, row.event);
    let events = after_in(&mut tx, scope.key(), place, PAGE_ITEMS_MAX).await?;
    let Some(last) = events.last().map(|event| event.id) else {
        return Ok(Turned::All);
    };
    let has_more = events.len() >= usize::try_from(PAGE_ITEMS_MAX).unwrap_or(usize::MAX);
    let kinds = read::kinds(&row.kinds)?;
    let told: Vec<CompanyEvent> =
        events.into_iter().filter(|event| kinds.contains(&event.kind)).collect();
    let only = read::only(row.severity_min.as_deref(), row.kev_only, row.label)?;
    let told = only.of(&mut tx, scope.key(), told).await?;
    for events in told.chunks(EVENTS_MAX) {
        sqlx::query!(
            "INSERT INTO webhook_deliveries
                 (company_key, id, webhook, objects, events, created_at, next_at, gives_up_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
            scope.key(),
            new_id(),
            webhook,
            &objects(events),
            serde_json::json!(events),
            now,
            now + GIVE_UP_AFTER
        )
        .execute(&mut *tx)
        .await?;
    }
    // Over events that it is not told of as well, or each turn would read them again.
    let (xact, event) = last.parts();
    sqlx::query!(
        "UPDATE webhooks SET xact = $3, event = $4 WHERE company_key = $1 AND id = $2",
        scope.key(),
        webhook,
        xact,
        event
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(if has_more { Turned::More } else { Turned::All })
}

/// What events are about, as numbers. Two objects with one number only wait for each other.
pub(super) fn objects(events: &[CompanyEvent]) -> Vec<i64> {
    let mut objects: Vec<i64> = events
        .iter()
        .map(|event| {
            let hash = digest::digest(&digest::SHA256, event.object().as_bytes());
            let mut number = [0; 8];
            number.copy_from_slice(&hash.as_ref()[..8]);
            i64::from_be_bytes(number)
        })
        .collect();
    objects.sort_unstable();
    objects.dedup();
    objects
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The message.
    pub id: Uuid,
    /// What it is about, as numbers.
    pub objects: Vec<i64>,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent next.
    pub next_at: OffsetDateTime,
    /// When it is given up.
    pub gives_up_at: OffsetDateTime,
}

/// The oldest messages of a webhook that wait, in their order.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn pending(
    scope: &TenantScope,
    webhook: Uuid,
    limit: u32,
) -> Result<Vec<Due>, StoreError> {
    let mut tx = scope.begin_by_key("webhooks.pending").await?;
    let rows = sqlx::query!(
        "SELECT id, objects, attempts, next_at, gives_up_at FROM webhook_deliveries
         WHERE company_key = $1 AND webhook = $2 AND state = 'pending'
         ORDER BY seq LIMIT $3",
        scope.key(),
        webhook,
        i64::from(limit)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let due = rows.into_iter().map(|row| Due {
        id: row.id,
        objects: row.objects,
        attempts: row.attempts.unsigned_abs(),
        next_at: row.next_at,
        gives_up_at: row.gives_up_at,
    });
    Ok(due.collect())
}

/// What a message tells; `None` when it is gone.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn events_of(
    scope: &TenantScope,
    id: Uuid,
) -> Result<Option<Vec<CompanyEvent>>, StoreError> {
    let mut tx = scope.begin_by_key("webhooks.events_of").await?;
    let events = sqlx::query_scalar!(
        "SELECT events FROM webhook_deliveries WHERE company_key = $1 AND id = $2",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    let bad = |_| StoreError::inconsistent("webhook_deliveries", "events", &id.to_string());
    events.map(|events| serde_json::from_value(events).map_err(bad)).transpose()
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What follows.
    pub outcome: Outcome,
    /// The status that it was answered with.
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// What follows of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message was taken.
    Delivered,
    /// It is sent again.
    Retry(OffsetDateTime),
    /// It is given up.
    Dead,
}

/// Notes what became of an attempt.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn settle(
    scope: &TenantScope,
    id: Uuid,
    attempt: &Attempt,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let (state, next_at) = match attempt.outcome {
        Outcome::Delivered => ("delivered", None),
        Outcome::Retry(at) => ("pending", Some(at)),
        Outcome::Dead => ("dead", None),
    };
    // PostgreSQL's text holds no zero, and a server answers what it likes.
    let text = |text: &Option<String>| text.as_ref().map(|text| text.replace('\0', ""));
    let mut tx = scope.begin_by_key("webhooks.settle").await?;
    // A node whose lease ran out may come late with what became of its attempt.
    sqlx::query!(
        "UPDATE webhook_deliveries
         SET state = $3, attempts = attempts + 1, attempted_at = $4,
             next_at = coalesce($5, next_at),
             ended_at = CASE WHEN $5::timestamptz IS NULL THEN $4::timestamptz END,
             status = $6, answer = $7, error = $8
         WHERE company_key = $1 AND id = $2 AND state = 'pending'",
        scope.key(),
        id,
        state,
        now,
        next_at,
        attempt.status.map(i32::from),
        text(&attempt.answer),
        text(&attempt.error)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// When the oldest of the company's messages was made that waits; `None` when none does.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn oldest_waiting(scope: &TenantScope) -> Result<Option<OffsetDateTime>, StoreError> {
    let mut tx = scope.begin_by_key("webhooks.oldest_waiting").await?;
    let oldest = sqlx::query_scalar!(
        "SELECT min(d.created_at) FROM webhook_deliveries d
         WHERE d.company_key = $1 AND d.state = 'pending'",
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(oldest)
}
