//! Which way has its turn when, and what is said when none leads there, under virtual time.

use super::*;

/// A way that fails after so many seconds of virtual time; for ever without.
fn fails(way: Way, after_s: Option<u64>, error: WayError) -> (Way, Attempt<Stream, WayError>) {
    let failing = async move {
        match after_s {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
        Err(error)
    };
    (way, Box::pin(failing))
}

fn race(ways: Vec<(Way, Attempt<Stream, WayError>)>) -> Race {
    Race::of(ways)
}

#[expect(clippy::disallowed_methods, reason = "virtual time")]
async fn seconds(race: &mut Race) -> u64 {
    let began = tokio::time::Instant::now();
    let limit = tokio::time::timeout(CONNECT_WITHIN, race.0.run()).await;
    assert!(!matches!(limit, Ok(Some(_))), "nothing here succeeds");
    began.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_way_that_fails_gives_its_turn_to_the_next_at_once() {
    let mut race = race(vec![
        fails(Way::Quic, Some(0), WayError::UdpRefused),
        fails(Way::Tcp, Some(1), WayError::NoAnswer),
    ]);
    assert_eq!(seconds(&mut race).await, 1);
    assert_eq!(race.not_quic(), Some(NotQuic::Refused));
}

#[tokio::test(start_paused = true)]
async fn a_way_that_is_silent_has_its_head_start_and_no_more() {
    let mut race = race(vec![
        fails(Way::Quic, None, WayError::NoAnswer),
        fails(Way::Proxy, None, WayError::NoAnswer),
        fails(Way::Tcp, Some(1), WayError::NoAnswer),
    ]);
    // All three are given their turn, and the two that are silent use the time up.
    assert_eq!(seconds(&mut race).await, CONNECT_WITHIN.as_secs());
    assert_eq!(race.0.running.len(), 2);
    assert_eq!(race.0.failed.len(), 1);
    assert_eq!(race.not_quic(), Some(NotQuic::NoAnswer));
    let said = race.lost("collector:1".to_owned()).to_string();
    for word in ["collector:1: ", "QUIC (UDP): no answer", "TLS (TCP)", "proxy"] {
        assert!(said.contains(word), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_collector_without_room_is_not_knocked_at_twice() {
    let mut race = race(vec![
        fails(Way::Quic, Some(1), WayError::Busy),
        fails(Way::Tcp, Some(0), WayError::NoAnswer),
    ]);
    assert_eq!(seconds(&mut race).await, 1);
    assert_eq!((race.0.failed.len(), race.0.running.len()), (1, 0), "TCP is not tried");
}

#[test]
fn knows_its_network_without_saying_anything() {
    assert_eq!(network(), network());
}

/// A way that notes when it began and is then silent.
#[expect(clippy::disallowed_methods, reason = "virtual time")]
fn notes(
    way: Way,
    began: &std::rc::Rc<std::cell::RefCell<Vec<(Way, u64)>>>,
) -> (Way, Attempt<Stream, WayError>) {
    let (began, start) = (std::rc::Rc::clone(began), tokio::time::Instant::now());
    let attempt = async move {
        began.borrow_mut().push((way, start.elapsed().as_secs()));
        std::future::pending().await
    };
    (way, Box::pin(attempt))
}

#[tokio::test(start_paused = true)]
async fn each_way_begins_one_head_start_after_the_one_before() {
    let began = std::rc::Rc::default();
    let mut race = race([Way::Quic, Way::Proxy, Way::Tcp].map(|way| notes(way, &began)).into());
    assert_eq!(seconds(&mut race).await, CONNECT_WITHIN.as_secs());
    assert_eq!(*began.borrow(), [(Way::Quic, 0), (Way::Proxy, 3), (Way::Tcp, 6)]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_head_start_gives_the_next_way_its_turn_and_no_other() {
    let began = std::rc::Rc::default();
    let mut race = race(vec![
        fails(Way::Quic, Some(1), WayError::UdpRefused),
        notes(Way::Proxy, &began),
        notes(Way::Tcp, &began),
    ]);
    seconds(&mut race).await;
    assert_eq!(*began.borrow(), [(Way::Proxy, 1), (Way::Tcp, 4)]);
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_of_the_first_way_does_not_end_the_others() {
    let mut race = race(vec![
        fails(Way::Quic, Some(4), WayError::NoAnswer),
        fails(Way::Tcp, Some(5), WayError::Portal),
    ]);
    // TCP begins after the head start of three seconds and takes five.
    assert_eq!(seconds(&mut race).await, 8);
    let lost = race.lost("collector:1".to_owned());
    let ways: Vec<Way> = lost.ways.iter().map(|(way, _)| *way).collect();
    assert_eq!(ways, [Way::Quic, Way::Tcp], "in the order in which they failed");
}

#[tokio::test(start_paused = true)]
async fn when_every_way_fails_at_once_nobody_waits() {
    let mut race = race(vec![
        fails(Way::Quic, Some(0), WayError::UdpRefused),
        fails(Way::Proxy, Some(0), WayError::Portal),
        fails(Way::Tcp, Some(0), WayError::Connect(io::ErrorKind::ConnectionRefused.into())),
    ]);
    assert_eq!(seconds(&mut race).await, 0);
    assert_eq!((race.0.failed.len(), race.0.running.len()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_way_that_is_allowed_that_is_what_is_said() {
    let mut race = race(Vec::new());
    assert_eq!(seconds(&mut race).await, 0);
    assert_eq!(race.not_quic(), None);
    assert_eq!(
        race.lost("collector:1".to_owned()).to_string(),
        "collector:1: there is no way to try"
    );
}

#[tokio::test(start_paused = true)]
async fn a_busy_collector_lets_a_way_that_runs_go_on_and_no_other_begin() {
    let mut race = race(vec![
        fails(Way::Quic, Some(4), WayError::Busy),
        fails(Way::Proxy, Some(3), WayError::NoAnswer),
        fails(Way::Tcp, Some(0), WayError::NoAnswer),
    ]);
    // The proxy began after the head start of three seconds.
    assert_eq!(seconds(&mut race).await, 6);
    let said = race.lost("collector:1".to_owned()).to_string();
    assert_eq!(
        said,
        "collector:1: QUIC (UDP): the collector is too busy for another connection; \
         TLS through the proxy: no answer"
    );
}

#[test]
fn every_error_means_something_for_quic_and_says_what_to_do() {
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    for (error, not_quic, words) in [
        (
            WayError::Resolve(denied()),
            NotQuic::NoAnswer,
            "find its address: permission denied; check the name and the resolver",
        ),
        (WayError::Udp(denied()), NotQuic::Unavailable, "send over UDP: permission denied"),
        (WayError::UdpRefused, NotQuic::Refused, "the network refuses UDP"),
        (WayError::Connect(denied()), NotQuic::Unavailable, "connect: permission denied"),
        (WayError::NoAnswer, NotQuic::NoAnswer, "no answer"),
        (WayError::Busy, NotQuic::NoAnswer, "the collector is too busy for another connection"),
        (
            WayError::Handshake { why: "it says no".to_owned() },
            NotQuic::Handshake,
            "it answers, and the handshake ends with: it says no",
        ),
        (WayError::Stranger("a stranger".to_owned()), NotQuic::Handshake, "a stranger"),
        (
            WayError::Portal,
            NotQuic::Handshake,
            "a web page answers in place of the collector: sign in to this network's portal, or look what \
             stands at this address",
        ),
    ] {
        assert_eq!(error.not_quic(), not_quic, "{error}");
        assert_eq!(error.to_string(), words);
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_said_to_be_one() {
    // Without a port, or with one that is no number, the system is not even asked.
    for address in ["", "collector.invalid", "collector.invalid:port", "192.0.2.1:65536"] {
        let error = resolve(address).await.expect_err("no address");
        assert!(matches!(error, WayError::Resolve(_)), "{address}: {error}");
    }
}

#[tokio::test]
async fn an_address_is_its_own_only_one() {
    for address in ["192.0.2.1:7070", "[2001:db8::1]:7070"] {
        let found = resolve(address).await.expect("it is one");
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [address]);
    }
}

#[test]
fn both_kinds_of_addresses_have_their_turn_and_no_more_than_a_few() {
    let found = |list: &[&str]| -> Vec<SocketAddr> {
        list.iter().map(|one| one.parse().expect("an address")).collect()
    };
    let (a, b, c) = ("192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1");
    let (x, y) = ("[2001:db8::1]:1", "[2001:db8::2]:1");
    for (from, to) in [
        (vec![x, y, a, b, c], vec![a, x, b, y]),
        (vec![x, y], vec![x, y]),
        (vec![c, b, a], vec![c, b, a]),
        (vec![a, x], vec![a, x]),
        (vec![], vec![]),
    ] {
        assert_eq!(in_turn(found(&from)), found(&to));
    }
}
