//! One CVE record in the shape of NVD's API 2.0, and Anchore's additions in the same shape.
//!
//! Unknown members are passed over and absent ones are empty; what is used has to be right, or
//! the record is refused with the reason. Schema: `csrc.nist.gov/schema/nvd/api/2.0/cve_api_json_2.0.schema`.

use std::borrow::Cow;

use crate::cve::{
    CnaProduct, Configuration, CpeMatch, CveId, CveRecord, Cvss, KevEntry, Node, Range,
    RecordSource, Ssvc, Timestamp, severity,
};
use crate::feeds::nvd::raw::{
    Annotation, Envelope, Metric, Metrics, RawAffectedBy, RawCve, RawMatch, RawNode, RawSsvc,
    Weakness,
};
use crate::feeds::{kev, program};

pub(super) use crate::feeds::nvd::raw::{CvssData, RawConfiguration, Reference, Text};

mod raw;

/// Reads a record in its envelope, `{"cve": {…}}`.
pub(super) fn parse(record: &[u8]) -> Result<CveRecord, String> {
    let envelope: Envelope<'_> =
        serde_json::from_slice(record).map_err(|error| error.to_string())?;
    envelope.into_record()
}

/// Reads a record that stands alone.
pub(super) fn parse_bare(record: &[u8]) -> Result<CveRecord, String> {
    let cve: RawCve<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    Envelope::of_bare(cve).into_record()
}

impl<'a> Envelope<'a> {
    /// A record that stands alone.
    const fn of_bare(cve: RawCve<'a>) -> Self {
        Self { cve, annotation: None, source: None }
    }

    fn into_record(self) -> Result<CveRecord, String> {
        // Anchore writes NVD's own shape, so that only its annotation tells the two apart.
        let is_anchores =
            self.annotation.is_some() || self.source.as_deref() == Some("anchore-override");
        let cve = self.cve;
        let note = self.annotation.as_ref();
        let id = cve
            .id
            .as_deref()
            // Its records leave out what NVD's have, the id included.
            .or_else(|| note.and_then(|note| note.cve_id.as_deref()));
        let id: CveId = id
            .ok_or("there is no id")?
            .parse()
            .map_err(|error: crate::cve::InvalidCveId| error.to_string())?;
        let published =
            cve.published.as_deref().or_else(|| note.and_then(|note| note.published.as_deref()));
        let modified =
            cve.last_modified.as_deref().or_else(|| note.and_then(|note| note.modified.as_deref()));
        Ok(CveRecord {
            id,
            source: if is_anchores { RecordSource::Anchore } else { RecordSource::Nvd },
            is_correction: note.is_some_and(Annotation::is_correction),
            published: instant(published)?,
            modified: instant(modified)?,
            summary: summary(&cve, note),
            cvss: scores(&cve.metrics)?,
            cwes: weaknesses(&cve.weaknesses),
            references: references(&cve.references, note),
            kev: exploited(id, &cve)?,
            configurations: cve.configurations.iter().map(configuration).collect(),
            cna: products(&cve.affected),
            ssvc: decision(&cve.metrics.ssvc),
            status: cve.vuln_status.unwrap_or_default().into_owned(),
        })
    }
}

/// A text as an instant, where there is one.
pub(super) fn instant(text: Option<&str>) -> Result<Option<Timestamp>, String> {
    text.map(|text| {
        Timestamp::parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("{shown:?} is no instant")
        })
    })
    .transpose()
}

fn summary(cve: &RawCve<'_>, note: Option<&Annotation<'_>>) -> String {
    let of_note = || note.and_then(|note| note.description.as_deref());
    match english(&cve.descriptions) {
        text if text.is_empty() => of_note().unwrap_or_default().to_owned(),
        text => text,
    }
}

