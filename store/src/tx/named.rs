//! A transaction that is known by its name: how long it took, and whether it came to its end.

use metrics::{counter, histogram};
use sqlx::{PgConnection, Postgres, Transaction};
use std::ops::{Deref, DerefMut};
use tokio::runtime::Handle;

use super::{ROLLBACKS, TRANSACTION_SECONDS};
use crate::database::Turn;
use crate::timeline::{StepKind, Watch};

/// A transaction. Dropped without a commit it is rolled back.
#[derive(Debug)]
pub(crate) struct Tx {
    /// There until it ends.
    inner: Option<Transaction<'static, Postgres>>,
    timed: Timed,
    /// Its company's turn, which is given back once the connection is free.
    turn: Option<Turn>,
}

impl Tx {
    pub(super) const fn new(inner: Transaction<'static, Postgres>, timed: Timed) -> Self {
        Self { inner: Some(inner), timed, turn: None }
    }

    /// The same in its company's turn.
    pub(crate) fn in_turn(mut self, turn: Option<Turn>) -> Self {
        self.turn = turn;
        self
    }

    /// Makes what was done in it stay.
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        if let Some(inner) = self.inner.take() {
            inner.commit().await?;
        }
        self.timed.is_committed = true;
        Ok(())
    }

    /// Takes back what was done in it.
    pub(crate) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        match self.inner.take() {
            Some(inner) => inner.rollback().await,
            None => Ok(()),
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let (Some(inner), Some(turn)) = (self.inner.take(), self.turn.take()) else { return };
        // Whoever is gone may have left the server in the middle of a statement. The connection is taken until that is
        // over, and so is the turn. Nobody waits for this: it ends with the statement, as sqlx's own return of a
        // connection does, which has no name either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // Where it cannot be rolled back the connection is closed, which does the same.
                let _ended = inner.rollback().await;
                drop(turn);
            });
        }
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    #[expect(clippy::expect_used, reason = "what ends it takes it, so nobody has it any more")]
    fn deref(&self) -> &PgConnection {
        self.inner.as_deref().expect("a transaction that has not ended")
    }
}

impl DerefMut for Tx {
    #[expect(clippy::expect_used, reason = "as above")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.inner.as_deref_mut().expect("a transaction that has not ended")
    }
}

/// The time that a transaction takes, the wait for a connection included.
#[derive(Debug)]
pub(super) struct Timed {
    name: &'static str,
    watch: Watch,
    is_committed: bool,
}

impl Timed {
    pub(super) fn begin(name: &'static str) -> Self {
        Self { name, watch: Watch::begin(), is_committed: false }
    }
}

// In a drop, so that whoever stops waiting in the middle is counted as well.
impl Drop for Timed {
    fn drop(&mut self) {
        let took = self.watch.end(self.name, StepKind::Transaction(self.is_committed));
        histogram!(TRANSACTION_SECONDS, "transaction" => self.name).record(took);
        if !self.is_committed {
            counter!(ROLLBACKS, "transaction" => self.name).increment(1);
        }
    }
}
