//! A company's own provider of identities (OpenID Connect), and who of its people is whom there.
//!
//! Whoever runs a company's provider can make it say anything of anybody. So what it says counts in that
//! company alone: a person is linked by company, issuer and subject, and never to an account that the
//! company has not (decision 40). The client's secret comes and goes sealed.

mod enter;
mod provider;

use time::OffsetDateTime;

pub use self::enter::{Arrival, EnterError, Entered, enter};
pub use self::provider::{
    ProviderChange, PutError, answer_once, by_company_name, by_domain, delete, get, put,
};
use crate::tenant::Role;

/// Domains of a provider.
pub const DOMAINS_MAX: usize = 20;
/// Groups of a provider that give a role.
pub const GROUPS_MAX: usize = 100;

/// A company's provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name, which is the address that it is found under.
    pub issuer: String,
    /// What it calls this collector.
    pub client_id: String,
    /// What this collector shows it, sealed.
    pub client_secret: Vec<u8>,
    /// Of the addresses that are let in, in small letters.
    pub domains: Vec<String>,
    /// Of these, those of which addresses count that the provider does not say to have verified.
    pub trusted_domains: Vec<String>,
    /// What somebody becomes; without it, whoever has no role by a group is not let in.
    pub default_role: Option<Role>,
    /// The claim that names somebody's groups.
    pub groups_claim: Option<String>,
    /// What groups make of somebody.
    pub group_roles: Vec<GroupRole>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    pub changed_at: OffsetDateTime,
    /// Grows with every change, from 1.
    pub revision: u64,
}

/// What a group makes of whoever is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRole {
    /// The group, as the provider names it.
    pub group: String,
    /// The role.
    pub role: Role,
}

impl Provider {
    /// What somebody with these groups is, the most of it; `None` when they are not let in.
    #[must_use]
    pub fn role_of(&self, groups: &[String]) -> Option<Role> {
        let given = self.group_roles.iter().filter(|one| groups.contains(&one.group));
        given.map(|one| one.role).max().or(self.default_role)
    }

    /// Whether an address is of one of its domains.
    #[must_use]
    pub fn has_domain_of(&self, email: &str) -> bool {
        email.rsplit_once('@').is_some_and(|(_, domain)| self.domains.iter().any(|d| d == domain))
    }
}

#[cfg(test)]
mod tests;
