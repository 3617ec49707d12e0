//! Why a CVE was not found for a piece of software: the first condition that fails, of the rule
//! that came closest.

use crate::cpe::Cpe;
use crate::cve::CveId;
use crate::evaluation::Status;
use crate::identity::Candidate;
use crate::index::{ConditionTerm, Index, OpenRow, ProductView, ShapeView, VersionKind};
use crate::matching::advisories;
use crate::matching::explain;
use crate::matching::find::{self, Row};
use crate::matching::host::{self, Host};
use crate::matching::judge::{Miss, Surroundings};
use crate::matching::question::Question;
use crate::matching::step::{Step, WhyNot};
use crate::matching::windows;
use crate::matching::{Prepared, prepare, prepare_cpe, surroundings_of_cpe};
use crate::subject::{Platform, Subject};

/// Why a CVE is not among the findings of a piece of software.
#[must_use]
pub fn why_not(index: &Index, subject: &Subject<'_>, cve: &str) -> WhyNot {
    let platform = host::with_family(subject);
    let subject = Subject { platform, ..*subject };
    let answer = advisories::why_not(index, &subject, cve)
        .unwrap_or_else(|| by_records(index, &subject, cve));
    // What an assigner says only ever adds, and never to what cannot be judged.
    if matches!(answer.step, Step::Found | Step::NotEvaluable) {
        return answer;
    }
    advisories::why_not_assigned(index, &subject, cve).unwrap_or(answer)
}

fn by_records(index: &Index, subject: &Subject<'_>, cve: &str) -> WhyNot {
    let prepared = prepare(index, subject);
    let said = windows::said(index, subject, &prepared);
    said.and_then(|said| windows::why_not(&said, cve)).unwrap_or_else(|| {
        let host = Host::on(subject.platform);
        answer(index, &prepared, host, subject.arch, cve)
    })
}

/// Why a CVE is not among the findings of a CPE name.
#[must_use]
pub fn why_not_cpe(index: &Index, cpe: &Cpe, platform: Platform<'_>, cve: &str) -> WhyNot {
    let (host, arch) = surroundings_of_cpe(cpe, platform);
    answer(index, &prepare_cpe(cpe), host, arch, cve)
}

fn answer(index: &Index, prepared: &Prepared, host: Host<'_>, arch: &str, cve: &str) -> WhyNot {
    let question = match &prepared.judgeable {
        Ok(judgeable) => Question::new(judgeable, host, arch),
        Err((status, reason)) => Err((*status, reason.clone())),
    };
    let (step, detail) = match question {
        Ok(question) => first_failure(index, &question, cve),
        Err((Status::Unmapped, reason)) => (Step::Unmapped, reason.into_owned()),
        Err((Status::NotEvaluable | Status::Evaluated, reason)) => {
            (Step::NotEvaluable, reason.into_owned())
        }
    };
    WhyNot { cve: cve.to_owned(), step, detail }
}

fn first_failure(index: &Index, question: &Question<'_>, cve: &str) -> (Step, String) {
    let row = cve.parse::<CveId>().ok().and_then(|id| index.find_cve(id));
    let Some((row, entry)) = row.and_then(|row| Some((row, index.cve_entry(row)?))) else {
        return (Step::UnknownCve, "the feeds hold no record of it".to_owned());
    };
    if entry.is_rejected {
        return (Step::Withdrawn, "it was withdrawn".to_owned());
    }
    let named = index.products_of(&entry);
    if named.is_empty() {
        let detail = "its record names no software products, or none yet";
        return (Step::NoProducts, detail.to_owned());
    }
    let failures = question.candidates.iter().enumerate();
    let failures =
        failures.filter_map(|(at, candidate)| closest(index, question, (at, candidate), row));
    // The furthest step of any name, the preferred name first: that is what is really in the way.
    failures
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .unwrap_or_else(|| other_product(question, &named))
}

fn other_product(question: &Question<'_>, named: &[String]) -> (Step, String) {
    const SHOWN: usize = 5;
    let own: Vec<String> = question
        .candidates
        .iter()
        .map(|candidate| format!("{}:{}", candidate.vendor, candidate.product))
        .collect();
    let more = match named.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let detail = format!(
        "its record names {}{more}, the software is {}",
        named[..named.len().min(SHOWN)].join(", "),
        own.join(", ")
    );
    (Step::Product, detail)
}

