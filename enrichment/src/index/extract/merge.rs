//! Takes an extract, or the asked part of it, into a builder, as if its feed were read.
//!
//! Numbers of an extract are its own, so each is looked up once among the builder's, when something
//! that is taken refers to it.

use std::collections::HashSet;

use crate::cve::{CveId, RecordSource, Timestamp};
use crate::index::IndexError;
use crate::index::builder::Builder;
use crate::index::bytes::place;
use crate::index::collected::{CompactRule, Condition, Partner, Shape, Statement};
use crate::index::extract::write::{CORRECTION, DATED, REJECTED, SAYS_SOMETHING, source_from_word};
use crate::index::extract::{Extract, Table};
use crate::index::format::{Bounds, NONE, NOT_APPLICABLE, VersionKind};

mod said;

/// What is taken of an extract.
#[derive(Debug, Default)]
pub(in crate::index) struct Wanted {
    pub(in crate::index) cves: HashSet<CveId>,
    /// By id alone: one that two publishers use is looked at twice, which changes nothing.
    pub(in crate::index) advisories: HashSet<Box<str>>,
}

/// A statement's or an advisory's row, by what tells it from another version of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::index) struct Version {
    source: u32,
    modified: u64,
    digest: u64,
}

impl Extract {
    /// The CVEs of it, in their order, each as often as there are statements about it.
    pub(in crate::index) fn cves(
        &self,
    ) -> impl Iterator<Item = Result<(CveId, Version), IndexError>> + '_ {
        (0..self.rows(Table::Statements)).map(|row| {
            let version = Version {
                source: self.word(Table::Statements, row, 2)?,
                modified: self.wide(Table::Statements, row, 3)?,
                digest: self.wide(Table::Statements, row, 5)?,
            };
            Ok((self.cve(Table::Statements, row)?, version))
        })
    }

    /// The ids of the advisories in it.
    pub(in crate::index) fn advisories(
        &self,
    ) -> impl Iterator<Item = Result<(&str, Version), IndexError>> + '_ {
        (0..self.rows(Table::Advisories)).map(|row| {
            let version = Version {
                source: self.word(Table::Advisories, row, 3)?,
                modified: self.wide(Table::Advisories, row, 4)?,
                digest: self.wide(Table::Advisories, row, 6)?,
            };
            let id = self.text(self.word(Table::Advisories, row, 1)?)?;
            Ok((id, version))
        })
    }

    /// Takes all of it into a builder, or what is wanted.
    pub(in crate::index) fn merge(
        &self,
        builder: &mut Builder,
        wanted: Option<&Wanted>,
    ) -> Result<(), IndexError> {
        let mut numbers = Numbers::of(self);
        for row in 0..self.rows(Table::Statements) {
            let id = self.cve(Table::Statements, row)?;
            if wanted.is_none_or(|wanted| wanted.cves.contains(&id)) {
                let (source, statement) = numbers.statement(builder, row)?;
                builder.take_statement(id, source, statement);
            }
        }
        for row in 0..self.rows(Table::Advisories) {
            let id = self.word(Table::Advisories, row, 1)?;
            let is_wanted = match wanted {
                None => true,
                Some(wanted) => wanted.advisories.contains(self.text(id)?),
            };
            if is_wanted {
                let id = numbers.string(builder, id)?;
                let record = numbers.record(builder, row)?;
                builder.advisories.take(id, record);
            }
        }
        Ok(())
    }

    fn cve(&self, table: Table, row: u32) -> Result<CveId, IndexError> {
        let year = u16::try_from(self.word(table, row, 0)?).map_err(|_| self.damaged())?;
        Ok(CveId::new(year, self.word(table, row, 1)?))
    }
}

/// The builder's numbers of what an extract holds, as far as they were asked for.
struct Numbers<'a> {
    extract: &'a Extract,
    strings: Vec<u32>,
    products: Vec<u32>,
    versions: Vec<u32>,
    shapes: Vec<u32>,
    conditions: Vec<u32>,
    places: Vec<u32>,
    packages: Vec<u32>,
    said_shapes: Vec<u32>,
    span_lists: Vec<u32>,
    said_versions: Vec<u32>,
}

impl<'a> Numbers<'a> {
    fn of(extract: &'a Extract) -> Self {
        // No number of a builder is `NONE`.
        let unknown = |table: Table| vec![NONE; place(extract.rows(table))];
        Self {
            extract,
            strings: unknown(Table::Strings),
            products: unknown(Table::Products),
            versions: unknown(Table::Versions),
            shapes: unknown(Table::Shapes),
            conditions: unknown(Table::ConditionEnds),
            places: unknown(Table::Places),
            packages: unknown(Table::Packages),
            said_shapes: unknown(Table::SaidShapes),
            span_lists: unknown(Table::SpanListEnds),
            said_versions: unknown(Table::SaidVersions),
        }
    }

