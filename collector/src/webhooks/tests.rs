//! Webhooks against real servers: what comes, in which order, by whom it is signed, and what never comes.

mod messages;
mod receiver;
mod trouble;

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
    self as rows, Delivery, DeliveryFilter, DeliveryState, NewWebhook, Only, Template,
    WebhookChange,
};
use uuid::Uuid;

use self::receiver::{Does, Receiver};
use super::{Office, Sealer};
use crate::clock::{Clock, ManualClock};
use crate::config::WebhooksConfig;
use crate::pipeline::testing::{self, DAY, lodash};

const KINDS: &[CompanyEventKind] =
    &[CompanyEventKind::FindingOpened, CompanyEventKind::FindingResolved];

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
        identity: Identity { rule: "test".to_owned(), ..Identity::default() },
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
        let incoming = IncomingReport { agent, report, keys, received_at: DAY };
        let judge = |_: &_, _: &_, _| evaluation(&[]);
        reports::apply(&scope, &[incoming], &judge, 1, DAY).await.unwrap();
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
                only: Only::default(),
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
        findings::replace(&company.scope, &judged, 1, self.clock.now()).await.unwrap();
    }
}

impl Company {
    async fn messages(&self, state: Option<DeliveryState>) -> Vec<Delivery> {
        let filter = DeliveryFilter { webhook: None, state };
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
        self.rounds(office, async || receiver.events().len() >= count).await;
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
    signed.split(',').any(|one| one.strip_prefix("v1=") == Some(&expected))
}

fn told(events: &[(&str, &str)]) -> Vec<(String, String)> {
    let text = |kind: &str| format!("finding.{kind}");
    let events = events.iter();
    events.map(|(kind, cve)| (text(kind), (*cve).to_owned())).collect()
}
