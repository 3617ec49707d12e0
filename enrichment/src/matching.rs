//! Matching: which CVEs apply to a piece of software, and why, or why one does not.
//!
//! A pure function of an index and a subject. It reports what the records support and nothing
//! else: an unknown version never matches, a version of another kind than the range never does,
//! and a record that needs another application on the host is not reported, because from one
//! application alone that cannot be known. What could not be checked lowers the confidence.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::cpe::{Attribute, Cpe};
use crate::evaluation::{Evaluation, Identity, Status};
use crate::identity::{self, Candidate, Identification, Part};
use crate::index::Index;
use crate::lookup_key::LookupKey;
use crate::matching::host::Host;
use crate::matching::question::Question;
use crate::subject::{Platform, Subject};
use crate::version::Scheme;

pub use crate::matching::step::{Step, WhyNot};
pub use crate::matching::why_not::{why_not, why_not_cpe};

mod advisories;
mod explain;
mod find;
mod home;
mod host;
mod judge;
mod kernel;
mod question;
mod step;
mod why_not;
mod windows;

/// Which rules judge; it grows with every release that may judge otherwise with the same index.
///
/// That is in identity, in the order of versions, in what a record is taken to say. Software that
/// was judged by older rules is judged again.
pub const RULES: u32 = 5;

/// What judges, as a number: the index by its content together with the rules. Two evaluations of
/// the same software with the same generation are the same.
#[must_use]
pub const fn generation(index: &Index) -> u64 {
    // Lossless; `From` is not const.
    // Rules of 1 leave the number as it was before there was one to add.
    index.generation() ^ ((RULES as u64 - 1) << 48)
}

/// Judges a piece of software.
#[must_use]
pub fn evaluate(index: &Index, subject: &Subject<'_>) -> Evaluation {
    let platform = host::with_family(subject);
    let subject = Subject { platform, ..*subject };
    // Whose package it is comes first: what advisories are about is never judged by CPE.
    let called = advisories::Names::of(&subject);
    let mut asked = Vec::new();
    let names = || {
        let prepared = prepare(index, &subject);
        asked = prepared.asked;
        prepared.identity.cpes
    };
    let mut evaluation =
        advisories::evaluate(index, &subject, &called, names).unwrap_or_else(|| {
            let prepared = prepare(index, &subject);
            let asked = windows::keys(&subject, &prepared);
            let said = windows::said(index, &subject, &prepared);
            let mut evaluation = answer(index, prepared, Host::on(platform), subject.arch);
            if let Some(said) = said {
                windows::merge(said, &mut evaluation);
            }
            evaluation.keys.extend(asked);
            evaluation
        });
    advisories::add_assigned(index, &subject, &called, &mut evaluation);
    evaluation.keys.append(&mut asked);
    evaluation.keys.extend(called.keys(&subject));
    evaluation.keys.sort_unstable();
    // Sorted and each once: keys are compared, and stored as a set.
    evaluation.keys.dedup();
    evaluation
}

/// Judges a CPE name whose product and version are given, without asking what it is.
#[must_use]
pub fn evaluate_cpe(index: &Index, cpe: &Cpe, platform: Platform<'_>) -> Evaluation {
    let (host, arch) = surroundings_of_cpe(cpe, platform);
    answer(index, prepare_cpe(cpe), host, arch)
}

/// What a CPE name and what is said around it tell of the host.
fn surroundings_of_cpe<'a>(cpe: &'a Cpe, platform: Platform<'a>) -> (Host<'a>, &'a str) {
    let text = |attribute| cpe.get(attribute).as_value().unwrap_or_default();
    (Host::of_cpe(text(Attribute::TargetSw), platform), text(Attribute::TargetHw))
}

