//! All of a company's hosts, read to their end.

use std::collections::BTreeMap;

use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::filter::HostFilter;
use super::list::{HostRow, count};
use super::sort::{Along, HostSort, select};
use super::{Host, counted};
use crate::counts::hosts_kept_at;
use crate::error::StoreError;
use crate::export::{Rows, snapshot};
use crate::software::FindingCounts;
use crate::tenant::TenantScope;

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
    let mut tx = snapshot(scope, "hosts.export").await?;
    let is_kept = filter.as_of.is_none() && hosts_kept_at(&mut tx, scope.key()).await?.is_some();
    let along = if is_kept { Along::All } else { sort.along(false, false) };
    let mut query = select(scope, filter, along)?;
    sort.order(along).push_order(&mut query);
    let rows = Rows::of(tx, scope.key(), query).await?;
    Ok(HostExport { rows, is_kept, as_of: filter.as_of })
}

/// An export of hosts under way.
#[derive(Debug)]
pub struct HostExport {
    rows: Rows,
    /// Rows have their numbers.
    is_kept: bool,
    as_of: Option<OffsetDateTime>,
}

impl HostExport {
    /// The next ones; nothing at the end.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Vec<Host>, StoreError> {
        if self.is_kept {
            return self.next_kept().await;
        }
        let rows: Vec<HostRow> = self.rows.fetch().await?;
        let mut hosts: Vec<Host> = rows.into_iter().map(Host::from).collect();
        let company = self.rows.company();
        count(self.rows.tx(), company, &mut hosts, self.as_of).await?;
        Ok(hosts)
    }

    /// What came since the count is counted now.
    async fn next_kept(&mut self) -> Result<Vec<Host>, StoreError> {
        let rows: Vec<KeptRow> = self.rows.fetch().await?;
        let uncounted = |row: &&KeptRow| row.open.is_none();
        let others: Vec<Uuid> = rows.iter().filter(uncounted).map(|row| row.host.id).collect();
        let mut findings = if others.is_empty() {
            BTreeMap::new()
        } else {
            let company = self.rows.company();
            counted::now(self.rows.tx(), company, &others).await?
        };
        let host = |row: KeptRow| {
            let kept = row.findings();
            let mut host = Host::from(row.host);
            host.findings = kept.or_else(|| findings.remove(&host.id)).unwrap_or_default();
            host
        };
        Ok(rows.into_iter().map(host).collect())
    }
}

/// A host with the numbers that are kept; all or none of them.
#[derive(Debug, FromRow)]
struct KeptRow {
    #[sqlx(flatten)]
    host: HostRow,
    open: Option<i64>,
    critical: Option<i64>,
    high: Option<i64>,
    kev: Option<i64>,
    suppressed: Option<i64>,
}

impl KeptRow {
    fn findings(&self) -> Option<FindingCounts> {
        Some(FindingCounts {
            open: self.open?.unsigned_abs(),
            critical: self.critical?.unsigned_abs(),
            high: self.high?.unsigned_abs(),
            kev: self.kev?.unsigned_abs(),
            suppressed: self.suppressed?.unsigned_abs(),
        })
    }
}
