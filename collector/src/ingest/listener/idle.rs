//! A stream that ends when nothing has come for too long, as QUIC's connections do by themselves.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose silence is borne for so long.
#[derive(Debug)]
pub(super) struct Idle<S> {
    stream: S,
    within: Duration,
    /// One timer, which is put off when it fires and not with every byte.
    timer: Pin<Box<Sleep>>,
    heard_at: Instant,
}

impl<S> Idle<S> {
    pub(super) fn new(stream: S, within: Duration) -> Self {
        let timer = Box::pin(sleep(within));
        Self { stream, within, heard_at: timer.deadline() - within, timer }
    }

    /// Whether the silence has lasted too long; the timer wakes whoever asks.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let until = self.heard_at + self.within;
            if until <= self.timer.deadline() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

#[expect(clippy::disallowed_methods, reason = "the time that the timer beside it goes by")]
fn now() -> Instant {
    Instant::now()
}

impl<S: AsyncRead + Unpin> AsyncRead for Idle<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            if buffer.filled().len() > before {
                self.heard_at = now();
            }
            return polled;
        }
        self.poll_silence(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Idle<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn bears_silence_for_as_long_as_it_may_last_and_no_longer() {
        let (mut near, far) = duplex(64);
        let mut idle = Idle::new(far, MINUTE);
        for _ in 0..5 {
            sleep(Duration::from_secs(59)).await;
            near.write_all(b"x").await.unwrap();
            assert_eq!(idle.read_u8().await.unwrap(), b'x');
        }
        let began = now();
        let error = idle.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= MINUTE, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_an_end_and_no_silence() {
        let (near, far) = duplex(64);
        drop(near);
        let mut idle = Idle::new(far, MINUTE);
        assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
