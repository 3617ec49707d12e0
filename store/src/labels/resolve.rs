//! A rule as a condition of SQL: versions are compared here and not in the database, which knows no
//! source's order, so what a rule says of software becomes the software's keys, and what it says of
//! releases the releases that there are.

use std::collections::BTreeMap;

use protocol::software::Source;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::rule::{Condition, SoftwareCondition, like};
use crate::error::StoreError;
use crate::versions::{Versioned, release_satisfies};

/// What a rule asks for by name, looked up.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    software: BTreeMap<String, Vec<Uuid>>,
    releases: BTreeMap<String, Vec<String>>,
    agents: BTreeMap<String, Vec<String>>,
}

impl Resolved {
    /// Looks up what a rule names.
    pub(crate) async fn new(
        tx: &mut PgConnection,
        company_key: i64,
        rule: &Condition,
    ) -> Result<Self, StoreError> {
        let mut resolved = Self::default();
        // A rule is a tree of bounded size: a list of what is left to be looked at, and no recursion.
        let mut left = vec![rule];
        while let Some(condition) = left.pop() {
            match condition {
                Condition::All(more) | Condition::Any(more) => left.extend(more),
                Condition::Not(one) => left.push(one),
                Condition::OsVersion(constraint) => {
                    let all = releases(tx, company_key).await?;
                    let within = within(all, constraint);
                    resolved.releases.insert(constraint.clone(), within);
                }
                Condition::AgentVersion(constraint) => {
                    let all = agent_versions(tx, company_key).await?;
                    let within = within(all, constraint);
                    resolved.agents.insert(constraint.clone(), within);
                }
                Condition::Software(software) => {
                    let keys = software_within(tx, company_key, software).await?;
                    let keys = keys.into_iter().map(|found| found.key).collect();
                    resolved.software.insert(name(software), keys);
                }
                Condition::Platform(_)
                | Condition::Hostname(_)
                | Condition::Arch(_)
                | Condition::EnrolmentLabel { .. } => {}
            }
        }
        Ok(resolved)
    }

    /// Pushes a rule as a condition on an agent `a` and its facts `t`. It is never null, so that its
    /// opposite is one.
    pub(crate) fn push(&self, query: &mut QueryBuilder<Postgres>, rule: &Condition) {
        match rule {
            Condition::All(conditions) => self.push_each(query, conditions, " AND ", "true"),
            Condition::Any(conditions) => self.push_each(query, conditions, " OR ", "false"),
            Condition::Not(condition) => {
                query.push("NOT (");
                self.push(query, condition);
                query.push(")");
            }
            Condition::Platform(platform) => {
                query.push("(a.platform_family = ").push_bind(platform.clone());
                query.push(" OR a.platform_id = ").push_bind(platform.clone()).push(")");
            }
            Condition::Hostname(pattern) => {
                // Names of hosts do not tell capitals from small letters (RFC 4343).
                query.push("a.hostname ILIKE ").push_bind(like(pattern));
            }
            Condition::Arch(arch) => {
                query.push("coalesce(t.facts ->> 'arch' = ");
                query.push_bind(arch.clone()).push(", false)");
            }
            Condition::EnrolmentLabel { name, value } => {
                query.push("coalesce(t.labels ->> ").push_bind(name.clone());
                query.push(" = ").push_bind(value.clone());
                query.push(", false)");
            }
            Condition::OsVersion(constraint) => {
                // Where no release is within it: `= ANY` of an empty array is false and not null
                // (PostgreSQL's manual).
                let found = self.releases.get(constraint).cloned().unwrap_or_default();
                query.push("a.platform_version = ANY(").push_bind(found);
                query.push(")");
            }
            Condition::AgentVersion(constraint) => {
                let found = self.agents.get(constraint).cloned().unwrap_or_default();
                query.push("a.agent_version = ANY(").push_bind(found);
                query.push(")");
            }
            Condition::Software(software) => {
                let keys = self.software.get(&name(software)).cloned();
                query.push(
                    "EXISTS (SELECT FROM installations i WHERE i.company_key = $1
                       AND i.agent_key = a.key AND NOT isfinite(i.closed_at)
                       AND i.software_key = ANY(",
                );
                query.push_bind(keys.unwrap_or_default()).push("))");
            }
        }
    }

    fn push_each(
        &self,
        query: &mut QueryBuilder<Postgres>,
        conditions: &[Condition],
        between: &'static str,
        of_none: &'static str,
    ) {
        if conditions.is_empty() {
            query.push(of_none);
            return;
        }
        query.push("(");
        for (number, condition) in conditions.iter().enumerate() {
            if number > 0 {
                query.push(between);
            }
            self.push(query, condition);
        }
        query.push(")");
    }
}

/// One name for one question.
fn name(software: &SoftwareCondition) -> String {
    let source = software.source.map_or("", Source::as_str);
    let version = software.version.as_deref().unwrap_or_default();
    // Source and name hold no line end (`check_text`), so no two conditions are written alike.
    format!("{source}\n{version}\n{}", software.name)
}

fn within(all: Vec<String>, constraint: &str) -> Vec<String> {
    all.into_iter().filter(|version| release_satisfies(version, constraint) == Some(true)).collect()
}

async fn releases(tx: &mut PgConnection, company_key: i64) -> Result<Vec<String>, StoreError> {
    let all = sqlx::query_scalar!(
        "SELECT DISTINCT platform_version FROM agents WHERE company_key = $1",
        company_key
    );
    Ok(all.fetch_all(tx).await?)
}

async fn agent_versions(
    tx: &mut PgConnection,
    company_key: i64,
) -> Result<Vec<String>, StoreError> {
    let all = sqlx::query_scalar!(
        "SELECT DISTINCT agent_version FROM agents WHERE company_key = $1",
        company_key
    );
    Ok(all.fetch_all(tx).await?)
}

/// Software of a name.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) key: Uuid,
    pub(crate) source: Source,
    epoch: Option<i64>,
    pub(crate) version: String,
    release: String,
}

impl Named {
    /// Whether its version is within a constraint; `None` when the two have no order.
    pub(crate) fn satisfies(&self, constraint: &str) -> Option<bool> {
        let versioned = Versioned {
            source: self.source,
            epoch: self.epoch,
            version: &self.version,
            release: &self.release,
        };
        versioned.satisfies(constraint)
    }
}

/// The company's software of a name and a source.
pub(crate) async fn software_named(
    tx: &mut PgConnection,
    company_key: i64,
    name: &str,
    source: Option<Source>,
) -> Result<Vec<Named>, StoreError> {
    let rows = sqlx::query!(
        "SELECT software_key, source, epoch, version, release FROM software
         WHERE company_key = $1 AND name ILIKE $2 AND ($3::text IS NULL OR source = $3)",
        company_key,
        like(name),
        source.map(Source::as_str)
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let source = row.source.parse();
            Ok(Named {
                key: row.software_key,
                source: source
                    .map_err(|_| StoreError::inconsistent("software", "source", &row.source))?,
                epoch: row.epoch,
                version: row.version,
                release: row.release,
            })
        })
        .collect()
}

/// The company's software that a condition names.
pub(crate) async fn software_within(
    tx: &mut PgConnection,
    company_key: i64,
    condition: &SoftwareCondition,
) -> Result<Vec<Named>, StoreError> {
    let mut found = software_named(tx, company_key, &condition.name, condition.source).await?;
    if let Some(constraint) = &condition.version {
        found.retain(|software| software.satisfies(constraint) == Some(true));
    }
    Ok(found)
}
