//! Findings by column, as statements take them.

use enrichment::evaluation::Finding;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::counts;
use crate::error::StoreError;

/// Findings by column.
#[derive(Debug, Default)]
pub(crate) struct FindingColumns {
    pub(crate) software: Vec<Uuid>,
    pub(crate) cves: Vec<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) confidences: Vec<String>,
    pub(crate) fixed_in: Vec<Option<String>>,
    pub(super) why: Vec<Value>,
}

impl FindingColumns {
    pub(crate) fn new(found: &[(Uuid, &Finding)]) -> Self {
        let mut columns = Self::default();
        for (software, finding) in found {
            columns.push(*software, finding);
        }
        columns
    }

    pub(super) fn push(&mut self, software: Uuid, finding: &Finding) {
        self.software.push(software);
        self.cves.push(finding.cve.to_string());
        self.sources.push(finding.source.to_string());
        self.confidences.push(finding.confidence.as_str().to_owned());
        self.fixed_in.push(finding.fixed_in.as_ref().map(ToString::to_string));
        self.why.push(why(finding));
    }

    /// Opens the findings; gives how many. One that was resolved at the very instant that it is
    /// opened again goes on.
    pub(crate) async fn insert(
        &self,
        tx: &mut PgConnection,
        company_key: i64,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        if self.software.is_empty() {
            return Ok(0);
        }
        let done = sqlx::query!(
            // The primary key holds the instant: a judgement that takes a finding back and another
            // that opens it again may have the same one, and then it is one stretch and not two.
            "INSERT INTO findings
                 (company_key, software_key, cve, source, opened_at, confidence, fixed_in, why)
             SELECT $1, software_key, cve, source, $8, confidence, fixed_in, why
             FROM UNNEST($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
                  AS r (software_key, cve, source, confidence, fixed_in, why)
             ON CONFLICT (company_key, software_key, cve, source, opened_at)
             DO UPDATE SET resolved_at = 'infinity', confidence = excluded.confidence,
                           fixed_in = excluded.fixed_in, why = excluded.why",
            company_key,
            &self.software,
            &self.cves,
            &self.sources,
            &self.confidences,
            &self.fixed_in as &[Option<String>],
            &self.why,
            now
        )
        .execute(&mut *tx)
        .await?;
        counts::admit(tx, company_key, &self.software, &self.cves).await?;
        Ok(done.rows_affected())
    }
}

/// A finding's reason as it is stored.
pub(super) fn why(finding: &Finding) -> Value {
    // Plain fields under text keys: this cannot fail.
    serde_json::to_value(&finding.why).unwrap_or(Value::Null)
}
