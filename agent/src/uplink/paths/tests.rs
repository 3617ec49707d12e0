//! Which way is tried first, what is remembered of a network, and when QUIC is tried again.

use proptest::prelude::*;

use super::*;
use crate::config::ProxyRule;

const ADDRESS: &str = "collector.example:7070";
const WITHIN: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const TCP: Path = Path { way: Way::Tcp, not_quic: Some(NotQuic::NoAnswer) };

fn network(own: [u8; 4]) -> Network {
    Network::of(Some(own.into()))
}

fn home() -> (Network, &'static str) {
    (network([192, 0, 2, 7]), ADDRESS)
}

fn reach(proxy: Option<&str>) -> Reach {
    let proxy = proxy.map(|text| Proxy::parse(text, None).expect("a proxy"));
    Reach { transport: Transport::Auto, proxies: ProxyRule { proxy, ..ProxyRule::default() } }
}

fn ways(paths: &Paths, from: (Network, &str), now: Duration) -> Vec<Way> {
    paths.plan(from, &reach(None), WITHIN, now).ways
}

#[test]
fn tries_quic_first_and_a_proxy_before_going_straight() {
    let paths = Paths::default();
    let plan = paths.plan(home(), &reach(Some("proxy:1")), WITHIN, Duration::ZERO);
    assert_eq!(plan.ways, [Way::Quic, Way::Proxy, Way::Tcp]);
    assert_eq!(plan.not_quic, None);
    assert_eq!(ways(&paths, home(), Duration::ZERO), [Way::Quic, Way::Tcp]);
}

#[test]
fn does_what_it_was_told_about_transports() {
    let of = |transport| {
        let reach = Reach { transport, ..reach(None) };
        let plan = Plan::fresh(ADDRESS, &reach, WITHIN);
        (plan.ways, plan.not_quic)
    };
    assert_eq!(of(Transport::Quic), (vec![Way::Quic], None));
    assert_eq!(of(Transport::Tcp), (vec![Way::Tcp], Some(NotQuic::Configured)));
}

#[test]
fn begins_with_what_worked_in_this_network_and_says_why() {
    let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(1));
    paths.worked(home(), TCP, Duration::ZERO, &mut jitter);
    let plan = paths.plan(home(), &reach(None), WITHIN, MINUTE);
    assert_eq!(plan.ways, [Way::Tcp, Way::Quic]);
    assert_eq!(plan.not_quic, Some(NotQuic::NoAnswer));
    // A neighbour's address is the same network, another's is not.
    let neighbour = (network([192, 0, 2, 200]), ADDRESS);
    assert_eq!(ways(&paths, neighbour, MINUTE), [Way::Tcp, Way::Quic]);
    let elsewhere = (network([198, 51, 100, 7]), ADDRESS);
    assert_eq!(ways(&paths, elsewhere, MINUTE), [Way::Quic, Way::Tcp]);
    let other = (home().0, "other.example:7070");
    assert_eq!(ways(&paths, other, MINUTE), [Way::Quic, Way::Tcp]);
}

#[test]
fn tries_quic_again_within_half_an_hour_however_often_it_connects_meanwhile() {
    for seed in 0..100 {
        let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(seed));
        for minute in 0..=29 {
            let now = minute * MINUTE;
            if ways(&paths, home(), now)[0] == Way::Quic {
                assert!(minute == 0 || minute > 17, "after {minute} minutes");
            }
            paths.worked(home(), TCP, now, &mut jitter);
        }
        assert!(paths.probe_at(home().0, ADDRESS) > 29 * MINUTE, "it was due before");
    }
}

#[test]
fn puts_a_try_that_failed_off_and_forgets_everything_when_one_succeeds() {
    let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(1));
    paths.worked(home(), TCP, Duration::ZERO, &mut jitter);
    paths.probed(home(), 20 * MINUTE, &mut jitter);
    let at = paths.probe_at(home().0, ADDRESS);
    assert!((38 * MINUTE..=48 * MINUTE).contains(&at), "{at:?}");
    paths.worked(home(), Path::QUIC, 21 * MINUTE, &mut jitter);
    assert_eq!(ways(&paths, home(), 21 * MINUTE), [Way::Quic, Way::Tcp]);
}

#[test]
fn in_another_network_quic_is_due_at_once() {
    let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(1));
    paths.worked(home(), TCP, Duration::ZERO, &mut jitter);
    assert!(paths.probe_at(home().0, ADDRESS) > Duration::ZERO);
    let elsewhere = network([198, 51, 100, 7]);
    assert_eq!(paths.probe_at(elsewhere, ADDRESS), Duration::ZERO);
}

#[test]
fn remembers_no_more_than_it_may() {
    let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(1));
    for number in 0..200 {
        let from = (network([10, 0, number, 1]), ADDRESS);
        paths.worked(from, TCP, Duration::ZERO, &mut jitter);
    }
    assert_eq!(paths.known.len(), KNOWN_MAX);
    let last = (network([10, 0, 199, 1]), ADDRESS);
    assert_eq!(ways(&paths, last, MINUTE), [Way::Tcp, Way::Quic]);
}

#[test]
fn an_ipv6_network_is_the_first_half_of_an_address() {
    let of = |text: &str| Network::of(Some(text.parse().expect("an address")));
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
}

fn transport() -> impl Strategy<Value = Transport> {
    proptest::sample::select(vec![Transport::Auto, Transport::Quic, Transport::Tcp])
}

