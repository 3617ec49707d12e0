//! Findings as `CycloneDX` 1.6 (ECMA-424): the software that has some, and what it has.

use std::collections::HashSet;

use protocol::fingerprint::SoftwareKey;
use protocol::software::Source;
use serde_json::{Value, json};
use store::findings::Finding;
use store::software::{self, SoftwareFilter, SoftwareItem, SoftwareSort};
use store::tenant::TenantScope;

use super::head::Head;
use super::record::{Record, instant, name_of, put, put_next};
use super::sink::Sink;
use super::{Document, MakeError};

/// A bill of materials.
#[derive(Debug)]
pub(super) struct Bom {
    is_first: bool,
    /// The components that are in it: sixteen bytes of memory each.
    components: HashSet<SoftwareKey>,
}

impl Bom {
    /// Writes the components, and the beginning of the vulnerabilities.
    ///
    /// # Errors
    ///
    /// When the database cannot be used, or the sink takes no more.
    pub(super) async fn begin(
        scope: &TenantScope,
        head: &Head,
        sink: &mut Sink<'_>,
    ) -> Result<Self, MakeError> {
        let out = sink.out();
        out.extend(
            b"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"version\":1,\"serialNumber\":",
        );
        put(&format!("urn:uuid:{}", head.id), out);
        out.extend(b",\n\"metadata\":");
        put(&metadata(head), out);
        out.extend(b",\n\"components\":[");
        let filter = SoftwareFilter {
            vulnerable: Some(true),
            label: head.spec.label,
            ..SoftwareFilter::default()
        };
        let mut all = software::export(scope, &filter, SoftwareSort::Name).await?;
        let (mut is_first, mut components) = (true, HashSet::new());
        loop {
            let some = all.next().await?;
            if some.is_empty() {
                break;
            }
            for item in &some {
                components.insert(item.software.key);
                put_next(&mut is_first, &component(item), sink.out());
            }
            sink.settle().await?;
        }
        sink.out().extend(b"\n],\n\"vulnerabilities\":[");
        Ok(Self { is_first: true, components })
    }
}

impl Document for Bom {
    fn finding(&mut self, finding: &Finding, out: &mut Vec<u8>) -> bool {
        // What came after the components were read would refer to nothing.
        let is_in = self.components.contains(&finding.software);
        if is_in {
            put_next(&mut self.is_first, &vulnerability(finding), out);
        }
        is_in
    }

    fn end(&mut self, _: u64, out: &mut Vec<u8>) {
        out.extend(b"\n]}\n");
    }
}

fn metadata(head: &Head) -> Value {
    json!({
        "timestamp": instant(head.made_at),
        "tools": { "components": [{
            "type": "application", "name": "Muster", "version": env!("CARGO_PKG_VERSION"),
        }] },
        "component": {
            "type": "platform", "bom-ref": head.id, "name": head.company, "description": head.name,
        },
    })
}

fn component(item: &SoftwareItem) -> Value {
    let (software, record) = (&item.software, &item.software.record);
    let mut component = json!({
        "type": kind(record.source),
        "bom-ref": software.key.to_uuid(),
        "name": record.name,
        "version": record.version,
        "properties": [
            property("source", record.source.as_str()),
            property("hosts", &item.hosts.to_string()),
        ],
    });
    if let Some(purl) = &software.purl {
        component["purl"] = purl.as_str().into();
    }
    if let Some(cpe) = software.cpes.first() {
        component["cpe"] = cpe.as_str().into();
    }
    if !record.vendor.is_empty() {
        component["publisher"] = record.vendor.as_str().into();
    }
    component
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("muster:{name}"), "value": value })
}

/// The component's type, as far as its source says it.
const fn kind(source: Source) -> &'static str {
    if matches!(source, Source::Python | Source::Npm | Source::Gem | Source::Cargo) {
        "library"
    } else if matches!(source, Source::Os) {
        "operating-system"
    } else {
        "application"
    }
}

fn vulnerability(finding: &Finding) -> Value {
    let record = Record::from(finding);
    let mut rating = json!({ "severity": record.severity });
    if let Some(score) = record.cvss_score {
        rating["score"] = format!("{score:.1}").parse::<f64>().unwrap_or_default().into();
    }
    if let Some(vector) = &finding.cve.vector {
        rating["vector"] = vector.as_str().into();
    }
    let mut vulnerability = json!({
        "bom-ref": name_of(finding),
        "id": record.cve,
        "source": { "name": record.source },
        "ratings": [rating],
        "affects": [{ "ref": record.software.id }],
        "properties": [
            property("opened_at", &record.opened_at),
            property("confidence", record.confidence),
            property("hosts", &record.hosts.to_string()),
        ],
    });
    if !record.summary.is_empty() {
        vulnerability["description"] = record.summary.into();
    }
    if let Some(version) = record.fixed_in {
        vulnerability["recommendation"] = format!("Update to {version} or later.").into();
    }
    if let Some(at) = finding.cve.published_at {
        vulnerability["published"] = instant(at).into();
    }
    if let (Some(added), Some(properties)) =
        (&record.kev_added, vulnerability["properties"].as_array_mut())
    {
        properties.push(property("kev_added", added));
    }
    vulnerability
}
