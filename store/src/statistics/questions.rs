//! What is asked of a company's rows for a measurement. Each question reads all of them once, which is why
//! a job asks, once an hour, and no page.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::groups::Groups;
use crate::error::StoreError;

/// The instants of a measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Where the one before ended.
    pub(super) from: OffsetDateTime,
    /// Where this one ends.
    pub(super) to: OffsetDateTime,
    /// Since when the time to fix is taken.
    pub(super) fixed_since: OffsetDateTime,
}

/// Hosts, and those of them that nothing was heard of since an instant; assets say nothing, and are not silent.
pub(super) async fn hosts(
    tx: &mut PgConnection,
    company_key: i64,
    silent_since: OffsetDateTime,
) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "hosts!",
                  count(*) FILTER (WHERE kind = 'agent'
                                     AND coalesce(last_seen_at, enrolled_at) < $2) AS "silent!"
           FROM agents WHERE company_key = $1 AND revoked_at IS NULL"#,
        company_key,
        silent_since
    )
    .fetch_one(tx)
    .await?;
    Ok((row.hosts, row.silent))
}

/// What is open, and on how many hosts.
pub(super) async fn open(
    tx: &mut PgConnection,
    company_key: i64,
    groups: &mut Groups,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        // Hosts are counted once for software, which mostly has many findings.
        r#"WITH held AS MATERIALIZED (
             SELECT i.software_key, count(*) AS hosts
             FROM installations i
             JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key AND a.revoked_at IS NULL
             WHERE i.company_key = $1 AND i.closed_at = 'infinity' AND i.software_key IN (
                 SELECT o.software_key FROM findings o
                 WHERE o.company_key = $1 AND o.resolved_at = 'infinity' AND o.exception IS NULL)
             GROUP BY i.software_key
           )
           SELECT coalesce(c.cvss_severity, 'unknown') AS "severity!",
                  c.kev_added IS NOT NULL AS "is_kev!",
                  count(*) AS "open!", sum(h.hosts)::bigint AS "exposure!"
           FROM findings f
           JOIN held h ON h.software_key = f.software_key
           LEFT JOIN cves c ON c.id = f.cve
           WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.exception IS NULL
           GROUP BY 1, 2"#,
        company_key
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        groups.each(&row.severity, row.is_kev, |numbers| {
            numbers.open += row.open.unsigned_abs();
            numbers.exposure += row.exposure.unsigned_abs();
        });
    }
    Ok(())
}

/// Takes out what exceptions leave out for some hosts alone.
pub(super) async fn excepted(
    tx: &mut PgConnection,
    company_key: i64,
    groups: &mut Groups,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        // Several exceptions may leave the same out.
        r#"SELECT coalesce(c.cvss_severity, 'unknown') AS "severity!",
                  c.kev_added IS NOT NULL AS "is_kev!", count(*) AS "out!"
           FROM (
             SELECT DISTINCT i.agent_key, f.software_key, f.cve, f.source
             FROM finding_exceptions x
             JOIN findings f
               ON f.company_key = $1 AND f.software_key = x.software_key AND f.cve = x.cve
              AND f.source = x.source AND f.resolved_at = 'infinity' AND f.exception IS NULL
             JOIN installations i
               ON i.company_key = $1 AND i.software_key = x.software_key
              AND i.closed_at = 'infinity'
             JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key AND a.revoked_at IS NULL
             WHERE x.company_key = $1 AND (x.agent_key = i.agent_key OR EXISTS (
                 SELECT FROM host_labels l
                 WHERE l.company_key = $1 AND l.label = x.label AND l.agent_key = i.agent_key))
           ) o LEFT JOIN cves c ON c.id = o.cve
           GROUP BY 1, 2"#,
        company_key
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        groups.each(&row.severity, row.is_kev, |numbers| {
            numbers.exposure = numbers.exposure.saturating_sub(row.out.unsigned_abs());
        });
    }
    Ok(())
}

