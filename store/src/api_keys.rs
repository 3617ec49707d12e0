//! API keys: what a program or a person shows to be let in.
//!
//! A key is `msk_<id>_<secret>`; the database keeps a SHA-256 of the secret and nothing that would
//! let anyone in. The secret is 32 random bytes, so a plain hash is enough: there is nothing to
//! guess. Secrets never stand in `Debug`.

mod authenticate;
mod makers;
mod presented;

use ring::digest;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use self::makers::maker;
pub(crate) use self::makers::{end_keys_of, name_makers_in};
pub use self::makers::{name_makers, name_operators_makers};
pub use self::presented::{InvalidKey, PresentedKey};
use crate::actors;
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::permission::Permission;
use crate::tenant::{OPERATORS, OperatorScope, Role, TenantScope};

/// Keys of one list.
pub const KEYS_MAX: u32 = 1_000;

/// A key as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public id.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What it may do of that; `None` for all of it.
    pub scopes: Option<Vec<Permission>>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
    /// Since when it is refused.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// Who stands behind it, in a word that stays the same: the person who made it, or the first key of those that made
    /// one another; `None` where that is the command line.
    pub created_by: Option<String>,
    /// What they are called now; `None` for who is none of the company's.
    pub created_by_name: Option<String>,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey<'a> {
    /// The key itself.
    pub key: &'a PresentedKey,
    /// What it is for.
    pub name: &'a str,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
}

/// Makes a key of a company. A role of [`Role::Operator`] becomes [`Role::Admin`]: no company can
/// make an operator.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewApiKey<'_>,
    role: Role,
    now: OffsetDateTime,
) -> Result<ApiKey, StoreError> {
    create_narrowed(scope, new, role, None, now).await
}

/// As [`create`], with some of what the role may do.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn create_narrowed(
    scope: &TenantScope,
    new: &NewApiKey<'_>,
    role: Role,
    scopes: Option<&[Permission]>,
    now: OffsetDateTime,
) -> Result<ApiKey, StoreError> {
    // Who makes it may be an operator's key, behind which somebody stands as well.
    let mut tx = scope.begin_with_operators("api_keys.create").await?;
    // Cut here as well as at the API: no caller, however written, makes an operator out of a
    // company.
    let role = role.min(Role::Admin);
    let maker = maker(&mut tx, scope.key(), scope.origin().actor()).await?;
    let made_by = (Some(scope.key()), maker.as_deref());
    let key = insert(&mut tx, made_by, new, (role, scopes), now).await?;
    let change = Change::made("api_key.create", key.id, shown(&key));
    audit::record(&mut tx, scope, change, now).await?;
    let names = actors::names_in(&mut tx, scope.key(), &actors::ids(maker.iter())).await?;
    tx.commit().await?;
    let created_by_name = maker.as_deref().and_then(|maker| names.of(maker));
    Ok(ApiKey { created_by_name, ..key })
}

/// Makes a key of an operator.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn create_operator(
    operator: &OperatorScope,
    new: &NewApiKey<'_>,
    now: OffsetDateTime,
) -> Result<ApiKey, StoreError> {
    let mut tx = operator.begin("api_keys.create_operator").await?;
    let maker = maker(&mut tx, OPERATORS, operator.origin().actor()).await?;
    let made_by = (None, maker.as_deref());
    let key = insert(&mut tx, made_by, new, (Role::Operator, None), now).await?;
    let change = Change::made("api_key.create", key.id, shown(&key));
    audit::record_of_operators(&mut tx, operator, change, now).await?;
    tx.commit().await?;
    Ok(key)
}

/// A company's keys, newest first.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list(scope: &TenantScope) -> Result<Vec<ApiKey>, StoreError> {
    let mut tx = scope.begin("api_keys.list").await?;
    let rows = sqlx::query_as!(
        KeyRow,
        "SELECT id, name, role, scopes, created_at, expires_at, revoked_at, last_used_at, created_by
         FROM api_keys WHERE company_key = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        scope.key(),
        i64::from(KEYS_MAX)
    )
    .fetch_all(&mut *tx)
    .await?;
    let makers = actors::ids(rows.iter().filter_map(|row| row.created_by.as_ref()));
    let names = actors::names_in(&mut tx, scope.key(), &makers).await?;
    tx.commit().await?;
    let named = |row: KeyRow| -> Result<ApiKey, StoreError> {
        let key = ApiKey::try_from(row)?;
        let created_by_name = key.created_by.as_deref().and_then(|maker| names.of(maker));
        Ok(ApiKey { created_by_name, ..key })
    };
    rows.into_iter().map(named).collect()
}

