//! Software to be judged again: by what its evaluation looked up, because it came late, or all.
//!
//! Whoever judges reads here, judges, and writes through [`crate::findings::replace`]. Nothing here
//! locks a row or leaves a mark: what was not written is given out again.

use std::collections::BTreeSet;

use enrichment::lookup_key::LookupKey;
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::SoftwareRecord;
use uuid::Uuid;

use super::{Software, SoftwareRow};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// Keys of one question. A longer list is asked in pieces, so that no statement takes long.
const KEYS_A_QUESTION: usize = 2_000;

/// Software to be judged anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftwareToJudge {
    /// Its key.
    pub key: SoftwareKey,
    /// What is to be judged.
    pub record: SoftwareRecord,
    /// And for which platform.
    pub platform: Platform,
}

impl TryFrom<SoftwareRow> for SoftwareToJudge {
    type Error = StoreError;

    fn try_from(row: SoftwareRow) -> Result<Self, StoreError> {
        let software = Software::try_from(row)?;
        Ok(Self { key: software.key, record: software.record, platform: software.platform })
    }
}

/// The software whose evaluation looked up any of these keys, in the order of the software's keys;
/// at most what the company has, 16 bytes each.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn that_looked_up(
    scope: &TenantScope,
    keys: &[LookupKey],
) -> Result<Vec<SoftwareKey>, StoreError> {
    let keys: Vec<i64> = keys.iter().map(|key| key.0.cast_signed()).collect();
    // Software looks up several keys, and chunks may find it more than once.
    let mut found = BTreeSet::new();
    let mut tx = scope.begin_by_key("software.that_looked_up").await?;
    for keys in keys.chunks(KEYS_A_QUESTION) {
        let rows = sqlx::query_scalar!(
            "SELECT DISTINCT software_key FROM software_keys
             WHERE company_key = $1 AND key = ANY($2)",
            scope.key(),
            keys
        )
        .fetch_all(&mut *tx)
        .await?;
        found.extend(rows);
    }
    tx.commit().await?;
    Ok(found.into_iter().map(SoftwareKey::from_uuid).collect())
}

/// Those of the given software that were judged with none of the given generations.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn not_judged_with(
    scope: &TenantScope,
    software: &[SoftwareKey],
    generations: &[u64],
) -> Result<Vec<SoftwareToJudge>, StoreError> {
    let software: Vec<Uuid> = software.iter().map(|key| key.to_uuid()).collect();
    let mut tx = scope.begin_by_key("software.not_judged_with").await?;
    let rows = software_rows!(
        // `<> ALL` and no range: generations are hashes, and say nothing about which is newer.
        "SELECT software_key",
        "software
         WHERE company_key = $1 AND software_key = ANY($2) AND generation <> ALL($3)
         ORDER BY software_key",
        scope.key(),
        &software,
        &signed(generations)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Software of any kind that was judged with none of the given generations, after a key, at most
/// `limit`, in the order of the keys. Whoever judges it goes on after the last key of the page.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn page_for_evaluation(
    scope: &TenantScope,
    generations: &[u64],
    after: Option<SoftwareKey>,
    limit: u32,
) -> Result<Vec<SoftwareToJudge>, StoreError> {
    let mut tx = scope.begin_by_key("software.page_for_evaluation").await?;
    let rows = software_rows!(
        // By key and not by `OFFSET`: rows that were judged meanwhile drop out, and an offset would
        // pass over as many that were not.
        "SELECT software_key",
        "software
         WHERE company_key = $1 AND generation <> ALL($2)
           AND ($3::uuid IS NULL OR software_key > $3)
         ORDER BY software_key LIMIT $4",
        scope.key(),
        &signed(generations),
        after.map(SoftwareKey::to_uuid),
        i64::from(limit)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Software that came in judged with an index that did not count then, at most `limit`, in the
/// order of the keys. It is given out until it was judged with the one that counts.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn that_came_late(
    scope: &TenantScope,
    limit: u32,
) -> Result<Vec<SoftwareToJudge>, StoreError> {
    let mut tx = scope.begin_by_key("software.that_came_late").await?;
    let rows = software_rows!(
        // Both tables are held to the company: on a spread database a join that is not is no single
        // node's.
        "SELECT s.software_key",
        "software_late l
         JOIN software s ON s.company_key = l.company_key AND s.software_key = l.software_key
         WHERE l.company_key = $1 AND s.company_key = $1
         ORDER BY l.software_key LIMIT $2",
        scope.key(),
        i64::from(limit)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

fn signed(generations: &[u64]) -> Vec<i64> {
    generations.iter().map(|generation| generation.cast_signed()).collect()
}

#[cfg(test)]
mod tests;
