//! Puts the statements of advisories into the file: numbers what is used by its place in sorted
//! order, and files each statement under its package.

use crate::cve::CveId;
use crate::index::IndexError;
use crate::index::advisories::collected::{
    Advisories, AdvisoryTables, CompactSpan, CompactStatement, Record, StatementShape,
};
use crate::index::assemble::{Sections, Texts, rank};
use crate::index::bytes::place;
use crate::index::format::{NONE, Section};
use crate::index::intern::Strings;
use crate::version::{self, Scheme};

/// The advisories that say something, in the order of publisher and id.
pub(in crate::index) struct Live<'a> {
    tables: &'a AdvisoryTables,
    records: Vec<(u32, &'a Record)>,
    used: Used,
}

/// What their statements refer to, by number of arrival.
struct Used {
    packages: Vec<bool>,
    places: Vec<bool>,
    shapes: Vec<bool>,
    span_lists: Vec<bool>,
    versions: Vec<bool>,
}

impl<'a> Live<'a> {
    pub(in crate::index) fn of(advisories: &'a Advisories, texts: &Strings) -> Self {
        let tables = &advisories.tables;
        // A withdrawn advisory says nothing, so nothing of it may be in the file.
        let mut records: Vec<_> = advisories
            .records
            .iter()
            .filter(|(_, record)| !record.statements.is_empty())
            .map(|((_, id), record)| (*id, record))
            .collect();
        let text = |number: u32| texts.texts().get(place(number)).map(|text| &**text);
        records.sort_unstable_by_key(|(id, record)| (text(record.publisher), text(*id)));
        let used = Used::mark(tables, &records);
        Self {
            tables,
            records,
            used,
        }
    }

    /// Marks the texts that will be in the file.
    pub(in crate::index) fn mark_strings(&self, strings: &mut [bool]) {
        let mut mark = |number: u32| {
            if let Some(used) = strings.get_mut(place(number)) {
                *used = true;
            }
        };
        for (id, record) in &self.records {
            mark(*id);
            mark(record.publisher);
            mark(record.severity);
        }
        let (tables, used) = (self.tables, &self.used);
        for (id, release, _) in chosen(tables.places.values(), &used.places) {
            mark(*id);
            mark(*release);
        }
        for (_, name) in chosen(tables.packages.values(), &used.packages) {
            mark(*name);
        }
        for shape in chosen(tables.shapes.values(), &used.shapes) {
            [shape.scheme, shape.module, shape.channel, shape.note]
                .into_iter()
                .for_each(&mut mark);
        }
        for (scheme, text) in chosen(tables.versions.values(), &used.versions) {
            mark(*scheme);
            mark(*text);
        }
    }

    /// Writes the sections.
    pub(in crate::index) fn lay_out(
        &self,
        texts: &Texts<'_>,
        out: &mut Sections,
    ) -> Result<(), IndexError> {
        let string = |number: u32| texts.place(number);
        let (tables, used) = (self.tables, &self.used);
        let versions = lay_out_versions(tables, used, texts, out)?;
        let spans = lay_out_spans(tables, used, &versions, out)?;
        let shapes = lay_out_shapes(tables, used, texts, out);
        self.lay_out_advisories(texts, out)?;

        let (places, place_rows) = rank(ranked(
            tables.places.values(),
            &used.places,
            |(id, release, kind)| (string(*id), string(*release), *kind),
        ));
        let (packages, package_rows) = rank(ranked(
            tables.packages.values(),
            &used.packages,
            |(at, name)| (places[place(*at)], string(*name)),
        ));
        let mut rows: Vec<(u32, u32, u32, u32)> = Vec::new();
        for (advisory, (_, record)) in (0..).zip(&self.records) {
            rows.extend(record.statements.iter().map(|statement| {
                (
                    packages[place(statement.package)],
                    advisory,
                    shapes[place(statement.shape)],
                    spans[place(statement.spans)],
                )
            }));
        }
        // One bulletin names a package once a repository, mostly with the same words.
        rows.sort_unstable();
        rows.dedup();
        lay_out_packages(&place_rows, &package_rows, &rows, out)
    }

    fn lay_out_advisories(&self, texts: &Texts<'_>, out: &mut Sections) -> Result<(), IndexError> {
        for (id, record) in &self.records {
            let start = out.next_row(Section::AdvisoryCves)?;
            out.set(
                Section::Advisories,
                [id, &record.publisher, &record.severity]
                    .map(|text| texts.place(*text))
                    .into_iter()
                    .chain([start]),
            );
            let mut cves: Vec<CveId> = record.cves.to_vec();
            cves.sort_unstable();
            cves.dedup();
            for cve in cves {
                out.set(Section::AdvisoryCves, [u32::from(cve.year()), cve.number()]);
            }
        }
        let end = out.next_row(Section::AdvisoryCves)?;
        out.set(Section::Advisories, [NONE, NONE, NONE, end]);
        Ok(())
    }
}

