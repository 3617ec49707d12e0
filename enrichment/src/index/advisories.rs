//! Statements of distributions and registries in the index: which advisories speak of a package in
//! a place, looked up in a checked file.
//!
//! They lie beside the rules of CVE records, because they name packages and not products. Nothing
//! here decides whether a statement applies. As everywhere in the file, a word that points nowhere
//! reads as nothing.

use std::fmt;
use std::ops::Range;

use crate::advisory::Verdict;
use crate::cve::CveId;
use crate::index::Index;
use crate::index::bytes::{partition, place};
use crate::index::format::{NONE, Section, WITHDRAWN};

mod collected;
mod lay_out;

pub(in crate::index) use crate::index::advisories::collected::{
    Advisories, CompactSpan, CompactStatement, Record, StatementShape as ShapeNumbers,
};
pub(crate) use crate::index::advisories::collected::{NameKind, SpanKind};
pub(in crate::index) use crate::index::advisories::lay_out::{Live, Said, Statement};

/// A place's row: a release of a distribution, or a registry, and whose names its packages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceId(u32);

/// A place with what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceView<'a> {
    pub(crate) at: PlaceId,
    pub(crate) id: &'a str,
    pub(crate) release: &'a str,
    pub(crate) kind: NameKind,
}

/// A package that advisories speak of.
#[derive(Clone, Debug)]
pub(crate) struct PackageView<'a> {
    pub(crate) name: &'a str,
    statements: Range<u32>,
}

/// What one advisory says of one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatementView {
    pub(crate) advisory: u32,
    /// The row of what it shares with others.
    pub(crate) shape: u32,
    /// The row of its list of spans, which others may have as well.
    pub(in crate::index) spans: u32,
}

/// What many statements share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatementShape<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) scheme: &'a str,
    pub(crate) module: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) note: &'a str,
}

/// A stretch of versions that a statement is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanView<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) lower: Option<BoundView<'a>>,
    pub(crate) upper: Option<BoundView<'a>>,
}

/// A version at an end of a stretch. Most are only compared, and so only their key is read.
#[derive(Clone, Copy)]
pub(crate) struct BoundView<'a> {
    index: &'a Index,
    /// Its row among the bounds.
    pub(in crate::index) row: u32,
    /// Its key under the statement's scheme; empty where it has none.
    pub(crate) key: &'a [u8],
}

impl fmt::Debug for BoundView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundView").field(&self.text()).finish()
    }
}

impl<'a> BoundView<'a> {
    /// The version as written.
    pub(crate) fn text(&self) -> &'a str {
        let index = self.index;
        let text = index.word(Section::AdvisoryVersions, self.row, 0);
        text.and_then(|text| index.string(text)).unwrap_or_default()
    }
}

impl Index {
    /// Whether any advisory is about this release, or about this registry.
    #[must_use]
    pub fn has_place(&self, id: &str, release: &str) -> bool {
        self.find_places(id, release).next().is_some()
    }

    pub(crate) fn find_place(&self, id: &str, release: &str, kind: NameKind) -> Option<PlaceId> {
        let rows = self.closed_rows(Section::Places)?;
        let wanted = (id.as_bytes(), release.as_bytes(), kind.to_word());
        let row = partition(&rows, |row| self.place_words(row).is_some_and(|key| key < wanted));
        let is_it = row < rows.end && self.place_words(row) == Some(wanted);
        is_it.then_some(PlaceId(row))
    }

    /// The places of a release, one for each kind of names: one search for all of them, because they
    /// are neighbours.
    pub(crate) fn find_places(
        &self,
        id: &str,
        release: &str,
    ) -> impl Iterator<Item = (PlaceId, NameKind)> {
        let wanted = (id.as_bytes(), release.as_bytes());
        let rows = self.closed_rows(Section::Places).unwrap_or(0..0);
        let first = partition(&rows, |row| {
            let key = self.place_words(row);
            key.is_some_and(|(id, release, _)| (id, release) < wanted)
        });
        let kind = move |row| {
            let (id, release, kind) = self.place_words(row)?;
            NameKind::from_word(kind).filter(|_| (id, release) == wanted)
        };
        (first..rows.end).map_while(move |row| Some((PlaceId(row), kind(row)?)))
    }

    /// The release that a place is of, as advisories tell it; empty for a registry.
    pub(crate) fn release_of(&self, at: PlaceId) -> Option<&str> {
        self.string(self.word(Section::Places, at.0, 1)?)
    }

    fn place_words(&self, row: u32) -> Option<(&[u8], &[u8], u32)> {
        let text = |word| self.text(self.word(Section::Places, row, word)?);
        Some((text(0)?, text(1)?, self.word(Section::Places, row, 2)?))
    }

    fn place_key(&self, row: u32) -> Option<(&str, &str, u32)> {
        let text = |word| self.string(self.word(Section::Places, row, word)?);
        Some((text(0)?, text(1)?, self.word(Section::Places, row, 2)?))
    }

