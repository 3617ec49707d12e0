//! How much of what waits is whose.

use std::collections::HashMap;

use protocol::ids::CompanyId;

/// What of all that waits is one company's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Portion {
    /// Reports of the company.
    pub(crate) own: u64,
    /// Reports of all.
    pub(crate) all: u64,
    /// Companies with reports.
    pub(crate) companies: u64,
}

/// Reports by company; of nobody who has none.
#[derive(Debug, Default)]
pub(super) struct Portions {
    by_company: HashMap<CompanyId, u64>,
    all: u64,
}

impl Portions {
    /// So many more of a company wait.
    pub(super) fn add(&mut self, company: CompanyId, reports: usize) {
        if reports > 0 {
            *self.by_company.entry(company).or_default() += reports as u64;
            self.all += reports as u64;
        }
    }

    /// So many of a company wait no longer.
    pub(super) fn take(&mut self, company: CompanyId, reports: usize) {
        let Some(waiting) = self.by_company.get_mut(&company) else {
            return;
        };
        let taken = (reports as u64).min(*waiting);
        *waiting -= taken;
        self.all -= taken;
        if *waiting == 0 {
            self.by_company.remove(&company);
        }
    }

    /// A company's.
    pub(super) fn of(&self, company: CompanyId) -> Portion {
        Portion {
            own: self.by_company.get(&company).copied().unwrap_or(0),
            all: self.all,
            companies: self.by_company.len() as u64,
        }
    }
}
