//! Agents as the database keeps them, for ingest, which knows no database.

mod behind;

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use protocol::enrolment::EnrolRequest;
use protocol::ids::{AgentId, CompanyId};
use protocol::reject::RejectReason;
use store::agents::{self, BEHIND_AFTER, Certificate, Enrolment, HeartbeatSeen, Rekeying};
use store::commands::{self, Command};
use store::database::Store;
use store::error::StoreError;
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use self::behind::Behind;
use crate::authority::IssuedCertificate;
use crate::clock::Clock;
use crate::ingest::agents::{
    Admission, Agents, Answer, EnrolError, Enrolled, Issue, SeenHeartbeat, Standing, Unavailable,
};
use crate::ingest::registry::Told;
use crate::lifecycle::Lifecycle;
use crate::metrics::INGEST_CLONES;

/// How often heartbeats of agents that are behind are looked through for those that are to be noted again.
const NOTE_AGAIN_EVERY: Duration = Duration::from_secs(5);
/// How long that may take, for a thousand agents of a company.
const NOTE_AGAIN_WITHIN: Duration = Duration::from_secs(30);

/// The agents of the database.
#[derive(Clone, Debug)]
pub(super) struct StoredAgents {
    store: Store,
    clock: Clock,
    behind: Arc<Behind>,
}

impl StoredAgents {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, behind: Arc::default() }
    }

    /// Notes heartbeats of agents that are behind again, after the nodes have said what waits, and after one that
    /// says nothing any more counts as gone.
    pub(super) async fn note_again(&self, lifecycle: &Lifecycle) {
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(NOTE_AGAIN_EVERY) => {}
            }
            for (company, kept) in self.behind.take_due(self.clock.instant()) {
                let heartbeats: Vec<SeenHeartbeat> = kept.iter().map(|kept| kept.seen).collect();
                let noting = self.note(company, &heartbeats, true);
                match tokio::time::timeout(NOTE_AGAIN_WITHIN, noting).await {
                    Ok(Ok(behind)) => self.behind.keep_on(company, kept, &behind),
                    // The next heartbeat says the same.
                    Ok(Err(error)) => tracing::debug!(%error, "noting heartbeats again"),
                    Err(_) => break,
                }
            }
        }
    }

    /// Notes heartbeats, which were noted before if they are repeats; gives the agents that are behind.
    async fn note(
        &self,
        company: CompanyId,
        heartbeats: &[SeenHeartbeat],
        is_repeat: bool,
    ) -> Result<Vec<AgentId>, StoreError> {
        // A company that is gone has nobody to note anything of.
        let Some(scope) = self.store.pipeline_scope(company).await? else {
            return Ok(Vec::new());
        };
        let seen: Vec<_> = heartbeats.iter().map(|heard| seen(heard, is_repeat)).collect();
        let now = self.clock.now();
        let noted = agents::record_heartbeats(&scope, &seen, BEHIND_AFTER, now).await?;
        for agent in &noted.cloned {
            tracing::warn!(%company, %agent, "several machines have one agent's identity");
            counter!(INGEST_CLONES).increment(1);
        }
        if !noted.asked.is_empty() {
            tracing::info!(%company, agents = noted.asked.len(), "asked agents for snapshots");
        }
        Ok(noted.behind)
    }

    async fn admission(&self, company: CompanyId, agent: AgentId) -> Result<Admission, StoreError> {
        let Some(scope) = self.store.pipeline_scope(company).await? else {
            return Ok(Admission::Refused(RejectReason::AgentUnknown));
        };
        let Some(found) = agents::admission(&scope, agent).await? else {
            return Ok(Admission::Refused(RejectReason::AgentUnknown));
        };
        // Revoked before suspended: a company that is resumed takes its agents back, but not this
        // one.
        if found.revoked_at.is_some() {
            return Ok(Admission::Refused(RejectReason::AgentRevoked));
        }
        if found.suspended_at.is_some() {
            return Ok(Admission::Refused(RejectReason::CompanySuspended));
        }
        let mut standing = Standing {
            told: Told { settings: found.settings, visits: found.visits },
            applied: found.applied,
            scan_asked: 0,
            is_snapshot_asked: false,
            is_cloned: found.cloned_at.is_some(),
        };
        // After the admission was read: a request that comes between the two is in this answer, and
        // one that comes later is a signal to the session that is registered already.
        for (_, command) in commands::pending(&self.store, &[agent]).await? {
            match command {
                Command::ScanNow { request } => standing.scan_asked = request,
                Command::SendSnapshot => standing.is_snapshot_asked = true,
                // The row says so as well, and for good.
                Command::Rekey => standing.is_cloned = true,
            }
        }
        Ok(Admission::Admitted(standing))
    }

    async fn spend(
        &self,
        request: &EnrolRequest,
        issue: Issue<'_>,
    ) -> Result<Enrolled, agents::EnrolError> {
        let now = self.clock.now();
        let labels =
            request.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect();
        let enrolment = Enrolment {
            token: request.token,
            secret: &request.secret,
            agent: new_id(now),
            hostname: &request.hostname,
            agent_version: &request.agent_version,
            labels: &labels,
        };
        let issue = |company: CompanyId, agent: AgentId| {
            // Inside the store's transaction, so that a request which cannot be signed spends
            // nothing.
            let issued = issue(company, agent)?;
            Ok((certificate(&issued), issued))
        };
        let enrolled = agents::enrol(&self.store, &enrolment, &issue, now).await?;
        Ok(Enrolled {
            company: enrolled.company,
            agent: enrolled.agent,
            settings: enrolled.settings,
            certificate: enrolled.issued,
        })
    }
}

