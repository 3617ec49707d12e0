//! Which hosts a rule holds for: two statements a rule, for all hosts or for some.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use protocol::ids::AgentId;

use super::resolve::Resolved;
use super::rule::Condition;
use crate::error::StoreError;
use crate::page::within_key;
use crate::tenant::TenantScope;
use crate::tx;

/// What computing labels came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// Hosts that were asked about.
    pub hosts: u64,
    /// Labels that hosts got.
    pub gained: u64,
    /// Labels that hosts lost.
    pub lost: u64,
}

impl Evaluated {
    fn add(&mut self, (gained, lost): (u64, u64)) {
        self.gained += gained;
        self.lost += lost;
    }
}

/// Computes the labels of all hosts, a transaction a label.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn evaluate_all(
    scope: &TenantScope,
    now: OffsetDateTime,
) -> Result<Evaluated, StoreError> {
    let mut evaluated = Evaluated::default();
    for (id, rule) in rules(scope).await? {
        let done = tx::retrying("labels.evaluate", || async {
            let mut tx = scope.begin("labels.evaluate").await?;
            let done = evaluate(&mut tx, scope.key(), (id, &rule), None, now).await?;
            tx.commit().await?;
            Ok(done)
        });
        evaluated.add(done.await?);
    }
    Ok(evaluated)
}

/// Computes the labels of hosts that reported something since theirs were computed, at most `limit`
/// of them. Fewer than that means that none is left.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn evaluate_due(
    scope: &TenantScope,
    limit: u32,
    now: OffsetDateTime,
) -> Result<Evaluated, StoreError> {
    let rules = rules(scope).await?;
    tx::retrying("labels.evaluate_due", || async {
        let mut tx = scope.begin("labels.evaluate_due").await?;
        let due = sqlx::query!(
            "SELECT a.key, a.applied_epoch, a.applied_seq
             FROM agents a
             LEFT JOIN host_evaluations e ON e.company_key = $1 AND e.agent_key = a.key
             WHERE a.company_key = $1
               AND (a.applied_epoch, a.applied_seq)
                   IS DISTINCT FROM (coalesce(e.epoch, 0), coalesce(e.seq, 0))
             ORDER BY a.key LIMIT $2",
            scope.key(),
            i64::from(limit)
        )
        .fetch_all(&mut *tx)
        .await?;
        let hosts: Vec<i64> = due.iter().map(|row| row.key).collect();
        let mut evaluated = evaluate_some(&mut tx, scope.key(), &rules, &hosts, now).await?;
        evaluated.hosts = hosts.len() as u64;
        // Where their reports ended when the question was asked: who reported since is due again.
        let epochs: Vec<i64> = due.iter().map(|row| row.applied_epoch).collect();
        let seqs: Vec<i64> = due.iter().map(|row| row.applied_seq).collect();
        note(&mut tx, scope.key(), (&hosts, &epochs, &seqs)).await?;
        tx.commit().await?;
        Ok(evaluated)
    })
    .await
}

