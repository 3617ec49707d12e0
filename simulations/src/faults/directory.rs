//! The simulated database as a node's ingest asks it about agents.

use collector::ingest::agents::{
    Admission, Agents, Answer, EnrolError, Enrolled, Issue, SeenHeartbeat, Standing, Unavailable,
};
use collector::ingest::registry::Told;
use protocol::enrolment::EnrolRequest;
use protocol::ids::{AgentId, CompanyId};
use protocol::message::Settings;
use protocol::reject::RejectReason;
use store::agents::{BEHIND_AFTER, HeartbeatSeen};
use store::commands::Command;

use super::database::Database;

/// How agents behave: quick enough that a run of hours sees many of their heartbeats and scans.
fn settings() -> Settings {
    Settings { revision: 1, heartbeat_every_s: 120, scan_every_s: 600, sources_off: Vec::new() }
}

/// The database as one node's ingest asks it, by that node's clock.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    pub(super) database: Database,
    pub(super) clock: collector::clock::Clock,
}

impl Agents for Directory {
    fn admit(&self, company: CompanyId, agent: AgentId) -> Answer<'_, Admission> {
        let admitting = self.database.transact(move |state| {
            let Some(standing) = state.rows.standing(company, agent) else {
                return Admission::Refused(RejectReason::AgentUnknown);
            };
            if standing.is_suspended {
                return Admission::Refused(RejectReason::CompanySuspended);
            }
            let mut answer = Standing {
                told: Told { settings: settings(), visits: None },
                applied: standing.applied,
                scan_asked: 0,
                is_snapshot_asked: false,
                is_cloned: false,
            };
            for command in state.rows.pending(agent) {
                match command {
                    Command::ScanNow { request } => answer.scan_asked = request,
                    Command::SendSnapshot => answer.is_snapshot_asked = true,
                    Command::Rekey => answer.is_cloned = true,
                }
            }
            Admission::Admitted(answer)
        });
        Box::pin(async { admitting.await.map_err(|_| Unavailable) })
    }

    fn enrol<'a>(&'a self, _: &'a EnrolRequest, _: Issue<'a>) -> Answer<'a, Enrolled, EnrolError> {
        // Agents of a run are enrolled before it begins.
        Box::pin(async { Err(EnrolError::Unavailable(Unavailable)) })
    }

    fn note_certificate<'a>(
        &'a self,
        _: CompanyId,
        _: AgentId,
        _: &'a collector::authority::IssuedCertificate,
    ) -> Answer<'a, bool> {
        Box::pin(async { Err(Unavailable) })
    }

    fn note_authority(&self, _: CompanyId, _: AgentId, _: [u8; 32]) -> Answer<'_, ()> {
        // A run has one authority.
        Box::pin(async { Err(Unavailable) })
    }

    fn note_departure(&self, _: CompanyId, _: AgentId) -> Answer<'_, ()> {
        Box::pin(async { Err(Unavailable) })
    }

    fn rekey<'a>(
        &'a self,
        _: CompanyId,
        _: AgentId,
        _: u64,
        _: Issue<'a>,
    ) -> Answer<'a, Option<(AgentId, collector::authority::IssuedCertificate)>> {
        Box::pin(async { Ok(None) })
    }

    fn note_heartbeats<'a>(
        &'a self,
        company: CompanyId,
        heartbeats: &'a [SeenHeartbeat],
    ) -> Answer<'a, ()> {
        let seen: Vec<HeartbeatSeen> = heartbeats
            .iter()
            .map(|seen| HeartbeatSeen {
                agent: seen.agent,
                at: seen.at,
                acknowledged: seen.heartbeat.acknowledged,
                digest: seen.heartbeat.digest,
                scan_done: seen.heartbeat.scan_done,
                every_s: 0,
                presence: seen.presence,
                is_repeat: false,
            })
            .collect();
        let noting = self.database.transact(move |state| {
            let now = self.clock.now();
            let noted = state.rows.record_heartbeats(company, &seen, BEHIND_AFTER, now);
            state.signals.extend(noted.asked);
        });
        Box::pin(async { noting.await.map_err(|_| Unavailable) })
    }
}
