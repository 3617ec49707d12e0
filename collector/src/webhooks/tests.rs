//! Webhooks against real servers: what comes, in which order, by whom it is signed, and what never comes.

mod receiver;

use std::time::Duration;

use enrichment::evaluation::{Confidence, Evaluation, Finding, Identity, Status, Why};
use protocol::fingerprint::SoftwareKey;
use protocol::ids::Position;
use ring::hmac;
use store::events::company::CompanyEventKind;
use store::findings;
use store::page::PageRequest;
use store::reports::{self, IncomingReport};
use store::tenant::TenantScope;
use store::test_support::FreshDatabase;
use store::webhooks::{
    self as rows, Delivery, DeliveryFilter, DeliveryState, NewWebhook, Template, WebhookChange,
};
use uuid::Uuid;

use self::receiver::{Does, Receiver};
use super::{Office, Sealer};
use crate::clock::{Clock, ManualClock};
use crate::config::WebhooksConfig;
use crate::pipeline::testing::{self, DAY, lodash};

const HOUR: Duration = Duration::from_secs(3_600);
const KINDS: &[CompanyEventKind] = &[
    CompanyEventKind::FindingOpened,
    CompanyEventKind::FindingResolved,
];

/// Nodes with a database.
struct World {
    database: FreshDatabase,
    clock: Clock,
    hand: ManualClock,
    sealer: Sealer,
}

/// A company with one piece of software.
struct Company {
    scope: TenantScope,
    software: SoftwareKey,
}

/// A webhook and the text of its secret.
struct Hook {
    id: Uuid,
    secret: String,
}

fn open() -> WebhooksConfig {
    WebhooksConfig {
        allow_http: true,
        allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ca_file: None,
        requests_max: 16,
    }
}

fn evaluation(cves: &[String]) -> Evaluation {
    let finding = |cve: &String| Finding {
        cve: cve.as_str().into(),
        source: "nvd".into(),
        confidence: Confidence::High,
        fixed_in: None,
        why: Why::default(),
    };
    Evaluation {
        status: Status::Evaluated,
        reason: None,
        identity: Identity {
            rule: "test".to_owned(),
            ..Identity::default()
        },
        findings: cves.iter().map(finding).collect(),
        keys: Vec::new(),
    }
}

impl World {
    async fn new() -> Self {
        let (clock, hand) = Clock::manual(DAY);
        Self {
            database: FreshDatabase::create().await,
            clock,
            hand,
            sealer: Sealer::new(|_| [5; 32]).unwrap(),
        }
    }

    fn office(&self, config: &WebhooksConfig) -> Office {
        let store = self.database.store().clone();
        Office::new(store, self.clock.clone(), self.sealer.clone(), config).unwrap()
    }

    async fn company(&self, number: u128) -> Company {
        let store = self.database.store();
        let scope = testing::company(store, number).await;
        let agent = testing::agent(store, &scope, number).await;
        let report = testing::report(Position::new(1, 1), vec![lodash("1.0.0")]);
        let keys = report.validate().unwrap();
        let software = keys[0];
        let incoming = IncomingReport {
            agent,
            report,
            keys,
            received_at: DAY,
        };
        let judge = |_: &_, _: &_, _| evaluation(&[]);
        reports::apply(&scope, &[incoming], &judge, 1, DAY)
            .await
            .unwrap();
        Company { scope, software }
    }

    async fn hook(&self, company: &Company, name: &str, url: &str) -> Hook {
        let (scope, id) = (&company.scope, Uuid::new_v4());
        let (secret, sealed) = self.sealer.new_secret(scope.company(), id).unwrap();
        let new = NewWebhook {
            id,
            secret: &sealed,
            webhook: WebhookChange {
                name,
                url,
                template: Template::Generic,
                kinds: KINDS,
                is_enabled: true,
            },
        };
        rows::create(scope, &new, self.clock.now()).await.unwrap();
        Hook { id, secret }
    }

    /// The company's software has these CVEs from now on.
    async fn judge(&self, company: &Company, cves: &[&str]) {
        let cves: Vec<String> = cves.iter().map(|cve| (*cve).to_owned()).collect();
        let judged = [(company.software, evaluation(&cves))];
        findings::replace(&company.scope, &judged, 1, self.clock.now())
            .await
            .unwrap();
    }
}

