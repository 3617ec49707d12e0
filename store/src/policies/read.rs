//! Policies and their results as people ask for them.

use protocol::ids::AgentId;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{HostCounts, Policy, PolicyState};
use crate::error::StoreError;
use crate::export::Rows;
use crate::page::{self, Order, Page, PageRequest, SortType, within, within_key};
use crate::tenant::TenantScope;

const BY_NAME: Order = Order {
    by: "lower(p.name)",
    of: SortType::Text,
    descending: false,
    tie: "p.id",
    tie_is_uuid: true,
};

const SELECT: &str =
    "SELECT p.id, p.name, p.description, p.rule, p.label, p.is_enabled, p.created_at,
       p.changed_at, p.revision, p.evaluated_at, h.pass, h.fail, h.unknown";

const FROM: &str = " FROM policies p
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE r.state = 'pass') AS pass,
               count(*) FILTER (WHERE r.state = 'fail') AS fail,
               count(*) FILTER (WHERE r.state = 'unknown') AS unknown
        FROM policy_results r WHERE r.company_key = $1 AND r.policy = p.id
    ) h
    WHERE p.company_key = $1";

/// A page of policies, by name.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(scope: &TenantScope, page: &PageRequest) -> Result<Page<Policy>, StoreError> {
    let mut query = within(scope, SELECT)?;
    BY_NAME.push_columns(&mut query);
    query.push(FROM);
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    let rows = page::fetch::<Row>(scope, "policies.list", query).await?;
    BY_NAME.page(rows, page, TryInto::try_into)
}

/// One policy; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: Uuid) -> Result<Option<Policy>, StoreError> {
    let mut tx = scope.begin("policies.get").await?;
    let policy = one(&mut tx, scope.key(), id).await?;
    tx.commit().await?;
    Ok(policy)
}

pub(super) async fn one(
    tx: &mut PgConnection,
    company_key: i64,
    id: Uuid,
) -> Result<Option<Policy>, StoreError> {
    let mut query = within_key(company_key, SELECT)?;
    query.push(FROM).push(" AND p.id = ").push_bind(id);
    let row: Option<Row> = query.build_query_as().fetch_optional(tx).await?;
    row.map(TryInto::try_into).transpose()
}

#[derive(Debug, FromRow)]
struct Row {
    id: Uuid,
    name: String,
    description: String,
    rule: Value,
    label: Option<Uuid>,
    is_enabled: bool,
    created_at: OffsetDateTime,
    changed_at: OffsetDateTime,
    revision: i64,
    evaluated_at: Option<OffsetDateTime>,
    pass: i64,
    fail: i64,
    unknown: i64,
}

impl TryFrom<Row> for Policy {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let text = row.rule.to_string();
        Ok(Self {
            id: row.id,
            name: row.name,
            description: row.description,
            rule: serde_json::from_value(row.rule)
                .map_err(|_| StoreError::inconsistent("policies", "rule", &text))?,
            label: row.label,
            is_enabled: row.is_enabled,
            created_at: row.created_at,
            changed_at: row.changed_at,
            revision: row.revision.unsigned_abs(),
            evaluated_at: row.evaluated_at,
            hosts: HostCounts {
                pass: row.pass.unsigned_abs(),
                fail: row.fail.unsigned_abs(),
                unknown: row.unknown.unsigned_abs(),
            },
        })
    }
}

/// What a policy comes to for a host.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyResult {
    /// The host.
    pub host: AgentId,
    /// Its name.
    pub hostname: String,
    /// What the policy comes to.
    pub state: PolicyState,
    /// Since when.
    pub since: OffsetDateTime,
    /// Which software and which CVE.
    pub reason: Option<Value>,
}

/// Which results a list has.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResultFilter {
    /// In this state.
    pub state: Option<PolicyState>,
}

const BY_HOST: Order = Order {
    by: "lower(a.hostname)",
    of: SortType::Text,
    descending: false,
    tie: "a.id",
    tie_is_uuid: true,
};

/// A page of what a policy comes to, by the hosts' names.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn results(
    scope: &TenantScope,
    policy: Uuid,
    filter: ResultFilter,
    page: &PageRequest,
) -> Result<Page<PolicyResult>, StoreError> {
    let mut query = select_results(scope, policy, filter)?;
    BY_HOST.push_after(&mut query, page)?;
    BY_HOST.push_end(&mut query, page);
    let rows = page::fetch::<ResultRow>(scope, "policies.results", query).await?;
    BY_HOST.page(rows, page, TryInto::try_into)
}

