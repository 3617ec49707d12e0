//! How often who may ask, and how long a session lasts: what every request is held to.
//!
//! Counted by each node for itself. The counts are bounds against harm and no accounts, so a cluster
//! lets through as many times as much as it has nodes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::ids::CompanyId;
use ring::digest;
use store::sessions::Lasting;
use store::tenant::Principal;
use uuid::Uuid;

use super::extract::Shown;
use super::password::Passwords;
use super::problem::Problem;
use super::recent::Recent;
use crate::config::HttpConfig;
use crate::ingest::limits::{Limiter, Rate};

/// Whose requests are remembered at once. Whoever is idle is forgotten.
const KEYS_MAX: usize = 100_000;

/// Attempts a minute to sign in from one address.
const PER_ADDRESS: u32 = 30;
/// Steps a minute of signing in by a provider, from one address. There is nothing to guess in them, and an office
/// that comes to work at nine has one address.
const PER_ADDRESS_BY_PROVIDER: u32 = 240;
/// Attempts a minute to sign in to one account from one address.
const PER_ACCOUNT_AND_ADDRESS: u32 = 10;
/// Attempts a minute to sign in to one account, from addresses that it was never used from.
const PER_ACCOUNT: u32 = 20;

/// The gate. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    principals: Limiter<Uuid>,
    companies: Limiter<CompanyId>,
    addresses: Limiter<Option<IpAddr>>,
    pairs: Limiter<([u8; 32], Option<IpAddr>)>,
    accounts: Limiter<[u8; 32]>,
    providers: Limiter<Option<IpAddr>>,
    recent: Recent<Shown, Principal>,
    lasting: Lasting,
    passwords: Passwords,
}

impl Gate {
    /// The gate of an API.
    #[must_use]
    pub fn new(config: &HttpConfig) -> Self {
        let limiter = |per_minute| Limiter::new(Rate::per_minute(per_minute), KEYS_MAX);
        Self(Arc::new(Inner {
            principals: limiter(config.principal_requests_per_minute),
            companies: Limiter::new(Rate::per_minute(config.company_requests_per_minute), KEYS_MAX),
            addresses: Limiter::new(Rate::per_minute(PER_ADDRESS), KEYS_MAX),
            pairs: Limiter::new(Rate::per_minute(PER_ACCOUNT_AND_ADDRESS), KEYS_MAX),
            accounts: Limiter::new(Rate::per_minute(PER_ACCOUNT), KEYS_MAX),
            providers: Limiter::new(Rate::per_minute(PER_ADDRESS_BY_PROVIDER), KEYS_MAX),
            recent: Recent::default(),
            lasting: Lasting {
                idle: of_std(config.session_idle),
                absolute: of_std(config.session),
            },
            passwords: Passwords::default(),
        }))
    }

    /// Holds requests to other rates from now on.
    pub(crate) fn set_rates(&self, config: &HttpConfig) {
        self.0.principals.set(Rate::per_minute(config.principal_requests_per_minute));
        self.0.companies.set(Rate::per_minute(config.company_requests_per_minute));
    }

    /// Who was let in a moment ago.
    pub(super) fn recent(&self) -> &Recent<Shown, Principal> {
        &self.0.recent
    }

    /// How long a session lasts.
    pub(crate) fn lasting(&self) -> Lasting {
        self.0.lasting
    }

    /// What hashes passwords.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Takes a request of a key or a person.
    ///
    /// # Errors
    ///
    /// When there were too many.
    pub(crate) fn admit(&self, principal: Uuid, now: Instant) -> Result<(), Problem> {
        let taken = self.0.principals.take(principal, now);
        taken.map_err(|wait| too_many("of this key or person", wait))
    }

    /// Takes a request in a company.
    ///
    /// # Errors
    ///
    /// When there were too many.
    pub(crate) fn admit_company(&self, company: CompanyId, now: Instant) -> Result<(), Problem> {
        let taken = self.0.companies.take(company, now);
        taken.map_err(|wait| too_many("in this company", wait))
    }

    /// Takes an attempt to sign in. An account that nobody has is counted like one that somebody
    /// has.
    ///
    /// # Errors
    ///
    /// When there were too many from here.
    pub(crate) fn admit_sign_in(
        &self,
        email: &str,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Problem> {
        let pair = (account(email), address);
        let taken = self.0.addresses.take(address, now);
        let taken = taken.and_then(|()| self.0.pairs.take(pair, now));
        taken.map_err(|wait| too_many("to sign in from here", wait))
    }

    /// Takes a step of signing in by a provider.
    ///
    /// # Errors
    ///
    /// When there were too many from here.
    pub(crate) fn admit_by_provider(
        &self,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Problem> {
        let taken = self.0.providers.take(address, now);
        taken.map_err(|wait| too_many("to sign in from here", wait))
    }

    /// Takes an attempt from an address that the account was never used from. Where it was used from,
    /// nobody else's attempts lock its owner out.
    ///
    /// # Errors
    ///
    /// When there were too many.
    pub(crate) fn admit_stranger(&self, email: &str, now: Instant) -> Result<(), Problem> {
        let taken = self.0.accounts.take(account(email), now);
        taken.map_err(|wait| too_many("to sign in from here", wait))
    }
}

/// An account by a hash: what strangers send is long or short, and is kept only as long as this.
fn account(email: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, email.trim().to_lowercase().as_bytes());
    hash.copy_from_slice(digest.as_ref());
    hash
}

fn too_many(whose: &'static str, wait: Duration) -> Problem {
    // Up, so that who waits as long as it says is let in.
    let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(60);
    Problem::TooMany { whose, retry_after_s: seconds.max(1) }
}

fn of_std(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::{Config, Layers};

    fn gate() -> (Gate, Instant) {
        let config = Config::from_layers(Layers::defaults()).unwrap().http;
        (Gate::new(&config), Clock::system().instant())
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn guessing_at_one_account_from_one_address_ends_after_some() {
        let (gate, now) = gate();
        let tries = |email: &str, from| {
            (0..100).filter(|_| gate.admit_sign_in(email, from, now).is_ok()).count()
        };
        assert_eq!(tries("a@x.example", Some(address(1))), 10);
        // Whoever sits elsewhere is not kept out by it.
        assert_eq!(tries("A@x.example ", Some(address(2))), 10);
        let later = now + Duration::from_secs(61);
        assert!(gate.admit_sign_in("a@x.example", Some(address(1)), later).is_ok());
    }

    #[test]
    fn one_address_cannot_try_one_password_on_everybody() {
        let (gate, now) = gate();
        let accounts = (0..100).map(|n| format!("u{n}@x.example"));
        let tried =
            accounts.filter(|email| gate.admit_sign_in(email, Some(address(1)), now).is_ok());
        assert_eq!(tried.count(), 30);
    }

    #[test]
    fn many_addresses_cannot_share_the_work_on_one_account() {
        let (gate, now) = gate();
        let tried = (0..100).filter(|_| gate.admit_stranger("a@x.example", now).is_ok());
        assert_eq!(tried.count(), 20);
    }

    #[test]
    fn who_is_told_to_wait_is_let_in_after_that() {
        let (gate, now) = gate();
        let somebody = Uuid::from_u128(1);
        let refused = (0..10_000).find_map(|_| gate.admit(somebody, now).err()).unwrap();
        let Problem::TooMany { retry_after_s, .. } = refused else {
            panic!("{refused}");
        };
        let later = now + Duration::from_secs(retry_after_s.into());
        assert!(gate.admit(somebody, later).is_ok());
        assert!(gate.admit(Uuid::from_u128(2), now).is_ok(), "another one");
    }
}