impl Company {
    async fn messages(&self, state: Option<DeliveryState>) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            webhook: None,
            state,
        };
        let page = PageRequest::first(1_000);
        let found = rows::list_deliveries(&self.scope, filter, &page).await;
        found.unwrap().items
    }

    /// Makes rounds until `is_done`: an event shows once other tests' transactions have ended.
    async fn rounds(&self, office: &mut Office, mut is_done: impl AsyncFnMut() -> bool) {
        let making = async {
            while !is_done().await {
                office.look(self.scope.company()).await.unwrap();
                office.rest().await;
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, making).await.unwrap();
    }

    async fn rounds_until_taken(&self, office: &mut Office, receiver: &Receiver, count: usize) {
        self.rounds(office, async || receiver.events().len() >= count)
            .await;
        assert_eq!(receiver.events().len(), count);
    }
}

/// Whether a signature is that of a secret, as a receiver checks it.
fn is_signed(signature: &str, secret: &str, body: &[u8]) -> bool {
    let (at, signed) = signature.split_once(',').unwrap();
    let at = at.strip_prefix("t=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let text = [at.as_bytes(), b".", body].concat();
    let expected = crate::authority::hex(hmac::sign(&key, &text).as_ref());
    signed
        .split(',')
        .any(|one| one.strip_prefix("v1=") == Some(&expected))
}

fn told(events: &[(&str, &str)]) -> Vec<(String, String)> {
    let text = |kind: &str| format!("finding.{kind}");
    let events = events.iter();
    events
        .map(|(kind, cve)| (text(kind), (*cve).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_message_comes_once_with_its_id_and_a_signature_that_is_right() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let hook = world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    world.judge(&company, &["CVE-2024-1"]).await;
    company.rounds_until_taken(&mut office, &receiver, 1).await;
    company
        .rounds(&mut office, async || {
            !company
                .messages(Some(DeliveryState::Delivered))
                .await
                .is_empty()
        })
        .await;
    let received = receiver.received();
    let [message] = received.as_slice() else {
        panic!("{received:?}");
    };
    let signature = message.header("muster-signature");
    assert!(is_signed(signature, &hook.secret, &message.body));
    assert!(!is_signed(signature, "whsec_other", &message.body));
    assert!(!is_signed(signature, &hook.secret, b"{}"));
    let json = message.json();
    assert_eq!(json["id"], message.header("muster-delivery"));
    assert_eq!(json["company"], company.scope.company().to_string());
    assert_eq!(json["events"][0]["finding"]["software"]["name"], "lodash");
    let delivered = &company.messages(None).await[0];
    assert_eq!((delivered.status, delivered.attempts), (Some(200), 1));
    assert_eq!(delivered.answer.as_deref(), Some("so it is"));
}

#[tokio::test]
async fn a_receiver_that_is_down_for_an_hour_misses_nothing_and_gets_it_in_order() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::BreakOff);
    let mut expected = Vec::new();
    for minute in 0..60_usize {
        // One finding comes and goes, so all that happens is about the same.
        let (cves, kind): (&[&str], _) = match minute % 2 {
            0 => (&["CVE-2024-1"], "opened"),
            _ => (&[], "resolved"),
        };
        world.judge(&company, cves).await;
        expected.push((kind, "CVE-2024-1"));
        company
            .rounds(&mut office, async || {
                company.messages(None).await.len() > minute
            })
            .await;
        world.hand.advance(Duration::from_secs(60));
    }
    let waiting = company.messages(Some(DeliveryState::Pending)).await;
    assert_eq!(waiting.len(), 60);
    // All wait for the first, which alone was tried.
    let first = waiting.last().unwrap();
    assert!((6..=12).contains(&first.attempts), "{}", first.attempts);
    assert!(first.error.is_some() && first.status.is_none());
    assert_eq!(waiting[0].attempts, 0);
    receiver.does(Does::Take);
    world.hand.advance(Duration::from_secs(900));
    company.rounds_until_taken(&mut office, &receiver, 60).await;
    assert_eq!(receiver.events(), told(&expected));
}

#[tokio::test]
async fn a_server_that_answers_500_is_tried_again_later_and_given_up_after_a_day() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let hook = world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::Answer(500));
    world.judge(&company, &["CVE-2024-1"]).await;
    company
        .rounds(&mut office, async || !receiver.received().is_empty())
        .await;
    // Not before its time.
    office.look(company.scope.company()).await.unwrap();
    office.rest().await;
    assert_eq!(receiver.received().len(), 1);
    let mut hours = 0;
    while company.messages(Some(DeliveryState::Dead)).await.is_empty() {
        world.hand.advance(HOUR);
        office.look(company.scope.company()).await.unwrap();
        office.rest().await;
        hours += 1;
        assert!(hours <= 24);
    }
    assert_eq!(hours, 24);
    let dead = &company.messages(None).await[0];
    assert_eq!(dead.status, Some(500));
    let error = dead.error.as_deref().unwrap();
    assert!(
        error.contains("500") && error.contains("given up"),
        "{error}"
    );
    receiver.does(Does::Take);
    let now = world.clock.now();
    assert!(
        rows::replay(&company.scope, hook.id, dead.id, now)
            .await
            .unwrap()
    );
    company.rounds_until_taken(&mut office, &receiver, 1).await;
}

