//! Takes an index apart again: what stays of it in the next one, in the numbers of a builder that
//! has its texts, versions and products in the order of the file.
//!
//! Since the builder is given everything in that order, its numbers are the file's rows, and rows
//! that stay are copied as they are. Nothing is decided here, and no version is read.

use crate::cve::CveId;
use crate::index::advisories::{CompactSpan, Said, ShapeNumbers, SpanKind, Statement};
use crate::index::assemble::{Origin, Row, Rules, flags};
use crate::index::builder::Builder;
use crate::index::bytes::place;
use crate::index::collected::{Condition, Partner, Shape};
use crate::index::extract::Wanted;
use crate::index::format::{Bounds, NONE, Section, VersionKind};
use crate::index::views::ProductId;
use crate::index::{Index, IndexError};

/// What stays of an index, and what is to come in the place of the rest.
#[derive(Debug)]
pub(super) struct Base {
    /// With the numbers of the index, and whatever else it is given.
    pub(super) builder: Builder,
    /// By row of the index before: whether the CVE stays.
    cves: Vec<bool>,
    said: Said,
}

/// All of an index but what is judged anew.
pub(super) fn take(before: &Index, wanted: &Wanted) -> Result<Base, IndexError> {
    let reader = Reader(before);
    let mut builder = Builder::new();
    reader.values(&mut builder)?;
    let schemes = reader.schemes_of_bounds();
    reader.advisory_values(&mut builder, &schemes)?;
    let cves = (0..reader.closed_rows(Section::Cves))
        .map(|row| Ok(!wanted.cves.contains(&reader.cve(row)?)))
        .collect::<Result<_, IndexError>>()?;
    Ok(Base { builder, cves, said: reader.said(wanted)? })
}

impl Base {
    /// The index of what stays and of all that the builder was given since.
    pub(super) fn assemble(
        mut self,
        before: &Index,
        origin: &Origin,
    ) -> Result<Vec<u8>, IndexError> {
        let rules = self.rules(before)?;
        let mut said = std::mem::take(&mut self.said);
        self.builder.drain_advisories(&mut said)?;
        self.builder.assemble_of(rules, said, origin)
    }

    /// The CVEs of both in their order, and all their rules.
    fn rules(&mut self, before: &Index) -> Result<Rules, IndexError> {
        let reader = Reader(before);
        let anew = self.builder.drain_cves();
        let mut rules = Rules::default();
        let mut places = vec![NONE; self.cves.len()];
        let mut anew = anew.iter().peekable();
        let mut anew_at = Vec::new();
        let next = |rules: &Rules| {
            u32::try_from(rules.cves.len()).map_err(|_| IndexError::TooLarge("CVEs"))
        };
        let mut staying = (0..).zip(&self.cves).filter(|(_, stays)| **stays).peekable();
        loop {
            let old = match staying.peek() {
                Some((row, _)) => Some((*row, reader.cve(*row)?)),
                None => None,
            };
            let at = next(&rules)?;
            match (old, anew.peek()) {
                (None, None) => break,
                // Both lists are sorted by id and share none: what is judged anew does not stay.
                (Some((row, id)), other) if other.is_none_or(|(other, _)| id < *other) => {
                    places[place(row)] = at;
                    rules.cves.push((id, reader.word(Section::Cves, row, 2)?));
                    staying.next();
                }
                (_, None) => break,
                (_, Some((id, statements))) => {
                    let verdict = statements.verdict();
                    rules.cves.push((*id, flags(&verdict)));
                    anew_at.push((at, verdict));
                    anew.next();
                }
            }
        }
        reader.rules(&places, &mut rules.rows)?;
        for (at, verdict) in anew_at {
            rules.add(at, verdict.rules);
        }
        Ok(rules)
    }
}

/// Reads the rows of a file that was checked; one that points nowhere is damage all the same.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Index);

