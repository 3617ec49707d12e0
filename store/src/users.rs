//! People: who they are and where they may work.
//!
//! An account is one row for the whole collector, with memberships in companies, because one person
//! may work in several. A company sees and changes memberships; the account's own row, with the
//! password, is changed by the person and by operators. Passwords come hashed: nothing here can
//! check one.
//!
//! Nobody proves an address, so it is no name of an account: each company may have opened one for it,
//! and within a company it stands for one member (decision 56).

mod codes;
mod manage;
mod reach;
mod second_factor;

use std::collections::HashMap;

use protocol::ids::CompanyId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::codes::{forget_tries, try_code};
pub(crate) use self::manage::hold_admins;
pub use self::manage::{
    Member, NewOperator, PEOPLE_MAX, RoleChange, create_operator, find_member, list_members,
    list_operators, remove_member, remove_operator, set_password, set_role,
};
pub(crate) use self::reach::{hold_member, reachable};
pub use self::second_factor::{begin_totp, confirm_totp, drop_totp, spend_recovery, spend_step};
use crate::audit::Actor;
use crate::database::Store;
use crate::error::StoreError;
use crate::tenant::{Principal, Role};
use crate::tx::{self, Settings, Tx};

/// Most companies of one person.
pub(crate) const MEMBERSHIPS_MAX: i64 = 1_000;

/// A person as letting them in needs them.
#[derive(Clone)]
pub struct Account {
    /// Who.
    pub id: Uuid,
    /// The address that they sign in with.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Whether they are an operator.
    pub is_operator: bool,
    /// The hash of the password, as a PHC string; empty where a provider alone lets them in.
    pub password: String,
    /// Since when they are refused.
    pub disabled_at: Option<OffsetDateTime>,
    /// The secret of the second factor, once it was confirmed.
    pub totp_secret: Option<Vec<u8>>,
    /// The secret of a second factor that was not confirmed yet.
    pub totp_pending: Option<Vec<u8>>,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The accounts of an address, however it is written, oldest first: at most one that each company opened, and one
/// of the operators'.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn by_email(store: &Store, email: &str) -> Result<Vec<Account>, StoreError> {
    // Whoever signs in may send anything, and U+0000 is in no text of PostgreSQL's: nobody has such an
    // address, and asking for one would look like a fault of the database.
    if email.contains('\0') {
        return Ok(Vec::new());
    }
    let mut tx = as_operator(store, "users.by_email").await?;
    let rows = sqlx::query_as!(
        AccountRow,
        "SELECT id, email, name, is_operator, password, disabled_at, totp_secret,
                totp_confirmed_at, cardinality(recovery_hashes) AS \"recovery_codes!\"
         FROM users WHERE email = $1 ORDER BY created_at, id",
        email.trim().to_lowercase()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// A person by the id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn by_id(store: &Store, id: Uuid) -> Result<Option<Account>, StoreError> {
    let mut tx = as_operator(store, "users.by_id").await?;
    let row = sqlx::query_as!(
        AccountRow,
        "SELECT id, email, name, is_operator, password, disabled_at, totp_secret,
                totp_confirmed_at, cardinality(recovery_hashes) AS \"recovery_codes!\"
         FROM users WHERE id = $1",
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(row.map(Into::into))
}

/// What a person is shown of their own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Whether a second factor is asked for.
    pub has_second_factor: bool,
    /// How many recovery codes of it are left.
    pub recovery_codes: usize,
    /// Whether there is a password; where a provider alone lets them in there is none.
    pub has_password: bool,
    /// The names of the companies that they work in.
    pub companies: HashMap<CompanyId, String>,
}

/// What a person is shown of their own account; `None` when there is none.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn own(store: &Store, id: Uuid) -> Result<Option<Own>, StoreError> {
    let mut tx = as_operator(store, "users.own").await?;
    let account = sqlx::query!(
        "SELECT totp_confirmed_at IS NOT NULL AS \"has_second_factor!\",
                cardinality(recovery_hashes) AS \"recovery_codes!\",
                password <> '' AS \"has_password!\"
         FROM users WHERE id = $1",
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(account) = account else {
        return Ok(None);
    };
    let companies = sqlx::query!(
        "SELECT c.id, c.name FROM memberships m JOIN companies c ON c.key = m.company_key
         WHERE m.user_id = $1 AND c.deletion_asked_at IS NULL
         ORDER BY c.key LIMIT $2",
        id,
        MEMBERSHIPS_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(Own {
        has_second_factor: account.has_second_factor,
        recovery_codes: usize::try_from(account.recovery_codes).unwrap_or(0),
        has_password: account.has_password,
        companies: companies.into_iter().map(|row| (CompanyId(row.id), row.name)).collect(),
    }))
}

/// What a person may do, now, in all companies or in `only` one. Read with every request, so that a role
/// that was taken away is away.
pub(crate) async fn principal(
    tx: &mut PgConnection,
    store: &Store,
    user: Uuid,
    (email, is_operator): (String, bool),
    only: Option<i64>,
) -> Result<Principal, StoreError> {
    let actor = Actor::User { id: user, email };
    if is_operator && only.is_none() {
        return Ok(Principal::of_operators(store.clone(), actor));
    }
    let rows = sqlx::query!(
        "SELECT c.id, c.key, m.role FROM memberships m JOIN companies c ON c.key = m.company_key
         WHERE m.user_id = $1 AND ($3::bigint IS NULL OR m.company_key = $3)
           AND c.deletion_asked_at IS NULL
         ORDER BY c.key LIMIT $2",
        user,
        MEMBERSHIPS_MAX,
        only
    )
    .fetch_all(tx)
    .await?;
    let mut companies = Vec::with_capacity(rows.len());
    for row in rows {
        let scope = store.scope_of(CompanyId(row.id), row.key);
        companies.push((scope, role(&row.role)?));
    }
    Ok(Principal::member(store.clone(), companies, actor))
}

/// A transaction that sees people whatever their company: to let somebody in, nothing else is known
/// yet.
pub(crate) async fn as_operator(store: &Store, name: &'static str) -> Result<Tx, StoreError> {
    let settings = Settings { operator: true, ..Settings::default() };
    tx::begin(store.transactions(), name, settings).await
}

pub(crate) fn role(name: &str) -> Result<Role, StoreError> {
    Role::parse(name).ok_or_else(|| StoreError::inconsistent("memberships", "role", name))
}

struct AccountRow {
    id: Uuid,
    email: String,
    name: String,
    is_operator: bool,
    password: String,
    disabled_at: Option<OffsetDateTime>,
    totp_secret: Option<Vec<u8>>,
    totp_confirmed_at: Option<OffsetDateTime>,
    recovery_codes: i32,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        let is_confirmed = row.totp_confirmed_at.is_some();
        let (totp_secret, totp_pending) =
            if is_confirmed { (row.totp_secret, None) } else { (None, row.totp_secret) };
        Self {
            id: row.id,
            email: row.email,
            name: row.name,
            is_operator: row.is_operator,
            password: row.password,
            disabled_at: row.disabled_at,
            totp_secret,
            totp_pending,
            recovery_codes: usize::try_from(row.recovery_codes).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests;
