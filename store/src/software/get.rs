//! One piece of software.

use protocol::fingerprint::SoftwareKey;

use super::SoftwareItem;
use super::list::{ITEMS, ItemRow};
use crate::error::StoreError;
use crate::page::within;
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
    let mut query = within(scope, "SELECT x.* ")?;
    query.push(ITEMS);
    query.push(" AND software_key = ").push_bind(key.to_uuid());
    let mut tx = scope.begin("software.get").await?;
    let row: Option<ItemRow> = query.build_query_as().fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    row.map(TryInto::try_into).transpose()
}
