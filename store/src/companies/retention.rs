//! How long a company keeps what is over.

use serde_json::{Value, json};
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
    revised_retention(scope).await.map(|(retention, _)| retention)
}

/// The same, with its revision, which grows with every change.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revised_retention(scope: &TenantScope) -> Result<(Retention, u64), StoreError> {
    let mut tx = scope.begin("companies.retention").await?;
    let row = sqlx::query_as!(
        Row,
        "SELECT history_days, silent_hosts_days, retention_revision FROM companies WHERE key = $1",
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((row.retention(), row.revision()))
}

/// Says how long the company keeps what is over, when what it says is still at `seen`; at whichever it is where that
/// is absent. Gives the new revision; `None` when somebody else changed it meanwhile.
///
/// # Errors
///
/// When the database cannot be used, or a number is out of the table's bounds.
pub async fn set_retention(
    scope: &TenantScope,
    new: Retention,
    seen: Option<u64>,
    now: OffsetDateTime,
) -> Result<Option<u64>, StoreError> {
    let mut tx = scope.begin("companies.set_retention").await?;
    // Kept as it is until the end: of two changes the log has each with what it was made from.
    let before = sqlx::query_as!(
        Row,
        "SELECT history_days, silent_hosts_days, retention_revision FROM companies
         WHERE key = $1 FOR NO KEY UPDATE",
        scope.key()
    )
    .fetch_one(&mut *tx)
    .await?;
    if seen.is_some_and(|seen| seen != before.revision()) {
        return Ok(None);
    }
    sqlx::query!(
        "UPDATE companies SET history_days = $2, silent_hosts_days = $3,
                retention_revision = retention_revision + 1
         WHERE key = $1",
        scope.key(),
        new.history_days.map(u32::cast_signed),
        new.silent_hosts_days.map(u32::cast_signed)
    )
    .execute(&mut *tx)
    .await?;
    let (was, is) = (shown(before.retention()), shown(new));
    let change = Change::edited("retention.write", scope.company(), was, is);
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(Some(before.revision() + 1))
}

/// What stands in the company's row.
#[derive(Debug)]
struct Row {
    history_days: Option<i32>,
    silent_hosts_days: Option<i32>,
    retention_revision: i64,
}

impl Row {
    fn retention(&self) -> Retention {
        Retention {
            history_days: self.history_days.map(i32::cast_unsigned),
            silent_hosts_days: self.silent_hosts_days.map(i32::cast_unsigned),
        }
    }

    const fn revision(&self) -> u64 {
        self.retention_revision.unsigned_abs()
    }
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
        assert_eq!(set_retention(&world.scope, new, Some(0), at(1)).await.unwrap(), Some(1));
        assert_eq!(retention(&world.scope).await.unwrap(), new);
        assert_eq!(retention(&other).await.unwrap(), Retention::default());
        assert_eq!((new.history_days(90), new.history_days(20)), (30, 20));
        assert_eq!(Retention::default().history_days(90), 90);
        let wrong = Retention { silent_hosts_days: Some(6), ..new };
        assert!(set_retention(&world.scope, wrong, None, at(2)).await.is_err());
    }

    #[tokio::test]
    async fn of_two_who_change_what_they_saw_the_second_is_told_to_look_again() {
        let world = World::new().await;
        let (mine, theirs) = (
            Retention { history_days: Some(30), silent_hosts_days: None },
            Retention { history_days: None, silent_hosts_days: Some(7) },
        );
        let (_, seen) = revised_retention(&world.scope).await.unwrap();
        let set = async |new, seen| set_retention(&world.scope, new, seen, at(1)).await.unwrap();
        let (one, two) = tokio::join!(set(mine, Some(seen)), set(theirs, Some(seen)));
        assert_eq!([one, two].iter().flatten().count(), 1, "{one:?} {two:?}");
        let (kept, revision) = revised_retention(&world.scope).await.unwrap();
        assert_eq!(kept, if one.is_some() { mine } else { theirs });
        assert_eq!(Some(revision), one.or(two));
        // Whoever does not mind what there is names none.
        assert_eq!(set(Retention::default(), None).await, Some(revision + 1));
    }
}
