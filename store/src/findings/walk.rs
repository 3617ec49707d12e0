//! A page of a large company's findings, along what orders them: CVEs by score, software by hosts, or the
//! findings' own order in time.
//!
//! [`super::list()`] finds everything that a filter leaves and sorts it, which takes a fifth of a second for a
//! hundred thousand findings, page by page. Here an index is walked until the page is full. Each step is a
//! question for one CVE or one piece of software, and what leads to them are the counts that are kept.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::filter::{FindingFilter, FindingState, push_filter};
use super::list::{FindingSort, SHOWN};
use crate::counts::HOSTS_OF_SOFTWARE;
use crate::cves::CveRow;
use crate::error::StoreError;
use crate::page::{After, PageRequest, SortValue, instant, within};
use crate::tenant::TenantScope;

/// Whether a filter leaves so much that walking is right: what names one CVE, software or one host leaves little,
/// and is found and sorted. So is the past.
pub(super) fn serves(filter: &FindingFilter) -> bool {
    filter.state == FindingState::Open
        && filter.as_of.is_none()
        && filter.cve.is_none()
        && filter.software.is_none()
        && filter.name.is_none()
        && filter.host.is_none()
        && filter.label.is_none()
        && filter.exception.is_none()
}

/// What a list is walked along.
struct Way {
    /// The tables up to where a finding's own conditions follow.
    from: &'static str,
    /// What orders it, as text of a whole number.
    value: &'static str,
    /// The order, from the first to the last.
    order: &'static str,
}

/// `OFFSET 0` keeps the question one for each CVE. As a join it may be answered by reading all findings.
const BY_CVES: &str = "FROM cve_counts k CROSS JOIN LATERAL (
    SELECT f.* FROM findings f WHERE f.company_key = $1 AND f.cve = k.cve
       AND f.resolved_at = 'infinity' AND f.exception IS NULL OFFSET 0) f
    LEFT JOIN cves c ON c.id = f.cve WHERE k.company_key = $1";

const BY_HOSTS: &str = "FROM software_counts k CROSS JOIN LATERAL (
    SELECT f.* FROM findings f WHERE f.company_key = $1 AND f.software_key = k.software_key
       AND NOT isfinite(f.resolved_at) AND f.exception IS NULL OFFSET 0) f
    LEFT JOIN cves c ON c.id = f.cve
    WHERE k.company_key = $1 AND k.open + k.suppressed > 0";

const BY_TIME: &str = "FROM findings f LEFT JOIN cves c ON c.id = f.cve
    WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.source <> ''
      AND f.exception IS NULL";

const fn way(sort: FindingSort) -> Way {
    match sort {
        FindingSort::Severity => Way {
            from: BY_CVES,
            value: "k.severity",
            order: "k.severity DESC, k.cve DESC, f.software_key DESC, f.source DESC",
        },
        FindingSort::Epss => Way {
            from: BY_CVES,
            value: "k.epss",
            order: "k.epss DESC, k.cve DESC, f.software_key DESC, f.source DESC",
        },
        FindingSort::Kev => Way {
            from: BY_CVES,
            value: "k.kev",
            order: "k.kev DESC, k.cve DESC, f.software_key DESC, f.source DESC",
        },
        FindingSort::Hosts => Way {
            from: BY_HOSTS,
            value: "k.hosts",
            order: "k.hosts DESC, k.software_key DESC, f.cve DESC, f.source DESC",
        },
        FindingSort::Opened => Way {
            from: BY_TIME,
            value: "(extract(epoch FROM f.opened_at) * 1000000)::bigint",
            order: "f.opened_at DESC, f.cve DESC, f.software_key DESC, f.source DESC",
        },
    }
}

/// The findings of CVEs that are known to be exploited, some thousand at most: found by their CVEs and sorted, where
/// a walk along all software or in time would pass nearly all findings for a page of them.
const BY_EXPLOITED: &str = "FROM cve_counts e CROSS JOIN LATERAL (
    SELECT f.* FROM findings f WHERE f.company_key = $1 AND f.cve = e.cve
       AND f.resolved_at = 'infinity' AND f.exception IS NULL OFFSET 0) f
    JOIN software_counts k ON k.company_key = $1 AND k.software_key = f.software_key
    LEFT JOIN cves c ON c.id = f.cve
    WHERE e.company_key = $1 AND e.kev >= 0";

/// What leads to a page, and what is asked of it before any finding is read. The counts' copy of what is asked of
/// CVEs is as old as they are, so that of the CVEs is asked as well.
fn push_from(query: &mut QueryBuilder<Postgres>, way: &Way, filter: &FindingFilter) {
    if way.from != BY_CVES {
        query.push(if filter.kev == Some(true) { BY_EXPLOITED } else { way.from });
        return;
    }
    query.push(way.from);
    if let Some(severity) = filter.severity_min {
        query.push(" AND k.cvss_severity = ANY(").push_bind(severity.and_above()).push(")");
    }
    match filter.kev {
        Some(true) => query.push(" AND k.kev >= 0"),
        Some(false) => query.push(" AND k.kev < 0"),
        None => query,
    };
}

