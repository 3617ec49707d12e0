//! Sessions: a person who is signed in.
//!
//! A session is an id and 32 random bytes, of which a hash is kept. It ends when it is revoked, when
//! nobody used it for a while, and after an absolute time. Signing in always makes a new one: an id
//! that somebody planted before is worth nothing.

mod refused;

use std::net::IpAddr;

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub use self::refused::{
    REFUSALS_AN_HOUR, REFUSALS_IN_ALL_AN_HOUR, Refusal, forget_refused, note_refused,
};
use crate::api_keys::PresentedKey;
use crate::audit::{self, Change, Origin};
use crate::database::Store;
use crate::error::StoreError;
use crate::tenant::{OPERATORS, Principal, TenantScope};
use crate::tx::{self, Settings};
use crate::users;

/// How fresh `last_used_at` is kept.
const LAST_USED_EVERY: Duration = Duration::minutes(1);

/// Sessions of one list.
pub const SESSIONS_MAX: u32 = 100;

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// Without being used.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
}

/// A session to be begun.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// What the person will present.
    pub key: &'a PresentedKey,
    /// Who.
    pub user: Uuid,
    /// The session that is replaced, if the browser had one.
    pub replaces: Option<&'a PresentedKey>,
    /// Where from.
    pub address: Option<IpAddr>,
    /// What the browser calls itself, cut to some length by the caller.
    pub agent: &'a str,
    /// Who signs in, for the audit log: the operators' and that of every company of theirs, or that of `only`.
    pub origin: &'a Origin,
    /// The one company that it is good for: whose provider let the person in.
    pub only: Option<&'a TenantScope>,
}

/// A session as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its public id.
    pub id: Uuid,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it was used last, to the minute.
    pub last_used_at: OffsetDateTime,
    /// When it ends at the latest.
    pub expires_at: OffsetDateTime,
    /// Where it was begun from.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
}

/// Begins a session, in place of the one that the browser had.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn begin(
    store: &Store,
    new: &NewSession<'_>,
    lasting: Lasting,
    now: OffsetDateTime,
) -> Result<Session, StoreError> {
    let company_key = new.only.map(TenantScope::key);
    let log = company_key.unwrap_or(OPERATORS);
    let settings = Settings { operator: true, company: Some(log), ..Settings::default() };
    let mut tx = tx::begin(store.transactions(), "sessions.begin", settings).await?;
    if let Some(replaced) = new.replaces {
        // Whoever's it was, but only with its secret: an id alone ends nobody's session.
        sqlx::query!(
            "UPDATE sessions SET revoked_at = coalesce(revoked_at, $3)
             WHERE id = $1 AND secret_hash = $2",
            replaced.id(),
            &replaced.secret_hash(),
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    let session = Session {
        id: new.key.id(),
        created_at: now,
        last_used_at: now,
        expires_at: now + lasting.absolute,
        address: new.address.map(|a| a.to_string()).unwrap_or_default(),
        agent: new.agent.to_owned(),
    };
    sqlx::query!(
        "INSERT INTO sessions
             (id, user_id, secret_hash, created_at, last_used_at, expires_at, address, agent,
              company_key)
         VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)",
        session.id,
        new.user,
        &new.key.secret_hash(),
        now,
        session.expires_at,
        session.address,
        session.agent,
        company_key
    )
    .execute(&mut *tx)
    .await?;
    let change = Change::done("session.begin", session.id);
    match company_key {
        Some(company_key) => {
            audit::insert(&mut tx, company_key, new.origin, change, now).await?;
        }
        None => audit::record_of_person(&mut tx, new.user, new.origin, change, now).await?,
    }
    tx.commit().await?;
    Ok(session)
}

/// Which of some people were let in from this address before and since then.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn knows_address(
    store: &Store,
    users: &[Uuid],
    address: IpAddr,
    since: OffsetDateTime,
) -> Result<Vec<Uuid>, StoreError> {
    let mut tx = users::as_operator(store, "sessions.knows_address").await?;
    let known = sqlx::query_scalar!(
        "SELECT DISTINCT user_id FROM sessions
         WHERE user_id = ANY($1) AND created_at > $3 AND address = $2",
        users,
        address.to_string(),
        since
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(known)
}

/// A person's sessions that are not over, newest first, as `seen_by` one of them: one that is good for a
/// company alone sees those of that company.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list(
    store: &Store,
    (user, seen_by): (Uuid, Uuid),
    lasting: Lasting,
    now: OffsetDateTime,
) -> Result<Vec<Session>, StoreError> {
    let mut tx = users::as_operator(store, "sessions.list").await?;
    let sessions = sqlx::query_as!(
        Session,
        "SELECT s.id, s.created_at, s.last_used_at, s.expires_at, s.address, s.agent
         FROM sessions s JOIN sessions own ON own.id = $5 AND own.user_id = s.user_id
         WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
           AND s.last_used_at > $3
           AND (own.company_key IS NULL OR s.company_key = own.company_key)
         ORDER BY s.created_at DESC, s.id LIMIT $4",
        user,
        now,
        now - lasting.idle,
        i64::from(SESSIONS_MAX),
        seen_by
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(sessions)
}

/// Ends one of a person's sessions, as `seen_by` one of them; whether there was one to end.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoke(
    store: &Store,
    (user, seen_by): (Uuid, Uuid),
    id: Uuid,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = store.local_operator().begin("sessions.revoke").await?;
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $3 FROM sessions own
         WHERE sessions.id = $2 AND sessions.user_id = $1 AND sessions.revoked_at IS NULL
           AND own.id = $4 AND own.user_id = sessions.user_id
           AND (own.company_key IS NULL OR sessions.company_key = own.company_key)",
        user,
        id,
        now,
        seen_by
    )
    .execute(&mut *tx)
    .await?;
    let is_done = done.rows_affected() > 0;
    if is_done {
        let change = Change::done("session.end", id);
        audit::insert(&mut tx, OPERATORS, origin, change, now).await?;
    }
    tx.commit().await?;
    Ok(is_done)
}

