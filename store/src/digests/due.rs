//! Digests whose time has come: a message is written and the time moved, or neither.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Digest, MessageKind, read, write};
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::report_schedules;
use crate::tenant::TenantScope;
use crate::users;

/// For how long a message is tried. A digest of two days ago is of the past.
const GIVE_UP_AFTER: Duration = Duration::hours(24);
/// For how long one is tried that somebody waits for.
const GIVE_UP_TEST_AFTER: Duration = Duration::minutes(10);
/// Messages to try of one digest that wait at once.
pub const TESTS_MAX: i64 = 3;

/// A digest whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The digest.
    pub digest: Digest,
    /// What its person is called.
    pub name: String,
}

/// A message to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Its id, which is a part of its `Message-ID` as well.
    pub id: Uuid,
    /// The subject: a line.
    pub subject: &'a str,
    /// The body as text.
    pub text: &'a str,
    /// The body as HTML.
    pub html: &'a str,
}

/// The digests whose time has come, at most `limit`. Those of people who have left the company, or who may
/// not sign in any more, end instead.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn due(
    scope: &TenantScope,
    limit: u32,
    now: OffsetDateTime,
) -> Result<Vec<Due>, StoreError> {
    let mut tx = scope.begin("digests.due").await?;
    let digests = read::due(&mut tx, scope.key(), now, limit).await?;
    let ids: Vec<Uuid> = digests.iter().map(|digest| digest.user).collect();
    let people = users::reachable(&mut tx, scope.key(), &ids).await?;
    let mut due = Vec::with_capacity(digests.len());
    for digest in digests {
        if let Some(person) = people.iter().find(|person| person.id == digest.user) {
            due.push(Due { digest, name: person.name.clone() });
            continue;
        }
        sqlx::query!(
            "DELETE FROM digests WHERE company_key = $1 AND id = $2",
            scope.key(),
            digest.id
        )
        .execute(&mut *tx)
        .await?;
        write::forget_waiting(&mut tx, scope.key(), digest.id).await?;
        audit::record(&mut tx, scope, Change::done("digest.end", digest.id), now).await?;
    }
    tx.commit().await?;
    Ok(due)
}

/// Moves a digest to its next time, and writes its message where there is something to tell.
///
/// It has told up to [`Digest::until`] then. Whether that was still to be done: another node may have done it, or
/// its person may have changed the digest.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn tell(
    scope: &TenantScope,
    digest: &Digest,
    message: Option<&NewMessage<'_>>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("digests.tell").await?;
    let next = report_schedules::next_in(&mut tx, &digest.every, now).await?;
    // A time zone that the database's system has lost since: a day later is near enough.
    let next = next.unwrap_or(now + Duration::DAY);
    let done = sqlx::query!(
        "UPDATE digests SET next_at = $5, told_until = $6
         WHERE company_key = $1 AND id = $2 AND next_at = $3 AND revision = $4",
        scope.key(),
        digest.id,
        digest.next_at,
        i64::try_from(digest.revision).unwrap_or(i64::MAX),
        next,
        digest.until(now)
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(message) = message {
        let gives_up_at = now + GIVE_UP_AFTER;
        insert(&mut tx, scope, digest, (message, MessageKind::Digest, gives_up_at), now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Writes a message that somebody asked for to try; the digest stays as it is. Not while [`TESTS_MAX`] wait.
/// Whether it was written.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn test(
    scope: &TenantScope,
    digest: &Digest,
    message: &NewMessage<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("digests.test").await?;
    let waiting = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM digest_messages
           WHERE company_key = $1 AND digest = $2 AND kind = 'test' AND state = 'pending'"#,
        scope.key(),
        digest.id
    )
    .fetch_one(&mut *tx)
    .await?;
    if waiting >= TESTS_MAX {
        return Ok(false);
    }
    let gives_up_at = now + GIVE_UP_TEST_AFTER;
    insert(&mut tx, scope, digest, (message, MessageKind::Test, gives_up_at), now).await?;
    audit::record(&mut tx, scope, Change::done("digest.test", digest.id), now).await?;
    tx.commit().await?;
    Ok(true)
}

async fn insert(
    tx: &mut sqlx::PgConnection,
    scope: &TenantScope,
    digest: &Digest,
    (message, kind, gives_up_at): (&NewMessage<'_>, MessageKind, OffsetDateTime),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    // The id is the caller's: one that is there already was written by an earlier try.
    sqlx::query!(
        "INSERT INTO digest_messages (company_key, id, digest, user_id, kind, subject, body_text,
                                      body_html, created_at, next_at, gives_up_at, told_from)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)
         ON CONFLICT (company_key, id) DO NOTHING",
        scope.key(),
        message.id,
        digest.id,
        digest.user,
        kind.as_str(),
        message.subject,
        message.text,
        message.html,
        now,
        gives_up_at,
        digest.told_until
    )
    .execute(tx)
    .await?;
    Ok(())
}
