//! The nodes that work on a database, and what waits in each one's queue.
//!
//! It answers one question: may a report that was acknowledged still be on its way? Queues are
//! local to their nodes, so when none of the nodes that live has anything as old, the report went
//! with a disk, and its agent is asked for a snapshot. All instants are the database's.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::database::Store;
use crate::error::StoreError;

/// How long a node that is not heard of counts as one that lives.
// Several reports of a node, which come every second; and less than the pause between two heartbeats,
// so that a heartbeat after a node's end is not kept waiting by it.
pub const LIVES_FOR: Duration = Duration::from_secs(15);

/// How far behind an instant everything has to be before it counts as before it: agents are told an
/// acknowledgement by a node whose clock is not the database's.
const MARGIN: Duration = Duration::from_secs(2);

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its queue: a node whose data directory is lost comes back as another one.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// When it said so.
    pub seen_at: OffsetDateTime,
    /// Whether it is taken for one that lives.
    pub is_alive: bool,
    /// When the oldest report in its queue was taken; `None` when none waits.
    pub waiting_since: Option<OffsetDateTime>,
    /// The authorities that it has; `None` where it does not say it, as nodes of the release before.
    pub signs: Option<Signs>,
    /// What it said of itself last, as its release writes it; `None` when it says nothing of the kind, or has
    /// not lately.
    pub said: Option<Value>,
}

/// The authorities that a node has, by the SHA-256 of their certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// The one that it signs with.
    pub active: [u8; 32],
    /// The one that it could sign with next.
    pub next: Option<[u8; 32]>,
}

/// Says that a node lives, for how long the oldest report has been waiting in its queue, and which authorities it has.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn report(
    store: &Store,
    id: Uuid,
    name: &str,
    waiting: Option<Duration>,
    signs: Option<Signs>,
) -> Result<(), StoreError> {
    let active = signs.as_ref().map(|signs| &signs.active[..]);
    let next = signs.as_ref().and_then(|signs| signs.next.as_ref()).map(|next| &next[..]);
    sqlx::query!(
        // The wait comes as a length, which needs no common clock; the server makes instants of it.
        // `NULL` passes through `make_interval`, so a node where nothing waits has none.
        "INSERT INTO nodes AS n
             (id, name, seen_at, waiting_since, authority_sha256, next_authority_sha256)
         VALUES ($1, $2, clock_timestamp(), clock_timestamp() - make_interval(secs => $3), $4, $5)
         ON CONFLICT (id) DO UPDATE
         SET name = excluded.name, seen_at = excluded.seen_at, waiting_since = excluded.waiting_since,
             authority_sha256 = excluded.authority_sha256,
             next_authority_sha256 = excluded.next_authority_sha256",
        id,
        name,
        waiting.map(|waiting| waiting.as_secs_f64()),
        active,
        next
    )
    .execute(store.pool())
    .await?;
    Ok(())
}

/// Writes what a node says of itself for people to look at. Nothing is decided by it. A node that has not told that
/// it lives says nothing.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn say(store: &Store, id: Uuid, said: &Value) -> Result<(), StoreError> {
    sqlx::query!("UPDATE nodes SET said = $2, said_at = clock_timestamp() WHERE id = $1", id, said)
        .execute(store.pool())
        .await?;
    Ok(())
}

/// Takes a node out that has ended with nothing in its queue.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn leave(store: &Store, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM nodes WHERE id = $1", id).execute(store.pool()).await?;
    Ok(())
}

/// All nodes that were heard of, by name.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list(store: &Store) -> Result<Vec<Node>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, name, seen_at, waiting_since, authority_sha256, next_authority_sha256,
                  seen_at > clock_timestamp() - make_interval(secs => $1) AS "is_alive!",
                  -- What stood there before another release took the node over is none of its words.
                  CASE WHEN said_at > seen_at - interval '1 minute' THEN said END AS "said: Value"
           FROM nodes ORDER BY name, id"#,
        LIVES_FOR.as_secs_f64()
    )
    .fetch_all(store.pool())
    .await?;
    let nodes = rows.into_iter().map(|row| Node {
        id: row.id,
        name: row.name,
        seen_at: row.seen_at,
        is_alive: row.is_alive,
        waiting_since: row.waiting_since,
        signs: signs(row.authority_sha256, row.next_authority_sha256),
        said: row.said,
    });
    Ok(nodes.collect())
}

/// What a node has said of its authorities; the table's checks keep the lengths.
fn signs(active: Option<Vec<u8>>, next: Option<Vec<u8>>) -> Option<Signs> {
    let fingerprint = |noted: Option<Vec<u8>>| noted?.try_into().ok();
    Some(Signs { active: fingerprint(active)?, next: fingerprint(next) })
}

/// Forgets nodes that were not heard of for that long.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(store: &Store, unseen_for: Duration) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM nodes WHERE seen_at < clock_timestamp() - make_interval(secs => $1)",
        unseen_for.as_secs_f64()
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

