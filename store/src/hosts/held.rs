//! Everything that is held of one host: in which tables, to be shown whole or to be erased.
//!
//! A table that a migration adds has to be named here where it says which host its rows are about; a test asks the
//! catalogue for all of them.

use protocol::ids::AgentId;
use serde_json::{Value, json};
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;

use crate::audit::{self, Change};
use crate::companies::data::left_out;
use crate::error::StoreError;
use crate::export::Rows;
use crate::tenant::TenantScope;

/// A company's table with rows about hosts.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) table: &'static str,
    by: By,
}

/// How its rows say which host they are about.
#[derive(Clone, Copy, Debug)]
enum By {
    /// By its number.
    Key(&'static str),
    /// By its id.
    Id(&'static str),
    /// By its id, somewhere in a text or in JSON.
    Said(&'static str),
}

/// What goes with a host. The agent's own row is the last: while it is there, reports find it.
pub(super) const HELD: [Held; 16] = [
    Held { table: "installations", by: By::Key("agent_key") },
    Held { table: "agent_facts", by: By::Key("agent_key") },
    Held { table: "host_labels", by: By::Key("agent_key") },
    Held { table: "host_evaluations", by: By::Key("agent_key") },
    Held { table: "host_counts", by: By::Key("agent_key") },
    Held { table: "policy_results", by: By::Key("agent_key") },
    Held { table: "policy_events", by: By::Key("agent_key") },
    Held { table: "finding_exceptions", by: By::Key("agent_key") },
    Held { table: "exceptions", by: By::Key("agent_key") },
    // Of an asset: its documents.
    Held { table: "imports", by: By::Key("agent_key") },
    Held { table: "dead_letters", by: By::Id("agent") },
    // Messages that tell of it, and what was answered to them. When it is erased, what tells of others as well stays.
    Held { table: "webhook_deliveries", by: By::Said("events") },
    Held { table: "webhook_deliveries", by: By::Said("answer") },
    Held { table: "digest_messages", by: By::Said("body_text") },
    Held { table: "digest_messages", by: By::Said("body_html") },
    Held { table: "agents", by: By::Key("key") },
];

/// What is held of a host and stays: who did what is proof, also of its erasure.
const KEPT: Held = Held { table: "audit_log", by: By::Said("object") };

impl Held {
    /// Adds the condition for its rows of one host.
    pub(super) fn push(
        &self,
        query: &mut QueryBuilder<Postgres>,
        company_key: i64,
        (key, agent): (i64, AgentId),
    ) {
        query.push(" WHERE t.company_key = ").push_bind(company_key);
        match self.by {
            By::Key(column) => query.push(format!(" AND t.{column} = ")).push_bind(key),
            By::Id(column) => query.push(format!(" AND t.{column} = ")).push_bind(agent.0),
            By::Said(column) => query
                .push(" AND position(")
                .push_bind(agent.to_string())
                .push(format!(" IN t.{column}::text) > 0")),
        };
    }
}

/// A row that is held of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldRow {
    /// The kind of thing that it is: the table.
    pub kind: String,
    /// The row.
    pub row: Value,
}

/// Everything that is held of one host, under way.
#[derive(Debug)]
pub struct HostData {
    rows: Rows,
}

impl HostData {
    /// The next rows; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<HeldRow>, StoreError> {
        let rows: Vec<(String, Value)> = self.rows.fetch().await?;
        Ok(rows.into_iter().map(|(kind, row)| HeldRow { kind, row }).collect())
    }
}

/// Everything that is held of a host, in one snapshot: its rows of every table, the software that it has or had, and
/// what was done with it. `None` when the company has none with this id.
///
/// Others' rights and the documents themselves are left out, as of a company's export
/// ([`LEFT_OUT`](crate::companies::data::LEFT_OUT)). That it was asked for stands in the company's log.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export_data(
    scope: &TenantScope,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<Option<HostData>, StoreError> {
    let mut tx = scope.begin("hosts.data.find").await?;
    let key = sqlx::query_scalar!(
        "SELECT key FROM agents WHERE company_key = $1 AND id = $2",
        scope.key(),
        agent.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(key) = key else { return Ok(None) };
    audit::record(&mut tx, scope, Change::made("host.export", agent, json!({})), now).await?;
    tx.commit().await?;
    let mut query = QueryBuilder::<Postgres>::new("");
    for held in HELD.iter().chain([&KEPT]) {
        query.push(format!("SELECT '{}', to_jsonb(t) - ", held.table));
        query.push_bind(left_out(held.table)).push(format!(" FROM {} t", held.table));
        held.push(&mut query, scope.key(), (key, agent));
        query.push(" UNION ALL ");
    }
    query
        .push("SELECT 'software', to_jsonb(s) - 'company_key' FROM software s WHERE s.company_key = ")
        .push_bind(scope.key())
        .push(" AND s.software_key IN (SELECT i.software_key FROM installations i WHERE i.company_key = ")
        .push_bind(scope.key())
        .push(" AND i.agent_key = ")
        .push_bind(key)
        .push(")");
    Ok(Some(HostData { rows: Rows::open(scope, "hosts.data", query).await? }))
}
