//! Software by title: one row for a name and a source, whatever its versions.

mod question;

use protocol::software::Source;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use self::question::{Along, select};
use super::FindingCounts;
use crate::counts::kept_at;
use crate::error::StoreError;
use crate::names;
use crate::page::{Page, PageRequest};
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
    /// One of its versions has open findings, or none has; with a label on the hosts with it.
    pub vulnerable: Option<bool>,
    /// Hosts with this label have it: only the versions that they have count.
    pub label: Option<Uuid>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TitleSort {
    /// By name.
    #[default]
    Name,
    /// By the hosts of each of its versions, added up, most first: a host with two versions counts twice. Those that are told
    /// apart would have to be counted of all titles, to show a page.
    Hosts,
}

/// A page of titles.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn titles(
    scope: &TenantScope,
    filter: &TitleFilter,
    sort: TitleSort,
    page: &PageRequest,
) -> Result<Page<Title>, StoreError> {
    let mut tx = scope.begin_read("software.titles").await?;
    let is_low = names::of_software(&mut tx, scope.key()).await?;
    let counted_at = match sort {
        TitleSort::Name => None,
        TitleSort::Hosts => kept_at(&mut tx, scope.key()).await?,
    };
    let along = Along { sort, is_low, is_kept: counted_at.is_some() };
    let mut query = select(scope, filter, along, page)?;
    #[cfg(test)]
    crate::page::note(&query);
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    let found = sort.order().page(rows, page, |row: Row| row.into_title())?;
    let (mut titles, mut keys) = (Vec::new(), Vec::new());
    for (title, of_title) in found.items {
        titles.push(title);
        keys.push(of_title);
    }
    count(&mut tx, scope.key(), &mut titles, &keys).await?;
    tx.commit().await?;
    Ok(Page { items: titles, next: found.next, total: found.total, counted_at })
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
mod tests;
