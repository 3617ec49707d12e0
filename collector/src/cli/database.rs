//! Commands on the database: beside a running collector or without one.

use std::future::Future;

use anyhow::Context as _;
use store::database::{Store, StoreConfig};
use store::tenant::{OperatorScope, TenantScope};

use super::settings::Settings;
use crate::clock::Clock;
use crate::config::{Config, DatabaseServer};
use crate::postgres::PrivatePostgres;

/// A command does one thing after the other; a running collector beside it has the others.
const CONNECTIONS_MAX: u32 = 4;

/// What a command works with.
#[derive(Debug)]
pub(super) struct Database {
    /// The database, its schema up to date.
    pub(super) store: Store,
    /// The time.
    pub(super) clock: Clock,
    /// The configuration.
    pub(super) config: Config,
    /// Whether JSON is wanted.
    pub(super) json: bool,
}

impl Database {
    /// The operator's scope: whoever can read the data folder is one.
    pub(super) fn operator(&self) -> OperatorScope {
        self.store.local_operator()
    }

    /// A company by its id or its name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) async fn company(&self, name: &str) -> anyhow::Result<TenantScope> {
        let operator = self.operator();
        // The id first: a company may be named by a UUID, but that would be its own doing.
        let id = match name.parse() {
            Ok(id) => Some(id),
            Err(_) => store::companies::find_by_name(&operator, name).await?.map(|c| c.id),
        };
        let scope = match id {
            Some(id) => operator.scope(id).await?,
            None => None,
        };
        scope.with_context(|| {
            format!("there is no company {name:?}; `muster-collector company list` names them")
        })
    }
}

/// Opens the database, runs a command on it and closes it again.
///
/// # Errors
///
/// The command's, or that the database cannot be opened.
pub(super) fn with<F>(
    settings: &Settings,
    command: impl FnOnce(Database) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let config = settings.config()?;
    let json = settings.json;
    // One thread is enough for one thing after the other, and starts quicker.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let data_dir = &config.node.data_dir;
    std::fs::create_dir_all(data_dir).with_context(|| format!("make {}", data_dir.display()))?;
    runtime.block_on(async {
        let (url, server) = match &config.database.server {
            DatabaseServer::Given(url) => (url.expose().to_owned(), None),
            DatabaseServer::Private(private) => {
                let path = std::env::var_os("PATH");
                let server = PrivatePostgres::start(private, path.as_deref()).await?;
                (server.url(), Some(server))
            }
        };
        let outcome = async {
            let store = Store::connect(&StoreConfig {
                connections_max: CONNECTIONS_MAX,
                ..StoreConfig::new(url)
            })
            .await
            .context("open the database")?;
            // Closed before the server stops, which would cut its connections.
            let outcome = run(command, store.clone(), config, json).await;
            store.close().await;
            outcome
        };
        // However it went: a private server outlives this process otherwise.
        let outcome = outcome.await;
        if let Some(server) = server {
            server.stop().await;
        }
        outcome
    })
}

async fn run<F>(
    command: impl FnOnce(Database) -> F,
    store: Store,
    config: Config,
    json: bool,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    store.migrate().await.context("bring the schema up to date")?;
    let clock = Clock::system();
    command(Database { store, clock, config, json }).await
}
