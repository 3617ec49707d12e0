//! Reports as answers show them.

use schemars::JsonSchema;
use serde::Serialize;
use store::cves::Severity;
use store::report_files::{ReportFile, ReportFormat, ReportKind, ReportState};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::{DateTime, names_of};
use crate::http::schema::SeverityName;

names_of! {
    /// What a report tells.
    KindName as "ReportKind": ReportKind::ALL.iter().map(|one| one.as_str()).collect()
}

names_of! {
    /// What a report is written as.
    FormatName as "ReportFormat": ReportFormat::ALL.iter().map(|one| one.as_str()).collect()
}

names_of! {
    /// How far a report is.
    StateName as "ReportState": ReportState::ALL.iter().map(|one| one.as_str()).collect()
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Report")]
pub(super) struct ReportView {
    id: Uuid,
    name: String,
    #[schemars(with = "KindName")]
    kind: &'static str,
    #[schemars(with = "FormatName")]
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kev: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Uuid>,
    /// The schedule that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<Uuid>,
    #[schemars(with = "StateName")]
    state: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    /// Who asked for it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`.
    created_by: String,
    /// What they are called now; absent for who is none of the company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by_name: Option<String>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    finished_at: Option<OffsetDateTime>,
    /// When it is forgotten.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    expires_at: OffsetDateTime,
    /// How long its file is.
    bytes: u64,
    /// How many findings, or CVEs of a summary, it has.
    records: u64,
    /// Why it could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<ReportFile> for ReportView {
    fn from(report: ReportFile) -> Self {
        Self {
            id: report.id,
            name: report.name,
            kind: report.spec.kind.as_str(),
            format: report.spec.format.as_str(),
            severity_min: report.spec.severity_min.map(Severity::as_str),
            kev: report.spec.kev,
            label: report.spec.label,
            schedule: report.schedule,
            state: report.state.as_str(),
            created_at: report.created_at,
            created_by: report.created_by,
            created_by_name: report.created_by_name,
            finished_at: report.finished_at,
            expires_at: report.expires_at,
            bytes: report.bytes,
            records: report.records,
            error: report.error,
        }
    }
}
