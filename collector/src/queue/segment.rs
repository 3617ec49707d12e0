//! One segment file: its name, its header, and what can be read from its bytes.
//!
//! ```text
//!  0..8   "MUSTERQ\n"             24..32 the number of the segment before it, 0 for none
//!  8..12  CRC-32 of 12 to 48      32..40 the number of its first entry
//! 12..16  format                  40..48 its tag
//! 16..24  the segment's number    48..   records, then zeros
//! ```
//!
//! Reading never stops at the first bad byte without asking what it means: a record behind it that
//! knows the missing one to be durable makes it damage, which is reported and jumped over; without
//! such a record it is the torn end of a group that nobody was told of. Pure.

use std::ops::Range;

use super::record::{self, Record};

/// Bytes before the first record.
pub(super) const HEADER_BYTES: usize = 48;
/// The layout that this release writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"MUSTERQ\n";
const SUFFIX: &str = ".segment";
const DAMAGED_SUFFIX: &str = ".damaged";
const TAG_BYTES: usize = 8;

/// The file that holds a segment.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:016x}{SUFFIX}")
}

/// The file that keeps a copy of a damaged segment for people to look at.
pub(super) fn damaged_file_name(number: u64) -> String {
    format!("{number:016x}{DAMAGED_SUFFIX}")
}

/// The number of the segment in a file of that name.
pub(super) fn number_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(SUFFIX)?;
    u64::from_str_radix(digits, 16)
        .ok()
        // `from_str_radix` takes capitals and a plus as well. A file that a person copied under
        // such a name is not one that this queue would write, delete or number behind.
        .filter(|number| self::file_name(*number) == file_name)
}

/// The number of the segment that a file of that name holds or is a copy of.
pub(super) fn used_number(file_name: &str) -> Option<u64> {
    let copied = file_name.strip_suffix(DAMAGED_SUFFIX).map(|digits| format!("{digits}{SUFFIX}"));
    number_of(copied.as_deref().unwrap_or(file_name))
}

/// Whether a file of that name keeps a damaged segment.
pub(super) fn is_damaged_copy(file_name: &str) -> bool {
    file_name.ends_with(DAMAGED_SUFFIX)
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The segment's number, as in its file's name.
    pub(super) number: u64,
    /// The number of the segment whose last entry comes before its first; 0 for none.
    pub(super) previous: u64,
    /// The number of its first entry; entries of older segments have lower ones.
    pub(super) first: u64,
    /// What its records begin with.
    pub(super) tag: u64,
}

/// What the first bytes of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderRead {
    /// A header that this release knows.
    Known(Header),
    /// A whole header of a newer format.
    Newer(u32),
    /// No header.
    Bad,
}

impl Header {
    /// The header's bytes.
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut covered = Vec::with_capacity(HEADER_BYTES);
        covered.extend_from_slice(&FORMAT.to_le_bytes());
        covered.extend_from_slice(&self.number.to_le_bytes());
        covered.extend_from_slice(&self.previous.to_le_bytes());
        covered.extend_from_slice(&self.first.to_le_bytes());
        covered.extend_from_slice(&self.tag.to_le_bytes());
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&crc32fast::hash(&covered).to_le_bytes());
        bytes[12..].copy_from_slice(&covered);
        bytes
    }

    /// The header at the start of `bytes`.
    pub(super) fn decode(bytes: &[u8]) -> HeaderRead {
        let Some((head, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return HeaderRead::Bad;
        };
        let checksum = u32_at(head, 8);
        // The checksum covers the format's number too: a flipped bit there must not look like a
        // release of the future, which would stop the start.
        if head[..8] != *MAGIC || checksum != crc32fast::hash(&head[12..]) {
            return HeaderRead::Bad;
        }
        match u32_at(head, 12) {
            FORMAT => HeaderRead::Known(Self {
                number: u64_at(head, 16),
                previous: u64_at(head, 24),
                first: u64_at(head, 32),
                tag: u64_at(head, 40),
            }),
            format => HeaderRead::Newer(format),
        }
    }
}