impl Agents for StoredAgents {
    fn admit(&self, company: CompanyId, agent: AgentId) -> Answer<'_, Admission> {
        Box::pin(async move { self.admission(company, agent).await.map_err(unavailable) })
    }

    fn enrol<'a>(
        &'a self,
        request: &'a EnrolRequest,
        issue: Issue<'a>,
    ) -> Answer<'a, Enrolled, EnrolError> {
        Box::pin(async move {
            self.spend(request, issue).await.map_err(|error| match error {
                agents::EnrolError::Refused(reason) => EnrolError::Refused(reason),
                agents::EnrolError::Store(error) => EnrolError::Unavailable(unavailable(error)),
            })
        })
    }

    fn note_certificate<'a>(
        &'a self,
        company: CompanyId,
        agent: AgentId,
        issued: &'a IssuedCertificate,
    ) -> Answer<'a, bool> {
        let note = async move {
            match self.store.pipeline_scope(company).await? {
                Some(scope) => {
                    let authority = issued.authority_sha256;
                    agents::record_certificate(&scope, agent, &certificate(issued), authority).await
                }
                None => Ok(false),
            }
        };
        Box::pin(async { note.await.map_err(unavailable) })
    }

    fn note_authority(
        &self,
        company: CompanyId,
        agent: AgentId,
        sha256: [u8; 32],
    ) -> Answer<'_, ()> {
        let note = async move {
            match self.store.pipeline_scope(company).await? {
                Some(scope) => agents::record_authority(&scope, agent, sha256).await,
                None => Ok(()),
            }
        };
        Box::pin(async { note.await.map_err(unavailable) })
    }

    fn note_departure(&self, company: CompanyId, agent: AgentId) -> Answer<'_, ()> {
        let note = async move {
            match self.store.pipeline_scope(company).await? {
                Some(scope) => agents::depart(&scope, agent, self.clock.now()).await,
                // A company that is gone has nobody who could leave it.
                None => Ok(()),
            }
        };
        Box::pin(async { note.await.map_err(unavailable) })
    }

    fn rekey<'a>(
        &'a self,
        company: CompanyId,
        agent: AgentId,
        process: u64,
        issue: Issue<'a>,
    ) -> Answer<'a, Option<(AgentId, IssuedCertificate)>> {
        let rekey = async move {
            let Some(scope) = self.store.pipeline_scope(company).await? else {
                return Ok(None);
            };
            let now = self.clock.now();
            let rekeying = Rekeying { agent, process, successor: new_id(now) };
            let issue = |company: CompanyId, agent: AgentId| {
                let issued = issue(company, agent)?;
                Ok((certificate(&issued), issued))
            };
            agents::rekey(&scope, company, rekeying, &issue, now).await
        };
        Box::pin(async { rekey.await.map_err(unavailable) })
    }

    fn note_heartbeats<'a>(
        &'a self,
        company: CompanyId,
        heartbeats: &'a [SeenHeartbeat],
    ) -> Answer<'a, ()> {
        let note = async move {
            let behind = self.note(company, heartbeats, false).await?;
            self.behind.keep(company, heartbeats, &behind, self.clock.instant());
            Ok(())
        };
        Box::pin(async { note.await.map_err(unavailable) })
    }
}

/// An id for a new agent.
fn new_id(now: OffsetDateTime) -> AgentId {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    // Without a context two ids of one millisecond have no order, which nobody asks of agents.
    let id = Timestamp::from_unix(NoContext, seconds, now.nanosecond());
    AgentId(Uuid::new_v7(id))
}

fn seen(heartbeat: &SeenHeartbeat, is_repeat: bool) -> HeartbeatSeen {
    HeartbeatSeen {
        agent: heartbeat.agent,
        at: heartbeat.at,
        acknowledged: heartbeat.heartbeat.acknowledged,
        digest: heartbeat.heartbeat.digest,
        scan_done: heartbeat.heartbeat.scan_done,
        every_s: heartbeat.every_s,
        presence: heartbeat.presence,
        is_repeat,
    }
}

fn certificate(issued: &IssuedCertificate) -> Certificate {
    Certificate {
        serial: issued.serial.clone(),
        sha256: issued.sha256,
        expires_at: issued.not_after,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it ends here, in the log")]
fn unavailable(error: StoreError) -> Unavailable {
    // Logged here, where the error still says what; ingest only needs to know that there is no
    // answer.
    tracing::warn!(%error, "the database does not answer about agents");
    Unavailable
}

#[cfg(test)]
mod tests;
