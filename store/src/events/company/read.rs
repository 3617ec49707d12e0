//! Reading both kinds of events by one place.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{CompanyEvent, CompanyEventKind, FindingTold, PolicyTold, SoftwareTold};
use crate::error::StoreError;
use crate::events::{EventPlace, KEPT};
use crate::page::PAGE_ITEMS_MAX;
use crate::tenant::TenantScope;

/// The events after a place, at most `limit` and at most [`PAGE_ITEMS_MAX`], in the order and with the
/// promise of [`crate::events::after`].
///
/// # Errors
///
/// When the database cannot be used.
pub async fn after(
    scope: &TenantScope,
    place: EventPlace,
    limit: u32,
) -> Result<Vec<CompanyEvent>, StoreError> {
    let mut tx = scope.begin_by_key("events.company_after").await?;
    let events = after_in(&mut tx, scope.key(), place, limit).await?;
    tx.commit().await?;
    Ok(events)
}

/// The place behind everything that has happened: who begins there is told what happens from now on.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn present(scope: &TenantScope) -> Result<EventPlace, StoreError> {
    let mut tx = scope.begin("events.present").await?;
    let place = EventPlace::new(ended_before(&mut tx).await?, 0);
    tx.commit().await?;
    Ok(place)
}

/// The same place as [`present`], for who keeps it: it says when it was the present, so that [`is_kept`] knows it again.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn beginning(scope: &TenantScope, now: OffsetDateTime) -> Result<EventPlace, StoreError> {
    let (xact, _) = present(scope).await?.parts();
    Ok(EventPlace::beginning(xact, now))
}

/// Whether a reader who goes on after a place misses nothing: its event is still kept, or all that happened since it was
/// the present is.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn is_kept(
    scope: &TenantScope,
    place: EventPlace,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    if let Some(begun_at) = place.begun_at() {
        // A day for clocks that differ. One that is ahead is of a time that a restore has taken back.
        let is_recent = begun_at > now - KEPT + Duration::DAY;
        return Ok(is_recent && place < present(scope).await?);
    }
    let (xact, id) = place.parts();
    let mut tx = scope.begin_by_key("events.is_kept").await?;
    let is_kept = sqlx::query_scalar!(
        r#"SELECT (EXISTS (SELECT FROM finding_events
                           WHERE company_key = $1 AND xact = $2 AND id = $3)
                OR EXISTS (SELECT FROM policy_events
                           WHERE company_key = $1 AND xact = $2 AND id = $3)) AS "kept!""#,
        scope.key(),
        xact,
        id
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(is_kept)
}

/// The transactions before this one have all ended. Asked on its own: where tables are spread over
/// servers, statements on them run where transactions have other numbers.
pub(crate) async fn ended_before(tx: &mut PgConnection) -> Result<i64, StoreError> {
    let xact = sqlx::query_scalar!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "xact!""#
    )
    .fetch_one(tx)
    .await?;
    Ok(xact)
}

/// The place just before the first event that is not older than an instant; `None` where there is none.
pub(crate) async fn place_since(
    tx: &mut PgConnection,
    company_key: i64,
    since: OffsetDateTime,
) -> Result<Option<EventPlace>, StoreError> {
    let finding = sqlx::query!(
        "SELECT xact, id FROM finding_events WHERE company_key = $1 AND at >= $2
         ORDER BY xact, id LIMIT 1",
        company_key,
        since
    )
    .fetch_optional(&mut *tx)
    .await?
    .map(|row| EventPlace::new(row.xact, row.id - 1));
    let policy = sqlx::query!(
        "SELECT xact, id FROM policy_events WHERE company_key = $1 AND at >= $2
         ORDER BY xact, id LIMIT 1",
        company_key,
        since
    )
    .fetch_optional(&mut *tx)
    .await?
    .map(|row| EventPlace::new(row.xact, row.id - 1));
    Ok(finding.into_iter().chain(policy).min())
}

