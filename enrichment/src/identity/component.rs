//! Components of documents (SBOMs) that are of no package system that has advisories here.
//!
//! The document says itself what they are, by CPE name, or nobody does: a bare name is never guessed at.

use std::borrow::Cow;

use super::{Identification, purl};
use crate::cpe::Cpe;
use crate::subject::Subject;

/// The CPE name that the document gives; `None` for another source's subject, and where it has none that can
/// be read.
pub(crate) fn cpe(subject: &Subject<'_>) -> Option<Cpe> {
    (subject.source == "component").then(|| Cpe::parse(subject.bundle_id).ok()).flatten()
}

/// What is said of a component without a CPE name.
pub(crate) fn identify(subject: &Subject<'_>) -> Identification {
    let purl = purl::of(subject);
    if subject.bundle_id.is_empty() {
        let reason = if purl.is_some() {
            "no advisories are known for packages of this type, and the document has no CPE name"
        } else {
            "the document names neither a package URL nor a CPE name"
        };
        return Identification::Unmapped { reason, purl };
    }
    Identification::NotEvaluable {
        reason: "not evaluable: the document's CPE name cannot be read",
        purl,
        rule: Cow::Borrowed("component"),
    }
}
