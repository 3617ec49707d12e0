//! Enrolment: a token is spent and an agent comes to be, both or neither.
//!
//! The token names the company; nothing that the host says does. The certificate is made inside the
//! transaction, so that a host whose request cannot be signed costs no use of the token.

use protocol::ids::{AgentId, CompanyId, TokenId};
use protocol::message::Settings;
use protocol::reject::RejectReason;
use sqlx::PgConnection;
use sqlx::types::Json;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use super::Certificate;
use crate::api_keys::hash;
use crate::companies;
use crate::database::Store;
use crate::enrolment_tokens::Labels;
use crate::error::StoreError;
use crate::tx;

/// A host that wants to become an agent.
#[derive(Clone, Copy)]
pub struct Enrolment<'a> {
    /// The token's public part.
    pub token: TokenId,
    /// The token's secret.
    pub secret: &'a [u8; 32],
    /// The id that the agent gets.
    pub agent: AgentId,
    /// The host's name, until its first report says it.
    pub hostname: &'a str,
    /// The agent's version.
    pub agent_version: &'a str,
    /// What whoever installed it says of the host. Where its token names the same label, the token's
    /// value counts.
    pub labels: &'a Labels,
}

impl std::fmt::Debug for Enrolment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolment")
            .field("token", &self.token)
            .field("agent", &self.agent)
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

/// A host that became an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled<T> {
    /// Its company.
    pub company: CompanyId,
    /// Itself.
    pub agent: AgentId,
    /// How to behave.
    pub settings: Settings,
    /// What the issuer made.
    pub issued: T,
}

/// Why a host did not become an agent.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// It may not: the token is unknown, expired, spent or revoked, its company is suspended, or
    /// the certificate cannot be issued.
    #[error("the enrolment is refused: {0}")]
    Refused(RejectReason),
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Spends a token on a new agent.
///
/// `issue` makes the certificate for the identity that it is given; its refusal is the enrolment's.
/// It runs inside the transaction, with the token's row locked, and may run again when the
/// transaction does.
///
/// # Errors
///
/// When the host is refused, or the database cannot be used.
pub async fn enrol<T: Send>(
    store: &Store,
    enrolment: &Enrolment<'_>,
    issue: &(dyn Fn(CompanyId, AgentId) -> Result<(Certificate, T), RejectReason> + Sync),
    now: OffsetDateTime,
) -> Result<Enrolled<T>, EnrolError> {
    // Two results, one in the other: a refusal is an answer and must not be run again, a conflict
    // is none.
    let outcome = tx::retrying("agents.enrol", || attempt(store, enrolment, issue, now)).await?;
    outcome.map_err(EnrolError::Refused)
}

async fn attempt<T: Send>(
    store: &Store,
    enrolment: &Enrolment<'_>,
    issue: &(dyn Fn(CompanyId, AgentId) -> Result<(Certificate, T), RejectReason> + Sync),
    now: OffsetDateTime,
) -> Result<Result<Enrolled<T>, RejectReason>, StoreError> {
    // Row-level security shows the one token whose public id this is; the secret is compared below.
    let settings = tx::Settings {
        credential: Some(enrolment.token.0),
        // To see the company's row before it is known which one that is; it shows no table of a
        // company's.
        operator: true,
        ..tx::Settings::default()
    };
    let mut tx = tx::begin(store.transactions(), "agents.enrol", settings).await?;
    // A refusal returns without a commit: dropping the transaction takes the use of the token back.
    let spent = match spend(&mut tx, enrolment, now).await? {
        Ok(spent) => spent,
        Err(reason) => return Ok(Err(reason)),
    };
    // Signing asks no network and waits for nobody, so the token's row is held for milliseconds.
    let (certificate, issued) = match issue(spent.company, enrolment.agent) {
        Ok(issued) => issued,
        Err(reason) => return Ok(Err(reason)),
    };
    insert(&mut tx, &spent, enrolment, &certificate, now).await?;
    tx.commit().await?;
    Ok(Ok(Enrolled {
        company: spent.company,
        agent: enrolment.agent,
        settings: spent.settings,
        issued,
    }))
}