    pub(crate) fn find_package(&self, at: PlaceId, name: &str) -> Option<PackageView<'_>> {
        let rows = self.span(Section::Places, at.0, 3)?;
        let named = |row| self.text(self.word(Section::Packages, row, 0)?);
        let row = partition(&rows, |row| {
            // Compared as bytes, and read as a text only where it is the one: a look-up compares a
            // dozen names.
            named(row).is_some_and(|other| other < name.as_bytes())
        });
        if row >= rows.end || named(row) != Some(name.as_bytes()) {
            return None;
        }
        // From the file and not the question's: the view may outlive the question.
        let found = self.string(self.word(Section::Packages, row, 0)?)?;
        Some(PackageView { name: found, statements: self.span(Section::Packages, row, 1)? })
    }

    /// Every place, in the order of ids and releases.
    pub(crate) fn places(&self) -> impl Iterator<Item = PlaceView<'_>> {
        let rows = self.closed_rows(Section::Places).unwrap_or(0..0);
        rows.filter_map(|row| {
            let (id, release, kind) = self.place_key(row)?;
            let kind = NameKind::from_word(kind)?;
            let at = PlaceId(row);
            Some(PlaceView { at, id, release, kind })
        })
    }

    /// Every package of a place, in the order of names.
    pub(crate) fn packages(&self, at: PlaceId) -> impl Iterator<Item = PackageView<'_>> {
        let rows = self.span(Section::Places, at.0, 3).unwrap_or(0..0);
        rows.filter_map(|row| {
            Some(PackageView {
                name: self.string(self.word(Section::Packages, row, 0)?)?,
                statements: self.span(Section::Packages, row, 1)?,
            })
        })
    }

    /// How many statements there are about a package, without a look at any.
    pub(crate) fn statement_count(package: &PackageView<'_>) -> usize {
        package.statements.len()
    }

    /// What advisories say of a package, in the order of publishers and ids.
    pub(crate) fn statements(
        &self,
        package: &PackageView<'_>,
    ) -> impl Iterator<Item = StatementView> + '_ {
        package.statements.clone().filter_map(|row| {
            Some(StatementView {
                advisory: self.word(Section::Statements, row, 0)?,
                shape: self.word(Section::Statements, row, 1)?,
                spans: self.word(Section::Statements, row, 2)?,
            })
        })
    }

    pub(crate) fn statement_shape(&self, shape: u32) -> Option<StatementShape<'_>> {
        let word = |word| self.word(Section::StatementShapes, shape, word);
        let text = |at| self.string(word(at)?);
        Some(StatementShape {
            verdict: collected::verdict_from_word(word(0)?)?,
            scheme: text(1)?,
            module: text(2)?,
            channel: text(3)?,
            note: text(4)?,
        })
    }

    /// The versions that a statement is about; none means all.
    pub(crate) fn spans(&self, statement: StatementView) -> impl Iterator<Item = SpanView<'_>> {
        self.spans_of(statement.spans)
    }

    /// The versions of a list of spans.
    pub(in crate::index) fn spans_of(&self, list: u32) -> impl Iterator<Item = SpanView<'_>> {
        let rows = self.span(Section::SpanLists, list, 0);
        rows.unwrap_or(0..0).filter_map(|row| {
            let word = |word| self.word(Section::Spans, row, word);
            Some(SpanView {
                kind: SpanKind::from_word(word(0)?)?,
                lower: self.bound(word(1)?)?,
                upper: self.bound(word(2)?)?,
            })
        })
    }

    /// The bound of a number; none at all where the number is none of a bound.
    #[expect(clippy::option_option, reason = "no bound is not the same as a damaged one")]
    fn bound(&self, number: u32) -> Option<Option<BoundView<'_>>> {
        if number == NONE {
            return Some(None);
        }
        let key = self.span(Section::AdvisoryVersions, number, 1)?;
        let keys = self.layout.section(self.bytes.as_slice(), Section::AdvisoryKeys);
        Some(Some(BoundView {
            index: self,
            row: number,
            key: keys.get(place(key.start)..place(key.end))?,
        }))
    }

    /// The publisher's id of an advisory.
    pub(crate) fn advisory_id(&self, advisory: u32) -> Option<&str> {
        self.string(self.word(Section::Advisories, advisory, 0)?)
    }

    /// Whose an advisory is.
    pub(crate) fn advisory_publisher(&self, advisory: u32) -> Option<&str> {
        self.string(self.word(Section::Advisories, advisory, 1)?)
    }

    /// The urgency or severity that its publisher gives an advisory.
    pub(crate) fn advisory_severity(&self, advisory: u32) -> Option<&str> {
        self.string(self.word(Section::Advisories, advisory, 2)?)
    }

    /// The CVEs that an advisory is about, in their order.
    pub(crate) fn advisory_cves(&self, advisory: u32) -> impl Iterator<Item = CveId> + '_ {
        self.advisory_cve_words(advisory).map(|(id, _)| id)
    }

    /// Whether a CVE that an advisory is about is taken back by its own record.
    pub(crate) fn is_withdrawn(&self, advisory: u32, cve: CveId) -> bool {
        self.advisory_cve_words(advisory).any(|(id, word)| id == cve && word & WITHDRAWN != 0)
    }

    fn advisory_cve_words(&self, advisory: u32) -> impl Iterator<Item = (CveId, u32)> + '_ {
        let rows = self.span(Section::Advisories, advisory, 3);
        rows.unwrap_or(0..0).filter_map(|row| {
            let word = self.word(Section::AdvisoryCves, row, 0)?;
            // The flag shares the year's word, which has 16 bits to spare: rows stay at eight
            // bytes.
            let year = u16::try_from(word & !WITHDRAWN).ok()?;
            let number = self.word(Section::AdvisoryCves, row, 1)?;
            Some((CveId::new(year, number), word))
        })
    }

    /// The rows of a table that ends with one row more.
    fn closed_rows(&self, section: Section) -> Option<Range<u32>> {
        let rows = u32::try_from(self.layout.rows(section)).ok()?;
        Some(0..rows.checked_sub(1)?)
    }
}
