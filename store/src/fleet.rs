//! Companies' agents in numbers, for whoever watches a whole site.
//!
//! It is read again and again and for every company, so it looks at the rows of agents alone, which are
//! narrow. It never gives a name or anything else that a company would not want to see in a graph.

use std::time::Duration;

use protocol::ids::CompanyId;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::tenant::{OperatorScope, TenantScope};

/// A company whose agents are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Which.
    pub company: CompanyId,
    /// How often its agents say that they live.
    pub heartbeat_every: Duration,
}

/// A company's agents, but for those that were revoked or uninstalled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// By when they were last heard of.
    pub seen: Seen,
    /// When any of them was.
    pub seen_at: Option<OffsetDateTime>,
    /// By what they say of their version, the most frequent first; at most [`VERSIONS_MAX`].
    pub versions: Vec<(String, u64)>,
    /// Those whose certificate has ended.
    pub expired: u64,
    /// Those that were heard of within a day and whose certificate ends within [`EXPIRES_SOON`]: they could
    /// have renewed it.
    pub expiring: u64,
    /// Those that have an acknowledgement for something that is not in the rows.
    pub behind: u64,
    /// Reports of the company that were applied, ever.
    pub reports: u64,
    /// Records of those reports.
    pub records: u64,
    /// Dead letters that nobody has looked after.
    pub dead_letters: u64,
}

/// Agents by when they were last heard of. Each is counted once, in the first that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Within an hour.
    pub hour: u64,
    /// Within a day.
    pub day: u64,
    /// Within a week.
    pub week: u64,
    /// Before that.
    pub older: u64,
    /// Never since they enrolled.
    pub never: u64,
}

impl Seen {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.hour + self.day + self.week + self.older + self.never
    }
}

/// Versions of a company's agents that are told apart.
pub const VERSIONS_MAX: i64 = 50;
/// How soon a certificate ends that should have been renewed.
// Agents renew at two thirds of thirty days: with a week left, at least three days of tries went wrong.
pub const EXPIRES_SOON: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The companies whose agents are let in, in the order of their making.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn watched(operator: &OperatorScope) -> Result<Vec<Watched>, StoreError> {
    let mut tx = operator.begin("fleet.watched").await?;
    let rows = sqlx::query!(
        "SELECT id, heartbeat_every_s FROM companies WHERE suspended_at IS NULL ORDER BY key"
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let watched = rows.into_iter().map(|row| Watched {
        company: CompanyId(row.id),
        heartbeat_every: Duration::from_secs(row.heartbeat_every_s.unsigned_abs()),
    });
    Ok(watched.collect())
}

/// All companies, those as well whose agents are not let in.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn all_companies(operator: &OperatorScope) -> Result<Vec<CompanyId>, StoreError> {
    let mut tx = operator.begin("fleet.all_companies").await?;
    let ids =
        sqlx::query_scalar!("SELECT id FROM companies ORDER BY key").fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(CompanyId).collect())
}

