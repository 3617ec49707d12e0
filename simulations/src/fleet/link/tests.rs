//! A slow line: its pace, its queue, its losses, and that it repeats itself.

use super::*;

fn shaper(loss_percent: u32) -> (Shaper, Instant) {
    let line = Line { bytes_per_second: 8_000, loss_percent };
    let now = Clock.now();
    (Shaper::new(line, Random::new(1), now), now)
}

#[test]
fn packets_arrive_one_after_another_at_the_lines_pace() {
    let (mut shaper, now) = shaper(0);
    let after = |at: Option<Instant>| (at.expect("a packet") - now).as_millis();
    assert_eq!(after(shaper.admit(800, now)), 100);
    assert_eq!(after(shaper.admit(800, now)), 200);
    let later = now + Duration::from_secs(1);
    assert_eq!(after(shaper.admit(800, later)), 1_100, "the line was free");
}

#[test]
fn a_full_queue_loses_what_comes_and_takes_again_when_it_has_drained() {
    let (mut shaper, now) = shaper(0);
    let taken = (0..100).filter(|_| shaper.admit(1_000, now).is_some());
    // 32 KiB of queue and the packet at its head, by 1,000 bytes.
    assert_eq!(taken.count(), 33);
    assert!(shaper.admit(1_000, now + Duration::from_secs(1)).is_some());
}

#[test]
fn loses_as_many_as_it_should() {
    let (mut shaper, now) = shaper(10);
    let sent = (0..10_000_u64).map(|second| now + Duration::from_secs(second));
    let lost = sent.filter(|at| shaper.admit(100, *at).is_none()).count();
    assert!((800..1_200).contains(&lost), "{lost}");
}

#[tokio::test]
async fn carries_both_ways() {
    let collector = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("one");
    let agent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("one");
    let line = Line { bytes_per_second: 1_000_000, loss_percent: 0 };
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let to = collector.local_addr().expect("an address");
    let near = open(line, to, &Random::new(1), (&tracker, &stop)).await;
    agent.send_to(b"up", near.expect("a line")).await.expect("sent");
    let mut buffer = [0; 16];
    let (length, from) = collector.recv_from(&mut buffer).await.expect("heard");
    assert_eq!(&buffer[..length], b"up");
    collector.send_to(b"down", from).await.expect("sent");
    let length = agent.recv(&mut buffer).await.expect("heard");
    assert_eq!(&buffer[..length], b"down");
    stop.cancel();
    tracker.close();
    tracker.wait().await;
}

/// When packets that are sent a second apart arrive, or that they do not.
fn fates(loss_percent: u32, seed: u64, packets: u64) -> Vec<Option<u128>> {
    let line = Line { bytes_per_second: 8_000, loss_percent };
    let now = Clock.now();
    let mut shaper = Shaper::new(line, Random::new(seed), now);
    (0..packets)
        .map(|second| {
            let at = now + Duration::from_secs(second);
            shaper.admit(400, at).map(|at| (at - now).as_millis())
        })
        .collect()
}

#[test]
fn a_seed_says_which_packets_are_lost() {
    assert_eq!(fates(30, 3, 200), fates(30, 3, 200));
    assert_ne!(fates(30, 3, 200), fates(30, 4, 200));
}

#[test]
fn a_line_that_loses_nothing_loses_nothing_and_one_that_loses_half_about_half() {
    assert!(fates(0, 1, 1_000).iter().all(Option::is_some));
    let lost = fates(50, 1, 10_000).iter().filter(|fate| fate.is_none()).count();
    assert!((4_750..5_250).contains(&lost), "{lost}");
}

#[test]
fn what_is_lost_has_taken_the_lines_time_as_well() {
    let (mut lossless, now) = shaper(0);
    let (mut lossy, then) = shaper(100);
    for _ in 0..5 {
        assert!(lossless.admit(800, now).is_some());
        assert!(lossy.admit(800, then).is_none());
    }
    assert_eq!(lossless.free_at - now, lossy.free_at - then);
    assert_eq!(lossless.free_at - now, Duration::from_millis(500));
}

#[test]
fn a_packet_that_finds_the_queue_full_takes_no_time() {
    let (mut shaper, now) = shaper(0);
    while shaper.admit(1_000, now).is_some() {}
    let free_at = shaper.free_at;
    assert_eq!(shaper.admit(1_000, now), None);
    assert_eq!(shaper.free_at, free_at);
}

#[test]
fn each_packet_takes_by_its_length_and_a_line_of_nothing_does_not_divide_by_it() {
    let (shaper, now) = shaper(0);
    for (bytes, ms) in [(0, 0), (8, 1), (1_500, 187), (8_000, 1_000)] {
        assert_eq!(shaper.takes(bytes).as_millis(), ms, "{bytes} bytes");
    }
    let line = Line { bytes_per_second: 0, loss_percent: 0 };
    let none = Shaper::new(line, Random::new(1), now);
    assert_eq!(none.takes(2), Duration::from_secs(2));
}

#[tokio::test]
async fn a_packet_from_a_stranger_never_reaches_the_agent() {
    let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let (collector, agent) = (bind().await.expect("one"), bind().await.expect("one"));
    let line = Line { bytes_per_second: 1_000_000, loss_percent: 0 };
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let to = collector.local_addr().expect("an address");
    let near = open(line, to, &Random::new(1), (&tracker, &stop)).await;
    agent.send_to(b"up", near.expect("a line")).await.expect("sent");
    let mut buffer = [0; 16];
    let (_, far) = collector.recv_from(&mut buffer).await.expect("heard");
    let stranger = bind().await.expect("one");
    let far = SocketAddr::from((Ipv4Addr::LOCALHOST, far.port()));
    stranger.send_to(b"forged", far).await.expect("sent");
    // Behind the forged one, so that it would have come first.
    collector.send_to(b"real", far).await.expect("sent");
    let length = agent.recv(&mut buffer).await.expect("heard");
    assert_eq!(&buffer[..length], b"real");
    stop.cancel();
    tracker.close();
    tracker.wait().await;
}
