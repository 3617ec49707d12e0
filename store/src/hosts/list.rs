//! The list of a company's hosts.

use protocol::host::Platform;
use protocol::ids::AgentId;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::filter::{HostFilter, push_host_filter};
use super::sort::{Along, HostSort, page_of};
use super::{Host, HostKind, counted, then};
use crate::counts::{hosts_kept_at, kept_at};
use crate::error::StoreError;
use crate::names;
use crate::page::{Listed, Page, PageRequest, within};
use crate::software::FindingCounts;
use crate::tenant::TenantScope;

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
    if sort.is_by_number() {
        // Two questions are asked, and a host that is counted between them would be in neither answer.
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *tx).await?;
    }
    let hosts_at = match filter.as_of {
        None => hosts_kept_at(&mut tx, scope.key()).await?,
        Some(_) => None,
    };
    let is_low = sort == HostSort::Hostname && names::of_hosts(&mut tx, scope.key()).await?;
    let along = sort.along(is_low, hosts_at.is_some());
    let query = page_of(scope, filter, (sort, along), page)?;
    let mut rows: Vec<Listed<HostRow>> = fetch(&mut tx, query).await?;
    if along == Along::Kept && (rows.len() as u64) < page.rows().unsigned_abs() {
        let query = page_of(scope, filter, (sort, Along::Uncounted), page)?;
        rows.extend(fetch(&mut tx, query).await?);
    }
    let mut page = sort.order(along).page(rows, page, |row: HostRow| Ok(Host::from(row)))?;
    count(&mut tx, scope.key(), &mut page.items, filter.as_of).await?;
    let counted_at = match (hosts_at, filter.as_of) {
        (None, None) => kept_at(&mut tx, scope.key()).await?,
        (at, _) => at,
    };
    tx.commit().await?;
    Ok(page.counted(counted_at))
}

async fn fetch(
    tx: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
) -> Result<Vec<Listed<HostRow>>, StoreError> {
    #[cfg(test)]
    crate::page::note(&query);
    Ok(query.build_query_as().fetch_all(tx).await?)
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

/// Findings are counted for a page's hosts alone, never for the whole list.
pub(super) async fn count(
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
    let mut findings = counted::of_page(tx, company_key, &ids).await?;
    for host in hosts {
        host.findings = findings.remove(&host.id).unwrap_or_default();
    }
    Ok(())
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
