//! What the assigners of CVEs say of a language's packages, where nobody else says what is affected.
//!
//! It only ever adds to what a registry or CVE records say: for a CVE that neither the registry's
//! advisories nor any configuration is about, and never more than medium.

use std::rc::Rc;

use smol_str::SmolStr;

use crate::advisory::ASSIGNER;
use crate::evaluation::{Evaluation, Status};
use crate::index::{Index, NameKind};
use crate::matching::advisories::explain;
use crate::matching::advisories::finding::findings;
use crate::matching::advisories::installed::Installed;
use crate::matching::advisories::named::Named;
use crate::matching::advisories::names::Names;
use crate::matching::advisories::question::Question;
use crate::matching::advisories::release::Standing;
use crate::matching::step::{Step, WhyNot};
use crate::subject::Subject;

const ALONE: &str = "stated by the CVE's assigner alone";

/// Adds the findings to an evaluation by the registry or by CVE records.
pub(in crate::matching) fn add(
    index: &Index,
    subject: &Subject<'_>,
    names: &Names<'_>,
    evaluation: &mut Evaluation,
) {
    // What is not evaluable is a copy of the distribution's, or of a name that may be another's.
    if evaluation.status == Status::NotEvaluable {
        return;
    }
    let Some(question) = question(index, subject, names) else {
        return;
    };
    if evaluation.status == Status::Unmapped {
        evaluation.status = Status::Evaluated;
        evaluation.reason = None;
        // Without a product of CVE records it was the assigner's name that led anywhere.
        evaluation.identity.rule = question.rule.to_string();
    }
    let found = findings(&question).into_iter().filter(|finding| {
        let others = &evaluation.findings;
        others.iter().all(|other| other.cve != finding.cve) && is_theirs(index, names, &finding.cve)
    });
    let found: Vec<_> = found.collect();
    if !found.is_empty() {
        evaluation.findings.extend(found);
        let id = |text: &SmolStr| text.parse::<crate::cve::CveId>().ok();
        // By number and not as text: CVE-2024-9999 comes before CVE-2024-10000.
        evaluation
            .findings
            .sort_by(|a, b| id(&a.cve).cmp(&id(&b.cve)).then_with(|| a.cve.cmp(&b.cve)));
    }
}

/// Why a CVE that only its assigner says something of is not found, or that it is.
pub(in crate::matching) fn why_not(
    index: &Index,
    subject: &Subject<'_>,
    cve: &str,
) -> Option<WhyNot> {
    let names = Names::of(subject);
    let question = question(index, subject, &names).filter(|_| is_theirs(index, &names, cve))?;
    let (step, detail) = explain::first_failure(&question, cve);
    (step != Step::NoStatement).then(|| WhyNot { cve: cve.to_owned(), step, detail })
}

/// Whether nobody else says what a CVE is about.
fn is_theirs(index: &Index, names: &Names<'_>, cve: &str) -> bool {
    let Ok(cve) = cve.parse() else {
        return false;
    };
    let Names::Registry { registry, name, .. } = names else {
        return false;
    };
    let own = index
        .find_place(registry, "", NameKind::Registry)
        .and_then(|at| index.find_package(at, name));
    let is_named = own.is_some_and(|view| {
        index.statements(&view).any(|said| index.advisory_cves(said.advisory).any(|id| id == cve))
    });
    !is_named && !index.is_decided(cve)
}

fn question<'a>(
    index: &'a Index,
    subject: &Subject<'_>,
    names: &Names<'_>,
) -> Option<Question<'a>> {
    let Names::Registry { registry, scheme, name } = names else {
        return None;
    };
    let place = format!("{ASSIGNER}{registry}");
    let at = index.find_place(&place, "", NameKind::Registry)?;
    let view = index.find_package(at, name)?;
    let installed = Installed::new(*scheme, subject.version.to_owned()).ok()?;
    Some(Question {
        index,
        place: SmolStr::new_static(registry),
        packages: vec![Named {
            kind: NameKind::Registry,
            name: view.name,
            views: vec![(view, Standing::Own)],
            installed: Rc::new(installed),
            is_tagged: false,
            doubts: vec![ALONE],
        }],
        name: name.to_string(),
        rule: format!("assigner:{registry}/{name}").into(),
    })
}
