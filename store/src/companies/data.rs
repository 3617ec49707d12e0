//! Everything that is kept of a company, to be taken along or to be looked at: its rows of every table and the
//! files that it made or brought, in one snapshot.
//!
//! Secrets stay here, and [`LEFT_OUT`] names them. A table that a migration adds comes along by being the
//! company's; a test holds its columns to what may be seen.

use std::collections::VecDeque;

use serde_json::json;
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::{self, Change};
use crate::distribute::COMPANY_TABLES;
use crate::error::StoreError;
use crate::export;
use crate::tenant::TenantScope;
use crate::tx::Tx;

/// Columns that are not given, by table: secrets, also where they are hashed or sealed, others' rights, what is
/// given as files of its own, and the inside of the site, which is all companies'.
pub const LEFT_OUT: [(&str, &[&str]); 11] = [
    ("api_keys", &["secret_hash"]),
    // Whoever has the link in them ends somebody's digest.
    ("digest_messages", &["body_text", "body_html"]),
    ("enrolment_tokens", &["secret_hash"]),
    ("imports", &["document"]),
    ("invitations", &["secret_hash"]),
    // A number that counts other companies' as well, and what nodes say among themselves.
    ("jobs", &["key", "payload", "error"]),
    ("oidc_providers", &["client_secret"]),
    ("report_parts", &["bytes"]),
    // The counts would say which of the companies' people somebody guesses at.
    (
        "users",
        &[
            "password",
            "totp_secret",
            "totp_last_step",
            "recovery_hashes",
            "codes_tried",
            "codes_refused_until",
            "codes_tried_known",
            "codes_refused_known_until",
        ],
    ),
    // Slack's and Teams' addresses are secrets of their own, and others' may be.
    ("webhooks", &["secret", "secret_before", "secret_before_until", "url"]),
    ("companies", &["key"]),
];

/// Tables beside those of companies' data that have rows of a company, and which rows those are. What is only
/// a person's (sessions) or only a signal between nodes is none of it.
const BESIDE: [(&str, &str); 9] = [
    ("companies", "t.key = $1"),
    ("users", "t.id IN (SELECT m.user_id FROM memberships m WHERE m.company_key = $1)"),
    ("memberships", "t.company_key = $1"),
    ("api_keys", "t.company_key = $1"),
    ("enrolment_tokens", "t.company_key = $1"),
    ("invitations", "t.company_key = $1"),
    ("oidc_providers", "t.company_key = $1"),
    ("oidc_identities", "t.company_key = $1"),
    ("jobs", "t.company = (SELECT c.id FROM companies c WHERE c.key = $1)"),
];

/// Rows that are read at once, and where a row may be as large as a report or a document.
const ROWS_A_TIME: usize = 2_000;
const LARGE_ROWS_A_TIME: usize = 16;
const LARGE: [&str; 4] = ["dead_letters", "vex_documents", "webhook_deliveries", "report_parts"];

/// A part of what is kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Rows of a table, a JSON object each. Those of a table follow each other.
    Rows {
        /// Which table.
        table: &'static str,
        /// The rows.
        rows: Vec<String>,
    },
    /// A file begins, of so many bytes; they follow.
    File {
        /// What it is called, with its folder.
        name: String,
        /// How long it is.
        bytes: u64,
    },
    /// Bytes of the file that was begun last.
    Bytes(Vec<u8>),
}

/// A file that is kept in the database.
#[derive(Debug)]
enum File {
    /// A document that waits to be imported.
    Document(Uuid),
    /// A report, from this part on.
    Report(Uuid, i32),
}

/// Everything that is kept of a company, under way. Dropped before the end, its transaction is rolled back.
#[derive(Debug)]
pub struct CompanyData {
    tx: Tx,
    company_key: i64,
    tables: VecDeque<(&'static str, &'static str)>,
    is_open: bool,
    /// Files that follow, each with its name and length.
    files: VecDeque<(File, String, u64)>,
    file: Option<File>,
}

/// Everything that is kept of the company, in one snapshot. That it was asked for stands in the company's log.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn export(scope: &TenantScope, now: OffsetDateTime) -> Result<CompanyData, StoreError> {
    let mut tx = scope.begin("companies.note_export").await?;
    let change = Change::made("company.export", scope.company(), json!({}));
    audit::record(&mut tx, scope, change, now).await?;
    tx.commit().await?;
    let own = COMPANY_TABLES.map(|table| (table, "t.company_key = $1"));
    Ok(CompanyData {
        tx: export::snapshot(scope, "companies.export").await?,
        company_key: scope.key(),
        tables: BESIDE.into_iter().chain(own).collect(),
        is_open: false,
        files: VecDeque::new(),
        file: None,
    })
}

