//! A company in a few numbers: what it has, and how its reports get on.

use protocol::ids::CompanyId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::counts::kept_at;
use crate::error::StoreError;
use crate::software::FindingCounts;
use crate::tenant::{OperatorScope, TenantScope};

/// What a company has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Agents that were not revoked.
    pub agents: u64,
    /// Pieces of software that some host has or had.
    pub software: u64,
    /// Pieces of software on hosts, now.
    pub installations: u64,
    /// Findings of software that at least one host has that is not revoked.
    pub findings: FindingCounts,
    /// Open findings of software that no such host has any more.
    pub findings_gone: u64,
    /// Of which moment the findings are, where counts of them are kept; `None` where they are of this moment.
    pub counted_at: Option<OffsetDateTime>,
}

/// How a company's reports get on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// Reports that were applied, ever.
    pub reports: u64,
    /// Records of those reports.
    pub records: u64,
    /// When the newest of them was taken in.
    pub applied_at: Option<OffsetDateTime>,
    /// Agents whose acknowledged reports are not in the rows.
    pub behind: u64,
    /// Since when the first of them is.
    pub behind_since: Option<OffsetDateTime>,
    /// Agents that were asked for a snapshot that did not come yet, or did not agree.
    pub snapshots_asked: u64,
    /// Dead letters that nobody has looked after.
    pub dead_letters: u64,
}

/// What a company has: counted now, but for the findings of a large one, which are those of its last count.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn summary(scope: &TenantScope) -> Result<Summary, StoreError> {
    let mut tx = scope.begin_read("summary.summary").await?;
    let row = sqlx::query!(
        r#"SELECT
             (SELECT count(*) FROM agents
              WHERE company_key = $1 AND revoked_at IS NULL) AS "agents!",
             (SELECT count(*) FROM software WHERE company_key = $1) AS "software!",
             (SELECT coalesce(sum(digest_count), 0)::bigint FROM agents
              WHERE company_key = $1) AS "installations!""#,
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    let counted_at = kept_at(&mut tx, scope.key()).await?;
    let found = match (counted_at, kept(&mut tx, scope.key()).await?) {
        (Some(_), Some(found)) => found,
        // A release before this one has counted the company.
        (Some(_), None) => by_kept_counts(&mut tx, scope.key()).await?,
        (None, _) => by_findings(&mut tx, scope.key()).await?,
    };
    tx.commit().await?;
    Ok(Summary {
        agents: row.agents.unsigned_abs(),
        software: row.software.unsigned_abs(),
        installations: row.installations.unsigned_abs(),
        findings: FindingCounts {
            open: found.open.unsigned_abs(),
            critical: found.critical.unsigned_abs(),
            high: found.high.unsigned_abs(),
            kev: found.kev.unsigned_abs(),
            suppressed: found.suppressed.unsigned_abs(),
        },
        findings_gone: found.gone.unsigned_abs(),
        counted_at,
    })
}

/// Findings of what is on hosts, and in `gone` the open ones of the rest.
pub(crate) struct Found {
    pub(crate) open: i64,
    pub(crate) critical: i64,
    pub(crate) high: i64,
    pub(crate) kev: i64,
    pub(crate) suppressed: i64,
    pub(crate) gone: i64,
}

/// Those of the company's last count.
async fn kept(tx: &mut PgConnection, company_key: i64) -> Result<Option<Found>, StoreError> {
    let found = sqlx::query_as!(
        Found,
        r#"SELECT found_open AS "open!", found_critical AS "critical!", found_high AS "high!",
                  found_kev AS "kev!", found_suppressed AS "suppressed!", found_gone AS "gone!"
           FROM company_counts WHERE company_key = $1 AND found_open IS NOT NULL"#,
        company_key
    );
    Ok(found.fetch_optional(tx).await?)
}

