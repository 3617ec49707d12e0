//! Software by title: one row for a name and a source, whatever its versions.

use protocol::software::Source;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::FindingCounts;
use crate::error::StoreError;
use crate::names;
use crate::page::{After, Order, Page, PageRequest, SortType, SortValue, within};
use crate::tenant::TenantScope;

/// A title that some host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// Its name, as one of its versions writes it.
    pub name: String,
    /// Where it was read from.
    pub source: Source,
    /// Who makes it, or empty.
    pub vendor: String,
    /// Versions of it that hosts have.
    pub versions: u64,
    /// Hosts that have any of them.
    pub hosts: u64,
    /// CVEs that any of them has, each counted once.
    pub cves: FindingCounts,
    /// When a host of the company had any of them first.
    pub first_seen_at: OffsetDateTime,
}

/// Which titles a list has.
#[derive(Clone, Debug, Default)]
pub struct TitleFilter {
    /// The name or the vendor contains this.
    pub text: Option<String>,
    /// It was read from this source.
    pub source: Option<Source>,
}

const BY_NAME: Order =
    Order { by: "title", of: SortType::Text, descending: false, tie: "source", tie_is_uuid: false };

/// In the order of the index of names, so that a page reads no more than its titles' versions.
const GROUPED: &str = " AS title, s.source, min(s.name) AS name, max(s.vendor) AS vendor,
           count(DISTINCT s.version) AS versions, min(s.first_seen_at) AS first_seen_at,
           array_agg(s.software_key) AS keys
    FROM software s
    WHERE s.company_key = $1 AND s.source <> ''";

/// The same for those whose names or vendors contain a text, which are found in the index before a row is read.
const GROUPED_FOUND: &str = " AS title, s.source, min(s.name) AS name, max(s.vendor) AS vendor,
           count(DISTINCT s.version) AS versions, min(s.first_seen_at) AS first_seen_at,
           array_agg(s.software_key) AS keys
    FROM (SELECT software_key, name_low FROM software WHERE company_key = $1 AND source <> ''";
const AND_READ: &str = " ORDER BY name_low OFFSET 0) n
    JOIN software s ON s.company_key = $1 AND s.software_key = n.software_key
    WHERE true";

const INSTALLED: &str = " AND EXISTS (SELECT FROM installations i WHERE i.company_key = $1
    AND i.software_key = s.software_key AND i.closed_at = 'infinity' OFFSET 0)";

/// A page of titles, by name.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn titles(
    scope: &TenantScope,
    filter: &TitleFilter,
    page: &PageRequest,
) -> Result<Page<Title>, StoreError> {
    let mut tx = scope.begin_read("software.titles").await?;
    let is_low = names::of_software(&mut tx, scope.key()).await?;
    let mut query = select(scope, filter, page, is_low)?;
    #[cfg(test)]
    crate::page::note(&query);
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let found = BY_NAME.page(rows, page, |row: Row| row.into_title())?;
    let (mut titles, mut keys) = (Vec::new(), Vec::new());
    for (title, of_title) in found.items {
        titles.push(title);
        keys.push(of_title);
    }
    count(&mut tx, scope.key(), &mut titles, &keys).await?;
    tx.commit().await?;
    Ok(Page { items: titles, next: found.next, total: found.total, counted_at: None })
}

