//! Too much, too slow, and the end.

use std::future::pending;
use std::time::Duration;

use protocol::ids::{AgentId, Position};
use protocol::message::{ALPN_SESSION, AgentMessage, CollectorMessage};
use protocol::reject::RejectReason;
use uuid::Uuid;

use super::client::{Client, dial, hello, message, pack, report, tls};
use super::fixture::Fixture;
use super::queue::Mood;
use super::road::Road;
use crate::lifecycle::Ending;

#[tokio::test]
async fn an_agent_over_its_rate_is_told_how_long_to_wait() {
    let fixture = Fixture::with(|config| config.agent_requests_per_minute = 3);
    let mut client = Client::welcomed(&fixture).await;
    for seq in 1..=5 {
        client.say(&message(report(1, seq))).await;
    }
    while client.hear_ack().await < Position::new(1, 3) {}
    // The second reject says the same: both will come again together.
    for seq in [4, 5] {
        let (position, reason, retry_after_ms) = client.hear_reject().await;
        assert_eq!((position, reason), (Position::new(1, seq), RejectReason::RateLimited));
        // Three a minute: a place comes free every twenty seconds.
        assert!((1..=20_001).contains(&retry_after_ms), "{retry_after_ms}");
    }
    assert_eq!(fixture.queue.taken().len(), 3);
}

#[tokio::test]
async fn a_companys_rate_counts_all_its_agents_and_outlives_a_connection() {
    let fixture = Fixture::with(|config| config.company_requests_per_minute = 2);
    let other = AgentId(Uuid::from_u128(0xb));
    let credentials = fixture.credentials_of(other, Duration::from_secs(3_600));
    for credentials in [fixture.credentials(), credentials] {
        let mut client = Client::connect(&fixture, credentials).await;
        client.say(&AgentMessage::Hello(hello())).await;
        client.hear().await;
        client.say(&message(report(1, 1))).await;
        assert_eq!(client.hear_ack().await, Position::new(1, 1));
    }
    let mut again = Client::welcomed(&fixture).await;
    again.say(&message(report(1, 1))).await;
    assert_eq!(again.hear_reject().await.1, RejectReason::RateLimited);
}

#[tokio::test]
async fn a_full_queue_takes_back_all_that_stands_behind() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    fixture.queue.shut();
    fixture
        .queue
        // The third would be taken, and must not be acknowledged: an acknowledgement covers all
        // that stands before it, so the second would count as kept.
        .next_moods(&[Mood::Takes, Mood::Full, Mood::Takes]);
    for seq in 1..=3 {
        client.say(&message(report(1, seq))).await;
    }
    fixture.queue.open();
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
    for seq in [2, 3] {
        let (position, reason, retry_after_ms) = client.hear_reject().await;
        assert_eq!((position, reason), (Position::new(1, seq), RejectReason::QueueFull));
        assert!(retry_after_ms > 0);
    }
    // Both come again and are taken; the third has been taken twice, which the store knows.
    for seq in [2, 3] {
        client.say(&message(report(1, seq))).await;
    }
    while client.hear_ack().await < Position::new(1, 3) {}
}

#[tokio::test]
async fn what_is_refused_before_the_queue_is_full_leaves_no_gap() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    fixture.queue.press(Some(Duration::from_secs(30)));
    // A snapshot, and a change behind it, which would be taken by itself.
    for seq in [1, 2] {
        client.say(&message(report(1, seq))).await;
    }
    for seq in [1, 2] {
        let (position, reason, retry_after_ms) = client.hear_reject().await;
        assert_eq!((position, reason), (Position::new(1, seq), RejectReason::QueueFull));
        // As long as was said, and up to a quarter more.
        assert!((30_000..=37_501).contains(&retry_after_ms), "{retry_after_ms}");
    }
    assert!(fixture.queue.taken().is_empty());
    fixture.queue.press(None);
    for seq in [1, 2] {
        client.say(&message(report(1, seq))).await;
    }
    while client.hear_ack().await < Position::new(1, 2) {}
    assert_eq!(fixture.queue.taken().len(), 2);
}

#[tokio::test]
async fn a_disk_that_does_not_write_is_no_loss() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    fixture.queue.next_moods(&[Mood::Broken, Mood::Closed]);
    for expected in [RejectReason::StorageUnavailable, RejectReason::ShuttingDown] {
        client.say(&message(report(1, 1))).await;
        assert_eq!(client.hear_reject().await.1, expected);
    }
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
}

