//! The rules of labels: conditions on a host, small enough to be one question to the database.
//!
//! Nothing in a rule is a regular expression, and every part has a bound, so that no rule that is taken
//! can take long.

use protocol::software::Source;
use serde::{Deserialize, Serialize};

use crate::versions::is_constraint;

/// How deep conditions stand inside of conditions.
const DEPTH_MAX: usize = 6;
/// Conditions of a rule in all.
const CONDITIONS_MAX: usize = 64;
/// Characters of a text.
const TEXT_CHARS_MAX: usize = 200;
/// Stars of a pattern.
const STARS_MAX: usize = 8;

/// A condition on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// All of them hold; of none, always.
    All(Vec<Self>),
    /// One of them holds; of none, never.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The operating system's family or distribution is this, such as `windows` or `debian`.
    Platform(String),
    /// The operating system's version is within this constraint, such as `>= 10, < 12`.
    OsVersion(String),
    /// The host's name is like this; `*` stands for anything, `?` for one character.
    Hostname(String),
    /// The machine's architecture is this, such as `x86_64`.
    Arch(String),
    /// The agent's version is within this constraint.
    AgentVersion(String),
    /// It was enrolled with a label of this name and value.
    EnrolmentLabel {
        /// The label's name.
        name: String,
        /// Its value.
        value: String,
    },
    /// It has this software now.
    Software(SoftwareCondition),
}

/// Software that a host has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftwareCondition {
    /// Its name, whatever the letters' case; with `*` and `?` as in a host's name.
    pub name: String,
    /// Where it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// A constraint on its version, such as `< 1.25`. A version that it cannot be compared with is not
    /// within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Why a rule cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is too deep or too long.
    #[error("a rule has at most {CONDITIONS_MAX} conditions, at most {DEPTH_MAX} deep")]
    TooLarge,
    /// A text is empty, too long, or has too many stars or characters of control.
    #[error("{0:?} is no text of 1 to {TEXT_CHARS_MAX} characters with at most {STARS_MAX} stars")]
    Text(String),
    /// A constraint cannot be read.
    #[error("{0:?} is no constraint such as `>= 1.0, < 2.0`")]
    Constraint(String),
}

impl Condition {
    /// Whether it may be stored and asked for.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), RuleError> {
        let mut left = CONDITIONS_MAX;
        self.check_within(DEPTH_MAX, &mut left)
    }

    fn check_within(&self, depth: usize, left: &mut usize) -> Result<(), RuleError> {
        // Depth bounds the recursion, here and where it becomes SQL; the number bounds the
        // statement.
        if depth == 0 || *left == 0 {
            return Err(RuleError::TooLarge);
        }
        *left -= 1;
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().try_for_each(|condition| condition.check_within(depth - 1, left))
            }
            Self::Not(condition) => condition.check_within(depth - 1, left),
            Self::Platform(text) | Self::Arch(text) | Self::Hostname(text) => check_text(text),
            Self::OsVersion(constraint) | Self::AgentVersion(constraint) => {
                check_constraint(constraint)
            }
            Self::EnrolmentLabel { name, value } => {
                check_text(name)?;
                // A label may have been given at enrolment without a value.
                if value.is_empty() {
                    return Ok(());
                }
                check_text(value)
            }
            Self::Software(software) => software.check(),
        }
    }
}

impl SoftwareCondition {
    /// Whether it may be stored and asked for.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), RuleError> {
        check_text(&self.name)?;
        self.version.as_deref().map_or(Ok(()), check_constraint)
    }
}

fn check_text(text: &str) -> Result<(), RuleError> {
    let is_good = (1..=TEXT_CHARS_MAX).contains(&text.chars().count())
        // `LIKE` goes back for each star, so their number bounds its time.
        && text.matches('*').count() <= STARS_MAX
        && !text.chars().any(char::is_control);
    is_good.then_some(()).ok_or_else(|| RuleError::Text(cut(text)))
}

fn check_constraint(text: &str) -> Result<(), RuleError> {
    let is_good = text.chars().count() <= TEXT_CHARS_MAX && is_constraint(text);
    is_good.then_some(()).ok_or_else(|| RuleError::Constraint(cut(text)))
}

/// What an answer repeats of what was sent.
fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

/// A pattern of `LIKE` for one with stars and question marks, its other characters taken literally.
pub(crate) fn like(pattern: &str) -> String {
    let mut like = String::with_capacity(pattern.len() + 8);
    for c in pattern.chars() {
        match c {
            '*' => like.push('%'),
            '?' => like.push('_'),
            // The backslash is the escape of `LIKE` where a statement names no other (PostgreSQL's
            // manual, "LIKE").
            '%' | '_' | '\\' => {
                like.push('\\');
                like.push(c);
            }
            _ => like.push(c),
        }
    }
    like
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Condition, String> {
        let rule: Condition = serde_json::from_str(text).map_err(|error| error.to_string())?;
        rule.check().map_err(|error| error.to_string())?;
        Ok(rule)
    }

    #[test]
    fn a_rule_comes_back_from_json_as_it_went() {
        let text = r#"{"all":[{"any":[{"platform":"debian"},{"hostname":"web-*"}]},
            {"not":{"software":{"name":"nginx","source":"deb","version":"< 1.25"}}},
            {"enrolment_label":{"name":"site","value":"north"}},{"os_version":">= 10, < 12"}]}"#;
        let rule = read(text).unwrap();
        let again: Condition =
            serde_json::from_value(serde_json::to_value(&rule).unwrap()).unwrap();
        assert_eq!(again, rule);
    }

    #[test]
    fn what_is_misspelt_is_refused_and_not_passed_over() {
        for text in [
            r#"{"plattform":"debian"}"#,
            r#"{"software":{"name":"nginx","verison":"1"}}"#,
            r#"{"software":{"name":""}}"#,
            r#"{"os_version":"newest"}"#,
            r#"{"hostname":"a\u0000b"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_rules_that_are_too_deep_too_long_or_too_starry() {
        let deep = "{\"not\":".repeat(DEPTH_MAX) + "{\"arch\":\"x\"}" + &"}".repeat(DEPTH_MAX);
        assert!(read(&deep).is_err());
        let many = vec![Condition::Arch("x".to_owned()); CONDITIONS_MAX];
        assert_eq!(Condition::Any(many).check(), Err(RuleError::TooLarge));
        let starry = Condition::Hostname("*a".repeat(STARS_MAX + 1));
        assert!(matches!(starry.check(), Err(RuleError::Text(_))));
    }

    #[test]
    fn stars_become_wildcards_and_wildcards_of_sql_do_not() {
        assert_eq!(like("web-*-0?"), "web-%-0_");
        assert_eq!(like(r"100%_\"), r"100\%\_\\");
    }
}
