//! How long a company keeps what is over.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// How long a company keeps what is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Days for which closed installations and resolved findings are kept; the collector's when it has none,
    /// and never more than that.
    pub history_days: Option<u32>,
    /// Days after which a host that says nothing is let go; never when it has none.
    pub silent_hosts_days: Option<u32>,
}

impl Retention {
    /// For how many days what is over is kept, where the collector keeps it for so many.
    #[must_use]
    pub fn history_days(&self, collectors: u32) -> u32 {
        self.history_days.map_or(collectors, |own| own.min(collectors))
    }
}

/// How long the company keeps what is over.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn retention(scope: &TenantScope) -> Result<Retention, StoreError> {
    let mut tx = scope.begin("companies.retention").await?;
    let retention = read(&mut tx, scope.key()).await?;
    tx.commit().await?;
    Ok(retention)
}

/// Says how long the company keeps what is over.
///
/// # Errors
///
/// When the database cannot be used, or a number is out of the table's bounds.
pub async fn set_retention(
    scope: &TenantScope,
    new: Retention,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut tx = scope.begin("companies.set_retention").await?;
    let before = read(&mut tx, scope.key()).await?;
    sqlx::query!(
        "UPDATE companies SET history_days = $2, silent_hosts_days = $3 WHERE key = $1",
        scope.key(),
        new.history_days.map(u32::cast_signed),
        new.silent_hosts_days.map(u32::cast_signed)
    )
    .execute(&mut *tx)
    .await?;
    let (was, is) = (shown(before), shown(new));
    let change = Change::edited("retention.write", scope.company(), was, is);
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn read(tx: &mut PgConnection, company_key: i64) -> Result<Retention, StoreError> {
    let row = sqlx::query!(
        "SELECT history_days, silent_hosts_days FROM companies WHERE key = $1",
        company_key
    )
    .fetch_one(tx)
    .await?;
    Ok(Retention {
        history_days: row.history_days.map(i32::cast_unsigned),
        silent_hosts_days: row.silent_hosts_days.map(i32::cast_unsigned),
    })
}

fn shown(retention: Retention) -> Value {
    json!({ "history_days": retention.history_days,
            "silent_hosts_days": retention.silent_hosts_days })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_fixtures::{World, at, company};

    #[tokio::test]
    async fn a_company_keeps_as_long_as_it_says_and_no_longer_than_the_collector() {
        let world = World::new().await;
        let other = company(world.store(), "Other").await;
        assert_eq!(retention(&world.scope).await.unwrap(), Retention::default());
        let new = Retention { history_days: Some(30), silent_hosts_days: Some(7) };
        set_retention(&world.scope, new, at(1)).await.unwrap();
        assert_eq!(retention(&world.scope).await.unwrap(), new);
        assert_eq!(retention(&other).await.unwrap(), Retention::default());
        assert_eq!((new.history_days(90), new.history_days(20)), (30, 20));
        assert_eq!(Retention::default().history_days(90), 90);
        let wrong = Retention { silent_hosts_days: Some(6), ..new };
        assert!(set_retention(&world.scope, wrong, at(2)).await.is_err());
    }
}
