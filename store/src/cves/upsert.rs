//! What feeds bring of CVEs, written by the thousand; rows that say the same already are not
//! touched.

use std::collections::BTreeMap;

use enrichment::cve::{CveId, CveRecord, Cvss, EpssEntry, KevEntry, RecordSource, Timestamp};
use enrichment::rating::Rating;
use serde_json::Value;
use time::{Date, OffsetDateTime};

use super::Severity;
use crate::database::Store;
use crate::error::StoreError;

/// Records of one statement: larger ones gain nothing and hold their rows longer.
const CHUNK: usize = 2_000;

/// Writes records that are new or newer than what is there, and CISA's entries that come with them;
/// gives how many CVEs changed. NVD's record stands before everyone else's.
///
/// # Errors
///
/// When the database cannot be used. What came before the failing statement stays written.
pub async fn upsert(store: &Store, records: &[CveRecord]) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in records.chunks(CHUNK) {
        // Each chunk commits by itself: a feed's whole file in one transaction would hold the rows
        // of every CVE for minutes, and an import that is cut short is simply done again.
        changed += upsert_chunk(store, &last_of_each(chunk)).await?;
    }
    let kev: Vec<KevEntry> = records.iter().filter_map(|record| record.kev.clone()).collect();
    // After the records: it adds columns to rows, and would make rows without a record's text
    // first.
    upsert_kev(store, &kev).await?;
    Ok(changed)
}

/// One record a CVE, in the order of the ids: a statement can write a row once, and statements that
/// lock rows in one order never wait for each other in a circle.
fn last_of_each(records: &[CveRecord]) -> Vec<&CveRecord> {
    let mut last: BTreeMap<CveId, &CveRecord> = BTreeMap::new();
    let rank = |record: &CveRecord| (record.source == RecordSource::Nvd, record.modified);
    for record in records {
        last.entry(record.id)
            .and_modify(|kept| {
                // At least, and not more than: of two that are equal the later one is the source's
                // last word.
                if rank(record) >= rank(kept) {
                    *kept = record;
                }
            })
            .or_insert(record);
    }
    last.into_values().collect()
}

