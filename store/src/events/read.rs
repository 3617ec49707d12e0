//! Reading events by place, and forgetting old ones.

use enrichment::evaluation::Confidence;
use protocol::fingerprint::SoftwareKey;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{EventKind, EventPlace, FindingEvent};
use crate::error::StoreError;
use crate::page::PAGE_ITEMS_MAX;
use crate::tenant::TenantScope;

/// The events after a place, or from the oldest that is kept, at most `limit` and at most
/// [`PAGE_ITEMS_MAX`], in an order that never grows but at its end: whoever goes on after the last
/// one misses none.
///
/// An event shows once every transaction that began before its own has ended, which takes as long
/// as the longest of them.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn after(
    scope: &TenantScope,
    place: Option<EventPlace>,
    limit: u32,
) -> Result<Vec<FindingEvent>, StoreError> {
    // Numbers of transactions and ids are never below zero.
    let place = place.unwrap_or(EventPlace { xact: -1, id: -1 });
    let mut tx = scope.begin_by_key("events.after").await?;
    // Asked beforehand and on its own: where tables are spread over servers, the statement below runs
    // on the one that has the company, whose transactions have other numbers.
    let ended_before = sqlx::query_scalar!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "xact!""#
    )
    .fetch_one(&mut *tx)
    .await?;
    let rows = sqlx::query_as!(
        EventRow,
        "SELECT xact, id, at, kind, software_key, cve, source, confidence, fixed_in, exception
         FROM finding_events
         WHERE company_key = $1 AND (xact, id) > ($2, $3)
           AND xact < $4
         ORDER BY xact, id LIMIT $5",
        scope.key(),
        place.xact,
        place.id,
        ended_before,
        i64::from(limit.clamp(1, PAGE_ITEMS_MAX))
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Forgets the oldest events, at most `limit`, as far as they are from before an instant; gives
/// how many. Less than `limit` means that none is left.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    before: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin_by_key("events.purge").await?;
    // By place, whose order is nearly that of time: an index by time would cost every writer.
    let done = sqlx::query!(
        "DELETE FROM finding_events
         WHERE company_key = $1 AND at < $2 AND (xact, id) IN (
             SELECT xact, id FROM finding_events WHERE company_key = $1
             ORDER BY xact, id LIMIT $3
         )",
        scope.key(),
        before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[derive(FromRow)]
struct EventRow {
    xact: i64,
    id: i64,
    at: OffsetDateTime,
    kind: String,
    software_key: Uuid,
    cve: String,
    source: String,
    confidence: String,
    fixed_in: Option<String>,
    exception: Option<Uuid>,
}

impl TryFrom<EventRow> for FindingEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let bad = |column, value: &str| StoreError::inconsistent("finding_events", column, value);
        let kind = EventKind::parse(&row.kind).ok_or_else(|| bad("kind", &row.kind))?;
        let confidence = [Confidence::Low, Confidence::Medium, Confidence::High]
            .into_iter()
            .find(|confidence| confidence.as_str() == row.confidence)
            .ok_or_else(|| bad("confidence", &row.confidence))?;
        Ok(Self {
            place: EventPlace { xact: row.xact, id: row.id },
            at: row.at,
            kind,
            software: SoftwareKey::from_uuid(row.software_key),
            cve: row.cve,
            source: row.source,
            confidence,
            fixed_in: row.fixed_in,
            exception: row.exception,
        })
    }
}
