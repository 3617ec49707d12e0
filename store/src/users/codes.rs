//! Codes of the second factor that are tried: how many in a row, and from when on the next one is looked at.
//!
//! A try is counted before its code is looked at, so that many at once, on however many nodes, are no more than as many
//! one after the other. Those from addresses that the account is used from are counted apart: nobody elsewhere keeps
//! its owner out. Whether a code is right is decided elsewhere.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::as_operator;
use crate::database::Store;
use crate::error::StoreError;

/// Codes that may be tried in a row before there is a wait.
const TRIES_FREE: i32 = 10;
/// The first wait, which doubles with each code.
const WAIT_FIRST: Duration = Duration::seconds(30);
/// The longest one: a code is guessed in some hundred thousand of them.
const WAIT_MAX: Duration = Duration::hours(1);

/// Takes a try of a person's code, from an address that the account is used from (`is_known`) or from elsewhere. Until
/// when none is looked at; `None` when this one is.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn try_code(
    store: &Store,
    user: Uuid,
    is_known: bool,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let mut tx = as_operator(store, "users.try_code").await?;
    let row = sqlx::query!(
        r#"SELECT CASE WHEN $2::boolean THEN codes_tried_known ELSE codes_tried END AS "tried!",
                  CASE WHEN $2::boolean THEN codes_refused_known_until
                       ELSE codes_refused_until END AS "refused_until?"
           FROM users WHERE id = $1 FOR NO KEY UPDATE"#,
        user,
        is_known
    )
    .fetch_optional(&mut *tx)
    .await?;
    // Nobody's code is right.
    let Some(row) = row else { return Ok(None) };
    if let Some(until) = row.refused_until
        && until > now
    {
        return Ok(Some(until));
    }
    let tried = row.tried.saturating_add(1);
    let until = wait_after(tried).map(|wait| now + wait);
    set(&mut tx, (user, is_known), tried, until).await?;
    tx.commit().await?;
    Ok(None)
}

/// Forgets the tries of one kind, after a code that was right.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn forget_tries(store: &Store, user: Uuid, is_known: bool) -> Result<(), StoreError> {
    let mut tx = as_operator(store, "users.forget_tries").await?;
    set(&mut tx, (user, is_known), 0, None).await?;
    tx.commit().await?;
    Ok(())
}

async fn set(
    tx: &mut PgConnection,
    (user, is_known): (Uuid, bool),
    tried: i32,
    until: Option<OffsetDateTime>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE users SET
             codes_tried = CASE WHEN $2::boolean THEN codes_tried ELSE $3::integer END,
             codes_refused_until =
                 CASE WHEN $2::boolean THEN codes_refused_until ELSE $4::timestamptz END,
             codes_tried_known = CASE WHEN $2::boolean THEN $3::integer ELSE codes_tried_known END,
             codes_refused_known_until =
                 CASE WHEN $2::boolean THEN $4::timestamptz ELSE codes_refused_known_until END
         WHERE id = $1",
        user,
        is_known,
        tried,
        until
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How long nothing is looked at after so many codes in a row.
fn wait_after(tried: i32) -> Option<Duration> {
    let beyond = u32::try_from(tried - TRIES_FREE).ok()?;
    // Seven times doubled is longer than the longest.
    Some((WAIT_FIRST * (1_i32 << beyond.min(7))).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invitations::tests::member;
    use crate::tenant::Role;
    use crate::test_fixtures::{World, at};

    #[test]
    fn the_wait_begins_after_ten_codes_and_grows_to_an_hour() {
        let waits = [0, 9, 10, 11, 12, 16, 17, 18, i32::MAX].map(wait_after);
        let seconds = waits.map(|wait| wait.map_or(0, Duration::whole_seconds));
        assert_eq!(seconds, [0, 0, 30, 60, 120, 1_920, 3_600, 3_600, 3_600]);
    }

    #[tokio::test]
    async fn codes_are_counted_for_an_account_until_one_was_right() {
        let world = World::new().await;
        let store = world.store();
        let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
        let bob = member(&world.scope, "bob@example.org", Role::Viewer).await;
        let tries = async |user, is_known, seconds| {
            try_code(store, user, is_known, at(seconds)).await.unwrap()
        };
        for _ in 0..10 {
            assert_eq!(tries(ann, false, 0).await, None);
        }
        assert_eq!(tries(ann, false, 0).await, Some(at(30)));
        // From where the account is used, and for others, there is no wait.
        assert_eq!(tries(ann, true, 0).await, None);
        assert_eq!(tries(bob, false, 0).await, None);
        // What was refused counts for nothing, and what comes after the wait is looked at once.
        assert_eq!(tries(ann, false, 29).await, Some(at(30)));
        assert_eq!(tries(ann, false, 30).await, None);
        assert_eq!(tries(ann, false, 31).await, Some(at(90)));
        forget_tries(store, ann, true).await.unwrap();
        assert_eq!(tries(ann, false, 31).await, Some(at(90)), "the others' are another count");
        forget_tries(store, ann, false).await.unwrap();
        assert_eq!(tries(ann, false, 31).await, None);
    }

    #[tokio::test]
    async fn many_at_once_are_no_more_than_one_after_the_other() {
        let world = World::new().await;
        let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
        let mut trying = tokio::task::JoinSet::new();
        for _ in 0..30 {
            let store = world.store().clone();
            trying.spawn(async move { try_code(&store, ann, false, at(0)).await.unwrap() });
        }
        let looked_at = trying.join_all().await.into_iter().filter(Option::is_none).count();
        assert_eq!(looked_at, 10);
    }
}
