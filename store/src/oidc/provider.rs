//! Which provider a company has, and whose it is that somebody wants to sign in by.

use protocol::ids::CompanyId;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{GroupRole, Provider};
use crate::audit::{self, Change};
use crate::database::Store;
use crate::error::StoreError;
use crate::tenant::{Role, TenantScope};
use crate::users;

/// What a provider is to be.
#[derive(Clone, Copy, Debug)]
pub struct ProviderChange<'a> {
    /// Its name.
    pub issuer: &'a str,
    /// What it calls this collector.
    pub client_id: &'a str,
    /// What this collector shows it, sealed; `None` for what it was.
    pub client_secret: Option<&'a [u8]>,
    /// Of the addresses that are let in, in small letters.
    pub domains: &'a [String],
    /// Of these, those of which addresses count that the provider does not say to have verified.
    pub trusted_domains: &'a [String],
    /// What somebody becomes without a group.
    pub default_role: Option<Role>,
    /// The claim that names somebody's groups.
    pub groups_claim: Option<&'a str>,
    /// What groups make of somebody.
    pub group_roles: &'a [GroupRole],
}

/// Why a provider cannot be what it is to be.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Somebody else changed it meanwhile.
    #[error("it was changed meanwhile: look at it again")]
    Changed,
    /// There is no secret, or only one that was for another issuer.
    #[error("the client's secret: there is none yet for this issuer")]
    SecretMissing,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for PutError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The company's provider.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope) -> Result<Option<Provider>, StoreError> {
    let mut tx = scope.begin("oidc.get").await?;
    let provider = read(&mut tx, scope.key()).await?;
    tx.commit().await?;
    Ok(provider)
}

/// Makes or changes the company's provider, when it is still at `seen`; 0 where there is none.
///
/// # Errors
///
/// When it was changed meanwhile, has no secret, or the database cannot be used.
pub async fn put(
    scope: &TenantScope,
    new: &ProviderChange<'_>,
    seen: Option<u64>,
    now: OffsetDateTime,
) -> Result<Provider, PutError> {
    let mut tx = scope.begin("oidc.put").await?;
    let before = read(&mut tx, scope.key()).await?;
    let revision = before.as_ref().map_or(0, |before| before.revision);
    if seen.is_some_and(|seen| seen != revision) {
        return Err(PutError::Changed);
    }
    let secret = match (new.client_secret, &before) {
        (Some(secret), _) => secret,
        // To another issuer the secret of this one would be sent as a present.
        (None, Some(before)) if before.issuer == new.issuer => &before.client_secret,
        (None, _) => return Err(PutError::SecretMissing),
    };
    if !write(&mut tx, scope.key(), new, (secret, seen), now).await? {
        return Err(PutError::Changed);
    }
    let made = read(&mut tx, scope.key()).await?;
    let made = made.ok_or_else(|| StoreError::inconsistent("oidc_providers", "issuer", ""))?;
    let is_new_secret = new.client_secret.is_some();
    let change = match &before {
        None => Change::made("oidc.create", scope.company(), shown(&made, is_new_secret)),
        Some(before) => {
            let (was, is) = (shown(before, false), shown(&made, is_new_secret));
            Change::edited("oidc.update", scope.company(), was, is)
        }
    };
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(made)
}

/// Writes the provider; whether it was still at `seen`. Where there was none to keep as it is, somebody else may have
/// made one since that was looked at.
async fn write(
    tx: &mut PgConnection,
    company_key: i64,
    new: &ProviderChange<'_>,
    (secret, seen): (&[u8], Option<u64>),
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO oidc_providers (company_key, issuer, client_id, client_secret, domains,
             default_role, groups_claim, group_roles, created_at, changed_at, trusted_domains)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $11)
         ON CONFLICT (company_key) DO UPDATE SET issuer = excluded.issuer,
             client_id = excluded.client_id, client_secret = excluded.client_secret,
             domains = excluded.domains, default_role = excluded.default_role,
             groups_claim = excluded.groups_claim, group_roles = excluded.group_roles,
             changed_at = excluded.changed_at, trusted_domains = excluded.trusted_domains,
             revision = oidc_providers.revision + 1
         WHERE $10::bigint IS NULL OR oidc_providers.revision = $10",
        company_key,
        new.issuer,
        new.client_id,
        secret,
        new.domains,
        new.default_role.map(Role::as_str),
        new.groups_claim,
        groups_json(new.group_roles),
        now,
        seen.map(u64::cast_signed),
        new.trusted_domains
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes the company's provider away; whether there was one. Who is signed in stays so.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn delete(scope: &TenantScope, now: OffsetDateTime) -> Result<bool, StoreError> {
    let mut tx = scope.begin("oidc.delete").await?;
    let Some(before) = read(&mut tx, scope.key()).await? else {
        return Ok(false);
    };
    // Who is whom stays: the same provider may come back.
    sqlx::query!("DELETE FROM oidc_providers WHERE company_key = $1", scope.key())
        .execute(&mut *tx)
        .await?;
    let was = Some(shown(&before, false));
    let change = Change { before: was, ..Change::done("oidc.delete", scope.company()) };
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// The company of a name, when it has a provider.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn by_company_name(store: &Store, name: &str) -> Result<Option<TenantScope>, StoreError> {
    let mut tx = users::as_operator(store, "oidc.by_company_name").await?;
    let row = sqlx::query!(
        "SELECT c.id, c.key FROM companies c JOIN oidc_providers p ON p.company_key = c.key
         WHERE lower(c.name) = lower($1) AND c.deletion_asked_at IS NULL",
        name.trim()
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(row.map(|row| store.scope_of(CompanyId(row.id), row.key)))
}

