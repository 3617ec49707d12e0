//! Findings: which CVEs a company's software has, since when, and why.
//!
//! A finding is the software's and not the host's; a host's exposure is a join. It is opened and
//! resolved, never deleted, so "was it known on that day" can be answered.

mod columns;
mod export;
mod filter;
mod labelled;
mod list;
mod replace;
mod then;
mod walk;

pub(crate) use self::columns::FindingColumns;
pub use self::export::{FindingExport, export};
pub use self::filter::{FindingFilter, FindingState};
pub(crate) use self::labelled::push_left_out;
pub use self::list::{Finding, FindingSort, list};
pub use self::replace::{Replaced, replace};

#[cfg(test)]
mod tests;