/// A subject after its identification.
struct Prepared {
    identity: Identity,
    /// What was asked for on the way, in any order and as often as it was.
    asked: Vec<LookupKey>,
    /// What to look up, or why nothing can be.
    judgeable: Result<Judgeable, (Status, Cow<'static, str>)>,
}

/// A product and a version to look up.
struct Judgeable {
    candidates: Vec<Candidate>,
    /// What a CPE name says that it runs in; candidates of an identity say it themselves.
    home: String,
    version: String,
    update: String,
    scheme: Scheme,
}

fn prepare(index: &Index, subject: &Subject<'_>) -> Prepared {
    // Said by whoever wrote the document; there is nothing left to find out.
    if let Some(cpe) = identity::component_cpe(subject) {
        let mut prepared = prepare_cpe(&cpe);
        prepared.identity.purl = identity::package_url(subject);
        return prepared;
    }
    // Identity asks only for names: what a product is must not depend on its versions.
    let asked = RefCell::default();
    let known = |vendor: &str, product: &str| {
        note(&asked, vendor, product);
        index.has_product(vendor, product)
    };
    let identification = identity::identify(subject, &known);
    let asked = asked.into_inner();
    match identification {
        Identification::Identified(identified) => {
            let judgeable = Judgeable {
                candidates: identified.candidates,
                home: String::new(),
                version: identified.version,
                update: identified.update,
                scheme: identified.scheme,
            };
            let identity = Identity {
                cpes: judgeable.cpes(),
                purl: identified.purl,
                rule: identified.rule.into_owned(),
            };
            let is_refuted = advisories::refutes(index, subject, &identity);
            // The names stay in the identity all the same: people are shown what it was not taken
            // for.
            let refuted = || (Status::NotEvaluable, ANOTHERS_NAME.into());
            let judgeable = (!is_refuted).then_some(judgeable).ok_or_else(refuted);
            Prepared { asked, identity, judgeable }
        }
        Identification::NotEvaluable { reason, purl, rule } => {
            let rule = rule.into_owned();
            Prepared::without(asked, (purl, rule), Status::NotEvaluable, reason.into())
        }
        Identification::Unmapped { reason, purl } => {
            let identity = (purl, String::new());
            Prepared::without(asked, identity, Status::Unmapped, reason.into())
        }
    }
}

/// Why a package of Python is not judged by a product of its name.
const ANOTHERS_NAME: &str = "not evaluable: PyPI's advisories never named this package, and a \
                             product of its name may be another's";

impl Prepared {
    /// A subject that is no product, with its purl and the rule that decided.
    fn without(
        asked: Vec<LookupKey>,
        (purl, rule): (Option<String>, String),
        status: Status,
        reason: Cow<'static, str>,
    ) -> Self {
        Self {
            asked,
            identity: Identity { cpes: Vec::new(), purl, rule },
            judgeable: Err((status, reason)),
        }
    }
}

fn note(asked: &RefCell<Vec<LookupKey>>, vendor: &str, product: &str) {
    asked.borrow_mut().push(LookupKey::of_product(vendor, product));
}

fn prepare_cpe(cpe: &Cpe) -> Prepared {
    let value = |attribute| cpe.get(attribute).as_value();
    let part = match value(Attribute::Part) {
        Some("o") => Some(Part::OperatingSystem),
        Some("a") => Some(Part::Application),
        Some(_) | None => None,
    };
    let identity = Identity { cpes: vec![cpe.to_string()], purl: None, rule: "cpe".to_owned() };
    let (Some(part), Some(vendor), Some(product)) =
        (part, value(Attribute::Vendor), value(Attribute::Product))
    else {
        let reason = "the CPE names no application or operating system of one vendor";
        return Prepared {
            asked: Vec::new(),
            identity,
            judgeable: Err((Status::NotEvaluable, reason.into())),
        };
    };
    let text = |attribute| value(attribute).unwrap_or_default().to_owned();
    Prepared {
        asked: Vec::new(),
        identity,
        judgeable: Ok(Judgeable {
            candidates: vec![Candidate {
                part,
                edition: identity::edition_of_cpe(vendor, product, &text(Attribute::SwEdition)),
                ..Candidate::application(vendor.to_owned().into(), product.to_owned().into())
            }],
            home: text(Attribute::TargetSw),
            version: text(Attribute::Version),
            update: text(Attribute::Update),
            scheme: Scheme::Generic,
        }),
    }
}

impl Judgeable {
    /// The names of the installed version, the preferred one first.
    fn cpes(&self) -> Vec<String> {
        self.candidates
            .iter()
            .map(|candidate| explain::installed_cpe(candidate, &self.version, &self.update))
            .collect()
    }
}

fn answer(index: &Index, prepared: Prepared, host: Host<'_>, arch: &str) -> Evaluation {
    let Prepared { identity, asked: mut keys, judgeable } = prepared;
    if let Ok(judgeable) = &judgeable {
        let names = judgeable.candidates.iter();
        keys.extend(names.map(|name| LookupKey::of_product(&name.vendor, &name.product)));
    }
    keys.sort_unstable();
    keys.dedup();
    let outcome = judgeable.and_then(|judgeable| {
        let question = Question::new(&judgeable, host, arch)?;
        Ok(find::findings(index, &question, &identity.rule))
    });
    let (status, reason, findings) = match outcome {
        Ok(findings) => (Status::Evaluated, None, findings),
        Err((status, reason)) => (status, Some(reason.into_owned()), Vec::new()),
    };
    Evaluation { status, reason, identity, findings, keys }
}

#[cfg(test)]
mod tests;
