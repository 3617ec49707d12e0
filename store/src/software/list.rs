//! The list of a company's software.

use enrichment::evaluation::Status;
use protocol::software::Source;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::counts::{counted, counted_then};
use super::{FindingCounts, Software, SoftwareRow};
use crate::counts::kept_at;
use crate::error::StoreError;
use crate::names;
use crate::page::{Order, Page, PageRequest, SortType, containing, push_holds, within};
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
    /// Hosts with this label have it.
    pub label: Option<Uuid>,
    /// Of exactly this name, whatever the letters' case.
    pub name: Option<String>,
    /// Also what no host has any more.
    pub gone: bool,
    /// As it was at this instant.
    pub as_of: Option<OffsetDateTime>,
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
    /// `is_low`: software has its names in small letters.
    pub(super) const fn order(self, is_low: bool) -> Order {
        let (by, of, descending) = match self {
            Self::Name if is_low => ("name_low", SortType::Text, false),
            Self::Name => ("lower(name) COLLATE \"C\"", SortType::Text, false),
            Self::Hosts => ("hosts", SortType::Integer, true),
            Self::Findings => ("open", SortType::Integer, true),
            Self::FirstSeen => ("first_seen_at", SortType::Instant, true),
        };
        Order { by, of, descending, tie: "software_key", tie_is_uuid: true }
    }

    /// The order among the counts that are kept; `None` for one that needs no counts.
    const fn order_kept(self) -> Option<Order> {
        let by = match self {
            Self::Hosts => "k.hosts",
            Self::Findings => "k.open",
            Self::Name | Self::FirstSeen => return None,
        };
        let tie = "k.software_key";
        Some(Order { by, of: SortType::Integer, descending: true, tie, tie_is_uuid: true })
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

/// Pushes all software as `x`, with what the order needs and nothing else: a page's own counts are
/// made once its rows are known.
fn push_software(
    query: &mut QueryBuilder<Postgres>,
    sort: SoftwareSort,
    as_of: Option<OffsetDateTime>,
) {
    match sort {
        // Every row has a source; saying so opens the indexes of these orders, which nothing else may use.
        SoftwareSort::Name | SoftwareSort::FirstSeen => {
            query.push("FROM software x WHERE company_key = $1 AND source <> ''");
        }
        SoftwareSort::Hosts => {
            query.push(
                "FROM (
                SELECT s.*, coalesce(i.hosts, 0) AS hosts
                FROM software s LEFT JOIN (
                    SELECT i.software_key, count(*) AS hosts FROM installations i
                    WHERE i.company_key = $1 AND ",
            );
            push_holds(query, INSTALLED, as_of);
            query.push(
                " GROUP BY i.software_key
                ) i ON i.software_key = s.software_key
                WHERE s.company_key = $1
            ) x WHERE true",
            );
        }
        SoftwareSort::Findings => {
            query.push(
                "FROM (
                SELECT s.*, coalesce(f.open, 0) AS open
                FROM software s LEFT JOIN (
                    SELECT f.software_key, count(*) AS open FROM findings f
                    WHERE f.company_key = $1 AND f.exception IS NULL AND ",
            );
            push_holds(query, FOUND, as_of);
            query.push(
                " GROUP BY f.software_key
                ) f ON f.software_key = s.software_key
                WHERE s.company_key = $1
            ) x WHERE true",
            );
        }
    }
}

/// Software along the counts that are kept.
const KEPT: &str = "FROM software_counts k
    JOIN software x ON x.company_key = $1 AND x.software_key = k.software_key
    WHERE k.company_key = $1";

/// The intervals of installations and of findings.
const INSTALLED: (&str, &str) = ("i.opened_at", "i.closed_at");
const FOUND: (&str, &str) = ("f.opened_at", "f.resolved_at");

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
    let mut tx = scope.begin_read("software.list").await?;
    let counted_at = match filter.as_of {
        None => kept_at(&mut tx, scope.key()).await?,
        Some(_) => None,
    };
    let kept = sort.order_kept().filter(|_| counted_at.is_some());
    let by_name = sort == SoftwareSort::Name || filter.name.is_some();
    let is_low = by_name && names::of_software(&mut tx, scope.key()).await?;
    let order = kept.unwrap_or_else(|| sort.order(is_low));
    let mut query = select(scope, filter, (sort, is_low), kept)?;
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    #[cfg(test)]
    crate::page::note(&query);
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let found = order.page(rows, page, |row: SoftwareRow| Software::try_from(row))?;
    let items = count(&mut tx, scope.key(), found.items, filter.as_of).await?;
    tx.commit().await?;
    Ok(Page { total: found.total, items, next: found.next, counted_at })
}

pub(super) async fn count(
    tx: &mut PgConnection,
    company_key: i64,
    software: Vec<Software>,
    as_of: Option<OffsetDateTime>,
) -> Result<Vec<SoftwareItem>, StoreError> {
    match as_of {
        None => counted(tx, company_key, software).await,
        Some(at) => counted_then(tx, company_key, software, at).await,
    }
}