impl CompanyData {
    /// The tables whose rows are given, whether they have any or not.
    pub fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.tables.iter().map(|(table, _)| *table)
    }

    /// The next piece; `None` at the end. Some megabytes at most, but for a document that waits: that is a
    /// piece of its own.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn next(&mut self) -> Result<Option<Piece>, StoreError> {
        loop {
            if let Some(file) = self.file.take() {
                if let Some(bytes) = self.read(file).await? {
                    return Ok(Some(Piece::Bytes(bytes)));
                }
                continue;
            }
            if let Some((file, name, bytes)) = self.files.pop_front() {
                self.file = Some(file);
                return Ok(Some(Piece::File { name, bytes }));
            }
            let Some((table, condition)) = self.tables.front().copied() else { return Ok(None) };
            let rows = self.rows(table, condition).await?;
            if !rows.is_empty() {
                return Ok(Some(Piece::Rows { table, rows }));
            }
        }
    }

    /// The next rows of a table; behind the last ones the files that go with it are next.
    async fn rows(
        &mut self,
        table: &'static str,
        condition: &'static str,
    ) -> Result<Vec<String>, StoreError> {
        if !self.is_open {
            let sql = format!(
                "DECLARE exported NO SCROLL CURSOR FOR SELECT (to_jsonb(t) - $2::text[])::text
                 FROM {table} t WHERE {condition}"
            );
            sqlx::query(AssertSqlSafe(sql))
                .persistent(false)
                .bind(self.company_key)
                .bind(left_out(table))
                .execute(&mut *self.tx)
                .await?;
            self.is_open = true;
        }
        let limit = if LARGE.contains(&table) { LARGE_ROWS_A_TIME } else { ROWS_A_TIME };
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("FETCH FORWARD {limit} FROM exported")))
                .persistent(false)
                .fetch_all(&mut *self.tx)
                .await?;
        if rows.len() < limit {
            sqlx::query("CLOSE exported").execute(&mut *self.tx).await?;
            self.is_open = false;
            self.tables.pop_front();
            self.files = self.files_of(table).await?;
        }
        Ok(rows)
    }

    async fn files_of(
        &mut self,
        table: &'static str,
    ) -> Result<VecDeque<(File, String, u64)>, StoreError> {
        let length = |bytes: i64| bytes.unsigned_abs();
        match table {
            "imports" => {
                let documents = sqlx::query!(
                    r#"SELECT id, octet_length(document)::bigint AS "bytes!" FROM imports
                       WHERE company_key = $1 AND document IS NOT NULL ORDER BY id"#,
                    self.company_key
                );
                let documents = documents.fetch_all(&mut *self.tx).await?.into_iter();
                let file = |id: Uuid| format!("documents/{id}.json");
                Ok(documents
                    .map(|row| (File::Document(row.id), file(row.id), length(row.bytes)))
                    .collect())
            }
            "report_files" => {
                let reports = sqlx::query!(
                    r#"SELECT r.id, r.format, sum(octet_length(p.bytes))::bigint AS "bytes!"
                       FROM report_files r
                       JOIN report_parts p ON p.company_key = r.company_key AND p.report = r.id
                       WHERE r.company_key = $1 AND r.state = 'done'
                       GROUP BY r.id, r.format ORDER BY r.id"#,
                    self.company_key
                );
                let reports = reports.fetch_all(&mut *self.tx).await?.into_iter();
                Ok(reports
                    .map(|row| {
                        let name = format!("reports/{}.{}", row.id, row.format);
                        (File::Report(row.id, 0), name, length(row.bytes))
                    })
                    .collect())
            }
            _ => Ok(VecDeque::new()),
        }
    }

    async fn read(&mut self, file: File) -> Result<Option<Vec<u8>>, StoreError> {
        match file {
            File::Document(id) => {
                let document = sqlx::query_scalar!(
                    r#"SELECT document AS "document!" FROM imports
                       WHERE company_key = $1 AND id = $2 AND document IS NOT NULL"#,
                    self.company_key,
                    id
                );
                Ok(document.fetch_optional(&mut *self.tx).await?)
            }
            File::Report(id, number) => {
                let part = sqlx::query_scalar!(
                    "SELECT bytes FROM report_parts
                     WHERE company_key = $1 AND report = $2 AND number = $3",
                    self.company_key,
                    id,
                    number
                );
                let part = part.fetch_optional(&mut *self.tx).await?;
                if part.is_some() {
                    self.file = Some(File::Report(id, number.saturating_add(1)));
                }
                Ok(part)
            }
        }
    }
}

/// What a table's rows are given without.
pub(crate) fn left_out(table: &str) -> Vec<String> {
    let own =
        LEFT_OUT.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, columns)| columns);
    // The company's number inside the database says nothing to anybody.
    own.iter().copied().chain(["company_key"]).map(str::to_owned).collect()
}