impl Reader<'_> {
    fn damaged() -> IndexError {
        IndexError::Damaged {
            path: "the index before".into(),
            reason: "a row points outside of it",
        }
    }

    fn rows(self, section: Section) -> u32 {
        // A file has less than 4 GiB.
        u32::try_from(self.0.layout.rows(section)).unwrap_or(u32::MAX)
    }

    /// The rows of a table that ends with one row more.
    fn closed_rows(self, section: Section) -> u32 {
        self.rows(section).saturating_sub(1)
    }

    fn word(self, section: Section, row: u32, word: usize) -> Result<u32, IndexError> {
        self.0.word(section, row, word).ok_or_else(Self::damaged)
    }

    fn words<const N: usize>(self, section: Section, row: u32) -> Result<[u32; N], IndexError> {
        let mut words = [0; N];
        for (at, word) in words.iter_mut().enumerate() {
            *word = self.word(section, row, at)?;
        }
        Ok(words)
    }

    fn span(
        self,
        section: Section,
        row: u32,
        word: usize,
    ) -> Result<std::ops::Range<u32>, IndexError> {
        self.0.span(section, row, word).ok_or_else(Self::damaged)
    }

    fn cve(self, row: u32) -> Result<CveId, IndexError> {
        self.0.cve_id(row).ok_or_else(Self::damaged)
    }

    /// What rules are made of, so that the number of each is its row.
    fn values(self, builder: &mut Builder) -> Result<(), IndexError> {
        let tables = &mut builder.tables;
        for row in 0..self.closed_rows(Section::Strings) {
            let text = self.0.string(row).ok_or_else(Self::damaged)?;
            is_row(tables.strings.number(text)?, row)?;
        }
        for row in 0..self.closed_rows(Section::Versions) {
            let [text, update] = self.words(Section::Versions, row)?;
            is_row(tables.versions.number((text, update), "versions")?, row)?;
        }
        for row in 0..self.closed_rows(Section::Products) {
            let [vendor, product, part] = self.words(Section::Products, row)?;
            let name = (vendor, product, part);
            is_row(tables.products.number(name, "products")?, row)?;
        }
        for row in 0..self.closed_rows(Section::ConditionStarts) {
            let condition = self.condition(row)?;
            is_row(tables.conditions.number(condition, "conditions")?, row)?;
        }
        for row in 0..self.rows(Section::Shapes) {
            let [a, b, c, d, e, f, g, condition] = self.words(Section::Shapes, row)?;
            let shape = Shape { qualifiers: [a, b, c, d, e, f, g], condition };
            is_row(tables.shapes.number(shape, "shapes")?, row)?;
        }
        Ok(())
    }

    fn condition(self, row: u32) -> Result<Condition, IndexError> {
        let mut words = self
            .span(Section::ConditionStarts, row, 0)?
            .map(|row| self.word(Section::Conditions, row, 0));
        let mut condition = Condition::new();
        while let Some(count) = words.next() {
            let mut term = Vec::new();
            // The words of one condition end with it, so that a wrong count reads no further.
            for _ in 0..count? {
                let mut partner = [0; 5];
                for word in &mut partner {
                    *word = words.next().ok_or_else(Self::damaged)??;
                }
                term.push(Partner::from_words(partner).ok_or_else(Self::damaged)?);
            }
            condition.push(term);
        }
        Ok(condition)
    }

    /// The rules of the CVEs that have a place in the next index, in the order of the file.
    fn rules(self, places: &[u32], rows: &mut Vec<Row>) -> Result<(), IndexError> {
        let index = self.0;
        let first = rows.len();
        for product in 0..self.closed_rows(Section::Products) {
            let view = index.product(ProductId(product)).ok_or_else(Self::damaged)?;
            let mut add = |cve: u32, row: Row| {
                let cve = places.get(place(cve)).copied().filter(|at| *at != NONE);
                rows.extend(cve.map(|cve| Row { cve, product, ..row }));
            };
            for row in index.all_exact_rows(&view) {
                add(row.cve, Row::new(VersionKind::Exact, row.shape, row.version.0, NONE));
            }
            for row in index.ranges(&view) {
                let number = |version: Option<_>| {
                    version.map_or(NONE, |version: crate::index::VersionId| version.0)
                };
                let (lower, upper) = (number(row.lower), number(row.upper));
                let bounds = row.bounds;
                let row_of = Row::new(VersionKind::Range, row.shape, lower, upper);
                add(row.cve, Row { bounds, ..row_of });
            }
            for row in index.open_rows(&view) {
                add(row.cve, Row::new(row.kind, row.shape, NONE, NONE));
            }
        }
        // What was checked when the file was opened is where rows begin, not what they point at.
        let shapes = self.rows(Section::Shapes);
        let versions = self.closed_rows(Section::Versions);
        let is_version = |number: u32| number == NONE || number < versions;
        let are_within = rows[first..]
            .iter()
            .all(|row| row.shape < shapes && is_version(row.lower) && is_version(row.upper));
        are_within.then_some(()).ok_or_else(Self::damaged)
    }

    /// By row of a bound: the scheme of the statements that it is in, which the file keeps with
    /// those.
    fn schemes_of_bounds(self) -> Vec<u32> {
        let mut schemes = vec![NONE; place(self.closed_rows(Section::AdvisoryVersions))];
        let mut seen = vec![false; place(self.closed_rows(Section::SpanLists))];
        for row in 0..self.rows(Section::Statements) {
            let Ok([_, shape, spans]) = self.words(Section::Statements, row) else {
                continue;
            };
            // A list of spans is of one scheme, because its bounds are.
            if seen.get_mut(place(spans)).is_none_or(|seen| std::mem::replace(seen, true)) {
                continue;
            }
            let Ok(scheme) = self.word(Section::StatementShapes, shape, 1) else {
                continue;
            };
            for span in self.0.span(Section::SpanLists, spans, 0).unwrap_or(0..0) {
                for end in [1, 2] {
                    let bound = self.word(Section::Spans, span, end).unwrap_or(NONE);
                    if let Some(of) = schemes.get_mut(place(bound)) {
                        *of = scheme;
                    }
                }
            }
        }
        schemes
    }

    /// What statements about packages are made of, so that the number of each is its row.
    fn advisory_values(self, builder: &mut Builder, schemes: &[u32]) -> Result<(), IndexError> {
        let tables = &mut builder.advisories.tables;
        for row in 0..self.closed_rows(Section::Places) {
            let [id, release, kind] = self.words(Section::Places, row)?;
            is_row(tables.places.number((id, release, kind), "places")?, row)?;
            for package in self.span(Section::Places, row, 3)? {
                let name = self.word(Section::Packages, package, 0)?;
                is_row(tables.packages.number((row, name), "packages")?, package)?;
            }
        }
        for row in 0..self.rows(Section::StatementShapes) {
            let [verdict, scheme, module, channel, note] =
                self.words(Section::StatementShapes, row)?;
            let shape = ShapeNumbers { verdict, scheme, module, channel, note };
            is_row(tables.shapes.number(shape, "kinds of statements")?, row)?;
        }
        for (row, scheme) in (0..).zip(schemes) {
            let text = self.word(Section::AdvisoryVersions, row, 0)?;
            is_row(tables.versions.number((*scheme, text), "versions")?, row)?;
        }
        for row in 0..self.closed_rows(Section::SpanLists) {
            let spans = self.span(Section::SpanLists, row, 0)?.map(|span| {
                let [kind, lower, upper] = self.words(Section::Spans, span)?;
                let kind = SpanKind::from_word(kind).ok_or_else(Self::damaged)?;
                Ok(CompactSpan { kind, lower, upper })
            });
            let spans = spans.collect::<Result<_, IndexError>>()?;
            is_row(tables.span_lists.number(spans, "lists of versions")?, row)?;
        }
        Ok(())
    }

    /// The advisories that are not read anew, and what they say.
    fn said(self, wanted: &Wanted) -> Result<Said, IndexError> {
        let mut said = Said::default();
        let mut places = Vec::new();
        let shapes = self.rows(Section::StatementShapes);
        let span_lists = self.closed_rows(Section::SpanLists);
        for row in 0..self.closed_rows(Section::Advisories) {
            let [id, publisher, severity] = self.words(Section::Advisories, row)?;
            let name = self.0.string(id).ok_or_else(Self::damaged)?;
            places.push(if wanted.advisories.contains(name) {
                NONE
            } else {
                said.line([publisher, id, severity], self.0.advisory_cves(row))?
            });
        }
        for package in 0..self.closed_rows(Section::Packages) {
            for row in self.span(Section::Packages, package, 1)? {
                let [advisory, shape, spans] = self.words(Section::Statements, row)?;
                let advisory = places.get(place(advisory)).copied();
                let stays = advisory.filter(|at| *at != NONE);
                // Checked here, because a number of the old file becomes one of the builder's
                // tables, where a wrong one would be another value and no error.
                if shape >= shapes || spans >= span_lists {
                    return Err(Self::damaged());
                }
                said.statements.extend(stays.map(|advisory| Statement {
                    package,
                    advisory,
                    shape,
                    spans,
                }));
            }
        }
        Ok(said)
    }
}

impl Row {
    /// A rule of which the product, the CVE and whether its bounds are in it are told elsewhere.
    const fn new(kind: VersionKind, shape: u32, lower: u32, upper: u32) -> Self {
        Self {
            product: NONE,
            kind,
            lower,
            upper,
            bounds: Bounds { lower_included: false, upper_included: false },
            cve: NONE,
            shape,
        }
    }
}

/// Values of a file are sorted and each there once, so that the next one gets the next number.
fn is_row(number: u32, row: u32) -> Result<(), IndexError> {
    if number == row { Ok(()) } else { Err(Reader::damaged()) }
}
