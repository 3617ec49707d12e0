//! Puts the statements of advisories into the file: numbers what is used by its place in sorted
//! order, and files each statement under its package.

use crate::cve::CveId;
use crate::index::IndexError;
use crate::index::advisories::collected::{
    Advisories, AdvisoryTables, CompactSpan, Record, StatementShape,
};
use crate::index::assemble::{Sections, Texts, rank};
use crate::index::bytes::place;
use crate::index::format::{NONE, Section, WITHDRAWN};
use crate::index::intern::Strings;
use crate::version::{self, Scheme};

/// The advisories that say something, in the order of publisher and id.
pub(in crate::index) struct Live<'a> {
    tables: &'a AdvisoryTables,
    said: Said,
    used: Used,
}

/// What counts of advisories, in numbers of arrival.
#[derive(Debug, Default)]
pub(in crate::index) struct Said {
    pub(in crate::index) lines: Vec<Line>,
    pub(in crate::index) cves: Vec<CveId>,
    /// In any order; quickest in that of the file.
    pub(in crate::index) statements: Vec<Statement>,
}

/// One advisory.
#[derive(Clone, Copy, Debug)]
pub(in crate::index) struct Line {
    pub(in crate::index) publisher: u32,
    pub(in crate::index) id: u32,
    pub(in crate::index) severity: u32,
    /// Where its CVEs begin in the list of all, and how many they are.
    cves: (usize, usize),
}

/// What an advisory says of a package; the order is that of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::index) struct Statement {
    pub(in crate::index) package: u32,
    /// The place of the advisory among the lines.
    pub(in crate::index) advisory: u32,
    pub(in crate::index) shape: u32,
    pub(in crate::index) spans: u32,
}

impl Said {
    /// Adds an advisory, and gives its number.
    pub(in crate::index) fn line(
        &mut self,
        [publisher, id, severity]: [u32; 3],
        cves: impl IntoIterator<Item = CveId>,
    ) -> Result<u32, IndexError> {
        let number = u32::try_from(self.lines.len());
        let start = self.cves.len();
        self.cves.extend(cves);
        self.lines.push(Line { publisher, id, severity, cves: (start, self.cves.len() - start) });
        number.map_err(|_| IndexError::TooLarge("advisories"))
    }

    /// Adds an advisory that came with a feed; one that was withdrawn says nothing, and nothing of it
    /// may be in the file.
    pub(in crate::index) fn add(&mut self, record: &Record, id: u32) -> Result<(), IndexError> {
        if record.statements.is_empty() {
            return Ok(());
        }
        let mut cves: Vec<CveId> = record.cves.to_vec();
        cves.sort_unstable();
        // Readers rely on the order, and a publisher may list a CVE twice.
        cves.dedup();
        let advisory = self.line([record.publisher, id, record.severity], cves)?;
        let statements = record.statements.iter().map(|statement| Statement {
            package: statement.package,
            advisory,
            shape: statement.shape,
            spans: statement.spans,
        });
        self.statements.extend(statements);
        Ok(())
    }

    /// Puts the advisories into the order of publishers and ids.
    fn sort(&mut self, texts: &Strings) {
        let text = |number: u32| texts.texts().get(place(number)).map(|text| &**text);
        let (places, lines) =
            rank_by(std::mem::take(&mut self.lines), |line| (text(line.publisher), text(line.id)));
        self.lines = lines;
        for statement in &mut self.statements {
            statement.advisory = places[place(statement.advisory)];
        }
    }
}

