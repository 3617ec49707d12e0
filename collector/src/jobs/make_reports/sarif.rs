//! Findings as SARIF 2.1.0 (OASIS, March 2020): each CVE a rule, each finding a result.
//!
//! Results name the software by a logical location: on many hosts it has no one file.

use serde_json::{Value, json};
use store::cves::{self, Cve, CveFilter, CveSort, Severity};
use store::findings::Finding;
use store::tenant::TenantScope;

use super::head::Head;
use super::record::{Record, instant, kev_added, name_of, put, put_next};
use super::sink::Sink;
use super::{Document, MakeError};

/// A log.
#[derive(Debug)]
pub(super) struct Log {
    is_first: bool,
    properties: Value,
}

impl Log {
    /// Writes the rules, and the beginning of the results.
    ///
    /// # Errors
    ///
    /// When the database cannot be used, or the sink takes no more.
    pub(super) async fn begin(
        scope: &TenantScope,
        head: &Head,
        sink: &mut Sink<'_>,
    ) -> Result<Self, MakeError> {
        sink.out().extend(
            b"{\"$schema\":\"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json\",\
              \n\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"Muster\",\"version\":",
        );
        put(&env!("CARGO_PKG_VERSION"), sink.out());
        sink.out().extend(b",\"rules\":[");
        let filter = CveFilter {
            severity_min: head.spec.severity_min,
            kev: head.spec.kev,
            on_hosts: Some(true),
            ..CveFilter::default()
        };
        let mut all = cves::export(scope, &filter, CveSort::Severity).await?;
        let mut is_first = true;
        loop {
            let some = all.next().await?;
            if some.is_empty() {
                break;
            }
            for one in &some {
                put_next(&mut is_first, &rule(&one.cve), sink.out());
            }
            sink.settle().await?;
        }
        sink.out().extend(b"\n]}},\n\"results\":[");
        Ok(Self { is_first: true, properties: head.to_json() })
    }
}

impl Document for Log {
    fn finding(&mut self, finding: &Finding, out: &mut Vec<u8>) -> bool {
        put_next(&mut self.is_first, &result(finding), out);
        true
    }

    fn end(&mut self, _: u64, out: &mut Vec<u8>) {
        out.extend(b"\n],\n\"properties\":");
        put(&self.properties, out);
        out.extend(b"}]}\n");
    }
}

fn rule(cve: &Cve) -> Value {
    let about = if cve.summary.is_empty() { &cve.id } else { &cve.summary };
    let mut tags = vec!["security", "vulnerability"];
    if cve.kev.is_some() {
        tags.push("exploited");
    }
    let mut properties = json!({ "tags": tags });
    if let Some(score) = cve.score {
        // A text, as those who read it want it.
        properties["security-severity"] = format!("{score:.1}").into();
    }
    json!({
        "id": cve.id,
        "shortDescription": { "text": cve.id },
        "fullDescription": { "text": about },
        "helpUri": format!("https://nvd.nist.gov/vuln/detail/{}", cve.id),
        "defaultConfiguration": { "level": level(cve.severity) },
        "properties": properties,
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::None | Severity::Unknown => "note",
    }
}

fn result(finding: &Finding) -> Value {
    let record = Record::from(finding);
    let (software, hosts) = (&record.software, record.hosts);
    let fix = record.fixed_in.map(|version| format!("; fixed in {version}")).unwrap_or_default();
    let (name, version) = (software.name, software.version);
    let text = format!("{name} {version} has {}, on {hosts} hosts{fix}.", record.cve);
    json!({
        "ruleId": record.cve,
        "level": level(finding.cve.severity),
        "message": { "text": text },
        "locations": [{ "logicalLocations": [{
            "name": name,
            "fullyQualifiedName": format!("{}/{name}@{version}", software.source),
            "kind": "module",
        }] }],
        "partialFingerprints": { "musterFinding/v1": name_of(finding) },
        "properties": {
            "software": software,
            "hosts": hosts,
            "confidence": record.confidence,
            "source": record.source,
            "fixedIn": record.fixed_in,
            "openedAt": instant(finding.opened_at),
            "kevAdded": kev_added(&finding.cve),
        },
    })
}
