//! Windows and Microsoft's programs: where Microsoft says something of a CVE and the product at hand,
//! that decides; what it is silent about, CVE records fill in.
//!
//! NVD's ranges for Windows are made from the same documents, later and not always rightly, and the
//! two together would report each CVE twice. Microsoft also knows what NVD does not: which update
//! brings a build, which update holds which, and on what machines a product is not affected at all.

use std::collections::BTreeMap;

use crate::advisory::Verdict as Word;
use crate::cve::CveId;
use crate::evaluation::{Evaluation, Finding, Status};
use crate::index::{Index, NameKind, PackageView, SpanKind};
use crate::lookup_key::LookupKey;
use crate::matching::Prepared;
use crate::matching::step::{Step, WhyNot};
use crate::matching::windows::explain::Explainer;
use crate::subject::Subject;
use crate::windows as releases;

mod explain;
mod host;
mod program;
mod system;
#[cfg(test)]
mod tests;
mod updates;

/// What Microsoft says of a subject.
pub(super) enum Said<'a> {
    /// It can be told which of the CVEs that it names apply.
    Judged(Judged<'a>),
    /// It is Windows, and too little of it is known to say whether anything applies.
    NotEvaluable(String),
}

/// What Microsoft says of a product, CVE by CVE.
pub(super) struct Judged<'a> {
    explainer: Explainer<'a>,
    verdicts: BTreeMap<CveId, Verdict<'a>>,
}

/// What the statements about one CVE come to.
#[derive(Clone, Copy, Debug)]
enum Verdict<'a> {
    /// None of the fixes is there; the statement to cite, and whether it is for other machines too
    /// and not for all, of which the host does not tell its own.
    Affected(Cited<'a>, Doubt),
    /// A fix is there: by the version, or by an installed update.
    Fixed(Cited<'a>, By),
    /// Microsoft gives an update and no build, and the host a build and no updates.
    Unknown(Cited<'a>),
    /// Microsoft names the product for other machines alone.
    OtherMachines(Cited<'a>),
}

/// Why a verdict may not be about the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    None,
    /// The host does not tell its architecture, and not all of them are affected.
    Architecture,
}

/// By what a host has a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Its version.
    Version,
    /// An update that it has, by what its list or its build says.
    Update,
}

/// A statement with where it is.
#[derive(Clone, Copy, Debug)]
struct Cited<'a> {
    /// The release, `10 22h2 x64`; empty for a program.
    release: &'a str,
    advisory: u32,
    /// The line of updates; empty for the one of every host.
    channel: &'a str,
    /// The update, `KB5036892`, or empty.
    update: &'a str,
    /// The first version of the line that it is about.
    since: Option<&'a str>,
    /// The first version with the fix.
    build: Option<&'a str>,
}

/// The keys of all that may be asked about a subject.
pub(super) fn keys(subject: &Subject<'_>, prepared: &Prepared) -> Vec<LookupKey> {
    let of = |name: &str| LookupKey::of_package("", "", "", name);
    if host::is_windows(subject) {
        return vec![of(releases::PACKAGE), of(releases::UPDATES)];
    }
    program::names(prepared).map(|name| of(&name)).collect()
}

/// What Microsoft says of a subject; `None` where it says nothing.
pub(super) fn said<'a>(
    index: &'a Index,
    subject: &Subject<'_>,
    prepared: &Prepared,
) -> Option<Said<'a>> {
    if host::is_windows(subject) {
        system::said(index, subject, &prepared.identity.rule)
    } else {
        program::said(index, prepared).map(Said::Judged)
    }
}

/// Puts what Microsoft says into an evaluation by CVE records.
pub(super) fn merge(said: Said<'_>, evaluation: &mut Evaluation) {
    let judged = match said {
        Said::Judged(judged) => judged,
        Said::NotEvaluable(reason) => {
            // NVD's ranges for Windows need the revision as well, so what was found by them goes.
            evaluation.status = Status::NotEvaluable;
            evaluation.reason = Some(reason);
            evaluation.findings.clear();
            return;
        }
    };
    let records = std::mem::take(&mut evaluation.findings);
    let mut findings: BTreeMap<CveId, Finding> = BTreeMap::new();
    let mut others = Vec::new();
    for finding in records {
        match finding.cve.parse() {
            Ok(cve) => drop(findings.insert(cve, finding)),
            // An id that is none of the CVE programme's: Microsoft says nothing of it.
            Err(_) => others.push(finding),
        }
    }
    for (cve, verdict) in &judged.verdicts {
        match verdict {
            Verdict::Affected(cited, doubt) => {
                findings.insert(*cve, judged.explainer.affected(*cve, cited, *doubt));
            }
            // NVD's ranges are made of the same documents; where Microsoft says that the fix is
            // there, they are late.
            Verdict::Fixed(..) | Verdict::OtherMachines(_) => drop(findings.remove(cve)),
            // The records have a build for most of them, and the update is worth knowing.
            Verdict::Unknown(cited) => match findings.get_mut(cve) {
                Some(finding) => explain::name_update(finding, cited),
                None => drop(findings.insert(*cve, judged.explainer.unknown(*cve, cited))),
            },
        }
    }
    evaluation.findings = findings.into_values().chain(others).collect();
    // Microsoft also knows programs and builds that no CVE record is about.
    if evaluation.status != Status::Evaluated {
        evaluation.status = Status::Evaluated;
        evaluation.reason = None;
    }
}

/// Why a CVE is not found, where Microsoft's word is the reason.
pub(super) fn why_not(said: &Said<'_>, cve: &str) -> Option<WhyNot> {
    let answer = |step, detail| WhyNot { cve: cve.to_owned(), step, detail };
    let judged = match said {
        Said::Judged(judged) => judged,
        Said::NotEvaluable(reason) => return Some(answer(Step::NotEvaluable, reason.clone())),
    };
    let verdict = judged.verdicts.get(&cve.parse().ok()?)?;
    let (step, detail) = judged.explainer.why_not(verdict)?;
    Some(answer(step, detail))
}

/// A package of one release, or one for all.
struct Package<'a> {
    view: PackageView<'a>,
    release: &'a str,
}

fn package<'a>(index: &'a Index, id: &str, release: &str, name: &str) -> Option<Package<'a>> {
    let at = index.find_place(id, release, NameKind::Binary)?;
    Some(Package { view: index.find_package(at, name)?, release: index.release_of(at)? })
}

/// The statements of a package, each with its CVEs.
fn statements<'a>(
    index: &'a Index,
    package: &Package<'a>,
) -> impl Iterator<Item = (Vec<CveId>, Cited<'a>)> {
    let release = package.release;
    index.statements(&package.view).filter_map(move |statement| {
        let shape = index.statement_shape(statement.shape)?;
        if shape.verdict != Word::Affected {
            return None;
        }
        // Bulletins of Microsoft have one stretch a statement, which ends with the fix; see
        // `feeds::msrc`.
        let span = index.spans(statement).next()?;
        let is_fixed = span.kind == SpanKind::Fixed;
        let cited = Cited {
            release,
            advisory: statement.advisory,
            channel: shape.channel,
            update: shape.note,
            since: span.lower.map(|bound| bound.text()),
            build: span.upper.filter(|_| is_fixed).map(|bound| bound.text()),
        };
        Some((index.advisory_cves(statement.advisory).collect(), cited))
    })
}