#[tokio::test]
async fn a_message_that_is_refused_holds_back_its_own_object_and_no_other() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::TakeBut("CVE-2024-1"));
    let steps: [&[&str]; 4] = [
        &["CVE-2024-1"],
        &["CVE-2024-1", "CVE-2024-2"],
        &["CVE-2024-2"],
        &[],
    ];
    for (number, cves) in steps.into_iter().enumerate() {
        world.judge(&company, cves).await;
        company
            .rounds(&mut office, async || {
                company.messages(None).await.len() > number
            })
            .await;
    }
    let second = [("opened", "CVE-2024-2"), ("resolved", "CVE-2024-2")];
    company.rounds_until_taken(&mut office, &receiver, 2).await;
    assert_eq!(receiver.events(), told(&second));
    receiver.does(Does::Take);
    world.hand.advance(HOUR);
    company.rounds_until_taken(&mut office, &receiver, 4).await;
    let first = [("opened", "CVE-2024-1"), ("resolved", "CVE-2024-1")];
    assert_eq!(receiver.events()[2..], told(&first));
}

#[tokio::test]
async fn a_redirect_is_followed_nowhere() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let elsewhere = Receiver::new().await;
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::Redirect(elsewhere.url()));
    world.judge(&company, &["CVE-2024-1"]).await;
    company
        .rounds(&mut office, async || {
            let messages = company.messages(None).await;
            messages.first().is_some_and(|message| message.attempts > 0)
        })
        .await;
    let message = &company.messages(None).await[0];
    assert_eq!(
        (message.state, message.status),
        (DeliveryState::Pending, Some(307))
    );
    assert_eq!(elsewhere.received().len(), 0);
}

