//! What is known of CVEs, for everyone alike, and which of them a company has.
//!
//! The metadata is global and holds no company's data; lists are a company's. Which software a CVE
//! applies to is not here: the compiled index knows it.

mod export;
mod get;
mod list;
mod upsert;

use sqlx::FromRow;
use time::{Date, OffsetDateTime};

pub use self::export::{CveExport, export};
pub use self::get::{CveDetail, get};
pub use self::list::{CveFilter, CveItem, CveSort, list};
pub use self::upsert::{replace_kev, upsert, upsert_epss, upsert_kev, upsert_ratings};
use crate::error::StoreError;

/// How severe a CVE is. The order is from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nobody scored it.
    Unknown,
    /// A score of zero.
    None,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    const ALL: [Self; 6] =
        [Self::Unknown, Self::None, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// The names of this severity and those above it.
    pub(crate) fn and_above(self) -> Vec<&'static str> {
        Self::ALL.into_iter().filter(|severity| *severity >= self).map(Self::as_str).collect()
    }
}

/// What lists are ordered by: the score, and for a CVE that has none the least score of its severity,
/// so that what only a distribution rates stands among what has a score.
pub(crate) const BY_SEVERITY: &str = "coalesce((cvss_score * 10)::bigint, CASE cvss_severity \
    WHEN 'critical' THEN 90 WHEN 'high' THEN 70 WHEN 'medium' THEN 40 WHEN 'low' THEN 1 \
    ELSE -1 END)";

/// By EPSS score, in millionths.
pub(crate) const BY_EPSS: &str = "coalesce((epss_score * 1000000)::bigint, -1)";

/// By when CISA added it, in days.
pub(crate) const BY_KEV: &str = "coalesce((kev_added - date '1970-01-01')::bigint, -1)";

/// By when it was published, in milliseconds.
pub(crate) const BY_PUBLISHED: &str =
    "coalesce((extract(epoch FROM published_at) * 1000)::bigint, 0)";

/// A CVE as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cve {
    /// Its id.
    pub id: String,
    /// Its state in NVD's words, or empty.
    pub status: String,
    /// When it was published.
    pub published_at: Option<OffsetDateTime>,
    /// When its record was changed last.
    pub modified_at: Option<OffsetDateTime>,
    /// Its description, or empty.
    pub summary: String,
    /// How severe it is: by the score to show, or where nobody scored it in a publisher's words.
    pub severity: Severity,
    /// Who says so: whose score it is, or the publisher of advisories (`debian`); empty when unknown.
    pub severity_source: String,
    /// The CVSS score to show.
    pub score: Option<f32>,
    /// That score's vector.
    pub vector: Option<String>,
    /// Whether it is known to be exploited.
    pub kev: Option<Kev>,
    /// How likely it is to be.
    pub epss: Option<Epss>,
}

/// CISA's entry for a CVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kev {
    /// When it was added.
    pub added: Date,
    /// When federal agencies have to have acted.
    pub due: Option<Date>,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// FIRST's estimate for a CVE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epss {
    /// The probability of exploitation within 30 days, 0 to 1.
    pub score: f32,
    /// The part of all CVEs with a lower score, 0 to 1.
    pub percentile: f32,
}

/// The columns of [`Cve`]; all of them are null for a CVE that no feed has brought yet.
#[derive(Debug, FromRow)]
pub(crate) struct CveRow {
    status: Option<String>,
    published_at: Option<OffsetDateTime>,
    modified_at: Option<OffsetDateTime>,
    summary: Option<String>,
    cvss_severity: Option<String>,
    cvss_source: Option<String>,
    cvss_score: Option<f32>,
    cvss_vector: Option<String>,
    kev_added: Option<Date>,
    kev_due: Option<Date>,
    kev_ransomware: Option<bool>,
    epss_score: Option<f32>,
    epss_percentile: Option<f32>,
}

impl CveRow {
    /// What a query selects of `cves c`.
    pub(crate) const COLUMNS: &'static str = "c.status, c.published_at, c.modified_at, c.summary, \
        c.cvss_severity, c.cvss_source, c.cvss_score, c.cvss_vector, c.kev_added, c.kev_due, c.kev_ransomware, \
        c.epss_score, c.epss_percentile";

    /// The same, without what no table has a cell for.
    pub(crate) const CELLS: &'static str = "NULL::text AS status, c.published_at, \
        NULL::timestamptz AS modified_at, NULL::text AS summary, c.cvss_severity, NULL::text AS cvss_source, \
        c.cvss_score, NULL::text AS cvss_vector, c.kev_added, NULL::date AS kev_due, \
        NULL::boolean AS kev_ransomware, c.epss_score, NULL::real AS epss_percentile";

    /// The CVE with this id.
    pub(crate) fn into_cve(self, id: String) -> Result<Cve, StoreError> {
        let severity = self.cvss_severity.as_deref().unwrap_or("unknown");
        let severity = Severity::parse(severity)
            .ok_or_else(|| StoreError::inconsistent("cves", "cvss_severity", severity))?;
        Ok(Cve {
            id,
            status: self.status.unwrap_or_default(),
            published_at: self.published_at,
            modified_at: self.modified_at,
            summary: self.summary.unwrap_or_default(),
            severity,
            severity_source: self.cvss_source.unwrap_or_default(),
            score: self.cvss_score,
            vector: self.cvss_vector,
            kev: self.kev_added.map(|added| Kev {
                added,
                due: self.kev_due,
                ransomware: self.kev_ransomware.unwrap_or_default(),
            }),
            epss: self
                .epss_score
                .map(|score| Epss { score, percentile: self.epss_percentile.unwrap_or_default() }),
        })
    }
}

#[cfg(test)]
mod tests;