/// The list up to [`super::list()`]'s `READ`, with its places and its end.
pub(super) fn select(
    scope: &TenantScope,
    filter: &FindingFilter,
    sort: FindingSort,
    page: &PageRequest,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let way = way(sort);
    let mut query = within(scope, "SELECT p.sort_value, p.sort_id, ")?;
    query.push(CveRow::COLUMNS).push(SHOWN).push("f.exception, ").push(HOSTS_OF_SOFTWARE);
    query.push(
        " AS hosts FROM (SELECT y.*, row_number() OVER () AS place FROM (
            SELECT f.cve, f.software_key, f.source, f.opened_at, (",
    );
    query.push(way.value).push(
        ")::text AS sort_value, (f.cve || ' ' || f.software_key || ' ' || f.source || ' '
            || extract(epoch FROM f.opened_at)) AS sort_id ",
    );
    push_from(&mut query, &way, filter);
    push_filter(&mut query, filter);
    if let Some(after) = &page.after {
        Place::parse(after)?.push(&mut query, sort, way.value)?;
    }
    query.push(" ORDER BY ").push(way.order);
    query.push(" LIMIT ").push_bind(page.rows());
    Ok(query)
}

/// The finding that the page before ended with.
struct Place<'a> {
    value: i64,
    cve: &'a str,
    software: Uuid,
    source: &'a str,
}

impl<'a> Place<'a> {
    fn parse(after: &'a After) -> Result<Self, StoreError> {
        let SortValue::Integer(value) = after.value else {
            return Err(StoreError::InvalidCursor);
        };
        let parts = after.id.split_once(' ').and_then(|(cve, rest)| {
            let (software, rest) = rest.split_once(' ')?;
            let (source, _opened_at) = rest.rsplit_once(' ')?;
            Some((cve, software.parse().ok()?, source))
        });
        let (cve, software, source) = parts.ok_or(StoreError::InvalidCursor)?;
        Ok(Self { value, cve, software, source })
    }

    /// ` AND` that a row comes after this place. Two conditions, because an index knows only the first two
    /// columns of an order; the second one is for what shares them with this place.
    fn push(
        &self,
        query: &mut QueryBuilder<Postgres>,
        sort: FindingSort,
        by: &'static str,
    ) -> Result<(), StoreError> {
        match sort {
            FindingSort::Severity | FindingSort::Epss | FindingSort::Kev => {
                self.push_led_by(query, by, "k.cve", |query| {
                    query.push_bind(self.cve.to_owned());
                });
                query.push("(f.software_key, f.source) < (").push_bind(self.software);
                query.push(", ").push_bind(self.source.to_owned()).push("))");
            }
            FindingSort::Hosts => {
                self.push_led_by(query, by, "k.software_key", |query| {
                    query.push_bind(self.software);
                });
                query.push("(f.cve, f.source) < (").push_bind(self.cve.to_owned());
                query.push(", ").push_bind(self.source.to_owned()).push("))");
            }
            FindingSort::Opened => {
                query.push(" AND (f.opened_at, f.cve, f.software_key, f.source) < (");
                query.push_bind(instant(self.value)?).push(", ").push_bind(self.cve.to_owned());
                query.push(", ").push_bind(self.software);
                query.push(", ").push_bind(self.source.to_owned()).push(")");
            }
        }
        Ok(())
    }

    fn push_led_by(
        &self,
        query: &mut QueryBuilder<Postgres>,
        by: &'static str,
        tie: &'static str,
        push_tie: impl Fn(&mut QueryBuilder<Postgres>),
    ) {
        for (between, compared) in [(" AND (", ") <= ("), (" AND ((", ") <> (")] {
            query.push(between).push(by).push(", ").push(tie).push(compared);
            query.push_bind(self.value).push(", ");
            push_tie(query);
            query.push(")");
        }
        query.push(" OR ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::explain;
    use crate::test_fixtures::World;

    #[tokio::test]
    async fn what_is_asked_of_cves_is_asked_of_the_counts_before_a_finding_is_read() {
        let world = World::new().await;
        let filter = FindingFilter { kev: Some(true), ..FindingFilter::default() };
        for sort in
            [FindingSort::Severity, FindingSort::Epss, FindingSort::Opened, FindingSort::Hosts]
        {
            let query = select(&world.scope, &filter, sort, &PageRequest::first(100));
            let mut query = query.unwrap();
            query.push(super::super::list::READ);
            let plan = explain(&world.scope, query).await;
            assert!(plan.contains("(kev >= 0)"), "{sort:?}: {plan}");
            assert!(!plan.contains("Seq Scan on findings"), "{sort:?}: {plan}");
        }
    }
}
