//! Lists whole, as CSV or as a JSON object a line, streamed while the database reads them.
//!
//! An export has the same filter and the same rows as the list that it is of, and keeps a bounded number of
//! rows in memory: the large lists are read in one snapshot, all others by their pages ([`listed`]). It must
//! never hand a spreadsheet a formula: what a host calls its software is nobody's to trust.

mod columns;
mod listed;

use std::future::Future;
use std::mem;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future;
use protocol::ids::CompanyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::error::StoreError;
use store::export::{Columns, READ_WITHIN};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

pub(super) use self::listed::{Asked, Listed, Listing, respond as respond_listed};
use super::document::{Answers, Operation, Schemas};
use super::places::{self, Places};
use super::problem::Problem;
use super::stream::{self, Chunks, Patience};
use crate::csv;
pub(crate) use crate::csv::Row;
use crate::lifecycle::Lifecycle;

/// Exports at once on a node: each holds a connection of the database's for as long as its reader reads.
const EXPORTS_MAX: usize = 4;
/// Those of one company: somebody else's always find a place.
const EXPORTS_OF_COMPANY_MAX: usize = 2;
/// How long a reader may take nothing, and an export in all.
const PATIENCE: Patience = Patience { piece: Duration::from_secs(60), whole: READ_WITHIN };
/// When to try again, in seconds.
const RETRY_AFTER_S: u32 = 10;
/// In whose places the lists are exported that are no company's.
const NOBODY: CompanyId = CompanyId(Uuid::nil());

/// What an export is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "ExportFormat")]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Comma-separated values (RFC 4180), with names in the first line.
    #[default]
    Csv,
    /// A JSON object a line, as the list's items are.
    Ndjson,
}

impl Format {
    /// What has to be read of each row.
    pub(crate) const fn columns(self) -> Columns {
        match self {
            Self::Csv => Columns::Cells,
            Self::Ndjson => Columns::All,
        }
    }
}

/// That a page is asked for without a format, which is an export's.
///
/// # Errors
///
/// When there is one.
pub(crate) fn refuse(format: Option<Format>) -> Result<(), Problem> {
    match format {
        None => Ok(()),
        Some(_) => Err(Problem::field(
            "format",
            "pages are JSON; the export of the same list stands below it, under /export",
        )),
    }
}

/// An export on its way.
#[derive(Debug)]
pub(crate) struct Exported(Response);

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Answers for Exported {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        let text = json!({ "type": "string" });
        operation.gives_content(StatusCode::OK, CSV, text.clone());
        operation.gives_content(StatusCode::OK, NDJSON, text);
    }
}

/// The media types of exports.
const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

/// A row as both formats show it: as JSON by its fields, and as cells.
pub(crate) trait Record: Serialize + Send + 'static {
    /// The columns' names.
    const COLUMNS: &'static [&'static str];

    /// Writes as many cells as there are columns.
    fn cells(&self, row: &mut Row<'_>);
}

/// An instant as the API shows it.
pub(crate) fn instant(at: OffsetDateTime) -> String {
    // Of every year that a row can hold there is such a text.
    at.format(&Rfc3339).unwrap_or_default()
}

/// Rows that come some at a time.
pub(crate) trait Source: Send + 'static {
    /// What a row is made of.
    type Item: Send;

    /// The next rows; nothing at the end.
    fn next(&mut self) -> impl Future<Output = Result<Vec<Self::Item>, StoreError>> + Send;
}

/// Implements [`Source`] for exports of the store.
macro_rules! sources {
    ($($export:ty => $item:ty),+ $(,)?) => {
        $(impl Source for $export {
            type Item = $item;

            async fn next(&mut self) -> Result<Vec<$item>, StoreError> {
                <$export>::next(self).await
            }
        })+
    };
}

sources! {
    store::audit::EntryExport => store::audit::Entry,
    store::cves::CveExport => store::cves::CveItem,
    store::exceptions::ExceptionExport => store::exceptions::Exception,
    store::findings::FindingExport => store::findings::Finding,
    store::hosts::HostExport => store::hosts::Host,
    store::hosts::HostData => store::hosts::HeldRow,
    store::hosts::HostSoftwareExport => store::hosts::HostSoftware,
    store::policies::ResultExport => store::policies::PolicyResult,
    store::software::SoftwareExport => store::software::SoftwareItem,
}