/// A company's agents.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn fleet(scope: &TenantScope, now: OffsetDateTime) -> Result<Fleet, StoreError> {
    let mut tx = scope.begin("fleet.fleet").await?;
    let row = sqlx::query!(
        // What was applied counts for agents that are gone as well: a rate must never fall because of them.
        // Assets without an agent send nothing, and nobody waits to hear of them; their documents are applied.
        r#"WITH own AS (
             SELECT last_seen_at, certificate_expires_at, behind_since, reports_applied, records_applied,
                    kind = 'agent' AND revoked_at IS NULL AND uninstalled_at IS NULL AS here
             FROM agents WHERE company_key = $1
           )
           SELECT
             count(*) FILTER (WHERE here AND last_seen_at > $2::timestamptz - interval '1 hour') AS "hour!",
             count(*) FILTER (WHERE here AND last_seen_at > $2::timestamptz - interval '1 day') AS "day!",
             count(*) FILTER (WHERE here AND last_seen_at > $2::timestamptz - interval '7 days') AS "week!",
             count(*) FILTER (WHERE here AND last_seen_at IS NOT NULL) AS "ever!",
             count(*) FILTER (WHERE here) AS "agents!",
             max(last_seen_at) FILTER (WHERE here) AS seen_at,
             count(*) FILTER (WHERE here AND certificate_expires_at <= $2) AS "expired!",
             count(*) FILTER (WHERE here AND certificate_expires_at > $2 AND certificate_expires_at <= $3
                              AND last_seen_at > $2::timestamptz - interval '1 day') AS "expiring!",
             count(behind_since) FILTER (WHERE here) AS "behind!",
             coalesce(sum(reports_applied), 0)::bigint AS "reports!",
             coalesce(sum(records_applied), 0)::bigint AS "records!",
             (SELECT count(*) FROM dead_letters
              WHERE company_key = $1 AND replayed_at IS NULL) AS "dead_letters!"
           FROM own"#,
        scope.key(),
        now,
        now + EXPIRES_SOON
    )
    .fetch_one(&mut *tx)
    .await?;
    let versions = sqlx::query!(
        r#"SELECT agent_version, count(*) AS "agents!" FROM agents
           WHERE company_key = $1 AND kind = 'agent' AND revoked_at IS NULL
             AND uninstalled_at IS NULL
           GROUP BY agent_version ORDER BY count(*) DESC, agent_version LIMIT $2"#,
        scope.key(),
        VERSIONS_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Fleet {
        // Each count holds the ones before it.
        seen: Seen {
            hour: row.hour.unsigned_abs(),
            day: (row.day - row.hour).unsigned_abs(),
            week: (row.week - row.day).unsigned_abs(),
            older: (row.ever - row.week).unsigned_abs(),
            never: (row.agents - row.ever).unsigned_abs(),
        },
        seen_at: row.seen_at,
        versions: versions
            .into_iter()
            .map(|v| (v.agent_version, v.agents.unsigned_abs()))
            .collect(),
        expired: row.expired.unsigned_abs(),
        expiring: row.expiring.unsigned_abs(),
        behind: row.behind.unsigned_abs(),
        reports: row.reports.unsigned_abs(),
        records: row.records.unsigned_abs(),
        dead_letters: row.dead_letters.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_fixtures::{agent, asset, company};
    use crate::test_support::FreshDatabase;

    async fn set(database: &FreshDatabase, hostname: &str, what: &str) {
        database.execute(&format!("UPDATE agents SET {what} WHERE hostname = '{hostname}'")).await;
    }

    #[tokio::test]
    async fn agents_are_counted_once_by_when_they_were_last_heard_of() {
        let database = FreshDatabase::create().await;
        let scope = company(database.store(), "Acme").await;
        for (name, seen) in [
            ("now", "now()"),
            ("today", "now() - interval '2 hours'"),
            ("lately", "now() - interval '2 days'"),
            ("once", "now() - interval '20 days'"),
            ("never", "NULL"),
        ] {
            agent(&scope, name).await;
            set(&database, name, &format!("last_seen_at = {seen}")).await;
        }
        // Nobody expects to hear of these.
        for (name, end) in [("revoked", "revoked_at"), ("gone", "uninstalled_at")] {
            agent(&scope, name).await;
            set(&database, name, &format!("last_seen_at = now(), {end} = now()")).await;
        }
        let now = database.store().now().await.unwrap();
        let found = fleet(&scope, now).await.unwrap();
        assert_eq!(found.seen, Seen { hour: 1, day: 1, week: 1, older: 1, never: 1 });
        assert_eq!(found.seen.total(), 5);
        assert!(now - found.seen_at.unwrap() < time::Duration::minutes(1));
    }

    #[tokio::test]
    async fn certificates_that_ended_and_that_end_soon_are_told_apart() {
        let database = FreshDatabase::create().await;
        let scope = company(database.store(), "Acme").await;
        // Who is switched off cannot renew anything.
        for (name, ends, seen) in [("ended", -1, 0), ("soon", 6, 0), ("good", 20, 0), ("off", 6, 9)]
        {
            agent(&scope, name).await;
            let what = format!(
                "certificate_expires_at = now() + interval '{ends} days',
                 last_seen_at = now() - interval '{seen} days'"
            );
            set(&database, name, &what).await;
        }
        let now = database.store().now().await.unwrap();
        let found = fleet(&scope, now).await.unwrap();
        assert_eq!((found.expired, found.expiring), (1, 1));
    }

    #[tokio::test]
    async fn versions_come_with_the_most_frequent_first_and_no_company_sees_anothers() {
        let database = FreshDatabase::create().await;
        let scope = company(database.store(), "Acme").await;
        for (name, version) in [("a", "0.1.0"), ("b", "0.2.0"), ("c", "0.2.0")] {
            agent(&scope, name).await;
            set(&database, name, &format!("agent_version = '{version}'")).await;
        }
        let other = company(database.store(), "Other").await;
        let now = database.store().now().await.unwrap();
        let found = fleet(&scope, now).await.unwrap();
        assert_eq!(found.versions, [("0.2.0".to_owned(), 2), ("0.1.0".to_owned(), 1)]);
        assert_eq!(fleet(&other, now).await.unwrap(), Fleet::default());
    }

    #[tokio::test]
    async fn an_asset_without_an_agent_is_none_of_the_agents() {
        let database = FreshDatabase::create().await;
        let scope = company(database.store(), "Acme").await;
        asset(&scope, "web-shop").await;
        // As a document leaves it that was applied.
        set(&database, "web-shop", "last_seen_at = now(), reports_applied = 1").await;
        let now = database.store().now().await.unwrap();
        let found = fleet(&scope, now).await.unwrap();
        assert_eq!((found.seen, found.seen_at), (Seen::default(), None));
        assert_eq!((found.versions, found.reports), (Vec::new(), 1));
    }

    #[tokio::test]
    async fn what_was_applied_stays_counted_when_its_agent_goes() {
        let database = FreshDatabase::create().await;
        let scope = company(database.store(), "Acme").await;
        agent(&scope, "gone").await;
        let applied = "reports_applied = 3, records_applied = 70, revoked_at = now()";
        set(&database, "gone", applied).await;
        let now = database.store().now().await.unwrap();
        let found = fleet(&scope, now).await.unwrap();
        assert_eq!((found.reports, found.records, found.seen.total()), (3, 70, 0));
    }

    #[tokio::test]
    async fn a_suspended_company_is_not_watched() {
        let database = FreshDatabase::create().await;
        let scope = company(database.store(), "Acme").await;
        company(database.store(), "Suspended").await;
        let suspend = "UPDATE companies SET suspended_at = now() WHERE name = 'Suspended'";
        database.execute(suspend).await;
        database.execute("UPDATE companies SET heartbeat_every_s = 600 WHERE name = 'Acme'").await;
        let watched = watched(&database.store().local_operator()).await.unwrap();
        let heartbeat_every = Duration::from_secs(600);
        assert_eq!(watched, [Watched { company: scope.company(), heartbeat_every }]);
    }
}
