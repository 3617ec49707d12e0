//! Policies and what they come to, as answers show them.

use protocol::ids::AgentId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::policies::rule::PolicyRule;
use store::policies::{HostCounts, HostResult, Policy, PolicyResult};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::DateTime;
use crate::http::export::{Record, Row, instant};
use crate::http::schema::Open;
use crate::http::v1::labels::SoftwareSchema;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub(super) struct PolicyView {
    id: Uuid,
    name: String,
    description: String,
    #[schemars(with = "RuleSchema")]
    rule: PolicyRule,
    /// For the hosts with this label; for all where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Uuid>,
    enabled: bool,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    changed_at: OffsetDateTime,
    revision: u64,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    evaluated_at: Option<OffsetDateTime>,
    hosts: HostsView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PolicyHosts")]
struct HostsView {
    pass: u64,
    fail: u64,
    unknown: u64,
}

impl From<Policy> for PolicyView {
    fn from(policy: Policy) -> Self {
        let HostCounts { pass, fail, unknown } = policy.hosts;
        Self {
            id: policy.id,
            name: policy.name,
            description: policy.description,
            rule: policy.rule,
            label: policy.label,
            enabled: policy.is_enabled,
            created_at: policy.created_at,
            changed_at: policy.changed_at,
            revision: policy.revision,
            evaluated_at: policy.evaluated_at,
            hosts: HostsView { pass, fail, unknown },
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PolicyHost")]
pub(super) struct ResultView {
    #[schemars(with = "Uuid")]
    host: AgentId,
    hostname: String,
    state: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    since: OffsetDateTime,
    /// Which software and which CVE, or what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Open>")]
    reason: Option<Value>,
}

impl From<PolicyResult> for ResultView {
    fn from(result: PolicyResult) -> Self {
        Self {
            host: result.host,
            hostname: result.hostname,
            state: result.state.as_str().to_owned(),
            since: result.since,
            reason: result.reason,
        }
    }
}

impl Record for ResultView {
    const COLUMNS: &'static [&'static str] = &["host", "hostname", "state", "since", "reason"];

    fn cells(&self, row: &mut Row<'_>) {
        row.own(self.host);
        row.text(&self.hostname);
        row.own(&self.state);
        row.own(instant(self.since));
        row.maybe(self.reason.as_ref().map(Value::to_string).as_deref());
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostPolicy")]
pub(super) struct HostPolicyView {
    policy: Uuid,
    name: String,
    /// `pass`, `fail` or `unknown`.
    state: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    since: OffsetDateTime,
    /// Which software and which CVE, or what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Open>")]
    reason: Option<Value>,
}

impl From<HostResult> for HostPolicyView {
    fn from(result: HostResult) -> Self {
        Self {
            policy: result.policy,
            name: result.name,
            state: result.state.as_str().to_owned(),
            since: result.since,
            reason: result.reason,
        }
    }
}

/// What is to hold for a host: exactly one of these.
#[derive(JsonSchema)]
#[schemars(rename = "PolicyRule", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(super) enum RuleSchema {
    /// It has no such finding.
    NoFinding(FindingSchema),
    /// Where it has this software, the version is within the constraint.
    SoftwareVersion(SoftwareSchema),
    /// It does not have this software.
    NoSoftware(SoftwareSchema),
    /// It has this software.
    HasSoftware(SoftwareSchema),
    /// Its agent was heard of lately.
    SeenWithin {
        /// Within so many days, 1 to 3,650.
        days: u32,
    },
}

/// Findings that a host is not to have: open, left out by no exception, and all that is said of them.
#[derive(JsonSchema)]
#[schemars(rename = "PolicyFinding")]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(super) struct FindingSchema {
    /// Known to be exploited.
    #[schemars(default)]
    kev: bool,
    /// At least as severe as this: `low`, `medium`, `high` or `critical`.
    severity_min: Option<String>,
    /// With an EPSS score above this, 0 to 1.
    epss_above: Option<f32>,
    /// Of this CVE.
    cve: Option<String>,
    /// For longer than so many days, at most 3,650.
    #[schemars(default)]
    older_than_days: u32,
}
