//! Making, changing and ending digests.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DIGESTS_MAX, Digest, Section, read};
use crate::audit::{self, Change};
use crate::companies;
use crate::error::StoreError;
use crate::report_schedules::{self, Every};
use crate::tenant::TenantScope;
use crate::users;

/// What a digest is to be.
#[derive(Clone, Copy, Debug)]
pub struct DigestChange<'a> {
    /// When it comes.
    pub every: &'a Every,
    /// What it tells of.
    pub sections: &'a [Section],
    /// Whether it comes as well when nothing happened.
    pub when_quiet: bool,
}

/// Why a digest is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It was changed or ended meanwhile.
    #[error("it was changed meanwhile: look at it again")]
    Changed,
    /// No time zone has the name.
    #[error("no time zone of IANA's, such as Europe/Berlin or UTC")]
    NoTimeZone,
    /// Whoever asks is none of the company's people, as an operator is.
    #[error("digests are for the company's own people: be invited into it first")]
    NotOurs,
    /// There are too many of them.
    #[error("the company has {DIGESTS_MAX} digests, which is all it can have")]
    TooMany,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for PutError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes or changes a person's digest. It tells of what happens from its making on. A new one gets the id
/// `id`; one that was `seen` has to be as it was.
///
/// # Errors
///
/// When the person is none of the company's, it was changed meanwhile, its time zone is none, there are too
/// many, or the database cannot be used.
pub async fn put(
    scope: &TenantScope,
    (user, id): (Uuid, Uuid),
    change: &DigestChange<'_>,
    seen: Option<u64>,
    now: OffsetDateTime,
) -> Result<Digest, PutError> {
    let mut tx = scope.begin("digests.put").await?;
    // Kept as it is, so that two of one person's requests come one after the other.
    if !users::hold_member(&mut tx, scope.key(), user).await? {
        return Err(PutError::NotOurs);
    }
    let next = report_schedules::next_in(&mut tx, change.every, now).await?;
    let next = next.ok_or(PutError::NoTimeZone)?;
    let before = read::of_user_in(&mut tx, scope.key(), user).await?;
    // Of who has none yet 0 is seen.
    let there = before.as_ref().map_or(0, |before| before.revision);
    if seen.is_some_and(|seen| seen != there) {
        return Err(PutError::Changed);
    }
    if before.is_none() {
        check_room(&mut tx, scope.key()).await?;
        companies::note_digests(&mut tx, scope.key()).await?;
    }
    let sections: Vec<String> =
        change.sections.iter().map(|section| section.as_str().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO digests (company_key, id, user_id, weekday, minute, time_zone, sections,
                              when_quiet, next_at, told_until, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10)
         ON CONFLICT (company_key, user_id) DO UPDATE
         SET weekday = excluded.weekday, minute = excluded.minute, time_zone = excluded.time_zone,
             sections = excluded.sections, when_quiet = excluded.when_quiet,
             next_at = excluded.next_at, changed_at = excluded.changed_at,
             revision = digests.revision + 1",
        scope.key(),
        id,
        user,
        change.every.weekday.map(i32::from),
        i32::from(change.every.minute),
        change.every.time_zone,
        &sections,
        change.when_quiet,
        next,
        now
    )
    .execute(&mut *tx)
    .await?;
    let after = read::of_user_in(&mut tx, scope.key(), user).await?;
    let after =
        after.ok_or_else(|| StoreError::inconsistent("digests", "user_id", &user.to_string()))?;
    let done = match &before {
        None => Change::made("digest.create", after.id, shown(&after)),
        Some(before) => Change::edited("digest.update", after.id, shown(before), shown(&after)),
    };
    audit::record(&mut tx, scope, done, now).await?;
    tx.commit().await?;
    Ok(after)
}

async fn check_room(tx: &mut PgConnection, company_key: i64) -> Result<(), PutError> {
    let there = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM digests WHERE company_key = $1"#,
        company_key
    )
    .fetch_one(tx)
    .await?;
    if there < i64::from(DIGESTS_MAX) { Ok(()) } else { Err(PutError::TooMany) }
}

/// A digest as the audit log shows it.
fn shown(digest: &Digest) -> Value {
    let every = &digest.every;
    let sections: Vec<&str> = digest.sections.iter().map(|section| section.as_str()).collect();
    json!({ "user": digest.user, "weekday": every.weekday, "minute": every.minute,
            "time_zone": every.time_zone, "sections": sections, "when_quiet": digest.when_quiet })
}

/// Ends a person's digest, and what of it waits to be sent; whether there was one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn delete(
    scope: &TenantScope,
    user: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("digests.delete").await?;
    let gone = sqlx::query_scalar!(
        "DELETE FROM digests WHERE company_key = $1 AND user_id = $2 RETURNING id",
        scope.key(),
        user
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(id) = gone {
        forget_waiting(&mut tx, scope.key(), id).await?;
        audit::record(&mut tx, scope, Change::done("digest.delete", id), now).await?;
    }
    tx.commit().await?;
    Ok(gone.is_some())
}

/// Ends a digest by its id, which is all that a message's link to end it has; whether there was one.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn unsubscribe(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("digests.unsubscribe").await?;
    let done =
        sqlx::query!("DELETE FROM digests WHERE company_key = $1 AND id = $2", scope.key(), id)
            .execute(&mut *tx)
            .await?;
    let is_gone = done.rows_affected() > 0;
    if is_gone {
        forget_waiting(&mut tx, scope.key(), id).await?;
        audit::record(&mut tx, scope, Change::done("digest.unsubscribe", id), now).await?;
    }
    tx.commit().await?;
    Ok(is_gone)
}

/// What waits is not sent any more: whoever ends a digest gets none after that.
pub(super) async fn forget_waiting(
    tx: &mut PgConnection,
    company_key: i64,
    digest: Uuid,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM digest_messages
         WHERE company_key = $1 AND digest = $2 AND state = 'pending'",
        company_key,
        digest
    )
    .execute(tx)
    .await?;
    Ok(())
}
