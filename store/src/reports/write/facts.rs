//! What hosts say of themselves: facts and the statuses of their sources.

use std::collections::BTreeMap;

use protocol::host::HostFacts;
use protocol::software::SourceStatus;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Run;
use crate::error::StoreError;

/// Writes the last facts and the last status of each source that runs bring.
pub(in crate::reports) async fn facts(
    tx: &mut PgConnection,
    company_key: i64,
    runs: &[Run<'_>],
) -> Result<(), StoreError> {
    let (mut agents, mut at) = (Vec::new(), Vec::new());
    let (mut facts, mut sources) = (Vec::new(), Vec::new());
    let mut hosts: Vec<(i64, &HostFacts)> = Vec::new();
    for run in runs {
        let said = Said::of(run);
        if said.facts.is_none() && said.sources.is_empty() {
            continue;
        }
        // One element an agent in each of the four, `None` where a run says nothing: UNNEST pairs
        // them by place.
        agents.push(run.line.agent_key);
        at.push(run.at);
        hosts.extend(said.facts.map(|facts| (run.line.agent_key, facts)));
        facts.push(said.facts.map(json));
        sources.push((!said.sources.is_empty()).then(|| json(&said.sources)));
    }
    if agents.is_empty() {
        return Ok(());
    }
    write_facts(tx, company_key, &agents, &at, (&facts, &sources)).await?;
    write_hosts(tx, company_key, &hosts).await
}

/// What a run says of its host.
struct Said<'a> {
    facts: Option<&'a HostFacts>,
    sources: BTreeMap<&'static str, &'a SourceStatus>,
}

impl<'a> Said<'a> {
    fn of(run: &Run<'a>) -> Self {
        let mut said = Self { facts: None, sources: BTreeMap::new() };
        for (_, incoming) in &run.reports {
            // The last that says something counts; a report without facts takes none back.
            said.facts = incoming.report.facts.as_deref().or(said.facts);
            for status in &incoming.report.sources {
                said.sources.insert(status.source.as_str(), status);
            }
        }
        said
    }
}

fn json(value: impl serde::Serialize) -> Value {
    // Plain fields under text keys: this cannot fail, and null is what an unknown fact looks like.
    serde_json::to_value(value).unwrap_or(Value::Null)
}

async fn write_facts(
    tx: &mut PgConnection,
    company_key: i64,
    agents: &[i64],
    at: &[OffsetDateTime],
    (facts, sources): (&[Option<Value>], &[Option<Value>]),
) -> Result<(), StoreError> {
    sqlx::query!(
        // `||` replaces whole keys: the last status of each source, and those that this run does
        // not name stay.
        "INSERT INTO agent_facts AS f
             (company_key, agent_key, facts, facts_at, sources, sources_at)
         SELECT $1, agent_key, facts, CASE WHEN facts IS NOT NULL THEN at END,
                coalesce(sources, '{}'), CASE WHEN sources IS NOT NULL THEN at END
         FROM UNNEST($2::bigint[], $3::timestamptz[], $4::jsonb[], $5::jsonb[])
              AS r (agent_key, at, facts, sources)
         ON CONFLICT (company_key, agent_key) DO UPDATE
         SET facts = coalesce(excluded.facts, f.facts),
             facts_at = coalesce(excluded.facts_at, f.facts_at),
             sources = f.sources || excluded.sources,
             sources_at = coalesce(excluded.sources_at, f.sources_at)",
        company_key,
        agents,
        at,
        facts as &[Option<Value>],
        sources as &[Option<Value>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The facts that lists of hosts show and search.
async fn write_hosts(
    tx: &mut PgConnection,
    company_key: i64,
    hosts: &[(i64, &HostFacts)],
) -> Result<(), StoreError> {
    let column = |text: fn(&HostFacts) -> &str| -> Vec<String> {
        hosts.iter().map(|(_, facts)| text(facts).to_owned()).collect()
    };
    let agents: Vec<i64> = hosts.iter().map(|(agent, _)| *agent).collect();
    sqlx::query!(
        // `a.key = ANY($2)` says again what the join says: with it the rows are found by their key
        // even where the planner would rather join the whole table.
        "UPDATE agents a
         SET hostname = r.hostname, hostname_low = lower(r.hostname), platform_family = r.family, platform_id = r.id,
             platform_version = r.version, os_name = r.os_name, agent_version = r.agent_version
         FROM UNNEST($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[])
              AS r (agent_key, hostname, family, id, version, os_name, agent_version)
         WHERE a.company_key = $1 AND a.key = r.agent_key AND a.key = ANY($2)",
        company_key,
        &agents,
        &column(|facts| &facts.hostname),
        &column(|facts| &facts.platform.family),
        &column(|facts| &facts.platform.id),
        &column(|facts| &facts.platform.version),
        &column(|facts| &facts.os_name),
        &column(|facts| &facts.agent_version)
    )
    .execute(tx)
    .await?;
    Ok(())
}