proptest! {
    /// Whatever is remembered only changes the order: no way is lost by it, and none is tried twice.
    #[test]
    fn a_plan_tries_every_allowed_way_once_whatever_is_remembered(
        transport in transport(),
        has_proxy: bool,
        learned in proptest::sample::select(vec![Way::Quic, Way::Tcp, Way::Proxy]),
        minutes in 0_u32..60,
        seed: u64,
    ) {
        let reach = Reach { transport, ..reach(has_proxy.then_some("proxy:1")) };
        let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(seed));
        let path = Path { way: learned, not_quic: Some(NotQuic::Refused) };
        paths.worked(home(), path, Duration::ZERO, &mut jitter);
        let now = MINUTE * minutes;
        let plan = paths.plan(home(), &reach, WITHIN, now);
        let fresh = Plan::fresh(ADDRESS, &reach, WITHIN);
        let sorted = |plan: &Plan| {
            let mut names: Vec<_> = plan.ways.iter().map(|way| way.as_str()).collect();
            names.sort_unstable();
            names
        };
        prop_assert_eq!(sorted(&plan), sorted(&fresh));
        prop_assert_eq!(plan.ways.contains(&Way::Quic), transport != Transport::Tcp);
        prop_assert_eq!(plan.ways.iter().any(|way| *way != Way::Quic), transport != Transport::Quic);
        // Not being first has a reason, and being first has none.
        prop_assert_eq!(plan.not_quic.is_none(), plan.ways[0] == Way::Quic);
        if now >= paths.probe_at(home().0, ADDRESS) {
            prop_assert_eq!(plan, fresh);
        }
    }

    #[test]
    fn quic_is_due_between_18_and_28_minutes_after_it_was_tried(seed: u64, tried in 0_u32..100_000) {
        let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(seed));
        paths.worked(home(), TCP, Duration::ZERO, &mut jitter);
        let tried = Duration::from_secs(tried.into());
        paths.probed(home(), tried, &mut jitter);
        let after = paths.probe_at(home().0, ADDRESS) - tried;
        prop_assert!((18 * MINUTE..=28 * MINUTE).contains(&after), "{after:?}");
    }
}

#[test]
fn a_try_in_a_network_of_which_nothing_is_known_leaves_no_trace() {
    let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(1));
    paths.probed(home(), MINUTE, &mut jitter);
    assert_eq!(paths.probe_at(home().0, ADDRESS), Duration::ZERO);
    assert_eq!(ways(&paths, home(), MINUTE), [Way::Quic, Way::Tcp]);
}

#[test]
fn a_proxy_that_worked_is_tried_first_and_not_once_it_is_no_longer_configured() {
    let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(1));
    let through = Path { way: Way::Proxy, not_quic: Some(NotQuic::Refused) };
    paths.worked(home(), through, Duration::ZERO, &mut jitter);
    let with = paths.plan(home(), &reach(Some("proxy:1")), WITHIN, MINUTE);
    assert_eq!(with.ways, [Way::Proxy, Way::Tcp, Way::Quic]);
    assert_eq!(with.not_quic, Some(NotQuic::Refused));
    let without = paths.plan(home(), &reach(None), WITHIN, MINUTE);
    assert_eq!((without.ways, without.not_quic), (vec![Way::Quic, Way::Tcp], None));
}

#[test]
fn a_collector_that_the_proxy_is_not_for_is_gone_to_straight() {
    let mut reach = reach(Some("proxy:1"));
    reach.proxies.bypass = vec!["collector.example".to_owned()];
    let plan = Plan::fresh(ADDRESS, &reach, WITHIN);
    assert_eq!((plan.ways, plan.proxy), (vec![Way::Quic, Way::Tcp], None));
    let other = Plan::fresh("other.example:7070", &reach, WITHIN);
    assert_eq!(other.ways, [Way::Quic, Way::Proxy, Way::Tcp]);
    assert!(other.proxy.is_some());
}

#[test]
fn what_is_known_of_the_oldest_network_is_forgotten_first() {
    let (mut paths, mut jitter) = (Paths::default(), Jitter::seeded(1));
    let place = |number: usize| {
        let third = u8::try_from(number).expect("few");
        (network([10, 0, third, 1]), ADDRESS)
    };
    for number in 0..KNOWN_MAX {
        paths.worked(place(number), TCP, Duration::ZERO, &mut jitter);
    }
    // The first one is used again and so is not the oldest any more.
    paths.worked(place(0), TCP, MINUTE, &mut jitter);
    paths.worked(place(KNOWN_MAX), TCP, MINUTE, &mut jitter);
    assert_eq!(ways(&paths, place(0), MINUTE)[0], Way::Tcp);
    assert_eq!(ways(&paths, place(1), MINUTE)[0], Way::Quic);
    assert_eq!(ways(&paths, place(KNOWN_MAX), MINUTE)[0], Way::Tcp);
}

#[test]
fn hosts_share_a_network_by_the_part_of_their_address_that_neighbours_share() {
    let of = |text: &str| Network::of(Some(text.parse().expect("an address")));
    for (one, other, is_same) in [
        ("192.0.2.0", "192.0.2.255", true),
        ("192.0.2.1", "192.0.3.1", false),
        ("10.0.0.1", "11.0.0.1", false),
        ("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", true),
        ("2001:db8::1", "2001:db8:0:0:1::1", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ("::ffff:192.0.2.1", "192.0.2.1", false),
    ] {
        assert_eq!(of(one) == of(other), is_same, "{one} {other}");
    }
    assert_ne!(Network::of(None), of("0.0.0.1"), "no network is none of all");
    assert_eq!(Network::of(None), Network::default());
}
