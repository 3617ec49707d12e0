//! Looks up the rules of the candidates, keeps those that hold, and of each CVE the surest.

use crate::cve::RecordSource;
use crate::evaluation::{Confidence, Finding};
use crate::identity::Candidate;
use crate::index::{ExactRow, Index, OpenRow, ProductView, RangeRow, Text, VersionKind};
use crate::matching::explain::Writer;
use crate::matching::judge::{Doubts, Miss, Surroundings};
use crate::matching::question::Question;
use crate::rule::UPDATE;

/// A rule that holds.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) cve: u32,
    pub(super) shape: u32,
    /// Which candidate, from the preferred one on.
    pub(super) candidate: usize,
    pub(super) row: Row,
    pub(super) doubts: Doubts,
    confidence: Confidence,
}

/// The row of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row {
    Exact(ExactRow),
    Range(RangeRow),
    Open(OpenRow),
}

impl Row {
    pub(super) const fn cve(&self) -> u32 {
        match self {
            Self::Exact(row) => row.cve,
            Self::Range(row) => row.cve,
            Self::Open(row) => row.cve,
        }
    }

    pub(super) const fn shape(&self) -> u32 {
        match self {
            Self::Exact(row) => row.shape,
            Self::Range(row) => row.shape,
            Self::Open(row) => row.shape,
        }
    }

    /// Whether the row says from which version on the product is well.
    const fn tells_the_fix(&self) -> bool {
        match self {
            Self::Range(row) => row.upper.is_some() && !row.bounds.upper_included,
            Self::Exact(_) | Self::Open(_) => false,
        }
    }
}

/// What is found, at most one entry a CVE, in the order of CVEs.
pub(super) fn findings(index: &Index, question: &Question<'_>, rule: &str) -> Vec<Finding> {
    let products: Vec<Option<ProductView<'_>>> = question
        .candidates
        .iter()
        .map(|candidate| match question.is_elsewhere(candidate) {
            Some(_) => None,
            None => product(index, candidate),
        })
        .collect();
    let mut hits = Vec::new();
    for (number, product) in products.iter().enumerate() {
        if let Some(product) = product {
            search(index, question, number, product, &mut hits);
        }
    }
    // The surest of a CVE first; then one that tells the fix; then the preferred name.
    hits.sort_by(|a, b| {
        a.cve
            .cmp(&b.cve)
            .then_with(|| b.confidence.cmp(&a.confidence))
            .then_with(|| b.row.tells_the_fix().cmp(&a.row.tells_the_fix()))
            .then_with(|| a.candidate.cmp(&b.candidate))
    });
    hits.dedup_by_key(|hit| hit.cve);
    let mut writers: Vec<Option<Writer<'_>>> = products
        .iter()
        .map(|product| Some(Writer::new(index, question, product.as_ref()?, rule)))
        .collect();
    hits.iter().filter_map(|hit| writers.get_mut(hit.candidate)?.as_mut()?.finding(hit)).collect()
}

/// The rules of a candidate's product, if records name it.
pub(super) fn product<'i>(index: &'i Index, candidate: &Candidate) -> Option<ProductView<'i>> {
    let part = candidate.part.as_str().bytes().next();
    let id = index.find_product(part, &candidate.vendor, &candidate.product)?;
    index.product(id)
}

/// Adds the rules of a candidate's product that hold.
fn search(
    index: &Index,
    question: &Question<'_>,
    candidate: usize,
    product: &ProductView<'_>,
    hits: &mut Vec<Hit>,
) {
    let mut judged =
        Judged { index, surroundings: question.surroundings(candidate), verdicts: Vec::new() };
    rows_that_name(index, question, (candidate, product), |row| {
        let shape = row.shape();
        if let Some(Ok(doubts)) = judged.judge(shape) {
            hits.push(Hit {
                cve: row.cve(),
                shape,
                candidate,
                row,
                doubts,
                confidence: confidence(index, &row, doubts),
            });
        }
    });
}

/// Judges shapes, and remembers some: the rules of a product mostly have a few in turn.
struct Judged<'a> {
    index: &'a Index,
    surroundings: Surroundings<'a>,
    verdicts: Vec<(u32, Result<Doubts, Miss>)>,
}

impl Judged<'_> {
    const REMEMBERED: usize = 16;

    fn judge(&mut self, shape: u32) -> Option<Result<Doubts, Miss>> {
        let known = self.verdicts.iter().find(|(known, _)| *known == shape);
        if let Some((_, verdict)) = known {
            return Some(*verdict);
        }
        let view = self.index.shape(shape)?;
        let verdict = self.surroundings.judge(self.index, &view);
        if self.verdicts.len() < Self::REMEMBERED {
            self.verdicts.push((shape, verdict));
        }
        Some(verdict)
    }
}

/// Calls back with every row of a product whose versions cover the installed one.
fn rows_that_name<'i>(
    index: &'i Index,
    question: &Question<'_>,
    (candidate, product): (usize, &ProductView<'i>),
    mut take: impl FnMut(Row),
) {
    let installed = &question.installed;
    let (base, full) = installed.generic_keys();
    // Rules with an update are filed under version and update together.
    for row in index.exact_rows(product, full) {
        take(Row::Exact(row));
    }
    if base != full {
        // A record that names no update is about all of them.
        for row in index.exact_rows(product, base) {
            if is_any_update(index, row.shape) {
                take(Row::Exact(row));
            }
        }
    }
    let mut range = |row: RangeRow| {
        if installed.is_within(index, row.lower, row.upper, row.bounds) {
            take(Row::Range(row));
        }
    };
    if installed.is_by_generic_keys() {
        // The base may still be at a bound that the full version is above.
        index.ranges_from(product, base.min(full)).for_each(&mut range);
    } else {
        // Another scheme has another order, so each bound is asked.
        index.ranges(product).for_each(&mut range);
    }
    for row in index.open_rows(product) {
        // `-` is no version, and an installed one is never that.
        if row.kind == VersionKind::All && question.takes_every_version(candidate) {
            take(Row::Open(row));
        }
    }
}

/// Whether rules of a shape are about all updates of their version.
pub(super) fn is_any_update(index: &Index, shape: u32) -> bool {
    index.shape(shape).is_some_and(|shape| shape.qualifiers[UPDATE] == Text::Any)
}

fn confidence(index: &Index, row: &Row, doubts: Doubts) -> Confidence {
    // "All versions" is what a record says that was never looked at closely, whoever wrote it.
    let is_secondary = index
        .cve_entry(row.cve())
        .is_some_and(|cve| cve.is_fallback || cve.source != RecordSource::Nvd);
    let of_statement = match row {
        Row::Open(_) => Confidence::Low,
        Row::Exact(_) | Row::Range(_) if is_secondary => Confidence::Medium,
        Row::Exact(_) | Row::Range(_) => Confidence::High,
    };
    of_statement.min(doubts.confidence())
}

impl Hit {
    pub(super) const fn confidence(&self) -> Confidence {
        self.confidence
    }
}
