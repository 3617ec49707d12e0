//! Jobs: what the collector's nodes do by the clock or because they were asked to.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::jobs::{self, JobFilter, JobState, ListedJob};
use time::OffsetDateTime;

use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Operator, Params};
use crate::http::may::ReadNodes;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::JobStateName;

pub(super) fn routes() -> Routes {
    Routes::of("Jobs", "What the collector's nodes do by the clock or because they were asked to.")
        .get("/operator/jobs", "list_jobs", "Jobs of the last seven days, newest first", list)
}

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
struct JobView {
    /// Its number, which grows.
    number: i64,
    /// `feed_sync`, `import`, `keep_rules`, `match_findings` or `tidy`.
    kind: String,
    /// For which tick of the clock, or for what.
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
    /// Why the last attempt did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<ListedJob> for JobView {
    fn from(job: ListedJob) -> Self {
        Self {
            number: job.key,
            kind: job.kind,
            tick: job.tick,
            state: job.state.as_str(),
            attempts: job.attempts,
            created_at: job.created_at,
            run_after: job.run_after,
            finished_at: job.finished_at,
            error: job.error,
        }
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

async fn list(
    operator: Operator<ReadNodes>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    const LIST: &str = "jobs";
    let state = query.state.as_deref().map(|name| {
        JobState::parse(name)
            .ok_or_else(|| Problem::field("state", "one of queued, running, done, failed"))
    });
    let filter = JobFilter { state: state.transpose()?, kind: query.kind };
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let jobs = jobs::list(&operator.scope, &filter, &page).await?;
    Ok(page::respond(LIST, jobs, JobView::from))
}
