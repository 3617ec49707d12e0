//! Hosts that a request is about: named ones, or all of a filter.

use enrichment::cve::as_published;
use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::Deserialize;
use store::hosts::HostFilter;
use store::tenant::TenantScope;
use uuid::Uuid;

use super::credential::has_control;
use super::labels;
use super::software::parse_key;
use crate::http::problem::Problem;

/// Hosts by what they are and what they have, as the list of hosts is filtered.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "HostSelection")]
#[serde(deny_unknown_fields)]
pub(super) struct HostsOf {
    query: Option<String>,
    platform: Option<String>,
    os_version: Option<String>,
    cve: Option<String>,
    kev: Option<bool>,
    critical: Option<bool>,
    software: Option<String>,
    label: Option<String>,
    fails: Option<Uuid>,
}

impl HostsOf {
    /// The filter.
    ///
    /// # Errors
    ///
    /// When a text or an id is none, or no label has the name.
    pub(super) async fn filter(self, scope: &TenantScope) -> Result<HostFilter, Problem> {
        // A body may hold text that the database cannot, where an address may not.
        let texts = [&self.query, &self.platform, &self.os_version, &self.cve, &self.label];
        if texts.into_iter().flatten().any(|text| has_control(text)) {
            return Err(Problem::field("filter", "no characters of control"));
        }
        Ok(HostFilter {
            text: self.query,
            platform: self.platform,
            os_version: self.os_version,
            cve: self.cve.as_deref().map(as_published),
            kev: self.kev,
            critical: self.critical,
            software: self.software.as_deref().map(parse_key).transpose()?,
            label: labels::named(scope, self.label.as_deref()).await?,
            fails: self.fails,
            ..HostFilter::default()
        })
    }
}

/// Named hosts, or those of a filter: one of both.
#[derive(Debug)]
pub(super) enum Hosts {
    /// These.
    Named(Vec<AgentId>),
    /// All of it.
    Of(HostsOf),
}

impl Hosts {
    /// What a request says.
    ///
    /// # Errors
    ///
    /// When it says both or neither, or names more than `hosts_max`.
    pub(super) fn of(
        hosts: Option<Vec<Uuid>>,
        filter: Option<HostsOf>,
        hosts_max: usize,
    ) -> Result<Self, Problem> {
        match (hosts, filter) {
            (Some(hosts), None) if hosts.len() <= hosts_max => {
                Ok(Self::Named(hosts.into_iter().map(AgentId).collect()))
            }
            (None, Some(of)) => Ok(Self::Of(of)),
            (Some(_), None) => {
                let detail = format!("at most {hosts_max} hosts; use a filter for more");
                Err(Problem::field("hosts", detail))
            }
            (Some(_), Some(_)) | (None, None) => {
                Err(Problem::field("hosts", "either hosts or a filter"))
            }
        }
    }
}
