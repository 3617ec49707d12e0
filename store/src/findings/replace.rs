//! A new judgement of software in place of the one before.
//!
//! What is found again stays as it is, row and all; only what is new, gone or different is written.

use std::collections::BTreeMap;

use enrichment::evaluation::{Evaluation, Finding};
use protocol::fingerprint::SoftwareKey;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::{FindingColumns, why};
use crate::commands;
use crate::error::StoreError;
use crate::events::{EventKind, NewEvents};
use crate::exceptions::{Suppressed, suppress_new};
use crate::software::keys;
use crate::tenant::TenantScope;
use crate::tx;

/// What new judgements came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// Findings that are new.
    pub opened: u64,
    /// Findings that do not hold any more.
    pub resolved: u64,
    /// Findings that hold, for another reason or with another fix.
    pub changed: u64,
    /// Findings that hold as they were.
    pub unchanged: u64,
}

/// Puts new judgements in place of those before, in one transaction, and announces what came of
/// it. Software that the company does not have is passed over, so a judgement never makes a row.
///
/// `None` when another generation counts by now, see [`crate::software::generations`]: then nothing
/// was written, and whoever holds that one judges the software.
///
/// # Errors
///
/// When the database cannot be used.
///
/// # Cancel safety
///
/// Dropped before it ends, all of it is in the rows or nothing; it may be done again.
pub async fn replace(
    scope: &TenantScope,
    judged: &[(SoftwareKey, Evaluation)],
    generation: u64,
    now: OffsetDateTime,
) -> Result<Option<Replaced>, StoreError> {
    // In the order of the keys, and the last judgement of each.
    let judged: BTreeMap<Uuid, &Evaluation> =
        judged.iter().map(|(key, evaluation)| (key.to_uuid(), evaluation)).collect();
    if judged.is_empty() {
        return Ok(Some(Replaced::default()));
    }
    tx::retrying("findings.replace", || attempt(scope, &judged, generation, now)).await
}

async fn attempt(
    scope: &TenantScope,
    judged: &BTreeMap<Uuid, &Evaluation>,
    generation: u64,
    now: OffsetDateTime,
) -> Result<Option<Replaced>, StoreError> {
    let mut tx = scope.begin_by_key("findings.replace").await?;
    let Some(judged) = lock(&mut tx, scope.key(), judged, generation).await? else {
        tx.rollback().await?;
        return Ok(None);
    };
    let difference = compare(&judged, open_findings(&mut tx, scope.key(), &judged).await?);
    // Resolved first: a finding may end and begin anew in the same instant.
    rewrite(&mut tx, scope.key(), &difference, now).await?;
    difference.opened.insert(&mut tx, scope.key(), now).await?;
    let suppressed = suppress_opened(&mut tx, scope.key(), &difference.opened, now).await?;
    set_judgements(&mut tx, scope.key(), &judged, (generation, now)).await?;
    let evaluations: Vec<(SoftwareKey, &Evaluation)> =
        judged.iter().map(|(key, made)| (SoftwareKey::from_uuid(*key), *made)).collect();
    keys::add(&mut tx, scope.key(), &evaluations).await?;
    let told = difference.write_events(&mut tx, scope.key(), &suppressed, now);
    if told.await? {
        commands::announce_findings(&mut *tx, scope.company()).await?;
    }
    tx.commit().await?;
    Ok(Some(difference.counts))
}

