//! The simulated network: streams of bytes that come late, in pieces, and that break at one end
//! before the other.
//!
//! A stream is what QUIC gives its users: bytes in order or an end. Loss and reordering of packets
//! are QUIC's own business; what is left of them here are delays, and bytes of an older connection
//! that arrive after a newer one was made.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::clock::Clock;
use crate::random::Random;

/// Bytes that one direction holds before its writer has to wait, as a stream's window does.
const WINDOW_BYTES: usize = 256 * 1024;
/// Bytes that one read gives at most: frames come in pieces.
const PIECE_BYTES: usize = 16 * 1024;

/// How one direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In order, after its last byte.
    Finished,
    /// Torn.
    Torn,
}

/// One direction of a connection. A clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Pipe(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Bytes under way, with the time at which they are there.
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    end: Option<(Instant, End)>,
    /// Whether the writing end knows that nothing goes through any more.
    is_torn_for_writer: bool,
    /// Bytes that are written now are under way until then at least.
    blocked_until: Instant,
    last_at: Instant,
    delay: Duration,
    random: Random,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    pub(super) fn new(delay: Duration, blocked_until: Instant, random: Random) -> Self {
        Self(Arc::new(Mutex::new(State {
            chunks: VecDeque::new(),
            bytes: 0,
            end: None,
            is_torn_for_writer: false,
            blocked_until,
            last_at: Clock.now(),
            delay,
            random,
            reader: None,
            writer: None,
        })))
    }

    /// The two ends.
    pub(super) fn ends(&self) -> (PipeWriter, PipeReader) {
        let writer = PipeWriter(self.clone());
        let reader = PipeReader {
            pipe: self.clone(),
            sleep: Box::pin(tokio::time::sleep_until(Clock.now())),
        };
        (writer, reader)
    }

    /// Holds back what is written from now on.
    pub(super) fn block_until(&self, until: Instant) {
        let mut state = self.lock();
        // Never earlier: a second block that is shorter must not let out what the first one holds.
        state.blocked_until = state.blocked_until.max(until);
    }

    /// Makes everything that is written from now on take so long.
    pub(super) fn slow_down(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// Ends it for its writer at once. What is under way is lost from a random byte on, or all of
    /// it comes within `late`; the reader learns of the end after that.
    pub(super) fn tear(&self, late: Option<Duration>) {
        let now = Clock.now();
        let mut state = self.lock();
        state.is_torn_for_writer = true;
        let end_at = if let Some(late) = late {
            for chunk in &mut state.chunks {
                // Brought forward alike, so that their order stays.
                chunk.0 = chunk.0.min(now + late);
            }
            now + late
        } else {
            // Anything from nothing to all of it may have arrived, and the last frame in part.
            let kept = state.chunks.len();
            let kept = state.random.below(kept + 1);
            state.chunks.truncate(kept);
            let mut torn = state.chunks.pop_back();
            if let Some((at, mut bytes)) = torn.take() {
                let kept = state.random.below(bytes.len() + 1);
                bytes.truncate(kept);
                state.chunks.push_back((at.min(now), bytes));
            }
            now
        };
        state.end = Some((end_at, End::Torn));
        state.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, bytes: Vec<u8>) {
        let now = Clock.now();
        // A stream keeps its order however long its packets take.
        let at = (now.max(self.blocked_until) + self.random.around(self.delay)).max(self.last_at);
        self.last_at = at;
        self.bytes += bytes.len();
        self.chunks.push_back((at, bytes));
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    /// Gives bytes that are there, or the end, or when to look again.
    fn read(&mut self, room: usize, now: Instant) -> Result<Vec<u8>, Option<Instant>> {
        // What is under way comes before the end, whatever time that has.
        let Some((at, chunk)) = self.chunks.front_mut() else {
            return match self.end {
                Some((at, _)) if at <= now => Ok(Vec::new()),
                Some((at, _)) => Err(Some(at)),
                None => Err(None),
            };
        };
        if *at > now {
            return Err(Some(*at));
        }
        let most = chunk.len().min(room).min(PIECE_BYTES);
        // Mostly whole, and now and then at any byte.
        let count =
            if self.random.percent(10) { (1 + self.random.below(most)).min(most) } else { most };
        // `count` is at most what the chunk has.
        let rest = chunk.split_off(count);
        let read = std::mem::replace(chunk, rest);
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= read.len();
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
        Ok(read)
    }
}

/// The end that bytes go into.
#[derive(Debug)]
pub(super) struct PipeWriter(Pipe);

impl PipeWriter {
    /// Puts bytes behind those that are under way; `false` when the pipe is torn.
    pub(super) fn push(&self, bytes: Vec<u8>) -> bool {
        // Beyond the window as well: whoever uses this asks `has_room` first.
        let mut state = self.0.lock();
        if !state.is_torn_for_writer && !bytes.is_empty() {
            state.push(bytes);
        }
        !state.is_torn_for_writer
    }

    /// Whether more may be put into it without waiting.
    pub(super) fn has_room(&self) -> bool {
        let state = self.0.lock();
        !state.is_torn_for_writer && state.bytes < WINDOW_BYTES
    }
}

impl AsyncWrite for PipeWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        if state.is_torn_for_writer {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.bytes >= WINDOW_BYTES {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = bytes.len().min(WINDOW_BYTES - state.bytes);
        state.push(bytes[..count].to_vec());
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        let at = state.last_at.max(Clock.now());
        // Behind the last byte, and only if it was not torn before.
        state.end.get_or_insert((at, End::Finished));
        if let Some(waker) = state.reader.take() {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        // A process that is gone sends no more; its peer finds out. One that finished had an end,
        // which stays.
        let at = state.last_at.max(Clock.now());
        state.end.get_or_insert((at, End::Torn));
        if let Some(waker) = state.reader.take() {
            waker.wake();
        }
    }
}

/// The end that bytes come out of.
#[derive(Debug)]
pub(super) struct PipeReader {
    pipe: Pipe,
    sleep: Pin<Box<Sleep>>,
}

impl AsyncRead for PipeReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let mut state = this.pipe.lock();
            let due = match state.read(buffer.remaining(), Clock.now()) {
                Ok(bytes) if bytes.is_empty() => {
                    return Poll::Ready(match state.end {
                        Some((_, End::Torn)) => Err(io::ErrorKind::ConnectionReset.into()),
                        Some((_, End::Finished)) | None => Ok(()),
                    });
                }
                Ok(bytes) => {
                    buffer.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(due) => due,
            };
            // Before the sleep below: the next bytes may be due earlier than what it waits for.
            state.reader = Some(context.waker().clone());
            drop(state);
            let Some(due) = due else {
                return Poll::Pending;
            };
            this.sleep.as_mut().reset(due);
            if Future::poll(this.sleep.as_mut(), context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        // Nobody reads: whoever writes finds out.
        let mut state = self.pipe.lock();
        state.is_torn_for_writer = true;
        if let Some(waker) = state.writer.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
