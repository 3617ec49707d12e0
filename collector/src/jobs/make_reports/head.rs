//! What every report begins with: whose it is, of when, about what, and how the company stood.

use serde_json::{Value, json};
use store::report_files::{ReportFile, Spec};
use store::statistics::{self, Range, Statistics, Step};
use store::tenant::TenantScope;
use store::{companies, labels};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::MakeError;
use super::record::instant;

/// How far back the numbers of a report go.
const LOOKS_BACK: Duration = Duration::days(31);

/// The beginning of a report.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) company: String,
    pub(super) made_at: OffsetDateTime,
    pub(super) spec: Spec,
    /// The name of the label that it is for.
    pub(super) label: Option<String>,
    /// How the company stood in the last weeks, the oldest first; of the whole company, whatever the filter.
    pub(super) days: Vec<Statistics>,
}

impl Head {
    /// Reads what a report begins with.
    ///
    /// # Errors
    ///
    /// When its label is gone, or the database cannot be used.
    pub(super) async fn read(
        scope: &TenantScope,
        report: &ReportFile,
        made_at: OffsetDateTime,
    ) -> Result<Self, MakeError> {
        let label = match report.spec.label {
            None => None,
            // With a label that nobody has, a report of nothing would look like good news.
            Some(id) => Some(labels::get(scope, id).await?.ok_or(MakeError::NoLabel)?.name),
        };
        let range =
            Range { step: Step::Day, from: made_at - LOOKS_BACK, to: made_at + Duration::DAY };
        Ok(Self {
            id: report.id,
            name: report.name.clone(),
            company: companies::own(scope).await?.name,
            made_at,
            spec: report.spec,
            label,
            days: statistics::list(scope, range).await?,
        })
    }

    /// What it is about, in words; each with its name.
    pub(super) fn about(&self) -> Vec<(&'static str, String)> {
        let mut about = vec![("Company", self.company.clone()), ("Made", instant(self.made_at))];
        if let Some(severity) = self.spec.severity_min {
            about.push(("Severity", format!("{} or more", severity.as_str())));
        }
        match self.spec.kev {
            Some(true) => about.push(("Exploited", "known to be".to_owned())),
            Some(false) => about.push(("Exploited", "not known to be".to_owned())),
            None => {}
        }
        if let Some(label) = &self.label {
            about.push(("Hosts", format!("with the label {label}")));
        }
        about
    }

    /// The same for programs.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "kind": self.spec.kind.as_str(),
            "company": self.company,
            "made_at": instant(self.made_at),
            "severity_min": self.spec.severity_min.map(store::cves::Severity::as_str),
            "kev": self.spec.kev,
            "label": self.label,
        })
    }
}
