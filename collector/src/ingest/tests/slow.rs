//! Peers that take their time, in a time that passes only while everybody waits.

use std::sync::Arc;
use std::time::Duration;

use protocol::message::AgentMessage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::sleep;

use super::client::{hello, message, pack, report};
use super::fixture::{AGENT, COMPANY, Fixture};
use crate::authority::PeerIdentity;
use crate::ingest::session::{self, Parting};
use crate::ingest::{Parts, Shared};

/// How a session ends whose peer does as told, on a stream that holds so many bytes.
async fn parting(stream_bytes: usize, peer: impl AsyncFnOnce(DuplexStream)) -> Parting {
    parting_of(Fixture::parts(|_| {}), stream_bytes, peer).await
}

async fn parting_of(
    (fixture, parts): (Fixture, Parts),
    stream_bytes: usize,
    peer: impl AsyncFnOnce(DuplexStream),
) -> Parting {
    let shared = Arc::new(Shared::new(parts));
    let identity = PeerIdentity {
        company: COMPANY,
        agent: AGENT,
        serial: String::new(),
        not_after: fixture.clock.now() + time::Duration::days(30),
        issuer: fixture.authority.name(),
    };
    let (near, far) = duplex(stream_bytes);
    let (receive, send) = tokio::io::split(far);
    let session = session::run(&shared, &identity, receive, send);
    let (parting, ()) = tokio::join!(Box::pin(session), peer(near));
    // However it ended, its place is free again.
    assert!(fixture.registry.is_empty());
    parting
}

fn hello_frame() -> Vec<u8> {
    pack(AgentMessage::Hello(hello()).encode()).to_bytes()
}

/// Sends a byte a second, until nobody takes it any more.
async fn trickle(near: &mut DuplexStream, bytes: &[u8]) {
    for byte in bytes {
        if near.write_all(&[*byte]).await.is_err() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_let_go() {
    let ending = parting(1_024, async |near| {
        sleep(Duration::from_secs(60)).await;
        drop(near);
    });
    assert_eq!(ending.await, Parting::Slow);
}

#[tokio::test(start_paused = true)]
async fn who_trickles_a_hello_is_let_go() {
    let ending = parting(1_024, async |mut near| {
        trickle(&mut near, &hello_frame()).await;
    });
    assert_eq!(ending.await, Parting::Slow);
}

#[tokio::test(start_paused = true)]
async fn who_trickles_a_report_is_let_go() {
    let ending = parting(1_024, async |mut near| {
        near.write_all(&hello_frame()).await.unwrap();
        let bytes = pack(message(report(1, 1)).encode()).to_bytes();
        trickle(&mut near, &bytes).await;
    });
    assert_eq!(ending.await, Parting::Slow);
}

#[tokio::test(start_paused = true)]
async fn who_never_reads_what_is_said_is_let_go() {
    // Eight bytes hold no message: the session's first answer already waits for a reader.
    let ending = parting(8, async |mut near| {
        near.write_all(&hello_frame()).await.unwrap();
        sleep(Duration::from_secs(120)).await;
        drop(near);
    });
    assert_eq!(ending.await, Parting::Slow);
}

#[tokio::test(start_paused = true)]
async fn an_agent_may_be_silent_for_as_long_as_it_has_nothing_to_say() {
    let ending = parting(1_024, async |mut near| {
        near.write_all(&hello_frame()).await.unwrap();
        let mut heard = [0; 256];
        assert!(near.read(&mut heard).await.unwrap() > 0);
        // Ten hours of a laptop that is on and changes nothing. The connection's own keep-alive is
        // QUIC's, below this stream; a session has no deadline between frames.
        sleep(Duration::from_secs(36_000)).await;
        let bytes = pack(message(report(1, 1)).encode()).to_bytes();
        near.write_all(&bytes).await.unwrap();
        assert!(near.read(&mut heard).await.unwrap() > 0);
    });
    assert_eq!(ending.await, Parting::Closed);
}

#[tokio::test(start_paused = true)]
async fn who_came_while_the_database_was_away_has_to_come_again() {
    let made = Fixture::parts(|_| {});
    made.0.office.close();
    let ending = parting_of(made, 1_024, async |mut near| {
        near.write_all(&hello_frame()).await.unwrap();
        // What it brings meanwhile is taken.
        let bytes = pack(message(report(1, 1)).encode()).to_bytes();
        near.write_all(&bytes).await.unwrap();
        let mut heard = Vec::new();
        near.read_to_end(&mut heard).await.unwrap();
        assert!(heard.ends_with(&ack_bytes()), "{heard:?}");
    });
    assert_eq!(ending.await, Parting::Stopgap);
}

fn ack_bytes() -> Vec<u8> {
    let position = protocol::ids::Position::new(1, 1);
    protocol::message::CollectorMessage::Ack { position }.encode()
}
