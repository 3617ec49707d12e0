//! Exceptions as requests say them and answers show them.

use enrichment::cve::as_published;
use protocol::ids::AgentId;
use protocol::software::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::exceptions::{
    About, Claim, Exception, Hosts, Impact, ImpactItem, Justification, VexStatus,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::document::DateTime;
use crate::http::export::{Record, Row, instant};
use crate::http::moment;
use crate::http::problem::Problem;
use crate::http::schema::SourceName;
use crate::http::v1::counts::CountsView;
use crate::http::v1::credential;
use crate::http::v1::labels::is_line;

/// Characters of what is named.
const NAME_CHARS_MAX: usize = 300;
/// Characters of a note.
const NOTE_CHARS_MAX: usize = 4_000;

/// What an exception is about and for which hosts it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ExceptionRuleBody")]
#[serde(deny_unknown_fields)]
pub(super) struct RuleBody {
    cve: Option<String>,
    /// The name of software, whatever the letters' case.
    product: Option<String>,
    #[schemars(with = "Option<SourceName>")]
    source: Option<Source>,
    version: Option<String>,
    /// A package URL; of any version where it names none.
    purl: Option<String>,
    /// CVEs with a CVSS score below this.
    score_below: Option<f32>,
    /// For hosts with this label.
    label: Option<Uuid>,
    /// For this host.
    host: Option<Uuid>,
}

impl RuleBody {
    pub(super) fn about(&self) -> Result<About, Problem> {
        for (field, text) in [
            ("cve", &self.cve),
            ("product", &self.product),
            ("version", &self.version),
            ("purl", &self.purl),
        ] {
            if text.as_deref().is_some_and(|text| !is_line(text, NAME_CHARS_MAX)) {
                let detail = format!("1 to {NAME_CHARS_MAX} characters, none of control");
                return Err(Problem::field(field, detail));
            }
        }
        if self.score_below.is_some_and(|score| !(0.0..=10.0).contains(&score)) {
            return Err(Problem::field("score_below", "within 0 to 10"));
        }
        Ok(About {
            cve: self.cve.as_deref().map(|cve| as_published(cve.trim())),
            product: self.product.clone(),
            source: self.source,
            version: self.version.clone(),
            purl: self.purl.clone(),
            score_below: self.score_below,
        })
    }

    pub(super) fn hosts(&self) -> Result<Hosts, Problem> {
        match (self.label, self.host) {
            (None, None) => Ok(Hosts::All),
            (Some(label), None) => Ok(Hosts::Label(label)),
            (None, Some(host)) => Ok(Hosts::One(AgentId(host))),
            (Some(_), Some(_)) => Err(Problem::field("host", "either a label or a host")),
        }
    }
}

/// An exception to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewException")]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionBody {
    /// The name that it goes by; no other one that is asked for or in force has it. None when absent.
    name: Option<String>,
    pub(super) rule: RuleBody,
    /// `not_affected`, `affected` (an accepted risk), `fixed` or `under_investigation`.
    status: String,
    /// Of `not_affected`: one of `OpenVEX`'s.
    justification: Option<String>,
    #[serde(default)]
    note: String,
    /// What is done about it.
    #[serde(default)]
    action: String,
    /// Whether findings are left out; by default for all but `under_investigation`.
    suppress: Option<bool>,
    /// When it ends; never when absent.
    #[serde(default, deserialize_with = "moment::maybe")]
    #[schemars(with = "Option<DateTime>")]
    expires_at: Option<OffsetDateTime>,
}

impl ExceptionBody {
    pub(super) fn name(&self) -> Result<Option<&str>, Problem> {
        self.name.as_deref().map(credential::name).transpose()
    }

    pub(super) fn claim(&self) -> Result<Claim, Problem> {
        let status = VexStatus::parse(&self.status).ok_or_else(|| {
            let all = "one of not_affected, affected, fixed, under_investigation";
            Problem::field("status", all)
        })?;
        let justification = self.justification.as_deref().map(|name| {
            Justification::parse(name)
                .ok_or_else(|| Problem::field("justification", "none of OpenVEX's justifications"))
        });
        let justification = justification.transpose()?;
        // As OpenVEX has it: who says that it is not affected says why, in its words or in one's own.
        let says_why = justification.is_some() || !self.note.trim().is_empty();
        if status == VexStatus::NotAffected && !says_why {
            let detail = "not_affected takes a justification or a note";
            return Err(Problem::field("justification", detail));
        }
        if status != VexStatus::NotAffected && justification.is_some() {
            let detail = "a justification is why something is not_affected";
            return Err(Problem::field("justification", detail));
        }
        for (field, text) in [("note", &self.note), ("action", &self.action)] {
            let is_long = text.chars().count() > NOTE_CHARS_MAX;
            let has_control = text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'));
            if is_long || has_control {
                let detail = format!("at most {NOTE_CHARS_MAX} characters, none of control");
                return Err(Problem::field(field, detail));
            }
        }
        Ok(Claim {
            status,
            justification,
            note: self.note.clone(),
            action: self.action.clone(),
            suppresses: self.suppress.unwrap_or(status != VexStatus::UnderInvestigation),
        })
    }

