//! What those are called who did something.
//!
//! Rows of a company name them by a word that stays the same: `user:<uuid>`, `api_key:<uuid>`. What
//! that is called is asked for apart: people and keys stand in tables of the coordinator alone, which
//! no statement on a company's rows may name.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::Actor;
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// Who an actor is, in a word that stays the same from request to request.
pub(crate) fn word(actor: &Actor) -> String {
    actor.id().map_or_else(|| actor.kind().to_owned(), |id| format!("{}:{id}", actor.kind()))
}

/// What sort of an actor it is, for texts that stay in a company's rows: who of them it was, the audit log says.
/// Addresses and names change, and operators' are none of the company's business.
pub(crate) const fn sort(actor: &Actor) -> &'static str {
    match actor {
        Actor::System => "the collector",
        Actor::Local => "the command line",
        Actor::Key { .. } => "an API key",
        Actor::User { .. } => "a person",
    }
}

/// Who stands behind an actor in the company, in such a word: of a key the person who made it, or the first key of
/// those that made one another; of anybody else themselves. The transaction has to see operators' keys, which work in
/// every company.
pub(crate) async fn behind(
    tx: &mut PgConnection,
    company_key: i64,
    word: &str,
) -> Result<String, StoreError> {
    let Some(key) = word.strip_prefix("api_key:").and_then(|id| id.parse::<Uuid>().ok()) else {
        return Ok(word.to_owned());
    };
    let made_by = sqlx::query_scalar!(
        "SELECT created_by FROM api_keys
         WHERE id = $2 AND (company_key = $1 OR company_key IS NULL)",
        company_key,
        key
    )
    .fetch_optional(tx)
    .await?;
    Ok(made_by.flatten().unwrap_or_else(|| word.to_owned()))
}

/// What some words are called now: the company's people by their address, its keys by their name.
/// Whoever is none of the company's is left out: those who left, and operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// What a word is called.
    pub(crate) fn of(&self, word: &str) -> Option<String> {
        self.0.get(word).cloned()
    }
}

/// The names of those with some ids.
///
/// # Errors
///
/// When the database cannot be used.
pub(crate) async fn names(scope: &TenantScope, ids: &[Uuid]) -> Result<Names, StoreError> {
    if ids.is_empty() {
        return Ok(Names::default());
    }
    let mut tx = scope.begin("actors.names").await?;
    let names = names_in(&mut tx, scope.key(), ids).await?;
    tx.commit().await?;
    Ok(names)
}

/// The ids in words, each once; a command line and the collector itself have none.
pub(crate) fn ids(words: impl Iterator<Item = impl AsRef<str>>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> =
        words.filter_map(|word| word.as_ref().split_once(':')?.1.parse().ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// As [`names`], within a transaction of the company's.
pub(crate) async fn names_in(
    tx: &mut PgConnection,
    company_key: i64,
    ids: &[Uuid],
) -> Result<Names, StoreError> {
    if ids.is_empty() {
        return Ok(Names::default());
    }
    let rows = sqlx::query!(
        r#"SELECT 'user:' || u.id AS "word!", u.email AS "name!"
           FROM memberships m JOIN users u ON u.id = m.user_id
           WHERE m.company_key = $1 AND m.user_id = ANY ($2)
           UNION ALL
           SELECT 'api_key:' || k.id, k.name FROM api_keys k
           WHERE k.company_key = $1 AND k.id = ANY ($2)"#,
        company_key,
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(Names(rows.into_iter().map(|row| (row.word, row.name)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_in_a_text_is_nobodys_name() {
        let id = Uuid::from_u128(7);
        let person = Actor::User { id, email: "ann@example.org".to_owned() };
        let key = Actor::Key { id, name: "pipeline".to_owned() };
        assert_eq!([sort(&person), sort(&key)], ["a person", "an API key"]);
        assert_eq!(
            [sort(&Actor::System), sort(&Actor::Local)],
            ["the collector", "the command line"]
        );
    }

    #[test]
    fn only_people_and_keys_are_asked_for_and_each_once() {
        let id = Uuid::from_u128(7);
        let (user, key) = (format!("user:{id}"), format!("api_key:{}", Uuid::from_u128(3)));
        let words = ["system", user.as_str(), "local", key.as_str(), user.as_str(), "user:nobody"];
        assert_eq!(ids(words.into_iter()), [Uuid::from_u128(3), id]);
    }
}
