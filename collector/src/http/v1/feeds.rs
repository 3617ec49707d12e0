//! Feeds: what was imported, how old it is, and what went wrong.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::feeds::{self, Feed};
use time::OffsetDateTime;

use crate::http::document::{DateTime, Routes};
use crate::http::extract::Authenticated;
use crate::http::page::{self, Whole};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Feeds", "Where the knowledge of vulnerabilities comes from.").list(
        "/feeds",
        "list_feeds",
        "Feeds, how old they are and what went wrong",
        list,
    )
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Feed")]
struct FeedView {
    source: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    imported_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    last_success_at: Option<OffsetDateTime>,
    /// The newest change among its records: how old the knowledge is, however lately it came.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    newest_record_at: Option<OffsetDateTime>,
    records: u64,
    changed: u64,
    skipped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How often in a row it could not be fetched.
    failures: u32,
    /// When it is fetched next, if it is by the clock.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    next_sync_at: Option<OffsetDateTime>,
}

impl From<Feed> for FeedView {
    fn from(feed: Feed) -> Self {
        Self {
            source: feed.source,
            imported_at: feed.imported_at,
            last_success_at: feed.last_success_at,
            newest_record_at: feed.newest_record_at,
            records: feed.records,
            changed: feed.changed,
            skipped: feed.skipped,
            error: feed.error,
            failures: feed.failures,
            next_sync_at: feed.next_sync_at,
        }
    }
}

async fn list(
    // No company: feeds are the same for all of them.
    _anyone: Authenticated,
    State(state): State<ApiState>,
) -> Result<Json<Whole<FeedView>>, Problem> {
    let feeds = feeds::list(&state.store).await?;
    Ok(page::whole(feeds, FeedView::from))
}