/// Ends all of a person's sessions but one, inside a transaction.
pub(crate) async fn revoke_all_in(
    tx: &mut PgConnection,
    user: Uuid,
    keep: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    // `IS DISTINCT FROM`, because `<>` with nothing to keep is null and would end no session.
    sqlx::query!(
        "UPDATE sessions SET revoked_at = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2",
        user,
        keep,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets sessions that were over before.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(store: &Store, before: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = users::as_operator(store, "sessions.purge").await?;
    // Those that were ended stay until then too: `knows_address` asks about them.
    let done = sqlx::query!("DELETE FROM sessions WHERE expires_at < $1", before)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

impl Store {
    /// Says whose session it is; `None` when it is unknown, wrong or over, which look the same from
    /// outside.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn authenticate_session(
        &self,
        presented: &PresentedKey,
        lasting: Lasting,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, StoreError> {
        let settings = Settings { operator: true, ..Settings::default() };
        let mut tx = tx::begin(self.transactions(), "sessions.authenticate", settings).await?;
        let row = sqlx::query!(
            "SELECT s.secret_hash, s.last_used_at, s.expires_at, s.revoked_at, s.company_key,
                    u.id, u.email, u.is_operator, u.disabled_at
             FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1",
            presented.id()
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        // Compared whatever else is wrong, so that no answer comes sooner for a session that is over.
        let is_right = presented.is_of(&row.secret_hash);
        let is_over = row.revoked_at.is_some()
            || row.disabled_at.is_some()
            || row.expires_at <= now
            || row.last_used_at + lasting.idle <= now;
        if !is_right || is_over {
            return Ok(None);
        }
        let person = (row.email, row.is_operator);
        let principal = users::principal(&mut tx, self, row.id, person, row.company_key).await?;
        if row.last_used_at + LAST_USED_EVERY <= now {
            // Somebody else who notes the same is no reason to wait.
            sqlx::query!(
                "UPDATE sessions SET last_used_at = $2 WHERE id =
                     (SELECT id FROM sessions WHERE id = $1 FOR UPDATE SKIP LOCKED)",
                presented.id(),
                now
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Some(principal))
    }
}

#[cfg(test)]
mod tests;
