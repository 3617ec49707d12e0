//! Records by columns, with a table of strings and a table of installation times.
//!
//! Names and versions stay together, because a dictionary holds them together; every other field
//! is a column, because neighbours in a column are alike. Vendors, architectures and origins name
//! entries of a string table: the first entry is 1, and 0 is the empty string. Times are the
//! distinct ones in growing order, each as the distance to the one before, and a column of
//! numbers into them: the first is 1, and 0 is "not known". Which kernel runs is said of so few
//! records that they are listed by their numbers, from 0.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{DecodeError, SLACK, bounded};
use crate::limits;
use crate::software::{SoftwareRecord, Source};

const RECORDS: usize = limits::REPORT_RECORDS_MAX * SLACK;
const STRINGS: usize = limits::REPORT_STRINGS_MAX * SLACK;
const LOCATIONS: usize = limits::LOCATIONS_MAX * SLACK;

/// A string of the table is copied for every record that names it, so this limit holds back a
/// short message that unfolds to a large one.
const STRING_BYTES: usize = limits::LABEL_BYTES_MAX * SLACK;

/// A number into one of the two tables.
type Id = u16;

/// A report's table of strings.
#[derive(Serialize, Deserialize)]
pub(super) struct WireStrings<'a>(
    #[serde(borrow, deserialize_with = "bounded::list::<_, _, STRINGS>")] Vec<&'a str>,
);

/// What a record is called.
#[derive(Serialize, Deserialize)]
struct WireIdentity<'a> {
    name: &'a str,
    source_name: &'a str,
    version: &'a str,
    source_version: &'a str,
}

/// The places of one record.
#[derive(Serialize, Deserialize)]
struct WireLocations<'a>(
    #[serde(borrow, deserialize_with = "bounded::list::<_, _, LOCATIONS>")] Vec<&'a str>,
);

/// The records of a report; all columns but `times` have one entry a record.
#[derive(Serialize, Deserialize)]
pub(super) struct WireRecords<'a> {
    #[serde(borrow, deserialize_with = "bounded::list::<_, _, RECORDS>")]
    identities: Vec<WireIdentity<'a>>,
    #[serde(borrow, deserialize_with = "bounded::list::<_, _, RECORDS>")]
    releases: Vec<&'a str>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    sources: Vec<Source>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    vendors: Vec<Id>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    archs: Vec<Id>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    origins: Vec<Id>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    epochs: Vec<Option<u32>>,
    #[serde(borrow, deserialize_with = "bounded::list::<_, _, RECORDS>")]
    bundle_ids: Vec<&'a str>,
    #[serde(borrow, deserialize_with = "bounded::list::<_, _, RECORDS>")]
    locations: Vec<WireLocations<'a>>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    times: Vec<u32>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    installed: Vec<Id>,
    #[serde(deserialize_with = "bounded::list::<_, _, RECORDS>")]
    kernels: Vec<WireKernel>,
}

/// A record of which is known whether it is of the kernel that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct WireKernel {
    /// The record's number, from 0.
    record: u16,
    running: bool,
}

impl<'a> WireRecords<'a> {
    /// The columns of the records, and the table that they point into.
    pub(super) fn new(records: &'a [SoftwareRecord]) -> (WireStrings<'a>, Self) {
        let mut strings = StringTable::default();
        let times = TimeTable::new(records);
        let wire = Self {
            identities: records.iter().map(WireIdentity::new).collect(),
            releases: column(records, |r| r.release.as_str()),
            sources: column(records, |r| r.source),
            vendors: column(records, |r| strings.intern(&r.vendor)),
            archs: column(records, |r| strings.intern(&r.arch)),
            origins: column(records, |r| strings.intern(&r.origin)),
            epochs: column(records, |r| r.epoch),
            bundle_ids: column(records, |r| r.bundle_id.as_str()),
            locations: column(records, |r| {
                WireLocations(r.locations.iter().map(String::as_str).collect())
            }),
            times: times.steps(),
            installed: column(records, |r| times.id(r.installed_at_s)),
            kernels: kernels(records),
        };
        (WireStrings(strings.strings), wire)
    }

    /// The records.
    ///
    /// # Errors
    ///
    /// When a column is shorter or longer than the others, or points past its table.
    pub(super) fn into_records(
        self,
        strings: &WireStrings<'_>,
    ) -> Result<Vec<SoftwareRecord>, DecodeError> {
        strings.check()?;
        self.check_columns()?;
        // Lengths are equal from here on, so indexing by the identities' number cannot fail.
        let times = sums(&self.times);
        let running = running(&self.kernels, self.identities.len())?;
        let mut locations = self.locations.into_iter();
        let mut records = Vec::with_capacity(self.identities.len());
        for (i, identity) in self.identities.iter().enumerate() {
            records.push(SoftwareRecord {
                source: self.sources[i],
                name: identity.name.to_owned(),
                version: identity.version.to_owned(),
                epoch: self.epochs[i],
                release: self.releases[i].to_owned(),
                // Every string is copied out here: at most 400 records of three strings of 2 KiB,
                // from a message of at most 1 MiB. That is the most that one report can unfold to.
                arch: strings.get(self.archs[i])?,
                vendor: strings.get(self.vendors[i])?,
                source_name: identity.source_name.to_owned(),
                source_version: identity.source_version.to_owned(),
                origin: strings.get(self.origins[i])?,
                bundle_id: self.bundle_ids[i].to_owned(),
                running: running[i],
                installed_at_s: time(&times, self.installed[i])?,
                locations: locations.next().map(WireLocations::into_owned).unwrap_or_default(),
            });
        }
        Ok(records)
    }

