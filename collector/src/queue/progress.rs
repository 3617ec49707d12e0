//! Which entries are complete, noted in passing so that a restart repeats little.
//!
//! The note may be old, torn or gone at any time: an entry that it does not know is worked on
//! again, which is a no-op further down. It must never name an entry that was not complete, so it
//! carries each segment's random tag and a checksum, and it is written only from completions that
//! the database has committed. It is not synced.

use std::io;

use serde::{Deserialize, Serialize};

use super::disk::Disk;

const FILE_NAME: &str = "progress";
/// Bytes before the note: its CRC-32 and its length.
const HEAD_BYTES: usize = 8;
/// A note longer than this was not written by a queue within its limits.
const BYTES_MAX: u64 = 64 << 20;

/// The complete entries of one segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentProgress {
    /// The segment's number.
    pub(super) number: u64,
    /// The segment's tag.
    pub(super) tag: u64,
    /// A bit for each entry, from the segment's first.
    pub(super) complete: Vec<u64>,
}

/// Writes the note over the one before.
pub(super) fn write(disk: &dyn Disk, segments: &[SegmentProgress]) -> io::Result<()> {
    let body = postcard::to_stdvec(segments).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut bytes = crc32fast::hash(&body).to_le_bytes().to_vec();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&body);
    // Written in place and not renamed: a torn note fails its checksum and costs only work that is
    // done again.
    let file = match disk.open(FILE_NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.create(FILE_NAME, bytes.len() as u64)?
        }
        opened => opened?,
    };
    file.write_at(&bytes, 0)
}

/// Reads the note; nothing when there is none or it is not whole.
pub(super) fn read(disk: &dyn Disk) -> Vec<SegmentProgress> {
    try_read(disk).unwrap_or_default()
}

fn try_read(disk: &dyn Disk) -> Option<Vec<SegmentProgress>> {
    let file = disk.open(FILE_NAME).ok()?;
    // Before the memory is taken: a length of the disk's is not believed.
    let length = file.len().ok().filter(|bytes| *bytes <= BYTES_MAX)?;
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_at(&mut bytes, 0).ok()?;
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let [a, b, c, d, length @ ..] = *head;
    // The file is never cut, so behind a short note stands the end of a longer one.
    let body = rest.get(..usize::try_from(u32::from_le_bytes(length)).ok()?)?;
    if crc32fast::hash(body) != u32::from_le_bytes([a, b, c, d]) {
        return None;
    }
    postcard::from_bytes(body).ok()
}
