//! Looks things up in a checked index. Every access is within the file whatever its words say: a
//! word that points nowhere reads as nothing.

use std::ops::Range;

use crate::cve::{CveId, RecordSource};
use crate::index::Index;
use crate::index::bytes::{partition, place};
use crate::index::format::{
    Bounds, CVE_ANCHORE, CVE_ASSIGNER, CVE_CISA, CVE_FALLBACK, CVE_REJECTED, NONE, NOT_APPLICABLE,
    Section, VersionKind,
};
use crate::index::slots::hash;
use crate::index::views::{
    CveEntry, ExactRow, OpenRow, ProductId, ProductView, RangeRow, ShapeView, Text, VersionId,
};
use crate::rule::QUALIFIERS;

impl Index {
    pub(super) fn word(&self, section: Section, row: u32, word: usize) -> Option<u32> {
        self.layout.word(self.bytes.as_slice(), section, row, word)
    }

    /// From a row's word to the same word of the next row.
    pub(super) fn span(&self, section: Section, row: u32, word: usize) -> Option<Range<u32>> {
        let start = self.word(section, row, word)?;
        // The row behind the last one exists for this; see `format`.
        let end = self.word(section, row.checked_add(1)?, word)?;
        Some(start..end)
    }

    pub(super) fn string(&self, number: u32) -> Option<&str> {
        std::str::from_utf8(self.text(number)?).ok()
    }

    /// A text's bytes, whose order is that of the text: a search need not know that they are one.
    pub(super) fn text(&self, number: u32) -> Option<&[u8]> {
        let span = self.span(Section::Strings, number, 0)?;
        self.layout
            .section(self.bytes.as_slice(), Section::Text)
            .get(place(span.start)..place(span.end))
    }

    /// The product of a part, or of any part.
    pub(crate) fn find_product(
        &self,
        part: Option<u8>,
        vendor: &str,
        product: &str,
    ) -> Option<ProductId> {
        let slots = u32::try_from(self.layout.rows(Section::Slots)).ok()?;
        // The number of slots is a power of two; of a file that says otherwise a part is searched,
        // and the rest not found.
        let mask = slots.checked_sub(1)?;
        let mut at = hash(vendor, product) & mask;
        // A damaged table could be full; none is searched longer than it is.
        for _ in 0..slots {
            // An empty slot holds 0 and ends the search.
            let row = self.word(Section::Slots, at, 0)?.checked_sub(1)?;
            let is_part = part
                .is_none_or(|part| self.word(Section::Products, row, 2) == Some(u32::from(part)));
            if is_part && self.is_named(row, vendor, product) {
                return Some(ProductId(row));
            }
            at = (at + 1) & mask;
        }
        None
    }

    fn is_named(&self, row: u32, vendor: &str, product: &str) -> bool {
        let text =
            |word| self.word(Section::Products, row, word).and_then(|number| self.text(number));
        // Product names differ more often than vendors do.
        text(1) == Some(product.as_bytes()) && text(0) == Some(vendor.as_bytes())
    }

