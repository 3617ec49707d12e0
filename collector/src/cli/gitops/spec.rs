//! What files say of each kind, and the one form in which that and what the API shows are compared.

use anyhow::Context as _;
use enrichment::cve::as_published;
use protocol::software::Source;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::labels::rule::Condition;
use store::policies::rule::PolicyRule;
use time::OffsetDateTime;
use uuid::Uuid;

use super::kind::Kind;

/// What is said of a kind.
pub(super) trait Spec: Serialize + DeserializeOwned {
    /// Its fields, as the API shows them.
    const FIELDS: &'static [&'static str];

    /// With what is meant where nothing is said.
    #[must_use]
    fn normal(self) -> Self {
        self
    }
}

/// What is said, in the form in which it is compared. Labels stand there by their names.
///
/// # Errors
///
/// When it is not what the kind takes.
pub(super) fn normal_of_view(kind: Kind, view: &Value) -> anyhow::Result<Value> {
    match kind {
        Kind::AgentSettings => of_view::<AgentSettings>(view),
        Kind::Retention => of_view::<Retention>(view),
        Kind::ExceptionSettings => of_view::<ExceptionSettings>(view),
        Kind::Label => of_view::<Label>(view),
        Kind::Policy => of_view::<Policy>(view),
        Kind::Exception => of_view::<Exception>(view),
        Kind::Webhook => of_view::<Webhook>(view),
        Kind::ReportSchedule => of_view::<ReportSchedule>(view),
    }
    .with_context(|| format!("the collector shows no {} that this release knows", kind.as_str()))
}

fn of_view<T: Spec>(view: &Value) -> anyhow::Result<Value> {
    let said = T::FIELDS.iter().filter_map(|field| {
        let value = view.get(*field).filter(|value| !value.is_null())?;
        Some(((*field).to_owned(), value.clone()))
    });
    let said: Map<String, Value> = said.collect();
    normal(serde_json::from_value::<T>(Value::Object(said))?)
}

/// What a file says, as [`normal_of_view`].
///
/// # Errors
///
/// When it cannot be JSON, which is a fault of ours.
pub(super) fn normal<T: Spec>(spec: T) -> anyhow::Result<Value> {
    // By way of the text, so that a short number of a file stays as short.
    Ok(serde_json::from_str(&serde_json::to_string(&spec.normal())?)?)
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentSettings {
    heartbeat_every_s: u32,
    scan_every_s: u32,
    #[serde(default)]
    sources_off: Vec<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visits: Option<bool>,
}

impl Spec for AgentSettings {
    const FIELDS: &'static [&'static str] =
        &["heartbeat_every_s", "scan_every_s", "sources_off", "visits"];
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retention {
    #[serde(skip_serializing_if = "Option::is_none")]
    history_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_hosts_days: Option<u32>,
}

impl Spec for Retention {
    const FIELDS: &'static [&'static str] = &["history_days", "silent_hosts_days"];
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionSettings {
    approval_needed: bool,
}

impl Spec for ExceptionSettings {
    const FIELDS: &'static [&'static str] = &["approval_needed"];
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Label {
    #[serde(default)]
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Condition>,
}

impl Spec for Label {
    const FIELDS: &'static [&'static str] = &["description", "rule"];
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    #[serde(default)]
    description: String,
    rule: PolicyRule,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
}

impl Spec for Policy {
    const FIELDS: &'static [&'static str] = &["description", "rule", "label", "enabled"];
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exception {
    rule: ExceptionRule,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppress: Option<bool>,
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    expires_at: Option<OffsetDateTime>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    cve: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score_below: Option<f32>,
    /// By its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Uuid>,
}

impl Spec for Exception {
    const FIELDS: &'static [&'static str] =
        &["rule", "status", "justification", "note", "action", "suppress", "expires_at"];

    fn normal(mut self) -> Self {
        // As the API takes it.
        self.rule.cve = self.rule.cve.map(|cve| as_published(cve.trim()));
        self.suppress.get_or_insert(self.status != "under_investigation");
        self.expires_at = self.expires_at.map(|at| at.to_offset(time::UtcOffset::UTC));
        self
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) url: String,
    #[serde(default = "generic")]
    pub(super) template: String,
    pub(super) kinds: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) severity_min: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) kev: bool,
    /// By its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
}

pub(super) fn generic() -> String {
    "generic".to_owned()
}

impl Spec for Webhook {
    const FIELDS: &'static [&'static str] =
        &["url", "template", "kinds", "severity_min", "kev", "label", "enabled"];

    fn normal(mut self) -> Self {
        self.kinds.sort_unstable();
        self.kinds.dedup();
        self
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportSchedule {
    kind: String,
    format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity_min: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kev: Option<bool>,
    /// By its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weekday: Option<String>,
    at: String,
    #[serde(default = "utc")]
    time_zone: String,
    #[serde(default = "yes")]
    enabled: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Spec for ReportSchedule {
    const FIELDS: &'static [&'static str] = &[
        "kind",
        "format",
        "severity_min",
        "kev",
        "label",
        "weekday",
        "at",
        "time_zone",
        "enabled",
    ];
}