/// Locks the rows of the software that the company has, in the order of the keys, and gives their
/// judgements; `None` when these are of a generation that does not count.
async fn lock<'a>(
    tx: &mut PgConnection,
    company_key: i64,
    judged: &BTreeMap<Uuid, &'a Evaluation>,
    generation: u64,
) -> Result<Option<BTreeMap<Uuid, &'a Evaluation>>, StoreError> {
    let keys: Vec<Uuid> = judged.keys().copied().collect();
    let locked = sqlx::query_scalar!(
        "SELECT software_key FROM software WHERE company_key = $1 AND software_key = ANY($2)
         ORDER BY software_key FOR NO KEY UPDATE",
        company_key,
        &keys
    )
    .fetch_all(&mut *tx)
    .await?;
    // Only now, with the rows locked: whoever wrote them before, with a newer index, recorded it
    // before that, and whoever records one later writes them after.
    let counts = sqlx::query_scalar!(
        "SELECT generation FROM match_generations ORDER BY ordinal DESC LIMIT 1"
    )
    .fetch_optional(tx)
    .await?;
    if counts.is_some_and(|counts| counts != generation.cast_signed()) {
        return Ok(None);
    }
    // What the company does not have is not locked, and with that out of the game.
    let judged = locked.into_iter().filter_map(|key| Some((key, *judged.get(&key)?)));
    Ok(Some(judged.collect()))
}

/// What names a finding: software, CVE, source.
type Name = (Uuid, String, String);

/// An open finding as its row has it.
struct Row {
    opened_at: OffsetDateTime,
    confidence: String,
    fixed_in: Option<String>,
    why: Value,
}

async fn open_findings(
    tx: &mut PgConnection,
    company_key: i64,
    judged: &BTreeMap<Uuid, &Evaluation>,
) -> Result<BTreeMap<Name, Row>, StoreError> {
    let keys: Vec<Uuid> = judged.keys().copied().collect();
    let rows = sqlx::query!(
        "SELECT software_key, cve, source, opened_at, confidence, fixed_in, why FROM findings
         WHERE company_key = $1 AND software_key = ANY($2) AND NOT isfinite(resolved_at)",
        company_key,
        &keys
    )
    .fetch_all(tx)
    .await?;
    let rows = rows.into_iter().map(|row| {
        let name = (row.software_key, row.cve, row.source);
        let row = Row {
            opened_at: row.opened_at,
            confidence: row.confidence,
            fixed_in: row.fixed_in,
            why: row.why,
        };
        (name, row)
    });
    Ok(rows.collect())
}

/// What has to be written.
#[derive(Default)]
struct Difference {
    opened: FindingColumns,
    /// Rows that change or end, as they are to be.
    kept: FindingColumns,
    /// When each of them was opened.
    kept_opened_at: Vec<OffsetDateTime>,
    /// Whether each of them ends.
    ends: Vec<bool>,
    counts: Replaced,
}

fn compare(judged: &BTreeMap<Uuid, &Evaluation>, mut open: BTreeMap<Name, Row>) -> Difference {
    let mut difference = Difference::default();
    for (key, evaluation) in judged {
        for finding in &evaluation.findings {
            let name = (*key, finding.cve.to_string(), finding.source.to_string());
            match open.remove(&name) {
                None => {
                    difference.opened.push(*key, finding);
                    difference.counts.opened += 1;
                }
                Some(row) if is_same(&row, finding) => difference.counts.unchanged += 1,
                Some(row) => {
                    difference.kept.push(*key, finding);
                    difference.kept_opened_at.push(row.opened_at);
                    difference.ends.push(false);
                    difference.counts.changed += 1;
                }
            }
        }
    }
    for (name, row) in open {
        difference.kept_opened_at.push(row.opened_at);
        difference.kept.push_row(name, row);
        difference.ends.push(true);
        difference.counts.resolved += 1;
    }
    difference
}

fn is_same(row: &Row, finding: &Finding) -> bool {
    row.confidence == finding.confidence.as_str()
        && row.fixed_in.as_deref() == finding.fixed_in.as_deref()
        && row.why == why(finding)
}

impl FindingColumns {
    fn push_row(&mut self, (software, cve, source): Name, row: Row) {
        self.software.push(software);
        self.cves.push(cve);
        self.sources.push(source);
        self.confidences.push(row.confidence);
        self.fixed_in.push(row.fixed_in);
        self.why.push(row.why);
    }
}

