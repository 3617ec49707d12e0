//! Titles as one question: software put together by its name, as far as a page needs it.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{TitleFilter, TitleSort};
use crate::error::StoreError;
use crate::findings::push_left_out;
use crate::names;
use crate::page::{After, Order, PageRequest, SortType, SortValue, within};
use crate::tenant::TenantScope;

impl TitleSort {
    pub(super) const fn order(self) -> Order {
        match self {
            Self::Name => Order {
                by: "title",
                of: SortType::Text,
                descending: false,
                tie: "source",
                tie_is_uuid: false,
            },
            // Names in small letters are in the order of bytes, and sources in the database's: together they are in neither.
            Self::Hosts => Order {
                by: "hosts",
                of: SortType::Integer,
                descending: true,
                tie: "(title || ' ' || source) COLLATE \"C\"",
                tie_is_uuid: false,
            },
        }
    }
}

/// What a page is read along.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    pub(super) sort: TitleSort,
    /// Software has its names in small letters.
    pub(super) is_low: bool,
    /// The company's counts are kept.
    pub(super) is_kept: bool,
}

/// In the order of the index of names, so that a page by name reads no more than its titles' versions.
const GROUPED: &str = " AS title, s.source, min(s.name) AS name, max(s.vendor) AS vendor,
           count(DISTINCT s.version) AS versions, min(s.first_seen_at) AS first_seen_at,
           array_agg(s.software_key) AS keys";

const OF_ALL: &str = " FROM software s";

/// Those whose names or vendors contain a text are found in the index before a row is read.
const OF_FOUND: &str =
    " FROM (SELECT software_key, name_low FROM software WHERE company_key = $1 AND source <> ''";
const AND_READ: &str = " ORDER BY name_low OFFSET 0) n
    JOIN software s ON s.company_key = $1 AND s.software_key = n.software_key";

/// Hosts of all software, by the counts that are kept.
const HOSTS_KEPT: &str = " LEFT JOIN software_counts h
    ON h.company_key = $1 AND h.software_key = s.software_key";

/// The same of a company that keeps none.
const HOSTS_COUNTED: &str = " LEFT JOIN (
        SELECT i.software_key, count(*) AS hosts FROM installations i
        WHERE i.company_key = $1 AND i.closed_at = 'infinity' GROUP BY i.software_key
    ) h ON h.software_key = s.software_key";

const INSTALLED: &str = " AND EXISTS (SELECT FROM installations i WHERE i.company_key = $1
    AND i.software_key = s.software_key AND i.closed_at = 'infinity' OFFSET 0)";

const INSTALLED_WITH: &str = " AND s.software_key IN (
        SELECT i.software_key FROM host_labels l JOIN installations i
          ON i.company_key = $1 AND i.agent_key = l.agent_key AND i.closed_at = 'infinity'
        WHERE l.company_key = $1 AND l.label = ";

/// A page of titles, without its own counts.
pub(super) fn select(
    scope: &TenantScope,
    filter: &TitleFilter,
    along: Along,
    page: &PageRequest,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let is_found = along.is_low && filter.text.is_some();
    let title = match (along.is_low, is_found) {
        (false, _) => "lower(s.name) COLLATE \"C\"",
        (true, false) => "s.name_low",
        (true, true) => "n.name_low",
    };
    let order = along.sort.order();
    let mut query =
        within(scope, "SELECT x.name, x.source, x.vendor, x.versions, x.first_seen_at, x.keys")?;
    order.push_columns(&mut query);
    query.push(" FROM (SELECT ").push(title).push(GROUPED);
    if along.sort == TitleSort::Hosts {
        query.push(", coalesce(sum(h.hosts), 0)::bigint AS hosts");
    }
    if is_found {
        query.push(OF_FOUND);
        push_text(&mut query, filter, along, page);
        query.push(AND_READ);
    } else {
        query.push(OF_ALL);
    }
    match (along.sort, along.is_kept) {
        (TitleSort::Name, _) => {}
        (TitleSort::Hosts, true) => {
            query.push(HOSTS_KEPT);
        }
        (TitleSort::Hosts, false) => {
            query.push(HOSTS_COUNTED);
        }
    }
    if is_found {
        query.push(" WHERE true");
    } else {
        query.push(" WHERE s.company_key = $1 AND s.source <> ''");
        push_text(&mut query, filter, along, page);
    }
    match filter.label {
        Some(label) => query.push(INSTALLED_WITH).push_bind(label).push(")"),
        None => query.push(INSTALLED),
    };
    if let Some(source) = filter.source {
        query.push(" AND s.source = ").push_bind(source.as_str());
    }
    query.push(" GROUP BY ").push(title).push(", s.source");
    if let Some(vulnerable) = filter.vulnerable {
        push_vulnerable(&mut query, vulnerable, filter.label);
    }
    query.push(") x WHERE true");
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    Ok(query)
}

/// The text that is looked for; and of a list by name where the index begins. The page's own place is asked of the titles,
/// once they are made.
fn push_text(
    query: &mut QueryBuilder<Postgres>,
    filter: &TitleFilter,
    along: Along,
    page: &PageRequest,
) {
    if let Some(text) = &filter.text {
        names::push_contains(query, text, along.is_low);
    }
    if !along.is_low || along.sort != TitleSort::Name {
        return;
    }
    if let Some(After { value: SortValue::Text(name), .. }) = &page.after {
        query.push(" AND name_low >= ").push_bind(name.clone());
    }
}

/// Only titles of which a version has open findings, or none has. A title that is looked at is shown with all its versions.
fn push_vulnerable(query: &mut QueryBuilder<Postgres>, vulnerable: bool, label: Option<Uuid>) {
    query.push(if vulnerable { " HAVING " } else { " HAVING NOT " });
    query.push(
        "bool_or(EXISTS (SELECT FROM findings f WHERE f.company_key = $1
            AND f.software_key = s.software_key AND f.resolved_at = 'infinity'
            AND f.exception IS NULL",
    );
    if let Some(label) = label {
        query.push(" AND ");
        push_left_out(query, label);
        query.push(" IS NULL");
    }
    query.push(" OFFSET 0))");
}
