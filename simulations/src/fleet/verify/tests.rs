//! The comparer: it finds each kind of difference that is planted, and no other.

use protocol::ids::Epoch;

use super::super::host::Host;
use super::super::identity::tests::identity;
use super::super::model::Model;
use super::*;
use crate::random::Random;

fn keys(numbers: &[u128]) -> Vec<SoftwareKey> {
    numbers.iter().copied().map(SoftwareKey).collect()
}

fn difference(expected: &[u128], found: &[u128]) -> (u64, u64, u64) {
    let difference = Difference::between(&keys(expected), &keys(found));
    (difference.lost, difference.unexpected, difference.twice)
}

#[test]
fn the_same_in_any_order_is_no_difference() {
    assert_eq!(difference(&[1, 2, 3], &[3, 1, 2]), (0, 0, 0));
    assert_eq!(difference(&[], &[]), (0, 0, 0));
}

#[test]
fn sees_what_is_lost_unexpected_or_twice() {
    assert_eq!(difference(&[1, 2, 3], &[1]), (2, 0, 0));
    assert_eq!(difference(&[1], &[1, 2, 3]), (0, 2, 0));
    assert_eq!(difference(&[1, 2], &[1, 2, 2, 2]), (0, 0, 2));
    assert_eq!(difference(&[1, 2], &[3, 3]), (2, 1, 1));
}

#[test]
fn a_host_that_could_not_be_compared_is_not_good() {
    let verdict = Verdict { error: Some("refused".to_owned()), ..Verdict::default() };
    assert!(!verdict.is_good());
    assert!(Verdict::default().is_good());
}

fn stock() -> Stock {
    Stock::load().expect("the stock")
}

fn agent(number: u32) -> Arc<Agent> {
    let host = Host::new(number, 50, &Random::new(1));
    Arc::new(Agent::new(identity(u128::from(number)), Model::new(host, Epoch(0))))
}

/// The keys that an agent's host has.
fn has(agent: &Agent, stock: &Stock) -> Vec<SoftwareKey> {
    agent.with_model(|model| model.host().keys(stock))
}

/// What a pass says when the rows of one agent are these.
fn pass(agent: &Arc<Agent>, rows: anyhow::Result<Vec<SoftwareKey>>, stock: &Stock) -> Found {
    let round = Round::new(vec![Arc::clone(agent)]);
    round.note(agent, rows, stock);
    round.found()
}

#[test]
fn rows_that_are_the_hosts_set_agree_in_any_order() {
    let (stock, agent) = (stock(), agent(1));
    let mut rows = has(&agent, &stock);
    rows.reverse();
    let found = pass(&agent, Ok(rows), &stock);
    assert_eq!((found.agreeing, found.differing.len()), (50, 0));
    assert!(found.difference.is_none() && found.error.is_none());
}

#[test]
fn each_kind_of_planted_difference_is_found_and_called_by_its_name() {
    type Spoil = fn(&mut Vec<SoftwareKey>, Vec<SoftwareKey>);
    let (stock, agent) = (stock(), agent(1));
    // Another host of the same fleet, which may be another company's.
    let theirs = Host::new(2, 50, &Random::new(1)).keys(&stock);
    let spoils: [(&str, Spoil, [u64; 3]); 6] = [
        ("lost", |rows, _| rows.truncate(49), [1, 0, 0]),
        ("all lost", |rows, _| rows.clear(), [50, 0, 0]),
        ("doubled", |rows, _| rows.extend_from_within(..1), [0, 0, 1]),
        ("doubled twice", |rows, _| rows.extend([rows[0]; 2]), [0, 0, 2]),
        // A record that was altered has another key: one is gone and one is there.
        ("altered", |rows, _| rows[7] = SoftwareKey(1), [1, 1, 0]),
        ("another host's", |rows, theirs| rows.extend(theirs), [0, 0, 0]),
    ];
    for (name, spoil, expected) in spoils {
        let mut rows = has(&agent, &stock);
        spoil(&mut rows, theirs.clone());
        let found = pass(&agent, Ok(rows), &stock);
        assert_eq!(found.differing.len(), 1, "{name}");
        assert_eq!((found.agreeing, found.records_of_differing), (0, 50), "{name}");
        let Difference { lost, unexpected, twice } = found.difference;
        if name == "another host's" {
            // What both have stands there twice, and the rest nobody expects.
            assert_eq!((lost, unexpected + twice), (0, 50));
            assert!(unexpected > 0);
        } else {
            assert_eq!([lost, unexpected, twice], expected, "{name}");
        }
    }
}

#[test]
fn a_version_of_before_is_a_lost_record_and_an_unexpected_one() {
    let (stock, agent) = (stock(), agent(1));
    let before = has(&agent, &stock);
    let rows = agent.with_model(|model| model.host().rows(&stock));
    let package = rows.keys().next().expect("one").package;
    let edit = super::super::changes::upgrade(&rows, package, 5).expect("a change");
    let mut host = agent.with_model(|model| model.host().clone());
    host.apply(&edit);
    let upgraded = Agent::new(identity(1), Model::new(host, Epoch(0)));
    let (records, difference) = upgraded.compare(&stock, &before);
    assert_eq!(records, 50);
    assert_eq!((difference.lost, difference.unexpected, difference.twice), (1, 1, 0));
}

#[test]
fn differences_of_hosts_add_up_and_those_that_agree_are_not_asked_again() {
    let stock = stock();
    let agents: Vec<_> = (1..=4).map(agent).collect();
    let round = Round::new(agents.clone());
    for (number, agent) in agents.iter().enumerate() {
        let mut rows = has(agent, &stock);
        rows.truncate(50 - number);
        round.note(agent, Ok(rows), &stock);
    }
    let found = round.found();
    assert_eq!(found.agreeing, 50);
    assert_eq!(found.records_of_differing, 150);
    assert_eq!(found.difference.lost, 1 + 2 + 3);
    let again: Vec<_> = found.differing.iter().map(|agent| agent.identity.agent).collect();
    let expected: Vec<_> = agents[1..].iter().map(|agent| agent.identity.agent).collect();
    assert_eq!(again, expected);
}

#[test]
fn a_host_that_could_not_be_asked_is_asked_again_and_the_first_reason_is_kept() {
    let stock = stock();
    let agents: Vec<_> = (1..=2).map(agent).collect();
    let round = Round::new(agents.clone());
    for (agent, why) in agents.iter().zip(["the first", "the second"]) {
        round.note(agent, Err(anyhow::anyhow!(why).context("ask")), &stock);
    }
    let found = round.found();
    assert_eq!(found.error.as_deref(), Some("ask: the first"));
    assert_eq!((found.differing.len(), found.agreeing), (2, 0));
    assert!(found.difference.is_none(), "nothing is known of them");
}

#[test]
fn a_host_whose_name_another_one_has_is_known_as_such() {
    let agent = agent(1);
    assert!(agent.is_one_host());
    agent.share();
    assert!(!agent.is_one_host());
}

#[test]
fn a_verdict_as_json_names_every_kind_beside_the_hosts() {
    let verdict = Verdict {
        hosts: 3,
        difference: Difference { lost: 4, unexpected: 5, twice: 6 },
        ..Verdict::default()
    };
    let json = serde_json::to_value(&verdict).expect("JSON");
    assert_eq!((&json["hosts"], &json["lost"]), (&3.into(), &4.into()));
    assert_eq!((&json["unexpected"], &json["twice"]), (&5.into(), &6.into()));
    assert!(json.get("error").is_none());
}
