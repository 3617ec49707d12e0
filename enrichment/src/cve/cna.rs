//! What a CVE's assigner and CISA say of it in the CVE programme's own words: products and versions
//! as free text, and the state of its exploitation.
//!
//! They are kept as they are written. What of it can be matched on is read in `assigner`.

use serde::{Deserialize, Serialize};

/// A product that an assigner names. Schema: `github.com/CVEProject/cve-schema`, `product`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CnaProduct {
    /// Who says it: an address or a short name.
    pub source: String,
    /// `Apache Software Foundation`, or empty.
    pub vendor: String,
    /// `Apache Log4j2`, or empty where only a package is named.
    pub product: String,
    /// The package in its collection, or empty.
    pub package: String,
    /// The collection, such as `https://repo.maven.apache.org/maven2`, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collection: String,
    /// Names of the product as CPE has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpes: Vec<String>,
    /// What holds for versions that are not listed.
    pub default_status: CnaStatus,
    /// What holds for the ones that are.
    pub versions: Vec<CnaVersions>,
}

/// Versions of a product, and what holds for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CnaVersions {
    /// The only version, or the first one where there is an end.
    pub version: String,
    /// The first version that is out. Besides a version, `*` and words such as `log4j-core*` occur.
    pub less_than: Option<String>,
    /// The last version that is in.
    pub less_than_or_equal: Option<String>,
    /// What holds for them.
    pub status: CnaStatus,
    /// The order of versions in the assigner's words: `semver`, `custom`, `git`, or empty.
    pub version_type: String,
    /// Where the status changes within the range.
    pub changes: Vec<CnaChange>,
}

/// A version from which on another status holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CnaChange {
    /// The first version that it holds for.
    pub at: String,
    /// The status.
    pub status: CnaStatus,
}

/// What an assigner says of versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CnaStatus {
    /// They are vulnerable.
    Affected,
    /// They are not.
    Unaffected,
    /// Nobody has said so, or in a word that the schema does not have.
    #[default]
    Unknown,
}

impl CnaStatus {
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "affected" => Self::Affected,
            "unaffected" => Self::Unaffected,
            _ => Self::Unknown,
        }
    }
}

/// CISA's decision points (SSVC 2.0.3), in its words and in lower case; empty where not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ssvc {
    /// `none`, `poc` or `active`.
    pub exploitation: String,
    /// Whether an attack can be automated: `yes` or `no`.
    pub automatable: String,
    /// `partial` or `total`.
    pub technical_impact: String,
}
