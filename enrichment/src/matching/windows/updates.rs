//! Which updates a Windows has: those that it lists or that its build implies, and all that those
//! hold.
//!
//! The index knows for each update which ones it replaces, release by release. Whatever is reached
//! from an installed update is installed, so nothing has to be computed for each CVE; the walk visits
//! every update once, and a release has some hundreds.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{Index, PackageView};
use crate::windows;

/// Which update replaces which, as one release's statements say.
#[derive(Debug, Default)]
pub(super) struct Replaced(BTreeMap<u32, Vec<u32>>);

impl Replaced {
    /// Adds what a package of updates says.
    pub(super) fn add(&mut self, index: &Index, package: &PackageView<'_>) {
        for statement in index.statements(package) {
            let shape = index.statement_shape(statement.shape);
            let Some(update) = shape.and_then(|shape| windows::update(shape.note)) else {
                continue;
            };
            let replaced = self.0.entry(update).or_default();
            let versions = index.spans(statement).filter_map(|span| span.lower);
            replaced.extend(versions.filter_map(|version| windows::update(version.text())));
        }
    }

    /// The updates that are there when these are.
    pub(super) fn held_by(&self, installed: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut held = BTreeSet::new();
        let mut next: Vec<u32> = installed.into_iter().collect();
        while let Some(update) = next.pop() {
            // Two updates have been published as replacing each other; each is visited once.
            if held.insert(update) {
                next.extend(self.0.get(&update).into_iter().flatten());
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pairs: &[(u32, &[u32])]) -> Replaced {
        Replaced(pairs.iter().map(|(by, of)| (*by, of.to_vec())).collect())
    }

    #[test]
    fn an_update_holds_what_those_that_it_replaces_hold() {
        let replaced = replaced(&[(40, &[30]), (30, &[20, 21]), (20, &[10]), (50, &[41])]);
        assert_eq!(replaced.held_by([40]).into_iter().collect::<Vec<_>>(), [10, 20, 21, 30, 40]);
        assert!(replaced.held_by([]).is_empty());
    }

    #[test]
    fn updates_that_replace_each_other_end() {
        let replaced = replaced(&[(1, &[2]), (2, &[1]), (3, &[3])]);
        assert_eq!(replaced.held_by([1, 3]).len(), 3);
    }
}
