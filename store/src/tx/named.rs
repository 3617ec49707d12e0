//! A transaction that is known by its name: how long it took, and whether it came to its end.

use metrics::{counter, histogram};
use sqlx::{PgConnection, Postgres, Transaction};
use std::ops::{Deref, DerefMut};

use super::{ROLLBACKS, TRANSACTION_SECONDS};
use crate::timeline::{StepKind, Watch};

/// A transaction. Dropped without a commit it is rolled back.
#[derive(Debug)]
pub(crate) struct Tx {
    inner: Transaction<'static, Postgres>,
    timed: Timed,
}

impl Tx {
    pub(super) const fn new(inner: Transaction<'static, Postgres>, timed: Timed) -> Self {
        Self { inner, timed }
    }

    /// Makes what was done in it stay.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        let Self { inner, mut timed } = self;
        inner.commit().await?;
        timed.is_committed = true;
        Ok(())
    }

    /// Takes back what was done in it.
    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.inner.rollback().await
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
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
