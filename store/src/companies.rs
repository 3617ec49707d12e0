//! Companies: the tenants, and what their agents are told.
//!
//! The operator makes and suspends them; each company's own scope reads and sets its settings.
//! Suspending closes open connections through [`crate::commands`]; what is deleted goes by [`deletion`] and
//! [`erase`].

use protocol::ids::CompanyId;
use protocol::limits;
use protocol::message::Settings;
use serde_json::json;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::{self, Change};
use crate::commands::{self, Revoked};
use crate::error::{StoreError, violated_constraint};
use crate::page::{Listed, Order, Page, PageRequest, SortType, containing};
use crate::tenant::{OperatorScope, TenantScope};

/// A company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Its name, which no other company has, whatever the letters' case.
    pub name: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Since when its agents are refused.
    pub suspended_at: Option<OffsetDateTime>,
    /// What its agents are told.
    pub settings: Settings,
    /// Whether its agents visit, or hold their connection; where it is `None`, the node decides.
    pub visits: Option<bool>,
    /// That it is to be deleted, where somebody asked for that.
    pub deletion: Option<Deletion>,
}

/// Why a company cannot be made, or have a name.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Another one has the name.
    #[error("there is a company with this name")]
    NameTaken,
    /// It is empty, longer than 200 characters, or holds a control character.
    #[error("a company's name has 1 to 200 characters, none of control")]
    NameInvalid,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a company. The id is the caller's, so that trying again cannot make two.
///
/// # Errors
///
/// When the name is taken or none, or the database cannot be used.
pub async fn create(
    operator: &OperatorScope,
    id: CompanyId,
    name: &str,
    now: OffsetDateTime,
) -> Result<Company, CreateError> {
    // A line feed would forge lines of logs and lists, and U+0000 is no text to PostgreSQL. How long it
    // is, the table checks.
    if name.chars().any(char::is_control) {
        return Err(CreateError::NameInvalid);
    }
    let mut tx = operator.begin("companies.create").await?;
    sqlx::query!(
        "INSERT INTO companies (id, name, created_at) VALUES ($1, $2, $3)",
        id.0,
        name.trim(),
        now
    )
    .execute(&mut *tx)
    .await
    // By the constraint's name: asking for the name first would still leave a moment for another
    // node.
    .map_err(|error| match violated_constraint(&error) {
        Some("companies_name_key") => CreateError::NameTaken,
        Some("companies_name_check") => CreateError::NameInvalid,
        _ => CreateError::Store(error.into()),
    })?;
    let company = read(&mut tx, id).await?;
    let change = Change::made("company.create", id, json!({ "name": name.trim() }));
    audit::record_of_operators(&mut tx, operator, change, now).await?;
    tx.commit().await.map_err(StoreError::from)?;
    company.ok_or_else(|| StoreError::inconsistent("companies", "id", &id.to_string()).into())
}

/// A page of companies in the order of their names, those whose name contains `text` where given.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    operator: &OperatorScope,
    text: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Company>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query.push(CompanyRow::COLUMNS);
    BY_NAME.push_columns(&mut query);
    query.push("FROM companies WHERE true");
    if let Some(text) = text {
        query.push(" AND name ILIKE ").push_bind(containing(text));
    }
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    let mut tx = operator.begin("companies.list").await?;
    let rows: Vec<Listed<CompanyRow>> = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    BY_NAME.page(rows, page, TryInto::try_into)
}

const BY_NAME: Order = Order {
    by: "lower(name)",
    of: SortType::Text,
    descending: false,
    tie: "id",
    tie_is_uuid: true,
};

/// A company by its id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn find(operator: &OperatorScope, id: CompanyId) -> Result<Option<Company>, StoreError> {
    let mut tx = operator.begin("companies.find").await?;
    let company = read(&mut tx, id).await?;
    tx.commit().await?;
    Ok(company)
}

/// A company by its name, whatever the letters' case.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn find_by_name(
    operator: &OperatorScope,
    name: &str,
) -> Result<Option<Company>, StoreError> {
    let mut tx = operator.begin("companies.find_by_name").await?;
    let row = sqlx::query_as!(
        CompanyRow,
        "SELECT id, name, created_at, suspended_at, settings_revision, heartbeat_every_s,
                scan_every_s, sources_off, visits, deletion_asked_at,
                deletion_asked_by, deletion_due_at, erasing_since
         FROM companies WHERE lower(name) = lower($1)",
        name.trim()
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    row.map(TryInto::try_into).transpose()
}

/// Those of some companies that are suspended now.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn suspended(
    operator: &OperatorScope,
    companies: &[CompanyId],
) -> Result<Vec<CompanyId>, StoreError> {
    let ids: Vec<Uuid> = companies.iter().map(|company| company.0).collect();
    let mut tx = operator.begin("companies.suspended").await?;
    let suspended = sqlx::query_scalar!(
        "SELECT id FROM companies WHERE id = ANY($1) AND suspended_at IS NOT NULL",
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(suspended.into_iter().map(CompanyId).collect())
}

/// The scope's own company.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn own(scope: &TenantScope) -> Result<Company, StoreError> {
    let mut tx = scope.begin("companies.own").await?;
    let company = read(&mut tx, scope.company()).await?;
    tx.commit().await?;
    company.ok_or_else(|| StoreError::inconsistent("companies", "id", &scope.company().to_string()))
}

