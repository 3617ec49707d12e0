//! Jobs as operators ask for them, and a company's own as its people do. Payloads stay out: they are between the jobs themselves.

use protocol::ids::CompanyId;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::companies::erase;
use crate::error::StoreError;
use crate::page::{Listed, Order, Page, PageRequest, SortType};
use crate::tenant::{OperatorScope, TenantScope};
use crate::tx::Tx;

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits for a node, for its time, or for its next attempt.
    Queued,
    /// A node works at it.
    Running,
    /// It is done.
    Done,
    /// It was given up.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// Which jobs a list has.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
}

/// A job as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedJob {
    /// Its number, which grows.
    pub key: i64,
    /// Its id.
    pub id: Uuid,
    /// Whose it is, where it is one company's.
    pub company: Option<CompanyId>,
    /// What is to be done.
    pub kind: String,
    /// For which tick.
    pub tick: String,
    /// How it stands.
    pub state: JobState,
    /// How often it was taken.
    pub attempts: u32,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
    /// Not before.
    pub run_after: OffsetDateTime,
    /// When it was over.
    pub finished_at: Option<OffsetDateTime>,
    /// Why its last attempt did not work.
    pub error: Option<String>,
    /// Who cancelled it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`.
    pub cancelled_by: Option<String>,
}

/// A job that was cancelled has failed, to a release that knows no better.
const SELECT: &str =
    "SELECT key, id, company, kind, tick, attempts, created_at, run_after, finished_at, error,
    cancelled_by, CASE WHEN cancelled_at IS NULL THEN state ELSE 'cancelled' END AS state";

const NEWEST: Order =
    Order { by: "key", of: SortType::Integer, descending: true, tie: "tick", tie_is_uuid: false };

/// A company's own jobs in the order of their making: by time and not by number, which counts other companies'.
const NEWEST_OWN: Order = Order {
    by: "created_at",
    of: SortType::Instant,
    descending: true,
    tie: "id",
    tie_is_uuid: true,
};

/// A page of jobs, newest first.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list(
    operator: &OperatorScope,
    filter: &JobFilter,
    page: &PageRequest,
) -> Result<Page<ListedJob>, StoreError> {
    let query = query(&NEWEST, filter, None, page)?;
    fetch(operator.begin("jobs.list").await?, query, &NEWEST, page).await
}

/// A page of a company's own jobs, newest first. What becomes of the company itself is the operators'.
///
/// # Errors
///
/// When the page is none of this list's, or the database cannot be used.
pub async fn list_own(
    scope: &TenantScope,
    filter: &JobFilter,
    page: &PageRequest,
) -> Result<Page<ListedJob>, StoreError> {
    let query = query(&NEWEST_OWN, filter, Some(scope.company()), page)?;
    fetch(scope.begin("jobs.list_own").await?, query, &NEWEST_OWN, page).await
}

fn query(
    order: &Order,
    filter: &JobFilter,
    company: Option<CompanyId>,
    page: &PageRequest,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new(SELECT);
    order.push_columns(&mut query);
    query.push("FROM jobs WHERE true");
    if let Some(company) = company {
        query.push(" AND company = ").push_bind(company.0);
        query.push(" AND kind <> ").push_bind(erase::JOB);
    }
    if let Some(state) = filter.state {
        query
            .push(" AND CASE WHEN cancelled_at IS NULL THEN state ELSE 'cancelled' END = ")
            .push_bind(state.as_str());
    }
    if let Some(kind) = &filter.kind {
        query.push(" AND kind = ").push_bind(kind.clone());
    }
    order.push_after(&mut query, page)?;
    order.push_end(&mut query, page);
    Ok(query)
}

async fn fetch(
    mut tx: Tx,
    mut query: QueryBuilder<Postgres>,
    order: &Order,
    page: &PageRequest,
) -> Result<Page<ListedJob>, StoreError> {
    let rows: Vec<Listed<Row>> = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    order.page(rows, page, TryInto::try_into)
}

/// One job, of a company where it is named.
pub(super) async fn one(
    tx: &mut PgConnection,
    id: Uuid,
    company: Option<CompanyId>,
) -> Result<Option<ListedJob>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new(SELECT);
    query.push(" FROM jobs WHERE id = ").push_bind(id);
    if let Some(company) = company {
        query.push(" AND company = ").push_bind(company.0);
    }
    let row: Option<Row> = query.build_query_as().fetch_optional(tx).await?;
    row.map(TryInto::try_into).transpose()
}

#[derive(Debug, FromRow)]
struct Row {
    key: i64,
    id: Uuid,
    company: Option<Uuid>,
    kind: String,
    tick: String,
    state: String,
    attempts: i32,
    created_at: OffsetDateTime,
    run_after: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
    error: Option<String>,
    cancelled_by: Option<String>,
}

impl TryFrom<Row> for ListedJob {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            state: JobState::parse(&row.state)
                .ok_or_else(|| StoreError::inconsistent("jobs", "state", &row.state))?,
            key: row.key,
            id: row.id,
            company: row.company.map(CompanyId),
            kind: row.kind,
            tick: row.tick,
            attempts: row.attempts.unsigned_abs(),
            created_at: row.created_at,
            run_after: row.run_after,
            finished_at: row.finished_at,
            error: row.error,
            cancelled_by: row.cancelled_by,
        })
    }
}
