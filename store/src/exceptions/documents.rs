//! Documents of other people's statements (VEX), and the exceptions that come of them.

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::create::{CreateError, NewException, Room, add};
use super::decide::who;
use super::settle::{Settled, settle_in};
use crate::actors;
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::tenant::TenantScope;

/// Documents of one list.
pub const DOCUMENTS_MAX: u32 = 500;
/// Documents of a company, of which lists show the newest.
pub const DOCUMENTS_KEPT_MAX: u32 = 5_000;
/// Bytes of statements that a company keeps as they came, in exceptions that may be in force and with documents: all of
/// it goes out in one document.
pub const SAID_BYTES_MAX: u32 = 64 << 20;

/// A document that came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its id here.
    pub id: Uuid,
    /// `openvex` or `cyclonedx`.
    pub format: String,
    /// Its id in its own words.
    pub name: String,
    /// Its version in its own words.
    pub version: String,
    /// When it came in.
    pub imported_at: OffsetDateTime,
    /// Who brought it, in a word that stays the same.
    pub imported_by: String,
    /// What they are called now; `None` for who is none of the company's.
    pub imported_by_name: Option<String>,
    /// All of it but its statements.
    pub frame: Value,
    /// Its statements that name nothing that an exception can be about, whole.
    pub unknown: Value,
}

/// A document to be brought in.
#[derive(Clone, Debug)]
pub struct NewDocument<'a> {
    /// Its id here.
    pub id: Uuid,
    /// `openvex` or `cyclonedx`.
    pub format: &'a str,
    /// Its id in its own words.
    pub name: &'a str,
    /// Its version in its own words.
    pub version: &'a str,
    /// All of it but its statements.
    pub frame: &'a Value,
    /// Its statements that name nothing that an exception can be about, whole.
    pub unknown: &'a Value,
}

/// Brings a document in, with the exceptions that come of it, in one transaction: all of them or none.
/// What came in with an earlier version of the same document, by its own id, ends.
///
/// # Errors
///
/// As [`super::create()`], and when it is one too many or says too much.
pub async fn import(
    scope: &TenantScope,
    document: &NewDocument<'_>,
    exceptions: &[NewException<'_>],
    now: OffsetDateTime,
) -> Result<Settled, CreateError> {
    let by = who(scope);
    let mut tx = scope.begin("exceptions.import").await?;
    // Of two that bring the same document at once, the second finds what the first one brought.
    let named = format!("{} {}", document.format, document.name);
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($2, $1))", scope.key(), named)
        .fetch_one(&mut *tx)
        .await?;
    sqlx::query!(
        "UPDATE exceptions e SET state = 'withdrawn', ended_at = $4, decided_at = $4,
                decided_by = $5, revision = e.revision + 1
         WHERE e.company_key = $1 AND e.state IN ('active', 'requested') AND e.document IN (
             SELECT d.id FROM vex_documents d
             WHERE d.company_key = $1 AND d.format = $2 AND d.name = $3)",
        scope.key(),
        document.format,
        document.name,
        now,
        by
    )
    .execute(&mut *tx)
    .await?;
    put(&mut tx, scope.key(), document, (&by, now)).await?;
    let mut room = Room::ask(&mut tx, scope).await?;
    for exception in exceptions {
        add(&mut tx, scope, &mut room, exception, now).await?;
    }
    if said_bytes(&mut tx, scope.key()).await? > i64::from(SAID_BYTES_MAX) {
        return Err(CreateError::TooMuchSaid);
    }
    let settled = settle_in(&mut tx, scope, now).await?;
    let after = json!({ "format": document.format, "name": document.name,
                        "version": document.version, "exceptions": exceptions.len() });
    let change = Change::made("vex_document.import", document.id, after);
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    Ok(settled)
}

