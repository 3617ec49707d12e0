//! The plan of a chaos run: every kind, bounded, of nodes that there are, and the same for a seed.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_kind_comes_before_any_comes_again() {
    let seed = Random::new(7);
    let kinds: Vec<_> =
        (0..KINDS.len() * 3).map(|number| Fault::draw(number, 3, &seed).kind()).collect();
    for round in kinds.chunks(KINDS.len()) {
        assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), KINDS.len());
    }
}

#[test]
fn a_seed_says_everything_and_another_says_otherwise() {
    let run = |seed| -> Vec<_> {
        let seed = Random::new(seed);
        (0..30).map(|number| Fault::draw(number, 3, &seed)).collect()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn no_fault_is_of_a_node_that_is_not_there() {
    let seed = Random::new(7);
    for number in 0..100 {
        let fault = Fault::draw(number, 1, &seed);
        let node = fault.to_string();
        assert!(!node.contains("node 2") && !node.contains("node 3"), "{node}");
    }
}

#[test]
fn says_what_it_does_to_whom_and_for_how_long() {
    let fault = Fault::CutFromAgents(1, Duration::from_millis(2_500));
    assert_eq!(fault.to_string(), "cut from agents 2 for 2.5s");
    let fault = Fault::ClockStep(0, -90, Duration::from_secs(3));
    assert_eq!(fault.to_string(), "clock step 1 by -90 s for 3.0s");
}

/// For how long a fault lasts; nothing for one that is over when it is done.
fn lasts(fault: Fault) -> Duration {
    match fault {
        Fault::KillNode(_, away)
        | Fault::PauseNode(_, away)
        | Fault::FullDisk(_, away)
        | Fault::ClockStep(_, _, away)
        | Fault::CutFromAgents(_, away)
        | Fault::CutFromDatabase(_, away)
        | Fault::BadWayToAgents(_, _, away)
        | Fault::BadWayToDatabase(_, _, away)
        | Fault::KillDatabase(away)
        | Fault::PauseDatabase(away)
        | Fault::NoConnections(away) => away,
        Fault::RestartNode(_) | Fault::WipeNode(_) | Fault::FailOver => Duration::ZERO,
    }
}

/// A few thousand faults of several seeds.
fn many(nodes: u8) -> impl Iterator<Item = Fault> {
    (0..20).flat_map(move |seed| {
        let seed = Random::new(seed);
        (0..200).map(move |number| Fault::draw(number, nodes, &seed))
    })
}

#[test]
fn every_fault_is_of_the_length_that_the_handbook_says() {
    let seconds = |from: u64, to: u64| Duration::from_secs(from)..Duration::from_secs(to);
    // As `docs/TESTING.md` has them.
    let bounds = |fault: Fault| match fault.kind() {
        "kill node" | "kill database" => seconds(0, 3),
        "pause node" | "pause database" => seconds(1, 8),
        "full disk" | "no connections" => seconds(2, 6),
        "clock step" => seconds(3, 6),
        "cut from agents" | "cut from database" => seconds(2, 16),
        "bad way to agents" | "bad way to database" => seconds(3, 8),
        _ => seconds(0, 1),
    };
    for fault in many(3) {
        let bounds = bounds(fault);
        assert!(bounds.contains(&lasts(fault)), "{fault}: not in {bounds:?}");
    }
}

#[test]
fn lengths_are_spread_over_all_of_their_bounds() {
    let cuts: Vec<Duration> =
        many(3).filter(|fault| fault.kind() == "cut from agents").map(lasts).collect();
    assert!(cuts.iter().any(|length| *length < Duration::from_secs(4)));
    // Longer than agents bear silence, so that some are given up.
    assert!(cuts.iter().any(|length| *length > Duration::from_secs(15)));
}

#[test]
fn bad_ways_are_bad_and_not_cut() {
    let mut seen = 0;
    for fault in many(3) {
        let (Fault::BadWayToAgents(_, link, _) | Fault::BadWayToDatabase(_, link, _)) = fault
        else {
            continue;
        };
        seen += 1;
        assert!(!link.is_cut);
        assert!(link.delay < Duration::from_millis(300), "{link:?}");
        assert!(link.jitter < Duration::from_millis(100), "{link:?}");
        assert!(link.loss_percent < 25 && link.twice_percent < 10, "{link:?}");
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn clocks_step_both_ways_by_seconds_and_by_an_hour() {
    let steps: BTreeSet<i32> = many(3)
        .filter_map(|fault| {
            let Fault::ClockStep(_, by, _) = fault else {
                return None;
            };
            Some(by)
        })
        .collect();
    let expected = [-3_600, -90, -5, 5, 90, 3_600];
    assert_eq!(steps.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn every_node_has_its_turn_and_no_other_is_named() {
    for nodes in [1, 2, 3, 9] {
        let killed: BTreeSet<u8> = many(nodes)
            .filter_map(|fault| {
                let Fault::KillNode(node, _) = fault else {
                    return None;
                };
                Some(node)
            })
            .collect();
        assert_eq!(killed.into_iter().collect::<Vec<_>>(), (0..nodes).collect::<Vec<_>>());
    }
}

#[test]
fn a_fault_is_the_same_whatever_came_before_it() {
    let seed = Random::new(7);
    let tenth = Fault::draw(9, 3, &seed);
    for number in (0..9).rev() {
        Fault::draw(number, 3, &seed);
    }
    assert_eq!(Fault::draw(9, 3, &seed), tenth);
}

#[test]
fn rounds_have_orders_of_their_own() {
    let seed = Random::new(7);
    let order = |round: usize| -> Vec<&str> {
        let from = round * KINDS.len();
        (from..from + KINDS.len()).map(|number| Fault::draw(number, 3, &seed).kind()).collect()
    };
    assert_ne!(order(0), order(1));
    assert_ne!(order(1), order(2));
    assert_ne!(order(0), KINDS, "not in the order of the table");
}

#[test]
fn a_shuffle_keeps_everything_and_gives_every_place_to_everyone() {
    let mut random = Random::new(1);
    let mut firsts = [0; 5];
    for _ in 0..1_000 {
        let mut order = [0, 1, 2, 3, 4];
        shuffle(&mut order, &mut random);
        firsts[order[0]] += 1;
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
    // 200 each, give or take 13.
    assert!(firsts.iter().all(|count| (135..265).contains(count)), "{firsts:?}");
    shuffle(&mut [], &mut random);
    let mut alone = [7];
    shuffle(&mut alone, &mut random);
    assert_eq!(alone, [7]);
}

#[test]
fn every_kind_has_a_name_of_its_own_and_says_it_first() {
    let names: BTreeSet<&str> = KINDS.into_iter().collect();
    assert_eq!(names.len(), KINDS.len());
    let mut random = Random::new(1);
    for (place, name) in KINDS.into_iter().enumerate() {
        let fault = Fault::of(place, 3, &mut random);
        assert_eq!(fault.kind(), name);
        assert!(fault.to_string().starts_with(name), "{fault}");
    }
}

#[test]
fn tells_people_nodes_from_one_and_what_a_bad_way_does() {
    let away = Duration::from_millis(3_000);
    let link = Link { delay: Duration::from_millis(120), loss_percent: 7, ..Link::default() };
    for (fault, text) in [
        (Fault::WipeNode(0), "wipe node 1"),
        (Fault::RestartNode(2), "restart node 3"),
        (Fault::FailOver, "fail over"),
        (Fault::NoConnections(away), "no connections for 3.0s"),
        (
            Fault::BadWayToAgents(1, link, away),
            "bad way to agents 2 (120ms late, 7 % lost) for 3.0s",
        ),
    ] {
        assert_eq!(fault.to_string(), text);
    }
}
