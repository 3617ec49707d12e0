//! Imports as the API shows them.

use enrichment::sbom::Warning;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::imports::{Import, LogLine};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::DateTime;
use crate::http::schema::ImportStateName;

/// An import.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Import")]
pub(crate) struct ImportView {
    id: Uuid,
    /// The asset: a host.
    host: Uuid,
    /// What the asset is called.
    name: String,
    /// `cyclonedx` or `spdx`.
    format: String,
    /// The version of the format.
    version: String,
    /// Of the document, in hexadecimal.
    sha256: String,
    bytes: u64,
    #[schemars(with = "ImportStateName")]
    state: &'static str,
    attempts: u32,
    /// Components that the document has.
    components: u64,
    /// Pieces of software that they come to, each once.
    software: u64,
    /// Of those, how many were judged in this attempt.
    judged: u64,
    /// Software that the asset had not before.
    opened: u64,
    /// Software that it has no more.
    closed: u64,
    /// Software that it has as before.
    unchanged: u64,
    /// Findings of software that was new to the company.
    findings: u64,
    /// What of the document is left out, or is not as it should be.
    warnings: Vec<WarningView>,
    /// What happened.
    log: Vec<LineView>,
    /// Why it failed or was cancelled, or why the last attempt did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    /// Who brought it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`.
    created_by: String,
    /// What they are called now; absent for who is none of the company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by_name: Option<String>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    ended_at: Option<OffsetDateTime>,
}

/// One kind of what is wrong with a document.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ImportWarning")]
struct WarningView {
    /// `no_package` and `bad_purl` (left out: nothing says what it is), `excluded` (left out by its own word),
    /// `other_release` and `no_version` (not judged), `made_fit` (a text was cut).
    kind: String,
    /// Components of which it is so.
    count: u64,
    /// The first of them.
    examples: Vec<String>,
}

/// A line of the log.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ImportLine")]
struct LineView {
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    at: OffsetDateTime,
    text: String,
}

impl From<LogLine> for LineView {
    fn from(line: LogLine) -> Self {
        Self { at: line.at, text: line.text }
    }
}

/// Warnings as they are kept, and read again for the view.
pub(super) fn warnings(warnings: &[Warning]) -> Value {
    let view = |warning: &Warning| WarningView {
        kind: warning.kind.as_str().to_owned(),
        count: warning.count,
        examples: warning.examples.clone(),
    };
    json!(warnings.iter().map(view).collect::<Vec<_>>())
}

impl From<Import> for ImportView {
    fn from(import: Import) -> Self {
        let counts = import.counts;
        Self {
            id: import.id,
            host: import.host.0,
            name: import.name,
            format: import.format,
            version: import.version,
            sha256: import.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            bytes: import.bytes,
            state: import.state.as_str(),
            attempts: import.attempts,
            components: counts.components,
            software: counts.software,
            judged: counts.judged,
            opened: counts.opened,
            closed: counts.closed,
            unchanged: counts.unchanged,
            findings: counts.findings,
            // What another version wrote and this one does not know is as good as nothing.
            warnings: serde_json::from_value(import.warnings).unwrap_or_default(),
            log: import.log.into_iter().map(LineView::from).collect(),
            error: import.error,
            created_at: import.created_at,
            created_by: import.created_by,
            created_by_name: import.created_by_name,
            started_at: import.started_at,
            ended_at: import.ended_at,
        }
    }
}
