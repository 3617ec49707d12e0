//! Puts into words what advisories say of a package, or why they do not say it.

use crate::advisory::{UNIMPORTANT, Verdict};
use crate::evaluation::{Confidence, Finding, Statement, Why};
use crate::index::{Index, NameKind, SpanKind, SpanView};
use crate::matching::advisories::decide::{self, About, Decision, Found};
use crate::matching::advisories::judge::{self, Judged, Outcome};
use crate::matching::advisories::question::{Named, Question};
use crate::matching::advisories::release::{self, Standing};
use crate::matching::why_not::Step;

/// A package's finding.
pub(super) fn finding(
    question: &Question<'_>,
    package: &Named<'_>,
    found: &Found<'_>,
) -> Option<Finding> {
    let index = question.index;
    let cited = &found.cited;
    let statement = statement(question, package, cited)?;
    let mut notes = notes(package, found, &statement);
    let is_withdrawn = decide::is_withdrawn(index, found);
    if is_withdrawn {
        notes.push("the CVE's own record was withdrawn".to_owned());
    }
    let is_unimportant = statement.note == UNIMPORTANT;
    Some(Finding {
        cve: match found.about {
            About::Cve(cve) => cve.to_string(),
            About::Advisory(_) => statement.id.clone(),
        },
        source: statement.publisher.clone(),
        confidence: if is_unimportant || is_withdrawn || is_of_later_release(cited) {
            Confidence::Low
        } else if notes.is_empty() {
            Confidence::High
        } else {
            Confidence::Medium
        },
        fixed_in: fixed_in(found),
        why: Why {
            criteria: format!("{}: {}", statement.place, package.name),
            range: range(index, cited),
            version: package.installed.text.clone(),
            scheme: cited.shape.scheme.to_owned(),
            rule: question.rule.clone(),
            conditions: Vec::new(),
            notes,
            advisory: Some(Box::new(statement)),
        },
    })
}

fn statement(
    question: &Question<'_>,
    package: &Named<'_>,
    cited: &Judged<'_>,
) -> Option<Statement> {
    let (index, advisory) = (question.index, cited.statement.advisory);
    Some(Statement {
        id: index.advisory_id(advisory)?.to_owned(),
        publisher: index.advisory_publisher(advisory)?.to_owned(),
        place: match cited.standing {
            Standing::Own | Standing::Line => question.place.clone(),
            Standing::Later(release) => release::shown("debian", release),
        },
        package: package.name.to_owned(),
        package_kind: package.kind.as_str().to_owned(),
        verdict: verdict(cited.shape.verdict).to_owned(),
        module: cited.shape.module.to_owned(),
        channel: cited.shape.channel.to_owned(),
        severity: index.advisory_severity(advisory)?.to_owned(),
        note: cited.shape.note.to_owned(),
    })
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Affected => "affected",
        Verdict::WontFix => "wont_fix",
        Verdict::UnderInvestigation => "under_investigation",
        Verdict::NotAffected => "not_affected",
    }
}

/// The first version with the fix, with the line of updates that has it where not every host does.
fn fixed_in(found: &Found<'_>) -> Option<String> {
    let from = found.elsewhere.as_ref().unwrap_or(&found.cited);
    let fix = from.fix()?.text();
    Some(match (from.standing, from.shape.channel) {
        (Standing::Later(release), _) => format!("{fix} ({})", release::shown("debian", release)),
        (_, "") => fix.to_owned(),
        (_, channel) => format!("{fix} ({channel})"),
    })
}

const fn is_of_later_release(judged: &Judged<'_>) -> bool {
    matches!(judged.standing, Standing::Later(_))
}

/// Why the confidence is not high.
fn notes(package: &Named<'_>, found: &Found<'_>, statement: &Statement) -> Vec<String> {
    let mut notes: Vec<String> = package
        .doubts
        .iter()
        .map(|doubt| (*doubt).to_owned())
        .collect();
    let mut note = |is_so: bool, text: &str| {
        if is_so {
            notes.push(text.to_owned());
        }
    };
    note(
        found.cited.shape.verdict == Verdict::UnderInvestigation,
        "the publisher has not said yet whether it is affected",
    );
    note(
        found.cited.is_likely,
        "that the package is of the module's stream is told from its version",
    );
    note(
        is_of_later_release(&found.cited),
        "the release gets no more records, and a later one's calls every version below vulnerable",
    );
    note(
        found.is_disputed,
        "an earlier advisory calls this version repaired",
    );
    note(
        statement.note == UNIMPORTANT,
        "the publisher does not treat it as a vulnerability",
    );
    let bounds = match &found.cited.outcome {
        Outcome::Within(span) => [span.lower, span.upper],
        Outcome::All
        | Outcome::Fixed(_)
        | Outcome::Outside
        | Outcome::OtherBuild
        | Outcome::Incomparable => [None, None],
    };
    let lacks_epoch =
        |bound: &Option<_>| bound.is_some_and(|bound| package.installed.lacks_epoch_of(&bound));
    note(
        bounds.iter().any(lacks_epoch),
        "the record leaves the epoch out, and so it was not compared",
    );
    notes
}

/// The stretches of versions as a constraint; nothing for all versions.
fn range(index: &Index, judged: &Judged<'_>) -> Option<String> {
    let spans: Vec<String> = match &judged.outcome {
        Outcome::Within(span) => vec![stretch(span)],
        Outcome::All => Vec::new(),
        Outcome::Fixed(_) | Outcome::Outside | Outcome::OtherBuild | Outcome::Incomparable => index
            .spans(judged.statement)
            .map(|span| stretch(&span))
            .collect(),
    };
    let range = spans.join(" || ");
    (!range.is_empty()).then_some(range)
}

fn stretch(span: &SpanView<'_>) -> String {
    let lower = span.lower.map(|bound| match span.kind {
        SpanKind::Single => format!("= {}", bound.text()),
        SpanKind::Open | SpanKind::Fixed | SpanKind::LastAffected => format!(">= {}", bound.text()),
    });
    let upper = span.upper.map(|bound| match span.kind {
        SpanKind::LastAffected => format!("<= {}", bound.text()),
        SpanKind::Single | SpanKind::Open | SpanKind::Fixed => format!("< {}", bound.text()),
    });
    let bounds: Vec<String> = lower.into_iter().chain(upper).collect();
    bounds.join(", ")
}

/// The first condition that keeps a CVE from being found.
pub(super) fn first_failure(question: &Question<'_>, cve: &str) -> (Step, String) {
    let failures = question
        .packages
        .iter()
        .filter_map(|package| failure(question, package, cve));
    failures
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
        format!(
            "no advisory of {place} about {} names {cve}",
            names.join(" or ")
        )
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
    let subject = id.map_or(About::Advisory(first.statement.advisory), About::Cve);
    Some(match decide::decide(index, subject, &about) {
        Decision::Found(found) => {
            let id = index.advisory_id(found.cited.statement.advisory)?;
            (Step::Found, format!("it is found by {id}"))
        }
        Decision::NotAffected(judged) => denied(index, package, &judged)?,
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
            (
                Step::NotAffected,
                format!("{id} says that it is not affected{reason}"),
            )
        }
    })
}

/// Why a statement says nothing about the package.
fn elsewhere(index: &Index, package: &Named<'_>, judged: &Judged<'_>) -> Option<(Step, String)> {
    let id = index.advisory_id(judged.statement.advisory)?;
    let installed = &package.installed.text;
    let range = range(index, judged).unwrap_or_default();
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
