//! Commands on the database: beside a running collector or without one.

use std::future::Future;

use anyhow::Context as _;
use store::database::{Store, StoreConfig};
use store::tenant::{OperatorScope, TenantScope};

use super::settings::Settings;
use crate::clock::Clock;
use crate::config::{Config, DatabaseServer, Secret};
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

/// A server that runs, and nothing that is connected to it.
#[derive(Debug)]
pub(super) struct Server {
    /// The address that collectors use.
    pub(super) url: Secret,
    /// That of a role which reads past row-level security, where there is one.
    pub(super) superuser_url: Option<Secret>,
    /// The configuration.
    pub(super) config: Config,
    /// Whether JSON is wanted.
    pub(super) json: bool,
}

impl Server {
    /// Connects to it, whatever its schema is.
    pub(super) async fn connect(&self) -> anyhow::Result<Store> {
        Store::connect(&StoreConfig {
            connections_max: CONNECTIONS_MAX,
            ..StoreConfig::new(self.url.expose())
        })
        .await
        .context("open the database")
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
    with_server(settings, |server| async move {
        let store = server.connect().await?;
        // Closed before the server stops, which would cut its connections.
        let outcome = run(command, store.clone(), server.config, server.json).await;
        store.close().await;
        outcome
    })
}

/// Starts the private server, if it is to be one, runs a command and stops it again.
///
/// # Errors
///
/// The command's, or that there is no server.
pub(super) fn with_server<F>(
    settings: &Settings,
    command: impl FnOnce(Server) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let (config, json) = (settings.config()?, settings.json);
    // One thread is enough for one thing after the other, and starts quicker.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let data_dir = &config.node.data_dir;
    std::fs::create_dir_all(data_dir).with_context(|| format!("make {}", data_dir.display()))?;
    runtime.block_on(async {
        let (url, superuser_url, private) = match &config.database.server {
            DatabaseServer::Given(url) => (url.clone(), None, None),
            DatabaseServer::Private(private) => {
                let path = std::env::var_os("PATH");
                let server = PrivatePostgres::start(private, path.as_deref()).await?;
                let superuser_url = Secret::new(server.superuser_url());
                (Secret::new(server.url()), Some(superuser_url), Some(server))
            }
        };
        // However it goes: a private server outlives this process otherwise.
        let outcome = command(Server { url, superuser_url, config: config.clone(), json }).await;
        if let Some(server) = private {
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
