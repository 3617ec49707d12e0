//! The list of a company's software.

use sqlx::{PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::counts::{counted, counted_then};
use super::filter::{Along, FOUND, INSTALLED, SoftwareFilter, push_filter};
use super::{FindingCounts, Software, SoftwareRow};
use crate::counts::kept_at;
use crate::error::StoreError;
use crate::names;
use crate::page::{Order, Page, PageRequest, SortType, push_holds, within};
use crate::tenant::TenantScope;

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
    let by_name = sort == SoftwareSort::Name || filter.name.is_some() || filter.text.is_some();
    let is_low = by_name && names::of_software(&mut tx, scope.key()).await?;
    let along = match (kept, counted_at) {
        (Some(order), _) => Along { order, is_low, is_kept: true, counted_at },
        (None, _) => Along { order: sort.order(is_low), is_low, is_kept: false, counted_at },
    };
    let mut query = page_of(scope, filter, (sort, along), page)?;
    #[cfg(test)]
    crate::page::note(&query);
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let found = along.order.page(rows, page, |row: SoftwareRow| Software::try_from(row))?;
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

/// All software of a filter, without its order.
pub(super) fn select(
    scope: &TenantScope,
    filter: &SoftwareFilter,
    sort: SoftwareSort,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let order = sort.order(false);
    let along = Along { order, is_low: false, is_kept: false, counted_at: None };
    let mut query = within(scope, "SELECT ")?;
    query.push(SoftwareRow::COLUMNS).push(" ");
    push_software(&mut query, sort, filter.as_of);
    push_filter(&mut query, filter, along, sort == SoftwareSort::Hosts);
    Ok(query)
}

/// A page, whole. Which software it has is found first, by what indexes hold: rows are wide, and a word or a
/// state may be found in few of fifty thousand.
fn page_of(
    scope: &TenantScope,
    filter: &SoftwareFilter,
    (sort, along): (SoftwareSort, Along),
    page: &PageRequest,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(SoftwareRow::COLUMNS);
    along.order.push_columns_of_page(&mut query);
    query.push("FROM (SELECT ");
    along.order.push_places(&mut query);
    if along.is_kept {
        query.push("FROM software_counts k");
        if filter.source.is_some() || filter.status.is_some() || filter.name.is_some() {
            query
                .push(" JOIN software x ON x.company_key = $1 AND x.software_key = k.software_key");
        }
        query.push(" WHERE k.company_key = $1");
    } else {
        push_software(&mut query, sort, filter.as_of);
    }
    push_filter(&mut query, filter, along, !along.is_kept && sort == SoftwareSort::Hosts);
    along.order.push_after(&mut query, page)?;
    along.order.push_end(&mut query, page);
    query.push(") p JOIN software x ON x.company_key = $1 AND x.software_key = p.sort_tie");
    along.order.push_order_of_page(&mut query);
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{After, SortValue, explain};
    use crate::test_fixtures::{World, id};

    fn by_name(is_low: bool) -> Along {
        let order = SoftwareSort::Name.order(is_low);
        Along { order, is_low, is_kept: false, counted_at: None }
    }

    #[tokio::test]
    async fn software_is_by_name_in_one_order_whether_or_not_all_names_are_filled() {
        let world = World::new().await;
        let (page, filter) = (PageRequest::first(100), SoftwareFilter::default());
        let sort = SoftwareSort::Name;
        let query = page_of(&world.scope, &filter, (sort, by_name(false)), &page).unwrap();
        let plan = explain(&world.scope, query).await;
        // As the column is ordered, which is not how every server orders texts.
        assert!(plan.contains(r#"COLLATE "C""#), "{plan}");
    }

    #[tokio::test]
    async fn a_page_of_software_by_name_begins_where_the_index_says() {
        let world = World::new().await;
        let (scope, sort) = (&world.scope, SoftwareSort::Name);
        let value = SortValue::Text("libc6".to_owned());
        let after = After { value, id: id().to_string(), seen: 50_000 };
        let exact = SoftwareFilter { name: Some("LibC6".to_owned()), ..SoftwareFilter::default() };
        for (filter, after, expected) in [
            (SoftwareFilter::default(), Some(after), "(ROW(name_low, software_key) > ROW("),
            (exact, None, "(name_low = 'libc6'"),
        ] {
            let page = PageRequest { limit: 100, after };
            let query = page_of(scope, &filter, (sort, by_name(true)), &page).unwrap();
            let plan = explain(scope, query).await;
            let begins = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_default();
            assert!(begins.contains(expected), "{plan}");
            // The hundred rows that were found may be put in order again.
            let found = plan.split_once("Limit").map_or("", |(_, found)| found);
            assert!(!found.is_empty() && !found.contains("Sort"), "{plan}");
        }
    }

    #[tokio::test]
    async fn a_word_is_looked_for_in_an_index_and_in_no_row() {
        let world = World::new().await;
        let filter = SoftwareFilter { text: Some("ssl".to_owned()), ..SoftwareFilter::default() };
        let page = PageRequest::first(100);
        let kept = Along {
            order: SoftwareSort::Hosts.order_kept().unwrap(),
            is_kept: true,
            ..by_name(true)
        };
        for (sort, along) in [(SoftwareSort::Name, by_name(true)), (SoftwareSort::Hosts, kept)] {
            let query = page_of(&world.scope, &filter, (sort, along), &page).unwrap();
            let plan = explain(&world.scope, query).await;
            let scan = plan.lines().find(|line| line.contains("name_low_software_key_vendor"));
            assert!(scan.unwrap_or_default().contains("Index Only Scan"), "{plan}");
        }
    }
}
