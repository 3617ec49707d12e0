//! The statements that write a batch: one for each kind of change, whatever the number of records.
//!
//! Lists of lists cannot be unnested side by side, so a record's locations and CPEs travel as one
//! text with line breaks between them; neither can hold one, because records with control
//! characters are refused long before.

use enrichment::evaluation::{Evaluation, Finding};
use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::host::Platform;
use protocol::software::SoftwareRecord;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::inventory::{Changes, Held};
use super::line::Run;
use crate::counts;
use crate::error::StoreError;
use crate::events::{EventKind, NewEvents};
use crate::exceptions::suppress_new;
use crate::findings::FindingColumns;
use crate::software::keys;
use crate::timeline;

mod facts;

pub(super) use self::facts::facts;

/// Software that the company has not had before, judged.
#[derive(Debug)]
pub(super) struct NewSoftware<'a> {
    pub(super) key: SoftwareKey,
    pub(super) record: &'a SoftwareRecord,
    pub(super) platform: &'a Platform,
    pub(super) evaluation: Evaluation,
}

/// Writes software and its findings; gives how many of each. What another transaction wrote
/// meanwhile is the same by its key, and that one writes its findings.
pub(super) async fn software(
    tx: &mut PgConnection,
    company_key: i64,
    new: &[NewSoftware<'_>],
    generation: u64,
    now: OffsetDateTime,
) -> Result<(u32, u32), StoreError> {
    if new.is_empty() {
        return Ok((0, 0));
    }
    // What was not written is another transaction's by now: its key says that it is the same.
    let mut written = insert_software(tx, company_key, new, generation, now).await?;
    // PostgreSQL gives no order of `RETURNING`, and both filters below look each key up.
    written.sort_unstable();
    counts::admit_software(tx, company_key, &written).await?;
    let found: Vec<(Uuid, &Finding)> = new
        .iter()
        .filter(|software| written.binary_search(&software.key.to_uuid()).is_ok())
        .flat_map(|software| {
            let key = software.key.to_uuid();
            software.evaluation.findings.iter().map(move |finding| (key, finding))
        })
        .collect();
    let findings = insert_findings(tx, company_key, &found, now).await?;
    let evaluations: Vec<(SoftwareKey, &Evaluation)> = new
        .iter()
        .filter(|software| written.binary_search(&software.key.to_uuid()).is_ok())
        .map(|software| (software.key, &software.evaluation))
        .collect();
    keys::add(tx, company_key, &evaluations).await?;
    let software = u32::try_from(written.len()).unwrap_or(u32::MAX);
    Ok((software, u32::try_from(findings).unwrap_or(u32::MAX)))
}

async fn insert_software(
    tx: &mut PgConnection,
    company_key: i64,
    new: &[NewSoftware<'_>],
    generation: u64,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, StoreError> {
    let keys: Vec<Uuid> = new.iter().map(|software| software.key.to_uuid()).collect();
    let epochs: Vec<Option<i64>> =
        new.iter().map(|software| software.record.epoch.map(i64::from)).collect();
    let running: Vec<Option<bool>> = new.iter().map(|software| software.record.running).collect();
    // One array a column: a batch is one statement with a fixed text, which PostgreSQL plans once
    // per connection whatever its size. Rows of placeholders would make a text for each number of
    // rows.
    let record = |text: fn(&SoftwareRecord) -> &str| -> Vec<String> {
        new.iter().map(|software| text(software.record).to_owned()).collect()
    };
    let platform = |text: fn(&Platform) -> &str| -> Vec<String> {
        new.iter().map(|software| text(software.platform).to_owned()).collect()
    };
    let judged = |text: fn(&Evaluation) -> Option<String>| -> Vec<Option<String>> {
        new.iter().map(|software| text(&software.evaluation)).collect()
    };
    let written = sqlx::query_file_scalar!(
        "src/reports/write/insert_software.sql",
        company_key,
        &keys,
        &record(|r| r.source.as_str()),
        &record(|r| &r.name),
        &record(|r| &r.version),
        &epochs as &[Option<i64>],
        &record(|r| &r.release),
        &record(|r| &r.arch),
        &record(|r| &r.vendor),
        &record(|r| &r.source_name),
        &record(|r| &r.source_version),
        &record(|r| &r.origin),
        &record(|r| &r.bundle_id),
        &platform(|p| &p.family),
        &platform(|p| &p.id),
        &platform(|p| &p.version),
        &judged(|e| Some(e.status.as_str().to_owned())) as &[Option<String>],
        &judged(|e| e.reason.clone()) as &[Option<String>],
        &judged(|e| Some(e.identity.rule.clone())) as &[Option<String>],
        &judged(|e| Some(e.identity.cpes.join("\n"))) as &[Option<String>],
        &judged(|e| e.identity.purl.clone()) as &[Option<String>],
        &running as &[Option<bool>],
        // PostgreSQL has no unsigned numbers; the bits are a name and nothing that is compared by
        // size.
        generation.cast_signed(),
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    // A statement of its own: an INSERT beside another in one is not for tables that are spread over
    // servers.
    if !written.is_empty() {
        sqlx::query_file!(
            "src/reports/write/note_late.sql",
            company_key,
            &written,
            generation.cast_signed()
        )
        .execute(tx)
        .await?;
    }
    Ok(written)
}

async fn insert_findings(
    tx: &mut PgConnection,
    company_key: i64,
    found: &[(Uuid, &Finding)],
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    if found.is_empty() {
        return Ok(0);
    }
    let columns = FindingColumns::new(found);
    let opened = columns.insert(&mut *tx, company_key, now).await?;
    let mut software = columns.software.clone();
    software.dedup();
    let suppressed = suppress_new(&mut *tx, company_key, &software, now).await?;
    // In the same transaction: a finding without its event would never be delivered to whoever
    // follows events.
    let events = NewEvents::of(&columns, |_| EventKind::Opened).left_out(&suppressed);
    timeline::waiting_part("events.insert", events.insert(tx, company_key, now)).await?;
    Ok(opened)
}

/// Opens, closes and changes installations.
pub(super) async fn installations(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
    changes: &[Changes<'_>],
) -> Result<(), StoreError> {
    // No row is in two of these, so their order is of no matter.
    open(tx, company_key, runs, changes).await?;
    close(tx, company_key, runs, changes).await?;
    change(tx, company_key, runs, changes).await
}

/// What of a record stands in its installation, by column.
#[derive(Default)]
struct RecordColumns {
    installed_at: Vec<Option<OffsetDateTime>>,
    locations: Vec<String>,
    fingerprints: Vec<Uuid>,
}

impl RecordColumns {
    fn push(&mut self, held: &Held<'_>) {
        let RecordFingerprint(fingerprint) = held.fingerprint;
        self.installed_at.push(held.record.installed_at_s.and_then(|at| {
            // Every u32 is an instant of this type.
            OffsetDateTime::from_unix_timestamp(i64::from(at)).ok()
        }));
        self.locations.push(held.record.locations.join("\n"));
        self.fingerprints.push(Uuid::from_u128(fingerprint));
    }
}

async fn open(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
    changes: &[Changes<'_>],
) -> Result<(), StoreError> {
    let (mut agents, mut keys, mut opened_at) = (Vec::new(), Vec::new(), Vec::new());
    let mut columns = RecordColumns::default();
    for (run, changes) in runs.iter().zip(changes) {
        for (key, held) in &changes.opened {
            agents.push(run.line.agent_key);
            keys.push(key.to_uuid());
            opened_at.push(run.at);
            columns.push(held);
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO installations (company_key, agent_key, software_key, opened_at, installed_at,
                                    locations, fingerprint)
         SELECT $1, agent_key, software_key, opened_at, installed_at,
                string_to_array(locations, E'\\n'), fingerprint
         FROM UNNEST($2::bigint[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[],
                     $7::uuid[])
              AS r (agent_key, software_key, opened_at, installed_at, locations, fingerprint)",
        company_key,
        &agents,
        &keys,
        &opened_at,
        &columns.installed_at as &[Option<OffsetDateTime>],
        &columns.locations,
        &columns.fingerprints
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn close(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
    changes: &[Changes<'_>],
) -> Result<(), StoreError> {
    let (mut agents, mut keys, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
    let (mut opened_at, mut closed_at) = (Vec::new(), Vec::new());
    for (run, changes) in runs.iter().zip(changes) {
        for (key, row) in &changes.closed {
            agents.push(run.line.agent_key);
            keys.push(key.to_uuid());
            opened_at.push(row.opened_at);
            closed_at.push(run.at);
            fingerprints.push(row.fingerprint.to_uuid());
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query_file!(
        "src/reports/write/close_installations.sql",
        company_key,
        &agents,
        &keys,
        &opened_at,
        &closed_at,
        &fingerprints
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn change(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
    changes: &[Changes<'_>],
) -> Result<(), StoreError> {
    let (mut agents, mut keys, mut opened_at) = (Vec::new(), Vec::new(), Vec::new());
    let mut columns = RecordColumns::default();
    for (run, changes) in runs.iter().zip(changes) {
        for (key, opened, held) in &changes.changed {
            agents.push(run.line.agent_key);
            keys.push(key.to_uuid());
            opened_at.push(*opened);
            columns.push(held);
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query_file!(
        "src/reports/write/change_installations.sql",
        company_key,
        &agents,
        &keys,
        &opened_at,
        &columns.installed_at as &[Option<OffsetDateTime>],
        &columns.locations,
        &columns.fingerprints
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Moves agents' lines on.
pub(super) async fn lines(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
    changes: &[Changes<'_>],
) -> Result<(), StoreError> {
    let column = |value: fn(&Run<'_>) -> i64| -> Vec<i64> { runs.iter().map(value).collect() };
    let at: Vec<OffsetDateTime> = runs.iter().map(|run| run.at).collect();
    let counts: Vec<i64> = changes.iter().map(|changes| i64::from(changes.digest.count)).collect();
    let sums: Vec<Uuid> =
        changes.iter().map(|changes| Uuid::from_u128(changes.digest.sum)).collect();
    let agree: Vec<bool> = runs
        .iter()
        .zip(changes)
        .map(|(run, changes)| {
            let last = run.reports.last().and_then(|(_, incoming)| incoming.report.digest);
            last == Some(changes.digest)
        })
        .collect();
    sqlx::query_file!(
        "src/reports/write/move_lines.sql",
        company_key,
        &column(|run| run.line.agent_key),
        &column(|run| i64::from(run.end().epoch.0)),
        &column(|run| i64::from(run.end().seq.0)),
        &at,
        &column(|run| i64::try_from(run.reports.len()).unwrap_or(i64::MAX)),
        &column(|run| i64::try_from(run.records()).unwrap_or(i64::MAX)),
        &counts,
        &sums,
        &agree
    )
    .execute(tx)
    .await?;
    Ok(())
}