/// Suspends a company or lifts it; suspending closes its agents' connections on every node.
/// `None` when there is no such company. One that is to be deleted stays suspended.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn set_suspended(
    operator: &OperatorScope,
    id: CompanyId,
    suspended: bool,
    now: OffsetDateTime,
) -> Result<Option<Company>, StoreError> {
    let mut tx = operator.begin("companies.set_suspended").await?;
    let changed = sqlx::query_scalar!(
        "UPDATE companies SET suspended_at = CASE WHEN $2 THEN coalesce(suspended_at, $3) END
         WHERE id = $1 AND ($2 OR deletion_asked_at IS NULL) RETURNING key",
        id.0,
        suspended,
        now
    )
    .fetch_optional(&mut *tx)
    .await?;
    // Also when it was suspended before: doing it again is how an operator makes sure that a
    // session which slipped through ends.
    if changed.is_some() && suspended {
        commands::announce_revocation(&mut tx, Revoked::Company(id)).await?;
    }
    if changed.is_some() {
        let action = if suspended { "company.suspend" } else { "company.resume" };
        audit::record_of_operators(&mut tx, operator, Change::done(action, id), now).await?;
    }
    let company = read(&mut tx, id).await?;
    tx.commit().await?;
    Ok(company)
}

/// Sets what the company's agents are told, brought into the wire's limits, under the next
/// revision, and tells the nodes that hold their connections. Gives what was set.
///
/// `visits` as in [`Company::visits`].
///
/// # Errors
///
/// When the database cannot be used.
pub async fn set_settings(
    scope: &TenantScope,
    settings: &Settings,
    visits: Option<bool>,
    now: OffsetDateTime,
) -> Result<Settings, StoreError> {
    let edited = edit_settings(scope, settings, visits, None, now).await?;
    edited
        .map(|company| company.settings)
        .ok_or_else(|| StoreError::inconsistent("companies", "id", &scope.company().to_string()))
}

/// As [`set_settings`], when they are still at `revision`; `None` when they are not.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn edit_settings(
    scope: &TenantScope,
    settings: &Settings,
    visits: Option<bool>,
    revision: Option<u64>,
    now: OffsetDateTime,
) -> Result<Option<Company>, StoreError> {
    // Brought into the limits and not refused: an agent would refuse the whole message, and with it
    // every other setting.
    let every = |value: u32, range: std::ops::RangeInclusive<u32>| {
        i64::from(value.clamp(*range.start(), *range.end()))
    };
    let sources: Vec<String> =
        settings.sources_off.iter().map(|source| source.as_str().to_owned()).collect();
    let mut tx = scope.begin("companies.set_settings").await?;
    let before = read(&mut tx, scope.company()).await?;
    let done = sqlx::query!(
        "UPDATE companies SET settings_revision = settings_revision + 1, heartbeat_every_s = $2,
                scan_every_s = $3, sources_off = $4, visits = $5
         WHERE key = $1 AND ($6::bigint IS NULL OR settings_revision = $6)",
        scope.key(),
        every(settings.heartbeat_every_s, limits::HEARTBEAT_EVERY_S),
        every(settings.scan_every_s, limits::SCAN_EVERY_S),
        &sources,
        visits,
        revision.map(u64::cast_signed)
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    let company = read(&mut tx, scope.company()).await?;
    if let (Some(before), Some(company)) = (&before, &company) {
        let revision = company.settings.revision;
        commands::announce_settings(&mut tx, scope.company(), revision).await?;
        let (was, is) = (shown(before), shown(company));
        let change = Change::edited("settings.write", scope.company(), was, is);
        audit::record(&mut tx, scope, change, now).await?;
    }
    tx.commit().await?;
    Ok(company)
}

/// A company's settings as the audit log shows them.
fn shown(company: &Company) -> serde_json::Value {
    let settings = &company.settings;
    let sources: Vec<_> = settings.sources_off.iter().map(|s| s.as_str()).collect();
    json!({ "heartbeat_every_s": settings.heartbeat_every_s, "scan_every_s": settings.scan_every_s,
            "sources_off": sources, "visits": company.visits })
}

async fn read(tx: &mut PgConnection, id: CompanyId) -> Result<Option<Company>, StoreError> {
    sqlx::query_as!(
        CompanyRow,
        "SELECT id, name, created_at, suspended_at, settings_revision, heartbeat_every_s,
                scan_every_s, sources_off, visits, deletion_asked_at,
                deletion_asked_by, deletion_due_at, erasing_since
         FROM companies WHERE id = $1",
        id.0
    )
    .fetch_optional(tx)
    .await?
    .map(TryInto::try_into)
    .transpose()
}

pub mod data;
pub mod deletion;
pub mod erase;
mod rename;
mod retention;
mod row;
mod rules;

use self::deletion::Deletion;
pub use self::rename::rename;
pub use self::retention::{Retention, retention, revised_retention, set_retention};
use self::row::CompanyRow;
pub(crate) use self::row::settings;
pub(crate) use self::rules::{
    needs_approval, note_digests, note_report_schedules, note_rules, note_webhooks,
    set_needs_approval,
};
pub use self::rules::{with_digests, with_report_schedules, with_rules, with_webhooks};

#[cfg(test)]
mod tests;
