//! VEX documents, in and out: what others say of software becomes exceptions, and exceptions become what
//! others read.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::exceptions::documents::{self, DOCUMENTS_MAX, Document, NewDocument};
use store::exceptions::{self, Exception, ExceptionFilter, ExceptionState, NewException};
use store::tenant::TenantScope;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::answer::Created;
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Params, Tenant};
use crate::http::may::{ExportInventory, ReadInventory, TriageFindings};
use crate::http::page::{self, Whole};
use crate::http::problem::Problem;
use crate::http::schema::Open;
use crate::http::state::ApiState;
use crate::http::upload::Upload;
use crate::http::v7;
use crate::http::vex::{self, Frame, VexFormat};
use crate::jobs::keep_rules;

pub(super) fn routes() -> Routes {
    Routes::of("VEX", "What is said of software and CVEs, in the formats that others read.")
        .get("/vex", "export_vex", "All exceptions in force as one document", write)
        .post("/vex", "import_vex", "Bring a document in (OpenVEX, or CycloneDX as JSON)", import)
        .list("/vex/documents", "list_vex_documents", "Documents that came in, newest first", list)
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "VexFormat")]
#[serde(rename_all = "lowercase")]
enum FormatName {
    Openvex,
    Cyclonedx,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "VexQuery")]
#[serde(deny_unknown_fields)]
struct WriteQuery {
    /// `openvex` or `cyclonedx`.
    format: FormatName,
}

/// All exceptions in force as one document. What came in in the same format goes out as it came. It takes a place of
/// those for exports: it reads and holds all there is.
async fn write(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Params(query): Params<WriteQuery>,
) -> Result<Json<Open>, Problem> {
    let scope = tenant.scope;
    let _place = state.exports.place(scope.company())?;
    let format = match query.format {
        FormatName::Openvex => VexFormat::OpenVex,
        FormatName::Cyclonedx => VexFormat::CycloneDx,
    };
    let documents = documents::left_over(&scope, format.as_str()).await?;
    let same: BTreeSet<Uuid> = documents.iter().map(|(id, _)| *id).collect();
    let (ours, mut theirs) = in_force(&scope, &same).await?;
    for (_, unknown) in documents {
        if let Value::Array(unknown) = unknown {
            unknown.into_iter().for_each(|one| theirs.push(one));
        }
    }
    let frame = Frame { company: scope.company().0, at: state.clock.now() };
    let document = vex::write(format, frame, &ours, theirs.all);
    // An object in both formats.
    let Value::Object(fields) = document else {
        return Err(Problem::Internal(anyhow::anyhow!("a document is no object")));
    };
    Ok(Json(fields.into_iter().collect()))
}

/// Statements as they came, each once: one on several products became as many exceptions.
#[derive(Debug, Default)]
struct AsTheyCame {
    all: Vec<Value>,
    seen: BTreeSet<String>,
}

impl AsTheyCame {
    fn push(&mut self, statement: Value) {
        if self.seen.insert(statement.to_string()) {
            self.all.push(statement);
        }
    }
}

/// The exceptions in force: those to be written, and the statements of those that came in with some documents.
async fn in_force(
    scope: &TenantScope,
    documents: &BTreeSet<Uuid>,
) -> Result<(Vec<Exception>, AsTheyCame), Problem> {
    let filter =
        ExceptionFilter { state: Some(ExceptionState::Active), ..ExceptionFilter::default() };
    let mut export = exceptions::export(scope, &filter).await?;
    let (mut ours, mut theirs) = (Vec::new(), AsTheyCame::default());
    loop {
        let some = export.next().await?;
        if some.is_empty() {
            return Ok((ours, theirs));
        }
        for exception in some {
            if exception.document.is_none_or(|id| !documents.contains(&id)) {
                ours.push(exception);
            } else if let Some(statement) = exception.statement {
                theirs.push(statement);
            }
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VexImported")]
struct ImportedView {
    document: Uuid,
    format: String,
    statements: u64,
    /// Exceptions that came of them: one for each statement and product.
    exceptions: u64,
    /// Products that name no package and no software. Their statements are kept and go out again.
    unknown: Vec<String>,
    /// Findings that are left out from now on, for all hosts.
    suppressed: u64,
    reopened: u64,
}

/// Brings a document in. An earlier version of it, by its own id, is replaced.
async fn import(
    tenant: Tenant<TriageFindings>,
    State(state): State<ApiState>,
    upload: Upload,
) -> Result<Created<ImportedView>, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    // Reading takes a processor for long; the place goes with it, and is kept until all of it is written.
    let reading = tokio::task::spawn_blocking(move || (read(&upload.document), upload));
    let (read, _upload) = reading.await.map_err(|error| Problem::Internal(error.into()))?;
    let read = read.map_err(|detail| Problem::field("document", detail))?;
    let id = v7(now);
    let made: Vec<NewException<'_>> = read
        .statements
        .iter()
        .flat_map(|statement| statement.said.iter().map(move |said| (statement, said)))
        .map(|(statement, said)| NewException {
            id: v7(now),
            name: None,
            about: &said.about,
            hosts: said.hosts,
            claim: &said.claim,
            expires_at: said.expires_at,
            origin: Some((id, &statement.whole)),
        })
        .collect();
    // What became no exception at all would go out no more.
    let lost: Vec<&Value> = read
        .statements
        .iter()
        .filter(|statement| statement.said.is_empty())
        .map(|statement| &statement.whole)
        .collect();
    let document = NewDocument {
        id,
        format: read.format.as_str(),
        name: &read.name,
        version: &read.version,
        frame: &read.frame,
        unknown: &serde_json::json!(lost),
    };
    let settled = documents::import(&scope, &document, &made, now).await?;
    keep_rules::look_again(&state.store, scope.company(), now).await?;
    let unknown = read.statements.iter().flat_map(|one| one.unknown.clone());
    let view = ImportedView {
        document: id,
        format: read.format.as_str().to_owned(),
        statements: read.statements.len() as u64,
        exceptions: made.len() as u64,
        unknown: unknown.collect(),
        suppressed: settled.suppressed,
        reopened: settled.reopened,
    };
    Ok(Created(view))
}

/// Reads a document.
///
/// # Errors
///
/// When it is none, in words for who sent it.
fn read(document: &[u8]) -> Result<vex::Document, String> {
    let document: Value = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    let read = vex::read(document).map_err(|error| error.to_string())?;
    if has_zero(&read.frame) || read.statements.iter().any(|one| has_zero(&one.whole)) {
        return Err("a text has the character U+0000".to_owned());
    }
    Ok(read)
}

/// Whether any text has a zero, which the database takes for no text.
fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_zero),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || has_zero(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VexDocument")]
struct DocumentView {
    id: Uuid,
    format: String,
    name: String,
    version: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    imported_at: OffsetDateTime,
    /// Who brought it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`.
    imported_by: String,
    /// What they are called now; absent for who is none of the company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    imported_by_name: Option<String>,
    /// Statements that name nothing that an exception can be about.
    #[schemars(with = "Vec<Open>")]
    unknown: Value,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            format: document.format,
            name: document.name,
            version: document.version,
            imported_at: document.imported_at,
            imported_by: document.imported_by,
            imported_by_name: document.imported_by_name,
            unknown: document.unknown,
        }
    }
}

async fn list(tenant: Tenant<ReadInventory>) -> Result<Json<Whole<DocumentView>>, Problem> {
    let documents = documents::documents(&tenant.scope).await?;
    Ok(page::whole_within(documents, DOCUMENTS_MAX, DocumentView::from))
}
