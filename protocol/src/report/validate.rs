//! What a report must keep before a collector may acknowledge it.

use std::collections::HashSet;

use super::{InvalidReport, Report, ReportBody};
use crate::fingerprint::SoftwareKey;
use crate::ids::{Epoch, Seq};
use crate::limits;
use crate::software::SoftwareRecord;

impl Report {
    /// Checks every limit and rule, and gives the keys of the records in their order.
    ///
    /// # Errors
    ///
    /// The first limit or rule that the report breaks. Such a report can never be taken.
    pub fn validate(&self) -> Result<Vec<SoftwareKey>, InvalidReport> {
        if self.position.epoch == Epoch(0) || self.position.seq == Seq(0) {
            return Err(InvalidReport::ZeroPosition);
        }
        // First of all, because everything below is work that grows with the records.
        let count = self.body.record_count();
        if count > limits::REPORT_RECORDS_MAX {
            return Err(InvalidReport::TooManyRecords(count));
        }
        self.validate_facts()?;
        let records = self.body.records();
        let mut keys = Vec::with_capacity(records.len());
        for (number, record) in records.iter().enumerate() {
            validate_record(number, record)?;
            keys.push(SoftwareKey::of(record, &self.platform));
        }
        // After the records, so that a sender with two mistakes hears of the one in its data first.
        self.validate_start()?;
        match &self.body {
            ReportBody::Snapshot { from, to, .. } => validate_range(*from, *to, &keys)?,
            ReportBody::Delta { removes, .. } => validate_distinct(&keys, removes)?,
        }
        Ok(keys)
    }

    fn validate_facts(&self) -> Result<(), InvalidReport> {
        let platform = &self.platform;
        let mut texts = vec![
            ("platform family", &platform.family),
            ("platform id", &platform.id),
            ("platform version", &platform.version),
        ];
        if let Some(facts) = &self.facts {
            texts.extend([
                ("hostname", &facts.hostname),
                // The facts carry a platform of their own. It is shown and never judges: keys are
                // computed with the report's.
                ("facts' platform family", &facts.platform.family),
                ("facts' platform id", &facts.platform.id),
                ("facts' platform version", &facts.platform.version),
                ("os name", &facts.os_name),
                ("os codename", &facts.os_codename),
                ("os build", &facts.os_build),
                ("kernel", &facts.kernel),
                ("arch", &facts.arch),
                ("cpu model", &facts.cpu_model),
                ("agent version", &facts.agent_version),
            ]);
        }
        texts.extend(self.sources.iter().map(|status| ("source reason", &status.reason)));
        for (field, text) in texts {
            let max = limits::FACT_BYTES_MAX;
            if text.len() > max {
                return Err(InvalidReport::FactTooLong { field, bytes: text.len(), max });
            }
            if text.chars().any(char::is_control) {
                return Err(InvalidReport::FactControlCharacter { field });
            }
        }
        if self.sources.len() > limits::REPORT_SOURCES_MAX {
            return Err(InvalidReport::TooMany {
                what: "sources",
                count: self.sources.len(),
                max: limits::REPORT_SOURCES_MAX,
            });
        }
        Ok(())
    }

    /// An epoch's first report says what the host has below its range's end, so that nothing of
    /// the epoch before stays unseen.
    fn validate_start(&self) -> Result<(), InvalidReport> {
        let begins = match &self.body {
            ReportBody::Snapshot { from, .. } => *from == SoftwareKey(0),
            ReportBody::Delta { .. } => false,
        };
        if self.position.seq == Seq(1) && !begins {
            return Err(InvalidReport::EpochWithoutSnapshot);
        }
        Ok(())
    }
}

fn validate_range(
    from: SoftwareKey,
    to: Option<SoftwareKey>,
    keys: &[SoftwareKey],
) -> Result<(), InvalidReport> {
    // An empty range would say nothing, and a backward one would make a store delete between two
    // keys in the wrong order.
    if to.is_some_and(|to| to <= from) {
        return Err(InvalidReport::EmptyRange);
    }
    let mut before = None;
    for (record, key) in keys.iter().enumerate() {
        let is_inside = *key >= from && to.is_none_or(|to| *key < to);
        // Strictly growing, so one key cannot stand twice.
        if !is_inside || before.is_some_and(|before| before >= *key) {
            return Err(InvalidReport::OutOfRange { record });
        }
        before = Some(*key);
    }
    Ok(())
}

fn validate_distinct(
    upserts: &[SoftwareKey],
    removes: &[SoftwareKey],
) -> Result<(), InvalidReport> {
    let mut seen = HashSet::with_capacity(upserts.len() + removes.len());
    // An upsert and a remove of one key in one report would mean one thing or the other by their
    // order, and the wire has none between the two lists.
    for (record, key) in upserts.iter().chain(removes).enumerate() {
        if !seen.insert(key) {
            return Err(InvalidReport::RepeatedKey { record });
        }
    }
    Ok(())
}

impl ReportBody {
    /// The records that it brings.
    #[must_use]
    pub fn records(&self) -> &[SoftwareRecord] {
        match self {
            Self::Snapshot { records, .. } => records,
            Self::Delta { upserts, .. } => upserts,
        }
    }
}

fn validate_record(number: usize, record: &SoftwareRecord) -> Result<(), InvalidReport> {
    // An empty version is a fact ("not known") and is kept; without a name there is nothing to show
    // or judge.
    if record.name.is_empty() {
        return Err(InvalidReport::EmptyName { record: number });
    }
    if record.locations.len() > limits::LOCATIONS_MAX {
        return Err(InvalidReport::TooMany {
            what: "locations",
            count: record.locations.len(),
            max: limits::LOCATIONS_MAX,
        });
    }
    let texts = [
        ("name", &record.name, limits::NAME_BYTES_MAX),
        ("version", &record.version, limits::VERSION_BYTES_MAX),
        ("release", &record.release, limits::VERSION_BYTES_MAX),
        ("arch", &record.arch, limits::LABEL_BYTES_MAX),
        ("vendor", &record.vendor, limits::LABEL_BYTES_MAX),
        ("source_name", &record.source_name, limits::NAME_BYTES_MAX),
        ("source_version", &record.source_version, limits::VERSION_BYTES_MAX),
        ("origin", &record.origin, limits::LABEL_BYTES_MAX),
        ("bundle_id", &record.bundle_id, limits::NAME_BYTES_MAX),
    ];
    let locations =
        record.locations.iter().map(|text| ("location", text, limits::LOCATION_BYTES_MAX));
    for (field, text, max) in texts.into_iter().chain(locations) {
        if text.len() > max {
            return Err(InvalidReport::TooLong { record: number, field, bytes: text.len(), max });
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidReport::ControlCharacter { record: number, field });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
