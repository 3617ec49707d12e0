//! Companies, which are the operator's.

use axum::Json;
use axum::extract::State;
use protocol::ids::CompanyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::companies::deletion::{self, AskError, Deletion, KeepError};
use store::companies::{self, Company, CreateError};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::answer::Created;
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Body, Operator, Params, Path, parse_id};
use crate::http::may::ManageCompanies;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v7;

pub(super) fn routes() -> Routes {
    Routes::of("Companies", "The tenants, which are the operators'.")
        .list("/companies", "list_companies", "Companies, by name", list)
        .post("/companies", "create_company", "Make a company", create)
        .get("/companies/{company}", "get_company", "One company", get)
        .patch("/companies/{company}", "rename_company", "Give a company another name", rename)
        .post(
            "/companies/{company}/suspend",
            "suspend_company",
            "Refuse a company's agents from now on",
            suspend,
        )
        .post(
            "/companies/{company}/resume",
            "resume_company",
            "Take a company's agents again",
            resume,
        )
        .post(
            "/companies/{company}/deletion",
            "delete_company",
            "Delete a company after a time in which it can be kept; it is shut at once",
            delete,
        )
        .delete(
            "/companies/{company}/deletion",
            "keep_company",
            "Keep a company that was to be deleted",
            keep,
        )
}

/// That a company is to be deleted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CompanyDeletion")]
struct DeletionView {
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    asked_at: OffsetDateTime,
    /// What whoever asked was called then.
    asked_by: String,
    /// From when on it is erased; until then it can be kept.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    due_at: OffsetDateTime,
    /// Since when its rows go, which cannot be undone.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    erasing_since: Option<OffsetDateTime>,
}

impl From<Deletion> for DeletionView {
    fn from(deletion: Deletion) -> Self {
        Self {
            asked_at: deletion.asked_at,
            asked_by: deletion.asked_by,
            due_at: deletion.due_at,
            erasing_since: deletion.erasing_since,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Company")]
struct CompanyView {
    #[schemars(with = "Uuid")]
    id: CompanyId,
    name: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    suspended_at: Option<OffsetDateTime>,
    heartbeat_every_s: u32,
    scan_every_s: u32,
    /// That it is to be deleted: its people are signed out, its agents refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion: Option<DeletionView>,
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
            deletion: company.deletion.map(Into::into),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CompanyQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// A part of the name.
    query: Option<String>,
    limit: Option<u32>,
    page_token: Option<String>,
}

async fn list(
    operator: Operator<ManageCompanies>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<CompanyView>>, Problem> {
    let page = page::request("companies", query.limit, query.page_token.as_deref())?;
    let companies = companies::list(&operator.scope, query.query.as_deref(), &page).await?;
    Ok(page::respond("companies", companies, CompanyView::from))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewCompany")]
#[serde(deny_unknown_fields)]
struct NewCompany {
    name: String,
}

async fn create(
    operator: Operator<ManageCompanies>,
    State(state): State<ApiState>,
    Body(new): Body<NewCompany>,
) -> Result<Created<CompanyView>, Problem> {
    let now = state.clock.now();
    // Version 7 begins with the time: a list by id is a list by age, and new rows go to the end of
    // the index.
    let company = companies::create(&operator.scope, CompanyId(v7(now)), &new.name, now).await?;
    Ok(Created(company.into()))
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::NameTaken => Self::Conflict(error.to_string()),
            CreateError::NameInvalid => Self::field("name", error.to_string()),
            CreateError::Store(error) => error.into(),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CompanyUpdate")]
#[serde(deny_unknown_fields)]
struct Update {
    /// What it is called from now on. Its people's ways to their provider by its name (`company=`) change with it.
    name: String,
}

async fn rename(
    operator: Operator<ManageCompanies>,
    State(state): State<ApiState>,
    Path(company): Path<String>,
    Body(update): Body<Update>,
) -> Result<Json<CompanyView>, Problem> {
    let id = parse_id::<Uuid>(&company, "company").map(CompanyId)?;
    let renamed = companies::rename(&operator.scope, id, &update.name, state.clock.now()).await?;
    renamed.map(|company| Json(company.into())).ok_or(GONE)
}

async fn get(
    operator: Operator<ManageCompanies>,
    Path(company): Path<String>,
) -> Result<Json<CompanyView>, Problem> {
    let id = parse_id::<Uuid>(&company, "company").map(CompanyId)?;
    let company = companies::find(&operator.scope, id).await?;
    company.map(|company| Json(company.into())).ok_or(GONE)
}

async fn suspend(
    operator: Operator<ManageCompanies>,
    state: State<ApiState>,
    company: Path<String>,
) -> Result<Json<CompanyView>, Problem> {
    set_suspended(operator, state, company, true).await
}

async fn resume(
    operator: Operator<ManageCompanies>,
    state: State<ApiState>,
    company: Path<String>,
) -> Result<Json<CompanyView>, Problem> {
    set_suspended(operator, state, company, false).await
}

async fn set_suspended(
    operator: Operator<ManageCompanies>,
    State(state): State<ApiState>,
    Path(company): Path<String>,
    suspended: bool,
) -> Result<Json<CompanyView>, Problem> {
    let id = parse_id::<Uuid>(&company, "company").map(CompanyId)?;
    let company =
        companies::set_suspended(&operator.scope, id, suspended, state.clock.now()).await?;
    let company = company.ok_or(GONE)?;
    if !suspended && company.deletion.is_some() {
        let why = "the company is to be deleted, and stays suspended: keep it instead";
        return Err(Problem::Conflict(why.to_owned()));
    }
    Ok(Json(company.into()))
}

const GONE: Problem = Problem::NotFound("company");

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DeleteCompany")]
#[serde(deny_unknown_fields)]
struct DeleteCompany {
    /// The company's name as it is written, to confirm that it is this one.
    name: String,
}

async fn delete(
    operator: Operator<ManageCompanies>,
    State(state): State<ApiState>,
    Path(company): Path<String>,
    Body(confirmed): Body<DeleteCompany>,
) -> Result<Json<CompanyView>, Problem> {
    let id = parse_id::<Uuid>(&company, "company").map(CompanyId)?;
    let (wait, now) = (state.deletion_wait, state.clock.now());
    let asked = deletion::ask(&operator.scope, id, &confirmed.name, wait, now).await;
    match asked {
        Ok(company) => company.map(|company| Json(company.into())).ok_or(GONE),
        Err(error @ AskError::NotConfirmed(_)) => Err(Problem::field("name", error.to_string())),
        Err(error @ AskError::Asked) => Err(Problem::Conflict(error.to_string())),
        Err(AskError::Store(error)) => Err(error.into()),
    }
}

async fn keep(
    operator: Operator<ManageCompanies>,
    State(state): State<ApiState>,
    Path(company): Path<String>,
) -> Result<Json<CompanyView>, Problem> {
    let id = parse_id::<Uuid>(&company, "company").map(CompanyId)?;
    match deletion::keep(&operator.scope, id, state.clock.now()).await {
        Ok(company) => company.map(|company| Json(company.into())).ok_or(GONE),
        Err(error @ (KeepError::NotAsked | KeepError::Erasing)) => {
            Err(Problem::Conflict(error.to_string()))
        }
        Err(KeepError::Store(error)) => Err(error.into()),
    }
}
