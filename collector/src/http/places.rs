//! Places for what few may do at once on a node, and fewer for one company.
//!
//! What takes memory or a connection of the database's for as long as somebody far away pleases is bounded
//! twice: by what the node can bear, and so that no company has all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ids::CompanyId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places on this node. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    taken: Taken,
    per_company: usize,
}

/// How many places companies have; who has none is not in it.
#[derive(Clone, Debug, Default)]
struct Taken(Arc<Mutex<HashMap<CompanyId, usize>>>);

impl Places {
    /// So many in all, and of one company.
    pub(super) fn new(all: usize, per_company: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), taken: Taken::default(), per_company }
    }

    /// A place; `None` when there is none for this company. It is free again when it is dropped.
    pub(super) fn take(&self, company: CompanyId) -> Option<Place> {
        let mut taken = self.taken.lock();
        if taken.get(&company).is_some_and(|count| *count >= self.per_company) {
            return None;
        }
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        *taken.entry(company).or_default() += 1;
        drop(taken);
        Some(Place { company, taken: self.taken.clone(), _permit: permit })
    }
}

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<CompanyId, usize>> {
        // Counting cannot panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken.
#[derive(Debug)]
pub(super) struct Place {
    company: CompanyId,
    taken: Taken,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.company) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.company);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_company_has_no_more_than_its_own_and_gets_them_back() {
        let places = Places::new(3, 2);
        let [ours, theirs, third] = [1, 2, 3].map(|n| CompanyId(Uuid::from_u128(n)));
        let first = places.take(ours).unwrap();
        let second = places.take(ours).unwrap();
        assert!(places.take(ours).is_none(), "the third is for others");
        let other = places.take(theirs).unwrap();
        assert!(places.take(third).is_none(), "there are three");
        drop(first);
        assert!(places.take(third).is_some());
        assert!(places.take(ours).is_some());
        drop((second, other));
        assert!(places.taken.lock().is_empty());
    }
}