    pub(crate) fn product(&self, id: ProductId) -> Option<ProductView<'_>> {
        let row = id.0;
        let text = |word| self.string(self.word(Section::Products, row, word)?);
        Some(ProductView {
            vendor: text(0)?,
            product: text(1)?,
            part: u8::try_from(self.word(Section::Products, row, 2)?).ok()?,
            exact_groups: self.span(Section::Products, row, 3)?,
            ranges: self.span(Section::Products, row, 4)?,
            open: self.span(Section::Products, row, 5)?,
        })
    }

    /// A version as written, without its update.
    pub(crate) fn version_text(&self, id: VersionId) -> Option<&str> {
        self.string(self.word(Section::Versions, id.0, 0)?)
    }

    /// A version's update, where the record gives one.
    pub(crate) fn version_update(&self, id: VersionId) -> Option<&str> {
        self.string(self.word(Section::Versions, id.0, 1)?)
    }

    /// A version's key under the generic scheme; empty where it has none.
    pub(crate) fn version_key(&self, id: VersionId) -> &[u8] {
        self.span(Section::Versions, id.0, 2)
            .and_then(|span| {
                self.layout
                    .section(self.bytes.as_slice(), Section::Keys)
                    .get(place(span.start)..place(span.end))
            })
            .unwrap_or_default()
    }

    /// The rules of a product that name a version with this generic key.
    pub(crate) fn exact_rows<'a>(
        &'a self,
        product: &ProductView<'a>,
        key: &'a [u8],
    ) -> impl Iterator<Item = ExactRow> + 'a {
        let groups = product.exact_groups.clone();
        let first =
            partition(&groups, |group| self.group_key(group).is_some_and(|other| other < key));
        (first..groups.end)
            .take_while(move |group| self.group_key(*group) == Some(key))
            .flat_map(|group| self.group_rows(group))
    }

    /// Every rule of a product that names one version.
    pub(crate) fn all_exact_rows<'a>(
        &'a self,
        product: &ProductView<'a>,
    ) -> impl Iterator<Item = ExactRow> + 'a {
        product.exact_groups.clone().flat_map(|group| self.group_rows(group))
    }

    fn group_version(&self, group: u32) -> Option<VersionId> {
        self.word(Section::ExactGroups, group, 0).map(VersionId)
    }

    fn group_key(&self, group: u32) -> Option<&[u8]> {
        Some(self.version_key(self.group_version(group)?))
    }

    fn group_rows(&self, group: u32) -> impl Iterator<Item = ExactRow> + '_ {
        let rows = self.span(Section::ExactGroups, group, 1).unwrap_or(0..0);
        rows.filter_map(move |row| {
            Some(ExactRow {
                cve: self.word(Section::ExactRows, row, 0)?,
                shape: self.word(Section::ExactRows, row, 1)?,
                version: self.group_version(group)?,
            })
        })
    }

    /// The ranges of a product whose upper bound is at or above this generic key, or open.
    pub(crate) fn ranges_from<'a>(
        &'a self,
        product: &ProductView<'a>,
        key: &'a [u8],
    ) -> impl Iterator<Item = RangeRow> + 'a {
        let rows = product.ranges.clone();
        // Those without a key come first and have the empty one, those without a bound last.
        let first = partition(&rows, |row| {
            self.upper(row).is_some_and(|upper| self.version_key(upper) < key)
        });
        (first..rows.end).filter_map(|row| self.range_row(row))
    }

    /// Every range of a product.
    pub(crate) fn ranges<'a>(
        &'a self,
        product: &ProductView<'a>,
    ) -> impl Iterator<Item = RangeRow> + 'a {
        product.ranges.clone().filter_map(|row| self.range_row(row))
    }

    fn upper(&self, row: u32) -> Option<VersionId> {
        version(self.word(Section::RangeRows, row, 3)?)
    }

    fn range_row(&self, row: u32) -> Option<RangeRow> {
        let word = |word| self.word(Section::RangeRows, row, word);
        Some(RangeRow {
            cve: word(0)?,
            shape: word(1)?,
            lower: version(word(2)?),
            upper: version(word(3)?),
            bounds: Bounds::from_word(word(4)?),
        })
    }

    /// The rules of a product that name all versions or none.
    pub(crate) fn open_rows<'a>(
        &'a self,
        product: &ProductView<'a>,
    ) -> impl Iterator<Item = OpenRow> + 'a {
        product.open.clone().filter_map(|row| {
            Some(OpenRow {
                cve: self.word(Section::OpenRows, row, 0)?,
                shape: self.word(Section::OpenRows, row, 1)?,
                kind: VersionKind::from_word(self.word(Section::OpenRows, row, 2)?)?,
            })
        })
    }

    pub(crate) fn shape(&self, row: u32) -> Option<ShapeView<'_>> {
        let mut qualifiers = [Text::Any; QUALIFIERS];
        for (at, qualifier) in qualifiers.iter_mut().enumerate() {
            *qualifier = match self.word(Section::Shapes, row, at)? {
                NONE => Text::Any,
                NOT_APPLICABLE => Text::NotApplicable,
                number => Text::Value(self.string(number)?),
            };
        }
        let condition = self.word(Section::Shapes, row, QUALIFIERS)?;
        Some(ShapeView { qualifiers, condition: (condition != NONE).then_some(condition) })
    }

    /// The row of a CVE.
    pub(crate) fn find_cve(&self, id: CveId) -> Option<u32> {
        let rows = u32::try_from(self.layout.rows(Section::Cves)).ok()?;
        let row = partition(&(0..rows.checked_sub(1)?), |row| {
            self.cve_id(row).is_some_and(|other| other < id)
        });
        (self.cve_id(row) == Some(id)).then_some(row)
    }

    pub(super) fn cve_id(&self, row: u32) -> Option<CveId> {
        let year = u16::try_from(self.word(Section::Cves, row, 0)?).ok()?;
        Some(CveId::new(year, self.word(Section::Cves, row, 1)?))
    }

    pub(crate) fn cve_entry(&self, row: u32) -> Option<CveEntry> {
        let flags = self.word(Section::Cves, row, 2)?;
        Some(CveEntry {
            id: self.cve_id(row)?,
            source: if flags & CVE_ANCHORE != 0 {
                RecordSource::Anchore
            } else if flags & CVE_CISA != 0 {
                RecordSource::Cisa
            } else if flags & CVE_ASSIGNER != 0 {
                RecordSource::Assigner
            } else {
                RecordSource::Nvd
            },
            is_rejected: flags & CVE_REJECTED != 0,
            is_fallback: flags & CVE_FALLBACK != 0,
            products: self.span(Section::Cves, row, 3)?,
        })
    }

    /// Whether somebody else than its assigner says which products a CVE is about, or takes it back.
    pub(crate) fn is_decided(&self, cve: CveId) -> bool {
        let entry = self.find_cve(cve).and_then(|row| self.cve_entry(row));
        entry.is_some_and(|entry| {
            let has_products = !entry.products.is_empty();
            entry.is_rejected || has_products && entry.source != RecordSource::Assigner
        })
    }

    /// The products that a CVE's rules name, as `vendor:product`.
    pub(crate) fn products_of(&self, cve: &CveEntry) -> Vec<String> {
        cve.products
            .clone()
            .filter_map(|row| {
                let product = ProductId(self.word(Section::CveProducts, row, 0)?);
                let product = self.product(product)?;
                Some(format!("{}:{}", product.vendor, product.product))
            })
            .collect()
    }
}

/// A version's row, if the word names one.
pub(super) fn version(number: u32) -> Option<VersionId> {
    (number != NONE).then_some(VersionId(number))
}
