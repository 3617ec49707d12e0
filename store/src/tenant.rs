//! Scopes: the proof that a caller may work in a company, and the only way to its rows.
//!
//! A [`TenantScope`] comes from an authenticated [`Principal`] or, for the collector's own
//! pipeline and jobs, from [`Store::pipeline_scope`]. It begins every transaction with the company
//! set for row-level security, and queries name the company once more so that they touch one
//! partition. There is no way from one scope to another company.

mod principal;

use std::fmt;
use std::time::Duration;

use protocol::ids::CompanyId;

pub use self::principal::Principal;
use crate::audit::Origin;
use crate::database::{Store, Turn};
use crate::error::StoreError;
use crate::tx::{self, Settings, Tx};

/// The company of what belongs to none, in the audit log.
pub(crate) const OPERATORS: i64 = 0;

/// The right to work in one company.
#[derive(Clone)]
pub struct TenantScope {
    store: Store,
    company: CompanyId,
    key: i64,
    origin: Origin,
    /// Whether it is a request's, which reads in its company's turn.
    is_a_requests: bool,
}

impl fmt::Debug for TenantScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantScope").field(&self.company).finish()
    }
}

impl TenantScope {
    /// The company.
    #[must_use]
    pub const fn company(&self) -> CompanyId {
        self.company
    }

    pub(crate) const fn key(&self) -> i64 {
        self.key
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Who works in it, for the audit log.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The same scope for somebody else's work.
    #[must_use]
    pub fn on_behalf_of(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// The same scope for a request: what it reads takes a turn of the company, and no longer than the request.
    #[must_use]
    pub(crate) fn of_a_request(mut self) -> Self {
        self.is_a_requests = true;
        self
    }

    pub(crate) async fn begin(&self, name: &'static str) -> Result<Tx, StoreError> {
        let settings = Settings { company: Some(self.key), ..Settings::default() };
        tx::begin(self.store.transactions(), name, settings).await
    }

    /// A transaction that sees the operators' own beside the company's: who stands behind a key of theirs, say.
    pub(crate) async fn begin_with_operators(&self, name: &'static str) -> Result<Tx, StoreError> {
        let settings = Settings { company: Some(self.key), operator: true, ..Settings::default() };
        tx::begin(self.store.transactions(), name, settings).await
    }

    /// A transaction that only reads, as much as was committed when it begins, maybe on a standby. A request's
    /// takes a turn of the company.
    pub(crate) async fn begin_read(&self, name: &'static str) -> Result<Tx, StoreError> {
        let (turn, settings) = self.turn().await?;
        Ok(self.store.begin_read(name, settings).await?.in_turn(turn))
    }

    /// A transaction that reads one object. A request's takes a turn of the company.
    pub(crate) async fn begin_look(&self, name: &'static str) -> Result<Tx, StoreError> {
        let (turn, settings) = self.turn().await?;
        Ok(tx::begin(self.store.transactions(), name, settings).await?.in_turn(turn))
    }

    /// A transaction that reads something to its end, maybe on a standby. It takes no turn: there are places for
    /// those that do, fewer than connections.
    pub(crate) async fn begin_whole(&self, name: &'static str) -> Result<Tx, StoreError> {
        let settings = Settings { company: Some(self.key), ..Settings::default() };
        self.store.begin_read(name, settings).await
    }

    /// A transaction of a job, each of whose statements may take so long.
    pub(crate) async fn begin_long(
        &self,
        name: &'static str,
        within: Duration,
    ) -> Result<Tx, StoreError> {
        let settings = Settings {
            company: Some(self.key),
            statement_timeout: Some(within),
            ..Settings::default()
        };
        tx::begin(self.store.transactions(), name, settings).await
    }

    async fn turn(&self) -> Result<(Option<Turn>, Settings), StoreError> {
        let settings = Settings { company: Some(self.key), ..Settings::default() };
        if !self.is_a_requests {
            return Ok((None, settings));
        }
        let turn = self.store.turn(self.key).await?;
        let statement_timeout = Some(self.store.read_timeout());
        Ok((Some(turn), Settings { statement_timeout, ..settings }))
    }

    /// A transaction whose rows are all found by key, however old the table's statistics are.
    pub(crate) async fn begin_by_key(&self, name: &'static str) -> Result<Tx, StoreError> {
        let settings =
            Settings { company: Some(self.key), by_key_only: true, ..Settings::default() };
        tx::begin(self.store.transactions(), name, settings).await
    }
}

/// The right to work on what is the operator's own: companies and operators' keys.
///
/// It opens no company's rows.
#[derive(Clone)]
pub struct OperatorScope {
    store: Store,
    origin: Origin,
}

impl fmt::Debug for OperatorScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorScope")
    }
}

impl OperatorScope {
    pub(crate) async fn begin(&self, name: &'static str) -> Result<Tx, StoreError> {
        let settings = Settings {
            operator: true,
            // No company has it: under it stands in the audit log what is the operators' own.
            company: Some(OPERATORS),
            ..Settings::default()
        };
        tx::begin(self.store.transactions(), name, settings).await
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// A company's scope for the operator's work in it; `None` when there is no such company.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn scope(&self, company: CompanyId) -> Result<Option<TenantScope>, StoreError> {
        let scope = self.store.pipeline_scope(company).await?;
        Ok(scope.map(|scope| scope.on_behalf_of(self.origin.clone())))
    }
}

/// What a principal may do. The order is from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and triages findings.
    Analyst,
    /// Everything inside its company.
    Admin,
    /// Everything, in every company.
    Operator,
}

impl Role {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }

    /// The role of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Analyst, Self::Admin, Self::Operator]
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}

impl Store {
    /// A company's scope, for the collector's own work on what is already known to be that
    /// company's: its agents' reports, its jobs. Never for a request from outside, which has a
    /// [`Principal`].
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn pipeline_scope(
        &self,
        company: CompanyId,
    ) -> Result<Option<TenantScope>, StoreError> {
        let key = self.company_key(company).await?;
        Ok(key.map(|key| self.scope_of(company, key)))
    }

    /// The operator's scope for whoever can start this program with the database's address, such
    /// as the command line on the collector's own machine.
    #[must_use]
    pub fn local_operator(&self) -> OperatorScope {
        OperatorScope { store: self.clone(), origin: Origin::local() }
    }

    pub(crate) fn scope_of(&self, company: CompanyId, key: i64) -> TenantScope {
        TenantScope {
            store: self.clone(),
            company,
            key,
            origin: Origin::system(),
            is_a_requests: false,
        }
    }
}

#[cfg(test)]
mod tests;
