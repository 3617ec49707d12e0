//! Frames out of a stream, so that waiting for one can be given up at any time.

use std::sync::{Mutex, PoisonError};

use protocol::frame::{FrameError, HEADER_BYTES, Header, Unpacker};
use quinn::{ReadError, RecvStream};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// The receiving half of a session.
#[derive(Debug)]
pub(crate) struct Inbox {
    stream: RecvStream,
    buffer: Buffer,
}

/// Why no further message comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboxError {
    /// The connection is gone.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// The other side has ended the stream.
    #[error("the collector ended the stream")]
    Ended,
    /// What came is no frame.
    #[error("{0}")]
    Frame(#[from] FrameError),
}

impl Inbox {
    /// The inbox of a stream.
    pub(crate) const fn new(stream: RecvStream) -> Self {
        Self { stream, buffer: Buffer(Vec::new()) }
    }

    /// The next message, unpacked.
    ///
    /// # Errors
    ///
    /// When the stream ends, or something else than a frame comes.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was read stays in the inbox.
    pub(crate) async fn next(&mut self, unpacker: &Mutex<Unpacker>) -> Result<Vec<u8>, InboxError> {
        loop {
            if let Some(message) = self.take(unpacker)? {
                return Ok(message);
            }
            // Cancel safe as quinn says: a chunk is given, or nothing was taken.
            match self.stream.read_chunk(READ_BYTES, true).await? {
                // At most one frame and one read: `take` refuses a header that announces more.
                Some(chunk) => self.buffer.0.extend_from_slice(&chunk.bytes),
                None => return Err(InboxError::Ended),
            }
        }
    }

    fn take(&mut self, unpacker: &Mutex<Unpacker>) -> Result<Option<Vec<u8>>, FrameError> {
        let mut unpacker = unpacker.lock().unwrap_or_else(PoisonError::into_inner);
        self.buffer.take(&mut unpacker)
    }
}

/// Bytes that are not yet a whole frame.
#[derive(Debug, Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    fn take(&mut self, unpacker: &mut Unpacker) -> Result<Option<Vec<u8>>, FrameError> {
        let Some((header, rest)) = self.0.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let header = Header::parse(*header)?;
        let Some(payload) = rest.get(..header.payload_bytes) else {
            return Ok(None);
        };
        let message = unpacker.unpack(header.packing, payload)?;
        self.0.drain(..HEADER_BYTES + header.payload_bytes);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use protocol::frame::Packer;

    use super::*;

    #[test]
    fn finds_frames_however_the_bytes_come() {
        let messages = [vec![1; 10], vec![2; 1_000], Vec::new(), vec![3; 70]];
        let mut packer = Packer::new().expect("a packer");
        let wire: Vec<u8> = messages
            .iter()
            .flat_map(|message| packer.pack(message.clone()).expect("packs").to_bytes())
            .collect();
        let mut unpacker = Unpacker::new().expect("an unpacker");
        // Byte by byte, in steps that fall across headers, and all at once.
        for step in [1, 3, 7, wire.len()] {
            let mut buffer = Buffer::default();
            let mut found = Vec::new();
            for bytes in wire.chunks(step) {
                buffer.0.extend_from_slice(bytes);
                while let Some(message) = buffer.take(&mut unpacker).expect("frames") {
                    found.push(message);
                }
            }
            assert_eq!(found, messages, "in steps of {step}");
            assert!(buffer.0.is_empty());
        }
    }

    #[test]
    fn refuses_what_is_no_frame_before_it_is_whole() {
        let mut unpacker = Unpacker::new().expect("an unpacker");
        let mut buffer = Buffer(vec![0xff; HEADER_BYTES]);
        assert!(buffer.take(&mut unpacker).is_err());
    }
}
