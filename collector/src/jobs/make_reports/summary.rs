//! The summary for who has five minutes: how the company stands and stood, and which CVEs are worst.

use serde_json::{Value, json};
use store::cves::{self, CveFilter, CveItem, CveSort};
use store::page::PageRequest;
use store::report_files::ReportFormat;
use store::tenant::TenantScope;

use super::MakeError;
use super::head::Head;
use super::html::{self, Html};
use super::json::day;
use super::record::{kev_added, put};

/// CVEs of each list.
const WORST: u32 = 20;

/// Writes a summary; gives how many CVEs it names.
///
/// # Errors
///
/// When the database cannot be used.
pub(super) async fn write(
    scope: &TenantScope,
    head: &Head,
    out: &mut Vec<u8>,
) -> Result<u64, MakeError> {
    let exploited = worst(scope, head, Some(true), CveSort::Kev).await?;
    let spread = worst(scope, head, head.spec.kev, CveSort::Hosts).await?;
    match head.spec.format {
        ReportFormat::Html => page(head, &exploited, &spread, out),
        ReportFormat::Json | ReportFormat::Csv | ReportFormat::Sarif | ReportFormat::CycloneDx => {
            document(head, &exploited, &spread, out);
        }
    }
    Ok(u64::try_from(exploited.len() + spread.len()).unwrap_or(u64::MAX))
}

/// The first of a list of CVEs, those on hosts.
async fn worst(
    scope: &TenantScope,
    head: &Head,
    kev: Option<bool>,
    sort: CveSort,
) -> Result<Vec<CveItem>, MakeError> {
    let filter = CveFilter {
        severity_min: head.spec.severity_min,
        kev,
        on_hosts: Some(true),
        ..CveFilter::default()
    };
    Ok(cves::list(scope, &filter, sort, &PageRequest::first(WORST)).await?.items)
}

fn page(head: &Head, exploited: &[CveItem], spread: &[CveItem], out: &mut Vec<u8>) {
    let mut html = Html(out);
    html::begin(head, &mut html);
    table("Known to be exploited, the newest first", exploited, &mut html);
    table("On most hosts", spread, &mut html);
    html::end(&mut html);
}

fn table(title: &'static str, items: &[CveItem], html: &mut Html<'_>) {
    html.table(title, &["CVE", "Severity", "CVSS", "Exploited since", "Hosts", "What it is"]);
    for item in items {
        let score = item.cve.score.map(|score| format!("{score:.1}"));
        html.raw("<tr>").cell(&item.cve.id).severity(item.cve.severity.as_str());
        html.number(score.as_deref().unwrap_or_default());
        html.cell(kev_added(&item.cve).as_deref().unwrap_or_default());
        html.number(&item.hosts.to_string()).cell(&item.cve.summary).raw("</tr>\n");
    }
    html.end_table();
    if items.is_empty() {
        html.raw("<p>None.</p>\n");
    }
}

fn document(head: &Head, exploited: &[CveItem], spread: &[CveItem], out: &mut Vec<u8>) {
    let all = |items: &[CveItem]| items.iter().map(cve).collect::<Vec<_>>();
    let whole = json!({
        "report": head.to_json(),
        "statistics": head.days.iter().map(day).collect::<Vec<_>>(),
        "exploited": all(exploited),
        "spread": all(spread),
    });
    put(&whole, out);
    out.push(b'\n');
}

fn cve(item: &CveItem) -> Value {
    json!({
        "cve": item.cve.id,
        "severity": item.cve.severity.as_str(),
        "kev_added": kev_added(&item.cve),
        "software": item.software,
        "hosts": item.hosts,
        "summary": item.cve.summary,
    })
}
