//! The half of an extract that is about packages: advisories, and what they are made of.

use crate::index::IndexError;
use crate::index::advisories::{CompactSpan, CompactStatement, Record, ShapeNumbers, SpanKind};
use crate::index::builder::Builder;
use crate::index::extract::Table;
use crate::index::extract::merge::{Numbers, dated, known, seen};
use crate::index::format::NONE;

impl Numbers<'_> {
    pub(super) fn record(&mut self, builder: &mut Builder, row: u32) -> Result<Record, IndexError> {
        let extract = self.extract;
        let word = |at| extract.word(Table::Advisories, row, at);
        let cves = extract.span(Table::Advisories, row, 8)?;
        let said = extract.span(Table::Advisories, row, 9)?;
        Ok(Record {
            modified: dated(word(3)?, extract.wide(Table::Advisories, row, 4)?),
            digest: extract.wide(Table::Advisories, row, 6)?,
            publisher: self.string(builder, word(0)?)?,
            severity: self.string(builder, word(2)?)?,
            cves: cves
                .map(|row| extract.cve(Table::AdvisoryCves, row))
                .collect::<Result<_, _>>()?,
            statements: said.map(|row| self.said(builder, row)).collect::<Result<_, _>>()?,
        })
    }

    fn said(&mut self, builder: &mut Builder, row: u32) -> Result<CompactStatement, IndexError> {
        let extract = self.extract;
        let word = |at| extract.word(Table::Said, row, at);
        Ok(CompactStatement {
            package: self.package(builder, word(0)?)?,
            shape: self.said_shape(builder, word(1)?)?,
            spans: self.span_list(builder, word(2)?)?,
        })
    }

    fn package(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if let Some(known) = seen(&self.packages, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let at = self.place(builder, extract.word(Table::Packages, number, 0)?)?;
        let name = self.string(builder, extract.word(Table::Packages, number, 1)?)?;
        known(extract, &mut self.packages, number, || {
            let tables = &mut builder.advisories.tables;
            tables.packages.number((at, name), "packages")
        })
    }

    fn place(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if let Some(known) = seen(&self.places, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let word = |at| extract.word(Table::Places, number, at);
        let here = (self.string(builder, word(0)?)?, self.string(builder, word(1)?)?, word(2)?);
        known(extract, &mut self.places, number, || {
            let tables = &mut builder.advisories.tables;
            tables.places.number(here, "places")
        })
    }

    fn said_shape(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if let Some(known) = seen(&self.said_shapes, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let word = |at| extract.word(Table::SaidShapes, number, at);
        let shape = ShapeNumbers {
            verdict: word(0)?,
            scheme: self.string(builder, word(1)?)?,
            module: self.string(builder, word(2)?)?,
            channel: self.string(builder, word(3)?)?,
            note: self.string(builder, word(4)?)?,
        };
        known(extract, &mut self.said_shapes, number, || {
            let tables = &mut builder.advisories.tables;
            tables.shapes.number(shape, "kinds of statements")
        })
    }

    fn span_list(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if let Some(known) = seen(&self.span_lists, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let spans: Box<[CompactSpan]> = extract
            .span(Table::SpanListEnds, number, 0)?
            .map(|row| {
                let word = |at| extract.word(Table::Spans, row, at);
                Ok(CompactSpan {
                    kind: SpanKind::from_word(word(0)?).ok_or_else(|| extract.damaged())?,
                    lower: self.said_version(builder, word(1)?)?,
                    upper: self.said_version(builder, word(2)?)?,
                })
            })
            .collect::<Result<_, IndexError>>()?;
        known(extract, &mut self.span_lists, number, || {
            let tables = &mut builder.advisories.tables;
            tables.span_lists.number(spans, "lists of versions")
        })
    }

    /// A bound's number; what stands for no bound stays as it is.
    fn said_version(&mut self, builder: &mut Builder, number: u32) -> Result<u32, IndexError> {
        if number == NONE {
            return Ok(NONE);
        }
        if let Some(known) = seen(&self.said_versions, number) {
            return Ok(known);
        }
        let extract = self.extract;
        let word = |at| extract.word(Table::SaidVersions, number, at);
        let version = (self.string(builder, word(0)?)?, self.string(builder, word(1)?)?);
        known(extract, &mut self.said_versions, number, || {
            let tables = &mut builder.advisories.tables;
            tables.versions.number(version, "versions")
        })
    }
}