/// The list; `is_low`: software has its names in small letters.
fn select(
    scope: &TenantScope,
    filter: &TitleFilter,
    page: &PageRequest,
    is_low: bool,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let is_found = is_low && filter.text.is_some();
    let title = match (is_low, is_found) {
        (false, _) => "lower(s.name) COLLATE \"C\"",
        (true, false) => "s.name_low",
        (true, true) => "n.name_low",
    };
    // Where the index begins; the page's own place is asked of the titles, once they are made.
    let begin = match &page.after {
        Some(After { value: SortValue::Text(name), .. }) if is_low => Some(name.clone()),
        _ => None,
    };
    let mut query =
        within(scope, "SELECT x.name, x.source, x.vendor, x.versions, x.first_seen_at, x.keys")?;
    BY_NAME.push_columns(&mut query);
    query.push(" FROM (SELECT ").push(title);
    query.push(if is_found { GROUPED_FOUND } else { GROUPED });
    if let Some(text) = &filter.text {
        names::push_contains(&mut query, text, is_low);
    }
    if let Some(begin) = begin {
        query.push(" AND name_low >= ").push_bind(begin);
    }
    if is_found {
        query.push(AND_READ);
    }
    query.push(INSTALLED);
    if let Some(source) = filter.source {
        query.push(" AND s.source = ").push_bind(source.as_str());
    }
    query.push(" GROUP BY ").push(title).push(", s.source) x WHERE true");
    BY_NAME.push_after(&mut query, page)?;
    BY_NAME.push_end(&mut query, page);
    Ok(query)
}

/// Counts hosts and CVEs for a page's titles, from the keys of their versions.
async fn count(
    tx: &mut PgConnection,
    company_key: i64,
    titles: &mut [Title],
    keys: &[Vec<Uuid>],
) -> Result<(), StoreError> {
    let (mut numbers, mut software) = (Vec::new(), Vec::new());
    for (number, keys) in (0_i64..).zip(keys) {
        numbers.extend(std::iter::repeat_n(number, keys.len()));
        software.extend_from_slice(keys);
    }
    // Each title by itself: hosts of a few versions are told apart in a fraction of the time that those of the whole page
    // take.
    let hosts = sqlx::query!(
        r#"SELECT t.number AS "number!", h.hosts AS "hosts!"
           FROM (
               SELECT o.number, array_agg(o.software_key) AS keys
               FROM UNNEST($2::bigint[], $3::uuid[]) AS o (number, software_key)
               GROUP BY o.number
           ) t
           CROSS JOIN LATERAL (
               SELECT count(DISTINCT i.agent_key) AS hosts FROM installations i
               WHERE i.company_key = $1 AND i.software_key = ANY(t.keys)
                 AND i.closed_at = 'infinity' OFFSET 0
           ) h"#,
        company_key,
        &numbers,
        &software
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in hosts {
        if let Some(title) = at(titles, row.number) {
            title.hosts = row.hosts.unsigned_abs();
        }
    }
    let cves = sqlx::query!(
        r#"SELECT o.number AS "number!",
                  count(*) FILTER (WHERE NOT o.is_out) AS "open!",
                  count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'critical')
                      AS "critical!",
                  count(*) FILTER (WHERE NOT o.is_out AND c.cvss_severity = 'high') AS "high!",
                  count(c.kev_added) FILTER (WHERE NOT o.is_out) AS "kev!",
                  count(*) FILTER (WHERE o.is_out) AS "suppressed!"
           FROM (
               SELECT o.number, f.cve, bool_and(f.exception IS NOT NULL) AS is_out
               FROM UNNEST($2::bigint[], $3::uuid[]) AS o (number, software_key)
               JOIN findings f ON f.company_key = $1 AND f.software_key = o.software_key
                              AND NOT isfinite(f.resolved_at)
               GROUP BY o.number, f.cve
           ) o
           LEFT JOIN cves c ON c.id = o.cve
           GROUP BY o.number"#,
        company_key,
        &numbers,
        &software
    )
    .fetch_all(tx)
    .await?;
    for row in cves {
        if let Some(title) = at(titles, row.number) {
            title.cves = FindingCounts {
                open: row.open.unsigned_abs(),
                critical: row.critical.unsigned_abs(),
                high: row.high.unsigned_abs(),
                kev: row.kev.unsigned_abs(),
                suppressed: row.suppressed.unsigned_abs(),
            };
        }
    }
    Ok(())
}

fn at(titles: &mut [Title], number: i64) -> Option<&mut Title> {
    titles.get_mut(usize::try_from(number).ok()?)
}

