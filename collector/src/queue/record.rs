//! One entry as it stands in a segment.
//!
//! ```text
//!  0..8   the segment's tag            48..64 agent
//!  8..12  CRC-32 of 12 to the end      64..68 epoch
//! 12..16  bytes of the payload         68..72 seq
//! 16..24  the entry's number           72..80 received at, ms since 1970
//! 24..32  number known to be durable   80..82 records
//! 32..48  company                      82     lane (0 delta, 1 snapshot)
//! 84..    payload                      83     packing
//! ```
//!
//! Numbers are little endian. The tag is random and never leaves the collector, so nothing that an
//! agent puts into a payload can be taken for a record, and neither can stale bytes of another
//! segment. "Known to be durable" is what tells damage from a torn tail: a record that says that
//! number 7 was durable proves that a missing 7 was acknowledged. Pure; must never panic on bytes.

use std::io;

use protocol::frame::{Frame, Packing};
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::limits::FRAME_WIRE_BYTES_MAX;
use protocol::report::Lane;
use uuid::Uuid;

use super::disk::DiskFile;
use super::{Entry, EntryHead, ReadError, Slip};

/// Bytes of a record before its payload.
pub(super) const HEAD_BYTES: usize = 84;

/// Where the part that the checksum covers begins.
const COVERED_FROM: usize = 12;

/// The bytes of a record with a payload of that length.
pub(super) fn bytes_of(payload_bytes: u32) -> u64 {
    HEAD_BYTES as u64 + u64::from(payload_bytes)
}

/// A record that was read and is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// What it is; the offset is the caller's.
    pub(super) head: EntryHead,
    /// The number up to which everything was durable when it was written.
    pub(super) durable: u64,
    /// Its bytes, head and payload.
    pub(super) bytes: usize,
}

/// Writes an entry's record to the end of `out` and gives what is kept of it in memory.
///
/// `offset` is where the record will stand in its segment; segments are shorter than 4 GiB.
pub(super) fn encode(entry: &Entry, stamp: Stamp, offset: u64, out: &mut Vec<u8>) -> EntryHead {
    let payload = &entry.frame.payload;
    // The writer refuses longer payloads; a cut number would only make the record unreadable.
    let payload_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let start = out.len();
    out.extend_from_slice(&stamp.tag.to_le_bytes());
    // Room for the checksum, which needs everything behind it first.
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&payload_bytes.to_le_bytes());
    out.extend_from_slice(&stamp.sequence.to_le_bytes());
    out.extend_from_slice(&stamp.durable.to_le_bytes());
    out.extend_from_slice(entry.company.0.as_bytes());
    out.extend_from_slice(entry.agent.0.as_bytes());
    out.extend_from_slice(&entry.position.epoch.0.to_le_bytes());
    out.extend_from_slice(&entry.position.seq.0.to_le_bytes());
    out.extend_from_slice(&entry.received_at_ms.to_le_bytes());
    out.extend_from_slice(&entry.records.to_le_bytes());
    out.push(lane_to_byte(entry.lane));
    out.push(entry.frame.packing.to_byte());
    out.extend_from_slice(payload);
    let checksum = crc32fast::hash(&out[start + COVERED_FROM..]);
    // The tag before it is not covered: a record is looked for by it, so it has been compared
    // already.
    out[start + 8..start + COVERED_FROM].copy_from_slice(&checksum.to_le_bytes());
    EntryHead {
        company: entry.company,
        agent: entry.agent,
        slip: Slip {
            sequence: stamp.sequence,
            received_at_ms: entry.received_at_ms,
            position: entry.position,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            payload_bytes,
            records: entry.records,
            lane: entry.lane,
        },
    }
}

/// What the writer adds to an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// The segment's tag.
    pub(super) tag: u64,
    /// The entry's number.
    pub(super) sequence: u64,
    /// The number up to which everything is durable.
    pub(super) durable: u64,
}

/// The record at the start of `bytes`, if one with that tag stands there whole.
pub(super) fn decode(bytes: &[u8], tag: u64, offset: u32) -> Option<Record> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let mut fields = Fields(head.as_slice());
    if fields.u64()? != tag {
        return None;
    }
    let checksum = fields.u32()?;
    let payload_bytes = fields.u32()?;
    let payload = usize::try_from(payload_bytes)
        .ok()
        // The length is read before the checksum can vouch for it, so it is bounded before it is
        // believed.
        .filter(|bytes| *bytes <= FRAME_WIRE_BYTES_MAX)
        .and_then(|bytes| rest.get(..bytes))?;
    let mut covered = crc32fast::Hasher::new();
    covered.update(&head[COVERED_FROM..]);
    covered.update(payload);
    if covered.finalize() != checksum {
        return None;
    }
    let sequence = fields.u64()?;
    let durable = fields.u64()?;
    let company = CompanyId(Uuid::from_bytes(fields.take()?));
    let agent = AgentId(Uuid::from_bytes(fields.take()?));
    let position = Position::new(fields.u32()?, fields.u32()?);
    let received_at_ms = fields.u64()?;
    let records = u16::from_le_bytes(fields.take()?);
    let [lane, packing] = fields.take()?;
    // Not kept, since the frame says it when it is read; but a record with a packing from the
    // future must not be given out as readable.
    Packing::from_byte(packing)?;
    let slip = Slip {
        sequence,
        received_at_ms,
        position,
        offset,
        payload_bytes,
        records,
        lane: lane_from_byte(lane)?,
    };
    Some(Record {
        head: EntryHead { company, agent, slip },
        durable,
        bytes: HEAD_BYTES + payload.len(),
    })
}

