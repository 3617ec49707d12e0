//! Jobs: what the collector's nodes do by the clock or because they were asked to.

use axum::Json;
use axum::extract::State;
use protocol::ids::CompanyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::jobs::{self, CancelError, JobFilter, JobState, ListedJob};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Operator, Params, Path, Tenant, parse_id};
use crate::http::may::{CancelJobs, ManageJobs, ReadInventory, ReadNodes};
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::JobStateName;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Jobs", "What the collector's nodes do by the clock or because they were asked to.")
        .list("/operator/jobs", "list_jobs", "Jobs of the last seven days, newest first", list)
        .post(
            "/operator/jobs/{job}/cancel",
            "cancel_job",
            "Cancel a job; of one that would erase a company, the company is kept",
            cancel,
        )
        .list(
            "/jobs",
            "list_own_jobs",
            "The company's own jobs of the last seven days, newest first",
            list_own,
        )
        .post(
            "/jobs/{job}/cancel",
            "cancel_own_job",
            "Cancel a job of the company, and what it is about: an import, a report",
            cancel_own,
        )
}

/// What people of a company are told of an attempt that did not work.
const WENT_WRONG: &str = "it did not work: the collector's operators see why";

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
struct JobView {
    id: Uuid,
    /// Whose it is, where it is one company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Uuid>")]
    company: Option<CompanyId>,
    /// `erase_company`, `feed_sync`, `import`, `keep_counts`, `keep_rules`, `make_reports`, `match_findings`,
    /// `measure`, `send_mail` or `tidy`.
    kind: String,
    /// For which tick of the clock, or for what: the id of the import or of the report.
    tick: String,
    #[schemars(with = "JobStateName")]
    state: &'static str,
    attempts: u32,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    /// Not before; of one that waits.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    run_after: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    finished_at: Option<OffsetDateTime>,
    /// Why the last attempt did not work; to people of a company, that it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Who cancelled it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_by: Option<String>,
}

impl From<ListedJob> for JobView {
    fn from(job: ListedJob) -> Self {
        Self {
            id: job.id,
            company: job.company,
            kind: job.kind,
            tick: job.tick,
            state: job.state.as_str(),
            attempts: job.attempts,
            created_at: job.created_at,
            run_after: job.run_after,
            finished_at: job.finished_at,
            error: job.error,
            cancelled_by: job.cancelled_by,
        }
    }
}

impl JobView {
    /// A job as its company's people see it: what goes wrong inside, with its statements and addresses, is the
    /// operators'. Of an import or a report its own page says what they can do.
    fn own(job: ListedJob) -> Self {
        let is_cancelled = job.state == JobState::Cancelled;
        let mut view = Self::from(job);
        if !is_cancelled {
            view.error = view.error.map(|_| WENT_WRONG.to_owned());
        }
        view
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "JobQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[schemars(with = "Option<JobStateName>")]
    state: Option<String>,
    kind: Option<String>,
    limit: Option<u32>,
    page_token: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<JobFilter, Problem> {
        let state = self.state.as_deref().map(|name| {
            JobState::parse(name).ok_or_else(|| {
                Problem::field("state", "one of queued, running, done, failed, cancelled")
            })
        });
        Ok(JobFilter { state: state.transpose()?, kind: self.kind.clone() })
    }
}

async fn list(
    operator: Operator<ReadNodes>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    const LIST: &str = "jobs";
    let filter = query.filter()?;
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let jobs = jobs::list(&operator.scope, &filter, &page).await?;
    Ok(page::respond(LIST, jobs, JobView::from))
}

async fn list_own(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    const LIST: &str = "own-jobs";
    let filter = query.filter()?;
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let jobs = jobs::list_own(&tenant.scope, &filter, &page).await?;
    Ok(page::respond(LIST, jobs, JobView::own))
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Over | CancelError::Erasing => Self::Conflict(error.to_string()),
            CancelError::Store(error) => error.into(),
        }
    }
}

async fn cancel(
    operator: Operator<ManageJobs>,
    State(state): State<ApiState>,
    Path(job): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let cancelled = jobs::cancel(&operator.scope, parse_id(&job, "job")?, state.clock.now());
    cancelled.await?.map(|job| Json(job.into())).ok_or(Problem::NotFound("job"))
}

async fn cancel_own(
    tenant: Tenant<CancelJobs>,
    State(state): State<ApiState>,
    Path(job): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let cancelled = jobs::cancel_own(&tenant.scope, parse_id(&job, "job")?, state.clock.now());
    cancelled.await?.map(|job| Json(JobView::own(job))).ok_or(Problem::NotFound("job"))
}