impl Difference {
    /// Writes down what happens; whether anything does.
    async fn write_events(
        &self,
        tx: &mut PgConnection,
        company_key: i64,
        suppressed: &Suppressed,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let kept = NewEvents::of(&self.kept, |at| {
            if self.ends.get(at).copied().unwrap_or_default() {
                EventKind::Resolved
            } else {
                EventKind::Changed
            }
        });
        let opened = NewEvents::of(&self.opened, |_| EventKind::Opened).left_out(suppressed);
        let any_kept = kept.insert(&mut *tx, company_key, now).await?;
        let any_opened = opened.insert(tx, company_key, now).await?;
        Ok(any_kept || any_opened)
    }
}

/// Leaves out what exceptions are about, among what is found anew.
async fn suppress_opened(
    tx: &mut PgConnection,
    company_key: i64,
    opened: &FindingColumns,
    now: OffsetDateTime,
) -> Result<Suppressed, StoreError> {
    let mut software = opened.software.clone();
    software.dedup();
    if software.is_empty() {
        return Ok(Suppressed::new());
    }
    suppress_new(tx, company_key, &software, now).await
}

/// Changes and resolves. Every row is there, so an upsert finds it by the primary key without a
/// plan, where an update with a join would depend on the table's statistics.
async fn rewrite(
    tx: &mut PgConnection,
    company_key: i64,
    difference: &Difference,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let kept = &difference.kept;
    if kept.software.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO findings (company_key, software_key, cve, source, confidence, fixed_in, why,
                               opened_at, resolved_at)
         SELECT $1, software_key, cve, source, confidence, fixed_in, why, opened_at,
                CASE WHEN ends THEN greatest($10, opened_at) ELSE 'infinity' END
         FROM UNNEST($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
                     $8::timestamptz[], $9::boolean[])
              AS r (software_key, cve, source, confidence, fixed_in, why, opened_at, ends)
         ON CONFLICT (company_key, software_key, cve, source, opened_at)
         DO UPDATE SET confidence = excluded.confidence, fixed_in = excluded.fixed_in,
                       why = excluded.why, resolved_at = excluded.resolved_at",
        company_key,
        &kept.software,
        &kept.cves,
        &kept.sources,
        &kept.confidences,
        &kept.fixed_in as &[Option<String>],
        &kept.why,
        &difference.kept_opened_at,
        &difference.ends,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes identities and with which index they were judged; what came late has been caught.
async fn set_judgements(
    tx: &mut PgConnection,
    company_key: i64,
    judged: &BTreeMap<Uuid, &Evaluation>,
    (generation, now): (u64, OffsetDateTime),
) -> Result<(), StoreError> {
    let keys: Vec<Uuid> = judged.keys().copied().collect();
    let column = |text: fn(&Evaluation) -> Option<String>| -> Vec<Option<String>> {
        judged.values().map(|evaluation| text(evaluation)).collect()
    };
    sqlx::query!(
        "UPDATE software s
         SET status = r.status, reason = r.reason, rule = r.rule,
             cpes = string_to_array(r.cpes, E'\\n'), purl = r.purl, generation = $8,
             evaluated_at = $9
         FROM UNNEST($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
              AS r (software_key, status, reason, rule, cpes, purl)
         WHERE s.company_key = $1 AND s.software_key = r.software_key
           AND s.software_key = ANY($2)
           AND (s.status, s.reason, s.rule, s.cpes, s.purl, s.generation) IS DISTINCT FROM
               (r.status, r.reason, r.rule, string_to_array(r.cpes, E'\\n'), r.purl, $8)",
        company_key,
        &keys,
        &column(|e| Some(e.status.as_str().to_owned())) as &[Option<String>],
        &column(|e| e.reason.clone()) as &[Option<String>],
        &column(|e| Some(e.identity.rule.clone())) as &[Option<String>],
        &column(|e| Some(e.identity.cpes.join("\n"))) as &[Option<String>],
        &column(|e| e.identity.purl.clone()) as &[Option<String>],
        generation.cast_signed(),
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM software_late WHERE company_key = $1 AND software_key = ANY($2)",
        company_key,
        &keys
    )
    .execute(tx)
    .await?;
    Ok(())
}