/// Sorts by a key: for each its place, and the values in order.
fn rank_by<T, K: Ord>(values: Vec<T>, key: impl Fn(&T) -> K) -> (Vec<u32>, Vec<T>) {
    let mut numbered: Vec<(usize, T)> = values.into_iter().enumerate().collect();
    numbered.sort_by_key(|(_, value)| key(value));
    let mut places = vec![NONE; numbered.len()];
    for (at, (number, _)) in (0..).zip(&numbered) {
        places[*number] = at;
    }
    (places, numbered.into_iter().map(|(_, value)| value).collect())
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
    pub(in crate::index) fn of(
        advisories: &'a Advisories,
        mut said: Said,
        texts: &Strings,
    ) -> Self {
        said.sort(texts);
        let tables = &advisories.tables;
        let used = Used::mark(tables, &said.statements);
        Self { tables, said, used }
    }

    /// Marks the texts that will be in the file.
    pub(in crate::index) fn mark_strings(&self, strings: &mut [bool]) {
        let mut mark = |number: u32| {
            if let Some(used) = strings.get_mut(place(number)) {
                *used = true;
            }
        };
        for line in &self.said.lines {
            mark(line.id);
            mark(line.publisher);
            mark(line.severity);
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
            [shape.scheme, shape.module, shape.channel, shape.note].into_iter().for_each(&mut mark);
        }
        for (scheme, text) in chosen(tables.versions.values(), &used.versions) {
            mark(*scheme);
            mark(*text);
        }
    }

    /// Writes the sections; `withdrawn` are the CVEs that were taken back, sorted.
    pub(in crate::index) fn lay_out(
        &self,
        texts: &Texts<'_>,
        withdrawn: &[CveId],
        out: &mut Sections,
    ) -> Result<(), IndexError> {
        let string = |number: u32| texts.place(number);
        let (tables, used) = (self.tables, &self.used);
        let versions = lay_out_versions(tables, used, texts, out)?;
        let spans = lay_out_spans(tables, used, &versions, out)?;
        let shapes = lay_out_shapes(tables, used, texts, out);
        self.lay_out_advisories(texts, withdrawn, out)?;

        let (places, place_rows) =
            rank(ranked(tables.places.values(), &used.places, |(id, release, kind)| {
                (string(*id), string(*release), *kind)
            }));
        let (packages, package_rows) =
            rank(ranked(tables.packages.values(), &used.packages, |(at, name)| {
                (places[place(*at)], string(*name))
            }));
        let places = |statement: &Statement| Statement {
            package: packages[place(statement.package)],
            advisory: statement.advisory,
            shape: shapes[place(statement.shape)],
            spans: spans[place(statement.spans)],
        };
        let mut rows: Vec<Statement> = self.said.statements.iter().map(places).collect();
        // One bulletin names a package once a repository, mostly with the same words.
        rows.sort();
        rows.dedup();
        lay_out_packages(&place_rows, &package_rows, &rows, out)
    }

    fn lay_out_advisories(
        &self,
        texts: &Texts<'_>,
        withdrawn: &[CveId],
        out: &mut Sections,
    ) -> Result<(), IndexError> {
        for line in &self.said.lines {
            let start = out.next_row(Section::AdvisoryCves)?;
            out.set(
                Section::Advisories,
                [line.id, line.publisher, line.severity]
                    .map(|text| texts.place(text))
                    .into_iter()
                    .chain([start]),
            );
            let (first, count) = line.cves;
            for cve in self.said.cves.iter().skip(first).take(count) {
                // Marked here, so that a finding need not look the CVE's record up.
                let is_withdrawn = withdrawn.binary_search(cve).is_ok();
                let mark = if is_withdrawn { WITHDRAWN } else { 0 };
                let year = u32::from(cve.year()) | mark;
                out.set(Section::AdvisoryCves, [year, cve.number()]);
            }
        }
        let end = out.next_row(Section::AdvisoryCves)?;
        // The row behind the last one: it only says where that one's list ends.
        out.set(Section::Advisories, [NONE, NONE, NONE, end]);
        Ok(())
    }
}

impl Used {
    fn mark(tables: &AdvisoryTables, statements: &[Statement]) -> Self {
        let mut used = Self {
            packages: vec![false; tables.packages.values().len()],
            places: vec![false; tables.places.values().len()],
            shapes: vec![false; tables.shapes.values().len()],
            span_lists: vec![false; tables.span_lists.values().len()],
            versions: vec![false; tables.versions.values().len()],
        };
        for statement in statements {
            used.packages[place(statement.package)] = true;
            used.shapes[place(statement.shape)] = true;
            used.span_lists[place(statement.spans)] = true;
        }
        for (at, _) in chosen(tables.packages.values(), &used.packages) {
            used.places[place(*at)] = true;
        }
        for span in chosen(tables.span_lists.values(), &used.span_lists).flatten() {
            // `NONE` is no place in the list, so that `get_mut` passes it over.
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
    values.iter().zip(used).filter_map(|(value, used)| used.then_some(value))
}

fn ranked<'a, T, U>(
    values: &'a [T],
    used: &'a [bool],
    to_place: impl Fn(&T) -> U + 'a,
) -> impl Iterator<Item = Option<U>> {
    values.iter().zip(used).map(move |(value, used)| used.then(|| to_place(value)))
}

fn lay_out_versions(
    tables: &AdvisoryTables,
    used: &Used,
    texts: &Texts<'_>,
    out: &mut Sections,
) -> Result<Vec<u32>, IndexError> {
    let (versions, rows) =
        rank(ranked(tables.versions.values(), &used.versions, |(scheme, text)| {
            (texts.place(*scheme), texts.place(*text))
        }));
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
    // An open end is no version and stays none.
    let version = |number: u32| versions.get(place(number)).copied().unwrap_or(NONE);
    let (lists, rows) =
        rank(ranked(tables.span_lists.values(), &used.span_lists, |spans| -> Vec<CompactSpan> {
            spans
                .iter()
                .map(|span| CompactSpan {
                    lower: version(span.lower),
                    upper: version(span.upper),
                    ..*span
                })
                .collect()
        }));
    for spans in rows {
        let start = out.next_row(Section::Spans)?;
        out.set(Section::SpanLists, [start]);
        for span in spans {
            out.set(Section::Spans, [span.kind.to_word(), span.lower, span.upper]);
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
    let (shapes, rows) =
        rank(ranked(tables.shapes.values(), &used.shapes, |shape| StatementShape {
            verdict: shape.verdict,
            scheme: texts.place(shape.scheme),
            module: texts.place(shape.module),
            channel: texts.place(shape.channel),
            note: texts.place(shape.note),
        }));
    for shape in rows {
        out.set(Section::StatementShapes, shape.to_words());
    }
    shapes
}

fn lay_out_packages(
    places: &[(u32, u32, u32)],
    packages: &[(u32, u32)],
    rows: &[Statement],
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
            // The rest begins with this package's rows, because both are sorted alike.
            let own = rows.partition_point(|row| row.package == number);
            let (own, rest) = rows.split_at(own);
            rows = rest;
            for row in own {
                out.set(Section::Statements, [row.advisory, row.shape, row.spans]);
            }
        }
    }
    let first = out.next_row(Section::Packages)?;
    out.set(Section::Places, [NONE, NONE, NONE, first]);
    let start = out.next_row(Section::Statements)?;
    out.set(Section::Packages, [NONE, start]);
    Ok(())
}
