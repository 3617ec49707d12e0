//! Rows of an index as they are handed out: borrowed from the file, with numbers for other rows.

use std::ops::Range;

use crate::cve::{CveId, RecordSource};
use crate::index::format::{Bounds, VersionKind};
use crate::rule::QUALIFIERS;

/// A product's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProductId(pub(super) u32);

/// A version's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VersionId(pub(super) u32);

/// A product with where its rules are.
#[derive(Clone, Debug)]
pub(crate) struct ProductView<'a> {
    pub(crate) vendor: &'a str,
    pub(crate) product: &'a str,
    /// `a` or `o`.
    pub(crate) part: u8,
    pub(super) exact_groups: Range<u32>,
    pub(super) ranges: Range<u32>,
    pub(super) open: Range<u32>,
}

/// A rule that names one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExactRow {
    pub(crate) cve: u32,
    pub(crate) shape: u32,
    pub(crate) version: VersionId,
}

/// A rule that names a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RangeRow {
    pub(crate) cve: u32,
    pub(crate) shape: u32,
    pub(crate) lower: Option<VersionId>,
    pub(crate) upper: Option<VersionId>,
    pub(crate) bounds: Bounds,
}

/// A rule that names all versions or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRow {
    pub(crate) cve: u32,
    pub(crate) shape: u32,
    pub(crate) kind: VersionKind,
}

/// One attribute of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    Any,
    NotApplicable,
    Value(&'a str),
}

/// What many rules share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShapeView<'a> {
    pub(crate) qualifiers: [Text<'a>; QUALIFIERS],
    /// The condition's row, if there is one.
    pub(crate) condition: Option<u32>,
}

/// A CVE of the index.
#[derive(Clone, Debug)]
pub(crate) struct CveEntry {
    pub(crate) id: CveId,
    pub(crate) source: RecordSource,
    pub(crate) is_rejected: bool,
    pub(crate) is_fallback: bool,
    pub(super) products: Range<u32>,
}
