//! Erasing a host: all that is held of it, at once.

use std::collections::BTreeMap;

use protocol::ids::AgentId;
use serde_json::json;
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::held::HELD;
use super::unsaid::take_out_of_messages;
use crate::actors;
use crate::audit::{self, Change};
use crate::commands::{self, Revoked};
use crate::error::StoreError;
use crate::tenant::TenantScope;
use crate::{imports, jobs};

/// Rows that were erased, by table.
pub type Erased = BTreeMap<&'static str, u64>;

/// Erases a host with everything that is held of it but who did what.
///
/// `None` when the company has none with this id. Its connection is closed and its certificate opens nothing any more: nobody knows the agent.
///
/// Messages that tell of others as well lose what they tell of it; a digest that waits is written again.
///
/// In one transaction, which is as long as what one host can have: a host that is half erased would be neither there
/// nor gone.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn erase(
    scope: &TenantScope,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<Option<Erased>, StoreError> {
    let mut tx = scope.begin("hosts.erase").await?;
    // Whoever applies its reports waits here, and finds no agent afterwards.
    let key = sqlx::query_scalar!(
        "SELECT key FROM agents WHERE company_key = $1 AND id = $2 FOR UPDATE",
        scope.key(),
        agent.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(key) = key else { return Ok(None) };
    commands::announce_revocation(&mut tx, Revoked::Agent(agent)).await?;
    let imports = imports::waiting_of(&mut tx, scope.key(), key).await?;
    take_out_of_messages(&mut tx, scope.key(), agent, now).await?;
    let mut erased = Erased::new();
    for held in &HELD {
        let mut query = QueryBuilder::<Postgres>::new(format!("DELETE FROM {} t", held.table));
        held.push(&mut query, scope.key(), (key, agent));
        let done = query.build().execute(&mut *tx).await?;
        *erased.entry(held.table).or_default() += done.rows_affected();
    }
    // Nobody is to begin what is gone, or to look for it again and again.
    let who = actors::word(scope.origin().actor());
    for import in imports {
        jobs::cancel_tick(&mut tx, (imports::JOB, import), &who, now).await?;
    }
    sqlx::query!("DELETE FROM agent_commands WHERE agent = $1", agent.0).execute(&mut *tx).await?;
    // Of an agent that came in its place, where it was on several machines.
    sqlx::query!(
        "UPDATE agents SET rekeyed_from = NULL WHERE company_key = $1 AND rekeyed_from = $2",
        scope.key(),
        agent.0
    )
    .execute(&mut *tx)
    .await?;
    erased.retain(|_, rows| *rows > 0);
    let change = Change::made("host.erase", agent, json!({ "rows": erased }));
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(Some(erased))
}
