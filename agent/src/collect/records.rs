//! What a reader hands over: drafts made of raw bytes, kept as records that the wire takes.
//!
//! Readers parse; this file alone decides what a record may look like. It never keeps more records
//! than there is room for, by their number and by the memory that they take.

use std::path::Path;

use protocol::limits::{
    LABEL_BYTES_MAX, LOCATION_BYTES_MAX, LOCATIONS_MAX, NAME_BYTES_MAX, VERSION_BYTES_MAX,
};
use protocol::software::{SoftwareRecord, Source};

use super::defects::{Defects, ReadError};
use super::homes;
use super::text::clean;

/// A record as a source has it: the fields of [`SoftwareRecord`], raw. Empty means not said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Draft<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) version: &'a [u8],
    pub(crate) epoch: Option<u32>,
    pub(crate) release: &'a [u8],
    pub(crate) arch: &'a [u8],
    pub(crate) vendor: &'a [u8],
    /// The source package's name; dropped where it is `name`.
    pub(crate) source_name: &'a [u8],
    /// The source package's version; dropped where it is `version`.
    pub(crate) source_version: &'a [u8],
    pub(crate) origin: &'a [u8],
    pub(crate) bundle_id: &'a [u8],
    pub(crate) installed_at_s: Option<u32>,
    /// Where it was seen: a path below the root with a leading slash, or a key of the registry. The
    /// names of people in it are taken out here, see [`homes`].
    pub(crate) location: &'a [u8],
    /// A second place, such as the folder that an entry of the registry names.
    pub(crate) also_at: &'a [u8],
}

/// What may still be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Records.
    pub(crate) records: usize,
    /// Bytes of memory that they take together.
    pub(crate) bytes: usize,
}

impl Room {
    /// Takes the room of a record, if there is enough of it.
    pub(crate) fn take(&mut self, record: &SoftwareRecord) -> bool {
        let (Some(records), Some(bytes)) =
            (self.records.checked_sub(1), self.bytes.checked_sub(weight(record)))
        else {
            return false;
        };
        *self = Self { records, bytes };
        true
    }
}

/// Bytes of memory that a record takes, near enough to add them up.
fn weight(record: &SoftwareRecord) -> usize {
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
    let texts = texts.into_iter().map(String::len);
    let locations = record.locations.iter().map(|place| size_of::<String>() + place.len());
    size_of::<SoftwareRecord>() + texts.chain(locations).sum::<usize>()
}

/// The records of one source, while it is read.
#[derive(Debug)]
pub(crate) struct Records {
    source: Source,
    /// What there was at the beginning, and what is left of it.
    room: Room,
    left: Room,
    list: Vec<SoftwareRecord>,
    defects: Defects,
}

impl Records {
    /// The records of a source that has so much room.
    pub(crate) fn new(source: Source, room: Room) -> Self {
        Self { source, room, left: room, list: Vec::new(), defects: Defects::default() }
    }

    /// Takes a draft in, as far as it has a name and there is room.
    pub(crate) fn push(&mut self, draft: &Draft<'_>) {
        if self.left.records == 0 {
            return self.over();
        }
        let defects = &mut self.defects;
        let name = clean(draft.name, NAME_BYTES_MAX, defects);
        if name.is_empty() {
            defects.nameless = defects.nameless.saturating_add(1);
            return;
        }
        // An unknown version is kept: the collector says that it cannot be judged.
        let version = clean(draft.version, VERSION_BYTES_MAX, defects);
        let source_name = clean(draft.source_name, NAME_BYTES_MAX, defects);
        let source_version = clean(draft.source_version, VERSION_BYTES_MAX, defects);
        let locations = locations(draft, defects);
        let record = SoftwareRecord {
            // What the source package shares with this one is said once.
            source_name: unless(source_name, &name),
            source_version: unless(source_version, &version),
            source: self.source,
            name,
            version,
            epoch: draft.epoch,
            release: clean(draft.release, VERSION_BYTES_MAX, defects),
            arch: clean(draft.arch, LABEL_BYTES_MAX, defects),
            vendor: clean(draft.vendor, LABEL_BYTES_MAX, defects),
            origin: clean(draft.origin, LABEL_BYTES_MAX, defects),
            bundle_id: clean(draft.bundle_id, NAME_BYTES_MAX, defects),
            // What runs is the host's to say and not a source's, see `Inventory`.
            running: None,
            installed_at_s: draft.installed_at_s,
            locations,
        };
        if self.left.take(&record) {
            self.list.push(record);
        } else {
            self.over();
        }
    }

    /// Counts a record that there is no room for. It is said in the source's status: a cut that nobody sees would
    /// look like software that is not there.
    fn over(&mut self) {
        self.defects.over = self.defects.over.saturating_add(1);
    }

    /// Notes that a record cannot be read.
    pub(crate) fn unreadable(&mut self, path: &Path, what: &'static str) {
        self.defects.unreadable(&ReadError::damaged(path, what));
    }

