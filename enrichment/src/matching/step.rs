//! What "why not" answers: the condition that failed.
//!
//! It stands below all that judge, each of which has conditions of its own and says here which one it
//! was. Nothing here decides anything.

use serde::Serialize;

/// The answer to "why not".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyNot {
    /// Which CVE was asked for.
    pub cve: String,
    /// The first condition that fails.
    pub step: Step,
    /// The same for people, with the values that were compared.
    pub detail: String,
}

/// Conditions in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The software cannot be judged by these feeds.
    NotEvaluable,
    /// No product of the records is known to be this software.
    Unmapped,
    /// The feeds hold no record of the CVE.
    UnknownCve,
    /// No advisory of the distribution or the registry names the CVE for this package.
    NoStatement,
    /// The CVE was withdrawn.
    Withdrawn,
    /// The record names no products.
    NoProducts,
    /// The record names other products.
    Product,
    /// The advisory is about other builds: another stream of a module, another line of updates.
    OtherBuild,
    /// The record names other versions.
    Version,
    /// An installed update has the fix.
    Update,
    /// The distribution says that its package is not affected.
    NotAffected,
    /// The record is about the product within or for something else.
    Target,
    /// The record is about another edition or line of versions.
    Edition,
    /// The record is about another architecture.
    Hardware,
    /// The record needs another application on the host.
    OtherApplication,
    /// The record needs another operating system.
    OtherSystem,
    /// None: the CVE is found.
    Found,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 17] = [
        Self::NotEvaluable,
        Self::Unmapped,
        Self::UnknownCve,
        Self::NoStatement,
        Self::Withdrawn,
        Self::NoProducts,
        Self::Product,
        Self::OtherBuild,
        Self::Version,
        Self::Update,
        Self::NotAffected,
        Self::Target,
        Self::Edition,
        Self::Hardware,
        Self::OtherApplication,
        Self::OtherSystem,
        Self::Found,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotEvaluable => "not_evaluable",
            Self::Unmapped => "unmapped",
            Self::UnknownCve => "unknown_cve",
            Self::NoStatement => "no_statement",
            Self::Withdrawn => "withdrawn",
            Self::NoProducts => "no_products",
            Self::Product => "product",
            Self::OtherBuild => "other_build",
            Self::Version => "version",
            Self::Update => "update",
            Self::NotAffected => "not_affected",
            Self::Target => "target",
            Self::Edition => "edition",
            Self::Hardware => "hardware",
            Self::OtherApplication => "other_application",
            Self::OtherSystem => "other_system",
            Self::Found => "found",
        }
    }
}
