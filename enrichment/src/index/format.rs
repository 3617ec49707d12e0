//! The file format: a header, a table of sections, and the sections, each a table of fixed rows of
//! little-endian 32-bit words, or plain bytes.
//!
//! ```text
//! 0..8    magic            24..32  generation
//! 8..12   format           32..40  when it was made, in milliseconds since 1970; 0 for unknown
//! 12..16  CRC-32 of all    40..48  which program read the feeds that it is made of
//! 16..24  length of it     48..    per section: where it begins, how long it is (two u64)
//! ```
//!
//! The checksum covers every byte but its own four, which count as zero. A change of any table is
//! a new format number: an index is built again, never converted.

use std::path::Path;

use crate::index::IndexError;
use crate::index::bytes::{place, u32_at, u64_at};

pub(super) const MAGIC: [u8; 8] = *b"MUSTERIX";
/// Raised with every change of a table or of the keys in it.
pub(super) const FORMAT: u32 = 3;
pub(super) const CHECKSUM_AT: usize = 12;
pub(super) const SECTIONS_AT: usize = 48;
pub(super) const HEADER_BYTES: usize = SECTIONS_AT + Section::ALL.len() * 16;
/// "None" where a word is the number of a row.
pub(super) const NONE: u32 = u32::MAX;
/// `-` where a word is the number of a string.
pub(super) const NOT_APPLICABLE: u32 = u32::MAX - 1;

/// The tables, in their order in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// All texts, one behind the other, UTF-8.
    Text,
    /// Where each text begins, sorted by text; one row more ends the last.
    Strings,
    /// Sort keys of versions under the generic scheme.
    Keys,
    /// Versions: text, update or none, where the key begins; one row more ends the last.
    Versions,
    /// Hash table of products: row of the product plus one, or 0.
    Slots,
    /// Products: vendor, product, part, first exact group, first range, first open row; and one
    /// row more.
    Products,
    /// Versions that a product's rules name, sorted by key: version, first row; and one row more.
    ExactGroups,
    /// CVE, shape.
    ExactRows,
    /// CVE, shape, lower version, upper version, bounds; see [`Bounds`].
    RangeRows,
    /// CVE, shape, kind.
    OpenRows,
    /// What rules share: seven qualifiers, condition.
    Shapes,
    /// CVEs sorted by id: year, number, flags, first product; and one row more.
    Cves,
    /// Products that the rules of a CVE name.
    CveProducts,
    /// Where each condition begins; one row more ends the last.
    ConditionStarts,
    /// Conditions: number of partners, then five words a partner; again for each term.
    Conditions,
    /// Releases and registries that advisories are about, sorted by the first three: id, release,
    /// kind of names, first package; and one row more.
    Places,
    /// Packages of a place, sorted by name: name, first statement; and one row more.
    Packages,
    /// Advisory, shape, list of spans.
    Statements,
    /// What statements share: verdict, scheme, module, channel, note.
    StatementShapes,
    /// Where each list of spans begins; one row more ends the last.
    SpanLists,
    /// Kind, lower version, upper version.
    Spans,
    /// Bounds of spans: text, where the key begins; one row more ends the last.
    AdvisoryVersions,
    /// Sort keys of the bounds, each under the scheme of its statements.
    AdvisoryKeys,
    /// Advisories sorted by publisher and id: id, publisher, severity, first CVE; and one row more.
    Advisories,
    /// The CVEs of each advisory, sorted: year and [`WITHDRAWN`], number.
    AdvisoryCves,
    /// The feed files that it is made of, sorted: SHA-256 of each. No part of the content.
    MadeOf,
}

impl Section {
    pub(super) const ALL: [Self; 26] = [
        Self::Text,
        Self::Strings,
        Self::Keys,
        Self::Versions,
        Self::Slots,
        Self::Products,
        Self::ExactGroups,
        Self::ExactRows,
        Self::RangeRows,
        Self::OpenRows,
        Self::Shapes,
        Self::Cves,
        Self::CveProducts,
        Self::ConditionStarts,
        Self::Conditions,
        Self::Places,
        Self::Packages,
        Self::Statements,
        Self::StatementShapes,
        Self::SpanLists,
        Self::Spans,
        Self::AdvisoryVersions,
        Self::AdvisoryKeys,
        Self::Advisories,
        Self::AdvisoryCves,
        Self::MadeOf,
    ];

