//! People as companies and operators look after them.

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::role;
use super::second_factor::begin_audited;
use crate::api_keys;
use crate::audit::{self, Change, Origin};
use crate::database::Store;
use crate::error::{StoreError, violated_constraint};
use crate::sessions;
use crate::tenant::{OperatorScope, Role, TenantScope};

/// People of one list.
pub const PEOPLE_MAX: u32 = 1_000;

/// Somebody in a company, or among the operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub id: Uuid,
    /// The address that they sign in with.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Their role here.
    pub role: Role,
    /// Since when they are here.
    pub created_at: OffsetDateTime,
    /// Whether signing in takes a second factor.
    pub has_second_factor: bool,
    /// Grows with every change of the role.
    pub revision: u64,
}

/// An operator to be made.
#[derive(Clone, Copy)]
pub struct NewOperator<'a> {
    /// Who.
    pub id: Uuid,
    /// The address that they will sign in with.
    pub email: &'a str,
    /// What they are called.
    pub name: &'a str,
    /// The hash of the password, as a PHC string.
    pub password: &'a str,
}

impl std::fmt::Debug for NewOperator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewOperator").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes an operator; `false` when the address is taken.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn create_operator(
    operator: &OperatorScope,
    new: &NewOperator<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = operator.begin("users.create_operator").await?;
    // In small letters, as signing in looks for it.
    let email = new.email.trim().to_lowercase();
    let made = sqlx::query!(
        "INSERT INTO users (id, email, name, is_operator, password, created_at, password_set_at)
         VALUES ($1, $2, $3, true, $4, $5, $5)",
        new.id,
        email,
        new.name,
        new.password,
        now
    )
    .execute(&mut *tx)
    .await;
    match made {
        Err(error) if violated_constraint(&error) == Some("users_email_key") => return Ok(false),
        made => made?,
    };
    let after = json!({ "email": email, "name": new.name, "role": "operator" });
    let change = Change::made("user.create", new.id, after);
    audit::record_of_operators(&mut tx, operator, change, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// The people of a company, by address.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list_members(scope: &TenantScope) -> Result<Vec<Member>, StoreError> {
    let mut tx = scope.begin("users.list_members").await?;
    let rows = sqlx::query_as!(
        MemberRow,
        r#"SELECT u.id, u.email, u.name, m.role, m.created_at, m.revision,
                  u.totp_confirmed_at IS NOT NULL AS "has_second_factor!"
           FROM memberships m JOIN users u ON u.id = m.user_id
           WHERE m.company_key = $1 ORDER BY u.email LIMIT $2"#,
        scope.key(),
        i64::from(PEOPLE_MAX)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// One of the company's people.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn find_member(scope: &TenantScope, user: Uuid) -> Result<Option<Member>, StoreError> {
    let mut tx = scope.begin("users.find_member").await?;
    let found = member(&mut tx, scope.key(), user).await?;
    tx.commit().await?;
    Ok(found)
}

async fn member(
    tx: &mut PgConnection,
    company_key: i64,
    user: Uuid,
) -> Result<Option<Member>, StoreError> {
    let row = sqlx::query_as!(
        MemberRow,
        r#"SELECT u.id, u.email, u.name, m.role, m.created_at, m.revision,
                  u.totp_confirmed_at IS NOT NULL AS "has_second_factor!"
           FROM memberships m JOIN users u ON u.id = m.user_id
           WHERE m.company_key = $1 AND m.user_id = $2"#,
        company_key,
        user
    )
    .fetch_optional(tx)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// The company's admins, kept as they are until the transaction ends: two of them cannot take each
/// other's role at once.
pub(crate) async fn hold_admins(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let admins = sqlx::query_scalar!(
        "SELECT user_id FROM memberships WHERE company_key = $1 AND role = 'admin'
         ORDER BY user_id FOR UPDATE",
        company_key
    )
    .fetch_all(tx)
    .await?;
    Ok(admins)
}

/// The operators, by address.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn list_operators(operator: &OperatorScope) -> Result<Vec<Member>, StoreError> {
    let mut tx = operator.begin("users.list_operators").await?;
    let rows = sqlx::query_as!(
        MemberRow,
        r#"SELECT id, email, name, 'operator' AS "role!", created_at, 1::bigint AS "revision!",
                  totp_confirmed_at IS NOT NULL AS "has_second_factor!"
           FROM users WHERE is_operator AND disabled_at IS NULL ORDER BY email LIMIT $1"#,
        i64::from(PEOPLE_MAX)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// What came of a change of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// It is this now.
    Done(Member),
    /// It was changed meanwhile.
    Stale,
    /// The company would have no admin left.
    LastAdmin,
    /// There is no such person here.
    Unknown,
}

/// Gives one of the company's people another role, when it is still at `revision`.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn set_role(
    scope: &TenantScope,
    user: Uuid,
    new: Role,
    revision: Option<u64>,
    now: OffsetDateTime,
) -> Result<RoleChange, StoreError> {
    let mut tx = scope.begin("users.set_role").await?;
    let admins = hold_admins(&mut tx, scope.key()).await?;
    let Some(before) = member(&mut tx, scope.key(), user).await? else {
        return Ok(RoleChange::Unknown);
    };
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(RoleChange::Stale);
    }
    let role = new.min(Role::Admin);
    if admins == [user] && role < Role::Admin {
        return Ok(RoleChange::LastAdmin);
    }
    let done = sqlx::query!(
        "UPDATE memberships SET role = $3, revision = revision + 1
         WHERE company_key = $1 AND user_id = $2 AND revision = $4",
        scope.key(),
        user,
        role.as_str(),
        before.revision.cast_signed()
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(RoleChange::Stale);
    }
    let (was, is) = (json!({ "role": before.role.as_str() }), json!({ "role": role.as_str() }));
    let change = Change::edited("user.set_role", user, was, is);
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(RoleChange::Done(Member { role, revision: before.revision + 1, ..before }))
}

