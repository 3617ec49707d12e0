//! The keys that companies have inside the database, remembered for a while.
//!
//! A key never changes, but its company may be erased: from then on nobody is given it, and whoever has it from
//! before has it no longer than [`KNOWN_FOR`]. An erasure counts on that (`companies::erase`).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::ids::CompanyId;

use super::Store;
use crate::error::StoreError;
use crate::tx::{self, Settings};

/// How long a key is given without asking.
pub(crate) const KNOWN_FOR: Duration = Duration::from_secs(30);

/// Keys of companies, one entry a company.
#[derive(Debug, Default)]
pub(super) struct CompanyKeys(Mutex<HashMap<CompanyId, (i64, Instant)>>);

impl CompanyKeys {
    fn lock(&self) -> MutexGuard<'_, HashMap<CompanyId, (i64, Instant)>> {
        // Nothing panics while it is held, and a map without an entry is a valid one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, company: CompanyId, now: Instant) -> Option<i64> {
        let (key, asked_at) = *self.lock().get(&company)?;
        (now.saturating_duration_since(asked_at) < KNOWN_FOR).then_some(key)
    }

    fn keep(&self, company: CompanyId, key: Option<i64>, asked_at: Instant) {
        match key {
            Some(key) => self.lock().insert(company, (key, asked_at)),
            // What is not there is not kept: a company may be made in the next second, and a map of ids
            // that are none would grow with whatever is asked for.
            None => self.lock().remove(&company),
        };
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how old an answer is decides nothing but to ask again"
)]
fn now() -> Instant {
    Instant::now()
}

impl Store {
    /// A company's key inside the database; `None` when there is no such company, or it is being erased.
    pub(crate) async fn company_key(&self, company: CompanyId) -> Result<Option<i64>, StoreError> {
        let asked_at = now();
        let known = self.inner.companies.find(company, asked_at);
        if known.is_some() {
            return Ok(known);
        }
        // Only the operator sees companies' own rows before one is chosen.
        let settings = Settings { operator: true, ..Settings::default() };
        let mut tx = tx::begin(self.transactions(), "companies.key", settings).await?;
        let key = sqlx::query_scalar!(
            "SELECT key FROM companies WHERE id = $1 AND erasing_since IS NULL",
            company.0
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        self.inner.companies.keep(company, key, asked_at);
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_is_given_for_a_while_and_forgotten_with_its_company() {
        let (keys, company, then) = (CompanyKeys::default(), CompanyId(Uuid::from_u128(1)), now());
        keys.keep(company, Some(7), then);
        assert_eq!(keys.find(company, then + KNOWN_FOR / 2), Some(7));
        assert_eq!(keys.find(company, then + KNOWN_FOR), None);
        keys.keep(company, None, then);
        assert_eq!(keys.find(company, then), None);
    }
}
