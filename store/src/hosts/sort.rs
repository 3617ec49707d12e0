//! The orders of lists of hosts, and what a list is read along.

use sqlx::{Postgres, QueryBuilder};

use super::filter::{HostFilter, push_host_filter};
use super::numbers::{NumbersFrom, push_numbers};
use crate::error::StoreError;
use crate::page::{Order, PageRequest, SortType, within};
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
    /// By how many open findings it has, most first.
    Findings,
    /// By how many open findings of critical CVEs it has, most first.
    Critical,
    /// By how many open findings of CVEs it has that are known to be exploited, most first.
    Kev,
}

/// What a list is read along. Orders by a number of findings begin in the counts that are kept, where some are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    /// Hosts alone. `is_low`: they have their names in small letters.
    Hosts { is_low: bool },
    /// Hosts with what all of them have, counted now.
    Asked,
    /// The counts that are kept, by their index.
    Kept,
    /// Hosts that came since the count. They are behind all that have a row, whatever they have.
    Uncounted,
    /// All hosts with the counts that are kept, whatever the order, for a list that is read to its end. Each row
    /// has its numbers.
    All,
}

impl HostSort {
    /// Whether it goes by a number of findings.
    pub(super) const fn is_by_number(self) -> bool {
        matches!(self, Self::Findings | Self::Critical | Self::Kev)
    }

    /// What a page is read along. `is_kept`: the company's counts of hosts are.
    pub(super) const fn along(self, is_low: bool, is_kept: bool) -> Along {
        match (self.is_by_number(), is_kept) {
            (false, _) => Along::Hosts { is_low },
            (true, true) => Along::Kept,
            (true, false) => Along::Asked,
        }
    }

    pub(super) const fn order(self, along: Along) -> Order {
        let (by, of, descending) = match self {
            Self::Hostname if matches!(along, Along::Hosts { is_low: true }) => {
                ("hostname_low", SortType::Text, false)
            }
            Self::Hostname => ("lower(hostname) COLLATE \"C\"", SortType::Text, false),
            // No index has what heartbeats write, so all hosts are sorted. `date_part` gives floats, which are exact to
            // the microsecond for two centuries, and a tenth of the time of `extract`, which gives decimals.
            Self::LastSeen => (
                "coalesce((date_part('epoch', last_seen_at) * 1000000)::bigint, 0)",
                SortType::Integer,
                true,
            ),
            Self::Silent => (
                "CASE WHEN kind = 'agent' THEN (date_part('epoch',
                     coalesce(last_seen_at, enrolled_at)) * 1000000)::bigint
                 ELSE 9223372036854775807 END",
                SortType::Integer,
                false,
            ),
            Self::Enrolled => ("enrolled_at", SortType::Instant, true),
            Self::Software => ("digest_count", SortType::Integer, true),
            Self::Findings => along.number("coalesce(v.open, 0)", "k.open", "coalesce(k.open, -1)"),
            Self::Critical => {
                along.number("coalesce(v.critical, 0)", "k.critical", "coalesce(k.critical, -1)")
            }
            Self::Kev => along.number("coalesce(v.kev, 0)", "k.kev", "coalesce(k.kev, -1)"),
        };
        let tie = if matches!(along, Along::Kept) { "k.agent_id" } else { "id" };
        Order { by, of, descending, tie, tie_is_uuid: true }
    }
}

impl Along {
    /// A number, most first, where it is: counted now, in a row that is kept, or in one that may be missing.
    const fn number(
        self,
        asked: &'static str,
        kept: &'static str,
        maybe: &'static str,
    ) -> (&'static str, SortType, bool) {
        let by = match self {
            Self::Asked => asked,
            Self::Kept => kept,
            Self::Hosts { .. } | Self::Uncounted | Self::All => maybe,
        };
        (by, SortType::Integer, true)
    }
}

/// What lists show of a host.
const SHOWN: &str = "id, kind, hostname, platform_family, platform_id, platform_version, os_name, \
                     agent_version, enrolled_at, last_seen_at, revoked_at, digest_count, seen_every_s";

