//! What the feeds say of a CVE: its description, scores, state and applicability, whether it is
//! exploited, and how likely that is.
//!
//! These are the types that feeds are read into; the database keeps their metadata and the index
//! their applicability. Nothing here decides whether a CVE applies to a program.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use crate::cve::cna::{CnaChange, CnaProduct, CnaStatus, CnaVersions, Ssvc};
pub use crate::cve::cvss::Cvss;
pub(crate) use crate::cve::cvss::severity;
pub use crate::cve::time::Timestamp;

pub(crate) mod assigner;
mod cna;
pub(crate) mod cvss;
mod time;

/// The id of a CVE: `CVE-2024-6387`. The order is by year, then by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CveId {
    year: u16,
    number: u32,
}

impl CveId {
    /// The id of a year and a number.
    #[must_use]
    pub const fn new(year: u16, number: u32) -> Self {
        Self { year, number }
    }

    /// The year of the id, which is not always the year of publication.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The number within the year.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }
}

impl fmt::Display for CveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CVE-{}-{:04}", self.year, self.number)
    }
}

/// The id of a vulnerability as its publisher spells it, however somebody typed it.
///
/// CVE ids in capitals, GitHub's with small letters after their prefix (`GHSA-9wx4-h78v-vm56`), and all others as
/// they are. Findings are filed under the spelling of the publisher, so whoever looks for one asks by it.
#[must_use]
pub fn as_published(id: &str) -> String {
    let begins = |prefix: &str| {
        id.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    if begins("CVE-") {
        id.to_ascii_uppercase()
    } else if begins(GITHUB) {
        format!("{GITHUB}{}", id[GITHUB.len()..].to_ascii_lowercase())
    } else {
        id.to_owned()
    }
}

/// What GitHub's ids begin with.
const GITHUB: &str = "GHSA-";

/// A text that is no [`CveId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no CVE id such as CVE-2024-6387")]
pub struct InvalidCveId(pub String);

impl FromStr for CveId {
    type Err = InvalidCveId;

    /// Reads the id as the CVE programme writes it: four digits of year, then four or more of
    /// number, so that an id has one spelling and is safe as a key.
    fn from_str(text: &str) -> Result<Self, InvalidCveId> {
        let invalid = || InvalidCveId(text.chars().take(40).collect());
        let (year, number) =
            text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).ok_or_else(invalid)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        // CVE-2024-00001 would be another spelling of CVE-2024-0001, and a year before 1000 would be
        // written without its zeros and not be read back.
        let padded = number.len() > 4 && number.starts_with('0') || year.starts_with('0');
        if year.len() != 4 || number.len() < 4 || padded || !digits(year) || !digits(number) {
            return Err(invalid());
        }
        Ok(Self {
            year: year.parse().map_err(|_| invalid())?,
            number: number.parse().map_err(|_| invalid())?,
        })
    }
}

impl TryFrom<String> for CveId {
    type Error = InvalidCveId;

    fn try_from(text: String) -> Result<Self, InvalidCveId> {
        text.parse()
    }
}

impl From<CveId> for String {
    fn from(id: CveId) -> Self {
        id.to_string()
    }
}

impl From<CveId> for SmolStr {
    /// The same text as [`fmt::Display`] gives, in a tenth of the time: findings are written by the
    /// million.
    fn from(id: CveId) -> Self {
        /// `CVE-65535-4294967295`.
        const LONGEST: usize = 20;
        let mut text = [0; LONGEST];
        let mut at = LONGEST;
        let mut put = |byte: u8| {
            at -= 1;
            text[at] = byte;
        };
        for (mut number, digits_min, before) in
            [(id.number, 4, b"-".as_slice()), (u32::from(id.year), 1, b"CVE-".as_slice())]
        {
            let mut digits = 0;
            while number > 0 || digits < digits_min {
                put(b'0' + (number % 10).to_le_bytes()[0]);
                number /= 10;
                // Four digits at least, as ids are written: CVE-2002-0001.
                digits += 1;
            }
            before.iter().rev().copied().for_each(&mut put);
        }
        // Only ASCII was put there.
        std::str::from_utf8(&text[at..]).map_or_else(|_| id.to_string().into(), Self::new)
    }
}

/// Whose statement a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordSource {
    /// NIST's National Vulnerability Database.
    Nvd,
    /// Anchore's additions to and corrections of NVD's applicability.
    Anchore,
    /// CISA's additions to the CVE programme's records (vulnrichment).
    Cisa,
    /// The CVE's assigner, in the products that it names by CPE. A statement's source and never a
    /// record's: what an assigner says stands in the records of the others.
    Assigner,
}

impl RecordSource {
    /// The name in findings, the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nvd => "nvd",
            Self::Anchore => "anchore",
            Self::Cisa => "cisa",
            Self::Assigner => "assigner",
        }
    }
}

