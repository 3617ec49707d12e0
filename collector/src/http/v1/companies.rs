//! Companies, which are the operator's.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use protocol::ids::CompanyId;
use serde::{Deserialize, Serialize};
use store::companies::{self, Company, CreateError};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::extract::{Body, Operator, Params, Path, parse_id};
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v7;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/companies", routing::get(list).post(create))
        .route("/companies/{company}", routing::get(get))
        .route("/companies/{company}/suspend", routing::post(suspend))
        .route("/companies/{company}/resume", routing::post(resume))
}

#[derive(Debug, Serialize)]
struct CompanyView {
    id: CompanyId,
    name: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    suspended_at: Option<OffsetDateTime>,
    heartbeat_every_s: u32,
    scan_every_s: u32,
}

impl From<Company> for CompanyView {
    fn from(company: Company) -> Self {
        Self {
            id: company.id,
            name: company.name,
            created_at: company.created_at,
            suspended_at: company.suspended_at,
            heartbeat_every_s: company.settings.heartbeat_every_s,
            scan_every_s: company.settings.scan_every_s,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// A part of the name.
    query: Option<String>,
    limit: Option<u32>,
    page_token: Option<String>,
}

async fn list(
    Operator(operator): Operator,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<CompanyView>>, Problem> {
    let page = page::request("companies", query.limit, query.page_token.as_deref())?;
    let companies = companies::list(&operator, query.query.as_deref(), &page).await?;
    Ok(page::respond("companies", companies, CompanyView::from))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCompany {
    name: String,
}

async fn create(
    Operator(operator): Operator,
    State(state): State<ApiState>,
    Body(new): Body<NewCompany>,
) -> Result<(StatusCode, Json<CompanyView>), Problem> {
    let now = state.clock.now();
    // Version 7 begins with the time: a list by id is a list by age, and new rows go to the end of
    // the index.
    let company = companies::create(&operator, CompanyId(v7(now)), &new.name, now).await;
    match company {
        Ok(company) => Ok((StatusCode::CREATED, Json(company.into()))),
        Err(error @ CreateError::NameTaken) => Err(Problem::Conflict(error.to_string())),
        Err(error @ CreateError::NameInvalid) => Err(Problem::field("name", error.to_string())),
        Err(CreateError::Store(error)) => Err(error.into()),
    }
}

async fn get(
    Operator(operator): Operator,
    Path(company): Path<String>,
) -> Result<Json<CompanyView>, Problem> {
    let id = parse_id::<Uuid>(&company, "company").map(CompanyId)?;
    let company = companies::find(&operator, id).await?;
    company
        .map(|company| Json(company.into()))
        .ok_or(Problem::NotFound("company"))
}

async fn suspend(
    operator: Operator,
    state: State<ApiState>,
    company: Path<String>,
) -> Result<Json<CompanyView>, Problem> {
    set_suspended(operator, state, company, true).await
}

async fn resume(
    operator: Operator,
    state: State<ApiState>,
    company: Path<String>,
) -> Result<Json<CompanyView>, Problem> {
    set_suspended(operator, state, company, false).await
}

async fn set_suspended(
    Operator(operator): Operator,
    State(state): State<ApiState>,
    Path(company): Path<String>,
    suspended: bool,
) -> Result<Json<CompanyView>, Problem> {
    let id = parse_id::<Uuid>(&company, "company").map(CompanyId)?;
    let company = companies::set_suspended(&operator, id, suspended, state.clock.now()).await?;
    company
        .map(|company| Json(company.into()))
        .ok_or(Problem::NotFound("company"))
}
