//! Puts into words why advisories do not say something of a package.

use crate::index::{Index, NameKind};
use crate::matching::advisories::decide::{self, About, Decision};
use crate::matching::advisories::finding::put_stretch;
use crate::matching::advisories::judge::{self, Judged, Outcome};
use crate::matching::advisories::named::Named;
use crate::matching::advisories::question::Question;
use crate::matching::step::Step;

/// The stretches of versions as a constraint; nothing for all versions.
fn range(index: &Index, judged: &Judged<'_>) -> String {
    let mut range = String::new();
    match &judged.outcome {
        Outcome::Within(span) => put_stretch(&mut range, span),
        Outcome::All => {}
        Outcome::Fixed(_) | Outcome::Outside | Outcome::OtherBuild | Outcome::Incomparable => {
            for span in index.spans(judged.statement) {
                if !range.is_empty() {
                    range.push_str(" || ");
                }
                put_stretch(&mut range, &span);
            }
        }
    }
    range
}

/// The first condition that keeps a CVE from being found.
pub(super) fn first_failure(question: &Question<'_>, cve: &str) -> (Step, String) {
    let failures = question.packages.iter().filter_map(|package| failure(question, package, cve));
    failures
        // Steps are in the order in which they are asked, so the greatest is the condition that
        // really stands in the way.
        .max_by_key(|(step, _)| *step)
        .unwrap_or_else(|| no_statement(question, cve))
}

fn no_statement(question: &Question<'_>, cve: &str) -> (Step, String) {
    let Question { place, name, .. } = question;
    let detail = if question.packages.is_empty() {
        format!("no advisory of {place} is about {name}")
    } else {
        let names: Vec<String> = question
            .packages
            .iter()
            .map(|package| match package.kind {
                NameKind::Source => format!("the source package {}", package.name),
                NameKind::Binary | NameKind::Registry => package.name.to_owned(),
            })
            .collect();
        format!("no advisory of {place} about {} names {cve}", names.join(" or "))
    };
    (Step::NoStatement, detail)
}

fn failure(question: &Question<'_>, package: &Named<'_>, cve: &str) -> Option<(Step, String)> {
    let index = question.index;
    let id = cve.parse().ok();
    let judged = judge::statements(index, package);
    let about: Vec<&Judged<'_>> = judged
        .iter()
        .filter(|judged| {
            let advisory = judged.statement.advisory;
            let names = |id| index.advisory_cves(advisory).any(|other| other == id);
            id.is_some_and(names) || index.advisory_id(advisory) == Some(cve)
        })
        .collect();
    let first = about.first()?;
    // An advisory without a CVE is asked for by its own id, `RHSA-…` or `USN-…`.
    let subject = id.map_or(About::Advisory(first.statement.advisory), About::Cve);
    Some(match decide::decide(index, subject, &about) {
        Decision::Found(found) => {
            let id = index.advisory_id(found.cited.statement.advisory)?;
            (Step::Found, format!("it is found by {id}"))
        }
        Decision::NotAffected(judged) => denied(index, package, judged)?,
        Decision::Nothing => elsewhere(index, package, first)?,
    })
}

/// Why a statement calls the package well.
fn denied(index: &Index, package: &Named<'_>, judged: &Judged<'_>) -> Option<(Step, String)> {
    let id = index.advisory_id(judged.statement.advisory)?;
    let installed = &package.installed.text;
    let scheme = judged.shape.scheme;
    if judged.is_denial() && judged.is_dismissed() {
        let publisher = index.advisory_publisher(judged.statement.advisory)?;
        let detail = format!("{publisher} calls it {} ({id})", judged.shape.note);
        return Some((Step::NotAffected, detail));
    }
    Some(match judged.fix() {
        Some(fix) => {
            let detail = format!(
                "{installed} is at or above {}, which has the fix by {id} ({scheme} order)",
                fix.text()
            );
            (Step::Version, detail)
        }
        None => {
            let reason = match judged.shape.note {
                "" => String::new(),
                note => format!(": {note}"),
            };
            (Step::NotAffected, format!("{id} says that it is not affected{reason}"))
        }
    })
}

/// Why a statement says nothing about the package.
fn elsewhere(index: &Index, package: &Named<'_>, judged: &Judged<'_>) -> Option<(Step, String)> {
    let id = index.advisory_id(judged.statement.advisory)?;
    let installed = &package.installed.text;
    let range = range(index, judged);
    Some(match judged.outcome {
        Outcome::OtherBuild => {
            let of = [judged.shape.module, judged.shape.channel]
                .into_iter()
                .find(|text| !text.is_empty())
                .map_or_else(String::new, |text| format!(" of {text}"));
            let detail = format!("{id} is about other builds{of} ({range}) than {installed}");
            (Step::OtherBuild, detail)
        }
        Outcome::Incomparable => {
            let detail = format!("{installed} has no order with {range} of {id}");
            (Step::Version, detail)
        }
        Outcome::Within(_) | Outcome::All | Outcome::Fixed(_) | Outcome::Outside => {
            let scheme = judged.shape.scheme;
            let detail = format!("{installed} is not in {range} of {id} ({scheme} order)");
            (Step::Version, detail)
        }
    })
}
