//! The list of a company's software.

use enrichment::evaluation::Status;
use protocol::software::Source;
use sqlx::FromRow;

use super::{CountsRow, FindingCounts, Software, SoftwareRow};
use crate::error::StoreError;
use crate::page::{self, Order, Page, PageRequest, SortType, containing, within};
use crate::tenant::TenantScope;

/// Which software a list has.
#[derive(Clone, Debug, Default)]
pub struct SoftwareFilter {
    /// Its name or vendor contains this.
    pub text: Option<String>,
    /// It was read from this source.
    pub source: Option<Source>,
    /// It was judged like this.
    pub status: Option<Status>,
    /// It has findings, or none.
    pub vulnerable: Option<bool>,
    /// Also what no host has any more.
    pub gone: bool,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SoftwareSort {
    /// By name.
    #[default]
    Name,
    /// By how many hosts have it, most first.
    Hosts,
    /// By how many findings it has, most first.
    Findings,
    /// By when it was seen first, newest first.
    FirstSeen,
}

impl SoftwareSort {
    const fn order(self) -> Order {
        let (by, of, descending) = match self {
            Self::Name => ("lower(name)", SortType::Text, false),
            Self::Hosts => ("hosts", SortType::Integer, true),
            Self::Findings => ("open", SortType::Integer, true),
            Self::FirstSeen => (
                "(extract(epoch FROM first_seen_at) * 1000000)::bigint",
                SortType::Integer,
                true,
            ),
        };
        Order {
            by,
            of,
            descending,
            tie: "software_key",
            tie_is_uuid: true,
        }
    }
}

/// Software in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftwareItem {
    /// The software.
    pub software: Software,
    /// Hosts that have it now.
    pub hosts: u64,
    /// Its findings.
    pub findings: FindingCounts,
}

#[derive(Debug, FromRow)]
pub(super) struct ItemRow {
    #[sqlx(flatten)]
    software: SoftwareRow,
    #[sqlx(flatten)]
    counts: CountsRow,
    hosts: i64,
}

impl TryFrom<ItemRow> for SoftwareItem {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        Ok(Self {
            software: row.software.try_into()?,
            hosts: row.hosts.unsigned_abs(),
            findings: row.counts.into(),
        })
    }
}

/// Every piece of software with its counts, as `x`.
///
/// Findings are few beside software, so they are counted once for all; hosts are counted for the
/// rows of a page, unless the list is sorted by them.
pub(super) const ITEMS: &str = "FROM (
    SELECT s.*,
           coalesce(f.open, 0) AS open, coalesce(f.critical, 0) AS critical,
           coalesce(f.high, 0) AS high, coalesce(f.kev, 0) AS kev,
           (SELECT count(*) FROM installations i
            WHERE i.company_key = $1 AND i.software_key = s.software_key
              AND i.closed_at = 'infinity') AS hosts
    FROM software s
    LEFT JOIN (
        SELECT f.software_key, count(*) AS open,
               count(*) FILTER (WHERE c.cvss_severity = 'critical') AS critical,
               count(*) FILTER (WHERE c.cvss_severity = 'high') AS high,
               count(c.kev_added) AS kev
        FROM findings f LEFT JOIN cves c ON c.id = f.cve
        WHERE f.company_key = $1 AND f.resolved_at = 'infinity'
        GROUP BY f.software_key
    ) f ON f.software_key = s.software_key
    WHERE s.company_key = $1
) x WHERE true";

/// A page of software.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    filter: &SoftwareFilter,
    sort: SoftwareSort,
    page: &PageRequest,
) -> Result<Page<SoftwareItem>, StoreError> {
    let order = sort.order();
    let mut query = within(scope, "SELECT x.*")?;
    order.push_columns(&mut query);
    query.push(ITEMS);
    if let Some(text) = &filter.text {
        query.push(" AND (name ILIKE ").push_bind(containing(text));
        query
            .push(" OR vendor ILIKE ")
            .push_bind(containing(text))
            .push(")");
    }
    if let Some(source) = filter.source {
        query.push(" AND source = ").push_bind(source.as_str());
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    match filter.vulnerable {
        Some(true) => query.push(" AND open > 0"),
        Some(false) => query.push(" AND open = 0"),
        None => &mut query,
    };
    if !filter.gone {
        query.push(
            " AND EXISTS (SELECT FROM installations i WHERE i.company_key = $1
               AND i.software_key = x.software_key AND i.closed_at = 'infinity')",
        );
    }
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    let rows = page::fetch::<ItemRow>(scope, "software.list", query).await?;
    order.page(rows, page, TryInto::try_into)
}
