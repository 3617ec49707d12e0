//! Which lookups the evaluation of each software made.

use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;

/// Writes down what evaluations looked up, beside what was written before. In the order of the
/// primary key, so that two transactions never wait for each other in a circle.
pub(crate) async fn add(
    tx: &mut PgConnection,
    company_key: i64,
    evaluations: &[(SoftwareKey, &Evaluation)],
) -> Result<(), StoreError> {
    let mut rows: Vec<(i64, Uuid)> = evaluations
        .iter()
        .flat_map(|(software, evaluation)| {
            let keys = evaluation.keys.iter();
            keys.map(move |key| (key.0.cast_signed(), software.to_uuid()))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    let (keys, software): (Vec<i64>, Vec<Uuid>) = rows.into_iter().unzip();
    // Added and never taken away: a key that was looked up with an older index costs a judgement
    // too many; one that is missing would leave a finding unseen.
    sqlx::query!(
        "INSERT INTO software_keys (company_key, key, software_key)
         SELECT $1, key, software_key FROM UNNEST($2::bigint[], $3::uuid[]) AS r (key, software_key)
         ON CONFLICT (company_key, key, software_key) DO NOTHING",
        company_key,
        &keys,
        &software
    )
    .execute(tx)
    .await?;
    Ok(())
}
