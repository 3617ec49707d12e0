//! The list of a company's software.

use enrichment::evaluation::Status;
use protocol::software::Source;

use super::counts::counted;
use super::{FindingCounts, Software, SoftwareRow};
use crate::error::StoreError;
use crate::page::{Order, Page, PageRequest, SortType, containing, within};
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

/// All software as `x`, with what the order needs and nothing else: a page's own counts are made
/// once its rows are known.
const fn software_for(sort: SoftwareSort) -> &'static str {
    match sort {
        // Every row has a source; saying so opens the index of names, which nothing else may use.
        SoftwareSort::Name => "FROM software x WHERE company_key = $1 AND source <> ''",
        SoftwareSort::FirstSeen => "FROM software x WHERE company_key = $1",
        SoftwareSort::Hosts => {
            "FROM (
                SELECT s.*, coalesce(i.hosts, 0) AS hosts
                FROM software s LEFT JOIN (
                    SELECT i.software_key, count(*) AS hosts FROM installations i
                    WHERE i.company_key = $1 AND i.closed_at = 'infinity'
                    GROUP BY i.software_key
                ) i ON i.software_key = s.software_key
                WHERE s.company_key = $1
            ) x WHERE true"
        }
        SoftwareSort::Findings => {
            "FROM (
                SELECT s.*, coalesce(f.open, 0) AS open
                FROM software s LEFT JOIN (
                    SELECT f.software_key, count(*) AS open FROM findings f
                    WHERE f.company_key = $1 AND f.resolved_at = 'infinity'
                    GROUP BY f.software_key
                ) f ON f.software_key = s.software_key
                WHERE s.company_key = $1
            ) x WHERE true"
        }
    }
}

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
    query.push(software_for(sort));
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
    if let Some(vulnerable) = filter.vulnerable {
        query.push(if vulnerable { " AND " } else { " AND NOT " });
        query.push(
            "EXISTS (SELECT FROM findings f WHERE f.company_key = $1
               AND f.software_key = x.software_key AND f.resolved_at = 'infinity')",
        );
    }
    if !filter.gone {
        query.push(match sort {
            SoftwareSort::Hosts => " AND hosts > 0",
            // `OFFSET 0` keeps it a question for each row that is looked at. As a join it would read
            // all installations, for a page of a hundred.
            SoftwareSort::Name | SoftwareSort::Findings | SoftwareSort::FirstSeen => {
                " AND EXISTS (SELECT FROM installations i WHERE i.company_key = $1
                   AND i.software_key = x.software_key AND i.closed_at = 'infinity' OFFSET 0)"
            }
        });
    }
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    let mut tx = scope.begin("software.list").await?;
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let found = order.page(rows, page, |row: SoftwareRow| Software::try_from(row))?;
    let items = counted(&mut tx, scope.key(), found.items).await?;
    tx.commit().await?;
    Ok(Page {
        total: found.total,
        items,
        next: found.next,
    })
}
