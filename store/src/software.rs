//! Software that a company has, whichever of its hosts has it, and what matching made of it.
//!
//! Rows come to be in [`crate::reports`]; here they are read, and given out for a new judgement.

/// A query of software's rows: the beginning with the key's column, which a join has to name by its table,
/// and what stands after `FROM`. The columns of [`SoftwareRow`] stand here and nowhere else.
macro_rules! software_rows {
    ($select:tt, $from:tt, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            SoftwareRow,
            $select
                + ", source, name, version, epoch, release, arch, vendor, source_name,
                source_version, origin, bundle_id, running, platform_family, platform_id, platform_version,
                first_seen_at, status, reason, rule, cpes, purl, generation, evaluated_at
         FROM "
                + $from,
            $($argument),+
        )
    };
}

mod concerned;
mod counts;
mod evaluation;
mod export;
mod filter;
pub mod generations;
mod get;
pub(crate) mod keys;
mod list;
mod titles;

use enrichment::evaluation::Status;
use protocol::fingerprint::SoftwareKey;
use protocol::host::Platform;
use protocol::software::SoftwareRecord;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::concerned::{Concerned, concerned};
pub use self::evaluation::{
    SoftwareToJudge, not_judged_with, page_for_evaluation, that_came_late, that_looked_up,
};
pub use self::export::{SoftwareExport, export};
pub use self::filter::SoftwareFilter;
pub use self::get::get;
pub use self::list::{SoftwareItem, SoftwareSort, list};
pub use self::titles::{Title, TitleFilter, TitleSort, titles};
use crate::error::StoreError;

/// A piece of software.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// Its name by content; as a UUID its id in the API.
    pub key: SoftwareKey,
    /// What the sources say of it. Times and places of installations are the hosts'.
    pub record: SoftwareRecord,
    /// The platform that it was judged for.
    pub platform: Platform,
    /// When a host of the company had it first.
    pub first_seen_at: OffsetDateTime,
    /// Whether it could be judged.
    pub status: Status,
    /// Why it could not.
    pub reason: Option<String>,
    /// The rule that found its identity.
    pub rule: String,
    /// Its CPE names, the preferred one first.
    pub cpes: Vec<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// The generation of the index that it was judged with.
    pub generation: u64,
    /// When that was.
    pub evaluated_at: OffsetDateTime,
}

/// How many findings something has that are open: not resolved, and left out by no exception.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts {
    /// All of them.
    pub open: u64,
    /// Those of critical severity.
    pub critical: u64,
    /// Those of high severity.
    pub high: u64,
    /// Those that are known to be exploited.
    pub kev: u64,
    /// And those that an exception leaves out, which none of the others counts.
    pub suppressed: u64,
}

/// [`FindingCounts`] as they come.
#[derive(Debug, FromRow)]
pub(crate) struct CountsRow {
    open: i64,
    critical: i64,
    high: i64,
    kev: i64,
    suppressed: i64,
}

impl From<CountsRow> for FindingCounts {
    fn from(row: CountsRow) -> Self {
        Self {
            open: row.open.unsigned_abs(),
            critical: row.critical.unsigned_abs(),
            high: row.high.unsigned_abs(),
            kev: row.kev.unsigned_abs(),
            suppressed: row.suppressed.unsigned_abs(),
        }
    }
}

/// The columns of [`Software`].
///
/// Lists name their columns: a star would have one more as soon as a newer version adds it, and every session
/// that had asked before would fail.
#[derive(Debug, FromRow)]
pub(crate) struct SoftwareRow {
    pub(crate) software_key: Uuid,
    pub(crate) source: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) epoch: Option<i64>,
    pub(crate) release: String,
    pub(crate) arch: String,
    pub(crate) vendor: String,
    pub(crate) source_name: String,
    pub(crate) source_version: String,
    pub(crate) origin: String,
    pub(crate) bundle_id: String,
    pub(crate) running: Option<bool>,
    pub(crate) platform_family: String,
    pub(crate) platform_id: String,
    pub(crate) platform_version: String,
    pub(crate) first_seen_at: OffsetDateTime,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) rule: String,
    pub(crate) cpes: Vec<String>,
    pub(crate) purl: Option<String>,
    pub(crate) generation: i64,
    pub(crate) evaluated_at: OffsetDateTime,
}

impl SoftwareRow {
    /// Those of a table or subquery `x`.
    pub(crate) const COLUMNS: &str = "x.software_key, x.source, x.name, x.version, x.epoch, x.release, x.arch,
        x.vendor, x.source_name, x.source_version, x.origin, x.bundle_id, x.running, x.platform_family,
        x.platform_id, x.platform_version, x.first_seen_at, x.status, x.reason, x.rule, x.cpes, x.purl,
        x.generation, x.evaluated_at";
}

impl TryFrom<SoftwareRow> for Software {
    type Error = StoreError;

    fn try_from(row: SoftwareRow) -> Result<Self, StoreError> {
        let bad = |column, value: &str| StoreError::inconsistent("software", column, value);
        let epoch = row
            .epoch
            .map(|epoch| u32::try_from(epoch).map_err(|_| bad("epoch", &epoch.to_string())))
            .transpose()?;
        Ok(Self {
            key: SoftwareKey::from_uuid(row.software_key),
            record: SoftwareRecord {
                source: row.source.parse().map_err(|_| bad("source", &row.source))?,
                name: row.name,
                version: row.version,
                epoch,
                release: row.release,
                arch: row.arch,
                vendor: row.vendor,
                source_name: row.source_name,
                source_version: row.source_version,
                origin: row.origin,
                bundle_id: row.bundle_id,
                running: row.running,
                installed_at_s: None,
                locations: Vec::new(),
            },
            platform: Platform {
                family: row.platform_family,
                id: row.platform_id,
                version: row.platform_version,
            },
            first_seen_at: row.first_seen_at,
            status: status(&row.status).ok_or_else(|| bad("status", &row.status))?,
            reason: row.reason,
            rule: row.rule,
            cpes: row.cpes,
            purl: row.purl,
            generation: row.generation.cast_unsigned(),
            evaluated_at: row.evaluated_at,
        })
    }
}

/// The status of a name.
fn status(name: &str) -> Option<Status> {
    [Status::Evaluated, Status::NotEvaluable, Status::Unmapped]
        .into_iter()
        .find(|status| status.as_str() == name)
}

#[cfg(test)]
mod tests;
