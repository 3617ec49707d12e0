//! The way out: which messages may go, whom to, and what became of each attempt.

use std::time::Duration;

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, within};
use crate::tenant::TenantScope;
use crate::users;

/// Why a message is given up whose person is gone.
const NOBODY: &str = "its person has left the company, or may not sign in any more";

/// A message of which somebody has the sending.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id.
    pub id: Uuid,
    /// The digest that it is of.
    pub digest: Uuid,
    /// Whom it goes to.
    pub address: String,
    /// What they are called.
    pub name: String,
    /// Its subject.
    pub subject: String,
    /// Its body as text.
    pub text: String,
    /// Its body as HTML.
    pub html: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it is given up.
    pub gives_up_at: OffsetDateTime,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What it says is for its person alone, and the link to end it is a right.
        f.debug_tuple("Outgoing").field(&self.id).finish()
    }
}

/// Takes messages that are due for `lease`, the oldest first and at most `limit`; none that somebody else
/// has. Those whose person is gone are given up.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn claim(
    scope: &TenantScope,
    limit: u32,
    lease: Duration,
    now: OffsetDateTime,
) -> Result<Vec<Outgoing>, StoreError> {
    let mut tx = scope.begin("digests.claim").await?;
    let rows = sqlx::query!(
        "UPDATE digest_messages SET leased_until = $3
         WHERE company_key = $1 AND id IN (
             SELECT id FROM digest_messages
             WHERE company_key = $1 AND state = 'pending' AND next_at <= $2
               AND (leased_until IS NULL OR leased_until <= $2)
             ORDER BY next_at, id LIMIT $4 FOR UPDATE SKIP LOCKED)
         RETURNING id, digest, user_id, subject, body_text, body_html, attempts, created_at,
                   gives_up_at",
        scope.key(),
        now,
        now + lease,
        i64::from(limit)
    )
    .fetch_all(&mut *tx)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.user_id).collect();
    let people = users::reachable(&mut tx, scope.key(), &ids).await?;
    let mut outgoing = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(person) = people.iter().find(|person| person.id == row.user_id) else {
            let gone = Attempt { outcome: Outcome::Dead, code: None, error: Some(NOBODY.into()) };
            settle_in(&mut tx, scope.key(), row.id, &gone, now).await?;
            continue;
        };
        outgoing.push(Outgoing {
            id: row.id,
            digest: row.digest,
            address: person.email.clone(),
            name: person.name.clone(),
            subject: row.subject,
            text: row.body_text,
            html: row.body_html,
            attempts: row.attempts.unsigned_abs(),
            created_at: row.created_at,
            gives_up_at: row.gives_up_at,
        });
    }
    tx.commit().await?;
    outgoing.sort_by_key(|message| (message.created_at, message.id));
    Ok(outgoing)
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What follows.
    pub outcome: Outcome,
    /// The reply code of the server (RFC 5321, section 4.2).
    pub code: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
}

/// What follows of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took it.
    Sent,
    /// It is tried again.
    Retry(OffsetDateTime),
    /// It is given up.
    Dead,
}

