//! Giving a company another name.

use protocol::ids::CompanyId;
use serde_json::json;
use time::OffsetDateTime;

use super::{Company, CreateError, read};
use crate::audit::{self, Change};
use crate::error::{StoreError, violated_constraint};
use crate::tenant::OperatorScope;

/// Gives a company another name; `None` when there is no such company. Whatever names it by its id goes on.
///
/// # Errors
///
/// When the name is taken or none, or the database cannot be used.
pub async fn rename(
    operator: &OperatorScope,
    id: CompanyId,
    name: &str,
    now: OffsetDateTime,
) -> Result<Option<Company>, CreateError> {
    if name.chars().any(char::is_control) {
        return Err(CreateError::NameInvalid);
    }
    let mut tx = operator.begin("companies.rename").await?;
    let before = sqlx::query_scalar!(
        r#"UPDATE companies c SET name = $2
           FROM (SELECT key, name FROM companies WHERE id = $1 FOR UPDATE) AS old
           WHERE c.key = old.key RETURNING old.name AS "name!""#,
        id.0,
        name.trim()
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(|error| match violated_constraint(&error) {
        Some("companies_name_key") => CreateError::NameTaken,
        Some("companies_name_check") => CreateError::NameInvalid,
        _ => CreateError::Store(error.into()),
    })?;
    let Some(before) = before else { return Ok(None) };
    let (was, is) = (json!({ "name": before }), json!({ "name": name.trim() }));
    let change = Change::edited("company.rename", id, was, is);
    audit::record_of_operators(&mut tx, operator, change, now).await?;
    let company = read(&mut tx, id).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(company)
}
