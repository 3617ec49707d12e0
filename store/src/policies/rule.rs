//! What a policy asks of a host: a few kinds of rule, each with its bounds.

use serde::{Deserialize, Serialize};

use crate::cves::Severity;
use crate::labels::rule::{RuleError, SoftwareCondition};

/// The longest time that a rule may speak of, in days.
const DAYS_MAX: u32 = 3_650;

/// What is to hold for a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PolicyRule {
    /// It has no such finding.
    NoFinding(FindingRule),
    /// Where it has this software, the version is within the constraint.
    SoftwareVersion(SoftwareCondition),
    /// It does not have this software.
    NoSoftware(SoftwareCondition),
    /// It has this software.
    HasSoftware(SoftwareCondition),
    /// Its agent was heard of lately.
    SeenWithin {
        /// Within so many days.
        days: u32,
    },
}

/// Findings that a host is not to have: open, not left out by an exception, and all that is said of
/// them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingRule {
    /// Known to be exploited.
    #[serde(default)]
    pub kev: bool,
    /// At least as severe as this: `low`, `medium`, `high` or `critical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_min: Option<String>,
    /// With an EPSS score above this, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss_above: Option<f32>,
    /// Of this CVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cve: Option<String>,
    /// For longer than so many days: since the host has the software, the finding is open and, where the
    /// rule is about exploited ones, it is known to be exploited.
    #[serde(default)]
    pub older_than_days: u32,
}

/// Why a rule cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRuleError {
    /// A condition on software cannot be taken.
    #[error(transparent)]
    Software(#[from] RuleError),
    /// A version is missing.
    #[error("software_version takes a version, a constraint such as `>= 1.2`")]
    NoVersion,
    /// A severity is none.
    #[error("{0:?} is no severity: low, medium, high or critical")]
    Severity(String),
    /// A number is outside its range.
    #[error("{0}")]
    Range(&'static str),
}

impl PolicyRule {
    /// Whether it may be stored and computed.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), PolicyRuleError> {
        match self {
            Self::NoFinding(rule) => rule.check(),
            Self::SoftwareVersion(software) => {
                software.check()?;
                // Without a constraint every version would do, and the policy would say nothing.
                software.version.as_ref().map(|_| ()).ok_or(PolicyRuleError::NoVersion)
            }
            Self::NoSoftware(software) | Self::HasSoftware(software) => Ok(software.check()?),
            Self::SeenWithin { days } => (1..=DAYS_MAX)
                .contains(days)
                .then_some(())
                .ok_or(PolicyRuleError::Range("days are within 1 to 3650")),
        }
    }
}

impl FindingRule {
    /// The least severity, where one is asked for.
    pub(crate) fn severity(&self) -> Option<Severity> {
        self.severity_min.as_deref().and_then(Severity::parse)
    }

    fn check(&self) -> Result<(), PolicyRuleError> {
        if let Some(name) = &self.severity_min
            && !matches!(name.as_str(), "low" | "medium" | "high" | "critical")
        {
            // Cut, because the answer repeats what was sent.
            return Err(PolicyRuleError::Severity(name.chars().take(64).collect()));
        }
        // No score is above 1, so such a policy would pass for ever. NaN is within no range.
        if self.epss_above.is_some_and(|p| !(0.0..1.0).contains(&p)) {
            return Err(PolicyRuleError::Range("epss_above is at least 0 and below 1"));
        }
        if self.older_than_days > DAYS_MAX {
            return Err(PolicyRuleError::Range("older_than_days is at most 3650"));
        }
        // Not only a CVE's: an advisory without one is found under its own id.
        let is_id = |cve: &String| cve.len() <= 64 && cve.chars().all(|c| c.is_ascii_graphic());
        if self.cve.as_ref().is_some_and(|cve| !is_id(cve)) {
            return Err(PolicyRuleError::Range("cve is an id such as CVE-2024-3094"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PolicyRule, String> {
        let rule: PolicyRule = serde_json::from_str(text).map_err(|error| error.to_string())?;
        rule.check().map_err(|error| error.to_string())?;
        Ok(rule)
    }

    #[test]
    fn rules_come_back_from_json_as_they_went() {
        for text in [
            r#"{"no_finding":{"kev":true,"older_than_days":7}}"#,
            r#"{"no_finding":{"severity_min":"critical","epss_above":0.5,"older_than_days":30}}"#,
            r#"{"software_version":{"name":"openssl","source":"deb","version":">= 3.0"}}"#,
            r#"{"no_software":{"name":"telnet*"}}"#,
            r#"{"has_software":{"name":"edr-agent"}}"#,
            r#"{"seen_within":{"days":7}}"#,
        ] {
            let rule = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let again = serde_json::to_string(&rule).unwrap();
            assert_eq!(read(&again), Ok(rule));
        }
    }

    #[test]
    fn what_could_never_be_meant_is_refused() {
        for text in [
            r#"{"no_finding":{"severity_min":"awful"}}"#,
            r#"{"no_finding":{"epss_above":1.5}}"#,
            r#"{"no_finding":{"older_than_days":100000}}"#,
            r#"{"no_finding":{"kve":true}}"#,
            r#"{"software_version":{"name":"openssl"}}"#,
            r#"{"seen_within":{"days":0}}"#,
            r#"{"no_software":{"name":""}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
