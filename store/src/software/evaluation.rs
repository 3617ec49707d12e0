//! Software that was judged with another index than the present one.

use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::SoftwareRecord;

use super::{Software, SoftwareRow};
use crate::error::StoreError;
use crate::tenant::TenantScope;

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

/// Software that was not judged with this generation, after a key, at most `limit`.
///
/// In the order of the keys. Whoever judges it goes on after the last key of the page, and begins
/// again from the start when a page is empty, until the first page is.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn page_for_evaluation(
    scope: &TenantScope,
    generation: u64,
    after: Option<SoftwareKey>,
    limit: u32,
) -> Result<Vec<SoftwareToJudge>, StoreError> {
    let mut tx = scope.begin_by_key("software.page_for_evaluation").await?;
    let rows = sqlx::query_as!(
        SoftwareRow,
        "SELECT software_key, source, name, version, epoch, release, arch, vendor, source_name,
                source_version, origin, bundle_id, platform_family, platform_id, platform_version,
                first_seen_at, status, reason, rule, cpes, purl, generation, evaluated_at
         FROM software
         WHERE company_key = $1 AND generation <> $2
           AND ($3::uuid IS NULL OR software_key > $3)
         ORDER BY software_key LIMIT $4",
        scope.key(),
        generation.cast_signed(),
        after.map(SoftwareKey::to_uuid),
        i64::from(limit)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.into_iter()
        .map(|row| {
            let software = Software::try_from(row)?;
            Ok(SoftwareToJudge {
                key: software.key,
                record: software.record,
                platform: software.platform,
            })
        })
        .collect()
}
