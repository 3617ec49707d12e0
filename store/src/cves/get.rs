//! One CVE, with every score that was published for it.

use enrichment::cve::{Cvss, KevEntry};
use serde_json::Value;
use sqlx::FromRow;

use super::{Cve, CveRow};
use crate::error::StoreError;
use crate::page::within;
use crate::tenant::TenantScope;

/// Everything that is known of a CVE, and what of it the company has.
#[derive(Clone, Debug, PartialEq)]
pub struct CveDetail {
    /// What lists show of it.
    pub cve: Cve,
    /// Every score, as its record lists them.
    pub scores: Vec<Cvss>,
    /// Weaknesses such as `CWE-79`.
    pub cwes: Vec<String>,
    /// CISA's whole entry.
    pub kev: Option<KevEntry>,
    /// The company's software that has it.
    pub software: u64,
    /// The company's hosts that have it.
    pub hosts: u64,
}

const DETAIL: &str =
    ", asked.id, coalesce(c.scores, '[]') AS scores, coalesce(c.cwes, '{}') AS cwes, c.kev,
    (SELECT count(DISTINCT f.software_key) FROM findings f
     WHERE f.company_key = $1 AND f.cve = asked.id AND f.resolved_at = 'infinity'
       AND f.exception IS NULL) AS software,
    (SELECT count(DISTINCT i.agent_key) FROM findings f JOIN installations i
         ON i.company_key = $1 AND i.software_key = f.software_key AND i.closed_at = 'infinity'
     WHERE f.company_key = $1 AND f.cve = asked.id AND f.resolved_at = 'infinity'
       AND f.exception IS NULL) AS hosts
    FROM (SELECT ";

/// What holds is found by an index; only for an id of nothing that holds the resolved ones are looked at.
const KNOWN: &str = "::text AS id) asked LEFT JOIN cves c ON c.id = asked.id
    WHERE c.id IS NOT NULL
       OR EXISTS (SELECT FROM findings f WHERE f.company_key = $1 AND f.cve = asked.id
                  AND f.resolved_at = 'infinity')
       OR EXISTS (SELECT FROM findings f WHERE f.company_key = $1 AND f.cve = asked.id)";

/// One CVE, or an advisory that names none and stands for itself; `None` when nobody knows it.
///
/// No feed has brought such a one, and the company has no finding of it. Distributions name CVEs before there is a record: of those nothing is known
/// but who has them. Its software is a list of findings, its hosts are a list of hosts, each with this CVE as
/// filter.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: &str) -> Result<Option<CveDetail>, StoreError> {
    let mut query = within(scope, "SELECT ")?;
    query.push(CveRow::COLUMNS).push(DETAIL).push_bind(id).push(KNOWN);
    let mut tx = scope.begin_look("cves.get").await?;
    let row: Option<Row> = query.build_query_as().fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    row.map(TryInto::try_into).transpose()
}

#[derive(Debug, FromRow)]
struct Row {
    #[sqlx(flatten)]
    metadata: CveRow,
    id: String,
    scores: Value,
    cwes: Vec<String>,
    kev: Option<Value>,
    software: i64,
    hosts: i64,
}

impl TryFrom<Row> for CveDetail {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            cve: row.metadata.into_cve(row.id)?,
            // What another version wrote and this one cannot read is as good as missing.
            scores: serde_json::from_value(row.scores).unwrap_or_default(),
            cwes: row.cwes,
            kev: row.kev.and_then(|kev| serde_json::from_value(kev).ok()),
            software: row.software.unsigned_abs(),
            hosts: row.hosts.unsigned_abs(),
        })
    }
}
