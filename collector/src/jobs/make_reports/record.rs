//! A finding as reports show it, and how values of ours look.

use serde::Serialize;
use store::cves::Cve;
use store::findings::Finding;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// A finding in a report.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    pub(super) cve: &'a str,
    pub(super) severity: &'static str,
    pub(super) cvss_score: Option<f32>,
    pub(super) epss_score: Option<f32>,
    pub(super) kev_added: Option<String>,
    pub(super) software: SoftwareRef<'a>,
    /// Whose statement it rests on.
    pub(super) source: &'a str,
    pub(super) confidence: &'static str,
    pub(super) fixed_in: Option<&'a str>,
    pub(super) opened_at: String,
    pub(super) hosts: u64,
    pub(super) summary: &'a str,
}

/// The software of a finding.
#[derive(Debug, Serialize)]
pub(super) struct SoftwareRef<'a> {
    pub(super) id: Uuid,
    pub(super) source: &'static str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
}

impl<'a> From<&'a Finding> for Record<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            cve: &finding.cve.id,
            severity: finding.cve.severity.as_str(),
            cvss_score: finding.cve.score,
            epss_score: finding.cve.epss.map(|epss| epss.score),
            kev_added: kev_added(&finding.cve),
            software: SoftwareRef {
                id: finding.software.to_uuid(),
                source: finding.software_source.as_str(),
                name: &finding.name,
                version: &finding.version,
            },
            source: &finding.source,
            confidence: finding.confidence.as_str(),
            fixed_in: finding.fixed_in.as_deref(),
            opened_at: instant(finding.opened_at),
            hosts: finding.hosts,
            summary: &finding.cve.summary,
        }
    }
}

/// The day on which a CVE was listed as exploited.
pub(super) fn kev_added(cve: &Cve) -> Option<String> {
    cve.kev.map(|kev| kev.added.to_string())
}

/// What names a finding within a document, the same in every report.
pub(super) fn name_of(finding: &Finding) -> String {
    format!("{}/{}/{}", finding.software.to_uuid(), finding.cve.id, finding.source)
}

/// An instant of ours.
pub(super) fn instant(at: OffsetDateTime) -> String {
    // Of every year that a row can hold there is such a text.
    at.format(&Rfc3339).unwrap_or_default()
}

/// Writes a value into a document.
pub(super) fn put(value: &impl Serialize, out: &mut Vec<u8>) {
    // Plain fields under text keys, into memory: this cannot fail.
    out.extend(serde_json::to_vec(value).unwrap_or_default());
}

/// Writes a value as the next one of an array.
pub(super) fn put_next(is_first: &mut bool, value: &impl Serialize, out: &mut Vec<u8>) {
    out.extend(if *is_first { "\n" } else { ",\n" }.as_bytes());
    *is_first = false;
    put(value, out);
}
