//! Writes what a builder holds of one feed file as its extract.

use std::path::Path;

use crate::cve::{CveId, RecordSource, Timestamp};
use crate::index::advisories::{CompactStatement, Record};
use crate::index::builder::Builder;
use crate::index::bytes::place;
use crate::index::collected::{CompactRule, Statement};
use crate::index::extract::{
    CHECKSUM_AT, CONTENT_AT, COUNTS_AT, ContentId, Extract, HEADER_BYTES, LENGTH_AT, MAGIC, READER,
    READER_AT, TABLES_AT, Table, checksum,
};
use crate::index::{IndexError, write};

/// Flags of a statement, above its source.
pub(super) const REJECTED: u32 = 1 << 8;
pub(super) const CORRECTION: u32 = 1 << 9;
pub(super) const SAYS_SOMETHING: u32 = 1 << 10;
/// Flag of a statement and of an advisory: it tells when it was changed.
pub(super) const DATED: u32 = 1 << 11;

pub(super) const fn source_to_word(source: RecordSource) -> u32 {
    match source {
        RecordSource::Nvd => 0,
        RecordSource::Anchore => 1,
        RecordSource::Cisa => 2,
        RecordSource::Assigner => 3,
    }
}

pub(super) const fn source_from_word(word: u32) -> Option<RecordSource> {
    match word & 0xff {
        0 => Some(RecordSource::Nvd),
        1 => Some(RecordSource::Anchore),
        2 => Some(RecordSource::Cisa),
        3 => Some(RecordSource::Assigner),
        _ => None,
    }
}

impl Extract {
    /// Writes all that a builder has taken in as the extract of a feed file with this content: under
    /// a temporary name, synced, then renamed to `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or holds more than 32 bits can count.
    pub fn write(builder: &Builder, content: ContentId, path: &Path) -> Result<(), IndexError> {
        write::replace(path, &to_bytes(builder, content)?)
    }
}

/// The tables as they grow.
struct Tables([Vec<u8>; Table::ALL.len()]);

impl Tables {
    fn set(&mut self, table: Table, words: impl IntoIterator<Item = u32>) {
        for word in words {
            self.0[table as usize].extend_from_slice(&word.to_le_bytes());
        }
    }

    /// How many rows a table has by now; of texts, bytes.
    fn end(&self, table: Table) -> Result<u32, IndexError> {
        let row = if table == Table::Text { 1 } else { table.words() * 4 };
        u32::try_from(self.0[table as usize].len() / row).map_err(|_| IndexError::TooLarge("rows"))
    }
}

pub(super) fn to_bytes(builder: &Builder, content: ContentId) -> Result<Vec<u8>, IndexError> {
    let mut out = Tables(Default::default());
    values(builder, &mut out)?;
    statements(builder, &mut out)?;
    advisory_values(builder, &mut out)?;
    advisories(builder, &mut out)?;
    Ok(into_file(builder, content, &out))
}

/// What rules are made of, in the order of arrival.
fn values(builder: &Builder, out: &mut Tables) -> Result<(), IndexError> {
    let tables = &builder.tables;
    for text in tables.strings.texts() {
        out.0[Table::Text as usize].extend_from_slice(text.as_bytes());
        let end = out.end(Table::Text)?;
        out.set(Table::Strings, [end]);
    }
    for (vendor, product, part) in tables.products.values() {
        out.set(Table::Products, [*vendor, *product, *part]);
    }
    for (text, update) in tables.versions.values() {
        out.set(Table::Versions, [*text, *update]);
    }
    for shape in tables.shapes.values() {
        out.set(Table::Shapes, shape.qualifiers);
        out.set(Table::Shapes, [shape.condition]);
    }
    for condition in tables.conditions.values() {
        for term in condition {
            let count = u32::try_from(term.len())
                .map_err(|_| IndexError::TooLarge("partners of a rule"))?;
            out.set(Table::Conditions, [count]);
            for partner in term {
                out.set(Table::Conditions, partner.to_words());
            }
        }
        let end = out.end(Table::Conditions)?;
        out.set(Table::ConditionEnds, [end]);
    }
    Ok(())
}

fn statements(builder: &Builder, out: &mut Tables) -> Result<(), IndexError> {
    let mut all: Vec<(CveId, u32, &Statement)> = Vec::new();
    for (id, statements) in &builder.cves {
        for (source, history) in statements.histories() {
            let kept = history.statements();
            all.extend(kept.map(|statement| (*id, source_to_word(source), statement)));
        }
    }
    // A hash map's order differs from run to run; the same feed makes the same extract.
    all.sort_unstable_by_key(|(id, source, statement)| (*id, *source, statement.says_something));
    for (id, source, statement) in all {
        for rule in &statement.rules {
            out.set(Table::Rules, rule_words(rule));
        }
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
        let flags = flag(statement.is_rejected, REJECTED)
            | flag(statement.is_correction, CORRECTION)
            | flag(statement.says_something, SAYS_SOMETHING)
            | flag(statement.modified.is_some(), DATED);
        let end = out.end(Table::Rules)?;
        let head = [u32::from(id.year()), id.number(), source | flags];
        out.set(Table::Statements, head);
        out.set(Table::Statements, dated(statement.modified));
        out.set(Table::Statements, halves(statement.digest));
        out.set(Table::Statements, [end]);
    }
    Ok(())
}