/// As [`settled_until`], by the clock of whoever asks, whose present is `now`: what it noted is compared with nobody
/// else's, and a node whose clock is some seconds late takes nothing for lost.
pub(crate) async fn settled_by(
    tx: &mut PgConnection,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let until = settled_until(tx).await?;
    let there: OffsetDateTime =
        sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(tx).await?;
    Ok(until.map(|until| now - (there - until)))
}

/// The instant before which nothing waits any more in the queue of any node that lives; `None` when no
/// node is known.
pub(crate) async fn settled_until(
    tx: &mut PgConnection,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let until = sqlx::query_scalar!(
        // An empty queue was empty when the node said so, and not after. Without any node `min` is
        // `NULL`: nothing can be said then.
        "SELECT min(coalesce(waiting_since, seen_at)) - make_interval(secs => $2)
         FROM nodes WHERE seen_at > clock_timestamp() - make_interval(secs => $1)",
        LIVES_FOR.as_secs_f64(),
        MARGIN.as_secs_f64()
    )
    .fetch_one(tx)
    .await?;
    Ok(until)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test_support::FreshDatabase;

    const A: Uuid = Uuid::from_u128(0xa);
    const B: Uuid = Uuid::from_u128(0xb);

    async fn age_of_settled(database: &FreshDatabase) -> Option<f64> {
        let mut connection = database.store().pool().acquire().await.unwrap();
        let until = settled_until(&mut connection).await.unwrap()?;
        let age = sqlx::query_scalar("SELECT extract(epoch FROM clock_timestamp() - $1)::float8");
        Some(age.bind(until).fetch_one(&mut *connection).await.unwrap())
    }

    #[tokio::test]
    async fn nothing_is_settled_past_the_oldest_report_of_any_node_that_lives() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        assert_eq!(age_of_settled(&database).await, None);
        report(store, A, "a", None, None).await.unwrap();
        assert!(age_of_settled(&database).await.unwrap() < 10.0);
        report(store, B, "b", Some(Duration::from_secs(500)), None).await.unwrap();
        assert!(age_of_settled(&database).await.unwrap() > 500.0);
        report(store, B, "b", None, None).await.unwrap();
        assert!(age_of_settled(&database).await.unwrap() < 10.0);
    }

    #[tokio::test]
    async fn a_node_that_is_not_heard_of_any_more_is_not_waited_for() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        report(store, A, "a", None, None).await.unwrap();
        report(store, B, "b", Some(Duration::from_secs(500)), None).await.unwrap();
        // Twenty seconds, because `LIVES_FOR` is fifteen, and the server's clock cannot be moved.
        let old = "UPDATE nodes SET seen_at = seen_at - interval '20 seconds' WHERE name = 'b'";
        database.execute(old).await;
        assert!(age_of_settled(&database).await.unwrap() < 10.0);
        let alive: Vec<bool> = list(store).await.unwrap().iter().map(|n| n.is_alive).collect();
        assert_eq!(alive, [true, false]);
        assert_eq!(purge(store, Duration::from_secs(10)).await.unwrap(), 1);
        leave(store, A).await.unwrap();
        assert_eq!(list(store).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_node_says_which_authorities_it_has_and_one_of_before_says_nothing() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        let said = async || -> Vec<Option<Signs>> {
            list(store).await.unwrap().iter().map(|node| node.signs).collect()
        };
        let both = Signs { active: [1; 32], next: Some([2; 32]) };
        report(store, A, "a", None, Some(both)).await.unwrap();
        report(store, B, "b", None, None).await.unwrap();
        assert_eq!(said().await, [Some(both), None]);
        let one = Signs { active: [2; 32], next: None };
        report(store, A, "a", None, Some(one)).await.unwrap();
        assert_eq!(said().await, [Some(one), None]);
    }

    #[tokio::test]
    async fn what_a_node_says_of_itself_stands_beside_its_name_until_it_is_old() {
        let database = FreshDatabase::create().await;
        let store = database.store();
        let said = json!({ "queued_deltas": 3, "another": "release's" });
        say(store, A, &said).await.unwrap();
        assert_eq!(list(store).await.unwrap(), [], "it does not say that it lives");
        report(store, A, "a", None, None).await.unwrap();
        report(store, B, "b", None, None).await.unwrap();
        say(store, A, &said).await.unwrap();
        report(store, A, "a", None, None).await.unwrap();
        let of = |nodes: Vec<Node>| -> Vec<_> { nodes.into_iter().map(|n| n.said).collect() };
        assert_eq!(of(list(store).await.unwrap()), [Some(said), None]);
        // As after a downgrade: it is heard of and says nothing any more.
        let old = "UPDATE nodes SET said_at = said_at - interval '2 minutes'";
        database.execute(old).await;
        assert_eq!(of(list(store).await.unwrap()), [None, None]);
    }
}
