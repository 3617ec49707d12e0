//! Schemas of what other crates own and the API shows.
//!
//! Those crates know nothing of documents, so what their types look like as JSON is said here; a test
//! holds it to what they really become. Only ever named: `#[schemars(with = "…")]`.

use std::collections::BTreeMap;

use enrichment::evaluation::{Confidence, Status};
use enrichment::matching::Step;
use protocol::software::Source;
use schemars::JsonSchema;

use super::document::names_of;

names_of! {
    /// Where software is known from.
    SourceName as "Source": Source::ALL.iter().map(|source| source.as_str()).collect()
}

names_of! {
    /// What matching could make of a piece of software.
    StatusName as "MatchingStatus":
        [Status::Evaluated, Status::NotEvaluable, Status::Unmapped].iter().map(|s| s.as_str()).collect()
}

names_of! {
    /// The condition that keeps a CVE from being found, in the order in which they are asked; `found` where none does.
    StepName as "MatchingStep": Step::ALL.iter().map(|step| step.as_str()).collect()
}

names_of! {
    /// What a host is.
    HostKindName as "HostKind": store::hosts::HostKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

names_of! {
    /// How an import stands.
    ImportStateName as "ImportState":
        store::imports::ImportState::ALL.iter().map(|state| state.as_str()).collect()
}

names_of! {
    /// How a job stands.
    JobStateName as "JobState":
        store::jobs::JobState::ALL.iter().map(|state| state.as_str()).collect()
}

names_of! {
    /// How sure a finding is.
    ConfidenceName as "Confidence":
        [Confidence::Low, Confidence::Medium, Confidence::High].iter().map(|c| c.as_str()).collect()
}

names_of! {
    /// How severe a CVE is.
    SeverityName as "Severity": vec!["unknown", "none", "low", "medium", "high", "critical"]
}

names_of! {
    /// What somebody may do.
    PermissionName as "Permission":
        store::permission::Permission::ALL.iter().map(|one| one.as_str()).collect()
}

names_of! {
    /// What somebody is in a company.
    RoleName as "Role": vec!["viewer", "analyst", "admin", "operator"]
}

/// Labels of a host, by name.
pub(crate) type LabelsSchema = BTreeMap<String, String>;

/// Something whose fields are for people to read and may grow.
pub(crate) type Open = BTreeMap<String, serde_json::Value>;

/// An operating system, as far as it decides which records apply.
#[derive(JsonSchema)]
#[schemars(rename = "Platform")]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct PlatformSchema {
    /// `linux`, `windows` or `macos`.
    family: String,
    /// The distribution, or empty.
    id: String,
    /// The release.
    version: String,
}

/// What a host says of itself.
#[derive(JsonSchema)]
#[schemars(rename = "HostFacts")]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct FactsSchema {
    hostname: String,
    platform: PlatformSchema,
    os_name: String,
    os_codename: String,
    os_build: String,
    kernel: String,
    arch: String,
    cpu_model: String,
    cpu_count: u32,
    memory_bytes: u64,
    agent_version: String,
}

/// How the last scan of one source went.
#[derive(JsonSchema)]
#[schemars(rename = "SourceStatus")]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct SourceStatusSchema {
    source: SourceName,
    /// `ok`, `absent`, `partial`, `timed_out` or `failed`.
    state: String,
    reason: String,
    records: u32,
    took_ms: u32,
}

#[cfg(test)]
mod tests {
    use protocol::host::{HostFacts, Platform};
    use protocol::software::{SourceState, SourceStatus};
    use schemars::schema_for;
    use serde_json::{Value, json};

    use super::*;

    fn fields(schema: &schemars::Schema) -> Vec<String> {
        let mut fields: Vec<String> =
            schema.as_value()["properties"].as_object().unwrap().keys().cloned().collect();
        fields.sort_unstable();
        fields
    }

    fn fields_of(value: &Value) -> Vec<String> {
        let mut fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        fields.sort_unstable();
        fields
    }

    #[test]
    fn what_other_crates_write_has_the_fields_that_are_documented() {
        let platform = json!(Platform::default());
        assert_eq!(fields(&schema_for!(PlatformSchema)), fields_of(&platform));
        let facts = json!(HostFacts::default());
        assert_eq!(fields(&schema_for!(FactsSchema)), fields_of(&facts));
        let status = json!(SourceStatus {
            source: Source::Deb,
            state: SourceState::TimedOut,
            reason: String::new(),
            records: 0,
            took_ms: 0,
        });
        assert_eq!(fields(&schema_for!(SourceStatusSchema)), fields_of(&status));
        assert_eq!(status["state"], "timed_out");
    }

    #[test]
    fn words_are_written_as_they_are_documented() {
        for source in Source::ALL {
            assert_eq!(json!(source), source.as_str());
        }
        for step in Step::ALL {
            assert_eq!(json!(step), step.as_str());
        }
        assert_eq!(json!(Status::NotEvaluable), Status::NotEvaluable.as_str());
        assert_eq!(json!(Confidence::Low), Confidence::Low.as_str());
    }
}
