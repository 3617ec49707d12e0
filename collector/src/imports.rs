//! Documents (SBOMs) as reports of an asset: what an agent would have sent that had found what they list.
//!
//! Records are made fit for the limits of the wire, which everything behind it counts on, and are a set: the
//! same software in two places of a document is one record. Nothing here asks a database.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use enrichment::sbom::{self, Component, Format, Sbom, SbomError, Warning, WarningKind};
use protocol::fingerprint::SoftwareKey;
use protocol::host::{HostFacts, Platform};
use protocol::ids::{AgentId, Position};
use protocol::limits::{self, REPORT_RECORDS_MAX};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source, SourceState, SourceStatus};
use store::reports::IncomingReport;
use time::OffsetDateTime;

/// Sources that documents have packages of.
const SOURCES: [Source; 13] = [
    Source::Deb,
    Source::Rpm,
    Source::Apk,
    Source::Pacman,
    Source::Python,
    Source::Npm,
    Source::Gem,
    Source::Cargo,
    Source::Go,
    Source::Maven,
    Source::Nuget,
    Source::Hex,
    Source::Component,
];
/// Names that are given of what was made fit.
const EXAMPLES_MAX: usize = 5;

/// What a document lists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) format: Format,
    pub(crate) version: String,
    /// Components that it has, those that are left out included.
    pub(crate) components: usize,
    pub(crate) platform: Platform,
    pub(crate) records: BTreeMap<SoftwareKey, SoftwareRecord>,
    pub(crate) warnings: Vec<Warning>,
}

/// Reads a document.
///
/// # Errors
///
/// When it is none; with the place.
pub(crate) fn read(document: &[u8]) -> Result<Listed, SbomError> {
    Ok(list(sbom::read(document)?))
}

fn list(sbom: Sbom) -> Listed {
    let mut unfit = Unfit::default();
    let platform = Platform {
        family: unfit.fit(sbom.system.family, limits::FACT_BYTES_MAX),
        id: unfit.fit(sbom.system.id, limits::FACT_BYTES_MAX),
        version: unfit.fit(sbom.system.version, limits::FACT_BYTES_MAX),
    };
    let mut records: BTreeMap<SoftwareKey, SoftwareRecord> = BTreeMap::new();
    for component in sbom.components {
        let Some(record) = record(component, &mut unfit) else {
            continue;
        };
        let key = SoftwareKey::of(&record, &platform);
        match records.entry(key) {
            Entry::Vacant(free) => {
                free.insert(record);
            }
            Entry::Occupied(mut same) => {
                add_locations(same.get_mut(), record.locations);
            }
        }
    }
    let mut warnings = sbom.warnings;
    warnings.extend(unfit.warning());
    Listed {
        format: sbom.format,
        version: sbom.version,
        components: sbom.seen,
        platform,
        records,
        warnings,
    }
}

/// In an order that does not depend on the document's, so that the same set is the same record.
fn add_locations(record: &mut SoftwareRecord, more: Vec<String>) {
    record.locations.extend(more);
    record.locations.sort_unstable();
    record.locations.dedup();
    record.locations.truncate(limits::LOCATIONS_MAX);
}

/// A component as a record; `None` for one without a name.
fn record(component: Component, unfit: &mut Unfit) -> Option<SoftwareRecord> {
    let source: Source = component.source.parse().ok()?;
    let before = unfit.texts;
    let label = component.name.clone();
    let mut record = SoftwareRecord {
        epoch: component.epoch,
        release: unfit.fit(component.release, limits::VERSION_BYTES_MAX),
        arch: unfit.fit(component.arch, limits::LABEL_BYTES_MAX),
        vendor: unfit.fit(component.vendor, limits::LABEL_BYTES_MAX),
        source_name: unfit.fit(component.source_name, limits::NAME_BYTES_MAX),
        source_version: unfit.fit(component.source_version, limits::VERSION_BYTES_MAX),
        origin: unfit.fit(component.origin, limits::LABEL_BYTES_MAX),
        bundle_id: unfit.fit(component.bundle_id, limits::NAME_BYTES_MAX),
        ..SoftwareRecord::new(
            source,
            unfit.fit(component.name, limits::NAME_BYTES_MAX),
            unfit.fit(component.version, limits::VERSION_BYTES_MAX),
        )
    };
    let locations = component.locations.into_iter();
    let locations = locations.map(|place| unfit.fit(place, limits::LOCATION_BYTES_MAX)).collect();
    add_locations(&mut record, locations);
    if unfit.texts > before {
        unfit.note(&label);
    }
    (!record.name.is_empty()).then_some(record)
}