/// What stands in a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// The tag that its records begin with; zero when there is none.
    pub(super) tag: u64,
    /// The number of its first entry.
    pub(super) first: u64,
    /// The whole records, in order.
    pub(super) records: Vec<Record>,
    /// Where the last record ends.
    pub(super) end: usize,
    /// Acknowledged bytes that cannot be read.
    pub(super) damage: Vec<Damage>,
}

/// A stretch of a segment that cannot be read although it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where in the file.
    pub(super) bytes: Range<usize>,
    /// Entries that it held; zero when only the header is damaged or when nobody can know.
    pub(super) entries: u64,
}

/// What comes after a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Successor {
    /// Nothing: it was appended to last, and its end may be torn.
    None,
    /// The segment that was begun right after it, with that first entry.
    Next(u64),
    /// A later one, with that first entry, or one whose header is damaged.
    Later(Option<u64>),
}

impl Successor {
    /// Entries from this number on were never acknowledged as this segment's.
    const fn first(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Next(first) => Some(first),
            Self::Later(first) => first,
        }
    }
}

/// Reads what stands in a segment.
pub(super) fn scan(bytes: &[u8], header: Option<Header>, successor: Successor) -> Scan {
    let Some((tag, first)) = identity(bytes, header) else {
        return unreadable(bytes);
    };
    let mut scan = Scan { tag, first, end: HEADER_BYTES, ..Scan::default() };
    if header.is_none() {
        scan.damage.push(Damage { bytes: 0..HEADER_BYTES, entries: 0 });
    }
    let end = successor.first().unwrap_or(u64::MAX);
    let found: Vec<_> = readable_records(bytes, tag, first)
        // What stands here beyond the next segment's first was written, failed to sync, and was
        // written again there: it was never acknowledged as this one's.
        .take_while(|(_, record)| record.head.slip.sequence < end)
        .collect();
    // Entries before this number were acknowledged, whether they can be read or not.
    let acknowledged = successor
        .first()
        .or_else(|| found.iter().map(|(_, record)| record.durable.saturating_add(1)).max())
        .unwrap_or(first);
    let mut expected = first;
    for (at, record) in found {
        let sequence = record.head.slip.sequence;
        if at > scan.end {
            // Nobody was told of anything from here on, so it is the torn end of a group and no
            // damage.
            if expected >= acknowledged {
                break;
            }
            scan.damage.push(Damage { bytes: scan.end..at, entries: sequence - expected });
        }
        scan.end = at + record.bytes;
        scan.records.push(record);
        expected = sequence.saturating_add(1);
    }
    let tail = damaged_tail(bytes, scan.end, expected, successor);
    scan.damage.extend(tail);
    scan
}

/// All records that can be read, with their places, in the order of their numbers.
fn readable_records(
    bytes: &[u8],
    tag: u64,
    first: u64,
) -> impl Iterator<Item = (usize, Record)> + use<'_> {
    let mut from = HEADER_BYTES;
    let mut expected = first;
    std::iter::from_fn(move || {
        let (at, record) = next_record(bytes, from, tag, expected)?;
        from = at + record.bytes;
        expected = record.head.slip.sequence.saturating_add(1);
        Some((at, record))
    })
}

/// What is missing behind the last record, where that can be known.
fn damaged_tail(bytes: &[u8], end: usize, expected: u64, successor: Successor) -> Option<Damage> {
    let entries = match successor {
        Successor::None => None,
        Successor::Next(first) => first.checked_sub(expected).filter(|missing| *missing > 0),
        // A segment is cut when it is sealed, so nothing should stand there.
        Successor::Later(_) => (content_bytes(&bytes[end..]) > 0).then_some(0),
    };
    entries.map(|entries| Damage { bytes: end..bytes.len(), entries })
}

