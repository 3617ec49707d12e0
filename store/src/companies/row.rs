//! Companies out of their rows.

use protocol::ids::CompanyId;
use protocol::message::Settings;
use protocol::software::Source;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Company;
use super::deletion::Deletion;
use crate::error::StoreError;

/// A company's row, as far as it is shown.
#[derive(FromRow)]
pub(super) struct CompanyRow {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) created_at: OffsetDateTime,
    pub(super) suspended_at: Option<OffsetDateTime>,
    pub(super) settings_revision: i64,
    pub(super) heartbeat_every_s: i64,
    pub(super) scan_every_s: i64,
    pub(super) sources_off: Vec<String>,
    pub(super) visits: Option<bool>,
    pub(super) deletion_asked_at: Option<OffsetDateTime>,
    pub(super) deletion_asked_by: Option<String>,
    pub(super) deletion_due_at: Option<OffsetDateTime>,
    pub(super) erasing_since: Option<OffsetDateTime>,
}

impl CompanyRow {
    /// Named, because a newer version may add one.
    pub(super) const COLUMNS: &str = "id, name, created_at, suspended_at, settings_revision, heartbeat_every_s,
        scan_every_s, sources_off, visits, deletion_asked_at, deletion_asked_by, deletion_due_at, erasing_since";
}

impl TryFrom<CompanyRow> for Company {
    type Error = StoreError;

    fn try_from(row: CompanyRow) -> Result<Self, StoreError> {
        let settings = settings(
            row.settings_revision,
            row.heartbeat_every_s,
            row.scan_every_s,
            &row.sources_off,
        )?;
        // Of the three, which are written together, each is as good as the others.
        let deletion = match (row.deletion_asked_at, row.deletion_asked_by, row.deletion_due_at) {
            (Some(asked_at), Some(asked_by), Some(due_at)) => {
                Some(Deletion { asked_at, asked_by, due_at, erasing_since: row.erasing_since })
            }
            _ => None,
        };
        Ok(Self {
            id: CompanyId(row.id),
            name: row.name,
            created_at: row.created_at,
            suspended_at: row.suspended_at,
            settings,
            visits: row.visits,
            deletion,
        })
    }
}

/// Settings out of their columns.
pub(crate) fn settings(
    revision: i64,
    heartbeat_every_s: i64,
    scan_every_s: i64,
    sources_off: &[String],
) -> Result<Settings, StoreError> {
    let number = |column: &'static str, value: i64| {
        u32::try_from(value)
            .map_err(|_| StoreError::inconsistent("companies", column, &value.to_string()))
    };
    Ok(Settings {
        revision: revision.unsigned_abs(),
        heartbeat_every_s: number("heartbeat_every_s", heartbeat_every_s)?,
        scan_every_s: number("scan_every_s", scan_every_s)?,
        // A source that a newer version knew is none of ours to switch off.
        sources_off: sources_off.iter().filter_map(|name| name.parse::<Source>().ok()).collect(),
    })
}
