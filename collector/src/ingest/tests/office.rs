//! A stand-in for what keeps agents: it admits by what a test has written down.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use protocol::enrolment::EnrolRequest;
use protocol::ids::{AgentId, CompanyId, Position, TokenId};
use protocol::message::Settings;
use protocol::reject::RejectReason;
use uuid::Uuid;

use crate::authority::IssuedCertificate;
use crate::ingest::agents::{
    Admission, Agents, Answer, EnrolError, Enrolled, Issue, SeenHeartbeat, Standing, Unavailable,
};
use crate::ingest::registry::Told;

/// The stand-in.
#[derive(Debug, Default)]
pub(crate) struct Office(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    is_closed: bool,
    is_silent: bool,
    unanswered: u32,
    refused: HashMap<AgentId, RejectReason>,
    standings: HashMap<AgentId, Standing>,
    tokens: HashMap<TokenId, (CompanyId, Result<u32, RejectReason>)>,
    no_certificate: HashSet<AgentId>,
    heartbeats: Vec<(CompanyId, SeenHeartbeat)>,
    enrolled: u128,
}

impl Office {
    /// From now on, nobody answers.
    pub(crate) fn close(&self) {
        self.books().is_closed = true;
    }

    /// From now on, answers come again.
    pub(crate) fn reopen(&self) {
        let mut books = self.books();
        (books.is_closed, books.is_silent) = (false, false);
    }

    /// From now on, heartbeats are heard and never answered.
    pub(crate) fn fall_silent(&self) {
        self.books().is_silent = true;
    }

    pub(crate) fn refuse(&self, agent: AgentId, reason: RejectReason) {
        self.books().refused.insert(agent, reason);
    }

    pub(crate) fn refuse_certificates(&self, agent: AgentId) {
        self.books().no_certificate.insert(agent);
    }

    pub(crate) fn stands(&self, agent: AgentId, standing: Standing) {
        self.books().standings.insert(agent, standing);
    }

    /// A token that can be used so often, or whose use is refused.
    pub(crate) fn token(
        &self,
        token: TokenId,
        company: CompanyId,
        uses: Result<u32, RejectReason>,
    ) {
        self.books().tokens.insert(token, (company, uses));
    }

    pub(crate) fn uses_left(&self, token: TokenId) -> u32 {
        self.books().tokens[&token].1.unwrap()
    }

    /// Questions that nobody answered.
    pub(crate) fn unanswered(&self) -> u32 {
        self.books().unanswered
    }

    /// What was noted, oldest first.
    pub(crate) fn heartbeats(&self) -> Vec<(CompanyId, SeenHeartbeat)> {
        self.books().heartbeats.clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }

    fn open(&self) -> Result<MutexGuard<'_, Books>, Unavailable> {
        let mut books = self.books();
        if books.is_closed {
            books.unanswered += 1;
            Err(Unavailable)
        } else {
            Ok(books)
        }
    }
}

/// How an agent stands of whom nothing is written down.
pub(crate) fn standing() -> Standing {
    Standing {
        told: Told { settings: Settings { revision: 7, ..Settings::default() }, visits: None },
        applied: Position::default(),
        scan_asked: 0,
        is_snapshot_asked: false,
        is_cloned: false,
    }
}

impl Agents for Office {
    fn admit(&self, _company: CompanyId, agent: AgentId) -> Answer<'_, Admission> {
        let admission = self.open().map(|books| match books.refused.get(&agent) {
            Some(reason) => Admission::Refused(*reason),
            None => {
                Admission::Admitted(books.standings.get(&agent).cloned().unwrap_or_else(standing))
            }
        });
        Box::pin(async { admission })
    }

    fn enrol<'a>(
        &'a self,
        request: &'a EnrolRequest,
        issue: Issue<'a>,
    ) -> Answer<'a, Enrolled, EnrolError> {
        let enrol = || {
            let mut books = self.open()?;
            // Before anything is checked, as a collector draws an id: a refused try uses one up.
            books.enrolled += 1;
            let agent = AgentId(Uuid::from_u128(0xe000 + books.enrolled));
            let refused = EnrolError::Refused;
            let (company, uses) = books
                .tokens
                .get_mut(&request.token)
                .ok_or_else(|| refused(RejectReason::TokenUnknown))?;
            let left = uses.map_err(refused)?;
            let left = left.checked_sub(1).ok_or_else(|| refused(RejectReason::TokenSpent))?;
            let certificate = issue(*company, agent).map_err(refused)?;
            *uses = Ok(left);
            Ok(Enrolled {
                company: *company,
                agent,
                settings: standing().told.settings,
                certificate,
            })
        };
        let enrolled = enrol();
        Box::pin(async { enrolled })
    }

    fn note_certificate<'a>(
        &'a self,
        _company: CompanyId,
        agent: AgentId,
        _certificate: &'a IssuedCertificate,
    ) -> Answer<'a, bool> {
        let noted = self.open().map(|books| !books.no_certificate.contains(&agent));
        Box::pin(async move { noted })
    }

    fn note_authority(&self, _: CompanyId, _: AgentId, _: [u8; 32]) -> Answer<'_, ()> {
        let noted = self.open().map(|_| ());
        Box::pin(async move { noted })
    }

    fn note_departure(&self, _company: CompanyId, agent: AgentId) -> Answer<'_, ()> {
        let noted = self.open().map(|mut books| {
            books.refused.insert(agent, RejectReason::AgentRevoked);
        });
        Box::pin(async move { noted })
    }

    fn rekey<'a>(
        &'a self,
        company: CompanyId,
        agent: AgentId,
        process: u64,
        issue: Issue<'a>,
    ) -> Answer<'a, Option<(AgentId, IssuedCertificate)>> {
        let rekeyed = self.open().map(|books| {
            let is_cloned = books.standings.get(&agent)?.is_cloned;
            // A process that asks again is the same agent again.
            let successor = AgentId(Uuid::from_u128(u128::from(process)));
            let issued = is_cloned.then(|| issue(company, successor).ok())??;
            Some((successor, issued))
        });
        Box::pin(async move { rekeyed })
    }

    fn note_heartbeats<'a>(
        &'a self,
        company: CompanyId,
        heartbeats: &'a [SeenHeartbeat],
    ) -> Answer<'a, ()> {
        if self.books().is_silent {
            // A database behind a firewall that has forgotten the connection: no error, no end.
            return Box::pin(std::future::pending());
        }
        let noted = self.open().map(|mut books| {
            books.heartbeats.extend(heartbeats.iter().map(|seen| (company, *seen)));
        });
        Box::pin(async move { noted })
    }
}
