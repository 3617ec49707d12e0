//! Frames on a stream: read without ever holding more than has come, written within a time.
//!
//! Any reliable stream of bytes will do; nothing here knows which one it is.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use protocol::frame::{Frame, FrameError, HEADER_BYTES, Header, Packer, Unpacker};
use protocol::reject::RejectReason;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Sleep;

use super::limits::{ByteBudget, BytePermit};
use super::line::Refusal;

/// How long a frame may take from its first byte to its last.
const FRAME_WITHIN: Duration = Duration::from_secs(15);
/// How long a peer may take to make room for an answer.
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// Bytes that are made room for at a time: a peer has to send them before it gets more.
const STEP_BYTES: usize = 16 * 1024;
/// Bytes of a frame that need no share of the budget, so that heartbeats and what is told to a busy
/// collector get through.
const FREE_BYTES: usize = 512;
/// How long an agent waits when too much is in reading.
const BUSY_FOR: Duration = Duration::from_secs(2);
/// Unpackers and packers that are kept for the next message.
// An unpacker is some 100 KB with its window. More than threads can use at once is of no use.
const KEPT_MAX: usize = 16;

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The frame cannot be one.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The frame is longer than is allowed here.
    #[error("a frame of {0} bytes, at most {1} are allowed here")]
    TooLong(usize, usize),
    /// The rest of the frame did not come in time.
    #[error("a frame's rest did not come within {} s", FRAME_WITHIN.as_secs())]
    Slow,
    /// Too many frames are in reading on other connections.
    #[error("the collector is busy reading")]
    Busy,
    /// The stream ended within a frame, or broke.
    #[error("the stream broke: {0}")]
    Stream(#[from] io::Error),
}

impl ReadError {
    /// What the peer is told; `None` when nothing came that could be answered.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Stream(_) | Self::Slow => None,
            Self::Busy => {
                let refusal = Refusal::new(RejectReason::RateLimited, self.to_string());
                Some(refusal.after(BUSY_FOR))
            }
            Self::TooLong(..) => Some(Refusal::new(RejectReason::FrameTooLarge, self.to_string())),
            Self::Frame(error) => Some(refusal_of(error)),
        }
    }
}

/// What a peer is told of a frame that is none.
pub(super) fn refusal_of(error: &FrameError) -> Refusal {
    let reason =
        if error.is_size() { RejectReason::FrameTooLarge } else { RejectReason::Undecodable };
    Refusal::new(reason, error.to_string())
}

