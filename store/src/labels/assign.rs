//! Giving labels to hosts and taking them, by people: named hosts, or all of a filter.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::HostIds;
use crate::audit::{self, Change};
use crate::error::StoreError;
use crate::hosts::{HostFilter, push_host_filter};
use crate::page::within_key;
use crate::tenant::TenantScope;

/// What giving or taking a label came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// Hosts that carry it now and did not, or the other way round.
    pub changed: u64,
}

/// Why a label cannot be given or taken.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    /// The company has none with this id.
    #[error("there is no such label")]
    NoLabel,
    /// Its rule says who carries it.
    #[error("the label has a rule, which says whose it is: change the rule, or take it away")]
    HasRule,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AssignError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Gives a label to hosts or takes it from them. Hosts that the company does not have are passed over.
///
/// # Errors
///
/// When there is no such label, it has a rule, or the database cannot be used.
pub async fn assign(
    scope: &TenantScope,
    label: Uuid,
    hosts: HostIds<'_>,
    carries: bool,
    now: OffsetDateTime,
) -> Result<Assigned, AssignError> {
    let ids: Vec<Uuid> = hosts.iter().map(|host| host.0).collect();
    let mut tx = scope.begin("labels.assign").await?;
    check(&mut tx, scope.key(), label).await?;
    let done = if carries {
        sqlx::query!(
            "INSERT INTO host_labels (company_key, label, agent_key, since)
             SELECT $1, $2, a.key, $4 FROM agents a WHERE a.company_key = $1 AND a.id = ANY($3)
             ON CONFLICT (company_key, label, agent_key) DO NOTHING",
            scope.key(),
            label,
            &ids,
            now
        )
        .execute(&mut *tx)
        .await?
    } else {
        sqlx::query!(
            "DELETE FROM host_labels h WHERE h.company_key = $1 AND h.label = $2 AND h.agent_key IN (
                 SELECT a.key FROM agents a WHERE a.company_key = $1 AND a.id = ANY($3))",
            scope.key(),
            label,
            &ids
        )
        .execute(&mut *tx)
        .await?
    };
    let changed = done.rows_affected();
    note(&mut tx, scope, (label, carries, changed), now).await?;
    tx.commit().await?;
    Ok(Assigned { changed })
}

/// Gives a label to all hosts of a filter, or takes it from them.
///
/// # Errors
///
/// As [`assign`].
pub async fn assign_filtered(
    scope: &TenantScope,
    label: Uuid,
    filter: &HostFilter,
    carries: bool,
    now: OffsetDateTime,
) -> Result<Assigned, AssignError> {
    let mut tx = scope.begin("labels.assign_filtered").await?;
    check(&mut tx, scope.key(), label).await?;
    let mut query = if carries {
        let mut query = within_key(
            scope.key(),
            "INSERT INTO host_labels (company_key, label, agent_key, since) SELECT $1, ",
        )?;
        query.push_bind(label).push(", key, ").push_bind(now);
        query.push(" FROM agents a WHERE company_key = $1");
        query
    } else {
        let mut query = within_key(
            scope.key(),
            "DELETE FROM host_labels h WHERE h.company_key = $1 AND h.label = ",
        )?;
        query.push_bind(label);
        query.push(" AND h.agent_key IN (SELECT key FROM agents a WHERE company_key = $1");
        query
    };
    push_host_filter(&mut query, filter);
    query.push(if carries {
        " ON CONFLICT (company_key, label, agent_key) DO NOTHING"
    } else {
        ")"
    });
    #[cfg(test)]
    crate::page::note(&query);
    let done = query.build().execute(&mut *tx).await?;
    let changed = done.rows_affected();
    note(&mut tx, scope, (label, carries, changed), now).await?;
    tx.commit().await?;
    Ok(Assigned { changed })
}

/// Writes down that a label was given or taken, where it was.
async fn note(
    tx: &mut PgConnection,
    scope: &TenantScope,
    (label, carries, hosts): (Uuid, bool, u64),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if hosts == 0 {
        return Ok(());
    }
    let after = serde_json::json!({ "carries": carries, "hosts": hosts });
    audit::record(tx, scope, Change::made("label.assign", label, after), now).await
}

/// That there is such a label, and that people may give it.
async fn check(tx: &mut PgConnection, company_key: i64, label: Uuid) -> Result<(), AssignError> {
    let has_rule = sqlx::query_scalar!(
        r#"SELECT rule IS NOT NULL AS "has_rule!" FROM labels
           WHERE company_key = $1 AND id = $2 FOR UPDATE"#,
        company_key,
        label
    )
    .fetch_optional(tx)
    .await?;
    match has_rule {
        None => Err(AssignError::NoLabel),
        Some(true) => Err(AssignError::HasRule),
        Some(false) => Ok(()),
    }
}
