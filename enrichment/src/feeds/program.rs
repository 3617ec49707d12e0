//! One record of the CVE programme with CISA's additions (vulnrichment): products with CPE names,
//! scores, and the state of exploitation, where NVD has nothing yet.
//!
//! A record that CISA has not added to is known for what it is and not used. Schema 5.1:
//! `github.com/CVEProject/cve-schema`.

use crate::cve::{
    CnaChange, CnaProduct, CnaStatus, CnaVersions, CveRecord, Cvss, InvalidCveId, RecordSource,
    Ssvc,
};
use crate::feeds::nvd::{configuration, cvss, english, instant};
use crate::feeds::program::raw::{RawContainer, RawMetric, RawRecord};

pub(super) use crate::feeds::program::raw::{RawAffected, RawOptions};

mod applicability;
mod raw;

/// CISA as an Authorized Data Publisher.
const CISA: &str = "134c704f-9b21-4f2e-91b3-4a467353bcc0";

/// Reads one record; `None` where CISA has added nothing.
pub(super) fn parse(record: &[u8]) -> Result<Option<CveRecord>, String> {
    let raw: RawRecord<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    let about = &raw.cve_metadata;
    let id = about.cve_id.parse().map_err(|error: InvalidCveId| error.to_string())?;
    let is_rejected = about.state == "REJECTED";
    let cna = &raw.containers.cna;
    let cisa = raw
        .containers
        .adp
        .iter()
        // By id: any of the programme's publishers may add a container, and names are not unique.
        .find(|container| container.provider_metadata.org_id == CISA);
    // A rejected record has no additions, and has to take back what an earlier copy said.
    let Some(cisa) = cisa.or_else(|| is_rejected.then_some(cna)) else {
        return Ok(None);
    };
    // CISA wrote lists of versions in 2024 and writes applicability where the schema has it.
    let mut configurations: Vec<_> = cisa.cpe_applicability.iter().map(configuration).collect();
    // Not both: they say the same, and the older form lists single versions of what the newer one
    // has as a range.
    if configurations.is_empty() {
        configurations.extend(applicability::of(&cisa.affected)?);
    }
    Ok(Some(CveRecord {
        id,
        source: RecordSource::Cisa,
        is_correction: false,
        status: if is_rejected { "Rejected" } else { "" }.to_owned(),
        published: instant(about.date_published.as_deref())?,
        modified: instant(about.date_updated.as_deref())?,
        summary: english(&cna.descriptions),
        cvss: scores(&[cna, cisa])?,
        cwes: weaknesses(&[cna, cisa]),
        references: references(cna),
        kev: None,
        configurations,
        cna: products(cna),
        ssvc: cisa.metrics.iter().find_map(decision),
    }))
}

fn scores(containers: &[&RawContainer<'_>]) -> Result<Vec<Cvss>, String> {
    let mut scores = Vec::new();
    for container in containers {
        // Unlike NVD, who names publishers by mail address or id, the programme has names that
        // people know.
        let source = &container.provider_metadata.short_name;
        for metric in &container.metrics {
            let data = [&metric.v40, &metric.v31, &metric.v30, &metric.v2];
            for data in data.into_iter().flatten() {
                scores.push(cvss(data, None, source, false)?);
            }
        }
    }
    // Read from one container where both are the same.
    scores.dedup();
    Ok(scores)
}

fn weaknesses(containers: &[&RawContainer<'_>]) -> Vec<String> {
    let types = containers.iter().flat_map(|of| &of.problem_types);
    let problems = types.flat_map(|of| &of.descriptions);
    let mut cwes: Vec<String> = problems
        .filter_map(|problem| problem.cwe_id.as_deref())
        .filter(|cwe| cwe.starts_with("CWE-"))
        .map(str::to_owned)
        .collect();
    cwes.sort_unstable();
    cwes.dedup();
    cwes
}

fn references(cna: &RawContainer<'_>) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for reference in &cna.references {
        if !urls.iter().any(|url| *url == reference.url) {
            urls.push(reference.url.to_string());
        }
    }
    urls
}

fn products(cna: &RawContainer<'_>) -> Vec<CnaProduct> {
    let source = &cna.provider_metadata.short_name;
    let products = cna.affected.iter().map(|raw| raw.product(source));
    // Old records say nothing in these words.
    products
        // `n/a` for one of the two is common today: of free software the vendor, of a vendor's
        // cloud the product.
        .filter(|product| product.product != "n/a" || product.vendor != "n/a")
        .collect()
}

fn decision(metric: &RawMetric<'_>) -> Option<Ssvc> {
    let other = metric.other.as_ref().filter(|other| other.kind == "ssvc")?;
    let options = other.content.get("options")?.as_array()?;
    let pairs = options.iter().filter_map(|option| option.as_object());
    let words = pairs.flatten().filter_map(|(name, word)| Some((name.as_str(), word.as_str()?)));
    Some(ssvc(words))
}

/// The decision of `Technical Impact: total` and the like; NVD writes `technicalImpact`.
pub(super) fn ssvc<'a>(words: impl Iterator<Item = (&'a str, &'a str)>) -> Ssvc {
    let mut ssvc = Ssvc::default();
    for (name, word) in words {
        // So that the programme's `Technical Impact` and NVD's `technicalImpact` are one key.
        let name: String = name.chars().filter(|letter| *letter != ' ').collect();
        let place = match name.to_ascii_lowercase().as_str() {
            "exploitation" => &mut ssvc.exploitation,
            "automatable" => &mut ssvc.automatable,
            "technicalimpact" => &mut ssvc.technical_impact,
            _ => continue,
        };
        *place = word.to_ascii_lowercase();
    }
    ssvc
}

impl RawAffected<'_> {
    /// The product as `source` says it.
    pub(super) fn product(&self, source: &str) -> CnaProduct {
        let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        let versions = self.versions.iter().map(|raw| CnaVersions {
            version: raw.version.to_string(),
            less_than: text(&raw.less_than),
            less_than_or_equal: text(&raw.less_than_or_equal),
            status: CnaStatus::of(&raw.status),
            version_type: raw.version_type.to_string(),
            changes: raw
                .changes
                .iter()
                .map(|change| CnaChange {
                    at: change.at.to_string(),
                    status: CnaStatus::of(&change.status),
                })
                .collect(),
        });
        CnaProduct {
            source: source.to_owned(),
            vendor: self.vendor.to_string(),
            product: self.product.to_string(),
            package: self.package_name.to_string(),
            collection: self.collection.to_string(),
            cpes: self.cpes.iter().map(ToString::to_string).collect(),
            default_status: CnaStatus::of(&self.default_status),
            versions: versions.collect(),
        }
    }
}

#[cfg(test)]
mod tests;