/// Puts a document in the place of its earlier version, or beside the others.
async fn put(
    tx: &mut PgConnection,
    company_key: i64,
    document: &NewDocument<'_>,
    (by, now): (&str, OffsetDateTime),
) -> Result<(), CreateError> {
    let replaced = sqlx::query!(
        "DELETE FROM vex_documents WHERE company_key = $1 AND format = $2 AND name = $3",
        company_key,
        document.format,
        document.name
    )
    .execute(&mut *tx)
    .await?;
    let others = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM vex_documents WHERE company_key = $1"#,
        company_key
    )
    .fetch_one(&mut *tx)
    .await?;
    // A new version takes the place of one that was there, however many there are.
    if replaced.rows_affected() == 0 && others >= i64::from(DOCUMENTS_KEPT_MAX) {
        return Err(CreateError::TooManyDocuments);
    }
    sqlx::query!(
        "INSERT INTO vex_documents
             (company_key, id, format, name, version, imported_at, imported_by, frame, unknown)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        company_key,
        document.id,
        document.format,
        document.name,
        document.version,
        now,
        by,
        document.frame,
        document.unknown
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How much a company keeps as it came.
async fn said_bytes(tx: &mut PgConnection, company_key: i64) -> Result<i64, StoreError> {
    let bytes = sqlx::query_scalar!(
        r#"SELECT coalesce((SELECT sum(octet_length(e.statement::text)) FROM exceptions e
                            WHERE e.company_key = $1 AND e.state IN ('active', 'requested')), 0)
                + coalesce((SELECT sum(octet_length(d.unknown::text)) FROM vex_documents d
                            WHERE d.company_key = $1), 0) AS "bytes!""#,
        company_key
    )
    .fetch_one(tx)
    .await?;
    Ok(bytes)
}

/// One document; `None` when the company has none with this id.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn document(scope: &TenantScope, id: Uuid) -> Result<Option<Document>, StoreError> {
    let mut tx = scope.begin("exceptions.document").await?;
    let found = sqlx::query_as!(
        Row,
        "SELECT id, format, name, version, imported_at, imported_by, frame, unknown
         FROM vex_documents WHERE company_key = $1 AND id = $2",
        scope.key(),
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let found = named(&mut tx, scope, found.into_iter().collect()).await?;
    tx.commit().await?;
    Ok(found.into_iter().next())
}

/// What came in by documents of one format: their ids, and their statements that name nothing that an exception can
/// be about, the newest first. Whoever asks has a place for what is read to its end.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn left_over(
    scope: &TenantScope,
    format: &str,
) -> Result<Vec<(Uuid, Value)>, StoreError> {
    let mut tx = scope.begin_whole("exceptions.left_over").await?;
    let found = sqlx::query!(
        "SELECT id, unknown FROM vex_documents
         WHERE company_key = $1 AND format = $2 ORDER BY imported_at DESC, id",
        scope.key(),
        format
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(found.into_iter().map(|row| (row.id, row.unknown)).collect())
}

/// Documents that came in, the newest first and [`DOCUMENTS_MAX`] of them.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn documents(scope: &TenantScope) -> Result<Vec<Document>, StoreError> {
    let mut tx = scope.begin("exceptions.documents").await?;
    let found = sqlx::query_as!(
        Row,
        "SELECT id, format, name, version, imported_at, imported_by, frame, unknown
         FROM vex_documents WHERE company_key = $1 ORDER BY imported_at DESC, id LIMIT $2",
        scope.key(),
        i64::from(DOCUMENTS_MAX)
    )
    .fetch_all(&mut *tx)
    .await?;
    let found = named(&mut tx, scope, found).await?;
    tx.commit().await?;
    Ok(found)
}

struct Row {
    id: Uuid,
    format: String,
    name: String,
    version: String,
    imported_at: OffsetDateTime,
    imported_by: String,
    frame: Value,
    unknown: Value,
}

async fn named(
    tx: &mut PgConnection,
    scope: &TenantScope,
    rows: Vec<Row>,
) -> Result<Vec<Document>, StoreError> {
    let ids = actors::ids(rows.iter().map(|row| row.imported_by.as_str()));
    let names = actors::names_in(tx, scope.key(), &ids).await?;
    let document = |row: Row| Document {
        id: row.id,
        format: row.format,
        name: row.name,
        version: row.version,
        imported_at: row.imported_at,
        imported_by_name: names.of(&row.imported_by),
        imported_by: row.imported_by,
        frame: row.frame,
        unknown: row.unknown,
    };
    Ok(rows.into_iter().map(document).collect())
}
