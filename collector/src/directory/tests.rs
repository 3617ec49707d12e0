//! Tests of the directory against a real database.

use protocol::ids::{CompanyId, TokenId};
use protocol::message::Settings;
use store::agents::{self, Certificate, Enrolment};
use store::companies;
use store::enrolment_tokens::{self, Labels, NewEnrolmentToken};
use store::tenant::TenantScope;
use store::test_support::FreshDatabase;
use uuid::Uuid;

use super::*;
use crate::ingest::registry::Registration;

struct Site {
    database: FreshDatabase,
    registry: Registry,
    clock: Clock,
    lifecycle: Lifecycle,
    scope: TenantScope,
}

impl Site {
    async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let clock = Clock::system();
        let operator = database.store().local_operator();
        let company = CompanyId(Uuid::new_v4());
        companies::create(&operator, company, "Acme", clock.now()).await.unwrap();
        let scope = operator.scope(company).await.unwrap().unwrap();
        Self { database, registry: Registry::new(), clock, lifecycle: Lifecycle::new(), scope }
    }

    async fn agent(&self) -> AgentId {
        let token = TokenId(Uuid::new_v4());
        let labels = Default::default();
        let new = NewEnrolmentToken {
            id: token,
            secret: &[1; 32],
            name: "test",
            labels: &labels,
            expires_at: None,
            uses_max: None,
        };
        let now = self.clock.now();
        enrolment_tokens::create(&self.scope, &new, now).await.unwrap();
        let agent = AgentId(Uuid::new_v4());
        let enrolment = Enrolment {
            token,
            secret: &[1; 32],
            agent,
            hostname: "host",
            agent_version: "1",
            labels: &Labels::new(),
        };
        let certificate = Certificate {
            serial: vec![1],
            sha256: [1; 32],
            // Nothing here looks at it.
            expires_at: now,
        };
        agents::enrol(
            self.database.store(),
            &enrolment,
            &|_, _| Ok((certificate.clone(), ())),
            now,
        )
        .await
        .unwrap();
        agent
    }

    fn session(&self, agent: AgentId) -> Registration {
        self.registry.open(self.scope.company(), agent)
    }

    async fn directory(&self) -> Directory {
        Directory::open(self.database.store().clone(), self.registry.clone(), self.clock.clone())
            .await
            .unwrap()
    }

    /// Lets a directory follow, and waits until it hears signals.
    async fn follow(&self) {
        let directory = self.directory().await;
        let following = directory.follow(self.lifecycle.clone());
        self.lifecycle.spawn("directory", following);
    }
}

/// What a session hears, within the time that a revocation may take.
async fn hears(session: &mut Registration) -> registry::Command {
    // What is promised of a revocation, and more than two polls: whether a signal or a poll brought
    // it is all the same to the session.
    tokio::time::timeout(Duration::from_secs(5), session.next())
        .await
        .expect("nothing was heard within five seconds")
}

#[tokio::test]
async fn a_revocation_reaches_an_open_session() {
    let site = Site::new().await;
    site.follow().await;
    let (revoked, other) = (site.agent().await, site.agent().await);
    let mut session = site.session(revoked);
    let _other = site.session(other);
    agents::revoke(&site.scope, revoked, site.clock.now()).await.unwrap();
    let reason = RejectReason::AgentRevoked;
    assert_eq!(hears(&mut session).await, registry::Command::Refuse(reason));
    assert!(site.registry.has(other));
    site.lifecycle.stop();
}

#[tokio::test]
async fn a_suspension_reaches_every_session_of_the_company() {
    let site = Site::new().await;
    site.follow().await;
    let mut sessions = [site.session(site.agent().await), site.session(site.agent().await)];
    let operator = site.database.store().local_operator();
    companies::set_suspended(&operator, site.scope.company(), true, site.clock.now())
        .await
        .unwrap();
    for session in &mut sessions {
        let reason = RejectReason::CompanySuspended;
        assert_eq!(hears(session).await, registry::Command::Refuse(reason));
    }
    site.lifecycle.stop();
}

