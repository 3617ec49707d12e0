//! Which of several servers takes writes, and going over to another one when that changes.
//!
//! The pool makes its connections with one server at a time. After a failover the old server may be
//! gone, stand still, or have become a standby: connections to it are thrown away when they are next
//! needed. It never decides who is primary; it only finds out who takes writes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::watch;

use super::Store;

/// How often the present server is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long a server may take to answer. One that stands still is left as soon as another takes writes.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The servers of a store.
#[derive(Debug)]
pub(super) struct Servers {
    all: Vec<PgConnectOptions>,
    /// The one in use, and since when if it was not the first.
    present: Mutex<(usize, Option<Instant>)>,
    moves: watch::Sender<u64>,
}

impl Servers {
    pub(super) fn new(all: Vec<PgConnectOptions>, present: usize) -> Self {
        Self { all, present: Mutex::new((present, None)), moves: watch::Sender::new(0) }
    }

    /// How to reach the one in use.
    pub(super) fn present(&self) -> &PgConnectOptions {
        // The index is always one of the list's; the list is never empty.
        &self.all[self.state().0]
    }

    /// Whether a connection of that age is to a server that was left.
    pub(super) fn was_left(&self, age: Duration) -> bool {
        // Older than the move, and so made with the server of before.
        self.state().1.is_some_and(|since| since.elapsed() < age)
    }

    fn state(&self) -> (usize, Option<Instant>) {
        *self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "compared with ages that sqlx takes from the same clock"
    )]
    fn move_to(&self, number: usize) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        *present = (number, Some(Instant::now()));
        drop(present);
        // Behind the lock's end: whoever is woken asks at once which server it is now.
        self.moves.send_modify(|moves| *moves += 1);
    }

    /// The others, the one behind the present first.
    fn others(&self) -> impl Iterator<Item = usize> {
        let (count, (present, _)) = (self.all.len(), self.state());
        (1..count).map(move |step| (present + step) % count)
    }
}

impl Store {
    /// Follows the server that takes writes, where the address names several; for ever.
    ///
    /// # Cancel safety
    ///
    /// Safe: it is begun again from where it was left.
    pub async fn follow_primary(&self) {
        let servers = &self.inner.servers;
        // There is nothing to go over to. Left running, so that callers need not tell the cases
        // apart.
        if servers.all.len() < 2 {
            return std::future::pending().await;
        }
        // One connection is kept for asking: to make one a second would cost the server more than all
        // questions.
        let mut asking = None;
        loop {
            tokio::time::sleep(ASK_EVERY).await;
            // During a split both may say yes; the present one keeps its place as long as it does.
            if takes_writes(servers.present(), &mut asking).await {
                continue;
            }
            for number in servers.others() {
                let mut connection = None;
                if takes_writes(&servers.all[number], &mut connection).await {
                    tracing::warn!(
                        from = servers.present().get_host(),
                        to = servers.all[number].get_host(),
                        port = servers.all[number].get_port(),
                        "another server takes writes: going over to it"
                    );
                    let working =
                        super::working(servers.all[number].clone(), self.inner.statement_timeout);
                    // The pool's first, so that nothing that is made after the move goes back.
                    self.inner.pool.set_connect_options(working);
                    servers.move_to(number);
                    asking = connection;
                    break;
                }
            }
        }
    }

    /// Resolves when the store goes over to another server from now on. Whatever waits for an answer of the
    /// one before may wait for ever.
    ///
    /// # Cancel safety
    ///
    /// Safe: it keeps no state.
    pub async fn moved(&self) {
        // A new receiver has seen all that was before, so only moves from now on wake it.
        let mut moves = self.inner.servers.moves.subscribe();
        // The sender lives as long as the store.
        if moves.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether a server takes writes, over a connection that is kept while it does.
async fn takes_writes(server: &PgConnectOptions, kept: &mut Option<PgConnection>) -> bool {
    let asking = async {
        // Taken out first: dropped half way through a question, it would give the next one the old
        // answer.
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => PgConnection::connect_with(server).await?,
        };
        let is_writable = is_writable(&mut connection).await?;
        *kept = Some(connection);
        Ok::<_, sqlx::Error>(is_writable)
    };
    // A connection that was kept may just have been closed by an idle timeout: the next second tries a
    // new one, and a server that is left for a second less of an answer is one that answers no more.
    matches!(tokio::time::timeout(ANSWER_WITHIN, asking).await, Ok(Ok(true)))
}

/// Whether the server takes writes: no standby, and not set to read only.
pub(super) async fn is_writable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT current_setting('transaction_read_only') = 'off' AS "is_writable!""#
    )
    .fetch_one(connection)
    .await
}