const NUMBERS: &str = ", k.open, k.critical, k.high, k.kev, k.suppressed";

const BY_KEPT: &str =
    "FROM host_counts k JOIN agents a ON a.company_key = $1 AND a.key = k.agent_key
    WHERE k.company_key = $1";

const WITH_KEPT: &str = " LEFT JOIN host_counts k ON k.company_key = $1 AND k.agent_key = a.key";

/// The whole list but for its order, for reading it to its end.
pub(super) fn select(
    scope: &TenantScope,
    filter: &HostFilter,
    along: Along,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(SHOWN);
    if along == Along::All {
        query.push(NUMBERS);
    }
    query.push(" ");
    push_hosts(&mut query, along);
    push_host_filter(&mut query, filter);
    Ok(query)
}

/// A page of the list, whole.
pub(super) fn page_of(
    scope: &TenantScope,
    filter: &HostFilter,
    (sort, along): (HostSort, Along),
    page: &PageRequest,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let order = sort.order(along);
    let mut query = within(scope, "SELECT ")?;
    query.push(SHOWN);
    order.push_columns_of_page(&mut query);
    query.push("FROM (SELECT ").push(SHOWN).push(", ");
    order.push_places(&mut query);
    push_hosts(&mut query, along);
    push_host_filter(&mut query, filter);
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    query.push(") p");
    order.push_order_of_page(&mut query);
    Ok(query)
}

/// What the list is read along, up to where conditions of an agent `a` follow.
fn push_hosts(query: &mut QueryBuilder<Postgres>, along: Along) {
    if along == Along::Kept {
        query.push(BY_KEPT);
        return;
    }
    query.push("FROM agents a");
    match along {
        Along::Hosts { .. } | Along::Kept => {}
        Along::Asked => {
            query.push(" LEFT JOIN ");
            push_numbers(query, NumbersFrom::Findings, true);
            query.push(" v ON v.agent_key = a.key");
        }
        Along::Uncounted | Along::All => {
            query.push(WITH_KEPT);
        }
    }
    // Every key is above 0; saying so opens the indexes of these orders, which nothing else may use.
    query.push(" WHERE a.company_key = $1 AND a.key > 0");
    if along == Along::Uncounted {
        query.push(" AND k.agent_key IS NULL");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{After, SortValue, explain};
    use crate::test_fixtures::{World, id};

    #[tokio::test]
    async fn hosts_are_by_name_in_one_order_whether_or_not_all_names_are_filled() {
        let world = World::new().await;
        let (sort, along) = (HostSort::Hostname, Along::Hosts { is_low: false });
        let (filter, page) = (HostFilter::default(), PageRequest::first(100));
        let query = page_of(&world.scope, &filter, (sort, along), &page).unwrap();
        let plan = explain(&world.scope, query).await;
        // As the column is ordered, which is not how every server orders texts.
        assert!(plan.contains(r#"COLLATE "C""#), "{plan}");
    }

    #[tokio::test]
    async fn a_page_of_hosts_deep_in_the_list_begins_where_the_index_says() {
        let world = World::new().await;
        let name = SortValue::Text("web-50000".to_owned());
        let number = SortValue::Integer(40);
        for (sort, value, expected) in [
            (HostSort::Hostname, name, "(ROW(hostname_low, id) > ROW("),
            (HostSort::Findings, number.clone(), "(ROW(open, agent_id) < ROW("),
            (HostSort::Critical, number.clone(), "(ROW(critical, agent_id) < ROW("),
            (HostSort::Kev, number, "(ROW(kev, agent_id) < ROW("),
        ] {
            let after = After { value, id: id().to_string(), seen: 50_000 };
            let page = PageRequest { limit: 100, after: Some(after) };
            let along = sort.along(true, true);
            let filter = HostFilter::default();
            let query = page_of(&world.scope, &filter, (sort, along), &page).unwrap();
            let plan = explain(&world.scope, query).await;
            let begins = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_default();
            assert!(begins.contains(expected), "{plan}");
            assert!(!plan.contains("Sort"), "{plan}");
        }
    }
}