#[tokio::test]
async fn too_many_bytes_for_the_disk_make_agents_wait() {
    let frames = [1, 2, 3].map(|seq| pack(message(report(1, seq)).encode()));
    // Room for one report and no more; they differ by a byte or so, hence the longest.
    let longest = frames.iter().map(|frame| frame.payload.len()).max().unwrap();
    let bytes_max = u64::try_from(longest).unwrap();
    let fixture = Fixture::with(|config| config.bytes_in_flight_max = bytes_max);
    let mut client = Client::welcomed(&fixture).await;
    fixture.queue.shut();
    for frame in &frames {
        client.send_frame(frame).await;
    }
    client.is_read().await;
    fixture.queue.open();
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
    assert_eq!(client.hear_reject().await.1, RejectReason::RateLimited);
    assert_eq!(client.hear_reject().await.1, RejectReason::RateLimited);
    // What was acknowledged has given its bytes back.
    client.send_frame(&frames[1]).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 2));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_and_a_place_comes_free() {
    let fixture = Fixture::with(|config| config.connections_max = 1);
    let mut first = Client::welcomed(&fixture).await;
    let attempt = || Client::dial(&fixture, Some(fixture.credentials()), ALPN_SESSION);
    assert!(attempt().await.is_err());
    first.finish().await;
    assert_eq!(first.hear_bytes().await, None);
    first.close().await;
    // The closing has to reach the collector first.
    while attempt().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_herd_of_handshakes_has_to_prove_its_addresses_and_gets_through() {
    let fixture = Fixture::with(|config| config.handshakes_max = 1);
    // With one handshake at once, a quarter is none: every caller is asked to come back.
    let mut client = Client::welcomed(&fixture).await;
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
}

#[tokio::test]
async fn a_stop_acknowledges_what_it_holds_and_sends_agents_elsewhere() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    client.say(&message(report(1, 1))).await;
    assert_eq!(client.hear_ack().await, Position::new(1, 1));
    fixture.queue.shut();
    client.say(&message(report(1, 2))).await;
    client.is_read().await;
    let listening = async {
        let mut heard = Vec::new();
        while let Some(bytes) = client.hear_bytes().await {
            heard.push(CollectorMessage::decode(&bytes).unwrap());
        }
        client.close().await;
        heard
    };
    let opening = async {
        fixture.lifecycle.stopping().await;
        fixture.queue.open();
    };
    let (ending, heard, ()) = tokio::join!(fixture.stop(), listening, opening);
    assert_eq!(ending, Ending::Stopped);
    assert_eq!(heard[0], CollectorMessage::Ack { position: Position::new(1, 2) });
    assert!(
        matches!(heard[1], CollectorMessage::Refuse { reason: RejectReason::ShuttingDown, .. }),
        "{heard:?}"
    );
    assert_eq!(heard.len(), 2);
    assert_eq!(fixture.queue.taken().len(), 2);
}

#[tokio::test]
async fn who_comes_while_it_stops_is_refused_and_not_left_waiting() {
    let fixture = Fixture::new();
    let mut client = Client::welcomed(&fixture).await;
    // The stop waits for a report that waits for its disk.
    fixture.queue.shut();
    client.say(&message(report(1, 1))).await;
    client.is_read().await;
    let coming = async {
        fixture.lifecycle.stopping().await;
        let late = Client::dial(&fixture, Some(fixture.credentials()), ALPN_SESSION).await;
        fixture.queue.open();
        late.map(|_| ())
    };
    let listening = async {
        while client.hear_bytes().await.is_some() {}
        client.close().await;
    };
    let (ending, late, ()) = tokio::join!(fixture.stop(), coming, listening);
    let refusal = late.expect_err("a connection to a collector that stops");
    // Over TCP, one that the kernel had accepted already is reset.
    let is_refused = refusal.contains("refused") || refusal.contains("reset");
    assert!(is_refused, "{refusal}");
    assert_eq!(ending, Ending::Stopped);
}

#[tokio::test]
async fn a_stopped_collector_takes_no_new_connections() {
    let fixture = Fixture::new();
    fixture.stop().await;
    let connected = Client::dial(&fixture, Some(fixture.credentials()), ALPN_SESSION);
    let refused = tokio::time::timeout(Duration::from_secs(2), connected).await;
    // Either no answer at all or a refusal: the socket may be gone already.
    assert!(!matches!(refused, Ok(Ok(_))));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_peers_who_are_far_away_and_gone() {
    let fixture = Fixture::new();
    let road = Road::to(fixture.address, Duration::from_millis(400)).await;
    let tls = tls(&fixture.authority, Some(fixture.credentials()), ALPN_SESSION);
    let (endpoint, connection) = dial(road.address, tls).await.unwrap();
    let mut client = Client::on(endpoint, connection).await;
    client.say(&AgentMessage::Hello(hello())).await;
    client.hear().await;
    drop(road);
    fixture.lifecycle.stop();
    // Its session waits three seconds for the peer. QUIC would have the socket wait three times some two more.
    let within = Duration::from_secs(6);
    let ending = fixture.lifecycle.run_to_end(within, pending()).await.0;
    assert_eq!(ending, Ending::Stopped);
}
