//! A page of a large company's findings, along what orders them: CVEs by score, software by hosts, or the
//! findings' own order in time.
//!
//! [`super::list()`] finds everything that a filter leaves and sorts it, which takes a fifth of a second for a
//! hundred thousand findings, page by page. Here an index is walked until the page is full. Each step is a
//! question for one CVE or one piece of software, and what leads to them are the counts that are kept.

use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::filter::{FindingFilter, FindingState, Names, push_filter};
use super::list::{FindingSort, SHOWN};
use crate::counts::HOSTS_OF_SOFTWARE;
use crate::cves::CveRow;
use crate::error::StoreError;
use crate::names;
use crate::page::{After, PageRequest, SortValue, instant, within, within_key};
use crate::tenant::TenantScope;

/// Most findings that are found by their software or by their fixes and sorted, and most pieces of software that they are
/// of. Where there are more, a walk meets a page of them sooner.
const FEW_FINDINGS: i64 = 3_000;
const FEW_SOFTWARE: i64 = 1_000;

/// What leads to a page's findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// The way of the list's order. `is_low`: software has its names in small letters.
    Order { is_low: bool },
    /// The few pieces of software that are named.
    Software(Vec<Uuid>),
    /// That a finding has a fix, as few have.
    Fixes,
}

/// What leads to a page of a large company; nothing where a filter leaves so little that all of it is found and sorted.
/// A name, and that there is a fix, may leave anything: an index is asked how much.
pub(super) async fn lead(
    tx: &mut PgConnection,
    company_key: i64,
    filter: &FindingFilter,
) -> Result<Option<Lead>, StoreError> {
    if !serves(filter) {
        return Ok(None);
    }
    let lead = match &filter.name {
        Some(name) => named(tx, company_key, name).await?,
        None => Lead::Order { is_low: false },
    };
    if filter.has_fix == Some(true)
        && matches!(lead, Lead::Order { .. })
        && has_few_fixes(tx, company_key).await?
    {
        return Ok(Some(Lead::Fixes));
    }
    Ok(Some(lead))
}

/// Whether a filter leaves so much that walking is right: what names one CVE, software or one host leaves little,
/// and is found and sorted. So is the past.
fn serves(filter: &FindingFilter) -> bool {
    filter.state == FindingState::Open
        && filter.as_of.is_none()
        && filter.cve.is_none()
        && filter.software.is_none()
        && filter.host.is_none()
        && filter.label.is_none()
        && filter.exception.is_none()
}

/// Software with findings whose name contains a text. Whoever opens a finding says in the row that is kept that there is
/// one.
async fn named(tx: &mut PgConnection, company_key: i64, name: &str) -> Result<Lead, StoreError> {
    let is_low = names::of_software(tx, company_key).await?;
    let mut query = within_key(
        company_key,
        "SELECT k.software_key, k.open FROM (
            SELECT software_key FROM software WHERE company_key = $1 AND source <> '' AND ",
    )?;
    names::push_name_contains(&mut query, name, is_low);
    query.push(
        " OFFSET 0) n JOIN software_counts k ON k.company_key = $1 AND k.software_key = n.software_key
          WHERE k.open + k.suppressed > 0 LIMIT ",
    );
    query.push_bind(FEW_SOFTWARE + 1);
    #[cfg(test)]
    crate::page::note(&query);
    let rows: Vec<(Uuid, i64)> = query.build_query_as().fetch_all(tx).await?;
    let findings: i64 = rows.iter().map(|(_, open)| open).sum();
    let is_few = rows.len() as u64 <= FEW_SOFTWARE.unsigned_abs() && findings <= FEW_FINDINGS;
    Ok(match is_few {
        true => Lead::Software(rows.into_iter().map(|(key, _)| key).collect()),
        false => Lead::Order { is_low },
    })
}

/// Whether few findings of a company have a version that is said to be fixed.
async fn has_few_fixes(tx: &mut PgConnection, company_key: i64) -> Result<bool, StoreError> {
    let is_few = sqlx::query_scalar!(
        r#"SELECT count(*) <= $2 AS "is_few!" FROM (
               SELECT FROM findings f WHERE f.company_key = $1 AND f.fixed_in IS NOT NULL
                  AND f.resolved_at = 'infinity' LIMIT $2::bigint + 1) few"#,
        company_key,
        FEW_FINDINGS
    );
    Ok(is_few.fetch_one(tx).await?)
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

const BY_CVES: &str = "FROM cve_counts k";

/// `OFFSET 0` keeps the question one for each CVE. As a join it may be answered by reading all findings.
const OF_CVES: &str = " CROSS JOIN LATERAL (
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

/// The open findings of a lead, to be sorted by what a way names `k`.
const FEW: &str =
    "FROM (SELECT f.* FROM findings f WHERE f.company_key = $1 AND f.exception IS NULL AND ";
const BY_COUNTS_OF_CVES: &str =
    " OFFSET 0) f JOIN cve_counts k ON k.company_key = $1 AND k.cve = f.cve";
const BY_COUNTS_OF_SOFTWARE: &str = " OFFSET 0) f
    JOIN software_counts k ON k.company_key = $1 AND k.software_key = f.software_key";

