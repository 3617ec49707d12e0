//! The places of messages that a node sends at once, and of those of one company.
//!
//! A receiver that says nothing holds a place until it is given up. A company may have many of them, so it
//! waits for its own places first: those of the node are never all one company's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use protocol::ids::CompanyId;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Places of one company at most.
const OF_COMPANY_MAX: usize = 8;

/// The places of this node. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    of_company: usize,
    companies: Arc<Mutex<HashMap<CompanyId, Weak<Semaphore>>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _of_company: OwnedSemaphorePermit,
    /// What the company's places are kept by: without anybody who has or wants one they are forgotten.
    _companys: Arc<Semaphore>,
    _of_node: OwnedSemaphorePermit,
}

impl Places {
    /// So many, of which a company has a quarter and at most [`OF_COMPANY_MAX`].
    pub(super) fn new(all: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            of_company: (all / 4).clamp(1, OF_COMPANY_MAX),
            companies: Arc::default(),
        }
    }

    /// The next place of a company.
    ///
    /// # Errors
    ///
    /// When the places are closed, which nobody does.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it ends, it has taken nothing.
    pub(super) async fn take(&self, company: CompanyId) -> Result<Place, AcquireError> {
        let companys = self.of(company);
        let of_company = Arc::clone(&companys).acquire_owned().await?;
        let of_node = Arc::clone(&self.all).acquire_owned().await?;
        Ok(Place { _of_company: of_company, _companys: companys, _of_node: of_node })
    }

    fn of(&self, company: CompanyId) -> Arc<Semaphore> {
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = companies.get(&company).and_then(Weak::upgrade) {
            return there;
        }
        companies.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(self.of_company));
        companies.insert(company, Arc::downgrade(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_company_that_has_its_places_leaves_the_others_to_others() {
        let places = Places::new(16);
        let [theirs, ours] = [1, 2].map(|number| CompanyId(Uuid::from_u128(number)));
        let take = async |company| {
            let taking = tokio::time::timeout(Duration::from_secs(5), places.take(company));
            taking.await.ok().map(Result::unwrap)
        };
        let mut taken = Vec::new();
        while let Some(place) = take(theirs).await {
            taken.push(place);
        }
        assert_eq!(taken.len(), 4);
        let own = take(ours).await.unwrap();
        taken.pop();
        assert!(take(theirs).await.is_some());
        drop((taken, own));
        assert!(take(ours).await.is_some());
        assert_eq!(places.companies.lock().unwrap().len(), 1, "who wants none is forgotten");
    }
}
