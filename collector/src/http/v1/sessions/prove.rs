//! Whether somebody is who they say: the password, the second factor, and how often either may be tried.
//!
//! What is refused is counted, and stands in the logs of the operators and of the accounts' companies beside it: a task of its own writes it, so that an answer
//! takes as long for an address that nobody has an account of. No password and no code stands anywhere.

use std::net::IpAddr;

use metrics::counter;
use schemars::JsonSchema;
use serde::Deserialize;
use store::audit::{self, Actor, Came};
use store::database::Store;
use store::error::StoreError;
use store::sessions::{self, Refusal};
use store::users::{self, Account};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::causes::Causes;
use crate::http::client::Client;
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::totp;
use crate::metrics::{HTTP_SIGN_INS_REFUSED, LABEL_REASON};

/// For how long an address counts as one that the account is used from.
const ADDRESS_KNOWN_FOR: Duration = Duration::days(30);

/// Who somebody says they are, and how they prove it.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SignIn")]
#[serde(deny_unknown_fields)]
pub(in crate::http::v1) struct Claim {
    pub(in crate::http::v1) email: String,
    pub(in crate::http::v1) password: String,
    /// The code of the second factor, or a recovery code.
    pub(in crate::http::v1) code: Option<String>,
}

/// The account of whoever proves that it is theirs. Whatever is wrong, the answer and the time that
/// it takes are the same, but for a right password without its second factor.
///
/// # Errors
///
/// When it is not proved, or was tried too often.
pub(super) async fn prove(
    state: &ApiState,
    claim: Claim,
    from: &Client,
) -> Result<Account, Problem> {
    let accounts = users::by_email(&state.store, &claim.email).await?;
    let ids = accounts.iter().map(|account| account.id).collect();
    let meant = accounts.first().map(|account| (ids, account.email.clone()));
    match find(state, accounts, claim, from).await? {
        Some(account) => Ok(account),
        None => {
            refused(state, Refusal::Password, meant, from);
            Err(Problem::SignInRefused)
        }
    }
}

/// Which of the accounts of an address somebody proves to be theirs; `None` when the password is of none of them,
/// which takes as long as when it is of one. An address may have several (decision 56): what opens one is nothing
/// to the others.
///
/// # Errors
///
/// When the second factor is missing or wrong, or it was tried too often.
pub(in crate::http::v1) async fn find(
    state: &ApiState,
    mut accounts: Vec<Account>,
    claim: Claim,
    from: &Client,
) -> Result<Option<Account>, Problem> {
    let known = admit(state, &mut accounts, &claim.email, from).await?;
    // Who has none comes by a provider: no password is theirs, and finding that out takes as long.
    let hashes = accounts.iter().map(|account| account.password.clone()).collect();
    let right = state.gate.passwords().find(claim.password, hashes).await?;
    let account = accounts
        .into_iter()
        .enumerate()
        .find(|(place, account)| right.contains(place) && account.disabled_at.is_none());
    let Some((_, account)) = account else { return Ok(None) };
    if let Some(secret) = &account.totp_secret {
        let code = claim.code.ok_or(Problem::SecondFactorMissing)?;
        let is_known = known.contains(&account.id);
        if let Err((why, problem)) = spend(state, (&account, is_known), secret, &code).await? {
            let meant = (vec![account.id], account.email);
            refused(state, why, Some(meant), from);
            return Err(problem);
        }
    }
    Ok(Some(account))
}

/// Takes an attempt; gives the accounts that were used from where it comes from, and leaves those that may be tried.
///
/// # Errors
///
/// When it was tried too often.
async fn admit(
    state: &ApiState,
    accounts: &mut Vec<Account>,
    email: &str,
    from: &Client,
) -> Result<Vec<Uuid>, Problem> {
    let instant = state.clock.instant();
    let admitted = state.gate.admit_sign_in(email, from.address, instant);
    admitted.inspect_err(|_| refused(state, Refusal::Rate, None, from))?;
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    let known = known_from(state, &ids, from.address, state.clock.now()).await?;
    let is_stranger = known.is_empty() || known.len() < ids.len();
    if is_stranger && let Err(problem) = state.gate.admit_stranger(email, instant) {
        if known.is_empty() {
            refused(state, Refusal::Rate, None, from);
            return Err(problem);
        }
        // Being known to one account is no leave to guess at another.
        accounts.retain(|account| known.contains(&account.id));
    }
    Ok(known)
}

/// Which of some people were let in from an address. Asked for somebody who is not there as well, so that it takes as
/// long.
async fn known_from(
    state: &ApiState,
    people: &[Uuid],
    address: Option<IpAddr>,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, Problem> {
    let Some(address) = address else { return Ok(Vec::new()) };
    let since = now - ADDRESS_KNOWN_FOR;
    Ok(sessions::knows_address(&state.store, people, address, since).await?)
}

/// Spends a code of the second factor, or a recovery code. Codes are few: how many may be tried in a row is counted for
/// the account, by all nodes. Recovery codes are not, and count also while codes wait.
///
/// # Errors
///
/// When the database cannot be used; within, why the code is refused.
async fn spend(
    state: &ApiState,
    (account, is_known): (&Account, bool),
    secret: &[u8],
    code: &str,
) -> Result<Result<(), (Refusal, Problem)>, Problem> {
    let (store, user, now) = (&state.store, account.id, state.clock.now());
    if users::spend_recovery(store, user, &totp::recovery_hash(code)).await? {
        return Ok(Ok(()));
    }
    if let Some(until) = users::try_code(store, user, is_known, now).await? {
        let seconds = u32::try_from((until - now).whole_seconds()).unwrap_or(0);
        let whose = "with codes of the second factor that are not right";
        let problem = Problem::TooMany { whose, retry_after_s: seconds.saturating_add(1) };
        return Ok(Err((Refusal::Wait, problem)));
    }
    if let Some(step) = totp::step_of(secret, code, now)
        && users::spend_step(store, user, step).await?
    {
        users::forget_tries(store, user, is_known).await?;
        return Ok(Ok(()));
    }
    Ok(Err((Refusal::Code, Problem::SignInRefused)))
}

/// Counts somebody who was not let in, and notes it in the logs for the accounts that they meant, all of one address.
fn refused(state: &ApiState, why: Refusal, meant: Option<(Vec<Uuid>, String)>, from: &Client) {
    counter!(HTTP_SIGN_INS_REFUSED, LABEL_REASON => why.as_str()).increment(1);
    let Some((accounts, email)) = meant else { return };
    let (store, came, now) = (state.store.clone(), from.came(), state.clock.now());
    state.tasks.spawn("http.refused", async move {
        let told = note(&store, (&accounts, &email), why, came, now).await;
        if let Err(error) = told {
            let error = anyhow::Error::from(error);
            tracing::warn!("note a sign-in that was refused: {}", Causes(&error));
        }
    });
}

/// Notes it for the operators, who look at addresses, and for each account's companies.
async fn note(
    store: &Store,
    (accounts, email): (&[Uuid], &str),
    why: Refusal,
    came: Came,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let origin = came.clone().of(Actor::System);
    if let Some(first) = accounts.first() {
        sessions::note_refused(store, (*first, email), why, came, now).await?;
    }
    audit::tell_refused(store, (accounts, email), &origin, now).await
}
