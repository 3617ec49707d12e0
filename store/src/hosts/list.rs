//! The list of a company's hosts.

use std::collections::BTreeMap;

use protocol::host::Platform;
use protocol::ids::AgentId;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::filter::{HostFilter, push_host_filter};
use super::{Host, HostKind, counted, excepted, then};
use crate::counts::kept_at;
use crate::error::StoreError;
use crate::export::Rows;
use crate::names;
use crate::page::{Order, Page, PageRequest, SortType, within};
use crate::software::FindingCounts;
use crate::tenant::TenantScope;

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostSort {
    /// By name.
    #[default]
    Hostname,
    /// By when it last said anything, newest first.
    LastSeen,
    /// By when it last said anything, longest ago first; what never did counts from its enrolment on, and
    /// assets without an agent, which are never missed, come last.
    Silent,
    /// By when it became an agent, newest first.
    Enrolled,
    /// By how much software it has, most first.
    Software,
}

impl HostSort {
    /// `is_low`: hosts have their names in small letters.
    const fn order(self, is_low: bool) -> Order {
        let (by, of, descending) = match self {
            Self::Hostname if is_low => ("hostname_low", SortType::Text, false),
            Self::Hostname => ("lower(hostname)", SortType::Text, false),
            Self::LastSeen => (
                "coalesce((extract(epoch FROM last_seen_at) * 1000000)::bigint, 0)",
                SortType::Integer,
                true,
            ),
            Self::Silent => (
                "CASE WHEN kind = 'agent' THEN (extract(epoch FROM
                     coalesce(last_seen_at, enrolled_at)) * 1000000)::bigint
                 ELSE 9223372036854775807 END",
                SortType::Integer,
                false,
            ),
            Self::Enrolled => ("enrolled_at", SortType::Instant, true),
            Self::Software => ("digest_count", SortType::Integer, true),
        };
        Order { by, of, descending, tie: "id", tie_is_uuid: true }
    }
}

/// A page of hosts.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: &HostFilter,
    sort: HostSort,
    page: &PageRequest,
) -> Result<Page<Host>, StoreError> {
    let mut tx = scope.begin_read("hosts.list").await?;
    let is_low = sort == HostSort::Hostname && names::of_hosts(&mut tx, scope.key()).await?;
    let order = sort.order(is_low);
    let mut query = select(scope, filter, order)?;
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    #[cfg(test)]
    crate::page::note(&query);
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let mut page = order.page(rows, page, |row: HostRow| Ok(Host::from(row)))?;
    count(&mut tx, scope.key(), &mut page.items, filter.as_of).await?;
    let counted_at = match filter.as_of {
        None => kept_at(&mut tx, scope.key()).await?,
        Some(_) => None,
    };
    tx.commit().await?;
    Ok(page.counted(counted_at))
}

/// How many hosts a filter has, counted now.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn how_many(scope: &TenantScope, filter: &HostFilter) -> Result<u64, StoreError> {
    let mut query =
        within(scope, "SELECT count(*) FROM agents a WHERE company_key = $1 AND a.key > 0")?;
    push_host_filter(&mut query, filter);
    #[cfg(test)]
    crate::page::note(&query);
    let mut tx = scope.begin_read("hosts.how_many").await?;
    let count: i64 = query.build_query_scalar().fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(count.unsigned_abs())
}

/// All hosts of a filter, in an order and one snapshot, some at a time.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(
    scope: &TenantScope,
    filter: &HostFilter,
    sort: HostSort,
) -> Result<HostExport, StoreError> {
    let order = sort.order(false);
    let mut query = select(scope, filter, order)?;
    order.push_order(&mut query);
    Ok(HostExport { rows: Rows::open(scope, "hosts.export", query).await?, as_of: filter.as_of })
}

/// An export of hosts under way.
#[derive(Debug)]
pub struct HostExport {
    rows: Rows,
    as_of: Option<OffsetDateTime>,
}

impl HostExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<Host>, StoreError> {
        let rows: Vec<HostRow> = self.rows.fetch().await?;
        let mut hosts: Vec<Host> = rows.into_iter().map(Host::from).collect();
        let company = self.rows.company();
        count(self.rows.tx(), company, &mut hosts, self.as_of).await?;
        Ok(hosts)
    }
}