    /// Goes on without one file that cannot be read, but not once the time box has ended.
    pub(crate) fn tolerate<T>(
        &mut self,
        result: Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(ReadError::Stopped) => Err(ReadError::Stopped),
            Err(error) => {
                self.defects.unreadable(&error);
                Ok(None)
            }
        }
    }

    /// The records so far, for a second look.
    pub(crate) fn list_mut(&mut self) -> &mut [SoftwareRecord] {
        &mut self.list
    }

    /// Forgets everything, for a source that has to be read once more.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.source, self.room);
    }

    /// What was found, and what was lost on the way.
    pub(crate) fn finish(self) -> (Vec<SoftwareRecord>, Defects) {
        (self.list, self.defects)
    }
}

/// Makes one record of two that are the same software: seen in both places, there since the
/// earlier time. The result does not depend on the order in which the two were found.
pub(crate) fn merge(into: &mut SoftwareRecord, other: SoftwareRecord) {
    into.installed_at_s = match (into.installed_at_s, other.installed_at_s) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    into.locations.extend(other.locations);
    // Sorted before it is cut, so that the same places stay whatever came first.
    into.locations.sort_unstable();
    into.locations.dedup();
    into.locations.truncate(LOCATIONS_MAX);
}

/// The text, or nothing where it is the other one.
fn unless(text: String, other: &str) -> String {
    if text == other { String::new() } else { text }
}

/// The places of a draft, as `merge` leaves them.
fn locations(draft: &Draft<'_>, defects: &mut Defects) -> Vec<String> {
    let mut locations: Vec<String> = [draft.location, draft.also_at]
        .into_iter()
        .map(|place| clean(&homes::shown(place), LOCATION_BYTES_MAX, defects))
        .filter(|place| !place.is_empty())
        .collect();
    locations.sort_unstable();
    locations.dedup();
    locations.shrink_to_fit();
    locations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(drafts: &[Draft<'_>], room: usize) -> (Vec<SoftwareRecord>, Defects) {
        let room = Room { records: room, bytes: usize::MAX };
        let mut records = Records::new(Source::Deb, room);
        for draft in drafts {
            records.push(draft);
        }
        records.finish()
    }

    #[test]
    fn keeps_a_source_package_only_where_it_differs() {
        let draft = Draft {
            name: b"bash",
            version: b"5.2-1",
            source_name: b"bash",
            source_version: b"5.2-1",
            ..Draft::default()
        };
        let (records, defects) = pushed(&[draft], 10);
        assert_eq!(records, [SoftwareRecord::new(Source::Deb, "bash", "5.2-1")]);
        assert!(defects.is_empty());
    }

    #[test]
    fn takes_no_record_without_a_name_but_one_without_a_version() {
        let nameless = Draft { name: b" ", version: b"1", ..Draft::default() };
        let unversioned = Draft { name: b"a", ..Draft::default() };
        let (records, defects) = pushed(&[nameless, unversioned], 10);
        assert_eq!(records, [SoftwareRecord::new(Source::Deb, "a", "")]);
        assert_eq!(defects.nameless, 1);
    }

    #[test]
    fn counts_what_there_is_no_room_for() {
        let draft = Draft { name: b"a", ..Draft::default() };
        let (records, defects) = pushed(&[draft, draft, draft], 2);
        assert_eq!((records.len(), defects.over), (2, 1));
    }

    #[test]
    fn counts_what_takes_more_memory_than_there_is() {
        let place = [b'x'; LOCATION_BYTES_MAX];
        let large = Draft { name: b"a", location: &place, ..Draft::default() };
        let small = Draft { name: b"b", ..Draft::default() };
        let bytes = 2 * (LOCATION_BYTES_MAX + size_of::<SoftwareRecord>());
        let mut records = Records::new(Source::Deb, Room { records: 100, bytes });
        for draft in [large, large, small, large] {
            records.push(&draft);
        }
        let (list, defects) = records.finish();
        let names: Vec<_> = list.iter().map(|record| record.name.as_str()).collect();
        assert_eq!((names, defects.over), (vec!["a", "b"], 2));
    }

    #[test]
    fn keeps_both_places_and_nobodys_name() {
        let draft = Draft {
            name: b"a",
            location: b"/home/alice/.vscode/extensions",
            also_at: br"C:\Users\Alice Doe\AppData\a",
            ..Draft::default()
        };
        let (records, defects) = pushed(&[draft], 10);
        assert_eq!(records[0].locations, [r"~/.vscode/extensions", r"~\AppData\a"]);
        assert!(defects.is_empty());
    }

    #[test]
    fn merges_alike_in_any_order() {
        let at = |location: &str, installed_at_s| SoftwareRecord {
            installed_at_s,
            locations: vec![location.to_owned()],
            ..SoftwareRecord::new(Source::Npm, "a", "1")
        };
        let all = [
            at("/d", Some(3)),
            at("/a", None),
            at("/c", Some(2)),
            at("/b", None),
            at("/e", None),
            at("/a", Some(9)),
        ];
        let mut forward = all[0].clone();
        for other in &all[1..] {
            merge(&mut forward, other.clone());
        }
        let mut backward = all[5].clone();
        for other in all[..5].iter().rev() {
            merge(&mut backward, other.clone());
        }
        assert_eq!(forward, backward);
        assert_eq!(forward.locations, ["/a", "/b", "/c", "/d"]);
        assert_eq!(forward.installed_at_s, Some(2));
    }
}