    /// Bytes of one row.
    pub(super) const fn row_bytes(self) -> usize {
        match self {
            Self::Text | Self::Keys | Self::AdvisoryKeys => 1,
            Self::Strings
            | Self::Slots
            | Self::CveProducts
            | Self::ConditionStarts
            | Self::Conditions
            | Self::SpanLists => 4,
            Self::ExactGroups
            | Self::ExactRows
            | Self::Packages
            | Self::AdvisoryVersions
            | Self::AdvisoryCves => 8,
            Self::Versions | Self::OpenRows | Self::Statements | Self::Spans => 12,
            Self::Cves | Self::Places | Self::Advisories => 16,
            Self::RangeRows | Self::StatementShapes => 20,
            Self::Products => 24,
            Self::Shapes | Self::MadeOf => 32,
        }
    }
}

/// Which versions a rule or a partner names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum VersionKind {
    /// One version, the lower one.
    Exact,
    /// From the lower to the upper one.
    Range,
    /// All of them.
    All,
    /// `-`.
    NotApplicable,
}

impl VersionKind {
    pub(super) const fn to_word(self) -> u32 {
        match self {
            Self::Exact => 0,
            Self::Range => 1,
            Self::All => 2,
            Self::NotApplicable => 3,
        }
    }

    pub(super) const fn from_word(word: u32) -> Option<Self> {
        match word & 0xf {
            0 => Some(Self::Exact),
            1 => Some(Self::Range),
            2 => Some(Self::All),
            3 => Some(Self::NotApplicable),
            _ => None,
        }
    }
}

/// Which bounds are themselves in a range; shares a word with [`VersionKind`] in partners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bounds {
    pub(crate) lower_included: bool,
    pub(crate) upper_included: bool,
}

impl Bounds {
    pub(super) const fn to_word(self) -> u32 {
        (self.lower_included as u32) << 4 | (self.upper_included as u32) << 5
    }

    pub(super) const fn from_word(word: u32) -> Self {
        Self { lower_included: word & 0x10 != 0, upper_included: word & 0x20 != 0 }
    }
}

/// Beside the year of an advisory's CVE: that CVE's own record takes it back.
pub(super) const WITHDRAWN: u32 = 1 << 16;

/// Flags of a CVE.
pub(super) const CVE_ANCHORE: u32 = 1;
pub(super) const CVE_REJECTED: u32 = 2;
pub(super) const CVE_FALLBACK: u32 = 4;
pub(super) const CVE_CISA: u32 = 8;
pub(super) const CVE_ASSIGNER: u32 = 16;

/// Columns that say where something begins in another table.
pub(super) const STARTS: [(Section, usize, Section); 13] = [
    (Section::Strings, 0, Section::Text),
    (Section::Versions, 2, Section::Keys),
    (Section::Products, 3, Section::ExactGroups),
    (Section::Products, 4, Section::RangeRows),
    (Section::Products, 5, Section::OpenRows),
    (Section::ExactGroups, 1, Section::ExactRows),
    (Section::Cves, 3, Section::CveProducts),
    (Section::ConditionStarts, 0, Section::Conditions),
    (Section::Places, 3, Section::Packages),
    (Section::Packages, 1, Section::Statements),
    (Section::SpanLists, 0, Section::Spans),
    (Section::AdvisoryVersions, 1, Section::AdvisoryKeys),
    (Section::Advisories, 3, Section::AdvisoryCves),
];

/// Where the sections of a checked file are.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) generation: u64,
    pub(super) made_at: i64,
    pub(super) reader: u64,
    sections: [(usize, usize); Section::ALL.len()],
}

