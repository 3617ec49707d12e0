//! Frames: how messages stand in a stream of bytes, and how they are packed.
//!
//! ```text
//! 0..4  length of what follows, big endian, at most limits::FRAME_WIRE_BYTES_MAX + 1
//! 4     packing: 0 plain, 1 zstd with dictionary 1
//! 5..   the message
//! ```
//!
//! A frame's message is kept as it came ([`Frame`]) wherever it only passes through, such as the
//! agent's spool and the collector's queue.

use std::io;

use crate::limits::{FRAME_RAW_BYTES_MAX, FRAME_WIRE_BYTES_MAX};

/// Bytes of a frame's header: its length and its packing.
pub const HEADER_BYTES: usize = 5;

/// Messages shorter than this are not worth packing.
const PACK_BYTES_MIN: usize = 64;

/// What zstd is asked for. A full report takes 0.13 ms so, and is 8 % shorter than at level 3; the
/// next step down in size costs four times that time and twice the memory.
const LEVEL: i32 = 9;

/// The dictionary of packing 1, trained on reports of real package lists; never changed, only
/// followed by another one. `docs/PROTOCOL.md` says how it was made.
static DICTIONARY_1: &[u8] = include_bytes!("../dictionary/1.zdict");

/// How a frame's message is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// One zstd frame (RFC 8878) with dictionary 1, which says its content's size.
    Zstd1,
}

impl Packing {
    /// The header's byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Zstd1 => 1,
        }
    }

    /// The packing that a header's byte means, if it means one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Plain),
            1 => Some(Self::Zstd1),
            _ => None,
        }
    }
}

/// One message as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// How it is packed.
    pub packing: Packing,
    /// The packed message, at most [`FRAME_WIRE_BYTES_MAX`] bytes.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The frame's header.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        // A payload is within FRAME_WIRE_BYTES_MAX, which every reader checks anyway.
        let length = u32::try_from(self.payload.len() + 1).unwrap_or(u32::MAX);
        let [a, b, c, d] = length.to_be_bytes();
        [a, b, c, d, self.packing.to_byte()]
    }

    /// Header and payload in one piece.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        bytes.extend_from_slice(&self.header());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// What is wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Its length is not one that a frame may have.
    #[error("a frame of {0} bytes, 1 to {max} are allowed", max = FRAME_WIRE_BYTES_MAX + 1)]
    Length(u32),
    /// Its packing is unknown.
    #[error("packing {0} is unknown")]
    Packing(u8),
    /// It does not say how long its message is, or says more than a message may have.
    #[error("the packed message says {0:?} bytes, at most {FRAME_RAW_BYTES_MAX} are allowed")]
    Unpacked(Option<u64>),
    /// It cannot be unpacked.
    #[error("the message cannot be unpacked: {0}")]
    Damaged(#[source] io::Error),
}

impl FrameError {
    /// Whether the frame was too large, rather than damaged.
    #[must_use]
    pub const fn is_size(&self) -> bool {
        matches!(self, Self::Length(_) | Self::Unpacked(Some(_)))
    }
}

/// A frame's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the payload is packed.
    pub packing: Packing,
    /// Bytes of the payload that follow.
    pub payload_bytes: usize,
}

impl Header {
    /// Reads a header, so that memory is taken only for frames within the limits.
    ///
    /// # Errors
    ///
    /// When the length or the packing is not one that a frame may have.
    pub fn parse(bytes: [u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        let [a, b, c, d, packing] = bytes;
        let length = u32::from_be_bytes([a, b, c, d]);
        // The length counts the packing byte, which is part of this header already; so a length of
        // 0 is no frame, and the subtraction is what refuses it.
        let payload_bytes = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_sub(1))
            .filter(|payload| *payload <= FRAME_WIRE_BYTES_MAX)
            .ok_or(FrameError::Length(length))?;
        let packing = Packing::from_byte(packing).ok_or(FrameError::Packing(packing))?;
        Ok(Self { packing, payload_bytes })
    }
}

/// Packs messages. It holds a compressor of about a megabyte: share one, or drop it when idle.
pub struct Packer(zstd::bulk::Compressor<'static>);

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl Packer {
    /// A packer.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    pub fn new() -> io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::with_dictionary(LEVEL, DICTIONARY_1)?;
        // The frame's header names the dictionary.
        compressor.include_dictid(false)?;
        Ok(Self(compressor))
    }

    /// A message as a frame, packed where that makes it shorter.
    ///
    /// # Errors
    ///
    /// [`FrameError::Length`] when it is too long even so; a report has to be split then.
    pub fn pack(&mut self, message: Vec<u8>) -> Result<Frame, FrameError> {
        let frame = if message.len() < PACK_BYTES_MIN {
            Frame { packing: Packing::Plain, payload: message }
        } else {
            match self.0.compress(&message) {
                // What packing makes longer goes as it is, so a frame never has more than its message
                // and the header.
                Ok(packed) if packed.len() < message.len() => {
                    Frame { packing: Packing::Zstd1, payload: packed }
                }
                // The compressor fails for want of memory at most, and then a plain frame still
                // says the same.
                Ok(_) | Err(_) => Frame { packing: Packing::Plain, payload: message },
            }
        };
        if frame.payload.len() > FRAME_WIRE_BYTES_MAX {
            return Err(FrameError::Length(u32::try_from(frame.payload.len()).unwrap_or(u32::MAX)));
        }
        Ok(frame)
    }
}

/// Unpacks messages. It holds a decompressor of about 150 KB: share one, or drop it when idle.
pub struct Unpacker(zstd::bulk::Decompressor<'static>);

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpacker")
    }
}

impl Unpacker {
    /// An unpacker.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    pub fn new() -> io::Result<Self> {
        zstd::bulk::Decompressor::with_dictionary(DICTIONARY_1).map(Self)
    }

    /// A frame's message. No memory is taken for more than [`FRAME_RAW_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// When the frame says that it holds more, says nothing, or is damaged.
    pub fn unpack(&mut self, packing: Packing, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
        match packing {
            Packing::Plain => Ok(payload.to_vec()),
            Packing::Zstd1 => {
                // RFC 8878 lets a frame leave its content's size out, and then only unpacking would
                // tell how much memory it takes. Ours always say it, so one that does not is
                // refused.
                let said = zstd::zstd_safe::get_frame_content_size(payload).ok().flatten();
                let capacity = said
                    .and_then(|bytes| usize::try_from(bytes).ok())
                    .filter(|bytes| *bytes <= FRAME_RAW_BYTES_MAX)
                    .ok_or(FrameError::Unpacked(said))?;
                // The size is only a claim. `decompress` writes into a buffer of that capacity and
                // fails when the frame holds more, so a lie costs the sender its connection and us
                // nothing.
                self.0.decompress(payload, capacity).map_err(FrameError::Damaged)
            }
        }
    }
}

#[cfg(test)]
mod tests;