impl Used {
    fn mark(tables: &AdvisoryTables, records: &[(u32, &Record)]) -> Self {
        let mut used = Self {
            packages: vec![false; tables.packages.values().len()],
            places: vec![false; tables.places.values().len()],
            shapes: vec![false; tables.shapes.values().len()],
            span_lists: vec![false; tables.span_lists.values().len()],
            versions: vec![false; tables.versions.values().len()],
        };
        let statements = records.iter().flat_map(|(_, record)| &record.statements);
        for CompactStatement {
            package,
            shape,
            spans,
        } in statements
        {
            used.packages[place(*package)] = true;
            used.shapes[place(*shape)] = true;
            used.span_lists[place(*spans)] = true;
        }
        for (at, _) in chosen(tables.packages.values(), &used.packages) {
            used.places[place(*at)] = true;
        }
        for span in chosen(tables.span_lists.values(), &used.span_lists).flatten() {
            for version in [span.lower, span.upper] {
                if let Some(used) = used.versions.get_mut(place(version)) {
                    *used = true;
                }
            }
        }
        used
    }
}

fn chosen<'a, T>(values: &'a [T], used: &'a [bool]) -> impl Iterator<Item = &'a T> {
    values
        .iter()
        .zip(used)
        .filter_map(|(value, used)| used.then_some(value))
}

fn ranked<'a, T, U>(
    values: &'a [T],
    used: &'a [bool],
    to_place: impl Fn(&T) -> U + 'a,
) -> impl Iterator<Item = Option<U>> {
    values
        .iter()
        .zip(used)
        .map(move |(value, used)| used.then(|| to_place(value)))
}

fn lay_out_versions(
    tables: &AdvisoryTables,
    used: &Used,
    texts: &Texts<'_>,
    out: &mut Sections,
) -> Result<Vec<u32>, IndexError> {
    let (versions, rows) = rank(ranked(
        tables.versions.values(),
        &used.versions,
        |(scheme, text)| (texts.place(*scheme), texts.place(*text)),
    ));
    let mut key = Vec::new();
    for (scheme, text) in rows {
        key.clear();
        let scheme = texts.at(scheme).parse::<Scheme>().ok();
        let written = scheme.map(|scheme| version::write_key(scheme, texts.at(text), &mut key));
        if !matches!(written, Some(Ok(()))) {
            // A bound that its scheme cannot order has no key, and nothing is within it.
            key.clear();
        }
        let start = out.end(Section::AdvisoryKeys)?;
        out.set(Section::AdvisoryVersions, [text, start]);
        out.bytes(Section::AdvisoryKeys, &key);
    }
    let end = out.end(Section::AdvisoryKeys)?;
    out.set(Section::AdvisoryVersions, [NONE, end]);
    Ok(versions)
}

fn lay_out_spans(
    tables: &AdvisoryTables,
    used: &Used,
    versions: &[u32],
    out: &mut Sections,
) -> Result<Vec<u32>, IndexError> {
    let version = |number: u32| versions.get(place(number)).copied().unwrap_or(NONE);
    let (lists, rows) = rank(ranked(
        tables.span_lists.values(),
        &used.span_lists,
        |spans| -> Vec<CompactSpan> {
            spans
                .iter()
                .map(|span| CompactSpan {
                    lower: version(span.lower),
                    upper: version(span.upper),
                    ..*span
                })
                .collect()
        },
    ));
    for spans in rows {
        let start = out.next_row(Section::Spans)?;
        out.set(Section::SpanLists, [start]);
        for span in spans {
            out.set(
                Section::Spans,
                [span.kind.to_word(), span.lower, span.upper],
            );
        }
    }
    let end = out.next_row(Section::Spans)?;
    out.set(Section::SpanLists, [end]);
    Ok(lists)
}

fn lay_out_shapes(
    tables: &AdvisoryTables,
    used: &Used,
    texts: &Texts<'_>,
    out: &mut Sections,
) -> Vec<u32> {
    let (shapes, rows) = rank(ranked(tables.shapes.values(), &used.shapes, |shape| {
        StatementShape {
            verdict: shape.verdict,
            scheme: texts.place(shape.scheme),
            module: texts.place(shape.module),
            channel: texts.place(shape.channel),
            note: texts.place(shape.note),
        }
    }));
    for shape in rows {
        out.set(
            Section::StatementShapes,
            [
                shape.verdict,
                shape.scheme,
                shape.module,
                shape.channel,
                shape.note,
            ],
        );
    }
    shapes
}

fn lay_out_packages(
    places: &[(u32, u32, u32)],
    packages: &[(u32, u32)],
    rows: &[(u32, u32, u32, u32)],
    out: &mut Sections,
) -> Result<(), IndexError> {
    let (mut packages, mut rows) = ((0..).zip(packages).peekable(), rows);
    for (at, (id, release, kind)) in (0..).zip(places) {
        let first = out.next_row(Section::Packages)?;
        out.set(Section::Places, [*id, *release, *kind, first]);
        // Packages are numbered in the order of their places, statements in that of packages.
        while let Some((number, (_, name))) = packages.next_if(|(_, (own, _))| *own == at) {
            let start = out.next_row(Section::Statements)?;
            out.set(Section::Packages, [*name, start]);
            let own = rows.partition_point(|(package, ..)| *package == number);
            let (own, rest) = rows.split_at(own);
            rows = rest;
            for (_, advisory, shape, spans) in own {
                out.set(Section::Statements, [*advisory, *shape, *spans]);
            }
        }
    }
    let first = out.next_row(Section::Packages)?;
    out.set(Section::Places, [NONE, NONE, NONE, first]);
    let start = out.next_row(Section::Statements)?;
    out.set(Section::Packages, [NONE, start]);
    Ok(())
}