fn rule_words(rule: &CompactRule) -> [u32; 5] {
    let kind = rule.bounds.to_word() | rule.kind.to_word();
    [rule.product, rule.shape, kind, rule.lower, rule.upper]
}

fn dated(modified: Option<Timestamp>) -> [u32; 2] {
    halves(modified.map_or(0, |at| at.0.cast_unsigned()))
}

const fn halves(number: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

/// What statements about packages are made of, in the order of arrival.
fn advisory_values(builder: &Builder, out: &mut Tables) -> Result<(), IndexError> {
    let tables = &builder.advisories.tables;
    for (id, release, kind) in tables.places.values() {
        out.set(Table::Places, [*id, *release, *kind]);
    }
    for (at, name) in tables.packages.values() {
        out.set(Table::Packages, [*at, *name]);
    }
    for shape in tables.shapes.values() {
        out.set(Table::SaidShapes, shape.to_words());
    }
    for spans in tables.span_lists.values() {
        for span in spans {
            let words = [span.kind.to_word(), span.lower, span.upper];
            out.set(Table::Spans, words);
        }
        let end = out.end(Table::Spans)?;
        out.set(Table::SpanListEnds, [end]);
    }
    for (scheme, text) in tables.versions.values() {
        out.set(Table::SaidVersions, [*scheme, *text]);
    }
    Ok(())
}

fn advisories(builder: &Builder, out: &mut Tables) -> Result<(), IndexError> {
    let texts = builder.tables.strings.texts();
    let text = |number: u32| texts.get(place(number)).map(|text| &**text);
    let mut all: Vec<(u32, &Record)> =
        builder.advisories.records.iter().map(|((_, id), record)| (*id, record)).collect();
    // By text and not by number, which depends on what was read first.
    all.sort_unstable_by_key(|(id, record)| (text(record.publisher), text(*id)));
    for (id, record) in all {
        for cve in &record.cves {
            out.set(Table::AdvisoryCves, [u32::from(cve.year()), cve.number()]);
        }
        for CompactStatement { package, shape, spans } in &record.statements {
            out.set(Table::Said, [*package, *shape, *spans]);
        }
        let is_dated = if record.modified.is_some() { DATED } else { 0 };
        let ends = [out.end(Table::AdvisoryCves)?, out.end(Table::Said)?];
        let head = [record.publisher, id, record.severity, is_dated];
        out.set(Table::Advisories, head);
        out.set(Table::Advisories, dated(record.modified));
        out.set(Table::Advisories, halves(record.digest));
        out.set(Table::Advisories, ends);
    }
    Ok(())
}

fn into_file(builder: &Builder, content: ContentId, out: &Tables) -> Vec<u8> {
    let padded = |bytes: &Vec<u8>| bytes.len().next_multiple_of(8);
    let total = HEADER_BYTES + out.0.iter().map(padded).sum::<usize>();
    let mut file = Vec::with_capacity(total);
    file.extend_from_slice(&MAGIC);
    // The checksum's place, and four bytes that make what follows begin at a multiple of eight.
    file.extend_from_slice(&[0; 8]);
    debug_assert_eq!(file.len(), LENGTH_AT, "the header is as the reader has it");
    file.extend_from_slice(&(total as u64).to_le_bytes());
    debug_assert_eq!(file.len(), READER_AT, "the header is as the reader has it");
    file.extend_from_slice(&READER.to_le_bytes());
    debug_assert_eq!(file.len(), CONTENT_AT, "the header is as the reader has it");
    file.extend_from_slice(&content);
    debug_assert_eq!(file.len(), COUNTS_AT, "the header is as the reader has it");
    let (records, left_out) = (builder.records, builder.left_out);
    for count in
        [records, left_out.hardware, left_out.negated, left_out.wildcards, left_out.malformed]
    {
        file.extend_from_slice(&count.to_le_bytes());
    }
    debug_assert_eq!(file.len(), TABLES_AT, "the header is as the reader has it");
    let mut start = HEADER_BYTES;
    for bytes in &out.0 {
        file.extend_from_slice(&(start as u64).to_le_bytes());
        file.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        start += padded(bytes);
    }
    for bytes in &out.0 {
        file.extend_from_slice(bytes);
        file.resize(file.len().next_multiple_of(8), 0);
    }
    let checksum = checksum(&file);
    file[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
    file
}
