//! A preview says what happens, whatever the rule.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use protocol::software::Source;

use super::super::preview as preview_of;
use super::*;
use crate::cves as metadata;
use crate::labels::{self, NewLabel};
use crate::test_fixtures::published;

/// Rules over the names that the world below has, and some that it has not.
fn rules() -> impl Strategy<Value = About> {
    let maybe = |words: &'static [&'static str]| {
        let word = proptest::sample::select(words).prop_map(|word| Some(word.to_owned()));
        prop_oneof![2 => Just(None), 1 => word]
    };
    let score =
        prop_oneof![2 => Just(None), 1 => (0_u8..=10).prop_map(|score| Some(f32::from(score)))];
    (
        maybe(&["CVE-2024-90010", "CVE-2024-90020", "CVE-2024-90021", "CVE-1"]),
        maybe(&["bad1", "BAD2", "bad3", "none"]),
        maybe(&["1", "1.1", "2.1", "9"]),
        maybe(&["pkg:deb/bad", "pkg:deb/bad@1"]),
        score,
        any::<bool>(),
    )
        .prop_map(|(cve, product, version, purl, score_below, is_deb)| About {
            cve,
            product,
            source: is_deb.then_some(Source::Deb),
            version,
            purl,
            score_below,
        })
}

async fn many() -> (World, AgentId, Uuid) {
    let world = World::new().await;
    let mut hosts = Vec::new();
    for versions in [&["1", "1.1"][..], &["1.1", "2.1"], &["1"]] {
        let records = versions
            .iter()
            .flat_map(|version| ["bad1", "bad2", "bad3"].map(|name| record(name, version)));
        hosts.push(host(&world, records).await.agent);
    }
    for (number, cve) in
        ["CVE-2024-90010", "CVE-2024-90020", "CVE-2024-90030"].into_iter().enumerate()
    {
        let score = f32::from(u8::try_from(number).unwrap()).mul_add(3.0, 2.0);
        metadata::upsert(world.store(), &[published(cve, score, "high")]).await.unwrap();
    }
    let new = NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = labels::create(&world.scope, &new, at(5)).await.unwrap().id;
    labels::assign(&world.scope, label, &hosts[1..], true, at(5)).await.unwrap();
    (world, hosts[0], label)
}

/// What an exception was seen to do must be what its preview said.
async fn holds(world: &World, about: &About, hosts: Hosts) {
    let expected = preview_of(&world.scope, about, &hosts).await;
    let before = suppressed(world).await.len();
    let claim = accepted();
    let new = NewException {
        id: id(),
        name: None,
        about,
        hosts,
        claim: &claim,
        expires_at: None,
        origin: None,
    };
    let made = match create(&world.scope, &new, at(10)).await {
        Err(CreateError::AboutNothing) => {
            assert!(matches!(expected, Err(CreateError::AboutNothing)), "{expected:?}");
            return;
        }
        made => made.unwrap().0,
    };
    let expected = expected.unwrap();
    let effect = match hosts {
        Hosts::All => suppressed(world).await.len() - before,
        Hosts::Label(_) | Hosts::One(_) => usize::try_from(made.findings).unwrap(),
    };
    let expected_effect = match hosts {
        Hosts::All => expected.findings.open,
        // What the whole company leaves out already is left out twice.
        Hosts::Label(_) | Hosts::One(_) => expected.findings.open + expected.suppressed_already,
    };
    assert_eq!(effect as u64, expected_effect, "{about:?} {hosts:?}");
    assert_eq!(expected.sample.len() as u64, expected.findings.open.min(20));
    withdraw(&world.scope, made.id, at(20)).await.unwrap();
    assert_eq!(suppressed(world).await.len(), before, "{about:?}");
}

#[tokio::test]
async fn a_preview_says_what_an_exception_then_does() {
    let (world, first, label) = many().await;
    // Something that is left out already, so that the two have to be told apart.
    except(&world, &of_cve("CVE-2024-90010"), Hosts::All).await;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let cases = (rules(), 0_u8..3);
    for _ in 0..60 {
        let tree = Strategy::new_tree(&cases, &mut runner).unwrap();
        let (about, whom) = tree.current();
        let hosts = match whom {
            0 => Hosts::All,
            1 => Hosts::Label(label),
            _ => Hosts::One(first),
        };
        holds(&world, &about, hosts).await;
    }
}

#[tokio::test]
async fn a_preview_counts_the_hosts_that_the_exception_is_for() {
    let (world, first, label) = many().await;
    let about = of_product("bad1");
    for (hosts, expected) in [(Hosts::All, 3), (Hosts::Label(label), 2), (Hosts::One(first), 1)] {
        let impact = preview_of(&world.scope, &about, &hosts).await.unwrap();
        assert_eq!(impact.hosts, expected, "{hosts:?}");
        assert_eq!(impact.software, 3);
    }
}

#[tokio::test]
async fn a_preview_changes_nothing() {
    let (world, ..) = many().await;
    let before = open(&world).await;
    preview_of(&world.scope, &of_product("bad1"), &Hosts::All).await.unwrap();
    assert_eq!(open(&world).await, before);
}

#[tokio::test]
async fn a_preview_for_a_host_or_label_of_another_company_is_refused_as_the_exception_is() {
    let (world, ..) = many().await;
    let (other, host, label) = many().await;
    for (hosts, what) in [(Hosts::One(host), "host"), (Hosts::Label(label), "label")] {
        let refused = preview_of(&world.scope, &of_cve("CVE-2024-90010"), &hosts).await;
        assert!(matches!(refused, Err(CreateError::NoSuch(no)) if no == what), "{refused:?}");
        preview_of(&other.scope, &of_cve("CVE-2024-90010"), &hosts).await.unwrap();
    }
}
