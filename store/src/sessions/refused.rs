//! Sign-ins that were refused, in the operators' log: whoever looks sees that somebody guesses, and where from.
//!
//! A row an attempt would let a stranger fill the log, which is never tidied of anything else: an account has a bounded
//! number of them in an hour, so have all of them together, and they are kept for a while. Addresses that nobody has an
//! account of have none.

use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::audit::{self, Actor, Came, Change};
use crate::database::Store;
use crate::error::StoreError;
use crate::tenant::OPERATORS;

/// Rows of one account within an hour.
pub const REFUSALS_AN_HOUR: u32 = 10;
/// Rows of all accounts within an hour.
pub const REFUSALS_IN_ALL_AN_HOUR: u32 = 500;

/// What stands in the log.
const ACTION: &str = "session.refused";

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The password is of no account of the address.
    Password,
    /// The password is right, and the code of the second factor is not.
    Code,
    /// The password is right, and too many codes were tried before.
    Wait,
    /// It was tried too often, and nothing was looked at.
    Rate,
}

impl Refusal {
    /// The name in the log and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Wait => "wait",
            Self::Rate => "rate",
        }
    }
}

/// Notes that somebody was not let in to an account; whether there was room for it.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn note_refused(
    store: &Store,
    (account, email): (Uuid, &str),
    why: Refusal,
    came: Came,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = store.local_operator().begin("sessions.note_refused").await?;
    let object = account.to_string();
    // One after the other: of many at once each would find the same room.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($2, $1))", OPERATORS, ACTION)
        .fetch_one(&mut *tx)
        .await?;
    let noted = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE object = $2) AS "of_account!", count(*) AS "in_all!"
           FROM audit_log WHERE company_key = $1 AND at > $3 AND action = $4"#,
        OPERATORS,
        object,
        now - Duration::HOUR,
        ACTION
    )
    .fetch_one(&mut *tx)
    .await?;
    let has_room = noted.of_account < i64::from(REFUSALS_AN_HOUR)
        && noted.in_all < i64::from(REFUSALS_IN_ALL_AN_HOUR);
    if has_room {
        let change = Change::made(ACTION, object, json!({ "email": email, "why": why.as_str() }));
        audit::insert(&mut tx, OPERATORS, &came.of(Actor::System), change, now).await?;
    }
    tx.commit().await?;
    Ok(has_room)
}

/// Forgets those from before; how many there were.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn forget_refused(store: &Store, before: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = store.local_operator().begin("sessions.forget_refused").await?;
    let done = sqlx::query!(
        "DELETE FROM audit_log WHERE company_key = $1 AND at < $2 AND action = $3",
        OPERATORS,
        before,
        ACTION
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;
    use crate::audit::{EntryFilter, list_of_operators};
    use crate::page::PageRequest;
    use crate::test_fixtures::{World, at, id};

    #[tokio::test]
    async fn an_account_has_so_many_rows_an_hour_and_others_have_theirs() {
        let world = World::new().await;
        let (store, ann, bob) = (world.store(), id(), id());
        let note = async |account, seconds| {
            let came = Came { address: Some([203, 0, 113, 9].into()), request_id: "r".to_owned() };
            let whose = (account, "ann@example.org");
            note_refused(store, whose, Refusal::Code, came, at(seconds)).await.unwrap()
        };
        for second in 0..i64::from(REFUSALS_AN_HOUR) {
            assert!(note(ann, second).await);
        }
        assert!(!note(ann, 60).await);
        assert!(note(bob, 60).await);
        assert!(note(ann, 3_600).await, "the first of them is an hour old");
        assert!(!note(ann, 3_600).await);
        let filter = EntryFilter { object: Some(ann.to_string()), ..EntryFilter::default() };
        let page = PageRequest::first(100);
        let operator = store.local_operator();
        let log = list_of_operators(&operator, &filter, &page).await.unwrap().items;
        assert_eq!(log.len(), REFUSALS_AN_HOUR as usize + 1);
        let last = &log[0];
        assert_eq!((last.action.as_str(), last.actor_kind.as_str()), (ACTION, "system"));
        assert_eq!(last.address.as_deref(), Some("203.0.113.9"));
        assert_eq!(last.after, Some(json!({ "email": "ann@example.org", "why": "code" })));
        assert_eq!(forget_refused(store, at(60)).await.unwrap(), 10);
        assert_eq!(forget_refused(store, at(60)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn all_accounts_together_have_so_many_rows_an_hour() {
        let world = World::new().await;
        let full = format!(
            "INSERT INTO audit_log (company_key, at, actor_kind, actor_name, request_id, action, object)
             SELECT 0, '{}', 'system', 'x', '', '{ACTION}', n::text
             FROM generate_series(1, {REFUSALS_IN_ALL_AN_HOUR}) n",
            at(0).format(&Rfc3339).unwrap()
        );
        world.database.execute(&full).await;
        let note = async |seconds| {
            let (whose, came) = ((id(), "ann@example.org"), Came::default());
            note_refused(world.store(), whose, Refusal::Password, came, at(seconds)).await.unwrap()
        };
        assert!(!note(1).await);
        assert!(note(3_600).await);
    }
}
