//! What a report must keep before a collector may acknowledge it.

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
        self.validate_range(&keys)?;
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
        texts.extend(
            self.sources
                .iter()
                .map(|status| ("source reason", &status.reason)),
        );
        for (field, text) in texts {
            let max = limits::FACT_BYTES_MAX;
            if text.len() > max || text.chars().any(char::is_control) {
                return Err(InvalidReport::FactTooLong {
                    field,
                    bytes: text.len(),
                    max,
                });
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

    fn validate_range(&self, keys: &[SoftwareKey]) -> Result<(), InvalidReport> {
        let ReportBody::Snapshot { from, to, .. } = &self.body else {
            return Ok(());
        };
        let mut least = *from;
        for (record, key) in keys.iter().enumerate() {
            let is_inside = *key >= least && to.is_none_or(|to| *key < to);
            if !is_inside {
                return Err(InvalidReport::OutOfRange { record });
            }
            // The next one has to be greater, so one key cannot stand twice; the greatest key of
            // all has no successor, and nothing may follow it.
            match key.0.checked_add(1) {
                Some(next) => least = SoftwareKey(next),
                None if record + 1 < keys.len() => {
                    return Err(InvalidReport::OutOfRange { record: record + 1 });
                }
                None => {}
            }
        }
        Ok(())
    }
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
        (
            "source_version",
            &record.source_version,
            limits::VERSION_BYTES_MAX,
        ),
        ("origin", &record.origin, limits::LABEL_BYTES_MAX),
        ("bundle_id", &record.bundle_id, limits::NAME_BYTES_MAX),
    ];
    let locations = record
        .locations
        .iter()
        .map(|text| ("location", text, limits::LOCATION_BYTES_MAX));
    for (field, text, max) in texts.into_iter().chain(locations) {
        if text.len() > max {
            return Err(InvalidReport::TooLong {
                record: number,
                field,
                bytes: text.len(),
                max,
            });
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidReport::ControlCharacter {
                record: number,
                field,
            });
        }
    }
    Ok(())
}
