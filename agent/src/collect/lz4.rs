//! Reading LZ4 frames, which is how apt keeps its lists in container images.
//!
//! Only decoding, only what apt writes: frames without a dictionary and with blocks of at most a
//! megabyte. What is unpacked is a text that is looked through, so checksums are not verified; damaged
//! input ends in an error and never in more memory than one block and its window.
//!
//! Format: LZ4 frame format 1.6.1 and LZ4 block format.

use std::io::{self, BufRead, Read};

const MAGIC: u32 = 0x184D_2204;

/// How far back a match may reach.
const WINDOW_BYTES: usize = 64 * 1024;

/// Reads the text in an LZ4 frame.
pub(crate) fn reader<R: Read>(packed: R) -> Reader<R> {
    Reader { packed, frame: None, block: Vec::new(), text: Vec::new(), read: 0 }
}

/// The text in LZ4 frames that follow each other.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    packed: R,
    frame: Option<Frame>,
    block: Vec<u8>,
    /// The window and, after it, what the last block gave.
    text: Vec<u8>,
    read: usize,
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug)]
struct Frame {
    block_bytes_max: usize,
    has_block_checksums: bool,
    has_checksum: bool,
}

impl<R: Read> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read == self.text.len() {
            if !self.next_block()? {
                return Ok(&[]);
            }
        }
        Ok(&self.text[self.read..])
    }

    fn consume(&mut self, bytes: usize) {
        self.read = (self.read + bytes).min(self.text.len());
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(buffer)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

impl<R: Read> Reader<R> {
    /// Unpacks the next block; `false` at the end of the last frame.
    fn next_block(&mut self) -> io::Result<bool> {
        let frame = match self.frame {
            Some(frame) => frame,
            None => match self.next_frame()? {
                Some(frame) => frame,
                None => return Ok(false),
            },
        };
        self.frame = Some(frame);
        let size = self.number()?;
        // The end mark of a frame; apt may have appended another frame behind it.
        if size == 0 {
            self.frame = None;
            if frame.has_checksum {
                self.number()?;
            }
            return Ok(true);
        }
        // The highest bit marks a block that packing would have made longer.
        let is_packed = size >> 31 == 0;
        let bytes = usize::try_from(size & 0x7fff_ffff).unwrap_or(usize::MAX);
        if bytes > frame.block_bytes_max {
            return Err(damaged("a block that is larger than its frame allows"));
        }
        self.block.resize(bytes, 0);
        self.packed.read_exact(&mut self.block)?;
        if frame.has_block_checksums {
            self.number()?;
        }
        // Matches reach back over the block's beginning, but no farther than the window. A frame
        // may say that its blocks do not; keeping the window for them does no harm.
        let keep_from = self.text.len().saturating_sub(WINDOW_BYTES);
        self.text.drain(..keep_from);
        self.read = self.text.len();
        if is_packed {
            let bytes_max = self.text.len() + frame.block_bytes_max;
            unpack(&self.block, &mut self.text, bytes_max)
                .ok_or_else(|| damaged("a block that cannot be unpacked"))?;
        } else {
            self.text.extend_from_slice(&self.block);
        }
        Ok(true)
    }

    /// Reads a frame's header; `None` when nothing follows.
    fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let mut magic = [0; 4];
        // A byte alone, for here and nowhere else the end of the file is no error.
        if self.packed.read(&mut magic[..1])? == 0 {
            return Ok(None);
        }
        self.packed.read_exact(&mut magic[1..])?;
        let mut descriptor = [0; 2];
        self.packed.read_exact(&mut descriptor)?;
        let [flags, sizes] = descriptor;
        let has = |bit: u8| flags & (1 << bit) != 0;
        // The two highest bits are the version, 01; the lowest says that a dictionary is named.
        if u32::from_le_bytes(magic) != MAGIC || flags >> 6 != 1 || has(0) {
            return Err(damaged("not an LZ4 frame without a dictionary"));
        }
        let block_bytes_max = match sizes >> 4 & 7 {
            4 => 64 * 1024,
            5 => 256 * 1024,
            6 => 1024 * 1024,
            // 7 would be 4 MiB, more memory than a list is worth; the others mean nothing.
            _ => return Err(damaged("blocks of an unusual size")),
        };
        // The content's size, where it is said, and the header's checksum.
        let mut rest = [0; 9];
        let rest_bytes = if has(3) { 9 } else { 1 };
        self.packed.read_exact(&mut rest[..rest_bytes])?;
        // No match reaches from one frame into the one before.
        self.text.clear();
        self.read = 0;
        Ok(Some(Frame { block_bytes_max, has_block_checksums: has(4), has_checksum: has(2) }))
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.packed.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Unpacks a block behind the window in `text`, which may grow to `bytes_max`; `None` when the block
/// is damaged.
fn unpack(block: &[u8], text: &mut Vec<u8>, bytes_max: usize) -> Option<()> {
    let mut rest = block;
    loop {
        let token = take(&mut rest, 1)?[0];
        let literals = length(token >> 4, &mut rest)?;
        let literals = take(&mut rest, literals)?;
        if text.len() + literals.len() > bytes_max {
            return None;
        }
        text.extend_from_slice(literals);
        // A block ends with literals alone, without a match behind them.
        if rest.is_empty() {
            return Some(());
        }
        let back = take(&mut rest, 2)?;
        let back = usize::from(u16::from_le_bytes([back[0], back[1]]));
        // A match has four bytes at least, so that is where its length counts from.
        let mut left = length(token & 15, &mut rest)?.checked_add(4)?;
        // Checked before anything is written: a match can ask for 255 times the bytes that it takes.
        if back == 0 || back > text.len() || text.len().checked_add(left)? > bytes_max {
            return None;
        }
        // A match may reach into what it writes itself: then it repeats.
        while left > 0 {
            let from = text.len() - back;
            let bytes = left.min(back);
            text.extend_from_within(from..from + bytes);
            left -= bytes;
        }
    }
}

/// A length: four bits of the token and, when they are all set, bytes until one is not 255.
fn length(bits: u8, rest: &mut &[u8]) -> Option<usize> {
    let mut length = usize::from(bits);
    if bits == 15 {
        loop {
            let more = take(rest, 1)?[0];
            length = length.checked_add(usize::from(more))?;
            if more != 255 {
                break;
            }
        }
    }
    Some(length)
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests;
