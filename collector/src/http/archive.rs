//! Everything that is kept of a company as one tar archive, written while the database reads it.
//!
//! `README.txt` says what it is, `tables/…` has the rows as a JSON object a line, `documents/…` and `reports/…` the
//! files as they are, `manifest.json` what there is and what was left out, and `SHA256SUMS` the digests as
//! `sha256sum -c` reads them. The last two stand at the end: an archive without them is a part. What is in
//! memory is one file of rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::ids::CompanyId;
use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::json;
use store::companies::data::{CompanyData, LEFT_OUT, Piece};
use store::error::StoreError;
use time::OffsetDateTime;

use super::document::{Answers, Operation, Schemas};
use super::export::{Place, instant};
use super::stream::{self, Chunks};
use crate::tar::{self, TarError};

/// The media type (IANA has none of its own for it).
const TAR: &str = "application/x-tar";
/// Rows of a table are put into a new file when there are so many bytes of them.
const FILE_BYTES: usize = 4 << 20;

const README: &str = "\
Everything that Muster keeps of one company, as it stood at one moment.

  tables/<table>/<number>.ndjson   the rows of a table, a JSON object a line (UTF-8, RFC 8259); instants are
                                   RFC 3339, bytes are hexadecimal after \\x
  documents/<import>.json          documents (SBOMs) that were waiting to be imported
  reports/<report>.<format>        reports that were made, as they can be downloaded
  manifest.json                    what there is: rows and files by table, digests, and what was left out
  SHA256SUMS                       the digests of all files: sha256sum -c SHA256SUMS

The archive is whole when it ends with SHA256SUMS. Secrets are not in it, also where Muster keeps them hashed
or sealed; manifest.json names the columns. Sessions are their people's and signals between nodes nobody's:
neither is in it, nor what is known of vulnerabilities in general.
";

/// Why an archive does not go on.
#[derive(Debug, thiserror::Error)]
enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tar(#[from] TarError),
    #[error("a file of {said} bytes has {written}")]
    Length { said: u64, written: u64 },
    #[error("the manifest cannot be written: {0}")]
    Manifest(#[from] serde_json::Error),
}

/// An archive on its way.
#[derive(Debug)]
pub(crate) struct Archived(Response);

impl IntoResponse for Archived {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Answers for Archived {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        let bytes = json!({ "type": "string", "contentMediaType": TAR });
        operation.gives_content(StatusCode::OK, TAR, bytes);
    }
}

/// Answers with an archive. What fails on the way ends the connection without the end of the body.
pub(crate) fn respond(
    (company, name): (CompanyId, &str),
    place: Place,
    data: CompanyData,
    now: OffsetDateTime,
) -> Archived {
    let archive = Archive::new((company, name), data, now);
    let mut response = stream::body("company", place, archive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(TAR));
    let disposition = format!("attachment; filename=\"company-{company}.tar\"");
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    // What stands before this program may otherwise collect all of it before it passes anything on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Archived(response)
}

#[derive(Debug, Serialize)]
struct Manifest {
    format: &'static str,
    company: CompanyId,
    name: String,
    /// When it was asked for.
    exported_at: String,
    /// Rows by table, also of those that have none.
    rows: BTreeMap<&'static str, u64>,
    files: Vec<FileLine>,
    /// Columns that are left out, by table.
    left_out: BTreeMap<&'static str, &'static [&'static str]>,
}

#[derive(Debug, Serialize)]
struct FileLine {
    name: String,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    sha256: String,
}

/// A file that is being written from what comes.
struct Copied {
    name: String,
    said: u64,
    written: u64,
    digest: Context,
}

/// Rows of a table that wait for their file to be full.
#[derive(Debug, Default)]
struct Pending {
    table: &'static str,
    number: u32,
    rows: u64,
    lines: Vec<u8>,
}

struct Archive {
    data: CompanyData,
    now: OffsetDateTime,
    manifest: Manifest,
    pending: Pending,
    copied: Option<Copied>,
    is_begun: bool,
    is_over: bool,
}

impl Chunks for Archive {
    async fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.next().await?)
    }
}

