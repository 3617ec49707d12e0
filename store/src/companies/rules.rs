//! What a company's row knows of its labels, exceptions and policies.

use protocol::ids::CompanyId;
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::tenant::OperatorScope;

/// The companies that ever had a label, an exception or a policy, in the order of their making: whom
/// the job that keeps those has to visit.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn with_rules(operator: &OperatorScope) -> Result<Vec<CompanyId>, StoreError> {
    let mut tx = operator.begin("companies.with_rules").await?;
    let ids = sqlx::query_scalar!("SELECT id FROM companies WHERE has_rules ORDER BY key")
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(CompanyId).collect())
}

/// Notes that the company has something for that job.
pub(crate) async fn note_rules(tx: &mut PgConnection, company_key: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE companies SET has_rules = true WHERE key = $1 AND NOT has_rules",
        company_key
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The companies that ever had a webhook and are not to be deleted, in the order of their making.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn with_webhooks(operator: &OperatorScope) -> Result<Vec<CompanyId>, StoreError> {
    let mut tx = operator.begin("companies.with_webhooks").await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM companies WHERE has_webhooks AND deletion_asked_at IS NULL ORDER BY key"
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(CompanyId).collect())
}

/// Notes that the company has one.
pub(crate) async fn note_webhooks(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE companies SET has_webhooks = true WHERE key = $1 AND NOT has_webhooks",
        company_key
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether the company's exceptions take a second person.
pub(crate) async fn needs_approval(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<bool, StoreError> {
    let needs = sqlx::query_scalar!(
        "SELECT exceptions_need_approval FROM companies WHERE key = $1",
        company_key
    )
    .fetch_one(tx)
    .await?;
    Ok(needs)
}

/// Says whether they do.
pub(crate) async fn set_needs_approval(
    tx: &mut PgConnection,
    company_key: i64,
    needs: bool,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE companies SET exceptions_need_approval = $2 WHERE key = $1",
        company_key,
        needs
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The companies that ever had a schedule of reports, in the order of their making.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn with_report_schedules(operator: &OperatorScope) -> Result<Vec<CompanyId>, StoreError> {
    let mut tx = operator.begin("companies.with_report_schedules").await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM companies WHERE has_report_schedules AND suspended_at IS NULL ORDER BY key"
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(CompanyId).collect())
}

/// Notes that the company has one.
pub(crate) async fn note_report_schedules(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE companies SET has_report_schedules = true WHERE key = $1 AND NOT has_report_schedules",
        company_key
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The companies that may be written to and in which somebody ever wanted digests, in the order of their making.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn with_digests(operator: &OperatorScope) -> Result<Vec<CompanyId>, StoreError> {
    let mut tx = operator.begin("companies.with_digests").await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM companies WHERE has_digests AND suspended_at IS NULL ORDER BY key"
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(CompanyId).collect())
}

/// Notes that somebody in the company wants digests.
pub(crate) async fn note_digests(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE companies SET has_digests = true WHERE key = $1 AND NOT has_digests",
        company_key
    )
    .execute(tx)
    .await?;
    Ok(())
}
