//! What ingest asks about agents, and what it has noted of them, wherever that is kept.
//!
//! Reports never go this way. The collector keeps agents in its database; ingest knows only these
//! questions, so that it works, and can be tested, without one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use protocol::enrolment::EnrolRequest;
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::message::{Heartbeat, Presence, Settings};
use protocol::reject::RejectReason;
use protocol::report::Lane;
use time::OffsetDateTime;

use super::registry::Told;
use crate::authority::IssuedCertificate;
use crate::queue::{AppendError, Entry, Queue};

/// An answer that takes its time.
// Boxed, because a trait with `async fn` cannot be an object, and generics would run through all of
// ingest for questions that are asked once a session.
pub type Answer<'a, T, E = Unavailable> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Makes a certificate for an identity, or says why not.
pub type Issue<'a> =
    &'a (dyn Fn(CompanyId, AgentId) -> Result<IssuedCertificate, RejectReason> + Sync);

/// Nobody answers at the moment; the reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database cannot be used")]
pub struct Unavailable;

/// How an agent stands when it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What its company's agents are told.
    pub told: Told,
    /// The last of its reports that is stored.
    pub applied: Position,
    /// The last scan that was asked for; 0 when none.
    pub scan_asked: u64,
    /// Whether a snapshot was asked for and has not been stored.
    pub is_snapshot_asked: bool,
    /// Whether several machines have its identity.
    pub is_cloned: bool,
}

/// Whether an agent may have a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted(Standing),
    /// It may not: revoked, unknown or of a suspended company.
    Refused(RejectReason),
}

/// A host that became an agent.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Its company.
    pub company: CompanyId,
    /// Itself.
    pub agent: AgentId,
    /// How it is to behave.
    pub settings: Settings,
    /// Its certificate.
    pub certificate: IssuedCertificate,
}

/// Why a host did not become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// It may not.
    #[error("the enrolment is refused: {0}")]
    Refused(RejectReason),
    /// Nobody can say at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A heartbeat, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenHeartbeat {
    /// Whose.
    pub agent: AgentId,
    /// When it came.
    pub at: OffsetDateTime,
    /// What it said.
    pub heartbeat: Heartbeat,
    /// Time to the next one as the agent was told, in seconds; 0 where that is not known.
    pub every_s: u32,
    /// What the agent said of its connection and itself; `None` for one that says nothing.
    pub presence: Option<Presence>,
}

/// Where agents are kept.
pub trait Agents: fmt::Debug + Send + Sync {
    /// Whether an agent may have a session, and how it stands.
    fn admit(&self, company: CompanyId, agent: AgentId) -> Answer<'_, Admission>;

    /// Spends a token on a new agent; `issue` makes the certificate before anything is spent.
    fn enrol<'a>(
        &'a self,
        request: &'a EnrolRequest,
        issue: Issue<'a>,
    ) -> Answer<'a, Enrolled, EnrolError>;

    /// Notes an agent's renewed certificate; `false` when it may have none.
    fn note_certificate<'a>(
        &'a self,
        company: CompanyId,
        agent: AgentId,
        certificate: &'a IssuedCertificate,
    ) -> Answer<'a, bool>;

    /// Notes by which authority's certificate (SHA-256 of its own) an agent comes, and trusts it.
    fn note_authority(
        &self,
        company: CompanyId,
        agent: AgentId,
        sha256: [u8; 32],
    ) -> Answer<'_, ()>;

    /// Notes that an agent leaves for good; it is refused from now on.
    fn note_departure(&self, company: CompanyId, agent: AgentId) -> Answer<'_, ()>;

    /// Makes another agent in the place of one whose identity is on several machines, for one process of
    /// it; `issue` makes the certificate. `None` when the agent has no need of that or no right to it.
    fn rekey<'a>(
        &'a self,
        company: CompanyId,
        agent: AgentId,
        process: u64,
        issue: Issue<'a>,
    ) -> Answer<'a, Option<(AgentId, IssuedCertificate)>>;

    /// Notes signs of life of one company's agents.
    fn note_heartbeats<'a>(
        &'a self,
        company: CompanyId,
        heartbeats: &'a [SeenHeartbeat],
    ) -> Answer<'a, ()>;
}

/// Where reports go once they were admitted.
pub trait ReportQueue: fmt::Debug + Send + Sync {
    /// Appends a report; `Ok` means durable. Entries reach the queue in the order in which the
    /// futures are polled first.
    fn append(
        &self,
        entry: Entry,
    ) -> Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'static>>;

    /// How long a report is to wait before it is sent again because there is little room; `None` where it is taken.
    /// Asked before the report counts as taken, so that what stands behind it is refused with it.
    fn refuses(&self, _company: CompanyId, _lane: Lane) -> Option<Duration> {
        None
    }
}

impl ReportQueue for Queue {
    fn append(
        &self,
        entry: Entry,
    ) -> Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'static>> {
        let queue = self.clone();
        Box::pin(async move { Self::append(&queue, entry).await })
    }
}
