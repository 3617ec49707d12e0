//! Imports: documents that list the software of an asset without an agent (SBOMs), and what became of them.

mod view;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::ids::AgentId;
use protocol::label::Label;
use protocol::limits::{FACT_BYTES_MAX, HOST_LABELS_MAX};
use ring::digest::{SHA256, digest};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use store::enrolment_tokens::Labels;
use store::imports::{self, CancelError, CreateError, ImportFilter, ImportState, NewImport};
use store::permission::Permission;
use uuid::Uuid;

pub(crate) use self::view::ImportView;
use self::view::warnings;
use super::credential;
use crate::http::answer::{Accepted, NoContent};
use crate::http::document::{Answers, Operation, Routes, Schemas};
use crate::http::extract::{Authenticated, Params, Path, Presented, Tenant, parse_id};
use crate::http::live::{Asker, imports as live};
use crate::http::may::{ImportDocuments, ReadInventory};
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::ImportStateName;
use crate::http::state::ApiState;
use crate::http::upload::Upload;
use crate::http::v7;
use crate::imports as documents;

pub(super) fn routes() -> Routes {
    const ONE: &str = "/imports/{import}";
    Routes::of("Imports", "Documents that list the software of assets without an agent (SBOMs).")
        .list("/imports", "list_imports", "Imports, newest first", list)
        .post(
            "/imports",
            "create_import",
            "Bring in what an asset has: CycloneDX (1.4 to 1.7) or SPDX (2.2, 2.3), as JSON",
            create,
        )
        .get(ONE, "get_import", "One import, and how far it is", get)
        .delete(ONE, "cancel_import", "Cancel an import: the asset has what it had before", cancel)
        .get(
            "/imports/{import}/events",
            "stream_import",
            "An import as it goes on (server-sent events), until it is over",
            stream,
        )
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::TooMany => Self::Conflict(error.to_string()),
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Over => Self::Conflict(error.to_string()),
            CancelError::Store(error) => error.into(),
        }
    }
}

const LIST: &str = "imports";
const GONE: Problem = Problem::NotFound("import");

fn id(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "import")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ImportQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[schemars(with = "Option<ImportStateName>")]
    state: Option<String>,
    /// Imports of this asset.
    host: Option<Uuid>,
    limit: Option<u32>,
    page_token: Option<String>,
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ImportView>>, Problem> {
    let state = query.state.as_deref().map(|name| {
        ImportState::parse(name).ok_or_else(|| {
            Problem::field("state", "one of queued, running, done, failed, cancelled")
        })
    });
    let filter = ImportFilter { state: state.transpose()?, host: query.host.map(AgentId) };
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let imports = imports::list(&tenant.scope, filter, &page).await?;
    Ok(page::respond(LIST, imports, ImportView::from))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ImportBody")]
#[serde(deny_unknown_fields)]
struct CreateQuery {
    /// What the asset is called: one that there is, in whatever case, or a new one.
    name: String,
    /// The labels that the asset has from now on, as `team=web,stage=test`; those that it has when absent.
    labels: Option<String>,
}

/// Takes a document in. What is wrong with it is said at once; it is applied by a job.
async fn create(
    tenant: Tenant<ImportDocuments>,
    State(state): State<ApiState>,
    Params(query): Params<CreateQuery>,
    upload: Upload,
) -> Result<Accepted<ImportView>, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    let name = asset_name(&query.name)?;
    let labels = query.labels.as_deref().map(labels).transpose()?;
    // Reading takes a processor for up to a second; the place goes with it, so that no more are read at
    // once than may come in.
    let reading = tokio::task::spawn_blocking(move || {
        let listed = documents::read(&upload.document);
        (listed, upload)
    });
    let (listed, upload) = reading.await.map_err(|error| Problem::Internal(error.into()))?;
    let listed = listed.map_err(|error| Problem::field("document", error.to_string()))?;
    let new = NewImport {
        id: v7(now),
        name,
        host: AgentId(v7(now)),
        labels: labels.as_ref(),
        format: listed.format.as_str(),
        version: &listed.version,
        sha256: sha256(&upload.document),
        document: &upload.document,
        components: listed.components as u64,
        software: listed.records.len() as u64,
        warnings: &warnings(&listed.warnings),
    };
    let import = imports::create(&scope, &new, now).await?;
    Ok(Accepted(import.into()))
}

fn sha256(document: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, document).as_ref());
    hash
}

/// The name as it is kept: it stands where a machine's own name stands.
fn asset_name(text: &str) -> Result<&str, Problem> {
    let name = credential::name(text)?;
    if name.len() > FACT_BYTES_MAX {
        let detail = format!("at most {FACT_BYTES_MAX} bytes");
        return Err(Problem::field("name", detail));
    }
    Ok(name)
}

fn labels(text: &str) -> Result<Labels, Problem> {
    let refused = |detail: String| Problem::field("labels", detail);
    let mut labels = Labels::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let label: Label = part.parse().map_err(|error| refused(format!("{error}")))?;
        labels.insert(label.name, label.value);
    }
    if labels.len() > HOST_LABELS_MAX {
        return Err(refused(format!("at most {HOST_LABELS_MAX} labels")));
    }
    Ok(labels)
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(import): Path<String>,
) -> Result<Json<ImportView>, Problem> {
    let import = imports::get(&tenant.scope, id(&import)?).await?;
    import.map(|import| Json(import.into())).ok_or(GONE)
}

async fn cancel(
    tenant: Tenant<ImportDocuments>,
    State(state): State<ApiState>,
    Path(import): Path<String>,
) -> Result<NoContent, Problem> {
    let is_done = imports::cancel(&tenant.scope, id(&import)?, state.clock.now()).await?;
    NoContent::where_done(is_done, "import")
}

/// A stream of an import.
#[derive(Debug)]
struct Stream(Response);

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Answers for Stream {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        let text = json!({ "type": "string" });
        operation.gives_content(StatusCode::OK, "text/event-stream", text);
    }
}

async fn stream(
    tenant: Tenant<ReadInventory>,
    who: Authenticated,
    presented: Presented,
    State(state): State<ApiState>,
    Path(import): Path<String>,
) -> Result<Stream, Problem> {
    let import = imports::get(&tenant.scope, id(&import)?).await?.ok_or(GONE)?;
    let asker = Asker {
        principal: who.principal.id(),
        presented,
        scope: tenant.scope,
        permission: Permission::ReadInventory,
    };
    live::respond(&state, asker, import).map(Stream)
}
