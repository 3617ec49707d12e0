//! What rules look like, for the document: the store's own types know nothing of it.

use schemars::JsonSchema;

use crate::http::schema::SourceName;

/// A condition on a host: exactly one of these.
#[derive(JsonSchema)]
#[schemars(rename = "HostCondition", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(super) enum ConditionSchema {
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The operating system's family or distribution, such as `windows` or `debian`.
    Platform(String),
    /// A constraint on the operating system's version, such as `>= 10, < 12`.
    OsVersion(String),
    /// The host's name; `*` stands for anything, `?` for one character.
    Hostname(String),
    /// The machine's architecture, such as `x86_64`.
    Arch(String),
    /// A constraint on the agent's version.
    AgentVersion(String),
    /// A label that it was enrolled with.
    EnrolmentLabel {
        /// The label's name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Software that it has now.
    Software(SoftwareSchema),
}

/// Software that a host has.
#[derive(JsonSchema)]
#[schemars(rename = "SoftwareCondition")]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(in crate::http::v1) struct SoftwareSchema {
    /// Its name; `*` stands for anything, `?` for one character.
    name: String,
    /// Where it was read from.
    source: Option<SourceName>,
    /// A constraint on its version, such as `< 1.25`.
    version: Option<String>,
}

#[cfg(test)]
mod tests {
    use schemars::schema_for;
    use serde_json::{Value, json};
    use store::labels::rule::Condition;

    use super::*;

    /// The one field of each alternative.
    fn words(schema: &schemars::Schema) -> Vec<String> {
        let alternatives = schema.as_value()["oneOf"].as_array().cloned().unwrap();
        let word = |one: &Value| one["required"][0].as_str().map(str::to_owned);
        alternatives.iter().filter_map(word).collect()
    }

    #[test]
    fn every_condition_that_is_documented_is_one_that_is_read() {
        let samples = json!({
            "all": [], "any": [], "not": { "arch": "x" }, "platform": "x", "os_version": "1",
            "hostname": "x", "arch": "x", "agent_version": "1",
            "enrolment_label": { "name": "x", "value": "y" }, "software": { "name": "x" },
        });
        let words = words(&schema_for!(ConditionSchema));
        assert_eq!(words.len(), samples.as_object().unwrap().len());
        for word in words {
            let rule = json!({ word.clone(): samples[&word] });
            let read: Condition = serde_json::from_value(rule).unwrap();
            assert_eq!(read.check(), Ok(()), "{word}");
        }
    }
}