impl Archive {
    fn new((company, name): (CompanyId, &str), data: CompanyData, now: OffsetDateTime) -> Self {
        let manifest = Manifest {
            format: "muster-company/1",
            company,
            name: name.to_owned(),
            exported_at: instant(now),
            rows: data.tables().map(|table| (table, 0)).collect(),
            files: Vec::new(),
            left_out: LEFT_OUT.into_iter().collect(),
        };
        let pending = Pending::default();
        Self { data, now, manifest, pending, copied: None, is_begun: false, is_over: false }
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ArchiveError> {
        let mut out = Vec::new();
        if !self.is_begun {
            self.is_begun = true;
            self.whole("README.txt".to_owned(), None, README.as_bytes(), &mut out)?;
        }
        while out.is_empty() {
            if self.is_over {
                return Ok(None);
            }
            let piece = self.data.next().await?;
            if !matches!(piece, Some(Piece::Bytes(_))) {
                self.end_copied(&mut out)?;
            }
            match piece {
                Some(Piece::Rows { table, rows }) => self.add(table, &rows, &mut out)?,
                Some(Piece::File { name, bytes }) => {
                    self.flush(&mut out)?;
                    tar::begin(&name, bytes, self.now, &mut out)?;
                    let digest = Context::new(&SHA256);
                    self.copied = Some(Copied { name, said: bytes, written: 0, digest });
                }
                Some(Piece::Bytes(bytes)) => {
                    if let Some(file) = &mut self.copied {
                        file.digest.update(&bytes);
                        file.written += bytes.len() as u64;
                    }
                    out.extend_from_slice(&bytes);
                }
                None => self.end(&mut out)?,
            }
        }
        Ok(Some(out))
    }

    fn add(
        &mut self,
        table: &'static str,
        rows: &[String],
        out: &mut Vec<u8>,
    ) -> Result<(), ArchiveError> {
        if self.pending.table != table {
            self.flush(out)?;
            self.pending = Pending { table, ..Pending::default() };
        }
        for row in rows {
            self.pending.lines.extend_from_slice(row.as_bytes());
            self.pending.lines.push(b'\n');
            self.pending.rows += 1;
            if self.pending.lines.len() >= FILE_BYTES {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    /// Writes the rows that wait as a file.
    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), ArchiveError> {
        let rows = std::mem::take(&mut self.pending.rows);
        if rows == 0 {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.pending.lines);
        self.pending.number += 1;
        let Pending { table, number, .. } = self.pending;
        *self.manifest.rows.entry(table).or_default() += rows;
        self.whole(format!("tables/{table}/{number:06}.ndjson"), Some(rows), &lines, out)
    }

    /// Writes a file that is there as a whole.
    fn whole(
        &mut self,
        name: String,
        rows: Option<u64>,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ArchiveError> {
        let bytes = content.len() as u64;
        tar::begin(&name, bytes, self.now, out)?;
        out.extend_from_slice(content);
        tar::pad(bytes, out);
        let mut digest = Context::new(&SHA256);
        digest.update(content);
        self.manifest.files.push(FileLine { name, bytes, rows, sha256: hex(digest) });
        Ok(())
    }

    fn end_copied(&mut self, out: &mut Vec<u8>) -> Result<(), ArchiveError> {
        let Some(file) = self.copied.take() else { return Ok(()) };
        if file.written != file.said {
            // Everything behind it would be read from the wrong place.
            return Err(ArchiveError::Length { said: file.said, written: file.written });
        }
        tar::pad(file.said, out);
        let sha256 = hex(file.digest);
        self.manifest.files.push(FileLine {
            name: file.name,
            bytes: file.said,
            rows: None,
            sha256,
        });
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArchiveError> {
        self.flush(out)?;
        let manifest = serde_json::to_vec_pretty(&self.manifest)?;
        self.whole("manifest.json".to_owned(), None, &manifest, out)?;
        let mut sums = String::new();
        for file in &self.manifest.files {
            // Writing to a string cannot fail.
            let _written = writeln!(sums, "{}  {}", file.sha256, file.name);
        }
        self.whole("SHA256SUMS".to_owned(), None, sums.as_bytes(), out)?;
        tar::end(out);
        self.is_over = true;
        Ok(())
    }
}

fn hex(digest: Context) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest.finish().as_ref() {
        let _written = write!(text, "{byte:02x}");
    }
    text
}
