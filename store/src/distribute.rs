//! Beyond one PostgreSQL: the schema over the nodes of a Citus cluster, by company (decision 25).
//!
//! Tables of companies' data are distributed by `company_key` and lie together, so that every
//! transaction of one company is one node's. What they are joined with is copied to every node;
//! everything else stays on the coordinator. It must never leave a table half-way: each step is a
//! transaction of its own, and doing it again goes on where it ended.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::database::Store;

/// Tables of companies' data. The first is the one that the others lie together with.
pub(crate) const COMPANY_TABLES: [&str; 33] = [
    "agents",
    "agent_facts",
    "software",
    "installations",
    "findings",
    "dead_letters",
    "software_keys",
    "software_late",
    "finding_events",
    "audit_log",
    "labels",
    "host_labels",
    "host_evaluations",
    "exceptions",
    "finding_exceptions",
    "vex_documents",
    "policies",
    "policy_results",
    "policy_events",
    "webhooks",
    "webhook_deliveries",
    "company_counts",
    "software_counts",
    "cve_counts",
    "host_counts",
    "cve_history",
    "imports",
    "statistics",
    "report_files",
    "report_parts",
    "report_schedules",
    "digests",
    "digest_messages",
];

/// Global tables that statements on companies' data read as well: a copy on every node.
pub(crate) const REFERENCE_TABLES: [&str; 3] = ["companies", "cves", "match_generations"];

/// Global tables that no such statement names: the coordinator's alone.
pub(crate) const LOCAL_TABLES: [&str; 18] = [
    "agent_commands",
    "api_keys",
    "backups",
    "cluster",
    "company_changes",
    "enrolment_tokens",
    "feeds",
    "idempotent_requests",
    "invitations",
    "jobs",
    "memberships",
    "nodes",
    "oidc_answered",
    "oidc_identities",
    "oidc_providers",
    "revocations",
    "sessions",
    "users",
];

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Tables that were made one each out of their hash partitions.
    pub united: Vec<&'static str>,
    /// Tables that were copied to every node.
    pub referenced: Vec<&'static str>,
    /// Tables that were distributed by company.
    pub distributed: Vec<&'static str>,
}

/// Why a schema is not distributed.
#[derive(Debug, thiserror::Error)]
pub enum DistributeError {
    /// The server has no Citus.
    #[error(
        "this database has no Citus: install its package on every node, name citus first in \
         shared_preload_libraries, restart, run CREATE EXTENSION citus in this database on every \
         node and SELECT citus_add_node(host, port) on the coordinator; docs/OPERATIONS.md has the steps"
    )]
    NoCitus,
    /// A role cannot be reached on the other nodes.
    #[error(
        "role muster_app may not log in, and the coordinator works on the other nodes as it: run \
         ALTER ROLE muster_app LOGIN, and let it in there (pg_hba.conf, pg_dist_authinfo)"
    )]
    RoleCannotLogIn,
    /// A table takes another place than the ones that are known here.
    #[error("table {0} is none that this release knows how to place")]
    UnknownTable(String),
    /// The database refuses a step.
    #[error("{step}: {error}")]
    Step {
        /// What was being done.
        step: String,
        /// What came of it.
        error: sqlx::Error,
    },
}

impl Store {
    /// Distributes the schema over a Citus cluster, as far as it is not. Nothing may be written
    /// meanwhile: collectors are stopped.
    ///
    /// # Errors
    ///
    /// When the server has no Citus, or refuses a step; what was done before it stays.
    pub async fn distribute(&self) -> Result<Distribution, DistributeError> {
        let mut connection = self.owner().await.map_err(at("connect"))?;
        check(&mut connection).await?;
        let placed = placed(&mut connection).await?;
        let mut done =
            Distribution { united: unite(&mut connection).await?, ..Distribution::default() };
        // Before the tables that are joined with them.
        for table in REFERENCE_TABLES {
            if !placed.contains(table) {
                policies_without_questions(&mut connection, table).await?;
                let sql = format!("SELECT create_reference_table('{table}')");
                run(&mut connection, &sql).await?;
                done.referenced.push(table);
            }
        }
        for table in COMPANY_TABLES {
            if !placed.contains(table) {
                policies_without_questions(&mut connection, table).await?;
                let sql = distribution(table);
                run(&mut connection, &sql).await?;
                done.distributed.push(table);
            }
        }
        connection.close().await.map_err(at("close the connection"))?;
        Ok(done)
    }
}