fn select(
    scope: &TenantScope,
    filter: &HostFilter,
    order: Order,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, SELECT)?;
    order.push_columns(&mut query);
    // Every key is above 0; saying so opens the indexes of these orders, which nothing else may use.
    query.push(" FROM agents a WHERE company_key = $1 AND a.key > 0");
    push_host_filter(&mut query, filter);
    Ok(query)
}

/// Findings are counted for a page's hosts alone, never for the whole list.
async fn count(
    tx: &mut PgConnection,
    company_key: i64,
    hosts: &mut [Host],
    as_of: Option<OffsetDateTime>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = hosts.iter().map(|host| host.id.0).collect();
    if let Some(at) = as_of {
        let mut counts = then::counts(tx, company_key, &ids, at).await?;
        for host in hosts {
            let (software, findings) = counts.remove(&host.id).unwrap_or_default();
            host.software = software;
            host.findings = findings;
        }
        return Ok(());
    }
    let mut findings = count_findings(tx, company_key, &ids).await?;
    for host in hosts {
        host.findings = findings.remove(&host.id).unwrap_or_default();
    }
    Ok(())
}

const SELECT: &str = "SELECT id, kind, hostname, platform_family, platform_id, platform_version, os_name, \
                      agent_version, enrolled_at, last_seen_at, revoked_at, digest_count, seen_every_s";

/// Findings of some hosts, by severity. Hosts without any are left out.
pub(super) async fn count_findings(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<BTreeMap<AgentId, FindingCounts>, StoreError> {
    let mut counts = counted::findings(tx, company_key, agents).await?;
    excepted::take_out(tx, company_key, agents, &mut counts).await?;
    Ok(counts)
}

#[derive(Debug, FromRow)]
pub(super) struct HostRow {
    pub(super) id: Uuid,
    pub(super) kind: String,
    pub(super) hostname: String,
    pub(super) platform_family: String,
    pub(super) platform_id: String,
    pub(super) platform_version: String,
    pub(super) os_name: String,
    pub(super) agent_version: String,
    pub(super) enrolled_at: OffsetDateTime,
    pub(super) last_seen_at: Option<OffsetDateTime>,
    pub(super) revoked_at: Option<OffsetDateTime>,
    pub(super) digest_count: i64,
    pub(super) seen_every_s: i64,
}

/// From when on a host that was last seen then is missed; `None` while it is not known how often it
/// shows itself.
fn overdue_at(last_seen_at: Option<OffsetDateTime>, every_s: i64) -> Option<OffsetDateTime> {
    // One sign of life may be lost, and waits have jitter: the second one that does not come counts.
    let allowed = Duration::seconds(every_s.saturating_mul(2)) + Duration::MINUTE;
    last_seen_at.filter(|_| every_s > 0)?.checked_add(allowed)
}

impl From<HostRow> for Host {
    fn from(row: HostRow) -> Self {
        Self {
            id: AgentId(row.id),
            // What another version made is shown as a host like any other.
            kind: HostKind::parse(&row.kind).unwrap_or(HostKind::Agent),
            hostname: row.hostname,
            platform: Platform {
                family: row.platform_family,
                id: row.platform_id,
                version: row.platform_version,
            },
            os_name: row.os_name,
            agent_version: row.agent_version,
            enrolled_at: row.enrolled_at,
            last_seen_at: row.last_seen_at,
            overdue_at: overdue_at(row.last_seen_at, row.seen_every_s),
            revoked_at: row.revoked_at,
            software: row.digest_count.unsigned_abs(),
            findings: FindingCounts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{After, SortValue, explain};
    use crate::test_fixtures::{World, id};

    #[tokio::test]
    async fn a_page_of_hosts_deep_in_the_list_begins_where_the_index_says() {
        let world = World::new().await;
        let value = SortValue::Text("web-50000".to_owned());
        let after = After { value, id: id().to_string(), seen: 50_000 };
        let page = PageRequest { limit: 100, after: Some(after) };
        let order = HostSort::Hostname.order(true);
        let mut query = select(&world.scope, &HostFilter::default(), order).unwrap();
        order.push_after(&mut query, &page).unwrap();
        order.push_end(&mut query, &page);
        let plan = explain(&world.scope, query).await;
        let begins = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_default();
        assert!(begins.contains("(ROW(hostname_low, id) > ROW("), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}