#[derive(Debug, FromRow)]
struct Row {
    name: String,
    source: String,
    vendor: String,
    versions: i64,
    first_seen_at: OffsetDateTime,
    keys: Vec<Uuid>,
}

impl Row {
    fn into_title(self) -> Result<(Title, Vec<Uuid>), StoreError> {
        let source = self.source.parse();
        let title = Title {
            source: source
                .map_err(|_| StoreError::inconsistent("software", "source", &self.source))?,
            name: self.name,
            vendor: self.vendor,
            versions: self.versions.unsigned_abs(),
            hosts: 0,
            cves: FindingCounts::default(),
            first_seen_at: self.first_seen_at,
        };
        Ok((title, self.keys))
    }
}

#[cfg(test)]
mod tests {
    use protocol::software::SoftwareRecord;

    use super::*;
    use crate::page::explain;
    use crate::test_fixtures::{Endpoint, World, company, record};

    /// Two hosts with `bad1` 1.1 and 2.1, one with both, `Bad1` of another source, and `gone` on none.
    async fn world() -> World {
        let world = World::new().await;
        let snap = SoftwareRecord { source: Source::Snap, ..record("Bad1", "1.1") };
        let gone = record("gone", "1");
        for mut records in [
            vec![record("bad1", "1.1"), record("bad1", "2.1"), snap],
            vec![record("bad1", "1.1"), record("nginx", "1")],
        ] {
            records.push(gone.clone());
            let mut endpoint = Endpoint::new(world.agent().await);
            world.apply(&endpoint.snapshot(records, 100)).await;
            world.apply(&[endpoint.delta(vec![], std::slice::from_ref(&gone))]).await;
        }
        world
    }

    #[tokio::test]
    async fn a_title_counts_versions_hosts_and_cves_once() {
        let world = world().await;
        let page = PageRequest::first(10);
        let found = titles(&world.scope, &TitleFilter::default(), &page).await.unwrap().items;
        let shown: Vec<_> = found
            .iter()
            .map(|title| {
                let source = title.source.as_str();
                (source, title.versions, title.hosts, title.cves.open)
            })
            .collect();
        // Both versions have the same two CVEs.
        let expected = [("deb", 2, 2, 2), ("snap", 1, 1, 0), ("deb", 1, 1, 0)];
        assert_eq!(shown, expected);
    }

    #[tokio::test]
    async fn titles_are_found_by_text_and_source_and_go_on_page_by_page() {
        let world = world().await;
        for (text, source, expected) in [
            (Some("AD1"), None, 2),
            (Some("example"), Some(Source::Deb), 2),
            (None, Some(Source::Snap), 1),
            (Some("gone"), None, 0),
        ] {
            let filter = TitleFilter { text: text.map(str::to_owned), source };
            let found = titles(&world.scope, &filter, &PageRequest::first(10)).await;
            assert_eq!(found.unwrap().items.len(), expected, "{text:?} {source:?}");
        }
        let mut page = PageRequest::first(1);
        let mut names = Vec::new();
        loop {
            let found = titles(&world.scope, &TitleFilter::default(), &page).await.unwrap();
            names.extend(found.items.into_iter().map(|title| title.name));
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        assert_eq!(names, ["bad1", "Bad1", "nginx"]);
        let other = company(world.store(), "Other").await;
        let none = titles(&other, &TitleFilter::default(), &PageRequest::first(10)).await;
        assert_eq!(none.unwrap().items, []);
    }

    #[tokio::test]
    async fn a_page_of_titles_deep_in_the_list_begins_where_the_index_says() {
        let world = World::new().await;
        let value = SortValue::Text("libc6".to_owned());
        let after = After { value, id: "deb".to_owned(), seen: 50_000 };
        let page = PageRequest { limit: 100, after: Some(after) };
        let query = select(&world.scope, &TitleFilter::default(), &page, true).unwrap();
        let plan = explain(&world.scope, query).await;
        let begins = plan.lines().find(|line| line.contains("name_low >= ")).unwrap_or_default();
        assert!(begins.contains("Index Cond"), "{plan}");
    }
}
