//! `POST /hosts/scan`: a scan now of many hosts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::agents::{self, SCANS_MAX, ScanOf};
use uuid::Uuid;

use crate::http::answer::Accepted;
use crate::http::extract::{Body, Tenant};
use crate::http::may::ScanHosts;
use crate::http::problem::Problem;
use crate::http::v1::selection::{Hosts, HostsOf};

/// Which hosts are to scan now: named ones, or all of a filter; at most 2,000.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ScanSelection")]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    /// These hosts.
    hosts: Option<Vec<Uuid>>,
    /// All hosts of this filter.
    filter: Option<HostsOf>,
}

/// How many hosts were asked.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ScansRequested")]
pub(super) struct ScansRequested {
    /// Hosts that were asked. Revoked ones, and assets without an agent, are none of them.
    hosts: u64,
}

/// Asks all of them or, where they are too many, none.
pub(super) async fn request(
    tenant: Tenant<ScanHosts>,
    Body(body): Body<Selection>,
) -> Result<Accepted<ScansRequested>, Problem> {
    let scope = tenant.scope;
    let hosts_max = usize::try_from(SCANS_MAX).unwrap_or(usize::MAX);
    let asked = match Hosts::of(body.hosts, body.filter, hosts_max)? {
        Hosts::Named(hosts) => agents::request_scans(&scope, ScanOf::Hosts(&hosts)).await?,
        Hosts::Of(of) => {
            let filter = of.filter(&scope).await?;
            agents::request_scans(&scope, ScanOf::Filter(&filter)).await?
        }
    };
    match asked {
        Some(hosts) => Ok(Accepted(ScansRequested { hosts })),
        None => {
            let detail = format!("it has more than {SCANS_MAX} hosts: none was asked; narrow it");
            Err(Problem::field("filter", detail))
        }
    }
}