/// The operators' keys, newest first.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list_operator(operator: &OperatorScope) -> Result<Vec<ApiKey>, StoreError> {
    let mut tx = operator.begin("api_keys.list_operator").await?;
    let rows = sqlx::query_as!(
        KeyRow,
        "SELECT id, name, role, scopes, created_at, expires_at, revoked_at, last_used_at, created_by
         FROM api_keys WHERE company_key IS NULL ORDER BY created_at DESC, id DESC LIMIT $1",
        i64::from(KEYS_MAX)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Refuses a company's key from now on; whether there was one to refuse.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoke(
    scope: &TenantScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("api_keys.revoke").await?;
    let done = sqlx::query!(
        "UPDATE api_keys SET revoked_at = $3
         WHERE company_key = $1 AND id = $2 AND revoked_at IS NULL",
        scope.key(),
        id,
        now
    )
    .execute(&mut *tx)
    .await?;
    let is_done = done.rows_affected() > 0;
    if is_done {
        audit::record(&mut tx, scope, Change::done("api_key.revoke", id), now).await?;
    }
    tx.commit().await?;
    Ok(is_done)
}

/// Refuses an operator's key from now on; whether there was one to refuse.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoke_operator(
    operator: &OperatorScope,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = operator.begin("api_keys.revoke_operator").await?;
    let done = sqlx::query!(
        "UPDATE api_keys SET revoked_at = $2
         WHERE company_key IS NULL AND id = $1 AND revoked_at IS NULL",
        id,
        now
    )
    .execute(&mut *tx)
    .await?;
    let is_done = done.rows_affected() > 0;
    if is_done {
        let change = Change::done("api_key.revoke", id);
        audit::record_of_operators(&mut tx, operator, change, now).await?;
    }
    tx.commit().await?;
    Ok(is_done)
}

/// Forgets keys of a company that were over before an instant, but those that an exception was asked for with
/// which nobody has decided on: who stands behind it is still asked. Gives how many.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(scope: &TenantScope, before: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = scope.begin("api_keys.purge").await?;
    let asking = sqlx::query_scalar!(
        "SELECT DISTINCT created_by FROM exceptions WHERE company_key = $1 AND state = 'requested'",
        scope.key()
    )
    .fetch_all(&mut *tx)
    .await?;
    let done = sqlx::query!(
        "DELETE FROM api_keys
         WHERE company_key = $1 AND least(revoked_at, expires_at) < $2
           AND 'api_key:' || id <> ALL ($3)",
        scope.key(),
        before,
        &asking
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

async fn insert(
    tx: &mut PgConnection,
    (company_key, maker): (Option<i64>, Option<&str>),
    new: &NewApiKey<'_>,
    (role, scopes): (Role, Option<&[Permission]>),
    now: OffsetDateTime,
) -> Result<ApiKey, StoreError> {
    let names = scopes.map(|scopes| -> Vec<_> {
        let names = scopes.iter().map(|scope| scope.as_str().to_owned());
        names.collect()
    });
    sqlx::query!(
        "INSERT INTO api_keys
             (id, company_key, name, role, secret_hash, created_at, expires_at, scopes, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.key.id(),
        company_key,
        new.name,
        role.as_str(),
        &new.key.secret_hash(),
        now,
        new.expires_at,
        names.as_deref(),
        maker
    )
    .execute(tx)
    .await?;
    Ok(ApiKey {
        id: new.key.id(),
        name: new.name.to_owned(),
        role,
        scopes: scopes.map(<[_]>::to_vec),
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
        created_by: maker.map(str::to_owned),
        created_by_name: None,
    })
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &[u8; 32]) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret).as_ref().to_vec()
}

fn role(name: &str) -> Result<Role, StoreError> {
    Role::parse(name).ok_or_else(|| StoreError::inconsistent("api_keys", "role", name))
}

/// Permissions by their names. One that a newer version knew gives nothing here.
fn permissions(names: &[String]) -> impl Iterator<Item = Permission> {
    names.iter().filter_map(|name| Permission::parse(name))
}

/// A key as the audit log shows it.
fn shown(key: &ApiKey) -> serde_json::Value {
    let scopes = key.scopes.as_ref().map(|scopes| -> Vec<_> {
        let names = scopes.iter().map(|scope| scope.as_str());
        names.collect()
    });
    json!({ "name": key.name, "role": key.role.as_str(), "scopes": scopes,
            "expires": key.expires_at.map(|at| at.unix_timestamp()) })
}

struct KeyRow {
    id: Uuid,
    name: String,
    role: String,
    scopes: Option<Vec<String>>,
    created_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
    created_by: Option<String>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            name: row.name,
            role: role(&row.role)?,
            scopes: row.scopes.map(|names| permissions(&names).collect()),
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
            created_by: row.created_by,
            created_by_name: None,
        })
    }
}

#[cfg(test)]
mod tests;
