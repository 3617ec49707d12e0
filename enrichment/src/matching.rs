//! Matching: which CVEs apply to a piece of software, and why, or why one does not.
//!
//! A pure function of an index and a subject. It reports what the records support and nothing
//! else: an unknown version never matches, a version of another kind than the range never does,
//! and a record that needs another application on the host is not reported, because from one
//! application alone that cannot be known. What could not be checked lowers the confidence.

use std::borrow::Cow;

use crate::cpe::{Attribute, Cpe};
use crate::evaluation::{Evaluation, Identity, Status};
use crate::identity::{self, Candidate, Identification, Part};
use crate::index::Index;
use crate::matching::host::Host;
use crate::matching::question::Question;
use crate::subject::{Platform, Subject};
use crate::version::Scheme;

pub use crate::matching::why_not::{Step, WhyNot, why_not, why_not_cpe};

mod advisories;
mod explain;
mod find;
mod home;
mod host;
mod judge;
mod question;
mod why_not;

/// Judges a piece of software.
#[must_use]
pub fn evaluate(index: &Index, subject: &Subject<'_>) -> Evaluation {
    let platform = host::with_family(subject);
    let subject = Subject {
        platform,
        ..*subject
    };
    // Whose package it is comes first: what advisories are about is never judged by CPE.
    if let Some(evaluation) = advisories::evaluate(index, &subject) {
        return evaluation;
    }
    let prepared = prepare(index, &subject);
    answer(index, prepared, Host::on(platform), subject.arch)
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
    (
        Host::of_cpe(text(Attribute::TargetSw), platform),
        text(Attribute::TargetHw),
    )
}

/// A subject after its identification.
struct Prepared {
    identity: Identity,
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
    // Identity asks only for names: what a product is must not depend on its versions.
    let known = |vendor: &str, product: &str| index.has_product(vendor, product);
    match identity::identify(subject, &known) {
        Identification::Identified(identified) => {
            let judgeable = Judgeable {
                candidates: identified.candidates,
                home: String::new(),
                version: identified.version,
                update: identified.update,
                scheme: identified.scheme,
            };
            Prepared {
                identity: Identity {
                    cpes: judgeable.cpes(),
                    purl: identified.purl,
                    rule: identified.rule.into_owned(),
                },
                judgeable: Ok(judgeable),
            }
        }
        Identification::NotEvaluable { reason, purl, rule } => Prepared {
            identity: Identity {
                cpes: Vec::new(),
                purl,
                rule: rule.into_owned(),
            },
            judgeable: Err((Status::NotEvaluable, reason.into())),
        },
        Identification::Unmapped { reason, purl } => Prepared {
            identity: Identity {
                purl,
                ..Identity::default()
            },
            judgeable: Err((Status::Unmapped, reason.into())),
        },
    }
}

fn prepare_cpe(cpe: &Cpe) -> Prepared {
    let value = |attribute| cpe.get(attribute).as_value();
    let part = match value(Attribute::Part) {
        Some("o") => Some(Part::OperatingSystem),
        Some("a") => Some(Part::Application),
        Some(_) | None => None,
    };
    let identity = Identity {
        cpes: vec![cpe.to_string()],
        purl: None,
        rule: "cpe".to_owned(),
    };
    let (Some(part), Some(vendor), Some(product)) =
        (part, value(Attribute::Vendor), value(Attribute::Product))
    else {
        let reason = "the CPE names no application or operating system of one vendor";
        return Prepared {
            identity,
            judgeable: Err((Status::NotEvaluable, reason.into())),
        };
    };
    let text = |attribute| value(attribute).unwrap_or_default().to_owned();
    Prepared {
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
    let Prepared {
        identity,
        judgeable,
    } = prepared;
    let outcome = judgeable.and_then(|judgeable| {
        let question = Question::new(&judgeable, host, arch)?;
        Ok(find::findings(index, &question, &identity.rule))
    });
    let (status, reason, findings) = match outcome {
        Ok(findings) => (Status::Evaluated, None, findings),
        Err((status, reason)) => (status, Some(reason.into_owned()), Vec::new()),
    };
    Evaluation {
        status,
        reason,
        identity,
        findings,
    }
}

#[cfg(test)]
mod tests;
