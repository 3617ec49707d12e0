//! A stream to a collector, over QUIC or over TLS on TCP, for whoever reads and writes frames.
//!
//! Everything above it is the same for both. What differs is how a dead path shows, how a connection
//! ends and what is counted, and that is said here and nowhere else.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use protocol::way::Path;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How long the farewell may take.
const FAREWELL_WITHIN: Duration = Duration::from_millis(500);

/// Bytes that went over one connection: UDP payload, or TCP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent.
    pub sent_bytes: u64,
    /// Received.
    pub received_bytes: u64,
}

/// An open stream to a collector.
#[derive(Debug)]
pub struct Stream {
    /// Where it was to lead, `host:port`.
    pub to: String,
    /// The address that answered, which is the proxy's where there is one.
    pub address: SocketAddr,
    /// The way it takes.
    pub path: Path,
    carrier: Carrier,
}

#[derive(Debug)]
enum Carrier {
    Quic(Box<Quic>),
    Tls(Box<Tls>),
}

/// A connection of QUIC, with its one stream.
#[derive(Debug)]
pub(super) struct Quic {
    /// The socket, for this connection alone.
    pub(super) endpoint: Endpoint,
    pub(super) connection: Connection,
    pub(super) send: SendStream,
    pub(super) recv: RecvStream,
}

/// A connection of TLS over TCP.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) stream: TlsStream<Metered<TcpStream>>,
    pub(super) meter: Arc<Meter>,
}

impl Stream {
    /// A stream over QUIC.
    pub(super) fn quic(address: SocketAddr, quic: Quic) -> Self {
        Self {
            to: String::new(),
            address,
            path: Path::QUIC,
            carrier: Carrier::Quic(Box::new(quic)),
        }
    }

    /// A stream over TLS on TCP.
    pub(super) fn tls(address: SocketAddr, path: Path, tls: Tls) -> Self {
        Self { to: String::new(), address, path, carrier: Carrier::Tls(Box::new(tls)) }
    }

    /// What went over it.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        match &self.carrier {
            Carrier::Quic(quic) => {
                let stats = quic.connection.stats();
                Traffic { sent_bytes: stats.udp_tx.bytes, received_bytes: stats.udp_rx.bytes }
            }
            Carrier::Tls(tls) => Traffic {
                sent_bytes: tls.meter.sent.load(Ordering::Relaxed),
                received_bytes: tls.meter.received.load(Ordering::Relaxed),
            },
        }
    }

    /// How often the other side was heard, acknowledgements of the transport included; `None` where
    /// only the system knows, which then ends the connection itself.
    #[must_use]
    pub(super) fn heard(&self) -> Option<u64> {
        match &self.carrier {
            // Datagrams and not frames: an acknowledgement of QUIC's own shows that the path lives
            // though the collector has nothing to say.
            Carrier::Quic(quic) => Some(quic.connection.stats().udp_rx.datagrams),
            Carrier::Tls(_) => None,
        }
    }

    /// Ends the connection at once.
    pub fn close(&mut self, why: &str) {
        match &mut self.carrier {
            // Without waiting: the session goes on at once, and a collector that does not hear it
            // finds out by the idle timeout.
            Carrier::Quic(quic) => quic.connection.close(0_u32.into(), why.as_bytes()),
            Carrier::Tls(tls) => {
                // One try without waiting for room: the close alert is a courtesy, and the end of the
                // socket says the same less politely.
                let mut context = Context::from_waker(Waker::noop());
                let _tried = Pin::new(&mut tls.stream).poll_shutdown(&mut context);
            }
        }
    }

    /// Ends the connection and waits, for half a second at most, until the collector can know.
    pub async fn farewell(mut self, why: &str) {
        match &mut self.carrier {
            Carrier::Quic(quic) => {
                quic.connection.close(0_u32.into(), why.as_bytes());
                // quinn sends the close in its own task; leaving without waiting would mostly leave
                // before it is out.
                let idle = quic.endpoint.wait_idle();
                tokio::time::timeout(FAREWELL_WITHIN, idle).await.ok();
            }
            Carrier::Tls(tls) => {
                let closing = tls.stream.shutdown();
                tokio::time::timeout(FAREWELL_WITHIN, closing).await.ok();
            }
        }
    }

    /// Writes all of it, and waits until it is on its way.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes).await?;
        self.flush().await
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Quic(quic) => AsyncRead::poll_read(Pin::new(&mut quic.recv), context, buffer),
            Carrier::Tls(tls) => Pin::new(&mut tls.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Quic(quic) => AsyncWrite::poll_write(Pin::new(&mut quic.send), context, bytes),
            Carrier::Tls(tls) => Pin::new(&mut tls.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Quic(quic) => AsyncWrite::poll_flush(Pin::new(&mut quic.send), context),
            // TLS may hold a record that the socket had no room for.
            Carrier::Tls(tls) => Pin::new(&mut tls.stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Quic(quic) => AsyncWrite::poll_shutdown(Pin::new(&mut quic.send), context),
            Carrier::Tls(tls) => Pin::new(&mut tls.stream).poll_shutdown(context),
        }
    }
}

