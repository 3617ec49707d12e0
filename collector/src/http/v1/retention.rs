//! How long the company keeps what is over.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::companies::{self, Retention};

use crate::http::answer::Versioned;
use crate::http::document::Routes;
use crate::http::extract::{Body, IfMatch, Tenant};
use crate::http::may::{ReadInventory, WriteSettings};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

/// Days that a host may be silent at least, before it is let go: shorter than a holiday is a mistake.
const SILENT_DAYS_MIN: u32 = 7;
/// Days that a host may be silent at most.
const SILENT_DAYS_MAX: u32 = 3_650;

pub(super) fn routes() -> Routes {
    const PATH: &str = "/settings/retention";
    Routes::of("Retention", "How long the company keeps what is over.")
        .get(PATH, "get_retention", "How long what is over is kept", get)
        .put(PATH, "put_retention", "Say how long what is over is kept", put)
}

/// How long the company keeps what is over.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Retention")]
struct RetentionView {
    /// Days for which closed installations and resolved findings are kept; the collector's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    history_days: Option<u32>,
    /// Days after which a host that says nothing is let go; never when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_hosts_days: Option<u32>,
    /// The collector's days, which no company keeps more than.
    history_days_max: u32,
}

/// How long the company is to keep what is over.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "RetentionBody")]
#[serde(deny_unknown_fields)]
struct RetentionBody {
    /// Days for which closed installations and resolved findings are kept; the collector's when absent.
    history_days: Option<u32>,
    /// Days after which a host that says nothing is let go; never when absent.
    silent_hosts_days: Option<u32>,
}

impl RetentionBody {
    fn check(&self, history_days_max: u32) -> Result<Retention, Problem> {
        if self.history_days.is_some_and(|days| !(1..=history_days_max).contains(&days)) {
            let detail = format!("1 to {history_days_max} days; leave it out for the most");
            return Err(Problem::field("history_days", detail));
        }
        let allowed = SILENT_DAYS_MIN..=SILENT_DAYS_MAX;
        if self.silent_hosts_days.is_some_and(|days| !allowed.contains(&days)) {
            let detail = format!(
                "{SILENT_DAYS_MIN} to {SILENT_DAYS_MAX} days; leave it out to let nobody go for it"
            );
            return Err(Problem::field("silent_hosts_days", detail));
        }
        Ok(Retention { history_days: self.history_days, silent_hosts_days: self.silent_hosts_days })
    }
}

async fn get(
    tenant: Tenant<ReadInventory>,
    State(state): State<ApiState>,
) -> Result<Versioned<RetentionView>, Problem> {
    let (retention, revision) = companies::revised_retention(&tenant.scope).await?;
    Ok(view(revision, retention, &state))
}

async fn put(
    tenant: Tenant<WriteSettings>,
    State(state): State<ApiState>,
    IfMatch(seen): IfMatch,
    Body(new): Body<RetentionBody>,
) -> Result<Versioned<RetentionView>, Problem> {
    let retention = new.check(state.history_days)?;
    let set = companies::set_retention(&tenant.scope, retention, seen, state.clock.now());
    let revision = set.await?.ok_or(Problem::Stale)?;
    Ok(view(revision, retention, &state))
}

fn view(revision: u64, retention: Retention, state: &ApiState) -> Versioned<RetentionView> {
    let view = RetentionView {
        history_days: retention.history_days,
        silent_hosts_days: retention.silent_hosts_days,
        history_days_max: state.history_days,
    };
    Versioned(revision, view)
}