/// Findings are counted by software, of which each is looked for on hosts once (`on_hosts.rs`).
async fn by_findings(tx: &mut PgConnection, company_key: i64) -> Result<Found, StoreError> {
    let found = sqlx::query_as!(
        Found,
        r#"SELECT
             coalesce(sum(v.open) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "open!",
             coalesce(sum(v.critical) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "critical!",
             coalesce(sum(v.high) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "high!",
             coalesce(sum(v.kev) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "kev!",
             coalesce(sum(v.suppressed) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "suppressed!",
             coalesce(sum(v.open) FILTER (WHERE NOT v.is_on_hosts), 0)::bigint AS "gone!"
           FROM (
             SELECT count(*) FILTER (WHERE f.exception IS NULL) AS open,
                    count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'critical')
                        AS critical,
                    count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'high') AS high,
                    count(c.kev_added) FILTER (WHERE f.exception IS NULL) AS kev,
                    count(f.exception) AS suppressed,
                    EXISTS (SELECT FROM installations i
                            WHERE i.company_key = $1 AND i.software_key = f.software_key
                              AND i.closed_at = 'infinity'
                              AND (SELECT a.revoked_at IS NULL FROM agents a
                                   WHERE a.company_key = $1 AND a.key = i.agent_key)
                            OFFSET 0) AS is_on_hosts
             FROM findings f LEFT JOIN cves c ON c.id = f.cve
             WHERE f.company_key = $1 AND f.resolved_at = 'infinity'
             GROUP BY f.software_key
           ) v"#,
        company_key
    );
    Ok(found.fetch_one(tx).await?)
}

/// The same of what is kept of software that has findings, one in twenty: a second's work where half a million findings
/// are, which a count does once. The kept number of hosts is not believed here:
/// revoked ones are in it, and it is minutes old (decision 55).
pub(crate) async fn by_kept_counts(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Found, StoreError> {
    let found = sqlx::query_as!(
        Found,
        r#"SELECT
             coalesce(sum(v.open) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "open!",
             coalesce(sum(v.critical) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "critical!",
             coalesce(sum(v.high) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "high!",
             coalesce(sum(v.kev) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "kev!",
             coalesce(sum(v.suppressed) FILTER (WHERE v.is_on_hosts), 0)::bigint AS "suppressed!",
             coalesce(sum(v.open) FILTER (WHERE NOT v.is_on_hosts), 0)::bigint AS "gone!"
           FROM (
             SELECT n.open, n.critical, n.high, n.kev, n.suppressed,
                    EXISTS (SELECT FROM installations i
                            WHERE i.company_key = $1 AND i.software_key = n.software_key
                              AND i.closed_at = 'infinity'
                              AND (SELECT a.revoked_at IS NULL FROM agents a
                                   WHERE a.company_key = $1 AND a.key = i.agent_key)
                            OFFSET 0) AS is_on_hosts
             FROM software_counts n
             WHERE n.company_key = $1 AND n.open + n.suppressed > 0
           ) v"#,
        company_key
    );
    Ok(found.fetch_one(tx).await?)
}

/// How a company's reports get on.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn pipeline(scope: &TenantScope) -> Result<Pipeline, StoreError> {
    let mut tx = scope.begin("summary.pipeline").await?;
    let row = sqlx::query!(
        r#"SELECT coalesce(sum(reports_applied), 0)::bigint AS "reports!",
                  coalesce(sum(records_applied), 0)::bigint AS "records!",
                  max(applied_at) AS applied_at,
                  count(behind_since) FILTER (WHERE revoked_at IS NULL) AS "behind!",
                  min(behind_since) FILTER (WHERE revoked_at IS NULL) AS behind_since,
                  count(snapshot_asked_at) FILTER (WHERE revoked_at IS NULL) AS "snapshots_asked!",
                  (SELECT count(*) FROM dead_letters
                   WHERE company_key = $1 AND replayed_at IS NULL) AS "dead_letters!"
           FROM agents WHERE company_key = $1"#,
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Pipeline {
        reports: row.reports.unsigned_abs(),
        records: row.records.unsigned_abs(),
        applied_at: row.applied_at,
        behind: row.behind.unsigned_abs(),
        behind_since: row.behind_since,
        snapshots_asked: row.snapshots_asked.unsigned_abs(),
        dead_letters: row.dead_letters.unsigned_abs(),
    })
}

/// How each company's reports get on, in the order of their making. A transaction a company,
/// because there is no way to two companies' rows at once.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn pipelines(operator: &OperatorScope) -> Result<Vec<(CompanyId, Pipeline)>, StoreError> {
    let mut tx = operator.begin("summary.pipelines").await?;
    let ids =
        sqlx::query_scalar!("SELECT id FROM companies ORDER BY key").fetch_all(&mut *tx).await?;
    tx.commit().await?;
    let mut pipelines = Vec::with_capacity(ids.len());
    for id in ids.into_iter().map(CompanyId) {
        if let Some(scope) = operator.scope(id).await? {
            pipelines.push((id, pipeline(&scope).await?));
        }
    }
    Ok(pipelines)
}

#[cfg(test)]
mod tests;