/// Texts that were not as the wire has them.
#[derive(Debug, Default)]
struct Unfit {
    texts: u64,
    records: u64,
    examples: Vec<String>,
}

impl Unfit {
    /// A text without characters of control, and no longer than it may be.
    fn fit(&mut self, text: String, bytes_max: usize) -> String {
        if text.len() <= bytes_max && !text.chars().any(char::is_control) {
            return text;
        }
        self.texts += 1;
        let mut fit = text.replace(char::is_control, "\u{fffd}");
        fit.truncate(fit.floor_char_boundary(bytes_max));
        fit
    }

    /// Notes a record of which a text was made fit.
    fn note(&mut self, name: &str) {
        self.records += 1;
        if self.examples.len() < EXAMPLES_MAX {
            let name: String = name.chars().take(120).collect();
            self.examples.push(name.replace(char::is_control, "\u{fffd}"));
        }
    }

    fn warning(self) -> Option<Warning> {
        let Self { records, examples, .. } = self;
        (records > 0).then_some(Warning { kind: WarningKind::MadeFit, count: records, examples })
    }
}

/// Whose document it is, and its place in the asset's line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset<'a> {
    pub(crate) host: AgentId,
    pub(crate) name: &'a str,
    pub(crate) epoch: u32,
    pub(crate) at: OffsetDateTime,
}

impl Listed {
    /// The reports of a snapshot: each says what a stretch of the keys holds, together all of them.
    pub(crate) fn reports(&self, asset: Asset<'_>) -> Vec<IncomingReport> {
        let all: Vec<(&SoftwareKey, &SoftwareRecord)> = self.records.iter().collect();
        // A document without software still says so, in one part without any.
        let parts: Vec<&[(&SoftwareKey, &SoftwareRecord)]> =
            if all.is_empty() { vec![&all[..]] } else { all.chunks(REPORT_RECORDS_MAX).collect() };
        let mut from = SoftwareKey(0);
        let mut reports = Vec::with_capacity(parts.len());
        for (seq, part) in (1..).zip(&parts) {
            // Parts meet without a hole: each ends where the next begins.
            let to = usize::try_from(seq).ok().and_then(|next| parts.get(next));
            let to = to.map(|next| *next[0].0);
            let records = part.iter().map(|(_, record)| (*record).clone()).collect();
            let body = ReportBody::Snapshot { from, to, records };
            let keys = part.iter().map(|(key, _)| **key).collect();
            reports.push(self.report(asset, Position::new(asset.epoch, seq), body, keys));
            from = to.unwrap_or(SoftwareKey(u128::MAX));
        }
        reports
    }

    fn report(
        &self,
        asset: Asset<'_>,
        position: Position,
        body: ReportBody,
        keys: Vec<SoftwareKey>,
    ) -> IncomingReport {
        let is_first = position.seq.0 == 1;
        let report = Report {
            position,
            made_at_ms: u64::try_from(asset.at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0),
            platform: self.platform.clone(),
            facts: is_first.then(|| Box::new(self.facts(asset.name))),
            sources: if is_first { self.sources() } else { Vec::new() },
            body,
            digest: None,
        };
        IncomingReport { agent: asset.host, report, keys, received_at: asset.at }
    }

    fn facts(&self, name: &str) -> HostFacts {
        let Platform { id, version, .. } = &self.platform;
        HostFacts {
            hostname: name.to_owned(),
            platform: self.platform.clone(),
            os_name: [id.as_str(), version].join(" ").trim().to_owned(),
            ..HostFacts::default()
        }
    }

    /// How much the document has of each source. Those that it has nothing of are said as well: the document
    /// before may have had some.
    fn sources(&self) -> Vec<SourceStatus> {
        let status = |source: Source| {
            let records = self.records.values().filter(|record| record.source == source).count();
            let state = if records == 0 { SourceState::Absent } else { SourceState::Ok };
            SourceStatus {
                source,
                state,
                reason: String::new(),
                records: u32::try_from(records).unwrap_or(u32::MAX),
                took_ms: 0,
            }
        };
        SOURCES.into_iter().map(status).collect()
    }
}

#[cfg(test)]
mod tests;
