//! Jobs as operators ask for them. Payloads stay out: they are between the jobs themselves.

use sqlx::{FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::page::{Listed, Order, Page, PageRequest, SortType};
use crate::tenant::OperatorScope;

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
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Done, Self::Failed];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
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
}

const NEWEST: Order =
    Order { by: "key", of: SortType::Integer, descending: true, tie: "tick", tie_is_uuid: false };

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
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT key, kind, tick, state, attempts, created_at, run_after, finished_at, error",
    );
    NEWEST.push_columns(&mut query);
    query.push("FROM jobs WHERE true");
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.as_str());
    }
    if let Some(kind) = &filter.kind {
        query.push(" AND kind = ").push_bind(kind.clone());
    }
    NEWEST.push_after(&mut query, page)?;
    NEWEST.push_end(&mut query, page);
    let mut tx = operator.begin("jobs.list").await?;
    let rows: Vec<Listed<Row>> = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    NEWEST.page(rows, page, TryInto::try_into)
}

#[derive(Debug, FromRow)]
struct Row {
    key: i64,
    kind: String,
    tick: String,
    state: String,
    attempts: i32,
    created_at: OffsetDateTime,
    run_after: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
    error: Option<String>,
}

impl TryFrom<Row> for ListedJob {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            state: JobState::parse(&row.state)
                .ok_or_else(|| StoreError::inconsistent("jobs", "state", &row.state))?,
            key: row.key,
            kind: row.kind,
            tick: row.tick,
            attempts: row.attempts.unsigned_abs(),
            created_at: row.created_at,
            run_after: row.run_after,
            finished_at: row.finished_at,
            error: row.error,
        })
    }
}
