//! What matching says of one piece of software: its identity, its findings, and for each finding
//! why, in words that a person can check against the published record.
//!
//! The types are owned and serialisable, because an evaluation is stored, cached and shown. They
//! carry no host and no company: an evaluation holds for everyone who has that software.

use serde::{Deserialize, Serialize};
pub use smol_str::SmolStr;

use crate::lookup_key::LookupKey;

/// The judgement of one piece of software against one index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Whether it could be judged.
    pub status: Status,
    /// Why it could not, when it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it was taken for.
    pub identity: Identity,
    /// What was found, at most one entry a CVE, sorted by CVE.
    pub findings: Vec<Finding>,
    /// What was looked up for it, found or not, sorted: an index that has the same there has the
    /// same evaluation. For whoever stores it; it is no part of what is shown.
    #[serde(skip)]
    pub keys: Vec<LookupKey>,
}

/// Whether a piece of software could be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its product is known and its version was compared.
    Evaluated,
    /// It cannot be judged by these feeds: a distribution's package, or one without a version.
    NotEvaluable,
    /// No product of the feeds is known to be this software.
    Unmapped,
}

impl Status {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evaluated => "evaluated",
            Self::NotEvaluable => "not_evaluable",
            Self::Unmapped => "unmapped",
        }
    }
}

/// What a piece of software was taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// CPE 2.3 names, the preferred one first.
    pub cpes: Vec<String>,
    /// The package URL, where the source has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// The rule that decided.
    pub rule: String,
}

/// One CVE that applies.
///
/// A package may have thousands, which differ in little: texts that they share are shared, and short
/// ones need no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The CVE's id.
    pub cve: SmolStr,
    /// Whose statement says so, such as `nvd`.
    pub source: SmolStr,
    /// How sure it is.
    pub confidence: Confidence,
    /// The first version of this line that is said to be fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_in: Option<SmolStr>,
    /// What was compared.
    pub why: Why,
}

/// How sure a finding is. The order is from unsure to sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The record names every version, or something about the host could not be checked.
    Low,
    /// The version is in the range, but the statement is not the primary one, or it names an
    /// edition that the host does not tell.
    Medium,
    /// The product, the version and the platform are those of the primary record.
    High,
}

impl Confidence {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What was compared for a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The CPE of the record that matched, as the record writes it; for an advisory the package that
    /// it names, such as `debian 12: glibc`.
    pub criteria: SmolStr,
    /// The record's range as written, such as `>= 2.0, < 2.4.1`; absent when the criteria itself
    /// names the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<SmolStr>,
    /// The installed version as it was compared.
    pub version: SmolStr,
    /// The scheme that compared it.
    pub scheme: SmolStr,
    /// The identity rule that led to the product.
    pub rule: SmolStr,
    /// What else the record demands of the host and how each demand was met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<SmolStr>,
    /// Why the confidence is not high.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<SmolStr>,
    /// The advisory that says so, where it is a distribution's or a registry's and no CPE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<Box<Statement>>,
}

/// What an advisory says of a package, in its own words. Absent texts are empty: all fields are
/// always there, so that encodings without field names can carry it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The publisher's id of it, such as `DSA-5724-1`.
    pub id: SmolStr,
    /// Whose it is, such as `debian`.
    pub publisher: SmolStr,
    /// The release or registry that it is about, such as `debian 12`.
    pub place: SmolStr,
    /// The package as it is named there.
    pub package: SmolStr,
    /// `source`, `binary` or `registry`: whose name that is.
    pub package_kind: SmolStr,
    /// `affected`, `wont_fix`, `under_investigation` or `not_affected`.
    pub verdict: SmolStr,
    /// The modularity stream that it is about, or empty.
    pub module: SmolStr,
    /// The line of updates or the repository that it is about, or empty.
    pub channel: SmolStr,
    /// The publisher's urgency or severity as written, or empty.
    pub severity: SmolStr,
    /// The publisher's remark, or empty.
    pub note: SmolStr,
}
