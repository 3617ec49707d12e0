//! Reads the audit log, newest first, and forgets what is old.

use serde_json::Value;
use sqlx::types::Json;
use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::StoreError;
use crate::export::Rows;
use crate::page::{self, Listed, Order, Page, PageRequest, SortType};
use crate::tenant::{OPERATORS, OperatorScope, TenantScope};

/// A row of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// When it happened.
    pub at: OffsetDateTime,
    /// What kind of actor: `user`, `api_key`, `local` or `system`.
    pub actor_kind: String,
    /// The actor's id, if it has one.
    pub actor_id: Option<Uuid>,
    /// What the actor was called then.
    pub actor_name: String,
    /// Where the request came from.
    pub address: Option<String>,
    /// The request's id, as in the log of the collector; empty outside of requests.
    pub request_id: String,
    /// What was done.
    pub action: String,
    /// The id of what it was done to.
    pub object: String,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
}

/// Which rows of the log.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// Of this actor.
    pub actor: Option<Uuid>,
    /// This action, or all of an object's kind: `api_key`.
    pub action: Option<String>,
    /// Done to this object.
    pub object: Option<String>,
    /// From this instant on.
    pub since: Option<OffsetDateTime>,
    /// Before this instant.
    pub until: Option<OffsetDateTime>,
}

/// A page of a company's log, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: &EntryFilter,
    page: &PageRequest,
) -> Result<Page<Entry>, StoreError> {
    let mut query = select(scope.key(), filter, page)?;
    let mut tx = scope.begin_look("audit.list").await?;
    let rows: Vec<Listed<EntryRow>> = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    NEWEST.page(rows, page, |row| Ok(row.into()))
}

/// A page of the operators' log, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list_of_operators(
    operator: &OperatorScope,
    filter: &EntryFilter,
    page: &PageRequest,
) -> Result<Page<Entry>, StoreError> {
    let mut query = select(OPERATORS, filter, page)?;
    let mut tx = operator.begin("audit.list_of_operators").await?;
    let rows: Vec<Listed<EntryRow>> = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    NEWEST.page(rows, page, |row| Ok(row.into()))
}

const NEWEST: Order =
    Order { by: "at", of: SortType::Instant, descending: true, tie: "id", tie_is_uuid: true };

const COLUMNS: &str =
    "SELECT id, at, actor_kind, actor_id, actor_name, address, request_id, action, object,
       before, after";

fn select(
    company_key: i64,
    filter: &EntryFilter,
    page: &PageRequest,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = QueryBuilder::new(COLUMNS);
    NEWEST.push_columns(&mut query);
    query.push("FROM audit_log WHERE company_key = ").push_bind(company_key);
    push_filter(&mut query, filter);
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    Ok(query)
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &EntryFilter) {
    if let Some(actor) = filter.actor {
        query.push(" AND actor_id = ").push_bind(actor);
    }
    if let Some(action) = &filter.action {
        query.push(" AND (action = ").push_bind(action.clone());
        // The kind of object is what stands before the point.
        query.push(" OR split_part(action, '.', 1) = ").push_bind(action.clone()).push(")");
    }
    if let Some(object) = &filter.object {
        query.push(" AND object = ").push_bind(object.clone());
    }
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" AND at < ").push_bind(until);
    }
}

/// All of a company's log that a filter has, newest first and in one snapshot, some at a time.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(scope: &TenantScope, filter: &EntryFilter) -> Result<EntryExport, StoreError> {
    let mut query = page::within(scope, COLUMNS)?;
    query.push(" FROM audit_log WHERE company_key = $1");
    push_filter(&mut query, filter);
    NEWEST.push_order(&mut query);
    Ok(EntryExport(Rows::open(scope, "audit.export", query).await?))
}

/// An export of the log under way.
#[derive(Debug)]
pub struct EntryExport(Rows);

impl EntryExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<Entry>, StoreError> {
        let rows: Vec<EntryRow> = self.0.fetch().await?;
        Ok(rows.into_iter().map(Entry::from).collect())
    }
}

/// Forgets up to `limit` of the company's rows from before; how many there were.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn purge(
    scope: &TenantScope,
    before: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreError> {
    let mut tx = scope.begin("audit.purge").await?;
    let done = sqlx::query!(
        "DELETE FROM audit_log WHERE company_key = $1 AND (at, id) IN
             (SELECT at, id FROM audit_log WHERE company_key = $1 AND at < $2 LIMIT $3)",
        scope.key(),
        before,
        i64::from(limit)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[derive(FromRow)]
struct EntryRow {
    id: Uuid,
    at: OffsetDateTime,
    actor_kind: String,
    actor_id: Option<Uuid>,
    actor_name: String,
    address: Option<String>,
    request_id: String,
    action: String,
    object: String,
    before: Option<Json<Value>>,
    after: Option<Json<Value>>,
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            address: row.address,
            request_id: row.request_id,
            action: row.action,
            object: row.object,
            before: row.before.map(|json| json.0),
            after: row.after.map(|json| json.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{After, SortValue, explain};
    use crate::test_fixtures::{World, at, id};

    #[tokio::test]
    async fn a_page_of_the_log_begins_where_the_key_says_and_sorts_nothing() {
        let world = World::new().await;
        let value = SortValue::Integer(at(7).unix_timestamp() * 1_000_000);
        let after = After { value, id: id().to_string(), seen: 500_000 };
        let deep = PageRequest { limit: 100, after: Some(after) };
        for page in [PageRequest::first(100), deep] {
            let query = select(world.scope.key(), &EntryFilter::default(), &page).unwrap();
            let plan = explain(&world.scope, query).await;
            assert!(plan.contains("Backward") && !plan.contains("Sort"), "{plan}");
            let begins = plan.contains("(ROW(at, id) < ROW(");
            assert_eq!(begins, page.after.is_some(), "{plan}");
            assert!(!plan.contains("Filter: (ROW("), "{plan}");
        }
    }
}