/// The company whose provider lets addresses of a domain in, when there is one alone.
///
/// No other company may have people of the domain: of two, nobody can say whose it is, and naming a domain proves
/// nothing. Operators are elsewhere too, but where the company is the only one, which is their own.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn by_domain(store: &Store, domain: &str) -> Result<Option<TenantScope>, StoreError> {
    let mut tx = users::as_operator(store, "oidc.by_domain").await?;
    let rows =
        sqlx::query_file!("src/oidc/by_domain.sql", domain.trim()).fetch_all(&mut *tx).await?;
    tx.commit().await?;
    match rows.as_slice() {
        [row] => Ok(Some(store.scope_of(CompanyId(row.id), row.key))),
        _ => Ok(None),
    }
}

/// Notes that one of our requests was answered, on whichever node; `false` when it was before.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn answer_once(
    store: &Store,
    state_hash: &[u8; 32],
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = users::as_operator(store, "oidc.answer_once").await?;
    // Few at any time: a request is good for minutes.
    sqlx::query!("DELETE FROM oidc_answered WHERE until < $1", now).execute(&mut *tx).await?;
    let done = sqlx::query!(
        "INSERT INTO oidc_answered (state_hash, until) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &state_hash[..],
        until
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() > 0)
}

/// The provider, kept as it is until the transaction ends.
pub(super) async fn read(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Option<Provider>, StoreError> {
    let row = sqlx::query_as!(
        ProviderRow,
        "SELECT issuer, client_id, client_secret, domains, trusted_domains, default_role,
                groups_claim, group_roles, created_at, changed_at, revision
         FROM oidc_providers WHERE company_key = $1 FOR UPDATE",
        company_key
    )
    .fetch_optional(tx)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// A provider as the audit log shows it; of the secret, whether it is another one.
fn shown(provider: &Provider, is_new_secret: bool) -> Value {
    json!({ "issuer": provider.issuer, "client_id": provider.client_id,
            "domains": provider.domains, "trusted_domains": provider.trusted_domains,
            "default_role": provider.default_role.map(Role::as_str),
            "groups_claim": provider.groups_claim,
            "group_roles": groups_json(&provider.group_roles), "new_secret": is_new_secret })
}

fn groups_json(groups: &[GroupRole]) -> Value {
    let one = |one: &GroupRole| json!({ "group": one.group, "role": one.role.as_str() });
    groups.iter().map(one).collect()
}

fn groups_of(value: &Value) -> Option<Vec<GroupRole>> {
    let one = |one: &Value| {
        Some(GroupRole {
            group: one["group"].as_str()?.to_owned(),
            role: Role::parse(one["role"].as_str()?)?,
        })
    };
    value.as_array()?.iter().map(one).collect()
}

struct ProviderRow {
    issuer: String,
    client_id: String,
    client_secret: Vec<u8>,
    domains: Vec<String>,
    trusted_domains: Vec<String>,
    default_role: Option<String>,
    groups_claim: Option<String>,
    group_roles: Value,
    created_at: OffsetDateTime,
    changed_at: OffsetDateTime,
    revision: i64,
}

impl TryFrom<ProviderRow> for Provider {
    type Error = StoreError;

    fn try_from(row: ProviderRow) -> Result<Self, StoreError> {
        let unknown = || {
            StoreError::inconsistent("oidc_providers", "group_roles", &row.group_roles.to_string())
        };
        Ok(Self {
            group_roles: groups_of(&row.group_roles).ok_or_else(unknown)?,
            default_role: row.default_role.as_deref().map(users::role).transpose()?,
            issuer: row.issuer,
            client_id: row.client_id,
            client_secret: row.client_secret,
            domains: row.domains,
            trusted_domains: row.trusted_domains,
            groups_claim: row.groups_claim,
            created_at: row.created_at,
            changed_at: row.changed_at,
            revision: row.revision.unsigned_abs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_groups_give_comes_back_as_it_was_written() {
        let groups = [
            GroupRole { group: "Security \"A\"".to_owned(), role: Role::Admin },
            GroupRole { group: "all".to_owned(), role: Role::Viewer },
        ];
        assert_eq!(groups_of(&groups_json(&groups)).unwrap(), groups);
        assert_eq!(groups_of(&json!([])).unwrap(), []);
        for other in [json!({}), json!([{ "group": "a" }]), json!([{ "group": "a", "role": "x" }])]
        {
            assert_eq!(groups_of(&other), None, "{other}");
        }
    }
}