/// What went through a [`Metered`] stream.
#[derive(Debug, Default)]
pub(super) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    /// The first bytes that came, the earliest lowest.
    first: AtomicU64,
}

impl Meter {
    /// Whether what came begins like an answer of HTTP.
    pub(super) fn looks_like_http(&self) -> bool {
        let first = self.first.load(Ordering::Relaxed).to_le_bytes();
        first.starts_with(b"HTTP/")
    }

    /// Whether anything came.
    pub(super) fn has_heard(&self) -> bool {
        self.received.load(Ordering::Relaxed) > 0
    }

    fn came(&self, bytes: &[u8]) {
        let before = self.received.load(Ordering::Relaxed);
        let mut first = self.first.load(Ordering::Relaxed).to_le_bytes();
        let from = usize::try_from(before).unwrap_or(first.len());
        for (place, byte) in first.iter_mut().skip(from).zip(bytes) {
            *place = *byte;
        }
        self.first.store(u64::from_le_bytes(first), Ordering::Relaxed);
        count(&self.received, bytes.len());
    }
}

fn count(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
}

/// A stream that counts.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        let metered = Self { stream, meter: Arc::clone(&meter) };
        (metered, meter)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.meter.came(&buffer.filled()[before..]);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = &polled {
            count(&self.meter.sent, *written);
        }
        polled
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
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn read(pieces: &[&[u8]]) -> Arc<Meter> {
        let (mut near, far) = tokio::io::duplex(64);
        let (mut metered, meter) = Metered::new(far);
        for piece in pieces {
            near.write_all(piece).await.expect("room");
            let mut heard = vec![0; piece.len()];
            metered.read_exact(&mut heard).await.expect("all of it");
        }
        meter
    }

    #[tokio::test]
    async fn knows_an_answer_of_http_however_it_is_cut() {
        assert!(read(&[b"HTTP/1.1 302 Found"]).await.looks_like_http());
        assert!(read(&[b"H", b"TT", b"P/1.0 200"]).await.looks_like_http());
        assert!(!read(&[b"\x16\x03\x03\0\x7a"]).await.looks_like_http());
        assert!(!read(&[]).await.has_heard());
    }

    #[tokio::test]
    async fn counts_both_directions() {
        let (mut near, far) = tokio::io::duplex(64);
        let (mut metered, meter) = Metered::new(far);
        metered.write_all(b"twelve bytes").await.expect("room");
        near.write_all(b"five!").await.expect("room");
        let mut heard = [0; 5];
        metered.read_exact(&mut heard).await.expect("all of it");
        assert_eq!(meter.sent.load(Ordering::Relaxed), 12);
        assert_eq!(meter.received.load(Ordering::Relaxed), 5);
    }
}
