//! On how many hosts a CVE was, day by day.

use axum::Json;
use axum::extract::State;
use enrichment::cve::as_published;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::cve_history::{self, Day, day_of};
use store::cves;
use store::statistics::DAYS_KEPT;
use time::{Date, Duration, OffsetDateTime};

use crate::http::document::{DateTime, DayName};
use crate::http::extract::{Params, Path, Tenant};
use crate::http::may::ReadInventory;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

/// How many days are shown to who does not say.
const DAYS: i64 = 90;

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CveHistoryQuery")]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    /// How many days, with today: all that are kept at most, and 90 when absent.
    #[schemars(range(min = 1, max = 800))]
    days: Option<u32>,
}

impl HistoryQuery {
    /// The first day.
    fn from(&self, today: Date) -> Result<Date, Problem> {
        let days = self.days.map_or(DAYS, i64::from);
        let kept = DAYS_KEPT.whole_days();
        if !(1..=kept).contains(&days) {
            return Err(Problem::field("days", format!("1 to {kept}")));
        }
        Ok(today - Duration::days(days - 1))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CveHistoryItem")]
struct DayView {
    /// The day, in UTC.
    #[schemars(with = "DayName")]
    day: String,
    /// Hosts that had the CVE, as lists count them: when it was recorded last on that day, and today now.
    hosts: u64,
}

impl From<Day> for DayView {
    fn from(day: Day) -> Self {
        Self { day: day.day.to_string(), hosts: day.hosts }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CveHistory")]
pub(super) struct HistoryView {
    id: String,
    /// The first day that was asked for.
    #[schemars(with = "DayName")]
    from: String,
    /// The first day that was recorded in the company; absent before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DayName>")]
    recorded_since: Option<String>,
    /// When the hosts of the last item, which is today's, were counted.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    as_of: OffsetDateTime,
    /// Every day since both of these, the oldest first. A day on which nothing was recorded is as the one before.
    items: Vec<DayView>,
}

pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Path(cve): Path<String>,
    State(state): State<ApiState>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<HistoryView>, Problem> {
    let as_of = state.clock.now();
    let today = day_of(as_of);
    let from = query.from(today)?;
    let known = cves::get(&tenant.scope, &as_published(&cve)).await?;
    let known = known.ok_or(Problem::NotFound("CVE"))?;
    let history = cve_history::list(&tenant.scope, &known.cve.id, from, today).await?;
    let now = Day { day: today, hosts: known.hosts };
    Ok(Json(HistoryView {
        id: known.cve.id,
        from: from.to_string(),
        recorded_since: history.recorded_since.map(|day| day.to_string()),
        as_of,
        items: history.days.into_iter().chain([now]).map(DayView::from).collect(),
    }))
}