#[tokio::test]
async fn an_address_inside_is_not_connected_to_by_number_or_by_name() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let port = receiver.address.port();
    world.hook(&company, "number", &receiver.url()).await;
    let name = format!("http://localhost:{port}/hook");
    world.hook(&company, "name", &name).await;
    let config = WebhooksConfig {
        allowed_networks: Vec::new(),
        ..open()
    };
    let mut office = world.office(&config);
    world.judge(&company, &["CVE-2024-1"]).await;
    company
        .rounds(&mut office, async || {
            let messages = company.messages(None).await;
            messages.len() == 2 && messages.iter().all(|message| message.attempts > 0)
        })
        .await;
    for message in company.messages(None).await {
        let error = message.error.unwrap();
        assert!(error.contains("is not public"), "{error}");
    }
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn a_server_that_says_nothing_keeps_no_other_waiting() {
    let (world, slow, quick) = (
        World::new().await,
        Receiver::new().await,
        Receiver::new().await,
    );
    let company = world.company(1).await;
    world.hook(&company, "slow", &slow.url()).await;
    world.hook(&company, "quick", &quick.url()).await;
    let mut office = world.office(&open());
    slow.does(Does::Hang);
    world.judge(&company, &["CVE-2024-1"]).await;
    let both = async {
        let id = company.scope.company();
        while quick.events().is_empty() || slow.received().is_empty() {
            office.look(id).await.unwrap();
            tokio::task::yield_now().await;
        }
        // The second message comes while the first still hangs at the other one.
        world.judge(&company, &[]).await;
        while quick.events().len() < 2 {
            office.look(id).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, both).await.unwrap();
    assert_eq!(slow.events().len(), 0);
    slow.release();
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_none() {
    let (world, slow) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "slow", &slow.url()).await;
    let config = open();
    let mut office = world
        .office(&config)
        .patient(&config, Duration::from_millis(20));
    slow.does(Does::Hang);
    world.judge(&company, &["CVE-2024-1"]).await;
    let arriving = async {
        company
            .rounds(&mut office, async || {
                let messages = company.messages(None).await;
                messages.first().is_some_and(|message| message.attempts > 0)
            })
            .await;
    };
    arriving.await;
    let error = company.messages(None).await[0].error.clone().unwrap();
    assert!(error.starts_with("no answer within"), "{error}");
}

#[tokio::test]
async fn a_storm_comes_in_few_messages() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    let cves: Vec<String> = (0..250)
        .map(|n| format!("CVE-2024-{:05}", 10_000 + n))
        .collect();
    let cves: Vec<&str> = cves.iter().map(String::as_str).collect();
    world.judge(&company, &cves).await;
    company
        .rounds_until_taken(&mut office, &receiver, 250)
        .await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn two_companies_and_two_nodes_are_never_mixed() {
    let world = World::new().await;
    let (ours, theirs) = (world.company(1).await, world.company(2).await);
    let receivers = [Receiver::new().await, Receiver::new().await];
    let hooks = [
        world.hook(&ours, "hook", &receivers[0].url()).await,
        world.hook(&theirs, "hook", &receivers[1].url()).await,
    ];
    let (mut one, mut other) = (world.office(&open()), world.office(&open()));
    world.judge(&ours, &["CVE-2024-1", "CVE-2024-2"]).await;
    world.judge(&theirs, &["CVE-2024-3"]).await;
    let making = async {
        while receivers[0].events().len() < 2 || receivers[1].events().is_empty() {
            for company in [&ours, &theirs] {
                let id = company.scope.company();
                let (first, second) = tokio::join!(one.look(id), other.look(id));
                assert!(first.unwrap() + second.unwrap() <= 1, "one node has it");
            }
            one.rest().await;
            other.rest().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, making).await.unwrap();
    let counts = receivers.each_ref().map(|one| one.events().len());
    assert_eq!(counts, [2, 1]);
    for (number, company) in [&ours, &theirs].into_iter().enumerate() {
        for message in receivers[number].received() {
            let signature = message.header("muster-signature");
            assert!(is_signed(signature, &hooks[number].secret, &message.body));
            assert!(!is_signed(
                signature,
                &hooks[1 - number].secret,
                &message.body
            ));
            assert_eq!(
                message.json()["company"],
                company.scope.company().to_string()
            );
        }
    }
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let hook = world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    let (scope, now) = (&company.scope, world.clock.now());
    let (secret, sealed) = world.sealer.new_secret(scope.company(), hook.id).unwrap();
    let until = now + time::Duration::DAY;
    rows::rotate_secret(scope, hook.id, &sealed, until, now)
        .await
        .unwrap();
    world.judge(&company, &["CVE-2024-1"]).await;
    company.rounds_until_taken(&mut office, &receiver, 1).await;
    let message = &receiver.received()[0];
    let signature = message.header("muster-signature");
    assert!(is_signed(signature, &secret, &message.body));
    assert!(is_signed(signature, &hook.secret, &message.body));
}

#[tokio::test]
async fn with_another_authority_nothing_is_sent_unsigned() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let store = world.database.store().clone();
    let other = Sealer::new(|_| [6; 32]).unwrap();
    let mut office = Office::new(store, world.clock.clone(), other, &open()).unwrap();
    world.judge(&company, &["CVE-2024-1"]).await;
    company
        .rounds(&mut office, async || {
            let messages = company.messages(None).await;
            messages.first().is_some_and(|message| message.attempts > 0)
        })
        .await;
    let error = company.messages(None).await[0].error.clone().unwrap();
    assert!(error.contains("rotate"), "{error}");
    assert_eq!(receiver.received().len(), 0);
}
