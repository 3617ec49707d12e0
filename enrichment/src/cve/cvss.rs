//! CVSS scores as records carry them: several a CVE, of several versions and publishers.
//!
//! All are kept, because the publishers disagree and the analyst decides; one is preferred for
//! lists, by an order that is stated here and nowhere else.

use serde::{Deserialize, Serialize};

pub(crate) use self::vector::base_score;

mod vector;

/// NVD's own name among publishers.
const NVD: &str = "nvd@nist.gov";
/// CISA's additional container ("vulnrichment") among publishers.
const CISA_ADP: &str = "134c704f-9b21-4f2e-91b3-4a467353bcc0";

/// One score of one publisher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cvss {
    /// `2.0`, `3.0`, `3.1` or `4.0`.
    pub version: String,
    /// The vector as written.
    pub vector: String,
    /// The base score, 0 to 10.
    pub score: f32,
    /// `none`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// Who scored, in NVD's words: a mail address or an id.
    pub source: String,
    /// Whether NVD lists it as primary.
    pub primary: bool,
}

impl Cvss {
    /// Where it stands among the scores of a CVE; the least is shown.
    pub(crate) fn preference(&self) -> (bool, u8, u8) {
        let publisher = match self.source.as_str() {
            // First NVD, who sees all; then whoever assigned the CVE; then CISA, who scores what
            // nobody else has.
            NVD => 0,
            CISA_ADP => 2,
            _ => 1,
        };
        let version = match self.version.as_str() {
            "4.0" => 0,
            "3.1" => 1,
            "3.0" => 2,
            _ => 3,
        };
        // Version 2 last, whoever gave it: its numbers are of another scale, and every CVE that has
        // only them is old.
        (version == 3, publisher, version)
    }
}

/// The severity that a score means where the record does not say it: CVSS 3.1, table 14, which
/// version 4.0 keeps; NVD's own bands for version 2.
pub(crate) fn severity(version: &str, score: f32) -> &'static str {
    if version.starts_with('2') {
        return match score {
            score if score < 4.0 => "low",
            score if score < 7.0 => "medium",
            _ => "high",
        };
    }
    match score {
        score if score <= 0.0 => "none",
        score if score < 4.0 => "low",
        score if score < 7.0 => "medium",
        score if score < 9.0 => "high",
        _ => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cvss(version: &str, source: &str) -> Cvss {
        Cvss {
            version: version.to_owned(),
            vector: String::new(),
            score: 5.0,
            severity: "medium".to_owned(),
            source: source.to_owned(),
            primary: source == NVD,
        }
    }

    fn first(mut scores: Vec<Cvss>) -> (String, String) {
        scores.sort_by_key(Cvss::preference);
        let first = scores.remove(0);
        (first.version, first.source)
    }

    #[test]
    fn prefers_nvd_then_the_cna_then_the_additional_publisher() {
        let all = vec![cvss("3.1", CISA_ADP), cvss("4.0", "cna@example.org"), cvss("3.1", NVD)];
        assert_eq!(first(all.clone()), ("3.1".to_owned(), NVD.to_owned()));
        assert_eq!(first(all[..2].to_vec()).1, "cna@example.org");
    }

    #[test]
    fn prefers_anyones_version_3_to_nvds_version_2() {
        let scores = vec![cvss("2.0", NVD), cvss("3.1", CISA_ADP)];
        assert_eq!(first(scores).0, "3.1");
    }

    #[test]
    fn names_the_bands_of_each_version() {
        assert_eq!(severity("2.0", 9.9), "high");
        assert_eq!(severity("3.1", 9.0), "critical");
        assert_eq!(severity("4.0", 8.9), "high");
        assert_eq!(severity("3.1", 0.0), "none");
    }
}