    pub(super) fn expires_at(
        &self,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, Problem> {
        match self.expires_at {
            Some(at) if at <= now => Err(Problem::field("expires_at", "an instant that is over")),
            at => Ok(at),
        }
    }
}

/// An exception as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Exception")]
pub(super) struct ExceptionView {
    id: Uuid,
    /// The name that it goes by.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    rule: RuleView,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<String>,
    note: String,
    action: String,
    suppress: bool,
    /// `requested`, `active`, `rejected`, `withdrawn` or `expired`.
    state: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    /// Who made it, in a word that stays the same: `user:<uuid>`, `api_key:<uuid>`, `local`, `system`.
    created_by: String,
    /// What they are called now; absent for who is none of the company's.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by_name: Option<String>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    decided_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by_name: Option<String>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    ended_at: Option<OffsetDateTime>,
    revision: u64,
    /// The document that it came in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Uuid>,
    /// Findings that it leaves out now: the company's, or those of its hosts.
    findings: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExceptionRule")]
struct RuleView {
    #[serde(skip_serializing_if = "Option::is_none")]
    cve: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SourceName>")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score_below: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Uuid>,
}

impl From<Exception> for ExceptionView {
    fn from(exception: Exception) -> Self {
        let (label, host) = match exception.hosts {
            Hosts::All => (None, None),
            Hosts::Label(label) => (Some(label), None),
            Hosts::One(AgentId(host)) => (None, Some(host)),
        };
        let about = exception.about;
        Self {
            id: exception.id,
            name: exception.name,
            rule: RuleView {
                cve: about.cve,
                product: about.product,
                source: about.source,
                version: about.version,
                purl: about.purl,
                score_below: about.score_below,
                label,
                host,
            },
            status: exception.claim.status.as_str().to_owned(),
            justification: exception.claim.justification.map(|one| one.as_str().to_owned()),
            note: exception.claim.note,
            action: exception.claim.action,
            suppress: exception.claim.suppresses,
            state: exception.state.as_str().to_owned(),
            created_at: exception.created_at,
            created_by: exception.created_by,
            created_by_name: exception.created_by_name,
            decided_at: exception.decided_at,
            decided_by: exception.decided_by,
            decided_by_name: exception.decided_by_name,
            expires_at: exception.expires_at,
            ended_at: exception.ended_at,
            revision: exception.revision,
            document: exception.document,
            findings: exception.findings,
        }
    }
}

impl Record for ExceptionView {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "cve",
        "product",
        "source",
        "version",
        "purl",
        "score_below",
        "label",
        "host",
        "status",
        "justification",
        "note",
        "action",
        "suppress",
        "state",
        "created_at",
        "created_by",
        "created_by_name",
        "decided_at",
        "decided_by",
        "decided_by_name",
        "expires_at",
        "ended_at",
        "findings",
        "name",
    ];

    fn cells(&self, row: &mut Row<'_>) {
        let rule = &self.rule;
        row.own(self.id);
        row.maybe(rule.cve.as_deref());
        row.maybe(rule.product.as_deref());
        row.maybe_own(rule.source.map(Source::as_str));
        row.maybe(rule.version.as_deref());
        row.maybe(rule.purl.as_deref());
        row.maybe_own(rule.score_below);
        row.maybe_own(rule.label);
        row.maybe_own(rule.host);
        row.own(&self.status);
        row.maybe(self.justification.as_deref());
        row.text(&self.note);
        row.text(&self.action);
        row.own(self.suppress);
        row.own(&self.state);
        row.own(instant(self.created_at));
        row.text(&self.created_by);
        row.maybe(self.created_by_name.as_deref());
        row.maybe_own(self.decided_at.map(instant));
        row.maybe(self.decided_by.as_deref());
        row.maybe(self.decided_by_name.as_deref());
        row.maybe_own(self.expires_at.map(instant));
        row.maybe_own(self.ended_at.map(instant));
        row.own(self.findings);
        row.maybe(self.name.as_deref());
    }
}

/// What an exception would come to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExceptionImpact")]
pub(super) struct ImpactView {
    /// Findings that would be left out.
    findings: CountsView,
    /// Findings that another exception leaves out already.
    suppressed_already: u64,
    software: u64,
    hosts: u64,
    sample: Vec<ImpactItemView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ImpactItem")]
struct ImpactItemView {
    cve: String,
    source: String,
    software: Uuid,
    name: String,
    version: String,
}

impl From<Impact> for ImpactView {
    fn from(impact: Impact) -> Self {
        Self {
            findings: impact.findings.into(),
            suppressed_already: impact.suppressed_already,
            software: impact.software,
            hosts: impact.hosts,
            sample: impact.sample.into_iter().map(ImpactItemView::from).collect(),
        }
    }
}

impl From<ImpactItem> for ImpactItemView {
    fn from(item: ImpactItem) -> Self {
        Self {
            cve: item.cve,
            source: item.source,
            software: item.software.to_uuid(),
            name: item.name,
            version: item.version,
        }
    }
}
