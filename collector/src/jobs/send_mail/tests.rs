//! Digests as their readers get them: once, when there is news, from a real server's point of view.

use store::api_keys::PresentedKey;
use store::audit::Came;
use store::digests::{
    Digest, DigestChange, Message, MessageFilter, MessageState, Section, list_messages, of_user,
    put,
};
use store::invitations::{self, Accepting, NewInvitation};
use store::page::PageRequest;
use store::report_schedules::Every;
use store::tenant::Role;

use super::*;
use crate::config::MailTls;
use crate::jobs::tests::Node;
use crate::mail::testing::{Does, Server};
use crate::pipeline::testing::{self, DAY, lodash, write_index};

/// A node that knows of a CVE of the library that hosts have here, and sends mail to a server.
async fn node(server: &Server) -> Node {
    let mut node = Node::new().await;
    write_index(&node.path(), &["CVE-2020-8203"]);
    node.watch().look().await;
    node.jobs.mail = Some(server.mailer(MailTls::StartTls));
    node
}

/// Somebody in a company who has a digest, due at noon.
async fn reader(node: &Node, scope: &TenantScope, address: &str, when_quiet: bool) -> Digest {
    let key = PresentedKey::new(Uuid::new_v4(), [9; 32]);
    let expires_at = DAY + time::Duration::DAY;
    let new = NewInvitation { key: &key, email: address, expires_at };
    invitations::create(scope, &new, Role::Viewer, DAY).await.unwrap();
    let who = Accepting::New { id: Uuid::new_v4(), name: "Ann", password: "$argon2id$x" };
    let store = node.database.store();
    let user = invitations::accept(store, &key, who, Came::default(), DAY).await.unwrap().unwrap();
    let every = Every { weekday: None, minute: 780, time_zone: "UTC".to_owned() };
    let change = DigestChange { every: &every, sections: &Section::ALL, when_quiet };
    // A moment before what the company has came, so that it is news.
    let now = DAY - time::Duration::SECOND;
    put(scope, (user, Uuid::new_v4()), &change, None, now).await.unwrap()
}

async fn messages(scope: &TenantScope) -> Vec<Message> {
    let page = PageRequest::first(100);
    list_messages(scope, MessageFilter::default(), &page).await.unwrap().items
}

/// Goes on to a time after the digest is due.
fn at_its_time(node: &Node, digest: &Digest) {
    let until = digest.next_at - node.jobs.clock.now() + time::Duration::MINUTE;
    node.hand.advance(until.try_into().unwrap());
}

#[tokio::test]
async fn a_digest_comes_once_at_its_time_and_only_with_news() {
    let server = Server::new().await;
    let node = node(&server).await;
    let scope = node.store(1, vec![lodash("4.17.15")]).await;
    let silent = testing::company(node.database.store(), 2).await;
    let digest = reader(&node, &scope, "ann@example.org", false).await;
    reader(&node, &silent, "quiet@example.org", false).await;
    reader(&node, &silent, "asks@example.org", true).await;
    run(&node.jobs).await.unwrap();
    assert!(server.received().is_empty(), "before its time");
    at_its_time(&node, &digest);
    for _ in 0..2 {
        run(&node.jobs).await.unwrap();
    }
    let mut to: Vec<_> = server.received().iter().map(|one| one.to.clone()).collect();
    to.sort_unstable();
    assert_eq!(to, ["ann@example.org", "asks@example.org"]);
    let received = server.received();
    let anns = received.iter().find(|one| one.to.starts_with("ann")).unwrap();
    assert!(anns.was_secret && anns.text.contains("List-Unsubscribe-Post"));
    assert!(anns.text.contains(&scope.company().to_string()), "{}", anns.text);
    assert!(!anns.text.contains(&silent.company().to_string()), "another company's");
    // The next day nothing is new.
    node.hand.advance(Duration::from_secs(86_400));
    run(&node.jobs).await.unwrap();
    let again = server.received().iter().filter(|one| one.to.starts_with("ann")).count();
    // But the host, which has said nothing for a day.
    assert_eq!(again, 2);
    assert!(server.received().last().unwrap().text.contains("went silent"));
}