/// The places for exports on this node. A clone shares them.
#[derive(Clone, Debug)]
pub struct Exports {
    places: Places,
    tasks: Lifecycle,
}

impl Exports {
    /// Places whose exports are written by tasks of the process.
    #[must_use]
    pub fn new(tasks: Lifecycle) -> Self {
        Self { places: Places::new(EXPORTS_MAX, EXPORTS_OF_COMPANY_MAX), tasks }
    }

    /// A place; it is free again when it is dropped.
    ///
    /// # Errors
    ///
    /// When all are taken, or all that the company may have.
    pub(crate) fn place(&self, company: CompanyId) -> Result<Place, Problem> {
        let taken = self.places.take(company).ok_or(Problem::Unavailable {
            what: "a place for an export",
            retry_after_s: RETRY_AFTER_S,
        })?;
        Ok(Place { _taken: taken, tasks: self.tasks.clone(), patience: PATIENCE })
    }

    /// A place for a list of a company, or for one that is no company's.
    ///
    /// # Errors
    ///
    /// As [`Self::place`].
    fn place_of(&self, company: Option<CompanyId>) -> Result<Place, Problem> {
        self.place(company.unwrap_or(NOBODY))
    }
}

/// A place that is taken.
#[derive(Debug)]
pub(crate) struct Place {
    _taken: places::Place,
    tasks: Lifecycle,
    patience: Patience,
}

impl Place {
    /// What writes the export.
    pub(super) const fn tasks(&self) -> &Lifecycle {
        &self.tasks
    }

    /// How long the export may take.
    pub(super) const fn patience(&self) -> Patience {
        self.patience
    }
}

/// Answers with all rows of a source. What fails later than the first rows ends the connection without
/// the end of the body, so that nobody takes a part for the whole.
///
/// # Errors
///
/// When the first rows cannot be read.
pub(crate) async fn respond<S: Source, V: Record>(
    name: &'static str,
    format: Option<Format>,
    place: Place,
    mut source: S,
    view: impl Fn(S::Item) -> V + Send + Sync + 'static,
) -> Result<Exported, Problem> {
    let format = format.unwrap_or_default();
    let mut names = Vec::new();
    if format == Format::Csv {
        csv::names(V::COLUMNS, &mut names);
    }
    let rows = source.next().await?;
    let writing = Writing { source, view, format, names, rows: Some(rows) };
    let body = stream::body(name, place, writing);
    Ok(Exported(attachment(name, format, body)))
}

struct Writing<S: Source, F> {
    source: S,
    view: F,
    format: Format,
    /// The first line, until it is written.
    names: Vec<u8>,
    /// What was read and is to be written next; `None` after the last ones.
    rows: Option<Vec<S::Item>>,
}

impl<S, F, V> Chunks for Writing<S, F>
where
    S: Source,
    F: Fn(S::Item) -> V + Send + Sync + 'static,
    V: Record,
{
    async fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(rows) = self.rows.take() else { return Ok(None) };
        let mut chunk = mem::take(&mut self.names);
        if rows.is_empty() {
            return Ok(Some(chunk));
        }
        let (format, view) = (self.format, &self.view);
        // The database is asked for the next rows first, and reads them while these are written.
        let writing = async { write(format, rows, view, &mut chunk) };
        let (next, written) = future::join(self.source.next(), writing).await;
        written.map_err(anyhow::Error::from)?;
        self.rows = Some(next?);
        Ok(Some(chunk))
    }
}

fn write<T, V: Record>(
    format: Format,
    rows: Vec<T>,
    view: &impl Fn(T) -> V,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    for row in rows {
        let record = view(row);
        match format {
            Format::Csv => {
                let mut cells = Row::new(out);
                record.cells(&mut cells);
                cells.end();
            }
            Format::Ndjson => {
                serde_json::to_writer(&mut *out, &record)
                    .map_err(|error| Problem::Internal(error.into()))?;
                out.push(b'\n');
            }
        }
    }
    Ok(())
}

fn attachment(name: &str, format: Format, body: Body) -> Response {
    let (media, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Format::Ndjson => (NDJSON, "ndjson"),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    let disposition = format!("attachment; filename=\"{name}.{ending}\"");
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    // What stands before this program may otherwise collect all of it before it passes anything on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
