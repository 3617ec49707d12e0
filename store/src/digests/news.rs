//! What happened in a company within a while, as far as digests tell of it: numbers, and the first of each.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::error::StoreError;
use crate::tenant::TenantScope;

/// After how long a host that says nothing counts as silent.
pub const SILENT_AFTER: Duration = Duration::DAY;
/// How long before its end an exception is about to end.
pub const EXPIRES_WITHIN: Duration = Duration::days(7);
/// What is named of each; the rest is in the numbers.
const NAMED: i64 = 10;

/// What happened in a company within a while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Findings on hosts that were opened, and that no exception leaves out.
    pub opened: Opened,
    /// The worst CVEs among them: exploited ones first, then by score.
    pub worst: Vec<WorstCve>,
    /// Exceptions that end within [`EXPIRES_WITHIN`], the first to end first.
    pub expiring: Vec<Expiring>,
    /// Exceptions that end within that time, and those of them that came into it within the while.
    pub expiring_count: (u64, u64),
    /// Hosts that went silent within the while.
    pub silent: Vec<Silent>,
    /// How many of those there are.
    pub silent_count: u64,
    /// Policies that some host fails, with the newest failures first.
    pub policies: Vec<FailingPolicy>,
}

/// Findings by how bad they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// All of them.
    pub all: u64,
    /// Of CVEs that are known to be exploited.
    pub kev: u64,
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
}

/// A CVE that came onto hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstCve {
    /// The CVE.
    pub id: String,
    /// Its severity, in a word; empty where nobody says.
    pub severity: String,
    /// Whether it is known to be exploited.
    pub is_kev: bool,
    /// One of the pieces of software that have it.
    pub software: String,
    /// How many hosts have it.
    pub hosts: u64,
}

/// An exception that is about to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiring {
    /// The exception.
    pub id: Uuid,
    /// What it is about: a CVE, a product, a package URL, or a score.
    pub about: String,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// A host that went silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// The host.
    pub id: Uuid,
    /// Its name.
    pub hostname: String,
    /// When it was heard last, or enrolled.
    pub heard_at: OffsetDateTime,
}

/// A policy that some host fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingPolicy {
    /// The policy.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How many hosts fail it.
    pub hosts: u64,
    /// How many of those began to within the while.
    pub newly: u64,
}

/// What happened after `since` and up to `until`.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn news(
    scope: &TenantScope,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<News, StoreError> {
    let (opened, worst) = findings(scope, since, until).await?;
    let (expiring, expiring_count) = expiring(scope, since, until).await?;
    let (silent, silent_count) = silent(scope, since, until).await?;
    let policies = policies(scope, since, until).await?;
    Ok(News { opened, worst, expiring, expiring_count, silent, silent_count, policies })
}

