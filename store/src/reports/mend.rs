//! Installations whose software has no row: taken out, so that their agents' digests show that they are missing.
//!
//! They come of a database that went back behind the back of whoever wrote, and of no other thing known. No list
//! shows them, and the digest counts them: without this they would stay as they are for good.

use crate::error::StoreError;
use crate::tenant::TenantScope;

use super::digest::count_again;

/// What was looked at and mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The last agent that was looked at, where the next step goes on.
    pub last: i64,
    /// Installations that were taken out.
    pub installations: u64,
    /// Agents whose they were.
    pub agents: usize,
}

/// Which of a company's agents are looked at: one in so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// One in how many; at least 1.
    pub of: u32,
    /// Which of them: those whose key leaves this rest.
    pub rest: u32,
}

/// Takes out open installations that have no software, of at most `agents_max` agents of a company's share, those after
/// one that was looked at (0 at first).
///
/// Gives the last agent that was looked at; `None` when there are no more.
///
/// The agents' next heartbeats do not agree then, and a snapshot opens them anew, with their software.
/// A step asks for a row of software for each installation of its agents, by key.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn mend(
    scope: &TenantScope,
    share: Share,
    after: i64,
    agents_max: u32,
) -> Result<Option<Mended>, StoreError> {
    let mut tx = scope.begin_by_key("reports.mend").await?;
    // Looked at without a lock: nearly always all are whole. OFFSET 0 as in open_rows.sql.
    let looked_at = sqlx::query!(
        r#"SELECT a.key AS "key!", EXISTS (
               SELECT FROM installations i
               WHERE i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
                 AND NOT EXISTS (
                     SELECT FROM software s
                     WHERE s.company_key = $1 AND s.software_key = i.software_key OFFSET 0)
               OFFSET 0) AS "is_broken!"
           FROM agents a
           WHERE a.company_key = $1 AND a.key > $2 AND a.key % $4::bigint = $5::bigint
           ORDER BY a.key LIMIT $3"#,
        scope.key(),
        after,
        i64::from(agents_max),
        i64::from(share.of.max(1)),
        i64::from(share.rest)
    )
    .fetch_all(&mut *tx)
    .await?;
    let Some(last) = looked_at.last().map(|agent| agent.key) else {
        return Ok(None);
    };
    let broken: Vec<i64> =
        looked_at.iter().filter(|agent| agent.is_broken).map(|agent| agent.key).collect();
    let mut installations = 0;
    if !broken.is_empty() {
        // In the order of their keys, as everywhere: reports of these agents wait until their digests are right.
        sqlx::query!(
            "SELECT key FROM agents WHERE company_key = $1 AND key = ANY($2)
             ORDER BY key FOR NO KEY UPDATE",
            scope.key(),
            &broken
        )
        .fetch_all(&mut *tx)
        .await?;
        let taken_out = sqlx::query!(
            "DELETE FROM installations i
             WHERE i.company_key = $1 AND i.agent_key = ANY($2) AND NOT isfinite(i.closed_at)
               AND NOT EXISTS (
                   SELECT FROM software s
                   WHERE s.company_key = $1 AND s.software_key = i.software_key OFFSET 0)",
            scope.key(),
            &broken
        )
        .execute(&mut *tx)
        .await?;
        installations = taken_out.rows_affected();
        for agent in &broken {
            count_again(&mut tx, scope.key(), *agent).await?;
        }
    }
    tx.commit().await?;
    Ok(Some(Mended { last, installations, agents: broken.len() }))
}
