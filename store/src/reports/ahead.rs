//! Software before anybody has it: judged and written some at a time, so that what follows in one transaction
//! has only its installations left to write.

use std::collections::BTreeMap;

use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use time::OffsetDateTime;

use super::apply::{Judge, bring};
use super::inventory::Held;
use super::{Evaluate, IncomingReport, read};
use crate::commands;
use crate::error::StoreError;
use crate::known::History;
use crate::tenant::TenantScope;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BroughtAhead {
    /// Software that the company had not had before.
    pub software: u32,
    /// Findings of that software.
    pub findings: u32,
}

/// Judges the software of a report that the company has not had before, and writes it with its findings.
///
/// No host has it by that. For documents with more software than may hold up others in one transaction; reports of
/// agents are small enough for [`super::apply()`] to do it by itself.
///
/// # Errors
///
/// When the database cannot be used, or refuses the data.
pub async fn bring_ahead(
    scope: &TenantScope,
    incoming: &IncomingReport,
    evaluate: &Evaluate<'_>,
    generation: u64,
    now: OffsetDateTime,
) -> Result<BroughtAhead, StoreError> {
    let records = incoming.report.body.records();
    let held: BTreeMap<SoftwareKey, Held<'_>> = incoming
        .keys
        .iter()
        .zip(records)
        .map(|(key, record)| {
            let fingerprint = RecordFingerprint::of(*key, record);
            (*key, Held { incoming, record, fingerprint })
        })
        .collect();
    let known = scope.store().known_software();
    let mut tx = scope.begin_by_key("reports.ahead").await?;
    let history = History::of(&mut tx).await?;
    let unknown = known.unknown(scope.key(), history, held.keys().copied());
    let mut there = read::existing_software(&mut tx, scope.key(), &unknown).await?;
    tx.commit().await?;
    there.sort_unstable();
    // In the order of their keys, because the map was asked in that order.
    let missing: Vec<(SoftwareKey, Held<'_>)> = unknown
        .iter()
        .filter(|key| there.binary_search(key).is_err())
        .filter_map(|key| Some((*key, *held.get(key)?)))
        .collect();
    known.insert(scope.key(), history, there);
    let judge = Judge { evaluate, generation, now };
    let (software, findings) = bring(scope, history, &missing, &judge).await?;
    if findings > 0 {
        commands::announce_findings(scope.store().pool(), scope.company()).await?;
    }
    Ok(BroughtAhead { software, findings })
}
