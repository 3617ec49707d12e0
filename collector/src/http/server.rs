//! The listener: connections, how many, and how long one may say nothing.
//!
//! A client that sends its request a byte at a time (slow loris), or nothing at all, loses its
//! connection, and so does one that takes nothing of its answer; more connections than may be wait to be
//! accepted. HTTP/1.1 alone is spoken, under TLS where there is a certificate: proxies speak it to us, and for
//! people it is fast enough.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::client::Peer;
use crate::config::HttpConfig;

/// Bytes of a request's head at most.
const HEAD_BYTES_MAX: usize = 32 * 1_024;
/// Headers of a request at most.
const HEADERS_MAX: usize = 64;
/// How long a peer may take nothing of what is sent to it.
const TAKEN_WITHIN: Duration = Duration::from_secs(120);
/// After how long a peer that says nothing is asked whether it is still there.
const ASKED_AFTER: Duration = Duration::from_secs(60);
/// How long accepting rests after a failure, such as too many open files.
const REST: Duration = Duration::from_millis(100);
/// How a TLS handshake begins (RFC 8446, section 5.1): the record's type.
const HANDSHAKE: u8 = 22;
/// What somebody is told who speaks plain HTTP to a port that wants TLS.
const WANTS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\nContent-Length: 39\r\n\r\nThis address is reached with https://.\n";

/// Answers connections until `stop` resolves, and then the requests that are under way.
///
/// # Errors
///
/// When the listener is none any more.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    tls: Option<TlsAcceptor>,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(config.connections_max as usize));
    let stopping = CancellationToken::new();
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
            // Ended connections leave the set, which would grow otherwise.
            Some(_) = connections.join_next() => continue,
        };
        let Some((stream, peer, place)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let connection = Connection {
            router: router.clone(),
            peer,
            head_timeout: config.head_timeout,
            tls: tls.clone(),
            stopping: stopping.clone(),
            _place: place,
        };
        connections.spawn(connection.serve(stream));
    }
    drop(listener);
    stopping.cancel();
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// The next connection, once there is a place for it; `None` when it failed.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, Peer(peer), place)),
        Err(error) => {
            tracing::warn!("accept a connection of the API: {error}");
            None
        }
    }
}

/// One connection.
struct Connection {
    router: Router,
    peer: Peer,
    head_timeout: Duration,
    tls: Option<TlsAcceptor>,
    stopping: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // Answers are small: waiting for more to send with them costs 40 ms.
        stream.set_nodelay(true).ok();
        if let Err(error) = bound(&stream) {
            tracing::debug!("bound a connection of the API: {error}");
        }
        let Some(tls) = self.tls.clone() else {
            return self.answer(stream).await;
        };
        let shaking = tokio::time::timeout(self.head_timeout, shake_hands(&tls, stream));
        let shaken = tokio::select! {
            shaken = shaking => shaken,
            () = self.stopping.cancelled() => return,
        };
        match shaken {
            Ok(Ok(Some(stream))) => self.answer(stream).await,
            Ok(Ok(None)) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::debug!(peer = %self.peer.0, "no handshake of the API: {error}");
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let (router, peer) = (self.router, self.peer.0);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // A client that goes away is no fault of anybody's.
        if let Err(error) = ended {
            tracing::debug!(%peer, "a connection of the API ended: {error}");
        }
    }
}

/// TLS on a connection; `None` for one whose client was told to come with it.
async fn shake_hands(
    tls: &TlsAcceptor,
    mut stream: TcpStream,
) -> io::Result<Option<tokio_rustls::server::TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
        stream.write_all(WANTS_TLS).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    tls.accept(stream).await.map(Some)
}

/// Lets the system end a connection whose peer is gone, or takes nothing of what it asked for: nothing here is
/// asked again before there is room to send more.
fn bound(stream: &TcpStream) -> io::Result<()> {
    let taken_within = u32::try_from(TAKEN_WITHIN.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(stream, taken_within)?;
    sockopt::set_tcp_keepidle(stream, ASKED_AFTER)?;
    sockopt::set_socket_keepalive(stream, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    use super::*;
    use crate::config::{Config, Layers};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    /// A server with room for one connection; it stops when the sender is dropped.
    async fn server() -> (SocketAddr, oneshot::Sender<()>, JoinSet<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut config = Config::from_layers(Layers::defaults()).unwrap().http;
            config.connections_max = 1;
            config.head_timeout = Duration::from_millis(300);
            let router = Router::new().route("/", routing::get(async || "answered"));
            serve(listener, router, &config, None, async {
                stopped.await.ok();
            })
            .await
        });
        (address, stop, serving)
    }

    async fn read_to_end(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        // A connection that is cut is over as one that is closed.
        stream.read_to_string(&mut text).await.ok();
        text
    }

    #[tokio::test]
    async fn who_sends_nothing_or_a_head_byte_by_byte_makes_room_for_others() {
        let (address, _stop, _serving) = server().await;
        for beginning in [&b""[..], b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a"] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(beginning).await.unwrap();
            let mut next = TcpStream::connect(address).await.unwrap();
            next.write_all(REQUEST).await.unwrap();
            // Answered only once the first connection's place is free.
            assert!(read_to_end(&mut next).await.ends_with("answered"));
            assert!(!read_to_end(&mut slow).await.contains("answered"));
        }
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let (address, _stop, _serving) = server().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        for _ in 0..200 {
            let header = format!("X-Long: {}\r\n", "a".repeat(1_000));
            if stream.write_all(header.as_bytes()).await.is_err() {
                break;
            }
        }
        assert!(!read_to_end(&mut stream).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn a_stop_lets_what_is_under_way_end_and_takes_nothing_new() {
        let (address, stop, mut serving) = server().await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut some = [0; 15];
        idle.read_exact(&mut some).await.unwrap();
        drop(stop);
        serving.join_next().await.unwrap().unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