/// What a token gave.
struct Spent {
    company: CompanyId,
    company_key: i64,
    settings: Settings,
    labels: Labels,
}

async fn spend(
    tx: &mut PgConnection,
    enrolment: &Enrolment<'_>,
    now: OffsetDateTime,
) -> Result<Result<Spent, RejectReason>, StoreError> {
    // The lock makes uses of one token follow each other, so that none is spent twice.
    let row = sqlx::query!(
        "SELECT t.company_key, t.secret_hash, t.labels AS \"labels: Json<Labels>\",
                t.expires_at, t.uses, t.uses_max,
                t.revoked_at, c.id AS company, c.suspended_at, c.settings_revision,
                c.heartbeat_every_s, c.scan_every_s, c.sources_off
         FROM enrolment_tokens t JOIN companies c ON c.key = t.company_key
         WHERE t.id = $1
         FOR NO KEY UPDATE OF t",
        enrolment.token.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(Err(RejectReason::TokenUnknown));
    };
    // A wrong secret must look like an unknown token, or ids could be probed.
    if !bool::from(hash(enrolment.secret).ct_eq(&row.secret_hash)) {
        return Ok(Err(RejectReason::TokenUnknown));
    }
    // From here on the caller has shown the secret, so it may hear what is wrong with the token.
    if row.revoked_at.is_some() {
        return Ok(Err(RejectReason::TokenRevoked));
    }
    if row.expires_at.is_some_and(|at| at <= now) {
        return Ok(Err(RejectReason::TokenExpired));
    }
    if row.uses_max.is_some_and(|max| row.uses >= max) {
        return Ok(Err(RejectReason::TokenSpent));
    }
    // Last, because whoever holds a good token may know it, and nobody else.
    if row.suspended_at.is_some() {
        return Ok(Err(RejectReason::CompanySuspended));
    }
    sqlx::query!("UPDATE enrolment_tokens SET uses = uses + 1 WHERE id = $1", enrolment.token.0)
        .execute(tx)
        .await?;
    Ok(Ok(Spent {
        company: CompanyId(row.company),
        company_key: row.company_key,
        settings: companies::settings(
            row.settings_revision,
            row.heartbeat_every_s,
            row.scan_every_s,
            &row.sources_off,
        )?,
        labels: row.labels.0,
    }))
}

async fn insert(
    tx: &mut PgConnection,
    spent: &Spent,
    enrolment: &Enrolment<'_>,
    certificate: &Certificate,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    // The token has said which company; from here on the transaction works in it.
    sqlx::query!(
        "SELECT set_config('muster.company_key', $1, true)",
        spent.company_key.to_string()
    )
    .fetch_one(&mut *tx)
    .await?;
    let key = sqlx::query_scalar!(
        "INSERT INTO agents (company_key, id, hostname, agent_version, enrolled_at, enrolled_with,
                             certificate_serial, certificate_sha256, certificate_expires_at,
                             hostname_low)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, lower($3))
         RETURNING key",
        spent.company_key,
        enrolment.agent.0,
        enrolment.hostname,
        enrolment.agent_version,
        now,
        enrolment.token.0,
        &certificate.serial,
        &certificate.sha256[..],
        certificate.expires_at
    )
    .fetch_one(&mut *tx)
    .await?;
    // The token is the company's word and comes last: a host cannot take itself out of what its token
    // puts it in.
    let mut labels = enrolment.labels.clone();
    labels.extend(spent.labels.clone());
    sqlx::query!(
        "INSERT INTO agent_facts (company_key, agent_key, labels) VALUES ($1, $2, $3)",
        spent.company_key,
        key,
        Json(labels) as _
    )
    .execute(tx)
    .await?;
    Ok(())
}