/// Reads frames from a stream.
pub(super) struct FrameReader<R> {
    stream: R,
    buffer: Vec<u8>,
    payload_bytes_max: usize,
    budget: Arc<ByteBudget>,
    /// The incomplete frame's share of the budget.
    permit: Option<BytePermit>,
    /// Runs while a frame is incomplete.
    deadline: Option<Pin<Box<Sleep>>>,
    /// When the last frame's first bytes came.
    began_at: Option<Instant>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader of frames up to a length, all of which share a budget with those of other readers.
    pub(super) fn new(stream: R, payload_bytes_max: usize, budget: &Arc<ByteBudget>) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            payload_bytes_max,
            budget: Arc::clone(budget),
            permit: None,
            deadline: None,
            began_at: None,
        }
    }

    /// When the first bytes of the last whole frame came.
    pub(super) const fn began_at(&self) -> Option<Instant> {
        self.began_at
    }

    /// The next frame; `None` when the stream ended between two frames.
    ///
    /// # Errors
    ///
    /// When the frame breaks a limit, is too slow, or the stream breaks.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped, and the time that a frame may take goes on.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, ReadError> {
        loop {
            let missing = self.missing_bytes()?;
            if missing == 0 {
                return self.take_frame().map(Some);
            }
            self.admit(missing)?;
            if self.read(missing).await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(ReadError::Stream(io::ErrorKind::UnexpectedEof.into())),
                };
            }
        }
    }

    /// Bytes that the frame lacks, or its header while that is not there. Never more: the buffer
    /// must not take in what belongs to the next frame.
    fn missing_bytes(&self) -> Result<usize, ReadError> {
        let Some(header) = self.buffer.first_chunk() else {
            return Ok(HEADER_BYTES - self.buffer.len());
        };
        let bytes = Header::parse(*header)?.payload_bytes;
        if bytes > self.payload_bytes_max {
            return Err(ReadError::TooLong(bytes, self.payload_bytes_max));
        }
        Ok((HEADER_BYTES + bytes).saturating_sub(self.buffer.len()))
    }

    /// Takes a frame's share of the budget, once its header has said how long it is and before there is
    /// room for it.
    fn admit(&mut self, missing: usize) -> Result<(), ReadError> {
        let is_large = self.buffer.len() >= HEADER_BYTES && missing > FREE_BYTES;
        if is_large && self.permit.is_none() {
            self.permit = Some(self.budget.take(missing).ok_or(ReadError::Busy)?);
        }
        Ok(())
    }

    /// Reads at most a step and at most what is missing, so that a frame's bytes never have to be
    /// moved for those of the next.
    async fn read(&mut self, missing: usize) -> Result<usize, ReadError> {
        let step = missing.min(STEP_BYTES);
        // Grown as the bytes come: a header that announces 256 KiB costs its sender 256 KiB before
        // it costs us that much.
        self.buffer.reserve_exact(step);
        let mut limited = (&mut self.stream).take(u64::try_from(step).unwrap_or(u64::MAX));
        let Some(deadline) = &mut self.deadline else {
            let count = limited.read_buf(&mut self.buffer).await?;
            if count > 0 {
                // From the first byte on, and kept over calls: dropping and calling again must not
                // give a peer that trickles more time.
                self.deadline = Some(Box::pin(tokio::time::sleep(FRAME_WITHIN)));
            }
            return Ok(count);
        };
        tokio::select! {
            biased;
            // `read_buf` is cancel safe: bytes are in the buffer or still in the stream, never
            // between.
            count = limited.read_buf(&mut self.buffer) => Ok(count?),
            () = deadline => Err(ReadError::Slow),
        }
    }

    fn take_frame(&mut self) -> Result<Frame, ReadError> {
        // The time that it may take began with its first bytes.
        self.began_at =
            self.deadline.take().map(|deadline| (deadline.deadline() - FRAME_WITHIN).into_std());
        // What the frame leads to has a budget of its own.
        self.permit = None;
        let mut payload = std::mem::take(&mut self.buffer);
        let header = match payload.first_chunk() {
            Some(header) => Header::parse(*header)?,
            None => return Err(ReadError::Stream(io::ErrorKind::UnexpectedEof.into())),
        };
        // Moves the payload by five bytes; a vector of its own would be another allocation of its size.
        payload.drain(..HEADER_BYTES);
        Ok(Frame { packing: header.packing, payload })
    }
}

