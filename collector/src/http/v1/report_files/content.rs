//! A report's file, streamed part by part.
//!
//! A page of HTML is handed out as a file and never shown under this host's name, where its content would
//! have the rights of whoever looks at it.

use std::io;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use store::report_files::{self, ReportFile, ReportFormat, ReportState};
use store::tenant::TenantScope;

use crate::http::document::{Answers, Operation, Schemas};
use crate::http::problem::Problem;

/// A file on its way.
#[derive(Debug)]
pub(super) struct Content(Response);

impl IntoResponse for Content {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Answers for Content {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        for format in ReportFormat::ALL {
            let media = media_type(*format).split(';').next().unwrap_or_default();
            // Read as text: a JSON document of somebody else's shape has no schema of ours.
            let schema =
                if media.ends_with("json") { json!({}) } else { json!({ "type": "string" }) };
            operation.gives_content(StatusCode::OK, media, schema);
        }
        operation.refuses(StatusCode::CONFLICT);
    }
}

const fn media_type(format: ReportFormat) -> &'static str {
    match format {
        ReportFormat::Html => "text/html; charset=utf-8",
        ReportFormat::Json => "application/json",
        ReportFormat::Csv => "text/csv; charset=utf-8; header=present",
        ReportFormat::Sarif => "application/sarif+json",
        ReportFormat::CycloneDx => "application/vnd.cyclonedx+json",
    }
}

const fn ending(format: ReportFormat) -> &'static str {
    match format {
        ReportFormat::Html => "html",
        ReportFormat::Json => "json",
        ReportFormat::Csv => "csv",
        ReportFormat::Sarif => "sarif",
        ReportFormat::CycloneDx => "cdx.json",
    }
}

/// Answers with a report's file.
///
/// # Errors
///
/// When it is not made, or never will be.
pub(super) fn respond(scope: TenantScope, report: &ReportFile) -> Result<Content, Problem> {
    match report.state {
        ReportState::Done => {}
        ReportState::Waiting => {
            return Err(Problem::Conflict("it is not made yet: try again in a while".to_owned()));
        }
        ReportState::Cancelled => {
            return Err(Problem::Conflict("it was cancelled: ask for another".to_owned()));
        }
        ReportState::Failed => {
            return Err(Problem::Conflict("it could not be made: `error` says why".to_owned()));
        }
    }
    let mut response = body(scope, report).into_response();
    let headers = response.headers_mut();
    let format = report.spec.format;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(format)));
    let disposition = format!("attachment; filename=\"{}\"", file_name(&report.name, format));
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
    );
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(Content(response))
}

/// The parts, one after the other. One that is missing, because the report was deleted meanwhile, ends the
/// connection without the end of the body: nobody takes a part for the whole.
fn body(scope: TenantScope, report: &ReportFile) -> Body {
    let (id, whole) = (report.id, report.bytes);
    let parts = stream::unfold(Some((0_u32, 0_u64)), move |place| {
        let scope = scope.clone();
        async move {
            let (number, sent) = place?;
            if sent >= whole {
                return None;
            }
            match report_files::part(&scope, id, number).await {
                Ok(Some(bytes)) => {
                    let sent = sent + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    Some((Ok(bytes), Some((number + 1, sent))))
                }
                Ok(None) => Some((Err(io::Error::other("the report is gone")), None)),
                Err(error) => {
                    tracing::warn!(%error, report = %id, "a report ends in its middle");
                    Some((Err(io::Error::other("the report cannot be read on")), None))
                }
            }
        }
    });
    Body::from_stream(parts.fuse())
}

/// A file's name that no system takes for anything else.
fn file_name(name: &str, format: ReportFormat) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().take(80).map(safe).collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let name = if words.is_empty() { "report".to_owned() } else { words.join("-") };
    format!("{name}.{}", ending(format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_has_nothing_that_leads_elsewhere() {
        for (name, file) in [
            ("Weekly: all findings", "weekly-all-findings.html"),
            ("../../etc/passwd", "etc-passwd.html"),
            ("x\"; filename=evil.exe", "x-filename-evil-exe.html"),
            ("Отчёт", "report.html"),
        ] {
            assert_eq!(file_name(name, ReportFormat::Html), file, "{name}");
        }
    }
}
