//! Pages for people and printers: one file without scripts, with its style in it and nothing of other sites.
//!
//! Whatever a host or a feed said goes through [`Html::text`]. No text of theirs may ever stand in an
//! attribute, a style or a link.

use store::findings::Finding;
use store::statistics::{Groups, Numbers, Statistics};

use super::Document;
use super::head::Head;
use super::record::{Record, instant};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:14px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.125rem;margin:2rem 0 .5rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.125rem 1rem}dt{opacity:.75}dd{margin:0}\
.box{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8888;\
overflow-wrap:anywhere}\
th{white-space:nowrap}.n{text-align:right;white-space:nowrap}\
.critical,.kev{color:#a3000f;font-weight:600}.high{color:#b34700}\
@media(prefers-color-scheme:dark){.critical,.kev{color:#ff9ca4}.high{color:#ffb27a}}\
@media print{:root{color-scheme:light}body{margin:0;max-width:none;font-size:10px}thead{display:table-header-group}\
tr{break-inside:avoid}.critical,.kev{color:#a3000f}.high{color:#b34700}}";

/// Something that HTML is written into.
pub(super) struct Html<'a>(pub(super) &'a mut Vec<u8>);

impl Html<'_> {
    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.extend(markup.as_bytes());
        self
    }

    /// A text that came from anywhere.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            match byte {
                b'&' => self.0.extend(b"&amp;"),
                b'<' => self.0.extend(b"&lt;"),
                b'>' => self.0.extend(b"&gt;"),
                b'"' => self.0.extend(b"&quot;"),
                b'\'' => self.0.extend(b"&#39;"),
                byte => self.0.push(byte),
            }
        }
        self
    }

    /// A cell of text.
    pub(super) fn cell(&mut self, text: &str) -> &mut Self {
        self.raw("<td>").text(text).raw("</td>")
    }

    /// A cell with a number.
    pub(super) fn number(&mut self, number: &str) -> &mut Self {
        self.raw("<td class=\"n\">").text(number).raw("</td>")
    }

    /// A cell with a severity, which is a word of ours.
    pub(super) fn severity(&mut self, severity: &'static str) -> &mut Self {
        self.raw("<td class=\"").raw(severity).raw("\">").raw(severity).raw("</td>")
    }

    /// A heading and a table's beginning.
    pub(super) fn table(&mut self, title: &'static str, columns: &[&'static str]) -> &mut Self {
        self.raw("<h2>").raw(title).raw("</h2><div class=\"box\"><table><thead><tr>");
        for column in columns {
            self.raw("<th scope=\"col\">").raw(column).raw("</th>");
        }
        self.raw("</tr></thead><tbody>\n")
    }

    /// Its end.
    pub(super) fn end_table(&mut self) -> &mut Self {
        self.raw("</tbody></table></div>\n")
    }
}

/// Writes everything up to what a report is about, and how the company stood.
pub(super) fn begin(head: &Head, html: &mut Html<'_>) {
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
        .text(&head.name)
        // Opened from a disk it has no header of ours.
        .raw(
            "</title><meta name=\"viewport\" content=\"width=device-width\">\
             <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'\"><style>",
        )
        .raw(STYLE)
        .raw("</style></head><body><h1>")
        .text(&head.name)
        .raw("</h1><dl>");
    for (name, value) in head.about() {
        html.raw("<dt>").raw(name).raw("</dt><dd>").text(&value).raw("</dd>");
    }
    html.raw("</dl>\n");
    if let Some(last) = head.days.last() {
        standing(last, head.days.first(), html);
    }
}

/// How the company stood, beside how it stood at the beginning of the days that are known.
fn standing(last: &Statistics, first: Option<&Statistics>, html: &mut Html<'_>) {
    let columns = [
        "Severity",
        "Open findings",
        "Exposure",
        "Exposure before",
        "Fixed within (median)",
        "Fixed within (9 of 10)",
    ];
    html.table("The company as a whole", &columns);
    let before = first.map(|day| day.groups).unwrap_or_default();
    for ((name, now), (_, then)) in groups(&last.groups).into_iter().zip(groups(&before)) {
        html.raw("<tr><td>").raw(name).raw("</td>");
        html.number(&now.open.to_string()).number(&now.exposure.to_string());
        html.number(&then.exposure.to_string());
        html.number(&span(now.fix_median_s)).number(&span(now.fix_p90_s)).raw("</tr>\n");
    }
    html.end_table();
    html.raw("<p>Exposure counts a finding once for every host that has it. Measured ")
        .text(&instant(last.measured_at))
        .raw(", before is ")
        .text(&first.map(|day| instant(day.at)).unwrap_or_default())
        .raw(". Hosts: ")
        .text(&last.hosts.to_string())
        .raw(", silent for a week: ")
        .text(&last.silent_hosts.to_string())
        .raw(".</p>\n");
}

fn groups(of: &Groups) -> [(&'static str, Numbers); 7] {
    [
        ("All", of.all),
        ("Known to be exploited", of.kev),
        ("Critical", of.critical),
        ("High", of.high),
        ("Medium", of.medium),
        ("Low", of.low),
        ("Other", of.other),
    ]
}

/// A time to fix as people say it.
fn span(seconds: Option<u64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 2 * 86_400 => format!("{} h", seconds / 3_600),
        Some(seconds) => format!("{} d", seconds / 86_400),
    }
}

/// Writes the end of a page.
pub(super) fn end(html: &mut Html<'_>) {
    html.raw("</body></html>\n");
}

/// A page of findings.
#[derive(Debug)]
pub(super) struct Page;

impl Page {
    /// Writes what stands before the findings.
    pub(super) fn begin(head: &Head, out: &mut Vec<u8>) -> Self {
        let mut html = Html(out);
        begin(head, &mut html);
        let columns = [
            "CVE",
            "Severity",
            "CVSS",
            "Exploited since",
            "Software",
            "Version",
            "Fixed in",
            "Hosts",
            "Known since",
        ];
        html.table("Findings", &columns);
        Self
    }
}

impl Document for Page {
    fn finding(&mut self, finding: &Finding, out: &mut Vec<u8>) -> bool {
        let record = Record::from(finding);
        let score = record.cvss_score.map(|score| format!("{score:.1}"));
        let day = record.opened_at.get(..10).unwrap_or_default();
        let mut html = Html(out);
        html.raw("<tr>").cell(record.cve).severity(record.severity);
        html.number(score.as_deref().unwrap_or_default());
        html.raw("<td class=\"kev\">")
            .text(record.kev_added.as_deref().unwrap_or_default())
            .raw("</td>");
        html.cell(record.software.name).cell(record.software.version);
        html.cell(record.fixed_in.unwrap_or_default());
        html.number(&record.hosts.to_string()).cell(day).raw("</tr>\n");
        true
    }

    fn end(&mut self, records: u64, out: &mut Vec<u8>) {
        let mut html = Html(out);
        html.end_table().raw("<p>Findings: ").text(&records.to_string()).raw(".</p>\n");
        end(&mut html);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_is_no_markup() {
        let mut out = Vec::new();
        Html(&mut out).cell("<script>alert(\"x\")</script> & 'y'");
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "<td>&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;</td>"
        );
    }

    #[test]
    fn a_time_to_fix_is_said_in_hours_and_then_in_days() {
        let said = [None, Some(3_599), Some(100_000), Some(10 * 86_400)].map(span);
        assert_eq!(said, ["-", "0 h", "27 h", "10 d"]);
    }
}