/// The English one of several texts, or empty.
pub(super) fn english(texts: &[Text<'_>]) -> String {
    let found = texts.iter().find(|text| text.is_english());
    found.map(|text| text.value.to_string()).unwrap_or_default()
}

fn scores(metrics: &Metrics<'_>) -> Result<Vec<Cvss>, String> {
    [&metrics.v40, &metrics.v31, &metrics.v30, &metrics.v2]
        .into_iter()
        .flatten()
        .map(score)
        .collect()
}

fn score(metric: &Metric<'_>) -> Result<Cvss, String> {
    let is_primary = metric.kind == "Primary";
    let said = metric.base_severity.as_deref();
    cvss(&metric.cvss_data, said, &metric.source, is_primary)
}

/// A score with its publisher; `said` is its severity where that stands beside it.
pub(super) fn cvss(
    data: &CvssData<'_>,
    said: Option<&str>,
    source: &str,
    primary: bool,
) -> Result<Cvss, String> {
    // The record is refused and not the score: a number that cannot be a score says that something
    // else in it is not what it seems.
    if !(0.0..=10.0).contains(&data.base_score) {
        return Err(format!("a CVSS score of {}", data.base_score));
    }
    let said = data.base_severity.as_deref().or(said);
    Ok(Cvss {
        version: data.version.to_string(),
        vector: data.vector_string.to_string(),
        score: data.base_score,
        severity: said.map_or_else(
            || severity(&data.version, data.base_score).to_owned(),
            |said| said.to_ascii_lowercase(),
        ),
        source: source.to_owned(),
        primary,
    })
}

fn weaknesses(raw: &[Weakness<'_>]) -> Vec<String> {
    // NVD writes `NVD-CWE-Other` and `NVD-CWE-noinfo` where it knows none.
    let texts = raw.iter().flat_map(|weakness| &weakness.description);
    distinct(
        texts.map(|text| text.value.as_ref()).filter(|value| value.starts_with("CWE-")).collect(),
    )
}

fn references(raw: &[Reference<'_>], note: Option<&Annotation<'_>>) -> Vec<String> {
    let of_note = note.into_iter().flat_map(|note| &note.references);
    distinct(
        raw.iter()
            .map(|reference| reference.url.as_ref())
            .chain(of_note.map(AsRef::as_ref))
            .collect(),
    )
}

/// The texts in their order, each once.
fn distinct(mut texts: Vec<&str>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| seen.insert(*text));
    texts.into_iter().map(str::to_owned).collect()
}

fn exploited(id: CveId, cve: &RawCve<'_>) -> Result<Option<KevEntry>, String> {
    let text = |field: &Option<Cow<'_, str>>| field.as_deref().unwrap_or_default().to_owned();
    let Some(added_on) = cve.cisa_exploit_add.as_deref() else {
        return Ok(None);
    };
    Ok(Some(KevEntry {
        cve: id,
        name: text(&cve.cisa_vulnerability_name),
        added_on: kev::date(added_on)?,
        due_on: text(&cve.cisa_action_due),
        required_action: text(&cve.cisa_required_action),
        // NVD does not repeat this; the catalogue itself does.
        ransomware: false,
    }))
}

fn products(affected: &[RawAffectedBy<'_>]) -> Vec<CnaProduct> {
    let by_source = affected.iter().flat_map(|by| {
        let products = by.affected_data.iter();
        products.map(|product| product.product(&by.source))
    });
    by_source.collect()
}

/// CISA's decision; NVD repeats it in the record.
fn decision(decisions: &[RawSsvc<'_>]) -> Option<Ssvc> {
    let options = &decisions.first()?.ssvc_data.options;
    let words = options.iter().flatten();
    Some(program::ssvc(words.map(|(name, word)| (name.as_ref(), word.as_ref()))))
}

/// A configuration, of NVD's records and of the CVE programme's alike.
pub(super) fn configuration(raw: &RawConfiguration<'_>) -> Configuration {
    Configuration {
        all: is_and(raw.operator.as_deref()),
        negate: raw.negate,
        nodes: raw.nodes.iter().map(node).collect(),
    }
}

fn node(raw: &RawNode<'_>) -> Node {
    Node {
        all: is_and(raw.operator.as_deref()),
        negate: raw.negate,
        matches: raw.cpe_match.iter().map(cpe_match).collect(),
    }
}

/// The operator is optional, and then means OR.
fn is_and(operator: Option<&str>) -> bool {
    operator.is_some_and(|operator| operator.eq_ignore_ascii_case("and"))
}

fn cpe_match(raw: &RawMatch<'_>) -> CpeMatch {
    // Bounds with spaces around them occur.
    let bound = |text: &Option<Cow<'_, str>>| {
        text.as_deref()
            .map(str::trim)
            // CVE-2021-46973 had `" 5.10.35"`; a bound of spaces alone is none.
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    CpeMatch {
        vulnerable: raw.vulnerable,
        criteria: raw.criteria.to_string(),
        range: Range {
            start_including: bound(&raw.version_start_including),
            start_excluding: bound(&raw.version_start_excluding),
            end_including: bound(&raw.version_end_including),
            end_excluding: bound(&raw.version_end_excluding),
        },
    }
}

#[cfg(test)]
mod tests;
