//! Tests of agents in a real database.

use protocol::ids::{Position, TokenId};
use protocol::message::Heartbeat;
use ring::rand::SystemRandom;
use store::companies;
use store::enrolment_tokens::{self, NewEnrolmentToken};
use store::tenant::TenantScope;
use store::test_support::FreshDatabase;

use super::*;
use crate::authority::{Authority, IssueError};

const SECRET: [u8; 32] = [3; 32];

struct Site {
    database: FreshDatabase,
    agents: StoredAgents,
    scope: TenantScope,
    token: TokenId,
}

impl Site {
    async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let clock = Clock::system();
        let operator = database.store().local_operator();
        let company = CompanyId(Uuid::new_v4());
        companies::create(&operator, company, "Acme", clock.now()).await.unwrap();
        let scope = operator.scope(company).await.unwrap().unwrap();
        let token = TokenId(Uuid::new_v4());
        let labels = Default::default();
        let new = NewEnrolmentToken {
            id: token,
            secret: &SECRET,
            name: "one",
            labels: &labels,
            expires_at: None,
            uses_max: Some(1),
        };
        enrolment_tokens::create(&scope, &new, clock.now()).await.unwrap();
        Self { agents: StoredAgents::new(database.store().clone(), clock), database, scope, token }
    }

    fn request(&self) -> EnrolRequest {
        EnrolRequest {
            token: self.token,
            secret: SECRET,
            csr: Vec::new(),
            hostname: "web-1".to_owned(),
            agent_version: "1".to_owned(),
            labels: Vec::new(),
        }
    }

    async fn enrol(&self, request: &EnrolRequest) -> Result<Enrolled, EnrolError> {
        // An authority for each enrolment: what is tested is whom the database lets in, not who
        // signs.
        let dir = tempfile::tempdir().unwrap();
        let random = SystemRandom::new();
        let now = self.agents.clock.now();
        let authority =
            Authority::open_or_create(&crate::authority::Home::of(dir.path()), "d", &random, now)
                .unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
        let issue = |company, agent| {
            let validity = Duration::from_secs(60);
            authority
                .issue_agent(csr.der(), (company, agent), validity, &random, now)
                .map_err(|_: IssueError| RejectReason::Internal)
        };
        self.agents.enrol(request, &issue).await
    }
}

fn reason(result: Result<Enrolled, EnrolError>) -> RejectReason {
    match result.unwrap_err() {
        EnrolError::Refused(reason) => reason,
        EnrolError::Unavailable(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_token_makes_one_agent_who_is_then_admitted() {
    let site = Site::new().await;
    let enrolled = site.enrol(&site.request()).await.unwrap();
    assert_eq!(enrolled.company, site.scope.company());
    let admission = site.agents.admit(enrolled.company, enrolled.agent).await;
    let Ok(Admission::Admitted(standing)) = admission else {
        panic!("{admission:?}");
    };
    assert_eq!(standing.applied, Position::default());
    assert_eq!(reason(site.enrol(&site.request()).await), RejectReason::TokenSpent);
}

#[tokio::test]
async fn a_wrong_secret_is_an_unknown_token() {
    let site = Site::new().await;
    let mut request = site.request();
    request.secret[0] ^= 1;
    assert_eq!(reason(site.enrol(&request).await), RejectReason::TokenUnknown);
}

#[tokio::test]
async fn what_waits_for_an_agent_is_part_of_how_it_stands() {
    let site = Site::new().await;
    let agent = site.enrol(&site.request()).await.unwrap().agent;
    let now = site.agents.clock.now();
    let request = agents::request_scan(&site.scope, agent).await.unwrap().unwrap();
    agents::ask_for_snapshots(&site.scope, &[agent], now).await.unwrap();
    let admission = site.agents.admit(site.scope.company(), agent).await.unwrap();
    let Admission::Admitted(standing) = admission else {
        panic!("{admission:?}");
    };
    assert_eq!(standing.scan_asked, request);
    assert!(standing.is_snapshot_asked);
}

#[tokio::test]
async fn the_revoked_the_suspended_and_the_unknown_are_refused_each_for_its_reason() {
    let site = Site::new().await;
    let company = site.scope.company();
    let agent = site.enrol(&site.request()).await.unwrap().agent;
    let refused = |reason| Ok(Admission::Refused(reason));
    let stranger = AgentId(Uuid::new_v4());
    assert_eq!(site.agents.admit(company, stranger).await, refused(RejectReason::AgentUnknown));
    assert_eq!(
        site.agents.admit(CompanyId(Uuid::new_v4()), agent).await,
        refused(RejectReason::AgentUnknown)
    );
    let now = site.agents.clock.now();
    let operator = site.database.store().local_operator();
    companies::set_suspended(&operator, company, true, now).await.unwrap();
    assert_eq!(site.agents.admit(company, agent).await, refused(RejectReason::CompanySuspended));
    // Revoked and suspended at once: the reason that lasts is the one to say.
    agents::revoke(&site.scope, agent, now).await.unwrap();
    assert_eq!(site.agents.admit(company, agent).await, refused(RejectReason::AgentRevoked));
}

#[tokio::test]
async fn heartbeats_are_noted_and_a_wrong_digest_asks_for_a_snapshot() {
    let site = Site::new().await;
    let agent = site.enrol(&site.request()).await.unwrap().agent;
    let heartbeat = SeenHeartbeat {
        agent,
        at: site.agents.clock.now(),
        heartbeat: Heartbeat {
            acknowledged: Position::default(),
            digest: Some(protocol::fingerprint::InventoryDigest { count: 1, sum: 1 }),
            scan_done: 0,
        },
        every_s: 300,
        presence: None,
    };
    let company = site.scope.company();
    site.agents.note_heartbeats(company, &[heartbeat]).await.unwrap();
    let admission = site.agents.admit(company, agent).await.unwrap();
    let Admission::Admitted(standing) = admission else {
        panic!("{admission:?}");
    };
    assert!(standing.is_snapshot_asked);
}

#[tokio::test]
async fn a_revoked_agents_certificate_is_not_noted() {
    let site = Site::new().await;
    let enrolled = site.enrol(&site.request()).await.unwrap();
    let (company, agent) = (enrolled.company, enrolled.agent);
    let note = || site.agents.note_certificate(company, agent, &enrolled.certificate);
    assert_eq!(note().await, Ok(true));
    agents::revoke(&site.scope, agent, site.agents.clock.now()).await.unwrap();
    assert_eq!(note().await, Ok(false));
}

#[tokio::test]
async fn a_database_that_is_away_is_no_verdict() {
    let site = Site::new().await;
    site.agents.store.close().await;
    let company = site.scope.company();
    let agent = AgentId(Uuid::new_v4());
    assert_eq!(site.agents.admit(company, agent).await, Err(Unavailable));
}
