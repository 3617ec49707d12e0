//! Findings: which CVEs a company's software has, since when, and why.

use enrichment::evaluation::Finding;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::StoreError;

/// Findings by column, as statements take them.
#[derive(Debug, Default)]
pub(crate) struct FindingColumns {
    software: Vec<Uuid>,
    cves: Vec<String>,
    sources: Vec<String>,
    confidences: Vec<String>,
    fixed_in: Vec<Option<String>>,
    why: Vec<Value>,
}

impl FindingColumns {
    pub(crate) fn new(found: &[(Uuid, &Finding)]) -> Self {
        let mut columns = Self::default();
        for (software, finding) in found {
            columns.software.push(*software);
            columns.cves.push(finding.cve.clone());
            columns.sources.push(finding.source.clone());
            columns
                .confidences
                .push(finding.confidence.as_str().to_owned());
            columns.fixed_in.push(finding.fixed_in.clone());
            columns.why.push(why(finding));
        }
        columns
    }

    /// Opens the findings; gives how many.
    pub(crate) async fn insert(
        &self,
        tx: &mut PgConnection,
        company_key: i64,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query!(
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
        .execute(tx)
        .await?;
        Ok(done.rows_affected())
    }
}

/// A finding's reason as it is stored.
pub(crate) fn why(finding: &Finding) -> Value {
    // Plain fields under text keys: this cannot fail.
    serde_json::to_value(&finding.why).unwrap_or(Value::Null)
}
