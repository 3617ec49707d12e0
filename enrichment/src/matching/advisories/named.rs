//! A package as the advisories name it, with the version to compare.

use std::rc::Rc;

use crate::index::{NameKind, PackageView};
use crate::matching::advisories::installed::Installed;
use crate::matching::advisories::release::Standing;

/// A package by one of its names.
pub(super) struct Named<'a> {
    pub(super) kind: NameKind,
    pub(super) name: &'a str,
    /// What its release's advisories say, and what those of places that stand beside it say.
    pub(super) views: Vec<(PackageView<'a>, Standing)>,
    pub(super) installed: Rc<Installed>,
    /// Whether only its own build's tags tell which line of updates it is of.
    pub(super) is_tagged: bool,
    /// Why the answer may not be about the installed package.
    pub(super) doubts: Vec<&'static str>,
}
