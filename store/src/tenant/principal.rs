//! Who makes a request, once the key or the session was checked, and what that lets them do.

use std::collections::BTreeSet;

use protocol::ids::CompanyId;
use uuid::Uuid;

use super::{OperatorScope, Role, TenantScope};
use crate::audit::{Actor, Origin};
use crate::database::Store;
use crate::error::StoreError;
use crate::permission::Permission;

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Principal {
    store: Store,
    /// Where it is at home, and as what; empty for an operator.
    companies: Vec<(TenantScope, Role)>,
    is_operator: bool,
    /// What it may do at most, whatever its role; `None` for all of it.
    only: Option<BTreeSet<Permission>>,
    actor: Actor,
}

impl Principal {
    /// Somebody who works in companies.
    pub(crate) const fn member(
        store: Store,
        companies: Vec<(TenantScope, Role)>,
        actor: Actor,
    ) -> Self {
        Self { store, companies, is_operator: false, only: None, actor }
    }

    /// An operator.
    pub(crate) const fn of_operators(store: Store, actor: Actor) -> Self {
        Self { store, companies: Vec::new(), is_operator: true, only: None, actor }
    }

    /// The same, narrowed to some permissions.
    pub(crate) fn only(mut self, permissions: Option<BTreeSet<Permission>>) -> Self {
        self.only = permissions;
        self
    }

    /// The key or the person.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The public id of its key or of its person.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.actor.id().unwrap_or_else(Uuid::nil)
    }

    /// The person, when it is one.
    #[must_use]
    pub const fn user(&self) -> Option<Uuid> {
        match self.actor {
            Actor::User { id, .. } => Some(id),
            Actor::Key { .. } | Actor::Local | Actor::System => None,
        }
    }

    /// Whether it is an operator.
    #[must_use]
    pub const fn is_operator(&self) -> bool {
        self.is_operator
    }

    /// Its own company, when it has one alone; an operator and who works in several have to name
    /// one.
    #[must_use]
    pub fn company(&self) -> Option<CompanyId> {
        match self.companies.as_slice() {
            [(scope, _)] => Some(scope.company()),
            _ => None,
        }
    }

    /// The companies in which it is at home, and its role there.
    pub fn memberships(&self) -> impl Iterator<Item = (CompanyId, Role)> {
        self.companies.iter().map(|(scope, role)| (scope.company(), *role))
    }

    /// What it may do at most, whatever its role; `None` for all of it.
    #[must_use]
    pub const fn scopes(&self) -> Option<&BTreeSet<Permission>> {
        self.only.as_ref()
    }

    /// Its role in a company; `None` where it has none.
    #[must_use]
    pub fn role_in(&self, company: CompanyId) -> Option<Role> {
        if self.is_operator {
            return Some(Role::Operator);
        }
        self.memberships().find(|(own, _)| *own == company).map(|(_, role)| role)
    }

    /// Whether it may do something in a company.
    #[must_use]
    pub fn may(&self, permission: Permission, company: CompanyId) -> bool {
        self.role_in(company).is_some_and(|role| role >= permission.role())
            && self.is_within(permission)
    }

    /// Whether it may do something that is no company's.
    #[must_use]
    pub fn may_operate(&self, permission: Permission) -> bool {
        self.is_operator && self.is_within(permission)
    }

    /// What it lacks of a role's permissions although its own role has them: whoever is narrowed gives nobody a role
    /// that does more than they may. `None` when it may give the role.
    #[must_use]
    pub fn lacks_of(&self, role: Role) -> Option<Permission> {
        let mut given = Permission::ALL.iter().copied().filter(|one| one.role() <= role);
        given.find(|one| !self.is_within(*one))
    }

    fn is_within(&self, permission: Permission) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&permission))
    }

    /// The scope of a company; `None` when there is no such company or it is not the principal's,
    /// which must look the same from outside.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn scope(
        &self,
        company: CompanyId,
        origin: &Origin,
    ) -> Result<Option<TenantScope>, StoreError> {
        // No question to the database for who is at home somewhere: whether another company exists
        // must not show in the time that the answer takes.
        let scope = if self.is_operator {
            self.store.pipeline_scope(company).await?
        } else {
            let mut own = self.companies.iter();
            own.find(|(scope, _)| scope.company() == company).map(|(scope, _)| scope.clone())
        };
        Ok(scope.map(|scope| scope.of_a_request().on_behalf_of(origin.clone())))
    }

    /// The operator's scope; `None` for everyone else.
    #[must_use]
    pub fn operator(&self, origin: &Origin) -> Option<OperatorScope> {
        // Both have to say so, though either would do: one wrong row must not be enough.
        (self.is_operator && self.companies.is_empty())
            .then(|| OperatorScope { store: self.store.clone(), origin: origin.clone() })
    }
}