async fn findings(
    scope: &TenantScope,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<(Opened, Vec<WorstCve>), StoreError> {
    let mut tx = scope.begin("digests.findings").await?;
    let row = sqlx::query!(
        r#"SELECT count(*) AS "all!", count(c.kev_added) AS "kev!",
                  count(*) FILTER (WHERE c.cvss_severity = 'critical') AS "critical!",
                  count(*) FILTER (WHERE c.cvss_severity = 'high') AS "high!",
                  count(*) FILTER (WHERE c.cvss_severity = 'medium') AS "medium!",
                  count(*) FILTER (WHERE c.cvss_severity = 'low') AS "low!"
           FROM findings f LEFT JOIN cves c ON c.id = f.cve
           WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.exception IS NULL
             AND f.opened_at > $2 AND f.opened_at <= $3
             AND EXISTS (SELECT FROM installations i JOIN agents a
                             ON a.company_key = $1 AND a.key = i.agent_key AND a.revoked_at IS NULL
                         WHERE i.company_key = $1 AND i.software_key = f.software_key
                           AND i.closed_at = 'infinity')"#,
        scope.key(),
        since,
        until
    )
    .fetch_one(&mut *tx)
    .await?;
    let worst = sqlx::query!(
        r#"SELECT f.cve, coalesce(min(c.cvss_severity), '') AS "severity!",
                  count(c.kev_added) > 0 AS "is_kev!", min(s.name) AS "software!",
                  count(DISTINCT i.agent_key) AS "hosts!"
           FROM findings f
           JOIN software s ON s.company_key = $1 AND s.software_key = f.software_key
           JOIN installations i ON i.company_key = $1 AND i.software_key = f.software_key
                AND i.closed_at = 'infinity'
           JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key AND a.revoked_at IS NULL
           LEFT JOIN cves c ON c.id = f.cve
           WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.exception IS NULL
             AND f.opened_at > $2 AND f.opened_at <= $3
           GROUP BY f.cve
           ORDER BY count(c.kev_added) > 0 DESC, max(c.cvss_score) DESC NULLS LAST, f.cve
           LIMIT $4"#,
        scope.key(),
        since,
        until,
        NAMED
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let opened = Opened {
        all: row.all.unsigned_abs(),
        kev: row.kev.unsigned_abs(),
        critical: row.critical.unsigned_abs(),
        high: row.high.unsigned_abs(),
        medium: row.medium.unsigned_abs(),
        low: row.low.unsigned_abs(),
    };
    let worst = worst.into_iter().map(|row| WorstCve {
        id: row.cve,
        severity: row.severity,
        is_kev: row.is_kev,
        software: row.software,
        hosts: row.hosts.unsigned_abs(),
    });
    Ok((opened, worst.collect()))
}

async fn expiring(
    scope: &TenantScope,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<(Vec<Expiring>, (u64, u64)), StoreError> {
    let mut tx = scope.begin("digests.expiring").await?;
    let rows = sqlx::query!(
        r#"SELECT id, coalesce(cve, product, purl, 'scores below ' || score_below) AS "about!",
                  expires_at AS "expires_at!", count(*) OVER () AS "all!",
                  count(*) FILTER (WHERE expires_at > $3) OVER () AS "newly!"
           FROM exceptions
           WHERE company_key = $1 AND state = 'active' AND expires_at <= $2
           ORDER BY expires_at, id LIMIT $4"#,
        scope.key(),
        until + EXPIRES_WITHIN,
        since + EXPIRES_WITHIN,
        NAMED
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let counts =
        rows.first().map_or((0, 0), |row| (row.all.unsigned_abs(), row.newly.unsigned_abs()));
    let expiring = rows.into_iter().map(|row| Expiring {
        id: row.id,
        about: row.about,
        expires_at: row.expires_at,
    });
    Ok((expiring.collect(), counts))
}

async fn silent(
    scope: &TenantScope,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<(Vec<Silent>, u64), StoreError> {
    let mut tx = scope.begin("digests.silent").await?;
    let rows = sqlx::query!(
        r#"SELECT id, hostname, coalesce(last_seen_at, enrolled_at) AS "heard_at!",
                  count(*) OVER () AS "all!"
           FROM agents
           WHERE company_key = $1 AND kind = 'agent' AND revoked_at IS NULL
             AND coalesce(last_seen_at, enrolled_at) > $2
             AND coalesce(last_seen_at, enrolled_at) <= $3
           ORDER BY lower(hostname), id LIMIT $4"#,
        scope.key(),
        since - SILENT_AFTER,
        until - SILENT_AFTER,
        NAMED
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let count = rows.first().map_or(0, |row| row.all.unsigned_abs());
    let silent = rows.into_iter().map(|row| Silent {
        id: row.id,
        hostname: row.hostname,
        heard_at: row.heard_at,
    });
    Ok((silent.collect(), count))
}

async fn policies(
    scope: &TenantScope,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<Vec<FailingPolicy>, StoreError> {
    let mut tx = scope.begin("digests.policies").await?;
    let rows = sqlx::query!(
        r#"SELECT p.id, p.name, count(*) AS "hosts!",
                  count(*) FILTER (WHERE r.since > $2 AND r.since <= $3) AS "newly!"
           FROM policies p
           JOIN policy_results r ON r.company_key = $1 AND r.policy = p.id AND r.state = 'fail'
           WHERE p.company_key = $1 AND p.is_enabled
           GROUP BY p.id, p.name
           ORDER BY count(*) FILTER (WHERE r.since > $2 AND r.since <= $3) DESC, count(*) DESC,
                    lower(p.name)
           LIMIT $4"#,
        scope.key(),
        since,
        until,
        NAMED
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let policies = rows.into_iter().map(|row| FailingPolicy {
        id: row.id,
        name: row.name,
        hosts: row.hosts.unsigned_abs(),
        newly: row.newly.unsigned_abs(),
    });
    Ok(policies.collect())
}
