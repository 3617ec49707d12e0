//! A standby that takes lists, exports and statistics off the server.
//!
//! Whoever reads there sees all that was committed before they asked, as at the server itself: the standby is read
//! once it has replayed that far (decision 53). Where it has not in time, or does not answer, the server is read,
//! and the standby is left alone for a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use sqlx::PgPool;
use tokio::time::{Instant, sleep, timeout};

use super::pool::{self, CHECK_WITHIN};
use super::{ConnectError, Store, StoreConfig, addresses};
use crate::error::StoreError;
use crate::tx::{self, Settings, Transactions, Tx};

/// The metric of transactions that only read and might be a standby's, by the label `server`: `replica` or `primary`.
pub const READS: &str = "muster_database_reads_total";

/// How long is waited until a standby has replayed what the server had written.
const REPLAYED_WITHIN: Duration = Duration::from_secs(1);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// For how long one is left alone that was of no use.
const LEFT_FOR: Duration = Duration::from_secs(5);

/// A standby.
#[derive(Debug)]
pub(super) struct Replica {
    transactions: Transactions,
    /// Until when it is not asked again.
    left_until: Mutex<Option<Instant>>,
}

/// Why a standby was not read.
#[derive(Debug, thiserror::Error)]
enum Unused {
    #[error("it has not replayed what was written {} ms ago", REPLAYED_WITHIN.as_millis())]
    Behind,
    #[error("it gave no answer within {} seconds", CHECK_WITHIN.as_secs())]
    Silent,
    #[error(transparent)]
    Refused(#[from] StoreError),
}

impl From<sqlx::Error> for Unused {
    fn from(error: sqlx::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// How far a standby is behind its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// It is no standby: it takes writes itself.
    Primary,
    /// It replays what its server writes.
    Standby {
        /// Bytes of the server's log that it has not replayed.
        behind_bytes: i64,
    },
}

impl Replica {
    /// One that is reached when it is first needed.
    ///
    /// # Errors
    ///
    /// When the address is none.
    pub(super) fn open(config: &StoreConfig, url: &str) -> Result<Self, ConnectError> {
        let all = addresses::servers(url).map_err(ConnectError::Address)?;
        // An address without a host is one with the default, so there is always a first.
        let standby = all.into_iter().next().ok_or(ConnectError::ReadOnly)?;
        let standby = standby.application_name("muster-collector");
        let transactions = Transactions::on(pool::open_for_reads(config, standby));
        Ok(Self { transactions, left_until: Mutex::default() })
    }

    pub(super) const fn pool(&self) -> &PgPool {
        self.transactions.pool()
    }

    /// A transaction that sees all that the server had written.
    async fn begin(
        &self,
        primary: &PgPool,
        name: &'static str,
        settings: Settings,
    ) -> Result<Tx, Unused> {
        // Flushed and not inserted: whatever was said to be committed is below it, and nothing that is not yet sent.
        let written: String = sqlx::query_scalar("SELECT pg_current_wal_flush_lsn()::text")
            .fetch_one(primary)
            .await?;
        let replayed = async {
            while !self.has_replayed(&written).await? {
                sleep(ASK_EVERY).await;
            }
            Ok::<(), sqlx::Error>(())
        };
        timeout(REPLAYED_WITHIN, replayed).await.map_err(|_| Unused::Behind)??;
        Ok(tx::begin(&self.transactions, name, settings).await?)
    }

    async fn has_replayed(&self, written: &str) -> Result<bool, sqlx::Error> {
        // Of a server that takes writes it is `NULL`: after a failover an old address is no standby's any more, and
        // may be that of a server that nobody else writes to.
        sqlx::query_scalar("SELECT coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn AND pg_is_in_recovery(), false)")
            .bind(written)
            .fetch_one(self.pool())
            .await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "compared with instants of the same clock, here alone"
    )]
    fn is_left(&self) -> bool {
        let until = *self.left_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "compared with instants of the same clock, here alone"
    )]
    fn leave(&self) {
        let until = Instant::now() + LEFT_FOR;
        *self.left_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

impl Store {
    /// Begins a transaction that only reads: on the standby where there is one that can be used, else on the server.
    pub(crate) async fn begin_read(
        &self,
        name: &'static str,
        settings: Settings,
    ) -> Result<Tx, StoreError> {
        if let Some(replica) = &self.inner.replica {
            if !replica.is_left() {
                let begun = replica.begin(self.pool(), name, settings);
                match timeout(CHECK_WITHIN, begun).await.unwrap_or(Err(Unused::Silent)) {
                    Ok(tx) => {
                        counter!(READS, "server" => "replica").increment(1);
                        return Ok(tx);
                    }
                    Err(unused) => {
                        replica.leave();
                        tracing::warn!(
                            error = &unused as &dyn std::error::Error,
                            "the standby is not read for {} seconds",
                            LEFT_FOR.as_secs()
                        );
                    }
                }
            }
            counter!(READS, "server" => "primary").increment(1);
        }
        tx::begin(self.transactions(), name, settings).await
    }

    /// How far the standby is behind; `None` without one.
    ///
    /// # Errors
    ///
    /// When one of the two servers does not answer.
    pub async fn replication(&self) -> Result<Option<Replication>, StoreError> {
        let Some(replica) = &self.inner.replica else { return Ok(None) };
        let written: String = sqlx::query_scalar("SELECT pg_current_wal_flush_lsn()::text")
            .fetch_one(self.pool())
            .await?;
        let behind: Option<i64> = sqlx::query_scalar(
            "SELECT CASE WHEN pg_is_in_recovery()
                         THEN greatest(pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn()), 0)::bigint END",
        )
        .bind(written)
        .fetch_one(replica.pool())
        .await?;
        let found = behind.map(|behind_bytes| Replication::Standby { behind_bytes });
        Ok(Some(found.unwrap_or(Replication::Primary)))
    }
}
