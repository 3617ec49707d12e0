//! What taking files in came to.

use std::collections::BTreeMap;

use enrichment::cve::Timestamp;
use enrichment::feeds::FileReport;
use enrichment::index::BuildReport;
use store::feeds::Imported;
use time::OffsetDateTime;

use crate::feeds::ImportReport;

/// What taking in came to.
#[derive(Debug, Default)]
pub(in crate::feeds) struct TakenIn {
    /// The files, with the names of their sources.
    pub(in crate::feeds) files: Vec<(String, FileReport)>,
    /// CVEs whose row changed, by source.
    pub(in crate::feeds) changed: BTreeMap<String, u64>,
    pub(in crate::feeds) index: Option<BuildReport>,
}

impl ImportReport {
    pub(super) fn add(&mut self, taken: TakenIn) {
        self.files.extend(taken.files.into_iter().map(|(_, file)| file));
        self.changed += taken.changed.values().sum::<u64>();
        // The last one that was built: of several bundles and files each builds its own.
        self.index = taken.index.or_else(|| self.index.take());
    }
}

impl TakenIn {
    /// What came of one source.
    pub(in crate::feeds) fn of(&self, source: &str) -> Imported {
        let files = self.files.iter().filter(|(name, _)| name == source);
        let mut imported = Imported {
            changed: self.changed.get(source).copied().unwrap_or(0),
            ..Imported::default()
        };
        for (_, file) in files {
            imported.records += file.records;
            imported.skipped += file.skipped;
            let newest = file.newest.and_then(to_time);
            // `None` is less than any instant, so a file without dates takes nothing away.
            imported.newest_record_at = imported.newest_record_at.max(newest);
        }
        imported
    }
}

/// An instant of a feed as the database has it.
pub(super) fn to_time(at: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()
}
