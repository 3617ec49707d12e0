//! From a number to an agent: the same one every time, with its first reports where they fit.

use std::path::Path;

use clap::Parser as _;
use protocol::ids::TokenId;
use uuid::Uuid;

use super::super::identity::tests::identity;
use super::super::tls::Tls;
use super::*;
use crate::cli::{Cli, Command};
use crate::clock::Clock;

fn args(line: &str) -> FleetArgs {
    let words = ["muster-sim", "fleet"].into_iter().chain(line.split_whitespace());
    let Command::Fleet(args) = Cli::try_parse_from(words).expect("arguments").command else {
        panic!("another command");
    };
    args
}

/// A recruiter with a folder in which so many agents are known from an earlier run.
async fn recruiter(line: &str, folder: &Path, known: u32) -> Recruiter {
    let token = EnrolmentToken {
        id: TokenId(Uuid::nil()),
        secret: [0; 32],
        ca_sha256: [0; 32],
        addresses: vec!["127.0.0.1:9".to_owned()],
    };
    let tls = Tls::new(Duration::from_secs(1), false);
    let context = Context::open(Clock, &token, 1, tls).await.expect("open");
    let state = State::open(folder, &context.authorities).expect("a folder");
    for number in 0..known {
        let identity = identity(u128::from(number) + 10);
        state.keep(number, &identity).expect("kept");
    }
    drop(state);
    let line = format!("{line} --state {}", folder.display());
    Recruiter::new(&args(&line), Arc::new(context), vec![token]).expect("a recruiter")
}

#[tokio::test]
async fn an_agent_of_an_earlier_run_is_not_enrolled_again_and_begins_behind_its_epochs() {
    let folder = tempfile::tempdir().expect("a folder");
    let recruiter = recruiter("--agents 2 --apps 250", folder.path(), 2).await;
    for number in 0..2 {
        let recruit = recruiter.recruit(number).await.expect("an agent");
        assert_eq!(recruit.number, number);
        assert_eq!(recruit.identity.agent, identity(u128::from(number) + 10).agent);
        // The folder was opened twice before its agents are used, by a thousand epochs each.
        assert_eq!(recruit.identity.epoch, Epoch(1_000));
        assert_eq!(recruit.model.unanswered(), 3, "its snapshot waits");
    }
}

#[tokio::test]
async fn reports_of_a_large_fleet_are_made_when_they_are_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    // One record more than is made ahead.
    let recruiter = recruiter("--agents 80001 --apps 50", folder.path(), 1).await;
    let recruit = recruiter.recruit(0).await.expect("an agent");
    assert!(!recruit.model.has_begun());
    let folder = tempfile::tempdir().expect("a folder");
    let recruiter = self::recruiter("--agents 80000 --apps 50", folder.path(), 1).await;
    let recruit = recruiter.recruit(0).await.expect("an agent");
    assert!(recruit.model.has_begun());
}

#[tokio::test]
async fn a_seed_says_what_each_agent_has_and_draws() {
    let mut all = Vec::new();
    for seed in [3, 3, 4] {
        let folder = tempfile::tempdir().expect("a folder");
        let line = format!("--agents 2 --apps 50 --seed {seed}");
        let recruiter = recruiter(&line, folder.path(), 2).await;
        let mut recruit = recruiter.recruit(1).await.expect("an agent");
        let keys = recruit.model.host().keys(&recruiter.context.stock);
        all.push((keys, recruit.random.next()));
    }
    assert_eq!(all[0], all[1]);
    assert_ne!(all[0].0, all[2].0);
    assert_ne!(all[0].1, all[2].1);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_cannot_be_enrolled_in_time_is_missing_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let recruiter = recruiter("--agents 1 --apps 1 --enrol-s 0", folder.path(), 0).await;
    assert!(recruiter.recruit(0).await.is_none());
    let errors = recruiter.context.stats.measured().errors;
    assert!(errors.keys().all(|text| text.starts_with("enrol: ")), "{errors:?}");
    assert_eq!(errors.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn agents_come_in_the_order_of_their_numbers_and_none_after_an_interruption() {
    let folder = tempfile::tempdir().expect("a folder");
    let recruiter = Arc::new(recruiter("--agents 50 --apps 1", folder.path(), 50).await);
    let interrupted = CancellationToken::new();
    let recruits = recruiter.recruit_all(&interrupted).await;
    let numbers: Vec<u32> = recruits.iter().map(|recruit| recruit.number).collect();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    interrupted.cancel();
    let late = recruiter.recruit_all(&interrupted).await;
    assert!(late.len() < 50, "{} agents", late.len());
}

#[tokio::test]
async fn without_a_token_nobody_is_enrolled() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut recruiter = recruiter("--agents 1", folder.path(), 0).await;
    recruiter.tokens.clear();
    let host = Host::new(0, 1, &Random::new(1));
    let error = recruiter.enrol(&host, &mut Random::new(1)).await;
    let error = error.expect_err("no token").to_string();
    assert_eq!(error, "there is no token");
}
