//! What only TCP can do to a collector: connections that stall in TLS's own handshake, that stand and say
//! nothing, and bytes that come one by one.

use std::sync::Arc;
use std::time::Duration;

use protocol::frame::Frame;
use protocol::ids::Position;
use protocol::message::{ALPN_SESSION, AgentMessage, CollectorMessage, SERVER_NAME};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::{hello, message, pack, report, tls};
use super::fixture::Fixture;
use crate::config::TcpListen;
use crate::ingest::frames::{Codecs, FrameReader};
use crate::ingest::limits::ByteBudget;

async fn connect(fixture: &Fixture, alpn: &[u8]) -> TlsStream<TcpStream> {
    let config = tls(&fixture.authority, Some(fixture.credentials()), alpn);
    let stream = TcpStream::connect(fixture.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    connecting.await.unwrap()
}

fn frame(message: &AgentMessage) -> Frame {
    pack(message.encode())
}

#[tokio::test]
async fn frames_that_are_cut_anywhere_are_taken_whole() {
    let fixture = Fixture::new();
    let (receive, mut send) = tokio::io::split(connect(&fixture, ALPN_SESSION).await);
    let mut reader = FrameReader::new(receive, 1 << 20, &ByteBudget::new(u64::MAX));
    let bytes = [
        frame(&AgentMessage::Hello(hello())).to_bytes(),
        frame(&message(report(1, 1))).to_bytes(),
        frame(&message(report(1, 2))).to_bytes(),
    ]
    .concat();
    // Each byte a record of its own, which is as small as TLS can cut.
    for byte in bytes {
        send.write_all(&[byte]).await.unwrap();
        send.flush().await.unwrap();
    }
    let codecs = Codecs::default();
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let answer = reader.next().await.unwrap().unwrap();
        let answer = codecs.unpack(&answer).unwrap();
        heard.push(CollectorMessage::decode(&answer).unwrap());
    }
    assert!(matches!(heard[0], CollectorMessage::Welcome(_)));
    for (answer, seq) in heard[1..].iter().zip(1..) {
        let position = Position::new(1, seq);
        assert_eq!(*answer, CollectorMessage::Ack { position });
    }
}

#[tokio::test]
async fn a_connection_that_stalls_in_its_handshake_holds_no_place_for_long() {
    let fixture = Fixture::with(|config| config.handshakes_max = 1);
    // Half of a client's first record, and then nothing.
    let mut stalled = TcpStream::connect(fixture.address).await.unwrap();
    stalled.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    // Until the collector has accepted that one, there is a place.
    loop {
        // It may be reset before it is known to stand.
        let Ok(mut refused) = TcpStream::connect(fixture.address).await else {
            break;
        };
        let mut byte = [0; 1];
        let waiting = refused.read(&mut byte);
        if let Ok(answer) = tokio::time::timeout(Duration::from_secs(1), waiting).await {
            assert!(!matches!(answer, Ok(1..)), "{answer:?}");
            break;
        }
    }
    // Ten seconds by the collector's own patience: longer than any agent's handshake takes.
    let ended = tokio::time::timeout(Duration::from_secs(15), stalled.read(&mut [0; 64])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    let mut stream = connect(&fixture, ALPN_SESSION).await;
    let hello = frame(&AgentMessage::Hello(hello())).to_bytes();
    stream.write_all(&hello).await.unwrap();
    assert!(stream.read(&mut [0; 256]).await.unwrap() > 0);
}

#[tokio::test]
async fn a_session_that_falls_silent_is_let_go() {
    let fixture = Fixture::with(|config| config.idle_timeout = Duration::from_millis(300));
    let mut stream = connect(&fixture, ALPN_SESSION).await;
    let hello = frame(&AgentMessage::Hello(hello())).to_bytes();
    stream.write_all(&hello).await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.ok();
    assert!(!heard.is_empty(), "a welcome, and then the end");
    while !fixture.registry.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_no_tls_is_sent_away_and_bothers_nobody() {
    let fixture = Fixture::new();
    let mut stranger = TcpStream::connect(fixture.address).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    stranger.read_to_end(&mut heard).await.ok();
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");
    let mut stream = connect(&fixture, ALPN_SESSION).await;
    stream.shutdown().await.unwrap();
}

#[tokio::test]
async fn another_protocols_name_is_refused_in_the_handshake() {
    let fixture = Fixture::new();
    let config = tls(&fixture.authority, Some(fixture.credentials()), b"h2");
    let stream = TcpStream::connect(fixture.address).await.unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    // The alert says so, or the end of the connection where that came first.
    connecting.await.unwrap_err();
    assert!(fixture.registry.is_empty());
}

#[tokio::test]
async fn a_collector_that_is_told_so_listens_over_udp_alone() {
    let fixture = Fixture::with(|config| config.tcp_listen = TcpListen::Off);
    assert!(TcpStream::connect(fixture.address).await.is_err());
}
