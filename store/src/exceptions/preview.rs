//! What an exception would leave out, before it is made.

use protocol::fingerprint::SoftwareKey;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::create::place;
use super::matching::{Rules, push_matched};
use super::{About, CreateError, Hosts};
use crate::error::StoreError;
use crate::page::within;
use crate::software::{CountsRow, FindingCounts};
use crate::tenant::TenantScope;

/// Findings of a sample.
const SAMPLE: i64 = 20;

/// What an exception would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impact {
    /// Findings that would be left out.
    pub findings: FindingCounts,
    /// Findings that it is about as well, and another exception leaves out already.
    pub suppressed_already: u64,
    /// Software that has the findings that would be left out.
    pub software: u64,
    /// Hosts that have that software now and that the exception is for.
    pub hosts: u64,
    /// Some of those findings, the most severe ones first.
    pub sample: Vec<ImpactItem>,
}

/// A finding that would be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImpactItem {
    /// The CVE.
    pub cve: String,
    /// Whose statement it rests on.
    pub source: String,
    /// The software.
    pub software: SoftwareKey,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What an exception about this and for these hosts would leave out, if it were made now: by the very
/// question that decides once it is.
///
/// # Errors
///
/// When making it would be refused, the company has no turn to read, or the database cannot be used.
pub async fn preview(
    scope: &TenantScope,
    about: &About,
    hosts: &Hosts,
) -> Result<Impact, CreateError> {
    if !about.is_particular() {
        return Err(CreateError::AboutNothing);
    }
    let mut tx = scope.begin_read("exceptions.preview").await?;
    // A label or host that is not the company's narrows nothing, and the count would be of all hosts.
    place(&mut tx, scope.key(), *hosts).await?;
    let rules = Rules::This(about, hosts);
    let counts = counts(&mut tx, scope, &rules).await?;
    let concerned = hosts_concerned(&mut tx, scope, &rules, hosts).await?;
    let sample = sample(&mut tx, scope, &rules).await?;
    tx.commit().await?;
    Ok(Impact {
        findings: counts.counts.into(),
        suppressed_already: counts.already.unsigned_abs(),
        software: counts.software.unsigned_abs(),
        hosts: concerned,
        sample,
    })
}

fn matched(
    scope: &TenantScope,
    rules: &Rules<'_>,
    select: &'static str,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within(scope, "")?;
    push_matched(&mut query, rules, None);
    query.push(select);
    Ok(query)
}

#[derive(FromRow)]
struct Counts {
    #[sqlx(flatten)]
    counts: CountsRow,
    already: i64,
    software: i64,
}

async fn counts(
    tx: &mut PgConnection,
    scope: &TenantScope,
    rules: &Rules<'_>,
) -> Result<Counts, StoreError> {
    let mut query = matched(
        scope,
        rules,
        " SELECT count(*) FILTER (WHERE m.exception IS NULL) AS open,
                 count(*) FILTER (WHERE m.exception IS NULL AND c.cvss_severity = 'critical') AS critical,
                 count(*) FILTER (WHERE m.exception IS NULL AND c.cvss_severity = 'high') AS high,
                 count(c.kev_added) FILTER (WHERE m.exception IS NULL) AS kev,
                 0::bigint AS suppressed,
                 count(*) FILTER (WHERE m.exception IS NOT NULL) AS already,
                 count(DISTINCT m.software_key) FILTER (WHERE m.exception IS NULL) AS software
          FROM matched m LEFT JOIN cves c ON c.id = m.cve",
    )?;
    #[cfg(test)]
    crate::page::note(&query);
    Ok(query.build_query_as().fetch_one(tx).await?)
}

async fn hosts_concerned(
    tx: &mut PgConnection,
    scope: &TenantScope,
    rules: &Rules<'_>,
    hosts: &Hosts,
) -> Result<u64, StoreError> {
    // Software first: one with a thousand findings is looked for on hosts once.
    let mut query = matched(
        scope,
        rules,
        " SELECT count(DISTINCT i.agent_key)
          FROM (SELECT DISTINCT m.software_key FROM matched m WHERE m.exception IS NULL) d
          JOIN installations i ON i.company_key = $1 AND i.software_key = d.software_key
                              AND i.closed_at = 'infinity'
          WHERE true",
    )?;
    match hosts {
        Hosts::All => {}
        Hosts::Label(label) => {
            query.push(
                " AND i.agent_key IN (SELECT l.agent_key FROM host_labels l
                      WHERE l.company_key = $1 AND l.label = ",
            );
            query.push_bind(*label).push(")");
        }
        Hosts::One(host) => {
            query.push(
                " AND i.agent_key IN (SELECT a.key FROM agents a
                      WHERE a.company_key = $1 AND a.id = ",
            );
            query.push_bind(host.0).push(")");
        }
    }
    #[cfg(test)]
    crate::page::note(&query);
    let hosts: i64 = query.build_query_scalar().fetch_one(tx).await?;
    Ok(hosts.unsigned_abs())
}

#[derive(FromRow)]
struct SampleRow {
    cve: String,
    source: String,
    software_key: Uuid,
    name: String,
    version: String,
}

async fn sample(
    tx: &mut PgConnection,
    scope: &TenantScope,
    rules: &Rules<'_>,
) -> Result<Vec<ImpactItem>, StoreError> {
    let mut query = matched(
        scope,
        rules,
        " SELECT m.cve, m.source, m.software_key, s.name, s.version
          FROM matched m
          JOIN software s ON s.company_key = $1 AND s.software_key = m.software_key
          LEFT JOIN cves c ON c.id = m.cve
          WHERE m.exception IS NULL
          ORDER BY c.cvss_score DESC NULLS LAST, m.cve, m.software_key, m.source LIMIT ",
    )?;
    query.push_bind(SAMPLE);
    #[cfg(test)]
    crate::page::note(&query);
    let rows: Vec<SampleRow> = query.build_query_as().fetch_all(tx).await?;
    let items = rows.into_iter().map(|row| ImpactItem {
        cve: row.cve,
        source: row.source,
        software: SoftwareKey::from_uuid(row.software_key),
        name: row.name,
        version: row.version,
    });
    Ok(items.collect())
}
