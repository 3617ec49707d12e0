//! Matching by advisories: packages of distributions by what their distribution says, packages of
//! languages by what their registry's advisories say.
//!
//! A distribution repairs what it ships without changing the upstream version, so its own record,
//! its own names and its own order of versions are the only evidence; a range of NVD is never asked
//! for such a package. A package that a vendor built for a distribution is none of its packages and
//! is left to CVE records. Packages of languages are judged by their registry where it has any
//! statement about the package at all, and by CVE records where it has none.

use crate::evaluation::{Evaluation, Identity, Status};
use crate::identity;
use crate::index::Index;
use crate::matching::advisories::finding::findings;
use crate::matching::advisories::question::Asked;
use crate::matching::kernel;
use crate::matching::step::{Step, WhyNot};
use crate::subject::Subject;

pub(super) use crate::matching::advisories::assigned::{
    add as add_assigned, why_not as why_not_assigned,
};
pub(super) use crate::matching::advisories::names::Names;

mod assigned;
mod decide;
mod explain;
mod finding;
mod installed;
mod judge;
mod named;
mod names;
mod own_copy;
mod question;
mod release;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod unknown;

/// The rule of a kernel that no distribution built.
const KERNEL_RULE: &str = "kernel";

/// Judges a subject whom advisories are about; `None` for one that is left to CVE records. The
/// caller adds the keys, and gives the names that CVE records have for it, by which nothing is judged.
pub(super) fn evaluate(
    index: &Index,
    subject: &Subject<'_>,
    names: &Names<'_>,
    cpes: impl FnOnce() -> Vec<String>,
) -> Option<Evaluation> {
    let asked = ask(index, subject, names)?;
    let purl = identity::package_url(subject);
    let identity = |rule: String| Identity {
        // The distribution's packages have none, and there are too many of them to ask.
        cpes: match names.is_of_registry() {
            true => cpes(),
            false => Vec::new(),
        },
        purl,
        rule,
    };
    Some(match asked {
        Asked::Question(question) => Evaluation {
            status: Status::Evaluated,
            reason: None,
            findings: findings(&question),
            identity: identity(question.rule.into()),
            keys: Vec::new(),
        },
        Asked::NotEvaluable { reason, rule } => Evaluation {
            status: Status::NotEvaluable,
            reason: Some(reason),
            identity: identity(rule),
            findings: Vec::new(),
            keys: Vec::new(),
        },
    })
}

/// Why a CVE is not found for a subject whom advisories are about.
pub(super) fn why_not(index: &Index, subject: &Subject<'_>, cve: &str) -> Option<WhyNot> {
    let (step, detail) = match ask(index, subject, &Names::of(subject))? {
        Asked::Question(question) => explain::first_failure(&question, cve),
        Asked::NotEvaluable { reason, .. } => (Step::NotEvaluable, reason),
    };
    Some(WhyNot { cve: cve.to_owned(), step, detail })
}

/// Whether an identification is only a guess that PyPI's advisories refute: they hold the CVEs of
/// all its packages, and never named this one.
///
/// `archiver_project:archiver` is a program in Go and `rc_project:rc` a shell, and PyPI has packages of both
/// names. Without PyPI's advisories the guess is the best that there is.
pub(super) fn refutes(index: &Index, subject: &Subject<'_>, identity: &Identity) -> bool {
    subject.source == "python"
        && identity.rule.starts_with(identity::GUESSED_PACKAGE)
        && index.has_place("pypi", "")
}

fn ask<'a>(index: &'a Index, subject: &Subject<'_>, names: &Names<'_>) -> Option<Asked<'a>> {
    // First: a copy that the distribution repairs would be judged by a registry that knows nothing
    // of the repair.
    if let Some(reason) = own_copy::reason(index, subject) {
        let rule = "distribution:own copy".to_owned();
        return Some(Asked::NotEvaluable { reason, rule });
    }
    // Whoever built it: nobody's statement is about a kernel that does not run.
    if kernel::is_dormant(subject) {
        return Some(Asked::NotEvaluable {
            reason: kernel::NOT_RUNNING.to_owned(),
            rule: names.distribution_rule().unwrap_or(KERNEL_RULE).to_owned(),
        });
    }
    question::ask(index, subject, names)
}
