//! A standby that takes lists, exports and statistics off the server.
//!
//! Whoever reads there sees all that was committed before they asked, as at the server itself: the standby is read
//! once it has replayed that far (decision 53). Where it has not in time, or does not answer, the server is read,
//! and the standby is left alone for a while. One that replays somebody else's log is never read: how far it is says
//! nothing of this one.

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
    #[error("it takes writes itself")]
    Primary,
    #[error("it is of another cluster, and may hold what is somebody else's")]
    Foreign,
    #[error("it is on timeline {standby}, and the server on {server}")]
    Parted { standby: i32, server: i32 },
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

/// How a standby stands to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// It is no standby: it takes writes itself.
    Primary,
    /// It is a standby of another cluster. Nothing is read from it.
    Foreign,
    /// It follows another timeline, or has not noted yet that it went over. Nothing is read from it.
    Parted {
        /// The timeline that it has noted.
        standby: i32,
        /// The server's.
        server: i32,
    },
    /// It replays what its server writes.
    Standby {
        /// Bytes of the server's log that it has not replayed.
        behind_bytes: i64,
    },
}

/// What a server has written, and where.
#[derive(Clone, Debug)]
struct Written {
    /// Up to there (LSN).
    lsn: String,
    /// The cluster's own number, which its standbys have as well, and nobody else.
    system: i64,
    /// Which of the cluster's histories it writes: each promotion and each restore begins another.
    timeline: i32,
}

impl Written {
    /// Asks a server that takes writes.
    async fn by(primary: &PgPool) -> Result<Self, sqlx::Error> {
        // Flushed and not inserted: whatever was said to be committed is below it, and nothing that is not yet sent.
        // The timeline is the beginning of the file's name, and nowhere else as new.
        let (lsn, system, timeline) = sqlx::query_as(
            "SELECT lsn::text, system_identifier,
                    ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int
             FROM pg_current_wal_flush_lsn() AS lsn, pg_control_system()",
        )
        .fetch_one(primary)
        .await?;
        Ok(Self { lsn, system, timeline })
    }

    /// Asks a standby how it stands to that.
    async fn at(&self, standby: &PgPool) -> Result<Replication, sqlx::Error> {
        // What stands in its control file: a standby that goes over to another timeline notes it with its next
        // restart point, some minutes later. Until then it is taken for one that did not.
        let (is_standby, system, timeline, behind): (bool, i64, i32, Option<i64>) = sqlx::query_as(
            "SELECT pg_is_in_recovery(), system_identifier,
                    greatest(timeline_id, min_recovery_end_timeline),
                    pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn())::bigint
             FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()",
        )
        .bind(&self.lsn)
        .fetch_one(standby)
        .await?;
        Ok(if !is_standby {
            // After a failover an old address may be that of a server that nobody else writes to.
            Replication::Primary
        } else if system != self.system {
            Replication::Foreign
        } else if timeline != self.timeline {
            Replication::Parted { standby: timeline, server: self.timeline }
        } else {
            // `NULL` before it has replayed anything.
            Replication::Standby { behind_bytes: behind.unwrap_or(i64::MAX).max(0) }
        })
    }
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
        let written = Written::by(primary).await?;
        let replayed = async {
            loop {
                match written.at(self.pool()).await? {
                    Replication::Standby { behind_bytes: 0 } => return Ok(()),
                    Replication::Standby { .. } => sleep(ASK_EVERY).await,
                    Replication::Primary => return Err(Unused::Primary),
                    Replication::Foreign => return Err(Unused::Foreign),
                    Replication::Parted { standby, server } => {
                        return Err(Unused::Parted { standby, server });
                    }
                }
            }
        };
        timeout(REPLAYED_WITHIN, replayed).await.map_err(|_| Unused::Behind)??;
        Ok(tx::begin(&self.transactions, name, settings).await?)
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

    /// How the standby stands to the server; `None` without one.
    ///
    /// # Errors
    ///
    /// When one of the two servers does not answer.
    pub async fn replication(&self) -> Result<Option<Replication>, StoreError> {
        let Some(replica) = &self.inner.replica else { return Ok(None) };
        let written = Written::by(self.pool()).await?;
        Ok(Some(written.at(replica.pool()).await?))
    }
}
