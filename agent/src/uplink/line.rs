//! A connection that stands: frames in, frames out, and whether the path is dead.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite as _;

use super::UplinkEvent;
use super::frames::{FrameReader, ReadError};
use super::stream::Stream;

/// Frames that wait to be written; the session sends more when they are gone.
const OUTBOX_FRAMES_MAX: usize = 4;
/// How long the other side may stay wholly silent after something was sent to it. QUIC answers
/// within milliseconds even when the collector has nothing to say.
const SILENT_FOR: Duration = Duration::from_secs(10);

/// A connection that stands.
pub(super) struct Line {
    pub(super) stream: Stream,
    reader: FrameReader,
    outbox: VecDeque<Vec<u8>>,
    /// Bytes of the first frame that are written.
    written: usize,
    /// Whether something was written that may still be held back.
    is_unflushed: bool,
    silence: Option<Silence>,
}

/// Something was sent, and nothing was heard since.
struct Silence {
    /// How often the other side was heard before.
    heard: u64,
    ends: Pin<Box<tokio::time::Sleep>>,
}

impl Line {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            reader: FrameReader::default(),
            outbox: VecDeque::new(),
            written: 0,
            is_unflushed: false,
            silence: None,
        }
    }

    /// Puts a frame behind those that wait.
    pub(super) fn send(&mut self, frame: Vec<u8>) {
        self.outbox.push_back(frame);
    }

    /// Whether another report may be put behind those that wait.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.len() < OUTBOX_FRAMES_MAX
    }

    /// The next thing that happens.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was read or written in part is kept.
    pub(super) async fn next(&mut self) -> UplinkEvent {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<UplinkEvent> {
        if let Poll::Ready(frame) = self.reader.poll_read(&mut self.stream, context) {
            // Whoever speaks is alive.
            self.silence = None;
            return Poll::Ready(match frame {
                Ok(Some(frame)) => UplinkEvent::Received(frame),
                Ok(None) => UplinkEvent::Closed("the collector ended it".to_owned()),
                Err(ReadError::Connection(why)) => UplinkEvent::Closed(why),
                Err(error @ ReadError::Frame(_)) => UplinkEvent::Garbled(error),
            });
        }
        match self.poll_write(context) {
            Poll::Ready(Ok(())) => return Poll::Ready(UplinkEvent::Drained),
            Poll::Ready(Err(error)) => {
                return Poll::Ready(UplinkEvent::Closed(error.to_string()));
            }
            Poll::Pending => {}
        }
        let Some(silence) = &mut self.silence else {
            return Poll::Pending;
        };
        ready!(silence.ends.as_mut().poll(context));
        if self.is_dead() {
            self.stream.close("no answer");
            return Poll::Ready(UplinkEvent::Dead);
        }
        Poll::Pending
    }

    /// Writes as much as there is room for; ready when a whole frame is out.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(frame) = self.outbox.front() {
            let rest = &frame[self.written..];
            let bytes = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            self.is_unflushed = true;
            if self.has_written(bytes) {
                return Poll::Ready(Ok(()));
            }
        }
        if self.is_unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.is_unflushed = false;
        }
        Poll::Pending
    }

    /// Takes note of bytes that were written; says whether a frame is out.
    fn has_written(&mut self, bytes: usize) -> bool {
        self.written += bytes;
        // One timer from the first byte that may be unanswered; more bytes do not put it off.
        if let (None, Some(heard)) = (&self.silence, self.stream.heard()) {
            // The runtime's timer is the right one here because it stands still in suspend: a
            // laptop that slept for an hour has not been left without an answer for an hour.
            self.silence = Some(Silence { heard, ends: Box::pin(tokio::time::sleep(SILENT_FOR)) });
        }
        let is_out = self.outbox.front().is_some_and(|frame| self.written >= frame.len());
        if is_out {
            self.outbox.pop_front();
            self.written = 0;
        }
        is_out
    }

    /// Whether nothing at all was heard since something was sent.
    fn is_dead(&mut self) -> bool {
        let heard = self.stream.heard();
        self.silence.take().is_some_and(|silence| Some(silence.heard) == heard)
    }
}