impl Layout {
    /// Checks a file and finds its sections.
    pub(super) fn check(bytes: &[u8], path: &Path) -> Result<Self, IndexError> {
        let damaged = |reason| IndexError::Damaged { path: path.to_owned(), reason };
        if bytes.first_chunk() != Some(&MAGIC) {
            return Err(IndexError::NotAnIndex(path.to_owned()));
        }
        let cut = || damaged("it ends within its header");
        let found = u32_at(bytes, 8).ok_or_else(cut)?;
        // Before length and checksum: an index of another version is whole, and the message has to
        // say so.
        if found != FORMAT {
            return Err(IndexError::Version { path: path.to_owned(), found, expected: FORMAT });
        }
        if u64_at(bytes, 16) != Some(bytes.len() as u64) || bytes.len() < HEADER_BYTES {
            return Err(damaged("its length is not the one it says"));
        }
        if u32_at(bytes, CHECKSUM_AT) != Some(checksum(bytes)) {
            return Err(damaged("its checksum does not fit"));
        }
        let mut sections = [(0, 0); Section::ALL.len()];
        for (at, section) in Section::ALL.iter().enumerate() {
            sections[at] = section_at(bytes, at)
                .filter(|(_, length)| length % section.row_bytes() == 0)
                .ok_or_else(|| damaged("a section is not within it"))?;
        }
        let layout = Self {
            generation: u64_at(bytes, 24).ok_or_else(cut)?,
            made_at: u64_at(bytes, 32).ok_or_else(cut)?.cast_signed(),
            reader: u64_at(bytes, 40).ok_or_else(cut)?,
            sections,
        };
        if STARTS.iter().all(|starts| layout.is_rising(bytes, *starts)) {
            Ok(layout)
        } else {
            Err(damaged("a table does not fit another"))
        }
    }

    /// Whether a column of starts rises to the end of the table that it points into, so that what
    /// lies between two starts is never more than there is.
    fn is_rising(&self, bytes: &[u8], (section, word, target): (Section, usize, Section)) -> bool {
        // These have a row more than there are of them.
        let closing = usize::from(matches!(target, Section::ExactGroups | Section::Packages));
        let Some(end) = self.rows(target).checked_sub(closing) else {
            return false;
        };
        let mut last = 0;
        for row in self.section(bytes, section).chunks_exact(section.row_bytes()) {
            match u32_at(row, word * 4) {
                Some(start) if start >= last => last = start,
                Some(_) | None => return false,
            }
        }
        // The last start closes the table: one row short or long would leave rows that nobody owns.
        place(last) == end
    }

    /// A section's bytes.
    pub(super) fn section<'a>(&self, bytes: &'a [u8], section: Section) -> &'a [u8] {
        let (start, length) = self.sections[section as usize];
        bytes.get(start..start + length).unwrap_or_default()
    }

    /// Rows of a section.
    pub(super) fn rows(&self, section: Section) -> usize {
        self.sections[section as usize].1 / section.row_bytes()
    }

    /// One word of a row of a section.
    pub(super) fn word(
        &self,
        bytes: &[u8],
        section: Section,
        row: u32,
        word: usize,
    ) -> Option<u32> {
        let (start, length) = self.sections[section as usize];
        let at = place(row).checked_mul(section.row_bytes())?;
        let at = at.checked_add(word * 4)?;
        if at.checked_add(4)? > length {
            return None;
        }
        u32_at(bytes, start + at)
    }
}

fn section_at(bytes: &[u8], section: usize) -> Option<(usize, usize)> {
    let entry = SECTIONS_AT + section * 16;
    let start = usize::try_from(u64_at(bytes, entry)?).ok()?;
    let length = usize::try_from(u64_at(bytes, entry + 8)?).ok()?;
    (start.checked_add(length)? <= bytes.len()).then_some((start, length))
}

/// The checksum of a file, in which the place of the checksum counts as zero.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(bytes.get(..CHECKSUM_AT).unwrap_or_default());
    checksum.update(&[0; 4]);
    checksum.update(bytes.get(CHECKSUM_AT + 4..).unwrap_or_default());
    checksum.finalize()
}