/// The rule of one candidate's product that came closest.
fn closest(
    index: &Index,
    question: &Question<'_>,
    (at, candidate): (usize, &Candidate),
    cve: u32,
) -> Option<(Step, String)> {
    let product = find::product(index, candidate)?;
    if let Some(family) = question.is_elsewhere(candidate) {
        let (vendor, product) = (&candidate.vendor, &candidate.product);
        let detail = format!("records about {vendor}:{product} mean it on {family} only");
        return Some((Step::OtherSystem, detail));
    }
    let surroundings = question.surroundings(at);
    let exact = index.all_exact_rows(&product).map(Row::Exact);
    let ranges = index.ranges(&product).map(Row::Range);
    let open = index.open_rows(&product).map(Row::Open);
    exact
        .chain(ranges)
        .chain(open)
        .filter(|row| row.cve() == cve)
        .filter_map(|row| {
            let (step, detail) = judge(index, question, (at, &surroundings), &product, row)?;
            Some((step, passed_end(index, question, &row), detail))
        })
        // The first of equals, so that the answer does not depend on the order of iteration.
        .reduce(|best, next| if (next.0, next.1) > (best.0, best.1) { next } else { best })
        .map(|(step, _, detail)| (step, detail))
}

/// The end of a range that the installed version has passed: of several ranges, that with the
/// greatest is the version's own line, as `>= 116, < 140.7` is 140.7's and `< 115.32` is not.
fn passed_end<'i>(index: &'i Index, question: &Question<'_>, row: &Row) -> Option<&'i [u8]> {
    let Row::Range(row) = row else {
        return None;
    };
    let (_, installed) = question.installed.generic_keys();
    let end = index.version_key(row.upper?);
    (end <= installed).then_some(end)
}

fn judge(
    index: &Index,
    question: &Question<'_>,
    (candidate, surroundings): (usize, &Surroundings<'_>),
    product: &ProductView<'_>,
    row: Row,
) -> Option<(Step, String)> {
    let criteria = explain::criteria(index, product, &row)?;
    // The version is asked first, as in the search: it is what an analyst can change.
    if !names_version(index, question, candidate, &row) {
        let detail = another_version(index, question, &row, &criteria);
        return Some((Step::Version, detail));
    }
    let shape = index.shape(row.shape())?;
    let together = || {
        let partners = partners(index, &shape).join(" or ");
        format!("{criteria} applies only together with {partners}")
    };
    Some(match surroundings.judge(index, &shape) {
        Ok(_) => (Step::Found, format!("it is found by {criteria}")),
        Err(Miss::Target) => {
            let detail = format!("{criteria} is about what runs in something else");
            (Step::Target, detail)
        }
        Err(Miss::Edition) => {
            let detail = format!("{criteria} is about another edition or line of versions");
            (Step::Edition, detail)
        }
        Err(Miss::Hardware) => {
            let detail = format!("{criteria} is not about {}", question.arch);
            (Step::Hardware, detail)
        }
        Err(Miss::OtherApplication) => (Step::OtherApplication, together()),
        Err(Miss::OtherSystem) => (Step::OtherSystem, together()),
    })
}

fn another_version(index: &Index, question: &Question<'_>, row: &Row, criteria: &str) -> String {
    let installed = question.installed.shown();
    let scheme = question.installed.scheme;
    match row {
        Row::Range(range) => {
            let range = explain::range(index, range);
            format!("{installed} is not in {range} of {criteria} ({scheme} order)")
        }
        Row::Open(row) if row.kind == VersionKind::All => {
            format!("{criteria} names every version, and another product has had that name too")
        }
        Row::Exact(_) | Row::Open(_) => {
            format!("{installed} is not the version of {criteria} ({scheme} order)")
        }
    }
}

/// The first of the partners that a rule needs.
fn partners(index: &Index, shape: &ShapeView<'_>) -> Vec<String> {
    const SHOWN: usize = 5;
    shape
        .condition
        .map_or_else(Vec::new, |condition| index.condition(condition))
        .iter()
        .flat_map(ConditionTerm::partners)
        .map(|partner| explain::shown(&partner))
        .take(SHOWN)
        .collect()
}

/// Whether a row's versions cover the installed one, by the same rules as the search.
fn names_version(index: &Index, question: &Question<'_>, candidate: usize, row: &Row) -> bool {
    let installed = &question.installed;
    match row {
        Row::Exact(row) => {
            let (base, full) = installed.generic_keys();
            let key = index.version_key(row.version);
            let is_any_update = || find::is_any_update(index, row.shape);
            !key.is_empty() && (key == full || key == base && is_any_update())
        }
        Row::Range(row) => installed.is_within(index, row.lower, row.upper, row.bounds),
        Row::Open(OpenRow { kind, .. }) => {
            *kind == VersionKind::All && question.takes_every_version(candidate)
        }
    }
}