/// The list up to its places and its end; along the counts that are kept where `kept` is their order.
pub(super) fn select(
    scope: &TenantScope,
    filter: &SoftwareFilter,
    (sort, is_low): (SoftwareSort, bool),
    kept: Option<Order>,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(SoftwareRow::COLUMNS);
    kept.unwrap_or_else(|| sort.order(is_low)).push_columns(&mut query);
    match kept {
        Some(_) => {
            query.push(KEPT);
        }
        None => push_software(&mut query, sort, filter.as_of),
    }
    push_names(&mut query, filter, is_low);
    push_vulnerable(&mut query, filter);
    push_installed(&mut query, filter, kept.is_none() && sort == SoftwareSort::Hosts);
    Ok(query)
}

pub(super) fn push_vulnerable(query: &mut QueryBuilder<Postgres>, filter: &SoftwareFilter) {
    if let Some(vulnerable) = filter.vulnerable {
        query.push(if vulnerable { " AND " } else { " AND NOT " });
        query.push(
            "EXISTS (SELECT FROM findings f WHERE f.company_key = $1
               AND f.software_key = x.software_key AND f.exception IS NULL AND ",
        );
        push_holds(query, FOUND, filter.as_of);
        query.push(")");
    }
}

/// Only what hosts have, and where a label is named hosts with it. `is_counted`: the rows have their hosts.
pub(super) fn push_installed(
    query: &mut QueryBuilder<Postgres>,
    filter: &SoftwareFilter,
    is_counted: bool,
) {
    if let Some(label) = filter.label {
        query.push(
            " AND x.software_key IN (SELECT i.software_key FROM host_labels l JOIN installations i
                ON i.company_key = $1 AND i.agent_key = l.agent_key AND ",
        );
        push_holds(query, INSTALLED, filter.as_of);
        query.push(" WHERE l.company_key = $1 AND l.label = ").push_bind(label).push(")");
    }
    match (filter.gone, is_counted, filter.as_of) {
        (true, _, _) => {}
        (false, true, _) => {
            query.push(" AND hosts > 0");
        }
        // `OFFSET 0` keeps it a question for each row that is looked at. As a join it would read
        // all installations, for a page of a hundred.
        (false, false, None) => {
            query.push(
                " AND EXISTS (SELECT FROM installations i WHERE i.company_key = $1
                   AND i.software_key = x.software_key AND i.closed_at = 'infinity' OFFSET 0)",
            );
        }
        // No index serves the past: all of it once, and not once for each row.
        (false, false, Some(at)) => {
            query
                .push(
                    " AND x.software_key IN (SELECT i.software_key FROM installations i
                       WHERE i.company_key = $1 AND i.opened_at <= ",
                )
                .push_bind(at)
                .push(" AND i.closed_at > ")
                .push_bind(at)
                .push(")");
        }
    }
}

pub(super) fn push_names(
    query: &mut QueryBuilder<Postgres>,
    filter: &SoftwareFilter,
    is_low: bool,
) {
    if let Some(name) = &filter.name {
        query.push(if is_low { " AND name_low = lower(" } else { " AND lower(name) = lower(" });
        query.push_bind(name.clone()).push(")");
    }
    if let Some(text) = &filter.text {
        query.push(" AND (name ILIKE ").push_bind(containing(text));
        query.push(" OR vendor ILIKE ").push_bind(containing(text)).push(")");
    }
    if let Some(source) = filter.source {
        query.push(" AND source = ").push_bind(source.as_str());
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(at) = filter.as_of {
        query.push(" AND first_seen_at <= ").push_bind(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{After, SortValue, explain};
    use crate::test_fixtures::{World, id};

    #[tokio::test]
    async fn software_is_by_name_in_one_order_whether_or_not_all_names_are_filled() {
        let world = World::new().await;
        let (page, filter) = (PageRequest::first(100), SoftwareFilter::default());
        let order = SoftwareSort::Name.order(false);
        let mut query = select(&world.scope, &filter, (SoftwareSort::Name, false), None).unwrap();
        order.push_end(&mut query, &page);
        let plan = explain(&world.scope, query).await;
        // As the column is ordered, which is not how every server orders texts.
        assert!(plan.contains(r#"COLLATE "C""#), "{plan}");
    }

    #[tokio::test]
    async fn a_page_of_software_by_name_begins_where_the_index_says() {
        let world = World::new().await;
        let (scope, sort) = (&world.scope, SoftwareSort::Name);
        let order = sort.order(true);
        let value = SortValue::Text("libc6".to_owned());
        let after = After { value, id: id().to_string(), seen: 50_000 };
        let exact = SoftwareFilter { name: Some("LibC6".to_owned()), ..SoftwareFilter::default() };
        for (filter, after, expected) in [
            (SoftwareFilter::default(), Some(after), "(ROW(name_low, software_key) > ROW("),
            (exact, None, "(name_low = 'libc6'"),
        ] {
            let page = PageRequest { limit: 100, after };
            let mut query = select(scope, &filter, (sort, true), None).unwrap();
            order.push_after(&mut query, &page).unwrap();
            order.push_end(&mut query, &page);
            let plan = explain(scope, query).await;
            let begins = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_default();
            assert!(begins.contains(expected), "{plan}");
            assert!(!plan.contains("Sort"), "{plan}");
        }
    }
}
