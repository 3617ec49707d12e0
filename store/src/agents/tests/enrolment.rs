//! Tokens: spent with an agent or not at all.

use protocol::ids::{CompanyId, TokenId};
use protocol::reject::RejectReason;
use time::OffsetDateTime;
use tokio::task::JoinSet;

use super::*;
use crate::enrolment_tokens::{self, Labels, NewEnrolmentToken};
use crate::hosts;
use crate::test_fixtures::{certificate, id};

async fn token(
    world: &World,
    uses_max: Option<u32>,
    expires_at: Option<OffsetDateTime>,
) -> TokenId {
    let new = NewEnrolmentToken {
        id: TokenId(id()),
        secret: &[5; 32],
        name: "rollout",
        labels: &Labels::from([("ring".to_owned(), "1".to_owned())]),
        expires_at,
        uses_max,
    };
    enrolment_tokens::create(&world.scope, &new, at(0)).await.unwrap().id
}

async fn enrol_with(
    world: &World,
    token: TokenId,
    secret: &[u8; 32],
) -> Result<Enrolled<&'static str>, EnrolError> {
    let enrolment = Enrolment {
        token,
        secret,
        agent: AgentId(id()),
        hostname: "laptop",
        agent_version: "0.1.0",
        labels: &Labels::new(),
    };
    enrol(world.store(), &enrolment, &|_, _| Ok((certificate(), "chain")), at(100)).await
}

fn refusal<T>(outcome: Result<T, EnrolError>) -> RejectReason {
    match outcome {
        Err(EnrolError::Refused(reason)) => reason,
        Err(EnrolError::Store(error)) => panic!("{error}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test]
async fn a_host_becomes_an_agent_of_the_tokens_company() {
    let world = World::new().await;
    let token = token(&world, None, None).await;
    let enrolled = enrol_with(&world, token, &[5; 32]).await.unwrap();
    assert_eq!(enrolled.company, world.scope.company());
    assert_eq!(enrolled.issued, "chain");

    let host = hosts::get(&world.scope, enrolled.agent).await.unwrap().unwrap();
    assert_eq!(host.host.hostname, "laptop");
    assert_eq!(host.enrolled_with, Some(token));
    assert_eq!(host.certificate_expires_at, Some(certificate().expires_at));
    assert_eq!(host.labels.get("ring").map(String::as_str), Some("1"));
    assert_eq!((host.facts, host.host.last_seen_at), (None, None));
    let listed = enrolment_tokens::get(&world.scope, token).await.unwrap().unwrap();
    // Counted in the same transaction in which the agent came to be.
    assert_eq!(listed.uses, 1);
}

#[tokio::test]
async fn says_why_a_token_lets_nobody_in() {
    let world = World::new().await;
    let open = token(&world, None, None).await;
    assert_eq!(
        refusal(enrol_with(&world, TokenId(id()), &[5; 32]).await),
        RejectReason::TokenUnknown
    );
    assert_eq!(
        refusal(enrol_with(&world, open, &[6; 32]).await),
        RejectReason::TokenUnknown,
        "a wrong secret must not be told from an unknown token"
    );
    // `enrol_with` comes at that very instant: an expiry is the first instant at which it holds no
    // more.
    let expired = token(&world, None, Some(at(100))).await;
    assert_eq!(refusal(enrol_with(&world, expired, &[5; 32]).await), RejectReason::TokenExpired);
    let once = token(&world, Some(1), None).await;
    enrol_with(&world, once, &[5; 32]).await.unwrap();
    assert_eq!(refusal(enrol_with(&world, once, &[5; 32]).await), RejectReason::TokenSpent);
    assert!(enrolment_tokens::revoke(&world.scope, open, at(1)).await.unwrap());
    // Again, with no harm and another answer: whoever revokes twice is told that it was done
    // before.
    assert!(!enrolment_tokens::revoke(&world.scope, open, at(2)).await.unwrap());
    assert_eq!(refusal(enrol_with(&world, open, &[5; 32]).await), RejectReason::TokenRevoked);
}

#[tokio::test]
async fn a_suspended_company_takes_no_hosts() {
    let world = World::new().await;
    let token = token(&world, None, None).await;
    let operator = world.store().local_operator();
    let company = world.scope.company();
    companies::set_suspended(&operator, company, true, at(1)).await.unwrap().unwrap();
    assert_eq!(refusal(enrol_with(&world, token, &[5; 32]).await), RejectReason::CompanySuspended);
    companies::set_suspended(&operator, company, false, at(2)).await.unwrap().unwrap();
    // The refusal cost nothing, and the token is as it was.
    enrol_with(&world, token, &[5; 32]).await.unwrap();
}

#[tokio::test]
async fn a_host_brings_labels_and_takes_none_of_its_tokens_away() {
    let world = World::new().await;
    let token = token(&world, None, None).await;
    let labels = Labels::from([
        ("site".to_owned(), "berlin".to_owned()),
        ("ring".to_owned(), "9".to_owned()),
    ]);
    let enrolment = Enrolment {
        token,
        secret: &[5; 32],
        agent: AgentId(id()),
        hostname: "laptop",
        agent_version: "0.1.0",
        labels: &labels,
    };
    let issue = |_: CompanyId, _: AgentId| Ok((certificate(), ()));
    let enrolled = enrol(world.store(), &enrolment, &issue, at(1)).await.expect("enrolled");
    let host = hosts::get(&world.scope, enrolled.agent).await.expect("read").expect("there");
    let expected = Labels::from([
        ("site".to_owned(), "berlin".to_owned()),
        ("ring".to_owned(), "1".to_owned()),
    ]);
    assert_eq!(host.labels, expected);
}

#[tokio::test]
async fn a_request_that_cannot_be_signed_costs_no_use() {
    let world = World::new().await;
    let token = token(&world, Some(1), None).await;
    let enrolment = Enrolment {
        token,
        secret: &[5; 32],
        agent: AgentId(id()),
        hostname: "laptop",
        agent_version: "0.1.0",
        labels: &Labels::new(),
    };
    // The certificate is made inside the transaction, behind the use: a failure here has to take
    // the use back.
    let refuse = |_: CompanyId, _: AgentId| -> Result<(Certificate, ()), RejectReason> {
        Err(RejectReason::InvalidRequest)
    };
    let outcome = enrol(world.store(), &enrolment, &refuse, at(1)).await;
    assert_eq!(refusal(outcome), RejectReason::InvalidRequest);
    let listed = enrolment_tokens::get(&world.scope, token).await.unwrap().unwrap();
    assert_eq!(listed.uses, 0);
    assert_eq!(world.number("SELECT count(*) FROM agents WHERE company_key = $1").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_exactly_as_many_get_in_as_the_token_allows() {
    let world = std::sync::Arc::new(World::new().await);
    let token = token(&world, Some(3), None).await;
    let mut tasks = JoinSet::new();
    // More than three at the row at the same time. Counting first and writing after would let
    // several through.
    for _ in 0..16 {
        let world = std::sync::Arc::clone(&world);
        tasks.spawn(async move { enrol_with(&world, token, &[5; 32]).await.map(|_| ()) });
    }
    let outcomes = tasks.join_all().await;
    let (granted, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((granted.len(), refused.len()), (3, 13));
    for outcome in refused {
        assert_eq!(refusal(outcome), RejectReason::TokenSpent);
    }
    assert_eq!(world.number("SELECT count(*) FROM agents WHERE company_key = $1").await, 3);
}