/// One record of a CVE feed. A newer record of the same source replaces the whole of an older one.
#[derive(Clone, Debug, PartialEq)]
pub struct CveRecord {
    /// Which CVE.
    pub id: CveId,
    /// Whose record.
    pub source: RecordSource,
    /// Whether it corrects NVD's products and versions, rather than stands in while NVD has none.
    pub is_correction: bool,
    /// NVD's `vulnStatus` as written; new words appear without notice. Empty where not said.
    pub status: String,
    /// When the CVE was published.
    pub published: Option<Timestamp>,
    /// When the record was changed last; the newest wins.
    pub modified: Option<Timestamp>,
    /// The English description, or empty.
    pub summary: String,
    /// Every score, as the record lists them.
    pub cvss: Vec<Cvss>,
    /// Weaknesses such as `CWE-79`, without doubles.
    pub cwes: Vec<String>,
    /// Addresses with more about it, without doubles.
    pub references: Vec<String>,
    /// CISA's entry, where NVD repeats it in the record.
    pub kev: Option<KevEntry>,
    /// To which products it applies. Any one of the configurations suffices.
    pub configurations: Vec<Configuration>,
    /// The products and versions in the words of the CVE's assigner.
    pub cna: Vec<CnaProduct>,
    /// CISA's decision on it.
    pub ssvc: Option<Ssvc>,
}

impl CveRecord {
    /// Whether the CVE was withdrawn.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.status.eq_ignore_ascii_case("rejected")
    }

    /// The score to show: of CVSS 3 and 4 before 2, of NVD's primary before the CNA's before an
    /// additional publisher's, and of these the newest version.
    #[must_use]
    pub fn preferred_cvss(&self) -> Option<&Cvss> {
        // `min_by_key` keeps the first of equals, which is the record's own order.
        self.cvss.iter().min_by_key(|cvss| cvss.preference())
    }
}

/// A set of nodes of which all or any have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Whether all nodes have to hold (`AND`), rather than any.
    pub all: bool,
    /// Whether the whole is negated. NVD defines it and does not use it.
    pub negate: bool,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// A set of CPE matches of which all or any have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Whether all matches have to hold (`AND`), rather than any.
    pub all: bool,
    /// Whether the node is negated. NVD defines it and does not use it.
    pub negate: bool,
    /// The matches.
    pub matches: Vec<CpeMatch>,
}

/// A CPE name with the versions it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpeMatch {
    /// Whether the product itself is vulnerable, rather than only what it runs on or with.
    pub vulnerable: bool,
    /// The CPE 2.3 name as written.
    pub criteria: String,
    /// The versions, where the name does not carry one.
    pub range: Range,
}

/// Bounds of versions, as written but for surrounding space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Range {
    /// The first version that is in.
    #[serde(rename = "versionStartIncluding")]
    pub start_including: Option<String>,
    /// The last version that is out.
    #[serde(rename = "versionStartExcluding")]
    pub start_excluding: Option<String>,
    /// The last version that is in.
    #[serde(rename = "versionEndIncluding")]
    pub end_including: Option<String>,
    /// The first version that is out again.
    #[serde(rename = "versionEndExcluding")]
    pub end_excluding: Option<String>,
}

impl Range {
    /// Whether there is no bound at all.
    #[must_use]
    pub const fn is_unbounded(&self) -> bool {
        self.start_including.is_none()
            && self.start_excluding.is_none()
            && self.end_including.is_none()
            && self.end_excluding.is_none()
    }
}

impl fmt::Display for Range {
    /// The bounds as a constraint: `>= 2.0, < 2.4.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = [
            (">=", &self.start_including),
            (">", &self.start_excluding),
            ("<=", &self.end_including),
            ("<", &self.end_excluding),
        ];
        let mut gap = "";
        for (operator, bound) in bounds {
            if let Some(bound) = bound {
                write!(f, "{gap}{operator} {bound}")?;
                gap = ", ";
            }
        }
        Ok(())
    }
}

/// One entry of CISA's catalogue of known exploited vulnerabilities. Dates are `YYYY-MM-DD`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KevEntry {
    /// Which CVE.
    pub cve: CveId,
    /// CISA's name for it.
    pub name: String,
    /// When it was added to the catalogue.
    pub added_on: String,
    /// When federal agencies have to have acted, or empty.
    pub due_on: String,
    /// What they have to do.
    pub required_action: String,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// FIRST's estimate that a CVE is exploited within 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpssEntry {
    /// Which CVE.
    pub cve: CveId,
    /// The probability, 0 to 1.
    pub score: f32,
    /// The part of all CVEs with a lower score, 0 to 1.
    pub percentile: f32,
}

#[cfg(test)]
mod tests;
