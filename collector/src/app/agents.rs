//! Agents as the database keeps them, for ingest, which knows no database.

use protocol::enrolment::EnrolRequest;
use protocol::ids::{AgentId, CompanyId};
use protocol::reject::RejectReason;
use store::agents::{self, BEHIND_AFTER, Certificate, Enrolment, HeartbeatSeen};
use store::commands::{self, Command};
use store::database::Store;
use store::error::StoreError;
use uuid::{NoContext, Timestamp, Uuid};

use crate::authority::IssuedCertificate;
use crate::clock::Clock;
use crate::ingest::agents::{
    Admission, Agents, Answer, EnrolError, Enrolled, Issue, SeenHeartbeat, Standing, Unavailable,
};
use crate::ingest::registry::Told;

/// The agents of the database.
#[derive(Clone, Debug)]
pub(super) struct StoredAgents {
    store: Store,
    clock: Clock,
}

impl StoredAgents {
    pub(super) const fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
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
            told: Told {
                settings: found.settings,
                visits: found.visits,
            },
            applied: found.applied,
            scan_asked: 0,
            is_snapshot_asked: false,
        };
        // After the admission was read: a request that comes between the two is in this answer, and
        // one that comes later is a signal to the session that is registered already.
        for (_, command) in commands::pending(&self.store, &[agent]).await? {
            match command {
                Command::ScanNow { request } => standing.scan_asked = request,
                Command::SendSnapshot => standing.is_snapshot_asked = true,
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
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        // Without a context two ids of one millisecond have no order, which nobody asks of agents.
        let id = Timestamp::from_unix(NoContext, seconds, now.nanosecond());
        let enrolment = Enrolment {
            token: request.token,
            secret: &request.secret,
            agent: AgentId(Uuid::new_v7(id)),
            hostname: &request.hostname,
            agent_version: &request.agent_version,
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
            self.spend(request, issue)
                .await
                .map_err(|error| match error {
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
                    agents::record_certificate(&scope, agent, &certificate(issued)).await
                }
                None => Ok(false),
            }
        };
        Box::pin(async { note.await.map_err(unavailable) })
    }

    fn note_heartbeats<'a>(
        &'a self,
        company: CompanyId,
        heartbeats: &'a [SeenHeartbeat],
    ) -> Answer<'a, ()> {
        let seen: Vec<_> = heartbeats.iter().map(seen).collect();
        let note = async move {
            // A company that is gone has nobody to note anything of.
            if let Some(scope) = self.store.pipeline_scope(company).await? {
                let now = self.clock.now();
                let asked = agents::record_heartbeats(&scope, &seen, BEHIND_AFTER, now).await?;
                if !asked.is_empty() {
                    tracing::info!(%company, agents = asked.len(), "asked agents for snapshots");
                }
            }
            Ok(())
        };
        Box::pin(async { note.await.map_err(unavailable) })
    }
}

fn seen(heartbeat: &SeenHeartbeat) -> HeartbeatSeen {
    HeartbeatSeen {
        agent: heartbeat.agent,
        at: heartbeat.at,
        acknowledged: heartbeat.heartbeat.acknowledged,
        digest: heartbeat.heartbeat.digest,
        scan_done: heartbeat.heartbeat.scan_done,
        every_s: heartbeat.every_s,
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
