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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::disk::FileDisk;

    fn disk() -> (tempfile::TempDir, FileDisk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = FileDisk::open(folder.path()).unwrap();
        (folder, disk)
    }

    fn segments(count: u64) -> Vec<SegmentProgress> {
        (1..=count)
            .map(|number| SegmentProgress {
                number,
                tag: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                complete: vec![u64::MAX, number],
            })
            .collect()
    }

    #[test]
    fn a_note_is_read_back_and_replaces_the_one_before_whichever_is_longer() {
        let (_folder, disk) = disk();
        assert_eq!(read(&disk), [], "there is none yet");
        for count in [3, 0, 1, 200, 2] {
            write(&disk, &segments(count)).unwrap();
            assert_eq!(read(&disk), segments(count), "{count}");
        }
    }

    #[test]
    fn a_note_that_is_torn_or_rotten_anywhere_is_none() {
        let (folder, disk) = disk();
        write(&disk, &segments(2)).unwrap();
        let path = folder.path().join(FILE_NAME);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(read(&disk), [], "cut at {at}");
            let mut rotten = whole.clone();
            rotten[at] ^= 0x10;
            std::fs::write(&path, rotten).unwrap();
            assert_eq!(read(&disk), [], "rotten at {at}");
        }
        std::fs::write(&path, whole).unwrap();
        assert_eq!(read(&disk), segments(2));
    }

    #[test]
    fn a_note_longer_than_any_queue_writes_is_not_read_into_memory() {
        let (folder, disk) = disk();
        write(&disk, &segments(1)).unwrap();
        let path = folder.path().join(FILE_NAME);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        // With zeros, as a file system leaves them; they take no room on the disk.
        file.set_len(BYTES_MAX).unwrap();
        assert_eq!(read(&disk), segments(1));
        file.set_len(BYTES_MAX + 1).unwrap();
        assert_eq!(read(&disk), []);
    }

    #[test]
    fn a_checksum_of_something_else_is_no_note() {
        let (folder, disk) = disk();
        let body = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
        let mut bytes = crc32fast::hash(body).to_le_bytes().to_vec();
        bytes.extend_from_slice(&10_u32.to_le_bytes());
        bytes.extend_from_slice(body);
        std::fs::write(folder.path().join(FILE_NAME), bytes).unwrap();
        assert_eq!(read(&disk), []);
    }
}
