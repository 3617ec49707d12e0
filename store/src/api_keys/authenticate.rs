//! Letting the holder of a key in: who it is, what they may do where, and when they came last.
//!
//! A wrong secret, an unknown key and one that is over look the same from outside, and take as long.

use protocol::ids::CompanyId;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{PresentedKey, permissions, role};
use crate::audit::Actor;
use crate::database::Store;
use crate::error::StoreError;
use crate::tenant::{Principal, Role};
use crate::tx::{self, Settings};

/// How fresh `last_used_at` is kept: a write a request would cost more than the request.
const LAST_USED_EVERY: Duration = Duration::minutes(1);

impl Store {
    /// Says who presents a key; `None` when it is unknown, wrong, expired or revoked, which look
    /// the same from outside.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn authenticate(
        &self,
        presented: &PresentedKey,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, StoreError> {
        let Some(row) = find(self, presented.id()).await? else {
            return Ok(None);
        };
        // Computed and compared in constant time whatever else is wrong with the key, so that no
        // answer comes sooner for a revoked one.
        let is_right = presented.is_of(&row.secret_hash);
        let is_over = row.revoked_at.is_some()
            || row.expires_at.is_some_and(|at| at <= now)
            || row.is_companys_end;
        if !is_right || is_over {
            return Ok(None);
        }
        let (company, last_used_at) = (row.company_key, row.last_used_at);
        let principal = holder(self, presented.id(), row)?;
        if last_used_at.is_none_or(|at| at + LAST_USED_EVERY <= now) {
            // Behind the answer's own transaction: a lock on the key's row must not be held while
            // somebody is let in.
            note_use(self, company, presented.id(), now).await?;
        }
        Ok(Some(principal))
    }
}

/// A key's row as letting its holder in needs it, with its company where it has one.
struct PresentedRow {
    secret_hash: Vec<u8>,
    role: String,
    name: String,
    scopes: Option<Vec<String>>,
    expires_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
    company: Option<Uuid>,
    company_key: Option<i64>,
    /// Whether the company is to be deleted.
    is_companys_end: bool,
}

/// Looks a key up by its public id, which is all that is known of it yet.
async fn find(store: &Store, id: Uuid) -> Result<Option<PresentedRow>, StoreError> {
    let settings = Settings { credential: Some(id), operator: true, ..Settings::default() };
    let mut tx = tx::begin(store.transactions(), "api_keys.authenticate", settings).await?;
    let row = sqlx::query_as!(
        PresentedRow,
        r#"SELECT k.secret_hash AS "secret_hash!", k.role AS "role!", k.name AS "name!", k.scopes,
                      k.expires_at, k.revoked_at, k.last_used_at,
                      c.id AS "company?", c.key AS "company_key?",
                      c.deletion_asked_at IS NOT NULL AS "is_companys_end!"
               FROM api_keys k LEFT JOIN companies c ON c.key = k.company_key
               WHERE k.id = $1"#,
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// Who holds a key, and what they may do where.
fn holder(store: &Store, id: Uuid, row: PresentedRow) -> Result<Principal, StoreError> {
    let role = role(&row.role)?;
    let company = match (row.company, row.company_key) {
        (Some(id), Some(key)) => Some(store.scope_of(CompanyId(id), key)),
        _ => None,
    };
    // A row that says both would be an operator inside a company, or a company's key to
    // everything. The table's check forbids it; this is the second lock.
    if (role == Role::Operator) != company.is_none() {
        return Err(StoreError::inconsistent("api_keys", "role", &row.role));
    }
    let actor = Actor::Key { id, name: row.name };
    let principal = match company {
        Some(scope) => Principal::member(store.clone(), vec![(scope, role)], actor),
        None => Principal::of_operators(store.clone(), actor),
    };
    let scopes = row.scopes.map(|scopes| permissions(&scopes).collect());
    Ok(principal.only(scopes))
}

async fn note_use(
    store: &Store,
    company: Option<i64>,
    key: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let settings = Settings { company, operator: company.is_none(), ..Settings::default() };
    let mut tx = tx::begin(store.transactions(), "api_keys.note_use", settings).await?;
    // Somebody else who notes the same is no reason to wait.
    sqlx::query!(
        "UPDATE api_keys SET last_used_at = $2 WHERE id =
             (SELECT id FROM api_keys WHERE id = $1 FOR UPDATE SKIP LOCKED)",
        key,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
