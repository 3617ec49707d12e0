//! One piece of software.

use protocol::fingerprint::SoftwareKey;

use super::counts::counted;
use super::{Software, SoftwareItem, SoftwareRow};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// One piece of software with its counts; `None` when no host of the company has ever had it.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(
    scope: &TenantScope,
    key: SoftwareKey,
) -> Result<Option<SoftwareItem>, StoreError> {
    let mut tx = scope.begin_look("software.get").await?;
    let row = software_rows!(
        "SELECT software_key",
        "software WHERE company_key = $1 AND software_key = $2",
        scope.key(),
        key.to_uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let software = vec![Software::try_from(row)?];
    // Counted as the list does it, so that a row and its page never say different numbers.
    let item = counted(&mut tx, scope.key(), software).await?.pop();
    tx.commit().await?;
    Ok(item)
}