async fn upsert_chunk(store: &Store, records: &[&CveRecord]) -> Result<u64, StoreError> {
    let column = |text: fn(&CveRecord) -> String| -> Vec<String> {
        records.iter().map(|record| text(record)).collect()
    };
    let instant = |at: fn(&CveRecord) -> Option<Timestamp>| -> Vec<Option<OffsetDateTime>> {
        records.iter().map(|record| at(record).and_then(to_time)).collect()
    };
    let shown = |text: fn(&Cvss) -> String| -> Vec<Option<String>> {
        records.iter().map(|record| record.preferred_cvss().map(text)).collect()
    };
    let scores: Vec<Option<f32>> =
        records.iter().map(|record| record.preferred_cvss().map(|cvss| cvss.score)).collect();
    let severities: Vec<String> = records.iter().map(|record| severity(record)).collect();
    let all: Vec<Value> = records
        .iter()
        // Plain fields under text keys: this cannot fail.
        .map(|record| serde_json::to_value(&record.cvss).unwrap_or_default())
        .collect();
    let done = sqlx::query_file!(
        "src/cves/upsert.sql",
        &column(|r| r.id.to_string()),
        &column(|r| r.source.as_str().to_owned()),
        &column(|r| r.status.clone()),
        &instant(|r| r.published) as &[Option<OffsetDateTime>],
        &instant(|r| r.modified) as &[Option<OffsetDateTime>],
        &column(|r| r.summary.clone()),
        &scores as &[Option<f32>],
        &severities,
        &shown(|c| c.vector.clone()) as &[Option<String>],
        &shown(|c| c.version.clone()) as &[Option<String>],
        &shown(|c| c.source.clone()) as &[Option<String>],
        &all,
        // PostgreSQL unnests an array of arrays into single values, so a list goes as lines and is
        // cut again.
        &column(|r| r.cwes.join("\n"))
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

/// The severity's name; a word that is none is taken for unknown.
fn severity(record: &CveRecord) -> String {
    record
        .preferred_cvss()
        .and_then(|cvss| Severity::parse(&cvss.severity))
        .unwrap_or(Severity::Unknown)
        .as_str()
        .to_owned()
}

/// Writes how severe publishers of advisories call CVEs that nobody has scored; gives how many CVEs
/// changed. A publisher may correct its own word, and another's counts only where it is more severe.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn upsert_ratings(store: &Store, ratings: &[(CveId, Rating)]) -> Result<u64, StoreError> {
    let ids: Vec<String> = ratings.iter().map(|(cve, _)| cve.to_string()).collect();
    let severities: Vec<String> =
        ratings.iter().map(|(_, rating)| rating.severity.to_owned()).collect();
    let publishers: Vec<String> =
        ratings.iter().map(|(_, rating)| rating.publisher.as_str().to_owned()).collect();
    let done = sqlx::query!(
        // `unknown` and what is no word have no place in the list, and every word is more severe
        // than those.
        "INSERT INTO cves AS c (id, cvss_severity, cvss_source)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[])
         ON CONFLICT (id) DO UPDATE
         SET cvss_severity = excluded.cvss_severity, cvss_source = excluded.cvss_source
         WHERE c.cvss_score IS NULL AND c.cvss_severity <> excluded.cvss_severity
           AND (c.cvss_source = excluded.cvss_source
                OR array_position(ARRAY['low', 'medium', 'high', 'critical'], excluded.cvss_severity)
                   > coalesce(array_position(
                       ARRAY['low', 'medium', 'high', 'critical'], c.cvss_severity), 0))",
        &ids,
        &severities,
        &publishers
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

fn to_time(at: Timestamp) -> Option<OffsetDateTime> {
    // A feed's instant may be past what `time` can hold (the year 9999); such a one counts as not
    // said.
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()
}

/// Writes entries of CISA's catalogue; gives how many CVEs changed. An entry whose date is none is
/// passed over.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn upsert_kev(store: &Store, entries: &[KevEntry]) -> Result<u64, StoreError> {
    // By id, once each: one `ON CONFLICT` cannot touch a row twice, and all writers lock in one
    // order.
    let entries: BTreeMap<CveId, (&KevEntry, Date)> = entries
        .iter()
        .filter_map(|entry| Some((entry.cve, (entry, date(&entry.added_on)?))))
        .collect();
    if entries.is_empty() {
        return Ok(0);
    }
    let ids: Vec<String> = entries.keys().map(ToString::to_string).collect();
    let added: Vec<Date> = entries.values().map(|(_, added)| *added).collect();
    let due: Vec<Option<Date>> = entries.values().map(|(entry, _)| date(&entry.due_on)).collect();
    let ransomware: Vec<bool> = entries.values().map(|(entry, _)| entry.ransomware).collect();
    let whole: Vec<Value> = entries
        .values()
        .map(|(entry, _)| serde_json::to_value(entry).unwrap_or_default())
        .collect();
    let done = sqlx::query!(
        "INSERT INTO cves AS c (id, kev_added, kev_due, kev_ransomware, kev)
         SELECT * FROM UNNEST($1::text[], $2::date[], $3::date[], $4::boolean[], $5::jsonb[])
         ON CONFLICT (id) DO UPDATE
         SET kev_added = excluded.kev_added, kev_due = excluded.kev_due,
             kev_ransomware = excluded.kev_ransomware, kev = excluded.kev
         WHERE (c.kev_added, c.kev_due, c.kev_ransomware, c.kev) IS DISTINCT FROM
               (excluded.kev_added, excluded.kev_due, excluded.kev_ransomware, excluded.kev)",
        &ids,
        &added,
        &due as &[Option<Date>],
        &ransomware,
        &whole
    )
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

/// Writes CISA's whole catalogue: entries that are not in it any more are taken back. An empty
/// catalogue changes nothing, because it is a broken download and not a better world.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn replace_kev(store: &Store, entries: &[KevEntry]) -> Result<u64, StoreError> {
    if entries.is_empty() {
        return Ok(0);
    }
    let changed = upsert_kev(store, entries).await?;
    // All of them, also those whose date is none and which were passed over: they are in the
    // catalogue, and what is known of them stays.
    let ids: Vec<String> = entries.iter().map(|entry| entry.cve.to_string()).collect();
    let done = sqlx::query!(
        "UPDATE cves SET kev_added = NULL, kev_due = NULL, kev_ransomware = false, kev = NULL
         WHERE kev_added IS NOT NULL AND id <> ALL($1)",
        &ids
    )
    .execute(store.pool())
    .await?;
    Ok(changed + done.rows_affected())
}

/// Writes FIRST's estimates of a day; gives how many CVEs changed.
///
/// # Errors
///
/// When the database cannot be used. What came before the failing statement stays written.
pub async fn upsert_epss(
    store: &Store,
    entries: &[EpssEntry],
    day: Option<Date>,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in entries.chunks(CHUNK) {
        // Sorted and once each, as above. The model scores every CVE every day, and most scores
        // stay.
        let last: BTreeMap<CveId, &EpssEntry> =
            chunk.iter().map(|entry| (entry.cve, entry)).collect();
        let ids: Vec<String> = last.keys().map(ToString::to_string).collect();
        let scores: Vec<f32> = last.values().map(|entry| entry.score).collect();
        let percentiles: Vec<f32> = last.values().map(|entry| entry.percentile).collect();
        let done = sqlx::query!(
            "INSERT INTO cves AS c (id, epss_score, epss_percentile, epss_date)
             SELECT id, score, percentile, $4 FROM UNNEST($1::text[], $2::real[], $3::real[])
                 AS r (id, score, percentile)
             ON CONFLICT (id) DO UPDATE
             SET epss_score = excluded.epss_score, epss_percentile = excluded.epss_percentile,
                 epss_date = excluded.epss_date
             WHERE (c.epss_score, c.epss_percentile) IS DISTINCT FROM
                   (excluded.epss_score, excluded.epss_percentile)",
            &ids,
            &scores,
            &percentiles,
            day
        )
        .execute(store.pool())
        .await?;
        changed += done.rows_affected();
    }
    Ok(changed)
}

/// The date of a text such as `2024-07-01`.
fn date(text: &str) -> Option<Date> {
    Date::parse(text, time::macros::format_description!("[year]-[month]-[day]")).ok()
}
