//! What happened to a company's findings, in order, for whoever tells others: live views, webhooks.
//!
//! An event is written in the transaction that opens, resolves or changes its finding, so none is
//! without the other. A signal says that there are some; it may get lost, so a reader also polls.
//! A reader keeps its own place; nothing here knows who reads.

mod announce;
pub mod company;
mod read;

use std::fmt;
use std::str::FromStr;

use enrichment::evaluation::Confidence;
use protocol::fingerprint::SoftwareKey;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub(crate) use self::announce::Announced;
pub use self::read::{after, purge};
use crate::error::StoreError;
use crate::exceptions::Suppressed;
use crate::findings::FindingColumns;

/// How long events are kept.
pub const KEPT: Duration = Duration::days(30);

/// Something that happened to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingEvent {
    /// Its place in the order of all of the company's events.
    pub place: EventPlace,
    /// When it happened.
    pub at: OffsetDateTime,
    /// What happened.
    pub kind: EventKind,
    /// The software that has the finding.
    pub software: SoftwareKey,
    /// The CVE.
    pub cve: String,
    /// Whose statement it is.
    pub source: String,
    /// How sure it is, or was.
    pub confidence: Confidence,
    /// The first version that is said to be fixed.
    pub fixed_in: Option<String>,
    /// The exception that it is left out for, or was.
    pub exception: Option<Uuid>,
}

/// What happens to findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It holds from now on.
    Opened,
    /// It does not hold any more.
    Resolved,
    /// It holds for another reason, with another confidence or another fix.
    Changed,
    /// It holds, and an exception leaves it out from now on, or has from the beginning.
    Suppressed,
    /// It holds, and the exception that left it out has ended.
    Reopened,
}

impl EventKind {
    const ALL: [Self; 5] =
        [Self::Opened, Self::Resolved, Self::Changed, Self::Suppressed, Self::Reopened];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Resolved => "resolved",
            Self::Changed => "changed",
            Self::Suppressed => "suppressed",
            Self::Reopened => "reopened",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A place among a company's events. It means nothing in another database, not even in a copy that
/// was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventPlace {
    #[serde(rename = "x")]
    xact: i64,
    #[serde(rename = "i")]
    id: i64,
}

/// From here on the second number of a place is no event's: it says when the place was the present, in seconds.
const MOMENTS: i64 = 8_000_000_000_000_000_000;

impl EventPlace {
    pub(crate) const fn new(xact: i64, id: i64) -> Self {
        Self { xact, id }
    }

    /// The place before everything that such a transaction or a later one writes, and behind all else, with when that
    /// was the present.
    pub(crate) fn beginning(xact: i64, at: OffsetDateTime) -> Self {
        Self::new(xact - 1, MOMENTS.saturating_add(at.unix_timestamp()))
    }

    /// When it was the present, where it says so.
    pub(crate) fn begun_at(self) -> Option<OffsetDateTime> {
        let seconds = self.id.checked_sub(MOMENTS).filter(|seconds| *seconds >= 0)?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    }

    pub(crate) const fn parts(self) -> (i64, i64) {
        (self.xact, self.id)
    }
}

impl fmt::Display for EventPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.xact, self.id)
    }
}

/// A text that names no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no place among events")]
pub struct NoPlace;

impl FromStr for EventPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (xact, id) = text.split_once('-').ok_or(NoPlace)?;
        // Digits alone: what is read back is what was written, or nothing.
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse().ok()).flatten().ok_or(NoPlace)
        };
        Ok(Self::new(number(xact)?, number(id)?))
    }
}

/// Events by column, on their way into the table.
#[derive(Debug, Default)]
pub(crate) struct NewEvents {
    kinds: Vec<String>,
    software: Vec<Uuid>,
    cves: Vec<String>,
    sources: Vec<String>,
    confidences: Vec<String>,
    fixed_in: Vec<Option<String>>,
    exceptions: Vec<Option<Uuid>>,
}

/// The finding that an event tells of.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) software: Uuid,
    pub(crate) cve: String,
    pub(crate) source: String,
    pub(crate) confidence: String,
    pub(crate) fixed_in: Option<String>,
}

impl NewEvents {
    /// Something that happens to all of these findings; `kind` says what of each.
    pub(crate) fn of(findings: &FindingColumns, kind: impl Fn(usize) -> EventKind) -> Self {
        let kinds = (0..findings.software.len()).map(|at| kind(at).as_str().to_owned());
        Self {
            kinds: kinds.collect(),
            software: findings.software.clone(),
            cves: findings.cves.clone(),
            sources: findings.sources.clone(),
            confidences: findings.confidences.clone(),
            fixed_in: findings.fixed_in.clone(),
            exceptions: vec![None; findings.software.len()],
        }
    }

    /// One more.
    pub(crate) fn push(&mut self, kind: EventKind, told: Told, exception: Option<Uuid>) {
        self.kinds.push(kind.as_str().to_owned());
        self.software.push(told.software);
        self.cves.push(told.cve);
        self.sources.push(told.source);
        self.confidences.push(told.confidence);
        self.fixed_in.push(told.fixed_in);
        self.exceptions.push(exception);
    }

    /// The same, where some of the findings are left out from the beginning: whoever is told that one
    /// opened would look into what was decided already.
    pub(crate) fn left_out(mut self, suppressed: &Suppressed) -> Self {
        if suppressed.is_empty() {
            return self;
        }
        for at in 0..self.kinds.len() {
            let (cve, source) = (self.cves[at].clone(), self.sources[at].clone());
            if let Some(exception) = suppressed.get(&(self.software[at], cve, source)) {
                EventKind::Suppressed.as_str().clone_into(&mut self.kinds[at]);
                self.exceptions[at] = Some(*exception);
            }
        }
        self
    }

    /// Writes them; whether there was any.
    pub(crate) async fn insert(
        &self,
        tx: &mut PgConnection,
        company_key: i64,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        if self.kinds.is_empty() {
            return Ok(false);
        }
        sqlx::query!(
            "INSERT INTO finding_events
                 (company_key, at, kind, software_key, cve, source, confidence, fixed_in, exception)
             SELECT $1, $9, kind, software_key, cve, source, confidence, fixed_in, exception
             FROM UNNEST($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::uuid[])
                  AS r (kind, software_key, cve, source, confidence, fixed_in, exception)",
            company_key,
            &self.kinds,
            &self.software,
            &self.cves,
            &self.sources,
            &self.confidences,
            &self.fixed_in as &[Option<String>],
            &self.exceptions as &[Option<Uuid>],
            now
        )
        .execute(tx)
        .await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
