//! What speaks for or against hosts, as one question to the database.

use sqlx::{PgConnection, Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::rule::{FindingRule, PolicyRule};
use crate::error::StoreError;
use crate::labels::{Named, software_named};
use crate::page::within_key;

/// What is said of hosts one by one, and of all others.
const VERDICTS: &str = "), verdicts AS (
    SELECT a.key AS agent_key,
           CASE WHEN a.applied_epoch = 0 AND ";

const OTHERS: &str = " THEN 'unknown' ELSE coalesce(w.state, ";

const REASONS: &str = ") END AS state,
           CASE WHEN a.applied_epoch = 0 AND ";

const REASON: &str = " THEN jsonb_build_object('missing', 'inventory')
                ELSE coalesce(w.reason, ";

const OF_HOSTS: &str = ") END AS reason
    FROM agents a LEFT JOIN said w ON w.agent_key = a.key
    WHERE a.company_key = $1 AND a.revoked_at IS NULL";

/// What differs from the results before, of the policy whose id follows.
pub(super) const CHANGED: &str = ")
    SELECT v.agent_key, r.state AS was, v.state, v.reason
    FROM verdicts v
    LEFT JOIN policy_results r ON r.company_key = $1 AND r.agent_key = v.agent_key AND r.policy = ";

/// The end.
pub(super) const DIFFERENT: &str = " WHERE (r.state, r.reason) IS DISTINCT FROM (v.state, v.reason)
    ORDER BY v.agent_key";

/// The question up to the hosts that it is for.
pub(super) async fn verdicts(
    tx: &mut PgConnection,
    company_key: i64,
    rule: &PolicyRule,
    now: OffsetDateTime,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut query = within_key(company_key, "WITH said AS (")?;
    // Who is not named by the question passes, but for software that a host has to have.
    let mut others = ("pass", None);
    match rule {
        PolicyRule::NoFinding(rule) => push_findings(&mut query, rule, now),
        PolicyRule::SeenWithin { days } => push_silent(&mut query, *days, now),
        PolicyRule::SoftwareVersion(software) => {
            let named = software_named(tx, company_key, &software.name, software.source).await?;
            let constraint = software.version.as_deref().unwrap_or_default();
            let (fail, unknown) = beyond(&named, constraint);
            push_installed(&mut query, ("fail", fail), ("unknown", unknown));
        }
        PolicyRule::NoSoftware(software) => {
            let named = software_named(tx, company_key, &software.name, software.source).await?;
            let (fail, unknown) = match &software.version {
                // What is within the constraint is what is not wanted.
                Some(constraint) => within(&named, constraint),
                None => (keys(&named, |_| true), Vec::new()),
            };
            push_installed(&mut query, ("fail", fail), ("unknown", unknown));
        }
        PolicyRule::HasSoftware(software) => {
            let named = software_named(tx, company_key, &software.name, software.source).await?;
            let (pass, unknown) = match &software.version {
                Some(constraint) => within(&named, constraint),
                None => (keys(&named, |_| true), Vec::new()),
            };
            push_installed(&mut query, ("pass", pass), ("unknown", unknown));
            others = ("fail", Some(serde_json::json!({ "missing": software.name })));
        }
    }
    // Whether an agent is heard of is known without an inventory.
    let needs_inventory = !matches!(rule, PolicyRule::SeenWithin { .. });
    query.push(VERDICTS).push_bind(needs_inventory);
    query.push(OTHERS).push_bind(others.0);
    query.push(REASONS).push_bind(needs_inventory);
    query.push(REASON).push_bind(others.1);
    query.push("::jsonb").push(OF_HOSTS);
    Ok(query)
}

fn keys(named: &[Named], is_one: impl Fn(&Named) -> bool) -> Vec<Uuid> {
    named.iter().filter(|software| is_one(software)).map(|software| software.key).collect()
}

/// What is within a constraint, and what has no order with it.
fn within(named: &[Named], constraint: &str) -> (Vec<Uuid>, Vec<Uuid>) {
    (
        keys(named, |software| software.satisfies(constraint) == Some(true)),
        keys(named, |software| software.satisfies(constraint).is_none()),
    )
}

/// What is beyond a constraint, and what has no order with it.
fn beyond(named: &[Named], constraint: &str) -> (Vec<Uuid>, Vec<Uuid>) {
    (
        keys(named, |software| software.satisfies(constraint) == Some(false)),
        keys(named, |software| software.satisfies(constraint).is_none()),
    )
}

/// Hosts that have some software: of one kind first, then of another.
fn push_installed(
    query: &mut QueryBuilder<Postgres>,
    (first, of_first): (&'static str, Vec<Uuid>),
    (then, of_then): (&'static str, Vec<Uuid>),
) {
    let all: Vec<Uuid> = of_first.iter().chain(&of_then).copied().collect();
    // One row a host: a copy of the first kind decides over others, because it is sorted before
    // them.
    query.push(
        "SELECT DISTINCT ON (i.agent_key) i.agent_key,
                CASE WHEN i.software_key = ANY(",
    );
    query.push_bind(of_first.clone()).push(") THEN ");
    query.push_bind(first).push("::text ELSE ");
    query.push_bind(then).push(
        "::text END AS state,
                jsonb_build_object('software', i.software_key, 'name', s.name, 'version', s.version)
                    AS reason
         FROM installations i
         JOIN software s ON s.company_key = $1 AND s.software_key = i.software_key
         WHERE i.company_key = $1 AND i.closed_at = 'infinity' AND i.software_key = ANY(",
    );
    query.push_bind(all).push(
        ")
         ORDER BY i.agent_key, i.software_key = ANY(",
    );
    query.push_bind(of_first).push(") DESC, i.software_key");
}

fn push_silent(query: &mut QueryBuilder<Postgres>, days: u32, now: OffsetDateTime) {
    // One that never came has been silent since it was enrolled. An asset without an agent never is.
    query.push(
        "SELECT q.key AS agent_key, 'fail' AS state,
                jsonb_build_object('last_seen_at', q.last_seen_at) AS reason
         FROM agents q WHERE q.company_key = $1 AND q.kind = 'agent' AND coalesce(q.last_seen_at, q.enrolled_at) < ",
    );
    query.push_bind(now - Duration::days(days.into()));
}

/// What is said of findings beside their software: for which labels and hosts exceptions leave them out.
const LEFT_OUT: &str = "LEFT JOIN (
            SELECT e.software_key, e.cve, e.source,
                   array_agg(DISTINCT e.label) FILTER (WHERE e.label IS NOT NULL) AS labels,
                   array_agg(DISTINCT e.agent_key) FILTER (WHERE e.agent_key IS NOT NULL) AS agents
            FROM finding_exceptions e WHERE e.company_key = $1
            GROUP BY e.software_key, e.cve, e.source
        ) x ON x.software_key = f.software_key AND x.cve = f.cve AND x.source = f.source
        WHERE f.company_key = $1 AND f.resolved_at = 'infinity' AND f.exception IS NULL AND ";

/// The hosts that have the software, and for which the finding is not left out.
const ON_HOSTS: &str = " ORDER BY f.software_key, x.labels, x.agents, c.cvss_score DESC NULLS LAST,
                 f.cve, f.source
    ) w
    JOIN installations i ON i.company_key = $1 AND i.software_key = w.software_key
                        AND i.closed_at = 'infinity'
    WHERE (w.agents IS NULL OR i.agent_key <> ALL (w.agents))
      AND (w.labels IS NULL OR NOT EXISTS (
          SELECT FROM host_labels l WHERE l.company_key = $1 AND l.agent_key = i.agent_key
            AND l.label = ANY (w.labels)))
      AND i.opened_at <= ";

/// One row a host, which is all that a reason is made for.
const WORST: &str =
    " ORDER BY i.agent_key, w.cvss_score DESC NULLS LAST, w.cve, w.software_key, w.source
    ) p JOIN software s ON s.company_key = $1 AND s.software_key = p.software_key";

/// Of several findings that speak against a host, the most severe one is the reason.
///
/// The worst finding of each piece of software is looked for first, and only that one on the hosts that have it: software has
/// hundreds of findings, and its hosts are thousands. One for all that exceptions leave out on the same hosts, so that the next
/// one counts where the worst is left out. A finding holds on a host since the last of what it takes, so each may be asked
/// for its own part of that.
fn push_findings(query: &mut QueryBuilder<Postgres>, rule: &FindingRule, now: OffsetDateTime) {
    let since = if rule.kev {
        "greatest(f.opened_at, c.kev_added::timestamp AT TIME ZONE 'UTC')"
    } else {
        "f.opened_at"
    };
    let before = now - Duration::days(rule.older_than_days.into());
    query.push(
        "SELECT p.agent_key, 'fail' AS state,
                jsonb_build_object('cve', p.cve, 'source', p.source, 'software', p.software_key,
                    'name', s.name, 'version', s.version, 'since', p.since) AS reason
         FROM (
            SELECT DISTINCT ON (i.agent_key) i.agent_key, w.cve, w.source, w.software_key,
                   greatest(w.since, i.opened_at) AS since
            FROM (
                SELECT DISTINCT ON (f.software_key, x.labels, x.agents) f.software_key, f.cve,
                       f.source, c.cvss_score, x.labels, x.agents, ",
    );
    query.push(since).push(" AS since FROM findings f LEFT JOIN cves c ON c.id = f.cve ");
    query.push(LEFT_OUT).push(since).push(" <= ").push_bind(before);
    if rule.kev {
        query.push(" AND c.kev_added IS NOT NULL");
    }
    if let Some(severity) = rule.severity() {
        query.push(" AND c.cvss_severity = ANY(").push_bind(severity.and_above()).push(")");
    }
    if let Some(score) = rule.epss_above {
        query.push(" AND c.epss_score > ").push_bind(score);
    }
    if let Some(cve) = &rule.cve {
        query.push(" AND f.cve = ").push_bind(cve.clone());
    }
    query.push(ON_HOSTS).push_bind(before).push(WORST);
}
