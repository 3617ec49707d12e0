//! Where one report ends and the next begins: by records, and by bytes before they are packed.
//!
//! The bytes are an upper bound that needs no encoding: texts with their lengths, numbers as long as
//! they can be. A report that keeps it fits a frame even where packing gains nothing.

use protocol::limits::{
    FACT_BYTES_MAX, FRAME_WIRE_BYTES_MAX, LABEL_BYTES_MAX, LOCATION_BYTES_MAX, LOCATIONS_MAX,
    NAME_BYTES_MAX, REASON_BYTES_MAX, REPORT_RECORDS_MAX, REPORT_SOURCES_MAX, VERSION_BYTES_MAX,
};
use protocol::software::SoftwareRecord;

/// Bytes of a number, of a text's length or of a list's.
const NUMBER_BYTES_MAX: usize = 10;
/// Numbers of a record beside the lengths of its texts: source, epoch, time, three strings' ids,
/// the count of locations, and of a kernel its number and whether it runs.
const RECORD_NUMBERS: usize = 9;
/// Texts of a record beside its locations.
const RECORD_TEXTS: usize = 9;
/// Bytes of a key that is removed: 128 bits, seven to a byte.
pub(super) const REMOVE_BYTES_MAX: usize = 19;

/// Texts of the host's facts.
const FACTS: usize = 11;

/// Bytes of everything in a report that is not a record.
const HEADING_BYTES_MAX: usize = (FACTS + 3) * (FACT_BYTES_MAX + NUMBER_BYTES_MAX)
    + REPORT_SOURCES_MAX * (REASON_BYTES_MAX + 4 * NUMBER_BYTES_MAX)
    + 1024;

/// Bytes of the records of one report.
// Against the frame's bound on the wire and not the larger one of the message: whether packing will
// gain anything is only known once it is done.
const RECORDS_BYTES_MAX: usize = FRAME_WIRE_BYTES_MAX - HEADING_BYTES_MAX;

// Even the longest record has to fit a report of its own.
const _: () = assert!(
    3 * NAME_BYTES_MAX
        + 3 * VERSION_BYTES_MAX
        + 3 * LABEL_BYTES_MAX
        + LOCATIONS_MAX * LOCATION_BYTES_MAX
        + (RECORD_NUMBERS + RECORD_TEXTS + LOCATIONS_MAX) * NUMBER_BYTES_MAX
        < RECORDS_BYTES_MAX
);

/// What has gone into a report so far.
#[derive(Debug, Default)]
pub(super) struct Cut {
    records: usize,
    bytes: usize,
}

impl Cut {
    /// Takes one more record of that many bytes, or says that the report is full.
    ///
    /// The first is always taken: one that no report holds is the collector's to refuse.
    pub(super) const fn takes(&mut self, bytes: usize) -> bool {
        let is_full = self.records >= REPORT_RECORDS_MAX
            || (self.records > 0 && self.bytes + bytes > RECORDS_BYTES_MAX);
        if !is_full {
            self.records += 1;
            self.bytes += bytes;
        }
        !is_full
    }
}

/// The most bytes that a record can take in a report.
pub(super) fn record_bytes_max(record: &SoftwareRecord) -> usize {
    let texts = [
        &record.name,
        &record.version,
        &record.release,
        &record.arch,
        &record.vendor,
        &record.source_name,
        &record.source_version,
        &record.origin,
        &record.bundle_id,
    ];
    texts
        .into_iter()
        .chain(&record.locations)
        .map(|text| text.len() + NUMBER_BYTES_MAX)
        .sum::<usize>()
        + RECORD_NUMBERS * NUMBER_BYTES_MAX
}