/// Bytes up to the last one that is not zero.
pub(super) fn content_bytes(bytes: &[u8]) -> usize {
    // Comparing blocks is many times faster than looking at bytes, and a new segment is all zeros.
    const BLOCK: [u8; 4_096] = [0; 4_096];
    let zeros: usize = bytes
        .rchunks(BLOCK.len())
        .take_while(|chunk| **chunk == BLOCK[..chunk.len()])
        .map(<[u8]>::len)
        .sum();
    let rest = &bytes[..bytes.len() - zeros];
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Tag and first number, from the header or, when that is damaged, from the first record.
fn identity(bytes: &[u8], header: Option<Header>) -> Option<(u64, u64)> {
    if let Some(header) = header {
        return Some((header.tag, header.first));
    }
    let rest = bytes.get(HEADER_BYTES..)?;
    let tag = u64::from_le_bytes(*rest.first_chunk()?);
    let record = record::decode(rest, tag, offset_of(HEADER_BYTES)?)?;
    Some((tag, record.head.slip.sequence))
}

/// A file without a header and without a first record: one that was being made when the power
/// went, unless something else stands in it, because a header is durable before its records.
fn unreadable(bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let is_new = bytes.get(HEADER_BYTES..).is_none_or(|rest| content_bytes(rest) == 0);
    if !is_new {
        scan.damage.push(Damage { bytes: 0..bytes.len(), entries: 0 });
    }
    scan
}

/// The first whole record at or behind `from` whose number is at least `expected`.
fn next_record(bytes: &[u8], from: usize, tag: u64, expected: u64) -> Option<(usize, Record)> {
    let mut at = from;
    loop {
        let whole = record::decode(bytes.get(at..)?, tag, offset_of(at)?)
            .filter(|record| record.head.slip.sequence >= expected);
        if let Some(record) = whole {
            return Some((at, record));
        }
        // Byte by byte to the next tag. 64 random bits in front of every record make a false one in
        // a payload impossible to aim at.
        at = next_tag(bytes, at + 1, tag)?;
    }
}

/// Where the tag stands next, at or behind `from`.
fn next_tag(bytes: &[u8], from: usize, tag: u64) -> Option<usize> {
    let marker = tag.to_le_bytes();
    let rest = bytes.get(from..)?;
    // Zeros behind the content are reserved room: up to 1 GiB of it would be searched for nothing.
    // The tag's own last bytes may be zeros, hence as many more.
    let content = rest.get(..content_bytes(rest) + TAG_BYTES).unwrap_or(rest);
    content.windows(TAG_BYTES).position(|window| *window == marker).map(|at| from + at)
}

fn offset_of(at: usize) -> Option<u32> {
    u32::try_from(at).ok()
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |field| u64::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { number: 3, previous: 1, first: 900, tag: 0xfeed };

    #[test]
    fn a_file_name_says_its_number_and_no_other_name_does() {
        for number in [0, 1, 0xabc, u64::MAX] {
            assert_eq!(number_of(&file_name(number)), Some(number));
        }
        for name in [
            "1.segment",
            "000000000000000g.segment",
            "0000000000000ABC.segment",
            "+000000000000001.segment",
            "0000000000000001.damaged",
            "0000000000000001",
            "lock",
        ] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_header_comes_back_and_one_that_was_cut_does_not() {
        let bytes = HEADER.encode();
        assert_eq!(Header::decode(&bytes), HeaderRead::Known(HEADER));
        for end in 0..HEADER_BYTES {
            assert_eq!(Header::decode(&bytes[..end]), HeaderRead::Bad);
        }
    }

    #[test]
    fn content_ends_at_the_last_byte_that_is_not_zero() {
        for (bytes, at) in [(0, None), (1, Some(0)), (10_000, Some(4_095)), (10_000, Some(9_999))] {
            let mut content = vec![0; bytes];
            if let Some(at) = at {
                content[at] = 1;
            }
            assert_eq!(content_bytes(&content), at.map_or(0, |at| at + 1));
        }
        assert_eq!(content_bytes(&[0; 10_000]), 0);
    }

    #[test]
    fn a_new_segment_without_records_is_empty_and_whole() {
        let mut bytes = HEADER.encode().to_vec();
        bytes.resize(10_000, 0);
        let scan = scan(&bytes, Some(HEADER), Successor::None);
        assert_eq!((scan.records.len(), scan.end), (0, HEADER_BYTES));
        assert_eq!(scan.damage, []);
    }

    #[test]
    fn a_segment_that_lost_everything_knows_how_much_that_was_from_the_next_one() {
        let bytes = HEADER.encode();
        let scan = scan(&bytes, Some(HEADER), Successor::Next(910));
        assert_eq!(scan.damage.len(), 1);
        assert_eq!(scan.damage[0].entries, 10);
    }
}
