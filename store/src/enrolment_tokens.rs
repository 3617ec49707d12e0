//! Enrolment tokens: what lets a host become a company's agent.
//!
//! The database keeps a hash of the secret. A token is spent only inside [`crate::agents::enrol`],
//! together with the agent that it is spent for.

use std::collections::BTreeMap;

use protocol::ids::TokenId;
use serde_json::json;
use sqlx::types::Json;
use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::api_keys::hash;
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::page::{Listed, Order, Page, PageRequest, SortType};
use crate::tenant::TenantScope;

/// Labels of a host, by name.
pub type Labels = BTreeMap<String, String>;

/// A token as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// Its public part.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What its hosts are labelled with.
    pub labels: Labels,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
    /// How many hosts may use it, if that is bounded.
    pub uses_max: Option<u32>,
    /// How many hosts have used it.
    pub uses: u32,
    /// Since when it is refused.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A token to be made.
#[derive(Clone, Copy)]
pub struct NewEnrolmentToken<'a> {
    /// Its public part.
    pub id: TokenId,
    /// Its secret: 32 random bytes.
    pub secret: &'a [u8; 32],
    /// What it is for.
    pub name: &'a str,
    /// What its hosts are labelled with.
    pub labels: &'a Labels,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
    /// How many hosts may use it, at least 1, if that is bounded.
    pub uses_max: Option<u32>,
}

impl std::fmt::Debug for NewEnrolmentToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewEnrolmentToken")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Makes a token.
///
/// # Errors
///
/// When the database cannot be used, or when `uses_max` is 0.
pub async fn create(
    scope: &TenantScope,
    new: &NewEnrolmentToken<'_>,
    now: OffsetDateTime,
) -> Result<EnrolmentToken, StoreError> {
    let mut tx = scope.begin("enrolment_tokens.create").await?;
    sqlx::query!(
        "INSERT INTO enrolment_tokens
             (id, company_key, name, secret_hash, labels, created_at, expires_at, uses_max)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id.0,
        scope.key(),
        new.name,
        &hash(new.secret),
        Json(new.labels) as _,
        now,
        new.expires_at,
        new.uses_max.map(i64::from)
    )
    .execute(&mut *tx)
    .await?;
    let after = json!({ "name": new.name, "labels": new.labels, "uses_max": new.uses_max,
                        "expires": new.expires_at.map(|at| at.unix_timestamp()) });
    let change = Change::made("enrolment_token.create", new.id, after);
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(EnrolmentToken {
        id: new.id,
        name: new.name.to_owned(),
        labels: new.labels.clone(),
        created_at: now,
        expires_at: new.expires_at,
        uses_max: new.uses_max,
        uses: 0,
        revoked_at: None,
    })
}

/// A page of tokens, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    scope: &TenantScope,
    page: &PageRequest,
) -> Result<Page<EnrolmentToken>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT id, name, labels, created_at, expires_at, uses_max, uses, revoked_at",
    );
    NEWEST.push_columns(&mut query);
    query.push("FROM enrolment_tokens WHERE company_key = ").push_bind(scope.key());
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let mut tx = scope.begin("enrolment_tokens.list").await?;
    let rows: Vec<Listed<TokenRow>> = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    NEWEST.page(rows, page, TryInto::try_into)
}

const NEWEST: Order = Order {
    by: "created_at",
    of: SortType::Instant,
    descending: true,
    tie: "id",
    tie_is_uuid: true,
};

/// One token.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn get(scope: &TenantScope, id: TokenId) -> Result<Option<EnrolmentToken>, StoreError> {
    let mut tx = scope.begin("enrolment_tokens.get").await?;
    let row = sqlx::query_as!(
        TokenRow,
        r#"SELECT id, name, labels AS "labels: Json<Labels>", created_at, expires_at, uses_max,
                  uses, revoked_at
           FROM enrolment_tokens WHERE company_key = $1 AND id = $2"#,
        scope.key(),
        id.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    row.map(TryInto::try_into).transpose()
}

/// Refuses a token from now on; whether there was one to refuse. Its agents stay.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn revoke(
    scope: &TenantScope,
    id: TokenId,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut tx = scope.begin("enrolment_tokens.revoke").await?;
    let done = sqlx::query!(
        "UPDATE enrolment_tokens SET revoked_at = $3
         WHERE company_key = $1 AND id = $2 AND revoked_at IS NULL",
        scope.key(),
        id.0,
        now
    )
    .execute(&mut *tx)
    .await?;
    let is_done = done.rows_affected() > 0;
    if is_done {
        let change = Change::done("enrolment_token.revoke", id);
        audit::record(&mut tx, scope, change, now).await?;
    }
    tx.commit().await?;
    Ok(is_done)
}

#[derive(FromRow)]
struct TokenRow {
    id: Uuid,
    name: String,
    labels: Json<Labels>,
    created_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    uses_max: Option<i64>,
    uses: i64,
    revoked_at: Option<OffsetDateTime>,
}

impl TryFrom<TokenRow> for EnrolmentToken {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let number = |column: &'static str, value: i64| {
            u32::try_from(value).map_err(|_| {
                StoreError::inconsistent("enrolment_tokens", column, &value.to_string())
            })
        };
        Ok(Self {
            id: TokenId(row.id),
            name: row.name,
            labels: row.labels.0,
            created_at: row.created_at,
            expires_at: row.expires_at,
            uses_max: row.uses_max.map(|max| number("uses_max", max)).transpose()?,
            uses: number("uses", row.uses)?,
            revoked_at: row.revoked_at,
        })
    }
}