fn push_few(query: &mut QueryBuilder<Postgres>, way: &Way, lead: &Lead) {
    query.push(FEW);
    match lead {
        Lead::Software(keys) => {
            query.push("NOT isfinite(f.resolved_at) AND f.software_key = ANY(");
            query.push_bind(keys.clone()).push(")")
        }
        Lead::Fixes | Lead::Order { .. } => {
            query.push("f.resolved_at = 'infinity' AND f.fixed_in IS NOT NULL")
        }
    };
    query.push(match way.from {
        BY_CVES => BY_COUNTS_OF_CVES,
        BY_HOSTS => BY_COUNTS_OF_SOFTWARE,
        _ => " OFFSET 0) f",
    });
    query.push(" LEFT JOIN cves c ON c.id = f.cve WHERE true");
}

/// What leads to a page, and what is asked of it before any finding is read. The counts' copy of what is asked of
/// CVEs is as old as they are, so that of the CVEs is asked as well.
fn push_from(
    query: &mut QueryBuilder<Postgres>,
    way: &Way,
    (filter, lead): (&FindingFilter, &Lead),
) {
    if !matches!(lead, Lead::Order { .. }) {
        return push_few(query, way, lead);
    }
    if way.from != BY_CVES {
        query.push(if filter.kev == Some(true) { BY_EXPLOITED } else { way.from });
        return;
    }
    if filter.kev == Some(true) {
        // One in some hundred: put in order before any finding is read, where the walk would pass all others.
        query.push(
            "FROM (SELECT k.* FROM cve_counts k WHERE k.company_key = $1 AND k.kev >= 0 ORDER BY ",
        );
        query.push(way.value).push(" DESC, k.cve DESC OFFSET 0) k");
    } else {
        query.push(way.from);
    }
    query.push(OF_CVES);
    if let Some(severity) = filter.severity_min {
        query.push(" AND k.cvss_severity = ANY(").push_bind(severity.and_above()).push(")");
    }
    if filter.kev == Some(false) {
        query.push(" AND k.kev < 0");
    }
}

/// The list up to [`super::list()`]'s `READ`, with its places and its end.
pub(super) fn select(
    scope: &TenantScope,
    (filter, lead): (&FindingFilter, &Lead),
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
    push_from(&mut query, &way, (filter, lead));
    let names = match lead {
        Lead::Software(_) => Names::Known,
        Lead::Order { is_low } => Names::Passed { is_low: *is_low },
        Lead::Fixes => Names::Searched,
    };
    push_filter(&mut query, filter, names);
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
    use sqlx::Row as _;

    use super::*;
    use crate::counts;
    use crate::page::explain;
    use crate::test_fixtures::{Endpoint, World, at, key, record};

    #[tokio::test]
    async fn what_is_asked_of_cves_is_asked_of_the_counts_before_a_finding_is_read() {
        let world = World::new().await;
        let filter = FindingFilter { kev: Some(true), ..FindingFilter::default() };
        let lead = Lead::Order { is_low: false };
        for sort in
            [FindingSort::Severity, FindingSort::Epss, FindingSort::Opened, FindingSort::Hosts]
        {
            let page = PageRequest::first(100);
            let mut query = select(&world.scope, (&filter, &lead), sort, &page).unwrap();
            query.push(super::super::list::READ);
            let plan = explain(&world.scope, query).await;
            assert!(plan.contains("(kev >= 0)"), "{sort:?}: {plan}");
            assert!(!plan.contains("Seq Scan on findings"), "{sort:?}: {plan}");
        }
    }

    #[tokio::test]
    async fn whatever_leads_to_a_page_it_is_the_same() {
        let world = World::new().await;
        let mut endpoint = Endpoint::new(world.agent().await);
        let records: Vec<_> = (0..4).map(|n| record(&format!("bad{n}"), "1.1")).collect();
        let keys = records.iter().skip(1).map(|one| key(one).to_uuid()).collect();
        world.apply(&endpoint.snapshot(records.clone(), 100)).await;
        counts::count(&world.scope, at(10), || 0.5).await.unwrap();
        world.database.execute("UPDATE findings SET fixed_in = '9'").await;
        let filter = FindingFilter {
            name: Some("AD".to_owned()),
            has_fix: Some(true),
            ..FindingFilter::default()
        };
        let leads = [
            Lead::Order { is_low: true },
            Lead::Order { is_low: false },
            Lead::Fixes,
            Lead::Software(keys),
        ];
        for sort in [FindingSort::Severity, FindingSort::Opened, FindingSort::Hosts] {
            let mut pages = Vec::new();
            for lead in &leads {
                let page = PageRequest::first(100);
                let mut query = select(&world.scope, (&filter, lead), sort, &page).unwrap();
                query.push(super::super::list::READ);
                let mut tx = world.tx().await;
                let rows = query.build().fetch_all(&mut *tx).await.unwrap();
                let ids: Vec<String> = rows.iter().map(|row| row.get("sort_id")).collect();
                pages.push(ids);
            }
            assert_eq!(pages[0].len(), 8, "{sort:?}");
            assert!(pages[..3].iter().all(|page| *page == pages[0]), "{sort:?}: {pages:?}");
            // The last one leads to three of the four.
            let other = key(&records[0]).to_uuid().to_string();
            pages[0].retain(|id| !id.contains(&other));
            assert_eq!(pages[3], pages[0], "{sort:?}");
        }
    }
}
