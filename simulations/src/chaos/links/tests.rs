//! The links of a chaos run: as bad as they were told to be, and the same for a seed.

use super::*;

const NODE: Host = Host::Node(0);

fn links() -> Links {
    Links::new(Random::new(1))
}

#[test]
fn a_good_link_passes_everything_at_once() {
    assert_eq!(links().arrivals(NODE, Host::Agents), [Duration::ZERO]);
}

#[test]
// Set one way round and asked the other, and healed the other way round: a link has one entry,
// and not two.
fn a_cut_holds_in_both_directions_and_between_these_two_alone() {
    let mut links = links();
    links.set(NODE, Host::Agents, Link::CUT);
    assert!(links.arrivals(NODE, Host::Agents).is_empty());
    assert!(links.arrivals(Host::Agents, NODE).is_empty());
    assert_eq!(links.arrivals(NODE, Host::Database(0)).len(), 1);
    links.heal(Host::Agents, NODE);
    assert_eq!(links.arrivals(NODE, Host::Agents).len(), 1);
}

#[test]
fn loses_and_doubles_about_as_many_as_it_says() {
    let mut links = links();
    links.set(NODE, Host::Agents, Link { loss_percent: 20, twice_percent: 10, ..Link::default() });
    let copies: Vec<usize> =
        (0..10_000).map(|_| links.arrivals(NODE, Host::Agents).len()).collect();
    let lost = copies.iter().filter(|copies| **copies == 0).count();
    let twice = copies.iter().filter(|copies| **copies == 2).count();
    assert!((1_800..2_200).contains(&lost), "{lost}");
    assert!((650..950).contains(&twice), "{twice}");
}

#[test]
fn packets_overtake_each_other_within_the_jitter_and_never_come_early() {
    let mut links = links();
    let (delay, jitter) = (Duration::from_millis(100), Duration::from_millis(50));
    links.set(NODE, Host::Agents, Link { delay, jitter, ..Link::default() });
    let times: Vec<Duration> = (0..100).flat_map(|_| links.arrivals(NODE, Host::Agents)).collect();
    assert!(times.iter().all(|time| (delay..=delay + jitter).contains(time)));
    assert!(times.windows(2).any(|pair| pair[0] > pair[1]));
}

/// What a bad link does with so many packets.
fn passed(link: Link, seed: u64, packets: usize) -> Vec<Vec<Duration>> {
    let mut links = Links::new(Random::new(seed));
    links.set(NODE, Host::Agents, link);
    (0..packets).map(|_| links.arrivals(NODE, Host::Agents)).collect()
}

#[test]
fn a_seed_says_what_becomes_of_every_packet() {
    let bad = Link {
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(90),
        loss_percent: 20,
        twice_percent: 8,
        is_cut: false,
    };
    assert_eq!(passed(bad, 3, 500), passed(bad, 3, 500));
    assert_ne!(passed(bad, 3, 500), passed(bad, 4, 500));
}

#[test]
fn none_and_all_are_exact() {
    let all_lost = Link { loss_percent: 100, ..Link::default() };
    assert!(passed(all_lost, 1, 1_000).iter().all(Vec::is_empty));
    let all_twice = Link { twice_percent: 100, ..Link::default() };
    assert!(passed(all_twice, 1, 1_000).iter().all(|copies| copies.len() == 2));
    let slow = Link { delay: Duration::from_millis(300), ..Link::default() };
    let late = [Duration::from_millis(300)];
    assert!(passed(slow, 1, 1_000).iter().all(|copies| copies == &late));
}

#[test]
fn a_cut_wins_over_whatever_else_is_wrong() {
    let cut = Link { is_cut: true, twice_percent: 100, ..Link::default() };
    assert!(passed(cut, 1, 100).iter().all(Vec::is_empty));
    assert!(passed(Link::CUT, 1, 100).iter().all(Vec::is_empty));
}

#[test]
fn copies_of_a_packet_have_delays_of_their_own() {
    let link = Link { jitter: Duration::from_millis(100), twice_percent: 100, ..Link::default() };
    let pairs = passed(link, 1, 200);
    assert!(pairs.iter().any(|copies| copies[0] > copies[1]));
    assert!(pairs.iter().any(|copies| copies[0] < copies[1]));
}

#[test]
fn packets_of_good_links_use_nothing_of_the_seed_up() {
    let lossy = Link { loss_percent: 50, ..Link::default() };
    let (mut quiet, mut busy) = (links(), links());
    for links in [&mut quiet, &mut busy] {
        links.set(NODE, Host::Agents, lossy);
    }
    let mut same = true;
    for _ in 0..200 {
        for _ in 0..7 {
            busy.arrivals(NODE, Host::Database(0));
        }
        let one = quiet.arrivals(NODE, Host::Agents);
        same &= one == busy.arrivals(Host::Agents, NODE);
    }
    assert!(same, "another link's packets changed what this one lost");
}

#[test]
fn a_link_is_as_it_was_told_last_and_healing_twice_does_no_harm() {
    let mut links = links();
    let slow = Link { delay: Duration::from_secs(1), ..Link::default() };
    links.set(NODE, Host::Agents, Link::CUT);
    links.set(Host::Agents, NODE, slow);
    assert_eq!(links.arrivals(NODE, Host::Agents), [slow.delay]);
    links.heal(NODE, Host::Agents);
    links.heal(NODE, Host::Agents);
    assert_eq!(links.arrivals(NODE, Host::Agents), [Duration::ZERO]);
}

#[test]
fn nodes_are_cut_each_on_its_own() {
    let mut links = links();
    links.set(Host::Node(1), Host::Agents, Link::CUT);
    for (node, arrives) in [(0, 1), (1, 0), (2, 1)] {
        let copies = links.arrivals(Host::Node(node), Host::Agents);
        assert_eq!(copies.len(), arrives, "node {node}");
    }
}