#[tokio::test]
async fn a_scan_that_is_asked_for_is_passed_on() {
    let site = Site::new().await;
    site.follow().await;
    let agent = site.agent().await;
    let mut session = site.session(agent);
    let request = agents::request_scan(&site.scope, agent).await.unwrap().unwrap();
    assert_eq!(hears(&mut session).await, registry::Command::ScanNow { request });
    site.lifecycle.stop();
}

#[tokio::test]
async fn a_poll_finds_what_was_not_heard_and_acts_on_it_once() {
    let site = Site::new().await;
    let mut directory = site.directory().await;
    let agent = site.agent().await;
    let mut session = site.session(agent);
    let now = site.clock.now();
    agents::ask_for_snapshots(&site.scope, &[agent], now).await.unwrap();
    directory.poll().await.unwrap();
    assert_eq!(hears(&mut session).await, registry::Command::SendSnapshot);
    directory.poll().await.unwrap();
    agents::revoke(&site.scope, agent, now).await.unwrap();
    directory.poll().await.unwrap();
    let reason = RejectReason::AgentRevoked;
    assert_eq!(hears(&mut session).await, registry::Command::Refuse(reason));
}

#[tokio::test]
async fn a_session_that_is_busy_hears_everything_once_it_listens() {
    let site = Site::new().await;
    let mut directory = site.directory().await;
    let agent = site.agent().await;
    let mut session = site.session(agent);
    for _ in 0..100 {
        site.registry.tell(agent, registry::Command::SendSnapshot);
    }
    let request = agents::request_scan(&site.scope, agent).await.unwrap().unwrap();
    directory.tell(vec![agent]).await;
    directory.poll().await.unwrap();
    assert_eq!(hears(&mut session).await, registry::Command::SendSnapshot);
    assert_eq!(hears(&mut session).await, registry::Command::ScanNow { request });
}

#[tokio::test]
async fn settings_reach_a_companys_open_sessions() {
    let site = Site::new().await;
    site.follow().await;
    let agent = site.agent().await;
    let mut session = site.session(agent);
    let wanted = Settings { heartbeat_every_s: 60, ..Settings::default() };
    let set =
        companies::set_settings(&site.scope, &wanted, Some(true), site.clock.now()).await.unwrap();
    let told = Told { settings: set, visits: Some(true) };
    assert_eq!(hears(&mut session).await, registry::Command::Told(Arc::new(told)));
}

#[tokio::test]
async fn settings_whose_signal_was_lost_come_with_a_poll_and_only_once() {
    let site = Site::new().await;
    let mut directory = site.directory().await;
    let agent = site.agent().await;
    let mut session = site.session(agent);
    let wanted = Settings::default();
    companies::set_settings(&site.scope, &wanted, Some(false), site.clock.now()).await.unwrap();
    directory.poll().await.unwrap();
    let heard = hears(&mut session).await;
    assert!(matches!(heard, registry::Command::Told(_)), "{heard:?}");
    directory.poll().await.unwrap();
    site.registry.tell(agent, registry::Command::Leave);
    assert_eq!(hears(&mut session).await, registry::Command::Leave);
}

#[tokio::test]
async fn a_resumed_company_is_not_let_go_again_by_the_row_of_its_suspension() {
    let site = Site::new().await;
    let operator = site.database.store().local_operator();
    let company = site.scope.company();
    let mut early = site.directory().await;
    for is_suspended in [true, false] {
        companies::set_suspended(&operator, company, is_suspended, site.clock.now()).await.unwrap();
        early.poll().await.unwrap();
    }
    // One that has seen the suspension before it was taken back, and one that starts with its row
    // in the table: both find the row in every poll for as long as polls go back.
    let mut late = site.directory().await;
    let agent = site.agent().await;
    let _session = site.session(agent);
    early.poll().await.unwrap();
    late.poll().await.unwrap();
    assert!(site.registry.has(agent));
}
