//! How bad the CVEs are that advisories name: texts and scores without what they apply to.
//!
//! A distribution says which of its packages a CVE is in and often not how bad it is; a first run
//! without these could not put the worst first.

use std::collections::{BTreeMap, BTreeSet};

use enrichment::cve::{CveId, CveRecord, Cvss, RecordSource, Timestamp};
use serde_json::{Value, json};

use crate::cvss_data;

/// CISA as an Authorized Data Publisher, which makes a record one that is read.
const CISA: &str = "134c704f-9b21-4f2e-91b3-4a467353bcc0";
const CISA_NAME: &str = "CISA-ADP";

/// The newest scored record of each CVE that advisories name.
pub(crate) struct Ratings {
    named: BTreeSet<CveId>,
    records: BTreeMap<CveId, CveRecord>,
}

impl Ratings {
    pub(crate) const fn of(named: BTreeSet<CveId>) -> Self {
        Self { named, records: BTreeMap::new() }
    }

    pub(crate) fn named(&self) -> impl Iterator<Item = CveId> {
        self.named.iter().copied()
    }

    pub(crate) fn add(&mut self, record: &CveRecord) {
        if record.cvss.is_empty() || !self.named.contains(&record.id) {
            return;
        }
        let is_better =
            self.records.get(&record.id).is_none_or(|other| rank(other) <= rank(record));
        if is_better {
            let mut rating = record.clone();
            // Their size is most of a record's, and nothing here is to be applied.
            rating.configurations = Vec::new();
            rating.cna = Vec::new();
            rating.references = Vec::new();
            self.records.insert(record.id, rating);
        }
    }

    /// The records of CVEs that nothing else of the bundle tells about.
    pub(crate) fn missing(
        &self,
        is_told: impl Fn(CveId) -> bool,
    ) -> impl Iterator<Item = &CveRecord> {
        self.records.values().filter(move |record| !is_told(record.id))
    }
}

/// NVD's own analysis before CISA's, then the newer.
fn rank(record: &CveRecord) -> (bool, Option<Timestamp>) {
    (record.source == RecordSource::Nvd, record.modified)
}

/// A record of the CVE programme as CISA has added to it.
pub(crate) fn to_json(record: &CveRecord) -> Value {
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let weaknesses: Vec<Value> = record
        .cwes
        .iter()
        .map(|cwe| json!({"descriptions": [{"lang": "en", "cweId": cwe, "description": cwe}]}))
        .collect();
    let (by_cisa, by_others): (Vec<_>, Vec<_>) =
        record.cvss.iter().partition(|score| score.source == CISA_NAME);
    // A container has one name for all its scores.
    let assigner = by_others.first().map_or("", |score| score.source.as_str());
    json!({
        "dataType": "CVE_RECORD",
        "dataVersion": "5.1",
        "cveMetadata": {
            "cveId": record.id,
            "state": "PUBLISHED",
            "datePublished": instant(record.published),
            "dateUpdated": instant(record.modified),
        },
        "containers": {
            "cna": {
                "providerMetadata": {"orgId": "", "shortName": assigner},
                "descriptions": [{"lang": "en", "value": record.summary}],
                "problemTypes": weaknesses,
                "metrics": metrics(&by_others),
            },
            "adp": [{
                "providerMetadata": {"orgId": CISA, "shortName": CISA_NAME},
                "metrics": metrics(&by_cisa),
            }],
        },
    })
}

fn metrics(scores: &[&Cvss]) -> Vec<Value> {
    let one = |score: &&Cvss| {
        let name = match score.version.as_str() {
            "4.0" => "cvssV4_0",
            "3.1" => "cvssV3_1",
            "3.0" => "cvssV3_0",
            _ => "cvssV2_0",
        };
        json!({name: cvss_data(score)})
    };
    scores.iter().map(one).collect()
}
