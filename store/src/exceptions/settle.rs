//! Findings as the exceptions in force have them: at once for findings that are being written, and for
//! a whole company when exceptions begin or end, in steps of a bounded size.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::matching::{Rules, push_matched};
use crate::commands;
use crate::error::StoreError;
use crate::events::{EventKind, NewEvents};
use crate::page::within_key;
use crate::tenant::TenantScope;
use crate::tx;

/// Findings that change in one transaction.
const FINDINGS_A_STEP: i64 = 20_000;

/// Findings that an exception leaves out for the whole company from the beginning, by software, CVE and
/// source.
pub(crate) type Suppressed = BTreeMap<(Uuid, String, String), Uuid>;

/// What settling came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Findings that are left out from now on.
    pub suppressed: u64,
    /// Findings that are open again.
    pub reopened: u64,
    /// Whether there is more to be done: it is to be called again.
    pub has_more: bool,
}

#[derive(FromRow)]
struct Matched {
    id: Uuid,
    label: Option<Uuid>,
    host: Option<i64>,
    software_key: Uuid,
    cve: String,
    source: String,
}

/// Puts the exceptions in force to open findings of software that is being written; gives those that
/// are left out for the whole company.
///
/// In the transaction that opens the findings: a new version of software with an exception is never
/// open in between. An exception that is being made at this very moment is not seen; the job that
/// follows every change of exceptions finds what this missed.
pub(crate) async fn suppress_new(
    tx: &mut PgConnection,
    company_key: i64,
    software: &[Uuid],
    now: OffsetDateTime,
) -> Result<Suppressed, StoreError> {
    let mut query = within_key(company_key, "")?;
    push_matched(&mut query, &Rules::InForce(now), Some(software));
    query.push(
        " SELECT m.id, m.label, m.host, m.software_key, m.cve, m.source FROM matched m
          ORDER BY m.software_key, m.cve, m.source, m.id",
    );
    #[cfg(test)]
    crate::page::note(&query);
    let rows: Vec<Matched> = query.build_query_as().fetch_all(&mut *tx).await?;
    // Without exceptions, which is how most are, that question was all.
    let (some, all): (Vec<Matched>, Vec<Matched>) =
        rows.into_iter().partition(|row| row.label.is_some() || row.host.is_some());
    note_some(tx, company_key, &some).await?;
    let mut suppressed = Suppressed::new();
    for row in all {
        // The first one counts, as it does for the whole company.
        suppressed.entry((row.software_key, row.cve, row.source)).or_insert(row.id);
    }
    write_suppressed(tx, company_key, &suppressed, now).await?;
    Ok(suppressed)
}