/// Writes a frame.
///
/// # Errors
///
/// When the stream breaks, or the peer makes no room in time.
pub(super) async fn write<W: AsyncWrite + Unpin>(stream: &mut W, frame: &Frame) -> io::Result<()> {
    // In one write: header and payload in two would be two packets on a stream that sends at once.
    let bytes = frame.to_bytes();
    let writing = async {
        stream.write_all(&bytes).await?;
        // TLS may keep a record back that the socket had no room for.
        stream.flush().await
    };
    // Given up half-way, the stream holds half a frame: whoever gets this error has to close.
    match tokio::time::timeout(WRITE_WITHIN, writing).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Packers and unpackers, shared by all connections: between messages none is held.
#[derive(Debug, Default)]
pub(super) struct Codecs {
    unpackers: Mutex<Vec<Unpacker>>,
    packers: Mutex<Vec<Packer>>,
}

impl Codecs {
    /// A frame's message.
    ///
    /// # Errors
    ///
    /// When it is damaged or unpacks to more than a message may have.
    pub(super) fn unpack(&self, frame: &Frame) -> Result<Vec<u8>, FrameError> {
        // Popped and pushed back, so no lock is held while a megabyte is unpacked; under a panic
        // the tool is simply lost.
        let kept = lock(&self.unpackers).pop();
        let mut unpacker = match kept {
            Some(unpacker) => unpacker,
            None => Unpacker::new().map_err(FrameError::Damaged)?,
        };
        let message = unpacker.unpack(frame.packing, &frame.payload);
        keep(&self.unpackers, unpacker);
        message
    }

    /// A message as a frame.
    ///
    /// # Errors
    ///
    /// When there is no memory for a packer, or the message is longer than a frame.
    pub(super) fn pack(&self, message: Vec<u8>) -> Result<Frame, FrameError> {
        let kept = lock(&self.packers).pop();
        let mut packer = match kept {
            Some(packer) => packer,
            None => Packer::new().map_err(FrameError::Damaged)?,
        };
        let frame = packer.pack(message);
        keep(&self.packers, packer);
        frame
    }
}

fn keep<T>(pool: &Mutex<Vec<T>>, tool: T) {
    let mut pool = lock(pool);
    if pool.len() < KEPT_MAX {
        pool.push(tool);
    }
}

fn lock<T>(pool: &Mutex<Vec<T>>) -> std::sync::MutexGuard<'_, Vec<T>> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use protocol::frame::Packing;
    use protocol::limits::FRAME_WIRE_BYTES_MAX;
    use tokio::io::duplex;

    use super::*;

    fn frame(bytes: usize) -> Frame {
        Frame { packing: Packing::Plain, payload: vec![7; bytes] }
    }

    fn reader<R: AsyncRead + Unpin>(stream: R, payload_bytes_max: usize) -> FrameReader<R> {
        FrameReader::new(stream, payload_bytes_max, &ByteBudget::new(u64::MAX))
    }

    #[tokio::test]
    async fn a_frame_takes_its_share_of_the_budget_until_it_is_whole() {
        let budget = ByteBudget::new(10_000);
        let (mut near, far) = duplex(64);
        let mut first = FrameReader::new(far, FRAME_WIRE_BYTES_MAX, &budget);
        near.write_all(&frame(6_000).header()).await.unwrap();
        tokio::select! {
            biased;
            _ = first.next() => panic!("a header is no frame"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(budget.taken(), 6_000);
        let (mut other, far) = duplex(64);
        let mut second = FrameReader::new(far, FRAME_WIRE_BYTES_MAX, &budget);
        other.write_all(&frame(6_000).header()).await.unwrap();
        let error = second.next().await.unwrap_err();
        assert_eq!(error.refusal().map(|refusal| refusal.reason), Some(RejectReason::RateLimited));
        let writing = async {
            near.write_all(&[7; 6_000]).await.unwrap();
        };
        let (read, ()) = tokio::join!(first.next(), writing);
        assert_eq!(read.unwrap(), Some(frame(6_000)));
        assert_eq!(budget.taken(), 0);
    }

    #[tokio::test]
    async fn a_heartbeat_needs_no_share_and_a_reader_that_is_dropped_gives_its_own_back() {
        let budget = ByteBudget::new(1_000);
        let (mut near, far) = duplex(1_024);
        near.write_all(&frame(900).header()).await.unwrap();
        let mut large = FrameReader::new(far, FRAME_WIRE_BYTES_MAX, &budget);
        tokio::select! {
            biased;
            _ = large.next() => panic!("a header is no frame"),
            () = tokio::task::yield_now() => {}
        }
        let (mut near, far) = duplex(1_024);
        near.write_all(&frame(300).to_bytes()).await.unwrap();
        let mut small = FrameReader::new(far, FRAME_WIRE_BYTES_MAX, &budget);
        assert_eq!(small.next().await.unwrap(), Some(frame(300)));
        drop(large);
        assert_eq!(budget.taken(), 0);
    }

    #[tokio::test]
    async fn reads_frames_that_come_in_any_pieces() {
        let (mut near, far) = duplex(3);
        let mut reader = reader(far, FRAME_WIRE_BYTES_MAX);
        let writing = async {
            for bytes in [0, 1, 40_000] {
                near.write_all(&frame(bytes).to_bytes()).await.unwrap();
            }
            drop(near);
        };
        let reading = async {
            for bytes in [0, 1, 40_000] {
                assert_eq!(reader.next().await.unwrap(), Some(frame(bytes)));
            }
            assert_eq!(reader.next().await.unwrap(), None);
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test]
    async fn a_frame_survives_that_its_reading_is_dropped() {
        let (mut near, far) = duplex(1_024);
        let mut reader = reader(far, FRAME_WIRE_BYTES_MAX);
        let bytes = frame(100).to_bytes();
        near.write_all(&bytes[..50]).await.unwrap();
        tokio::select! {
            biased;
            _ = reader.next() => panic!("half a frame is no frame"),
            () = tokio::task::yield_now() => {}
        }
        near.write_all(&bytes[50..]).await.unwrap();
        assert_eq!(reader.next().await.unwrap(), Some(frame(100)));
    }

    #[tokio::test]
    async fn refuses_lengths_before_it_takes_memory() {
        let (mut near, far) = duplex(1_024);
        near.write_all(&[0xff, 0xff, 0xff, 0xff, 0]).await.unwrap();
        let error = reader(far, FRAME_WIRE_BYTES_MAX).next().await.unwrap_err();
        assert!(matches!(error, ReadError::Frame(FrameError::Length(_))));
        let (mut near, far) = duplex(1_024);
        near.write_all(&frame(500).header()).await.unwrap();
        let error = reader(far, 499).next().await.unwrap_err();
        assert!(matches!(error, ReadError::TooLong(500, 499)));
    }

    #[tokio::test]
    async fn takes_no_more_memory_than_has_come() {
        let (mut near, far) = duplex(1_024);
        let mut reader = reader(far, FRAME_WIRE_BYTES_MAX);
        near.write_all(&frame(FRAME_WIRE_BYTES_MAX).header()).await.unwrap();
        tokio::select! {
            biased;
            _ = reader.next() => panic!("a header is no frame"),
            () = tokio::task::yield_now() => {}
        }
        assert!(reader.buffer.capacity() <= 2 * STEP_BYTES);
    }

    #[tokio::test]
    async fn a_stream_that_ends_within_a_frame_is_broken() {
        let (mut near, far) = duplex(1_024);
        near.write_all(&frame(10).to_bytes()[..9]).await.unwrap();
        drop(near);
        let error = reader(far, 10).next().await.unwrap_err();
        assert!(matches!(error, ReadError::Stream(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_trickles_in_is_given_up_though_its_bytes_keep_coming() {
        let (mut near, far) = duplex(1_024);
        let mut reader = reader(far, FRAME_WIRE_BYTES_MAX);
        let bytes = frame(1_000).to_bytes();
        let trickling = async {
            for byte in bytes {
                near.write_all(&[byte]).await.unwrap();
                // Virtual time: the clock of the test is paused and goes on by itself.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = trickling => panic!("nobody gave up"),
            error = reader.next() => assert!(matches!(error, Err(ReadError::Slow))),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_frame_takes_as_long_as_it_takes() {
        let (near, far) = duplex(1_024);
        let mut reader = reader(far, 10);
        let waited = tokio::time::timeout(Duration::from_secs(100_000), reader.next()).await;
        assert!(waited.is_err());
        drop(near);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_does_not_hold_a_writer_for_ever() {
        let (mut near, _far) = duplex(16);
        let error = write(&mut near, &frame(1_000)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