/// Computes the labels of one host now.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn evaluate_host(
    scope: &TenantScope,
    host: AgentId,
    now: OffsetDateTime,
) -> Result<Evaluated, StoreError> {
    let rules = rules(scope).await?;
    let mut tx = scope.begin("labels.evaluate_host").await?;
    let key = sqlx::query_scalar!(
        "SELECT key FROM agents WHERE company_key = $1 AND id = $2",
        scope.key(),
        host.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let hosts: Vec<i64> = key.into_iter().collect();
    let evaluated = evaluate_some(&mut tx, scope.key(), &rules, &hosts, now).await?;
    tx.commit().await?;
    Ok(evaluated)
}

async fn evaluate_some(
    tx: &mut PgConnection,
    company_key: i64,
    rules: &[(Uuid, Condition)],
    hosts: &[i64],
    now: OffsetDateTime,
) -> Result<Evaluated, StoreError> {
    let mut evaluated = Evaluated { hosts: hosts.len() as u64, ..Evaluated::default() };
    if hosts.is_empty() {
        return Ok(evaluated);
    }
    for (id, rule) in rules {
        evaluated.add(evaluate(tx, company_key, (*id, rule), Some(hosts), now).await?);
    }
    Ok(evaluated)
}

/// The rules of all labels that have one.
async fn rules(scope: &TenantScope) -> Result<Vec<(Uuid, Condition)>, StoreError> {
    let mut tx = scope.begin("labels.rules").await?;
    let rows = sqlx::query!(
        r#"SELECT id, rule AS "rule!" FROM labels
           WHERE company_key = $1 AND rule IS NOT NULL ORDER BY id"#,
        scope.key()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    // A rule that another version wrote and this one cannot read holds for nobody anew, and is no reason
    // to leave the others alone.
    let rules =
        rows.into_iter().filter_map(|row| Some((row.id, serde_json::from_value(row.rule).ok()?)));
    Ok(rules.collect())
}

const HOLDS: &str = " FROM agents a
    LEFT JOIN agent_facts t ON t.company_key = $1 AND t.agent_key = a.key
    WHERE a.company_key = $1 AND a.revoked_at IS NULL AND (";

/// Gives and takes one label; how many hosts got it and how many lost it.
pub(super) async fn evaluate(
    tx: &mut PgConnection,
    company_key: i64,
    (label, rule): (Uuid, &Condition),
    hosts: Option<&[i64]>,
    now: OffsetDateTime,
) -> Result<(u64, u64), StoreError> {
    let resolved = Resolved::new(tx, company_key, rule).await?;
    let mut gain = within_key(
        company_key,
        "INSERT INTO host_labels (company_key, label, agent_key, since) SELECT $1, ",
    )?;
    gain.push_bind(label).push(", a.key, ").push_bind(now);
    gain.push(HOLDS);
    resolved.push(&mut gain, rule);
    gain.push(")");
    let mut lose = within_key(
        company_key,
        "DELETE FROM host_labels h WHERE h.company_key = $1 AND h.label = ",
    )?;
    lose.push_bind(label);
    if let Some(hosts) = hosts {
        gain.push(" AND a.key = ANY(").push_bind(hosts.to_vec());
        gain.push(")");
        lose.push(" AND h.agent_key = ANY(").push_bind(hosts.to_vec());
        lose.push(")");
    }
    gain.push(" ON CONFLICT (company_key, label, agent_key) DO NOTHING");
    lose.push(" AND NOT EXISTS (SELECT").push(HOLDS);
    resolved.push(&mut lose, rule);
    lose.push(") AND a.key = h.agent_key)");
    #[cfg(test)]
    for query in [&gain, &lose] {
        crate::page::note(query);
    }
    let gained = gain.build().execute(&mut *tx).await?.rows_affected();
    let lost = lose.build().execute(&mut *tx).await?.rows_affected();
    // Only a question to all hosts brings the label as a whole up to date.
    if hosts.is_none() {
        sqlx::query!(
            "UPDATE labels SET evaluated_at = $3 WHERE company_key = $1 AND id = $2",
            company_key,
            label,
            now
        )
        .execute(tx)
        .await?;
    }
    Ok((gained, lost))
}

/// Notes with which of their reports hosts were asked about.
async fn note(
    tx: &mut PgConnection,
    company_key: i64,
    (hosts, epochs, seqs): (&[i64], &[i64], &[i64]),
) -> Result<(), StoreError> {
    if hosts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO host_evaluations (company_key, agent_key, epoch, seq)
         SELECT $1, agent_key, epoch, seq
         FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[]) AS r (agent_key, epoch, seq)
         ON CONFLICT (company_key, agent_key)
         DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq",
        company_key,
        hosts,
        epochs,
        seqs
    )
    .execute(tx)
    .await?;
    Ok(())
}
