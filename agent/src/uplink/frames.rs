//! Frames out of a stream, however it is cut into pieces.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use protocol::frame::{Frame, FrameError, HEADER_BYTES, Header};
use tokio::io::{AsyncRead, ReadBuf};

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
    pub async fn read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> Result<Option<Frame>, ReadError> {
        poll_fn(|context| self.poll_read(stream, context)).await
    }

    /// As [`Self::read`], for whoever waits for more than this.
    pub fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, ReadError>> {
        loop {
            if let Some(frame) = self.take_whole()? {
                return Poll::Ready(Ok(Some(frame)));
            }
            let room = if self.header_read < HEADER_BYTES {
                &mut self.header[self.header_read..]
            } else {
                &mut self.payload[self.payload_read..]
            };
            // Never into an empty slice, which would look like the end: a frame that is whole was
            // taken above.
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut room))
                .map_err(|error| ReadError::Connection(error.to_string()))?;
            match room.filled().len() {
                0 if self.header_read == 0 => return Poll::Ready(Ok(None)),
                0 => {
                    return Poll::Ready(Err(ReadError::Connection(
                        "the stream ends in the middle of a frame".to_owned(),
                    )));
                }
                bytes => self.has_read(bytes)?,
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
        Ok(Some(Frame { packing: header.packing, payload: std::mem::take(&mut self.payload) }))
    }
}

#[cfg(test)]
mod tests {
    use protocol::frame::Packing;
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    fn frame(bytes: usize) -> Frame {
        Frame { packing: Packing::Plain, payload: vec![7; bytes] }
    }

    #[tokio::test]
    async fn reads_frames_that_are_cut_anywhere() {
        let bytes = [frame(1).to_bytes(), frame(300).to_bytes()].concat();
        for cut in 1..bytes.len() {
            let (mut near, mut far) = duplex(1_024);
            let mut reader = FrameReader::default();
            near.write_all(&bytes[..cut]).await.expect("room");
            // Given up in the middle, as a select does it.
            let early = tokio::select! {
                biased;
                read = reader.read(&mut far) => Some(read.expect("a frame")),
                () = std::future::ready(()) => None,
            };
            near.write_all(&bytes[cut..]).await.expect("room");
            drop(near);
            let mut read = Vec::from_iter(early.flatten());
            while let Some(frame) = reader.read(&mut far).await.expect("frames") {
                read.push(frame);
            }
            assert_eq!(read, [frame(1), frame(300)], "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn an_end_within_a_frame_is_no_end() {
        let (mut near, mut far) = duplex(64);
        near.write_all(&frame(9).to_bytes()[..7]).await.expect("room");
        drop(near);
        let error = FrameReader::default().read(&mut far).await;
        assert!(matches!(error, Err(ReadError::Connection(_))), "{error:?}");
    }
}
