//! Whom mail of a company may go to: people who work in it and may sign in.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;

/// Somebody whom mail may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reachable {
    /// Who.
    pub(crate) id: Uuid,
    /// Their address.
    pub(crate) email: String,
    /// What they are called.
    pub(crate) name: String,
}

/// Those of some people who work in the company and may sign in.
pub(crate) async fn reachable(
    tx: &mut PgConnection,
    company_key: i64,
    ids: &[Uuid],
) -> Result<Vec<Reachable>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let people = sqlx::query_as!(
        Reachable,
        "SELECT u.id, u.email, u.name FROM memberships m JOIN users u ON u.id = m.user_id
         WHERE m.company_key = $1 AND m.user_id = ANY($2) AND u.disabled_at IS NULL",
        company_key,
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(people)
}

/// Whether somebody works in the company; their membership is kept as it is until the transaction ends.
pub(crate) async fn hold_member(
    tx: &mut PgConnection,
    company_key: i64,
    user: Uuid,
) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!(
        "SELECT revision FROM memberships WHERE company_key = $1 AND user_id = $2 FOR UPDATE",
        company_key,
        user
    )
    .fetch_optional(tx)
    .await?;
    Ok(held.is_some())
}
