//! What has to be known before a batch is applied: agents, their open rows, software.

use std::collections::BTreeMap;

use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::ids::AgentId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::inventory::{OpenRow, OpenRows, touched};
use super::line::{Line, Run};
use crate::agents::{digest, position};
use crate::error::StoreError;

/// Locks agents in the order of their keys and gives their lines.
pub(super) async fn lock_lines(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[Uuid],
) -> Result<BTreeMap<AgentId, Line>, StoreError> {
    // `NO KEY`, because nothing here changes a key. A line of another company's agent is not seen,
    // and that agent counts as unknown.
    let rows =
        sqlx::query_file!("src/reports/lock_agents.sql", company_key, agents).fetch_all(tx).await?;
    rows.into_iter()
        .map(|row| {
            let line = Line {
                agent_key: row.key,
                agent: AgentId(row.id),
                applied: position(row.applied_epoch, row.applied_seq)?,
                applied_at: row.applied_at,
                digest: digest(row.digest_count, row.digest_sum)?,
            };
            Ok((line.agent, line))
        })
        .collect()
}

/// The open rows that runs may touch, by agent; no question when there can be none.
pub(super) async fn open_rows(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
) -> Result<BTreeMap<i64, OpenRows>, StoreError> {
    // All agents' stretches in one question; the join runs from them into the primary key.
    let (mut agents, mut lows, mut highs) = (Vec::new(), Vec::new(), Vec::new());
    for run in runs {
        for range in touched(run) {
            agents.push(run.line.agent_key);
            lows.push(range.low.to_uuid());
            highs.push(range.high.to_uuid());
        }
    }
    let mut open: BTreeMap<i64, OpenRows> = BTreeMap::new();
    // A first snapshot of a new agent, or a fleet's: there is nothing to read.
    if agents.is_empty() {
        return Ok(open);
    }
    let rows = sqlx::query_file!("src/reports/open_rows.sql", company_key, &agents, &lows, &highs)
        .fetch_all(tx)
        .await?;
    for row in rows {
        open.entry(row.agent_key).or_default().insert(
            SoftwareKey::from_uuid(row.software_key),
            OpenRow {
                fingerprint: RecordFingerprint::from_uuid(row.fingerprint),
                opened_at: row.opened_at,
            },
        );
    }
    Ok(open)
}

/// Those of the keys whose software the company has a row for.
pub(super) async fn existing_software(
    tx: &mut PgConnection,
    company_key: i64,
    keys: &[SoftwareKey],
) -> Result<Vec<SoftwareKey>, StoreError> {
    // The rule and not the exception: what a company's hosts bring is known after the first few of
    // them.
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Uuid> = keys.iter().map(|key| key.to_uuid()).collect();
    let rows = sqlx::query_file_scalar!("src/reports/existing_software.sql", company_key, &keys)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(SoftwareKey::from_uuid).collect())
}
