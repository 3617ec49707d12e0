//! Taking a document in: its asset, its place in the asset's line, and the job that applies it.

use protocol::ids::AgentId;
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Import, JOB, Payload, WAITING_MAX, line, read};
use crate::actors;
use crate::audit::{self, Change};
use crate::enrolment_tokens::Labels;
use crate::error::StoreError;
use crate::jobs::{self, NewJob};
use crate::tenant::TenantScope;

/// A document to be imported.
#[derive(Clone, Debug)]
pub struct NewImport<'a> {
    /// The caller's, so that trying again cannot make two.
    pub id: Uuid,
    /// What its asset is called: one that the company has, in whatever case, or a new one.
    pub name: &'a str,
    /// The id of the asset, if it is a new one.
    pub host: AgentId,
    /// The labels that the asset has from now on; those that it has when `None`.
    pub labels: Option<&'a Labels>,
    /// What the document is written as.
    pub format: &'a str,
    /// Of which version of that.
    pub version: &'a str,
    /// SHA-256 of the document.
    pub sha256: [u8; 32],
    /// The document.
    pub document: &'a [u8],
    /// Components that it has.
    pub components: u64,
    /// Pieces of software that they come to.
    pub software: u64,
    /// What is wrong with it, as it is to be shown.
    pub warnings: &'a Value,
}

/// Why a document is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Too many wait.
    #[error("{WAITING_MAX} documents of the company wait: try again when some are done")]
    TooMany,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Takes a document in. Documents of the same asset that wait are cancelled: this one is newer.
///
/// # Errors
///
/// When too many wait, or the database cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewImport<'_>,
    now: OffsetDateTime,
) -> Result<Import, CreateError> {
    let mut tx = scope.begin("imports.create").await?;
    let asset = asset(&mut tx, scope.key(), new, now).await?;
    // With the asset locked: two documents of one asset have their epochs in the order of their coming.
    supersede(&mut tx, scope.key(), asset.key, now).await?;
    // Behind that, because what is cancelled by this one waits no more.
    if waiting(&mut tx, scope.key()).await? >= i64::from(WAITING_MAX) {
        return Err(CreateError::TooMany);
    }
    insert(&mut tx, scope, new, &asset, now).await?;
    let payload = json!(Payload { company: scope.company(), import: new.id });
    let tick = new.id.to_string();
    let company = Some(scope.company());
    let job = NewJob { kind: JOB, tick: &tick, payload: &payload, run_after: now, company };
    // In the same transaction: a document without its job would wait for ever.
    jobs::enqueue_within(&mut tx, &job, now).await?;
    let said = json!({ "name": new.name, "host": asset.id, "format": new.format,
                       "components": new.components, "software": new.software });
    audit::record(&mut tx, scope, Change::made("import.create", new.id, said), now).await?;
    let import = read::one(&mut tx, scope.key(), new.id).await?;
    tx.commit().await?;
    import.ok_or_else(|| StoreError::inconsistent("imports", "id", &tick).into())
}

/// An asset, locked.
struct Asset {
    key: i64,
    id: Uuid,
    applied_epoch: i64,
}

/// The asset of a document, made if there is none.
async fn asset(
    tx: &mut PgConnection,
    company_key: i64,
    new: &NewImport<'_>,
    now: OffsetDateTime,
) -> Result<Asset, StoreError> {
    let (asset, is_new) = match lock(tx, company_key, new.name).await? {
        Some(asset) => (asset, false),
        None => {
            // Somebody else may make it at the same moment: then this waits for their commit.
            sqlx::query!(
                "INSERT INTO agents (company_key, id, hostname, enrolled_at, kind, hostname_low)
                 VALUES ($1, $2, $3, $4, 'sbom', lower($3)) ON CONFLICT DO NOTHING",
                company_key,
                new.host.0,
                new.name,
                now
            )
            .execute(&mut *tx)
            .await?;
            let made = lock(tx, company_key, new.name).await?;
            (made.ok_or_else(|| StoreError::inconsistent("agents", "hostname", new.name))?, true)
        }
    };
    if is_new || new.labels.is_some() {
        let labels = new.labels.cloned().unwrap_or_default();
        sqlx::query!(
            "INSERT INTO agent_facts (company_key, agent_key, labels) VALUES ($1, $2, $3)
             ON CONFLICT (company_key, agent_key) DO UPDATE SET labels = excluded.labels",
            company_key,
            asset.key,
            Json(labels) as _
        )
        .execute(tx)
        .await?;
    }
    Ok(asset)
}

async fn lock(
    tx: &mut PgConnection,
    company_key: i64,
    name: &str,
) -> Result<Option<Asset>, StoreError> {
    let asset = sqlx::query_as!(
        Asset,
        "SELECT key, id, applied_epoch FROM agents
         WHERE company_key = $1 AND kind = 'sbom' AND revoked_at IS NULL
           AND lower(hostname) = lower($2)
         FOR NO KEY UPDATE",
        company_key,
        name
    )
    .fetch_optional(tx)
    .await?;
    Ok(asset)
}

async fn waiting(tx: &mut PgConnection, company_key: i64) -> Result<i64, StoreError> {
    let waiting = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM imports
           WHERE company_key = $1 AND state IN ('queued', 'running')"#,
        company_key
    );
    Ok(waiting.fetch_one(tx).await?)
}

async fn supersede(
    tx: &mut PgConnection,
    company_key: i64,
    asset: i64,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    const WHY: &str = "a later document of the asset came";
    sqlx::query!(
        "UPDATE imports SET state = 'cancelled', document = NULL, ended_at = $3, error = $4,
                log = log || $5::jsonb, revision = revision + 1
         WHERE company_key = $1 AND agent_key = $2 AND state IN ('queued', 'running')",
        company_key,
        asset,
        now,
        WHY,
        line(now, WHY)
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert(
    tx: &mut PgConnection,
    scope: &TenantScope,
    new: &NewImport<'_>,
    asset: &Asset,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let last = sqlx::query_scalar!(
        r#"SELECT coalesce(max(epoch), 0) AS "epoch!" FROM imports
           WHERE company_key = $1 AND agent_key = $2"#,
        scope.key(),
        asset.key
    );
    let last = last.fetch_one(&mut *tx).await?;
    sqlx::query!(
        "INSERT INTO imports (company_key, id, agent_key, epoch, format, version, sha256, bytes,
                              document, created_at, created_by, components, software, warnings, log)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        scope.key(),
        new.id,
        asset.key,
        last.max(asset.applied_epoch) + 1,
        new.format,
        new.version,
        &new.sha256[..],
        count(new.document.len()),
        new.document,
        now,
        actors::word(scope.origin().actor()),
        i64::try_from(new.components).unwrap_or(i64::MAX),
        i64::try_from(new.software).unwrap_or(i64::MAX),
        new.warnings,
        line(now, format!("{} components, {} pieces of software", new.components, new.software))
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
