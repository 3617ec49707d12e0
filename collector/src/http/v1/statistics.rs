//! How the company stood, hour by hour or day by day.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::statistics::{
    self, FIXED_WITHIN, Groups, Numbers, Range, SILENT_AFTER, Statistics, Step,
};
use time::{Duration, OffsetDateTime};

use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Params, Tenant};
use crate::http::may::ReadInventory;
use crate::http::moment;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Statistics", "How the company stood, hour by hour or day by day.").get(
        "/statistics",
        "list_statistics",
        "How the company stood, the oldest first",
        list,
    )
}

/// The length of what an item is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsStep")]
#[serde(rename_all = "snake_case")]
enum StepName {
    Hour,
    #[default]
    Day,
}

impl StepName {
    const fn step(self) -> Step {
        match self {
            Self::Hour => Step::Hour,
            Self::Day => Step::Day,
        }
    }

    /// How far back is shown to who does not say.
    const fn usual(self) -> Duration {
        match self {
            Self::Hour => Duration::days(7),
            Self::Day => Duration::days(90),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "StatisticsQuery")]
#[serde(deny_unknown_fields)]
struct StatisticsQuery {
    /// Items of hours, or of days in UTC.
    #[serde(default)]
    step: StepName,
    /// The first instant; seven days before `to` for hours and ninety for days when absent.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    from: Option<OffsetDateTime>,
    /// The first instant that is not in it; now when absent.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    to: Option<OffsetDateTime>,
}

impl StatisticsQuery {
    fn range(&self, now: OffsetDateTime) -> Result<Range, Problem> {
        let step = self.step.step();
        let kept = step.kept().whole_days();
        // The item of this hour or day begins before now.
        let to = self.to.unwrap_or(now);
        // Nothing of ours is older, and a year before the first has no text.
        let usual = (to - self.step.usual()).max(OffsetDateTime::UNIX_EPOCH);
        let from = self.from.unwrap_or(usual);
        if from >= to {
            return Err(Problem::field("from", "not before `to`"));
        }
        if to - from > step.kept() {
            let detail = format!("more than {kept} days before `to`, which is all that is kept");
            return Err(Problem::field("from", detail));
        }
        Ok(Range { step, from, to })
    }
}

/// The numbers of a group of findings.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsNumbers")]
struct NumbersView {
    /// Findings that some host has, and no exception leaves out for all.
    open: u64,
    /// Those once for every host that has them, without those that exceptions leave out there.
    exposure: u64,
    /// CVEs that a host got within the hour or the day, once for every host. An update from one version
    /// that has a CVE to another is none.
    opened: u64,
    /// CVEs that a host got rid of.
    resolved: u64,
    /// How long in the middle those stood that hosts got rid of in the 30 days before, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix_median_s: Option<u64>,
    /// How long nine of ten of them stood at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix_p90_s: Option<u64>,
}

impl From<Numbers> for NumbersView {
    fn from(numbers: Numbers) -> Self {
        Self {
            open: numbers.open,
            exposure: numbers.exposure,
            opened: numbers.opened,
            resolved: numbers.resolved,
            fix_median_s: numbers.fix_median_s,
            fix_p90_s: numbers.fix_p90_s,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsGroups")]
struct GroupsView {
    all: NumbersView,
    /// Of CVEs that are known to be exploited.
    kev: NumbersView,
    critical: NumbersView,
    high: NumbersView,
    medium: NumbersView,
    low: NumbersView,
    /// Of no severity, or of one that nobody knows.
    other: NumbersView,
}

impl From<Groups> for GroupsView {
    fn from(groups: Groups) -> Self {
        Self {
            all: groups.all.into(),
            kev: groups.kev.into(),
            critical: groups.critical.into(),
            high: groups.high.into(),
            medium: groups.medium.into(),
            low: groups.low.into(),
            other: groups.other.into(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatisticsItem")]
struct ItemView {
    /// The beginning of the hour or the day.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    at: OffsetDateTime,
    /// When it was measured.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    measured_at: OffsetDateTime,
    hosts: u64,
    /// Hosts that nothing was heard of for `silent_after_s`.
    silent_hosts: u64,
    findings: GroupsView,
}

impl From<Statistics> for ItemView {
    fn from(row: Statistics) -> Self {
        Self {
            at: row.at,
            measured_at: row.measured_at,
            hosts: row.hosts,
            silent_hosts: row.silent_hosts,
            findings: row.groups.into(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Statistics")]
struct StatisticsView {
    step: StepName,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    to: OffsetDateTime,
    /// When the last item was measured; absent where there is none.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    as_of: Option<OffsetDateTime>,
    /// How long a host has to be silent to count as such.
    silent_after_s: i64,
    /// Over how long back the time to fix is taken.
    fixed_within_s: i64,
    /// An hour or a day in which nothing was measured has none.
    items: Vec<ItemView>,
}

async fn list(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
    Params(query): Params<StatisticsQuery>,
) -> Result<Json<StatisticsView>, Problem> {
    let range = query.range(state.clock.now())?;
    let rows = statistics::list(&tenant.scope, range).await?;
    Ok(Json(StatisticsView {
        step: query.step,
        from: range.from,
        to: range.to,
        as_of: rows.last().map(|row| row.measured_at),
        silent_after_s: SILENT_AFTER.whole_seconds(),
        fixed_within_s: FIXED_WITHIN.whole_seconds(),
        items: rows.into_iter().map(ItemView::from).collect(),
    }))
}
