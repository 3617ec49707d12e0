//! The write-ahead log of a `SQLite` database: pages that are newer than those in the database's file.
//!
//! While a program writes, and after it was killed, what it last wrote may only be here. Frames count up to the
//! last commit whose salts and checksums are right, exactly as `SQLite` recovers them; the log itself
//! is only read.
//!
//! Format: "Database File Format", section 4, of `SQLite`'s documentation.

use std::collections::HashMap;

use crate::collect::defects::ReadError;
use crate::collect::root::{Root, SourceFile};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// The magic number; its last bit says that checksums are made of big-endian words.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// Frames that are looked at: a gigabyte of ordinary pages.
const FRAMES_MAX: u64 = 1 << 18;

/// The committed pages of a log.
#[derive(Debug)]
pub(super) struct Wal {
    file: SourceFile,
    /// Where in the file each page's newest content is.
    pages: HashMap<u32, u64>,
    /// Pages of the database after the last commit.
    pub(super) database_pages: u32,
}

/// The running checksum of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Checksum {
    is_big_endian: bool,
    sums: [u32; 2],
}

impl Wal {
    /// Reads which pages the log has; `None` when it holds no commit.
    pub(super) fn read(
        root: &Root,
        file: SourceFile,
        page_bytes: usize,
    ) -> Result<Option<Self>, ReadError> {
        let mut header = [0; HEADER_BYTES];
        // A log is made empty, and gets its header with its first frame.
        if file.bytes < HEADER_BYTES as u64 {
            return Ok(None);
        }
        file.read_exact_at(&mut header, 0)?;
        let Some(mut checksum) = Checksum::of_header(&header, page_bytes) else {
            return Ok(None);
        };
        let frame_bytes = FRAME_HEADER_BYTES + page_bytes;
        let frames = (file.bytes - HEADER_BYTES as u64) / frame_bytes as u64;
        if frames > FRAMES_MAX {
            return Err(ReadError::damaged(&file.path, "a log of too many pages"));
        }
        let mut wal = Self { file, pages: HashMap::new(), database_pages: 0 };
        wal.take_frames(root, &header, &mut checksum, (frames, frame_bytes))?;
        Ok(Some(wal).filter(|wal| wal.database_pages > 0))
    }

    /// Takes every frame up to the last commit.
    fn take_frames(
        &mut self,
        root: &Root,
        header: &[u8; HEADER_BYTES],
        checksum: &mut Checksum,
        (frames, frame_bytes): (u64, usize),
    ) -> Result<(), ReadError> {
        let mut frame = vec![0; frame_bytes];
        let mut uncommitted = Vec::new();
        for number in 0..frames {
            root.check()?;
            let at = HEADER_BYTES as u64 + number * frame_bytes as u64;
            self.file.read_exact_at(&mut frame, at)?;
            // The rest is of an earlier use of the log, or was being written when its program was killed.
            let Some((page, database_pages)) = checksum.take_frame(header, &frame) else {
                break;
            };
            uncommitted.push((page, at + FRAME_HEADER_BYTES as u64));
            // A frame counts only with the commit that follows it: SQLite itself would throw the
            // others away.
            if database_pages > 0 {
                self.database_pages = database_pages;
                // In the order of the log, so that of several versions of a page the last stays.
                self.pages.extend(uncommitted.drain(..));
            }
        }
        Ok(())
    }

    /// Reads a page, if the log has it.
    pub(super) fn page(&self, number: u32, page: &mut [u8]) -> Result<bool, ReadError> {
        let Some(at) = self.pages.get(&number) else {
            return Ok(false);
        };
        self.file.read_exact_at(page, *at)?;
        Ok(true)
    }
}

impl Checksum {
    /// Begins with the log's header; `None` when it is not one of this database.
    fn of_header(header: &[u8; HEADER_BYTES], page_bytes: usize) -> Option<Self> {
        let magic = big_endian(header, 0)?;
        let is_wal = magic & !1 == MAGIC && big_endian(header, 4)? == VERSION;
        if !is_wal || usize::try_from(big_endian(header, 8)?) != Ok(page_bytes) {
            return None;
        }
        let mut checksum = Self { is_big_endian: magic & 1 == 1, sums: [0; 2] };
        checksum.take(&header[..24]);
        let sums = [big_endian(header, 24)?, big_endian(header, 28)?];
        Some(checksum).filter(|checksum| checksum.sums == sums)
    }

    /// Goes over a frame; gives its page, and the database's pages when it commits. `None` when
    /// the frame is of an earlier use of the log, or was not written to its end.
    fn take_frame(&mut self, header: &[u8], frame: &[u8]) -> Option<(u32, u32)> {
        let (frame_header, page) = frame.split_at(FRAME_HEADER_BYTES);
        // The salts, which are others each time that the log is begun anew (4.1).
        if frame_header[8..16] != header[16..24] {
            return None;
        }
        // Checksums cover the page's number and the commit, not the salts or themselves (4.1).
        self.take(&frame_header[..8]);
        self.take(page);
        let sums = [big_endian(frame, 16)?, big_endian(frame, 20)?];
        let page = big_endian(frame, 0)?;
        let is_good = self.sums == sums && page > 0;
        is_good.then_some((page, big_endian(frame, 4)?))
    }

    fn take(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| {
            let bytes = bytes.first_chunk().copied().unwrap_or_default();
            if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let [mut a, mut b] = self.sums;
        for pair in bytes.chunks_exact(8) {
            a = a.wrapping_add(word(pair)).wrapping_add(b);
            b = b.wrapping_add(word(&pair[4..])).wrapping_add(a);
        }
        self.sums = [a, b];
    }
}

fn big_endian(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