pub(crate) async fn after_in(
    tx: &mut PgConnection,
    company_key: i64,
    place: EventPlace,
    limit: u32,
) -> Result<Vec<CompanyEvent>, StoreError> {
    let limit = limit.clamp(1, PAGE_ITEMS_MAX);
    // One bound for both: an event that only the second question sees would move the place over one that
    // the first did not see yet.
    let ended_before = ended_before(tx).await?;
    let bounds =
        Bounds { company_key, after: place.parts(), ended_before, limit: i64::from(limit) };
    let mut events = findings(tx, &bounds).await?;
    events.extend(policies(tx, &bounds).await?);
    events.sort_unstable_by_key(|event| event.id);
    // What was read of each is its beginning, so the beginning of both together is whole.
    events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(events)
}

struct Bounds {
    company_key: i64,
    after: (i64, i64),
    ended_before: i64,
    limit: i64,
}

async fn findings(tx: &mut PgConnection, bounds: &Bounds) -> Result<Vec<CompanyEvent>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT e.xact, e.id, e.at, e.kind, e.software_key, e.cve, e.source, e.confidence,
                  e.fixed_in, e.exception, s.name AS "name?", s.version AS "version?",
                  c.cvss_severity AS "severity?", c.cvss_score, c.kev_added
           FROM finding_events e
           LEFT JOIN software s ON s.company_key = $1 AND s.software_key = e.software_key
           LEFT JOIN cves c ON c.id = e.cve
           WHERE e.company_key = $1 AND (e.xact, e.id) > ($2, $3) AND e.xact < $4
           ORDER BY e.xact, e.id LIMIT $5"#,
        bounds.company_key,
        bounds.after.0,
        bounds.after.1,
        bounds.ended_before,
        bounds.limit
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(CompanyEvent {
                id: EventPlace::new(row.xact, row.id),
                kind: kind("finding", &row.kind)?,
                at: row.at,
                finding: Some(FindingTold {
                    cve: row.cve,
                    severity: row.severity.unwrap_or_else(|| "unknown".to_owned()),
                    score: row.cvss_score,
                    known_exploited: row.kev_added.is_some(),
                    source: row.source,
                    confidence: row.confidence,
                    fixed_in: row.fixed_in,
                    exception: row.exception,
                    software: SoftwareTold {
                        id: row.software_key,
                        name: row.name.unwrap_or_default(),
                        version: row.version.unwrap_or_default(),
                    },
                }),
                policy: None,
            })
        })
        .collect()
}

async fn policies(tx: &mut PgConnection, bounds: &Bounds) -> Result<Vec<CompanyEvent>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT e.xact, e.id, e.at, e.policy, e.was, e.state, e.reason,
                  p.name AS "name?", a.id AS "host?", a.hostname AS "hostname?"
           FROM policy_events e
           LEFT JOIN policies p ON p.company_key = $1 AND p.id = e.policy
           LEFT JOIN agents a ON a.company_key = $1 AND a.key = e.agent_key
           WHERE e.company_key = $1 AND (e.xact, e.id) > ($2, $3) AND e.xact < $4
           ORDER BY e.xact, e.id LIMIT $5"#,
        bounds.company_key,
        bounds.after.0,
        bounds.after.1,
        bounds.ended_before,
        bounds.limit
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(CompanyEvent {
                id: EventPlace::new(row.xact, row.id),
                kind: kind("policy", &row.state)?,
                at: row.at,
                finding: None,
                policy: Some(PolicyTold {
                    id: row.policy,
                    name: row.name,
                    host: row.host,
                    hostname: row.hostname,
                    was: row.was,
                    state: row.state,
                    reason: row.reason,
                }),
            })
        })
        .collect()
}

fn kind(table: &'static str, word: &str) -> Result<CompanyEventKind, StoreError> {
    CompanyEventKind::of(table, word)
        .ok_or_else(|| StoreError::inconsistent("events", "kind", word))
}