    fn statement(
        &mut self,
        builder: &mut Builder,
        row: u32,
    ) -> Result<(RecordSource, Statement), IndexError> {
        let extract = self.extract;
        let flags = extract.word(Table::Statements, row, 2)?;
        let rules = extract.span(Table::Statements, row, 7)?;
        let statement = Statement {
            modified: dated(flags, extract.wide(Table::Statements, row, 3)?),
            is_rejected: flags & REJECTED != 0,
            is_correction: flags & CORRECTION != 0,
            says_something: flags & SAYS_SOMETHING != 0,
            digest: extract.wide(Table::Statements, row, 5)?,
            rules: rules.map(|row| self.rule(builder, row)).collect::<Result<_, _>>()?,
        };
        let source = source_from_word(flags).ok_or_else(|| extract.damaged())?;
        Ok((source, statement))
    }

    fn rule(&mut self, builder: &mut Builder, row: u32) -> Result<CompactRule, IndexError> {
        let extract = self.extract;
        let word = |at| extract.word(Table::Rules, row, at);
        let kind = word(2)?;
        Ok(CompactRule {
            product: self.product(builder, word(0)?)?,
            shape: self.shape(builder, word(1)?)?,
            kind: VersionKind::from_word(kind).ok_or_else(|| extract.damaged())?,
            bounds: Bounds::from_word(kind),
            lower: self.version(builder, word(3)?)?,
            upper: self.version(builder, word(4)?)?,
        })
    }

    /// A text's number; what stands for no text stays as it is.
    fn string(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if matches!(number, NONE | NOT_APPLICABLE) {
            return Ok(number);
        }
        let extract = self.extract;
        known(extract, &mut self.strings, number, || {
            builder.tables.strings.number(extract.text(number)?)
        })
    }

    fn product(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        // Asked before its texts are: most of what a rule refers to came with the rule before.
        if let Some(known) = seen(&self.products, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let word = |at| extract.word(Table::Products, number, at);
        let product = (self.string(builder, word(0)?)?, self.string(builder, word(1)?)?, word(2)?);
        known(extract, &mut self.products, number, || {
            builder.tables.products.number(product, "products")
        })
    }

    /// A version's number; what stands for no version stays as it is.
    fn version(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if number == NONE {
            return Ok(NONE);
        }
        if let Some(known) = seen(&self.versions, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let word = |at| extract.word(Table::Versions, number, at);
        let version = (self.string(builder, word(0)?)?, self.string(builder, word(1)?)?);
        known(extract, &mut self.versions, number, || {
            builder.tables.versions.number(version, "versions")
        })
    }

    fn shape(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if let Some(known) = seen(&self.shapes, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let mut shape = Shape { qualifiers: [NONE; crate::rule::QUALIFIERS], condition: NONE };
        for (at, qualifier) in shape.qualifiers.iter_mut().enumerate() {
            *qualifier = self.string(builder, extract.word(Table::Shapes, number, at)?)?;
        }
        let condition = extract.word(Table::Shapes, number, crate::rule::QUALIFIERS)?;
        if condition != NONE {
            shape.condition = self.condition(builder, condition)?;
        }
        known(extract, &mut self.shapes, number, || builder.tables.shapes.number(shape, "shapes"))
    }

    fn condition(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if let Some(known) = seen(&self.conditions, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let mut words = extract
            .span(Table::ConditionEnds, number, 0)?
            .map(|row| extract.word(Table::Conditions, row, 0));
        let mut condition = Condition::new();
        while let Some(count) = words.next() {
            let mut term = Vec::new();
            for _ in 0..count? {
                let mut partner = [0; 5];
                for word in &mut partner {
                    *word = words.next().ok_or_else(|| extract.damaged())??;
                }
                term.push(self.partner(builder, partner)?);
            }
            condition.push(term);
        }
        known(extract, &mut self.conditions, number, || {
            builder.tables.conditions.number(condition, "conditions")
        })
    }

    fn partner(&mut self, builder: &mut Builder, words: [u32; 5]) -> Result<Partner, IndexError> {
        let partner = Partner::from_words(words).ok_or_else(|| self.extract.damaged())?;
        Ok(Partner {
            vendor: self.string(builder, partner.vendor)?,
            product: self.string(builder, partner.product)?,
            lower: self.version(builder, partner.lower)?,
            upper: self.version(builder, partner.upper)?,
            ..partner
        })
    }
}

fn dated(flags: u32, modified: u64) -> Option<Timestamp> {
    (flags & DATED != 0).then(|| Timestamp(modified.cast_signed()))
}

/// A number that was asked for before.
fn seen(numbers: &[u32], number: u32) -> Option<u32> {
    let known = numbers.get(place(number)).copied();
    known.filter(|known| *known != NONE)
}

/// A number that was asked for before, or is from now on.
fn known(
    extract: &Extract,
    numbers: &mut [u32],
    number: u32,
    ask: impl FnOnce() -> Result<u32, IndexError>,
) -> Result<u32, IndexError> {
    let known = numbers.get_mut(place(number)).ok_or_else(|| extract.damaged())?;
    if *known == NONE {
        *known = ask()?;
    }
    Ok(*known)
}