/// CVEs that hosts got within the window, and had not at its beginning.
pub(super) async fn opened(
    tx: &mut PgConnection,
    company_key: i64,
    window: Window,
    groups: &mut Groups,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT coalesce(c.cvss_severity, 'unknown') AS "severity!",
                  c.kev_added IS NOT NULL AS "is_kev!", count(*) AS "opened!"
           FROM (
             SELECT DISTINCT i.agent_key, f.cve
             FROM findings f
             JOIN installations i
               ON i.company_key = $1 AND i.software_key = f.software_key
              AND i.opened_at < f.resolved_at AND i.closed_at > f.opened_at
             JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key AND a.revoked_at IS NULL
             WHERE f.company_key = $1 AND f.exception IS NULL
               AND i.opened_at <= $3 AND f.opened_at <= $3
               AND (i.opened_at > $2 OR f.opened_at > $2)
           ) o LEFT JOIN cves c ON c.id = o.cve
           WHERE NOT EXISTS (
             SELECT FROM findings g
             JOIN installations j
               ON j.company_key = $1 AND j.software_key = g.software_key
              AND j.agent_key = o.agent_key AND j.opened_at <= $2 AND j.closed_at > $2
             WHERE g.company_key = $1 AND g.cve = o.cve
               AND g.opened_at <= $2 AND g.resolved_at > $2)
           GROUP BY 1, 2"#,
        company_key,
        window.from,
        window.to
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let opened = row.opened.unsigned_abs();
        groups.each(&row.severity, row.is_kev, |numbers| numbers.opened += opened);
    }
    Ok(())
}

/// CVEs that hosts got rid of: how many within the window, and how long those of the last weeks stood.
pub(super) async fn fixed(
    tx: &mut PgConnection,
    company_key: i64,
    window: Window,
    groups: &mut Groups,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        // What a host had twice, or has again in another version, stood from the first to the last.
        r#"WITH ended AS (
             SELECT i.agent_key, f.cve,
                    min(greatest(i.opened_at, f.opened_at)) AS began,
                    max(least(i.closed_at, f.resolved_at)) AS ended
             FROM findings f
             JOIN installations i
               ON i.company_key = $1 AND i.software_key = f.software_key
              AND i.opened_at < f.resolved_at AND i.closed_at > f.opened_at
             JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key AND a.revoked_at IS NULL
             WHERE f.company_key = $1 AND f.exception IS NULL
               AND i.closed_at > $2 AND f.resolved_at > $2
               AND (i.closed_at <= $4 OR f.resolved_at <= $4)
             GROUP BY i.agent_key, f.cve
           ), fixed AS (
             SELECT CASE WHEN c.cvss_severity IN ('critical', 'high', 'medium', 'low')
                         THEN c.cvss_severity ELSE 'other' END AS severity,
                    c.kev_added IS NOT NULL AS is_kev, e.ended,
                    extract(epoch FROM e.ended - e.began)::float8 AS stood_s
             FROM ended e LEFT JOIN cves c ON c.id = e.cve
             WHERE NOT EXISTS (
               SELECT FROM findings g
               JOIN installations j
                 ON j.company_key = $1 AND j.software_key = g.software_key
                AND j.agent_key = e.agent_key AND j.opened_at <= $4 AND j.closed_at > $4
               WHERE g.company_key = $1 AND g.cve = e.cve AND g.exception IS NULL
                 AND g.opened_at <= $4 AND g.resolved_at > $4)
           )
           SELECT x.severity, x.is_kev, count(*) FILTER (WHERE x.ended > $3) AS "resolved!",
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY x.stood_s)::bigint AS median_s,
                  percentile_cont(0.9) WITHIN GROUP (ORDER BY x.stood_s)::bigint AS p90_s
           FROM fixed x
           GROUP BY GROUPING SETS ((x.severity), (x.is_kev), ())"#,
        company_key,
        window.fixed_since,
        window.from,
        window.to
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let numbers = match (row.severity.as_deref(), row.is_kev) {
            (Some(severity), _) => groups.of(severity),
            (None, Some(true)) => &mut groups.kev,
            (None, Some(false)) => continue,
            (None, None) => &mut groups.all,
        };
        numbers.resolved += row.resolved.unsigned_abs();
        numbers.fix_median_s = row.median_s.map(i64::unsigned_abs);
        numbers.fix_p90_s = row.p90_s.map(i64::unsigned_abs);
    }
    Ok(())
}
