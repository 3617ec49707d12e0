//! What of its kinds a webhook is told of.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::cves::Severity;
use crate::error::StoreError;
use crate::events::company::CompanyEvent;

/// Which events of its kinds a webhook is told of, as things are when it is told; all by default. Policies have no severity:
/// of their events the label alone decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Of findings, those of CVEs that are at least as severe. What nobody scored is below everything else.
    pub severity_min: Option<Severity>,
    /// Whether of findings those of CVEs are told alone that are known to be exploited.
    pub kev: bool,
    /// What is on hosts with this label: findings of software that one of them has, and policies on them.
    pub label: Option<Uuid>,
}

impl Only {
    fn takes(self, event: &CompanyEvent) -> bool {
        let Some(finding) = &event.finding else { return true };
        let is_severe = |min| Severity::parse(&finding.severity).is_none_or(|one| one >= min);
        self.severity_min.is_none_or(is_severe) && (!self.kev || finding.known_exploited)
    }

    /// Those of some events that are told.
    pub(super) async fn of(
        self,
        tx: &mut PgConnection,
        company_key: i64,
        mut events: Vec<CompanyEvent>,
    ) -> Result<Vec<CompanyEvent>, StoreError> {
        events.retain(|event| self.takes(event));
        let Some(label) = self.label.filter(|_| !events.is_empty()) else {
            return Ok(events);
        };
        let software = software_on(tx, (company_key, label), &events).await?;
        let hosts = hosts_with(tx, (company_key, label), &events).await?;
        events.retain(|event| match (&event.finding, &event.policy) {
            (Some(finding), _) => software.contains(&finding.software.id),
            (None, Some(policy)) => policy.host.is_some_and(|host| hosts.contains(&host)),
            (None, None) => true,
        });
        Ok(events)
    }
}

/// The software of some events that a host with the label has.
async fn software_on(
    tx: &mut PgConnection,
    (company_key, label): (i64, Uuid),
    events: &[CompanyEvent],
) -> Result<HashSet<Uuid>, StoreError> {
    let of_events: HashSet<Uuid> =
        events.iter().filter_map(|event| Some(event.finding.as_ref()?.software.id)).collect();
    let of_events: Vec<Uuid> = of_events.into_iter().collect();
    let found = sqlx::query_scalar!(
        r#"SELECT k.software_key AS "software_key!" FROM unnest($3::uuid[]) AS k (software_key)
           WHERE EXISTS (SELECT FROM installations i JOIN host_labels l
                             ON l.company_key = $1 AND l.agent_key = i.agent_key AND l.label = $2
                         WHERE i.company_key = $1 AND i.software_key = k.software_key
                           AND NOT isfinite(i.closed_at))"#,
        company_key,
        label,
        &of_events
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().collect())
}

/// The hosts of some events that carry the label.
async fn hosts_with(
    tx: &mut PgConnection,
    (company_key, label): (i64, Uuid),
    events: &[CompanyEvent],
) -> Result<HashSet<Uuid>, StoreError> {
    let of_events: Vec<Uuid> =
        events.iter().filter_map(|event| event.policy.as_ref()?.host).collect();
    let found = sqlx::query_scalar!(
        "SELECT a.id FROM agents a JOIN host_labels l
             ON l.company_key = $1 AND l.agent_key = a.key AND l.label = $2
         WHERE a.company_key = $1 AND a.id = ANY ($3)",
        company_key,
        label,
        &of_events
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().collect())
}