/// Notes what became of an attempt, and gives the message back.
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
    let mut tx = scope.begin("digests.settle").await?;
    settle_in(&mut tx, scope.key(), id, attempt, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn settle_in(
    tx: &mut sqlx::PgConnection,
    company_key: i64,
    id: Uuid,
    attempt: &Attempt,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let (state, next_at) = match attempt.outcome {
        Outcome::Sent => ("sent", None),
        Outcome::Retry(at) => ("pending", Some(at)),
        Outcome::Dead => ("dead", None),
    };
    // PostgreSQL's text holds no zero, and a server answers what it likes.
    let error = attempt.error.as_ref().map(|text| text.replace('\0', ""));
    // A node whose lease ran out may come late with what became of its attempt.
    sqlx::query!(
        "UPDATE digest_messages
         SET state = $3, attempts = attempts + 1, attempted_at = $4, leased_until = NULL,
             next_at = coalesce($5, next_at),
             ended_at = CASE WHEN $5::timestamptz IS NULL THEN $4::timestamptz END,
             code = $6, error = $7
         WHERE company_key = $1 AND id = $2 AND state = 'pending'",
        company_key,
        id,
        state,
        now,
        next_at,
        attempt.code.map(i32::from),
        error
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// When the oldest of the company's messages was made that waits; `None` when none does.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn oldest_waiting(scope: &TenantScope) -> Result<Option<OffsetDateTime>, StoreError> {
    let mut tx = scope.begin("digests.oldest_waiting").await?;
    let oldest = sqlx::query_scalar!(
        "SELECT min(created_at) FROM digest_messages WHERE company_key = $1 AND state = 'pending'",
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(oldest)
}

/// Forgets messages that were sent before an instant and those that were given up before another, at most
/// `limit`; gives how many. Less than `limit` means that none is left.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    sent_before: OffsetDateTime,
    dead_before: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("digests.purge").await?;
    let done = sqlx::query!(
        "DELETE FROM digest_messages WHERE company_key = $1 AND id IN (
             SELECT id FROM digest_messages
             WHERE company_key = $1
               AND ((state = 'sent' AND ended_at < $2) OR (state = 'dead' AND ended_at < $3))
             LIMIT $4
         )",
        scope.key(),
        sent_before,
        dead_before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// A message as people look at it: what became of it, and not what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: Uuid,
    /// Whom it is for.
    pub user: Uuid,
    /// What it is.
    pub kind: MessageKind,
    /// How it stands.
    pub state: MessageState,
    /// Its subject.
    pub subject: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it is tried next; of meaning while it waits.
    pub next_at: OffsetDateTime,
    /// When it is given up.
    pub gives_up_at: OffsetDateTime,
    /// When it was tried last.
    pub attempted_at: Option<OffsetDateTime>,
    /// When it was sent or given up.
    pub ended_at: Option<OffsetDateTime>,
    /// The reply code of the server last.
    pub code: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// Declares words of the API and the database, each with the value that it stands for.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $one:literal])+ $value:ident $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[doc = $one])+ $value,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The name in the API and the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            /// What a name stands for, if anything.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

words! {
    /// What a message is.
    MessageKind {
        /// A digest whose time had come.
        Digest "digest",
        /// One that somebody asked for to try.
        Test "test",
    }
}

words! {
    /// How a message stands.
    MessageState {
        /// It waits for its next attempt.
        Pending "pending",
        /// The server took it.
        Sent "sent",
        /// It was given up.
        Dead "dead",
    }
}

/// Which messages a list has.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageFilter {
    /// For this person.
    pub user: Option<Uuid>,
    /// In this state.
    pub state: Option<MessageState>,
}

const NEWEST: Order = Order {
    by: "m.created_at",
    of: SortType::Instant,
    descending: true,
    tie: "m.id",
    tie_is_uuid: true,
};

/// A page of messages, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list_messages(
    scope: &TenantScope,
    filter: MessageFilter,
    page: &PageRequest,
) -> Result<Page<Message>, StoreError> {
    let mut query = within(
        scope,
        "SELECT m.id, m.user_id, m.kind, m.state, m.subject, m.attempts, m.created_at, m.next_at,
                m.gives_up_at, m.attempted_at, m.ended_at, m.code, m.error",
    )?;
    NEWEST.push_columns(&mut query);
    query.push("FROM digest_messages m WHERE m.company_key = $1");
    if let Some(user) = filter.user {
        query.push(" AND m.user_id = ").push_bind(user);
    }
    if let Some(state) = filter.state {
        query.push(" AND m.state = ").push_bind(state.as_str());
    }
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "digests.messages", query).await?;
    NEWEST.page(rows, page, TryInto::try_into)
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    state: String,
    subject: String,
    attempts: i32,
    created_at: OffsetDateTime,
    next_at: OffsetDateTime,
    gives_up_at: OffsetDateTime,
    attempted_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    code: Option<i32>,
    error: Option<String>,
}

impl TryFrom<Row> for Message {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column, value: &str| StoreError::inconsistent("digest_messages", column, value);
        Ok(Self {
            id: row.id,
            user: row.user_id,
            kind: MessageKind::parse(&row.kind).ok_or_else(|| bad("kind", &row.kind))?,
            state: MessageState::parse(&row.state).ok_or_else(|| bad("state", &row.state))?,
            subject: row.subject,
            attempts: row.attempts.unsigned_abs(),
            created_at: row.created_at,
            next_at: row.next_at,
            gives_up_at: row.gives_up_at,
            attempted_at: row.attempted_at,
            ended_at: row.ended_at,
            code: row.code.and_then(|code| u16::try_from(code).ok()),
            error: row.error,
        })
    }
}
