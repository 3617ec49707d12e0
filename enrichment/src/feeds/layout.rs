//! How a file is laid out and what it says it is, told from its beginning.

use crate::feeds::msrc::table;
use crate::feeds::report::FeedKind;

/// Bytes of a file's beginning that are looked at.
pub(super) const HEAD_BYTES: usize = 64 * 1024;

/// The layouts that feeds come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// JSON documents, of any number of lines each.
    Documents,
    /// JSON documents that are records as a whole, even where they hold a list.
    Whole,
    /// One record in YAML.
    Yaml,
    /// Files in a tar archive.
    Tar,
    /// Files in a zip archive.
    Zip,
    /// One JSON document a line, so that a bad line is only one record.
    Lines,
    /// FIRST's table of scores.
    EpssTable,
    /// CISA's table of exploited vulnerabilities.
    KevTable,
    /// The table of Microsoft's updates.
    UpdateTable,
    /// None of them.
    Unknown,
}

/// How the records of the Python Packaging Authority's own database begin.
const YAML: &[u8] = b"id: PYSEC-";
/// How a zip archive begins.
pub(super) const ZIP: &[u8] = b"PK\x03\x04";
/// What a tar archive has behind its first file's name, owner and times.
const TAR: &[u8] = b"ustar";
const TAR_AT: usize = 257;

/// The mark that some tools put before UTF-8; no parser wants it.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The layout of a file that begins with `head`.
pub(super) fn of(head: &[u8]) -> Layout {
    if head.starts_with(ZIP) {
        return Layout::Zip;
    }
    // Before anything that is text: the name of a tar's first file stands at its beginning and may
    // be `{`.
    if head.get(TAR_AT..TAR_AT + TAR.len()) == Some(TAR) {
        return Layout::Tar;
    }
    let head = head.trim_ascii_start();
    let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    // Their lists of vulnerabilities are a part of the record, unlike NVD's.
    let is_whole = says(head, b"\"csaf_version\"") || says(head, b"\"DocumentTracking\"");
    if head.starts_with(b"{") && is_whole {
        return Layout::Whole;
    }
    if head.starts_with(b"{") {
        return if is_record_a_line(head, first_line) { Layout::Lines } else { Layout::Documents };
    }
    // YAML begins with anything. Only what is surely an advisory is worth a parser that follows
    // aliases.
    if head.starts_with(YAML) {
        return Layout::Yaml;
    }
    // Text files begin with brackets too: `[29 Mar 2023] DSA-5379-1`.
    let of_list = head.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    if of_list.is_some_and(|list| list.starts_with(b"{")) {
        return Layout::Documents;
    }
    let line = String::from_utf8_lossy(&first_line[..first_line.len().min(256)]).to_lowercase();
    if line.starts_with("cveid,") {
        Layout::KevTable
    // Published with quotes around every field, which tools that pass it on leave away.
    } else if line.replace('"', "").starts_with(table::HEADER) {
        Layout::UpdateTable
    } else if line.starts_with("#model_version:") || is_epss_line(&line) {
        Layout::EpssTable
    } else {
        Layout::Unknown
    }
}

/// What a document says it is, so that an empty page is known for one.
pub(super) fn declared(head: &[u8]) -> Option<FeedKind> {
    if says(head, b"\"NVD_CVE\"") && says(head, b"\"vulnerabilities\"") {
        Some(FeedKind::Nvd)
    } else if says(head, b"\"catalogVersion\"") {
        Some(FeedKind::Kev)
    } else {
        None
    }
}

fn says(head: &[u8], name: &[u8]) -> bool {
    head.windows(name.len()).any(|window| window == name)
}

/// A list names itself early, behind a few members that say how much follows; records never do.
fn is_record_a_line(head: &[u8], first_line: &[u8]) -> bool {
    const LIST: &[u8] = b"\"vulnerabilities\"";
    const EARLY_BYTES: usize = 4 * 1024;
    // A record's own text may name "vulnerabilities" as well, and then does so far behind its
    // beginning.
    let early = &head[..head.len().min(EARLY_BYTES)];
    let is_list = early.windows(LIST.len()).any(|window| window == LIST);
    // A document of several lines breaks its first one before it is closed.
    !is_list && (first_line.len() == head.len() || first_line.trim_ascii_end().ends_with(b"}"))
}

fn is_epss_line(line: &str) -> bool {
    let mut fields = line.trim_end().split([',', ';']);
    let (id, score, percentile) = (fields.next(), fields.next(), fields.next());
    match (id, score, percentile) {
        (Some("cve"), Some("epss"), _) => true,
        (Some(id), Some(score), Some(percentile)) => {
            id.starts_with("cve-")
                && score.parse::<f32>().is_ok()
                && percentile.parse::<f32>().is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_an_empty_page_for_what_it_is() {
        let page = br#"{"resultsPerPage":0,"startIndex":0,"totalResults":0,"format":"NVD_CVE","version":"2.0","vulnerabilities":[]}"#;
        assert_eq!(declared(page), Some(FeedKind::Nvd));
        assert_eq!(declared(b"{\"catalogVersion\": \"1\"}"), Some(FeedKind::Kev));
        assert_eq!(declared(b"{\"format\":\"NVD_CPE\"}"), None);
    }

    #[test]
    fn tells_every_layout_by_its_beginning() {
        let cases: [(&str, Layout); 24] = [
            ("{\"DocumentTitle\":{\"Value\":\"x\"},\"DocumentTracking\":{", Layout::Whole),
            ("\"DatePosted\",\"CVE\",\"BulletinKB\",\"Title\"\r\n", Layout::UpdateTable),
            ("{\"timestamp\":\"x\",\"vulnerabilities\":[", Layout::Documents),
            ("{\n  \"format\": \"NVD_CVE\",", Layout::Documents),
            ("{\n    \"title\": \"CISA Catalog", Layout::Documents),
            ("{\n \"id\": \"CVE-2024-1\"", Layout::Documents),
            ("\n\n {\"cve\":{\"id\":\"A\"}}\n{\"cve\":{}}", Layout::Lines),
            ("{\"_annotation\":{\"cna\":\"x", Layout::Lines),
            ("{\"dataType\":\"CVE_RECORD\"}\r\n{", Layout::Lines),
            ("#model_version:v2025.03.14,score_date:2026-08-16\ncve,epss", Layout::EpssTable),
            ("cve,epss,percentile\n", Layout::EpssTable),
            ("CVE-1999-0001;0.03351;0.87650\n", Layout::EpssTable),
            ("cveID,vendorProject,product\n", Layout::KevTable),
            ("[\n {\"id\": \"DSA-1-1\"}", Layout::Documents),
            ("[29 Mar 2023] DSA-5379-1 dino-im\n", Layout::Unknown),
            ("[]", Layout::Unknown),
            ("PK\x03\x04", Layout::Zip),
            ("id: PYSEC-2023-9\ndetails: x", Layout::Yaml),
            ("id: another\n", Layout::Unknown),
            ("{\n \"document\": {\"csaf_version\": \"2.0\"", Layout::Whole),
            // A record that quotes such a document is none.
            ("{\"id\":\"X\",\"details\":\"\\\"csaf_version\\\"\"}\n", Layout::Lines),
            ("# A read-me\n", Layout::Unknown),
            ("<?xml version='1.0'?>", Layout::Unknown),
            ("", Layout::Unknown),
        ];
        for (head, layout) in cases {
            assert_eq!(of(head.as_bytes()), layout, "{head}");
        }
    }
}