/// The statement that distributes a table.
fn distribution(table: &str) -> String {
    let [first, ..] = COMPANY_TABLES;
    // Shards of one company on one node, or no transaction of it could be one node's.
    let beside = if table == first { "none" } else { first };
    format!(
        "SELECT create_distributed_table('{table}', 'company_key', colocate_with => '{beside}')"
    )
}

async fn check(connection: &mut PgConnection) -> Result<(), DistributeError> {
    let has_citus = "SELECT to_regproc('create_distributed_table') IS NOT NULL";
    if !ask(connection, has_citus).await? {
        return Err(DistributeError::NoCitus);
    }
    let works =
        "SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app' AND NOT rolcanlogin)";
    if !ask(connection, works).await? {
        return Err(DistributeError::RoleCannotLogIn);
    }
    // A table that a later release added and this list forgot would stay on the coordinator in silence.
    for table in tables(connection).await? {
        let is_known = COMPANY_TABLES
            .iter()
            .chain(&REFERENCE_TABLES)
            .chain(&LOCAL_TABLES)
            .any(|known| *known == table);
        if !is_known {
            return Err(DistributeError::UnknownTable(table));
        }
    }
    Ok(())
}

/// The tables of the schema, without partitions.
pub(crate) async fn tables(connection: &mut PgConnection) -> Result<Vec<String>, DistributeError> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
           AND NOT relispartition AND relname NOT LIKE '\\_sqlx%' AND relname NOT LIKE 'pg\\_dist%'
         ORDER BY relname",
    )
    .fetch_all(connection)
    .await
    .map_err(at("list the tables"))
}

/// Tables that Citus knows already.
async fn placed(connection: &mut PgConnection) -> Result<BTreeSet<String>, DistributeError> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT logicalrelid::text FROM pg_dist_partition")
            .fetch_all(connection)
            .await
            .map_err(at("ask which tables are distributed"))?;
    Ok(tables.into_iter().collect())
}

/// Shards take the place of partitions: a partitioned table would have every partition in every shard.
async fn unite(connection: &mut PgConnection) -> Result<Vec<&'static str>, DistributeError> {
    let mut united = Vec::new();
    for table in COMPANY_TABLES {
        let is_partitioned =
            format!("SELECT relkind = 'p' FROM pg_class WHERE oid = '{table}'::regclass");
        if ask(connection, &is_partitioned).await? {
            run(connection, &format!("SELECT muster_unite('{table}')")).await?;
            united.push(table);
        }
    }
    Ok(united)
}

/// Citus takes no policy with a sub-select, which elsewhere has a setting read once a statement.
async fn policies_without_questions(
    connection: &mut PgConnection,
    table: &str,
) -> Result<(), DistributeError> {
    run(connection, &format!("SELECT muster_plain_policies('{table}')")).await
}

async fn ask(connection: &mut PgConnection, sql: &str) -> Result<bool, DistributeError> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.map_err(at(sql))
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), DistributeError> {
    // Names of tables out of the lists above, and nothing else, ever get into these.
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map_err(at(sql))?;
    Ok(())
}

fn at(step: &str) -> impl FnOnce(sqlx::Error) -> DistributeError {
    let step = step.to_owned();
    move |error| DistributeError::Step { step, error }
}

#[cfg(test)]
mod tests;
