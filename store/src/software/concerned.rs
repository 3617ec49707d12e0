//! Which companies a change of the match index concerns, asked before any of them is visited.
//!
//! It exists because most changes concern few companies: a visit costs some round trips, and a
//! collector of thousands of companies would spend seconds on those that have none of the software.
//! It must never give more of a company than that it is concerned.

use enrichment::lookup_key::LookupKey;
use protocol::ids::CompanyId;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tenant::OperatorScope;

/// Lookups of one question, companies times keys: each is a descent into an index, so a question
/// takes some seconds at most, whatever it is about.
const LOOKUPS_A_QUESTION: usize = 1_000_000;
/// Companies of one question, at most and at least.
const COMPANIES_A_QUESTION: (usize, usize) = (1_000, 20);

/// Companies that are to be visited, and where the next question goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concerned {
    /// The companies, in the order of their making.
    pub companies: Vec<CompanyId>,
    /// How many were asked about.
    pub asked: usize,
    /// The place of the last of those; `None` when there is none behind it.
    pub next: Option<i64>,
}

/// The next companies, after a place or from the first, that have software whose evaluation looked
/// up one of the keys, or software that came late; all companies when there are no keys to tell by.
///
/// Companies come in the order of their making, so one that is made meanwhile is asked about, too.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn concerned(
    operator: &OperatorScope,
    keys: Option<&[LookupKey]>,
    after: Option<i64>,
) -> Result<Concerned, StoreError> {
    let limit = companies_a_question(keys.map_or(0, <[_]>::len));
    let mut tx = operator.begin("software.concerned").await?;
    let rows = sqlx::query!(
        "SELECT key, id FROM companies WHERE key > $1 ORDER BY key LIMIT $2",
        // Keys begin at 1.
        after.unwrap_or(0),
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut companies: Vec<(i64, Uuid)> = rows.into_iter().map(|row| (row.key, row.id)).collect();
    let asked = companies.len();
    let next = companies.last().map(|(key, _)| *key);
    if let Some(keys) = keys {
        let every: Vec<i64> = companies.iter().map(|(key, _)| *key).collect();
        // PostgreSQL has no unsigned number: the bits are the same, and only equality is asked of
        // them.
        let keys: Vec<i64> = keys.iter().map(|key| key.0.cast_signed()).collect();
        // A function, because row-level security shows one company at a time: it sets each in turn
        // and gives back nothing but numbers.
        let found = sqlx::query_scalar!(
            r#"SELECT muster_companies_concerned($1, $2) AS "company!""#,
            &every,
            &keys
        )
        .fetch_all(&mut *tx)
        .await?;
        // In the order in which it was asked.
        companies.retain(|(key, _)| found.binary_search(key).is_ok());
    }
    // The function has set the company back to none before it ends; the setting would end here
    // anyhow.
    tx.commit().await?;
    Ok(Concerned {
        companies: companies.into_iter().map(|(_, id)| CompanyId(id)).collect(),
        asked,
        // A page that is not full was the last. What a company brings that is made after this is
        // judged with the index that counts, or marked late.
        next: next.filter(|_| asked == limit),
    })
}

fn companies_a_question(keys: usize) -> usize {
    let (most, least) = COMPANIES_A_QUESTION;
    // At least some: with a few companies a question a site of thousands would be asked for ever.
    (LOOKUPS_A_QUESTION / keys.max(1)).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use enrichment::evaluation::Evaluation;
    use protocol::fingerprint::SoftwareKey;
    use protocol::host::Platform;
    use protocol::software::SoftwareRecord;

    use super::*;
    use crate::reports::apply;
    use crate::software::generations::{self, Taken};
    use crate::tenant::TenantScope;
    use crate::test_fixtures::{Endpoint, World, agent, at, company, judge, record};

    fn judge_by_name(record: &SoftwareRecord, platform: &Platform, key: SoftwareKey) -> Evaluation {
        Evaluation {
            keys: vec![LookupKey::of_product("example", &record.name)],
            ..judge(record, platform, key)
        }
    }

    async fn store_on(scope: &TenantScope, name: &str, generation: u64) {
        let mut endpoint = Endpoint::new(agent(scope, "host").await);
        let reports = endpoint.snapshot([record(name, "1.1")], 100);
        apply(scope, &reports, &judge_by_name, generation, at(0)).await.unwrap();
    }

    async fn asked(world: &World, products: &[&str], after: Option<i64>) -> Concerned {
        let keys: Vec<_> =
            products.iter().map(|product| LookupKey::of_product("example", product)).collect();
        concerned(&world.store().local_operator(), Some(&keys), after).await.unwrap()
    }

    #[tokio::test]
    async fn only_companies_that_have_the_software_are_named() {
        let world = World::new().await;
        let (first, second) = (&world.scope, company(world.store(), "Second").await);
        let third = company(world.store(), "Third").await;
        store_on(first, "bad", 1).await;
        store_on(&second, "good", 1).await;
        store_on(&third, "bad", 1).await;
        let found = asked(&world, &["bad", "none"], None).await;
        assert_eq!(found.companies, [first.company(), third.company()]);
        assert_eq!((found.asked, found.next), (3, None));
        assert_eq!(asked(&world, &["good"], None).await.companies, [second.company()]);
        assert_eq!(asked(&world, &["none"], None).await.companies, []);
        let behind_first = asked(&world, &["bad"], Some(first.key())).await;
        assert_eq!(behind_first.companies, [third.company()]);
    }

    #[tokio::test]
    async fn without_keys_to_tell_by_every_company_is_named() {
        let world = World::new().await;
        let second = company(world.store(), "Second").await;
        let operator = world.store().local_operator();
        let found = concerned(&operator, None, None).await.unwrap();
        assert_eq!(found.companies, [world.scope.company(), second.company()]);
    }

    #[tokio::test]
    async fn a_company_whose_software_came_late_is_named_whatever_changed() {
        let world = World::new().await;
        let taken = Taken { generation: 2, index: 2, rules: 1, built_at: at(0), changes: None };
        generations::record(world.store(), &taken, at(0)).await.unwrap();
        store_on(&world.scope, "lagging", 1).await;
        let second = company(world.store(), "Second").await;
        store_on(&second, "current", 2).await;
        assert_eq!(asked(&world, &["none"], None).await.companies, [world.scope.company()]);
    }

    #[tokio::test]
    async fn the_question_leaves_no_company_set_and_opens_no_row() {
        let world = World::new().await;
        store_on(&world.scope, "bad", 1).await;
        let mut tx = world.store().local_operator().begin("test").await.unwrap();
        let key = LookupKey::of_product("example", "bad").0.cast_signed();
        let found: Vec<i64> = sqlx::query_scalar("SELECT muster_companies_concerned($1, $2)")
            .bind([world.scope.key()].as_slice())
            .bind([key].as_slice())
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        assert_eq!(found, [world.scope.key()]);
        // As before it: without a company even the question is an error.
        let rows = sqlx::query("SELECT FROM software_keys").fetch_all(&mut *tx);
        assert!(rows.await.is_err());
    }

    #[test]
    fn long_lists_of_keys_are_asked_for_fewer_companies_at_a_time() {
        assert_eq!(companies_a_question(0), 1_000);
        assert_eq!(companies_a_question(5), 1_000);
        assert_eq!(companies_a_question(10_000), 100);
        assert_eq!(companies_a_question(1_000_000), 20);
    }
}
