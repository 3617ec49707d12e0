//! Frames out of a stream, however it is cut into pieces.

use protocol::frame::{Frame, FrameError, HEADER_BYTES, Header};
use quinn::RecvStream;

/// What a stream gives instead of a frame.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection is over.
    #[error("{0}")]
    Connection(String),
}

/// Puts frames together.
#[derive(Debug, Default)]
pub struct FrameReader {
    header: [u8; HEADER_BYTES],
    /// Bytes of the header that are there.
    header_read: usize,
    payload: Vec<u8>,
    /// Bytes of the payload that are there.
    payload_read: usize,
}

impl FrameReader {
    /// The next frame; `None` when the stream ended after one.
    ///
    /// # Errors
    ///
    /// When the stream breaks off, or when what comes is no frame. Nothing can be read after that.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was read is kept.
    pub async fn read(&mut self, stream: &mut RecvStream) -> Result<Option<Frame>, ReadError> {
        loop {
            if let Some(frame) = self.take_whole()? {
                return Ok(Some(frame));
            }
            let room = if self.header_read < HEADER_BYTES {
                &mut self.header[self.header_read..]
            } else {
                &mut self.payload[self.payload_read..]
            };
            // Never into an empty slice, which quinn would answer at once with nothing: a frame
            // that is whole was taken above.
            let read = stream
                .read(room)
                .await
                .map_err(|error| ReadError::Connection(error.to_string()))?;
            match read {
                Some(bytes) => self.has_read(bytes)?,
                None if self.header_read == 0 => return Ok(None),
                None => {
                    return Err(ReadError::Connection(
                        "the stream ends in the middle of a frame".to_owned(),
                    ));
                }
            }
        }
    }

    fn has_read(&mut self, bytes: usize) -> Result<(), FrameError> {
        if self.header_read < HEADER_BYTES {
            self.header_read += bytes;
            if self.header_read == HEADER_BYTES {
                let header = Header::parse(self.header)?;
                // At most one frame's bound, for one connection, and the peer is the collector that
                // this agent trusts: so it is taken at once, unlike on the collector's side.
                self.payload = vec![0; header.payload_bytes];
                self.payload_read = 0;
            }
        } else {
            self.payload_read += bytes;
        }
        Ok(())
    }

    fn take_whole(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.header_read < HEADER_BYTES || self.payload_read < self.payload.len() {
            return Ok(None);
        }
        let header = Header::parse(self.header)?;
        self.header_read = 0;
        Ok(Some(Frame {
            packing: header.packing,
            payload: std::mem::take(&mut self.payload),
        }))
    }
}