    fn check_columns(&self) -> Result<(), DecodeError> {
        let records = self.identities.len();
        let columns = [
            ("releases", self.releases.len()),
            ("sources", self.sources.len()),
            ("vendors", self.vendors.len()),
            ("archs", self.archs.len()),
            ("origins", self.origins.len()),
            ("epochs", self.epochs.len()),
            ("bundle_ids", self.bundle_ids.len()),
            ("locations", self.locations.len()),
            ("installed", self.installed.len()),
        ];
        match columns.into_iter().find(|(_, entries)| *entries != records) {
            None => Ok(()),
            Some((column, entries)) => Err(DecodeError::Column { column, entries, records }),
        }
    }
}

/// The records that are of a kernel, in their order.
fn kernels(records: &[SoftwareRecord]) -> Vec<WireKernel> {
    // A hundred records stay far below the type's range.
    (0_u16..)
        .zip(records)
        .filter_map(|(record, of)| of.running.map(|running| WireKernel { record, running }))
        .collect()
}

/// Back from [`kernels`], for each record. Their numbers grow, so that one list has one form.
fn running(kernels: &[WireKernel], records: usize) -> Result<Vec<Option<bool>>, DecodeError> {
    let mut all = vec![None; records];
    let mut rest = 0;
    for kernel in kernels {
        let number = usize::from(kernel.record);
        if number < rest || number >= records {
            return Err(DecodeError::UnknownKernel(kernel.record, records));
        }
        all[number] = Some(kernel.running);
        rest = number + 1;
    }
    Ok(all)
}

fn column<'a, T>(
    records: &'a [SoftwareRecord],
    field: impl FnMut(&'a SoftwareRecord) -> T,
) -> Vec<T> {
    records.iter().map(field).collect()
}

impl<'a> WireIdentity<'a> {
    fn new(record: &'a SoftwareRecord) -> Self {
        Self {
            name: &record.name,
            source_name: &record.source_name,
            version: &record.version,
            source_version: &record.source_version,
        }
    }
}

impl WireLocations<'_> {
    fn into_owned(self) -> Vec<String> {
        self.0.into_iter().map(str::to_owned).collect()
    }
}

impl WireStrings<'_> {
    fn check(&self) -> Result<(), DecodeError> {
        match self.0.iter().find(|text| text.len() > STRING_BYTES) {
            None => Ok(()),
            Some(text) => Err(DecodeError::LongString(text.len())),
        }
    }

    fn get(&self, id: Id) -> Result<String, DecodeError> {
        let Some(index) = id.checked_sub(1) else {
            return Ok(String::new());
        };
        self.0
            .get(usize::from(index))
            .map(|text| (*text).to_owned())
            .ok_or(DecodeError::UnknownString(id, self.0.len()))
    }
}

/// Gives every distinct string of a report a number.
#[derive(Default)]
struct StringTable<'a> {
    numbers: HashMap<&'a str, Id>,
    strings: Vec<&'a str>,
}

impl<'a> StringTable<'a> {
    fn intern(&mut self, text: &'a str) -> Id {
        if text.is_empty() {
            return 0;
        }
        *self.numbers.entry(text).or_insert_with(|| {
            self.strings.push(text);
            // Three strings a record and a hundred records stay far below the type's range.
            Id::try_from(self.strings.len()).unwrap_or(0)
        })
    }
}

/// The distinct installation times of a report, in growing order.
struct TimeTable(Vec<u32>);

impl TimeTable {
    fn new(records: &[SoftwareRecord]) -> Self {
        let times: BTreeSet<_> = records.iter().filter_map(|r| r.installed_at_s).collect();
        Self(times.into_iter().collect())
    }

    fn steps(&self) -> Vec<u32> {
        // The set is sorted and distinct, so no step is negative and only the first can be 0.
        let before = std::iter::once(&0).chain(&self.0);
        self.0.iter().zip(before).map(|(at, before)| at - before).collect()
    }

    fn id(&self, at: Option<u32>) -> Id {
        at.and_then(|at| self.0.binary_search(&at).ok())
            .and_then(|index| Id::try_from(index + 1).ok())
            .unwrap_or(0)
    }
}

/// Back from [`TimeTable::steps`]. A hostile table ends in the year 2106 instead of wrapping.
fn sums(steps: &[u32]) -> Vec<u32> {
    let mut at = 0_u32;
    let add = |step: &u32| {
        at = at.saturating_add(*step);
        at
    };
    steps.iter().map(add).collect()
}

fn time(times: &[u32], id: Id) -> Result<Option<u32>, DecodeError> {
    let Some(index) = id.checked_sub(1) else {
        return Ok(None);
    };
    times
        .get(usize::from(index))
        .map(|at| Some(*at))
        .ok_or(DecodeError::UnknownTime(id, times.len()))
}

#[cfg(test)]
mod tests;
