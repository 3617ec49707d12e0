//! How severe distributions and registries call a CVE, for one that no CVE record rates.
//!
//! Most CVEs of packages have a record without a score, or none that a site has fetched: a list by
//! severity would end with them. Their publishers' words fill the gap, under the publisher's name.
//! A word is never a score, and never stands against one.

use std::collections::BTreeMap;

use crate::advisory::{Advisory, Publisher};
use crate::cve::CveId;

/// How severe a publisher calls a CVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rating {
    /// `low`, `medium`, `high` or `critical`.
    pub severity: &'static str,
    /// Whose word it is.
    pub publisher: Publisher,
    /// Whether the statement is about this CVE alone. A bulletin's word is that of its worst CVE.
    pub is_own: bool,
}

/// The ratings of many CVEs, one each.
#[derive(Clone, Debug, Default)]
pub struct Ratings(BTreeMap<CveId, Rating>);

impl Ratings {
    /// Takes in what an advisory says. A word about the one CVE beats a bulletin's, and of equals
    /// the more severe one is kept, whichever came first.
    pub fn add(&mut self, advisory: &Advisory) {
        let Some(severity) = severity(&advisory.severity).filter(|_| !advisory.is_withdrawn) else {
            return;
        };
        let rating =
            Rating { severity, publisher: advisory.publisher, is_own: advisory.cves.len() == 1 };
        for cve in &advisory.cves {
            let kept = self.0.entry(*cve).or_insert(rating);
            if rating.outranks(kept) {
                *kept = rating;
            }
        }
    }

    /// How many CVEs are rated.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Ratings {
    type Item = (CveId, Rating);
    type IntoIter = std::collections::btree_map::IntoIter<CveId, Rating>;

    /// In the order of CVEs.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Rating {
    /// Whether it counts and another one about the same CVE does not. Of two equal ones neither does
    /// it.
    #[must_use]
    pub fn outranks(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    fn rank(&self) -> (bool, usize, std::cmp::Reverse<Publisher>) {
        let severity = SEVERITIES.iter().position(|name| *name == self.severity);
        (
            self.is_own,
            severity.unwrap_or_default(),
            // Any order would do; without one the answer would hang on which feed was read first.
            std::cmp::Reverse(self.publisher),
        )
    }
}

/// From least to most.
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// The severity that a publisher's word means; `None` for one that says nothing (`untriaged`), or
/// something else (`end-of-life`).
fn severity(word: &str) -> Option<&'static str> {
    Some(match word {
        // Red Hat, Rocky, AlmaLinux and SUSE say important and moderate, everyone else high and medium.
        "critical" => "critical",
        "important" | "high" => "high",
        "moderate" | "medium" => "medium",
        // Ubuntu's least; Debian's for what it will not treat as a vulnerability.
        "low" | "negligible" | "minor" | "unimportant" => "low",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisory(publisher: Publisher, severity: &str, cves: &[&str]) -> Advisory {
        Advisory {
            id: "any".to_owned(),
            publisher,
            cves: cves.iter().map(|cve| cve.parse().unwrap()).collect(),
            modified: None,
            is_withdrawn: false,
            severity: severity.to_owned(),
            affected: Vec::new(),
        }
    }

    fn rated(advisories: &[Advisory]) -> Vec<(String, &'static str, &'static str)> {
        let mut ratings = Ratings::default();
        for advisory in advisories {
            ratings.add(advisory);
        }
        ratings
            .into_iter()
            .map(|(cve, rating)| (cve.to_string(), rating.severity, rating.publisher.as_str()))
            .collect()
    }

    fn one(
        severity: &'static str,
        publisher: &'static str,
    ) -> Vec<(String, &'static str, &'static str)> {
        vec![("CVE-2024-0001".to_owned(), severity, publisher)]
    }

    #[test]
    fn a_word_about_the_one_cve_beats_a_bulletins_whichever_came_first() {
        let own = advisory(Publisher::Ubuntu, "medium", &["CVE-2024-0001"]);
        let bulletin = advisory(Publisher::RedHat, "critical", &["CVE-2024-0001", "CVE-2024-0002"]);
        for order in [[own.clone(), bulletin.clone()], [bulletin, own]] {
            assert_eq!(rated(&order)[..1], one("medium", "ubuntu")[..]);
            assert_eq!(rated(&order)[1].1, "critical", "nobody else rates it");
        }
    }

    #[test]
    fn of_equals_the_more_severe_is_kept() {
        let low = advisory(Publisher::Debian, "unimportant", &["CVE-2024-0001"]);
        let high = advisory(Publisher::RedHat, "important", &["CVE-2024-0001"]);
        for order in [[low.clone(), high.clone()], [high, low]] {
            assert_eq!(rated(&order), one("high", "redhat"));
        }
    }

    #[test]
    fn words_that_rate_nothing_and_withdrawn_advisories_are_passed_over() {
        for word in ["", "untriaged", "end-of-life", "not yet assigned"] {
            let silent = advisory(Publisher::Ubuntu, word, &["CVE-2024-0001"]);
            assert!(rated(&[silent]).is_empty(), "{word}");
        }
        let mut withdrawn = advisory(Publisher::Ubuntu, "high", &["CVE-2024-0001"]);
        withdrawn.is_withdrawn = true;
        assert!(rated(&[withdrawn]).is_empty());
    }
}