async fn write_suppressed(
    tx: &mut PgConnection,
    company_key: i64,
    suppressed: &Suppressed,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if suppressed.is_empty() {
        return Ok(());
    }
    let software: Vec<Uuid> = suppressed.keys().map(|(key, ..)| *key).collect();
    let cves: Vec<String> = suppressed.keys().map(|(_, cve, _)| cve.clone()).collect();
    let sources: Vec<String> = suppressed.keys().map(|(.., from)| from.clone()).collect();
    let exceptions: Vec<Uuid> = suppressed.values().copied().collect();
    sqlx::query!(
        "UPDATE findings f SET exception = r.exception, suppressed_at = coalesce(f.suppressed_at, $6)
         FROM UNNEST($2::uuid[], $3::text[], $4::text[], $5::uuid[])
              AS r (software_key, cve, source, exception)
         WHERE f.company_key = $1 AND f.software_key = r.software_key AND f.cve = r.cve
           AND f.source = r.source AND f.software_key = ANY($2) AND NOT isfinite(f.resolved_at)
           AND f.exception IS DISTINCT FROM r.exception",
        company_key,
        &software,
        &cves,
        &sources,
        &exceptions,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn note_some(
    tx: &mut PgConnection,
    company_key: i64,
    rows: &[Matched],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let software: Vec<Uuid> = rows.iter().map(|row| row.software_key).collect();
    let cves: Vec<String> = rows.iter().map(|row| row.cve.clone()).collect();
    let sources: Vec<String> = rows.iter().map(|row| row.source.clone()).collect();
    let exceptions: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let labels: Vec<Option<Uuid>> = rows.iter().map(|row| row.label).collect();
    let hosts: Vec<Option<i64>> = rows.iter().map(|row| row.host).collect();
    sqlx::query!(
        "INSERT INTO finding_exceptions
             (company_key, software_key, cve, source, exception, label, agent_key)
         SELECT $1, software_key, cve, source, exception, label, agent_key
         FROM UNNEST($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::bigint[])
              AS r (software_key, cve, source, exception, label, agent_key)
         ON CONFLICT (company_key, software_key, cve, source, exception) DO NOTHING",
        company_key,
        &software,
        &cves,
        &sources,
        &exceptions,
        &labels as &[Option<Uuid>],
        &hosts as &[Option<i64>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends the exceptions whose time is over; gives how many. What they left out is open again once the
/// company is settled.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn expire(scope: &TenantScope, now: OffsetDateTime) -> Result<u64, StoreError> {
    let mut tx = scope.begin_by_key("exceptions.expire").await?;
    // It ended when its time was over and not when somebody looked.
    let done = sqlx::query!(
        "UPDATE exceptions SET state = 'expired', ended_at = expires_at, revision = revision + 1
         WHERE company_key = $1 AND state IN ('active', 'requested') AND expires_at <= $2",
        scope.key(),
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Brings a company's findings to what its exceptions say, a bounded number of them in one
/// transaction, and tells of each that is left out or open again.
///
/// # Errors
///
/// When the database cannot be used.
///
/// # Cancel safety
///
/// Dropped before it ends, all of it is in the rows or nothing; it may be done again.
pub async fn settle(scope: &TenantScope, now: OffsetDateTime) -> Result<Settled, StoreError> {
    tx::retrying("exceptions.settle", || async {
        let mut tx = scope.begin("exceptions.settle").await?;
        let settled = settle_in(&mut tx, scope, now).await?;
        tx.commit().await?;
        Ok(settled)
    })
    .await
}

/// The same, in a transaction that ends exceptions.
pub(super) async fn settle_in(
    tx: &mut PgConnection,
    scope: &TenantScope,
    now: OffsetDateTime,
) -> Result<Settled, StoreError> {
    let rules = Rules::InForce(now);
    let changed = settle_all(tx, scope.key(), &rules, now).await?;
    put_some(tx, scope.key(), &rules).await?;
    take_some(tx, scope.key(), &rules).await?;
    tell(tx, scope, changed, now).await
}

/// Lets one exception begin, and looks at nothing else: what another one leaves out already stays with
/// that, so only what is open can change.
pub(super) async fn begin_in(
    tx: &mut PgConnection,
    scope: &TenantScope,
    exception: Uuid,
    now: OffsetDateTime,
) -> Result<Settled, StoreError> {
    let rules = Rules::Stored(exception, now);
    let mut query = within_key(scope.key(), "")?;
    push_matched(&mut query, &rules, None);
    query.push(BEGIN_ALL).push_bind(FINDINGS_A_STEP);
    query.push(WRITE_ALL).push_bind(now).push(FOUND_ALL);
    #[cfg(test)]
    crate::page::note(&query);
    let changed: Vec<Changed> = query.build_query_as().fetch_all(&mut *tx).await?;
    put_some(tx, scope.key(), &rules).await?;
    tell(tx, scope, changed, now).await
}

/// Writes down what changed, and says that there is something.
async fn tell(
    tx: &mut PgConnection,
    scope: &TenantScope,
    changed: Vec<Changed>,
    now: OffsetDateTime,
) -> Result<Settled, StoreError> {
    let mut settled = Settled {
        // A full step may have been the last one: a call too many does no harm.
        has_more: i64::try_from(changed.len()).unwrap_or(i64::MAX) >= FINDINGS_A_STEP,
        ..Settled::default()
    };
    let mut events = NewEvents::default();
    for row in changed {
        match (row.was, row.exception) {
            (None, Some(exception)) => {
                settled.suppressed += 1;
                events.push(EventKind::Suppressed, row.finding(), Some(exception));
            }
            (Some(exception), None) => {
                settled.reopened += 1;
                events.push(EventKind::Reopened, row.finding(), Some(exception));
            }
            // Left out by another exception than before: nothing to be told.
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    if events.insert(&mut *tx, scope.key(), now).await? {
        commands::announce_findings(tx, scope.company()).await?;
    }
    Ok(settled)
}

#[derive(FromRow)]
struct Changed {
    software_key: Uuid,
    cve: String,
    source: String,
    confidence: String,
    fixed_in: Option<String>,
    exception: Option<Uuid>,
    was: Option<Uuid>,
}

impl Changed {
    fn finding(self) -> crate::events::Told {
        crate::events::Told {
            software: self.software_key,
            cve: self.cve,
            source: self.source,
            confidence: self.confidence,
            fixed_in: self.fixed_in,
        }
    }
}

/// Of several exceptions the one that was made first counts, so that the answer is the same whenever
/// it is asked for.
const SETTLE_ALL: &str = ", everywhere AS (
        SELECT DISTINCT ON (m.software_key, m.cve, m.source) m.software_key, m.cve, m.source, m.id
        FROM matched m WHERE m.label IS NULL AND m.host IS NULL
        ORDER BY m.software_key, m.cve, m.source, m.id
    ), due AS (
        SELECT o.software_key, o.cve, o.source, o.opened_at, o.exception AS was, w.id AS exception
        FROM findings o
        LEFT JOIN everywhere w ON w.software_key = o.software_key AND w.cve = o.cve
                              AND w.source = o.source
        WHERE o.company_key = $1 AND o.resolved_at = 'infinity' AND o.exception IS DISTINCT FROM w.id
        ORDER BY o.software_key, o.cve, o.source LIMIT ";

const WRITE_ALL: &str = ")
    UPDATE findings f
    SET exception = d.exception,
        suppressed_at = CASE WHEN d.exception IS NULL THEN NULL
                             ELSE coalesce(f.suppressed_at, ";

const FOUND_ALL: &str = ") END
    FROM due d
    WHERE f.company_key = $1 AND f.software_key = d.software_key AND f.cve = d.cve
      AND f.source = d.source AND f.opened_at = d.opened_at
    RETURNING f.software_key, f.cve, f.source, f.confidence, f.fixed_in, d.exception, d.was";

/// As above, from the findings that one exception is about.
const BEGIN_ALL: &str = ", due AS (
        SELECT o.software_key, o.cve, o.source, o.opened_at, o.exception AS was, m.id AS exception
        FROM matched m
        JOIN findings o ON o.company_key = $1 AND o.software_key = m.software_key AND o.cve = m.cve
                       AND o.source = m.source AND NOT isfinite(o.resolved_at)
        WHERE m.label IS NULL AND m.host IS NULL AND m.exception IS NULL
        ORDER BY o.software_key, o.cve, o.source LIMIT ";

async fn settle_all(
    tx: &mut PgConnection,
    company_key: i64,
    rules: &Rules<'_>,
    now: OffsetDateTime,
) -> Result<Vec<Changed>, StoreError> {
    let mut query = within_key(company_key, "")?;
    push_matched(&mut query, rules, None);
    query.push(SETTLE_ALL).push_bind(FINDINGS_A_STEP);
    query.push(WRITE_ALL).push_bind(now).push(FOUND_ALL);
    #[cfg(test)]
    crate::page::note(&query);
    Ok(query.build_query_as().fetch_all(tx).await?)
}

/// Notes what exceptions for some hosts are about.
async fn put_some(
    tx: &mut PgConnection,
    company_key: i64,
    rules: &Rules<'_>,
) -> Result<(), StoreError> {
    let mut query = within_key(
        company_key,
        "INSERT INTO finding_exceptions
             (company_key, software_key, cve, source, exception, label, agent_key) ",
    )?;
    push_matched(&mut query, rules, None);
    query.push(
        " SELECT $1, m.software_key, m.cve, m.source, m.id, m.label, m.host FROM matched m
          WHERE m.label IS NOT NULL OR m.host IS NOT NULL
          ON CONFLICT (company_key, software_key, cve, source, exception) DO NOTHING",
    );
    #[cfg(test)]
    crate::page::note(&query);
    query.build().execute(tx).await?;
    Ok(())
}

/// Forgets what they are not about any more.
async fn take_some(
    tx: &mut PgConnection,
    company_key: i64,
    rules: &Rules<'_>,
) -> Result<(), StoreError> {
    let mut query = within_key(company_key, "")?;
    push_matched(&mut query, rules, None);
    query.push(
        " DELETE FROM finding_exceptions x WHERE x.company_key = $1 AND NOT EXISTS (
              SELECT FROM matched m WHERE m.id = x.exception AND m.software_key = x.software_key
                AND m.cve = x.cve AND m.source = x.source)",
    );
    #[cfg(test)]
    crate::page::note(&query);
    query.build().execute(tx).await?;
    Ok(())
}