#[tokio::test]
async fn a_mailbox_that_is_gone_is_given_up_and_one_that_is_busy_tried_again() {
    let server = Server::new().await;
    let node = node(&server).await;
    let scope = node.store(1, vec![lodash("4.17.15")]).await;
    let digest = reader(&node, &scope, "gone@example.org", true).await;
    reader(&node, &scope, "busy@example.org", true).await;
    reader(&node, &scope, "ann@example.org", true).await;
    at_its_time(&node, &digest);
    run(&node.jobs).await.unwrap();
    assert_eq!(server.received().len(), 1, "the others keep nobody from mail");
    let all = messages(&scope).await;
    let by = |state| all.iter().filter(|one| one.state == state).collect::<Vec<_>>();
    let dead = by(MessageState::Dead);
    assert_eq!((dead.len(), dead[0].code, dead[0].attempts), (1, Some(550), 1));
    assert!(dead[0].error.as_ref().unwrap().contains("no such user here"));
    let waiting = by(MessageState::Pending);
    assert_eq!((waiting.len(), waiting[0].code, waiting[0].attempts), (1, Some(450), 1));
    assert!(waiting[0].next_at > node.jobs.clock.now());
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_once_a_round_and_has_everything_when_it_is_back() {
    let server = Server::new().await;
    let node = node(&server).await;
    server.does(Does::LetNobodyIn);
    let mut scopes = Vec::new();
    let mut digest = None;
    for number in 1..=3 {
        let scope = testing::company(node.database.store(), number).await;
        for person in 0..2 {
            let address = format!("p{person}.c{number}@example.org");
            digest = Some(reader(&node, &scope, &address, true).await);
        }
        scopes.push(scope);
    }
    at_its_time(&node, &digest.unwrap());
    run(&node.jobs).await.unwrap();
    assert_eq!(server.connections(), 1);
    for scope in &scopes {
        for message in messages(scope).await {
            assert_eq!((message.state, message.code), (MessageState::Pending, Some(535)));
        }
    }
    server.does(Does::Take);
    node.hand.advance(Duration::from_secs(120));
    run(&node.jobs).await.unwrap();
    assert_eq!(server.received().len(), 6);
}

#[tokio::test]
async fn what_stays_undone_for_a_day_is_given_up_with_its_reason() {
    let server = Server::new().await;
    let node = node(&server).await;
    let scope = testing::company(node.database.store(), 1).await;
    let digest = reader(&node, &scope, "busy@example.org", true).await;
    at_its_time(&node, &digest);
    run(&node.jobs).await.unwrap();
    for _ in 0..30 {
        node.hand.advance(Duration::from_secs(3_500));
        run(&node.jobs).await.unwrap();
    }
    let all = messages(&scope).await;
    let first = all.last().unwrap();
    assert_eq!(first.state, MessageState::Dead, "{first:?}");
    assert!(first.error.as_ref().unwrap().contains("given up after"), "{first:?}");
    assert!(
        of_user(&scope, digest.user).await.unwrap().is_some(),
        "the next one comes all the same"
    );
}

#[tokio::test]
async fn a_recipient_whom_the_server_relays_nothing_to_keeps_no_other_company_from_its_mail() {
    let server = Server::new().await;
    let node = node(&server).await;
    let refused = testing::company(node.database.store(), 1).await;
    let other = testing::company(node.database.store(), 2).await;
    reader(&node, &refused, "relay@example.org", true).await;
    reader(&node, &refused, "own@example.org", true).await;
    let digest = reader(&node, &other, "ann@example.org", true).await;
    at_its_time(&node, &digest);
    run(&node.jobs).await.unwrap();
    let to: Vec<_> = server.received().into_iter().map(|one| one.to).collect();
    assert_eq!(to, ["ann@example.org"]);
    let mut codes = Vec::new();
    for message in messages(&refused).await {
        assert_eq!(message.state, MessageState::Pending, "{message:?}");
        codes.extend(message.code);
    }
    codes.sort_unstable();
    assert_eq!(codes, [454, 530]);
}

#[tokio::test]
async fn a_company_whose_rows_cannot_be_read_keeps_no_other_from_its_mail_and_is_told_of() {
    let server = Server::new().await;
    let node = node(&server).await;
    let broken = testing::company(node.database.store(), 1).await;
    let other = testing::company(node.database.store(), 2).await;
    reader(&node, &broken, "bob@example.org", true).await;
    let digest = reader(&node, &other, "ann@example.org", true).await;
    node.break_rows(&broken, "digest_messages").await;
    at_its_time(&node, &digest);
    let error = format!("{:#}", run(&node.jobs).await.unwrap_err());
    assert!(error.contains("cannot be read"), "{error}");
    let to: Vec<_> = server.received().into_iter().map(|one| one.to).collect();
    assert_eq!(to, ["ann@example.org"]);
}

#[tokio::test]
async fn mail_that_cannot_be_noted_is_told_of_and_the_other_companies_is_sent() {
    let server = Server::new().await;
    let node = node(&server).await;
    let broken = testing::company(node.database.store(), 1).await;
    let other = testing::company(node.database.store(), 2).await;
    reader(&node, &broken, "bob@example.org", true).await;
    let digest = reader(&node, &other, "ann@example.org", true).await;
    let sql = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE 'nothing is noted here'; END $$;
         DO $$ BEGIN EXECUTE format('CREATE TRIGGER refuse BEFORE UPDATE OF attempts ON digest_messages
             FOR EACH ROW WHEN (NEW.company_key = %s) EXECUTE FUNCTION refuse()',
             (SELECT key FROM companies WHERE id = '{}')); END $$",
        broken.company()
    );
    node.database.execute(&sql).await;
    at_its_time(&node, &digest);
    let error = format!("{:#}", run(&node.jobs).await.unwrap_err());
    assert!(error.contains("nothing is noted here"), "{error}");
    let mut to: Vec<_> = server.received().into_iter().map(|one| one.to).collect();
    to.sort_unstable();
    assert_eq!(to, ["ann@example.org", "bob@example.org"], "each once");
    assert_eq!(messages(&other).await[0].state, MessageState::Sent);
}

#[tokio::test]
async fn a_message_is_nobody_elses_for_as_long_as_its_turn_can_take() {
    let server = Server::new().await;
    let mut node = node(&server).await;
    let patience = Duration::from_secs(60);
    let mut config = server.config(MailTls::StartTls);
    config.answer_within = patience;
    let passes = crate::mail::Passes::new(|_| [5; 32]);
    node.jobs.mail = Some(Mailer::new(&config, passes).unwrap());
    let scope = testing::company(node.database.store(), 1).await;
    let digest = reader(&node, &scope, "slow@example.org", true).await;
    at_its_time(&node, &digest);
    let jobs = node.jobs.clone();
    let mut round = JoinSet::new();
    round.spawn(async move { run(&jobs).await });
    server.slow_came().await;
    // The question of whether it lets us in, and five times four messages.
    node.hand.advance(patience * 6);
    let second = digests::claim(&scope, 10, patience, node.jobs.clock.now()).await.unwrap();
    assert_eq!(second, [], "another node would send it again");
    server.go_on();
    round.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(server.received().len(), 1);
    assert_eq!(messages(&scope).await[0].state, MessageState::Sent);
}