/// Takes somebody out of the company, and ends the keys of the company that they stand behind; the person stays, with
/// what they have elsewhere.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn remove_member(
    scope: &TenantScope,
    user: Uuid,
    now: OffsetDateTime,
) -> Result<RoleChange, StoreError> {
    let mut tx = scope.begin("users.remove_member").await?;
    let admins = hold_admins(&mut tx, scope.key()).await?;
    let Some(before) = member(&mut tx, scope.key(), user).await? else {
        return Ok(RoleChange::Unknown);
    };
    if admins == [user] {
        return Ok(RoleChange::LastAdmin);
    }
    // No session has to end for it: the role is read with every request (decision 34).
    sqlx::query!(
        "DELETE FROM memberships WHERE company_key = $1 AND user_id = $2",
        scope.key(),
        user
    )
    .execute(&mut *tx)
    .await?;
    let was = json!({ "email": before.email, "role": before.role.as_str() });
    let change = Change { before: Some(was), ..Change::done("user.remove", user) };
    audit::record(&mut tx, scope, change, now).await?;
    api_keys::end_keys_of(&mut tx, (Some(scope.key()), scope.origin()), user, now).await?;
    tx.commit().await?;
    Ok(RoleChange::Done(before))
}

/// Refuses an operator from now on, with all their sessions and the operators' keys that they stand behind; whether there was one to refuse.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn remove_operator(
    operator: &OperatorScope,
    user: Uuid,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = operator.begin("users.remove_operator").await?;
    let done = sqlx::query!(
        "UPDATE users SET disabled_at = $2 WHERE id = $1 AND is_operator AND disabled_at IS NULL",
        user,
        now
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sessions::revoke_all_in(&mut tx, user, None, now).await?;
    let change = Change::done("user.remove", user);
    audit::record_of_operators(&mut tx, operator, change, now).await?;
    api_keys::end_keys_of(&mut tx, (None, operator.origin()), user, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Sets a person's password and ends all sessions but `keep`; whether there is such a person.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn set_password(
    store: &Store,
    user: Uuid,
    password: &str,
    keep: Option<Uuid>,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = begin_audited(store, "users.set_password").await?;
    let done = sqlx::query!(
        "UPDATE users SET password = $2, password_set_at = $3 WHERE id = $1",
        user,
        password,
        now
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    // Whoever knew the old one may be signed in with it.
    sessions::revoke_all_in(&mut tx, user, keep, now).await?;
    let change = Change::done("user.set_password", user);
    audit::record_of_person(&mut tx, user, origin, change, now).await?;
    tx.commit().await?;
    Ok(true)
}

struct MemberRow {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    created_at: OffsetDateTime,
    revision: i64,
    has_second_factor: bool,
}

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            email: row.email,
            name: row.name,
            role: role(&row.role)?,
            created_at: row.created_at,
            has_second_factor: row.has_second_factor,
            revision: row.revision.unsigned_abs(),
        })
    }
}