/// Reads an entry's frame back and makes sure that it is the one that was written.
pub(super) fn read(file: &dyn DiskFile, tag: u64, slip: &Slip) -> Result<Frame, ReadError> {
    let damaged = || ReadError::Damaged(slip.sequence);
    let bytes = usize::try_from(bytes_of(slip.payload_bytes)).map_err(|_| damaged())?;
    let mut buffer = vec![0; bytes];
    file.read_at(&mut buffer, u64::from(slip.offset)).map_err(|source| {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return damaged();
        }
        ReadError::Disk { sequence: slip.sequence, source }
    })?;
    decode(&buffer, tag, slip.offset)
        // The whole slip and not the number alone: a sector that the disk wrote to the wrong place
        // can be a good record of another entry.
        .filter(|record| record.head.slip == *slip)
        .ok_or_else(damaged)?;
    let packing = Packing::from_byte(buffer[HEAD_BYTES - 1]).ok_or_else(damaged)?;
    // Moves a kilobyte within the buffer, which is cheaper than a second allocation.
    buffer.drain(..HEAD_BYTES);
    Ok(Frame { packing, payload: buffer })
}

/// Takes fixed fields off the front of a head.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

const fn lane_to_byte(lane: Lane) -> u8 {
    match lane {
        Lane::Delta => 0,
        Lane::Snapshot => 1,
    }
}

const fn lane_from_byte(byte: u8) -> Option<Lane> {
    match byte {
        0 => Some(Lane::Delta),
        1 => Some(Lane::Snapshot),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    const STAMP: Stamp = Stamp { tag: 0x1122_3344_5566_7788, sequence: 41, durable: 39 };

    fn encoded(payload_bytes: usize) -> (EntryHead, Vec<u8>) {
        let mut bytes = Vec::new();
        let head = encode(&entry(7, payload_bytes), STAMP, 48, &mut bytes);
        (head, bytes)
    }

    #[test]
    fn reads_what_it_writes_and_how_long_it_is() {
        for payload_bytes in [0, 1, 1_000, FRAME_WIRE_BYTES_MAX] {
            let (head, mut bytes) = encoded(payload_bytes);
            let length = bytes.len();
            assert_eq!(length as u64, bytes_of(head.slip.payload_bytes));
            bytes.extend_from_slice(b"what follows");
            let record = decode(&bytes, STAMP.tag, 48).unwrap();
            assert_eq!((record.head, record.durable), (head, 39));
            assert_eq!(record.bytes, length);
        }
    }

    #[test]
    fn a_record_of_another_segment_is_none() {
        let (_, bytes) = encoded(10);
        assert_eq!(decode(&bytes, STAMP.tag + 1, 48), None);
    }

    #[test]
    fn a_length_that_no_payload_has_is_refused_before_it_is_believed() {
        let (_, mut bytes) = encoded(10);
        bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&bytes, STAMP.tag, 48), None);
    }

    #[test]
    fn an_unknown_lane_or_packing_is_none_even_under_a_right_checksum() {
        for (byte, value) in [(82, 2), (83, 9)] {
            let (_, mut bytes) = encoded(10);
            bytes[byte] = value;
            let checksum = crc32fast::hash(&bytes[COVERED_FROM..]);
            bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
            assert_eq!(decode(&bytes, STAMP.tag, 48), None);
        }
    }

    #[test]
    fn the_layout_is_the_one_that_is_written_down() {
        let (_, bytes) = encoded(4);
        let mut expected = 0x1122_3344_5566_7788_u64.to_le_bytes().to_vec();
        expected.extend(crc32fast::hash(&bytes[12..]).to_le_bytes());
        expected.extend(4_u32.to_le_bytes());
        expected.extend(41_u64.to_le_bytes());
        expected.extend(39_u64.to_le_bytes());
        expected.extend(1_u128.to_be_bytes());
        expected.extend(2_u128.to_be_bytes());
        expected.extend(1_u32.to_le_bytes());
        expected.extend(7_u32.to_le_bytes());
        expected.extend(1_700_000_000_007_u64.to_le_bytes());
        expected.extend(100_u16.to_le_bytes());
        expected.extend([1, 1, 7, 0, 0, 0]);
        assert_eq!(bytes, expected);
    }
}
