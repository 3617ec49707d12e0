//! What one record says of packages, as parsers of advisories give it.

use crate::advisory::Advisory;
use crate::feeds::report::FeedKind;

/// What one record says of packages, by publisher.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advisories {
    pub(super) kind: FeedKind,
    pub(super) advisories: Vec<Advisory>,
    /// Statements about packages that were left out, by what they name.
    pub(super) left_out: Vec<String>,
}