/// All that a policy comes to, by the hosts' names and in one snapshot, some at a time.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export_results(
    scope: &TenantScope,
    policy: Uuid,
    filter: ResultFilter,
) -> Result<ResultExport, StoreError> {
    let mut query = select_results(scope, policy, filter)?;
    BY_HOST.push_order(&mut query);
    Ok(ResultExport(Rows::open(scope, "policies.export_results", query).await?))
}

/// An export of results under way.
#[derive(Debug)]
pub struct ResultExport(Rows);

impl ResultExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<PolicyResult>, StoreError> {
        let rows: Vec<ResultRow> = self.0.fetch().await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

fn select_results(
    scope: &TenantScope,
    policy: Uuid,
    filter: ResultFilter,
) -> Result<sqlx::QueryBuilder<sqlx::Postgres>, StoreError> {
    let mut query = within(scope, "SELECT a.id AS host, a.hostname, r.state, r.since, r.reason")?;
    BY_HOST.push_columns(&mut query);
    query.push(
        " FROM policy_results r JOIN agents a ON a.company_key = $1 AND a.key = r.agent_key
          WHERE r.company_key = $1 AND r.policy = ",
    );
    query.push_bind(policy);
    if let Some(state) = filter.state {
        query.push(" AND r.state = ").push_bind(state.as_str());
    }
    Ok(query)
}

#[derive(Debug, FromRow)]
struct ResultRow {
    host: Uuid,
    hostname: String,
    state: String,
    since: OffsetDateTime,
    reason: Option<Value>,
}

impl TryFrom<ResultRow> for PolicyResult {
    type Error = StoreError;

    fn try_from(row: ResultRow) -> Result<Self, StoreError> {
        Ok(Self {
            host: AgentId(row.host),
            hostname: row.hostname,
            state: state(&row.state)?,
            since: row.since,
            reason: row.reason,
        })
    }
}

fn state(name: &str) -> Result<PolicyState, StoreError> {
    PolicyState::parse(name)
        .ok_or_else(|| StoreError::inconsistent("policy_results", "state", name))
}

/// What one policy comes to for one host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostResult {
    /// The policy.
    pub policy: Uuid,
    /// Its name.
    pub name: String,
    /// What it comes to.
    pub state: PolicyState,
    /// Since when.
    pub since: OffsetDateTime,
    /// Which software and which CVE.
    pub reason: Option<Value>,
}

/// What all policies come to for a host, by their names.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn of_host(scope: &TenantScope, host: AgentId) -> Result<Vec<HostResult>, StoreError> {
    let mut tx = scope.begin("policies.of_host").await?;
    let rows = sqlx::query!(
        "SELECT p.id, p.name, r.state, r.since, r.reason
         FROM agents a
         JOIN policy_results r ON r.company_key = $1 AND r.agent_key = a.key
         JOIN policies p ON p.company_key = $1 AND p.id = r.policy
         WHERE a.company_key = $1 AND a.id = $2
         ORDER BY lower(p.name)",
        scope.key(),
        host.0
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter()
        .map(|row| {
            Ok(HostResult {
                policy: row.id,
                name: row.name,
                state: state(&row.state)?,
                since: row.since,
                reason: row.reason,
            })
        })
        .collect()
}

/// How a company stands by its policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicySummary {
    /// Policies that are computed.
    pub policies: u64,
    /// Those that fail for some host.
    pub failing: u64,
    /// Hosts for which some policy fails.
    pub hosts_failing: u64,
    /// Hosts for which all policies hold that are for them.
    pub hosts_passing: u64,
}

/// How the company stands by its policies.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn summary(scope: &TenantScope) -> Result<PolicySummary, StoreError> {
    let mut tx = scope.begin("policies.summary").await?;
    let row = sqlx::query!(
        r#"SELECT
             (SELECT count(*) FROM policies p WHERE p.company_key = $1 AND p.is_enabled)
                 AS "policies!",
             (SELECT count(DISTINCT r.policy) FROM policy_results r
              WHERE r.company_key = $1 AND r.state = 'fail') AS "failing!",
             count(*) FILTER (WHERE h.fails) AS "hosts_failing!",
             count(*) FILTER (WHERE h.passes) AS "hosts_passing!"
           FROM (
             SELECT bool_or(r.state = 'fail') AS fails, bool_and(r.state = 'pass') AS passes
             FROM policy_results r WHERE r.company_key = $1 GROUP BY r.agent_key
           ) h"#,
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(PolicySummary {
        policies: row.policies.unsigned_abs(),
        failing: row.failing.unsigned_abs(),
        hosts_failing: row.hosts_failing.unsigned_abs(),
        hosts_passing: row.hosts_passing.unsigned_abs(),
    })
}
