//! The database of a collector: given, or private and kept running.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use store::database::{Store, StoreConfig};
use tokio::sync::Mutex;

use crate::causes::Causes;
use crate::config::{DatabaseConfig, DatabaseServer, Environment, PrivateServer, Secret};
use crate::lifecycle::Lifecycle;
use crate::postgres::PrivatePostgres;

/// How long to wait before a server that ended is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// The part of a request's time that one of its statements may take.
const STATEMENT_OF_REQUEST: f64 = 0.8;

/// The server that a collector uses.
#[derive(Debug)]
pub(super) struct Database {
    url: Secret,
    private: Arc<Mutex<Option<PrivatePostgres>>>,
}

impl Database {
    /// Starts the private server, if there is to be one, and keeps it running until the stop.
    pub(super) async fn open(
        config: &DatabaseConfig,
        environment: &Environment,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Self> {
        let private = Arc::new(Mutex::new(None));
        let url = match &config.server {
            DatabaseServer::Given(url) => url.clone(),
            DatabaseServer::Private(config) => {
                let keeper = Keeper {
                    config: config.clone(),
                    search_path: environment.text("PATH").map(str::to_owned),
                    server: Arc::clone(&private),
                };
                // The first start is waited for and may fail the collector; later ones are tried
                // for ever, because by then agents rely on it.
                let url = keeper.start().await?;
                let stopping = lifecycle.clone();
                // Not an essential task: while the server is away the queue takes what comes, so
                // its end must not end the process.
                lifecycle.spawn("postgres", async move { keeper.keep(&stopping).await });
                url
            }
        };
        Ok(Self { url, private })
    }

    /// Connects and brings the schema up to date.
    pub(super) async fn connect(
        &self,
        config: &DatabaseConfig,
        request_timeout: Duration,
    ) -> anyhow::Result<Store> {
        let store = Store::connect(&StoreConfig {
            pooler_url: config.pooler.as_ref().map(|pooler| pooler.expose().to_owned()),
            replica_url: config.replica.as_ref().map(|replica| replica.expose().to_owned()),
            connections_max: config.connections_max,
            read_timeout: request_timeout.mul_f64(STATEMENT_OF_REQUEST),
            ..StoreConfig::new(self.url.expose())
        })
        .await
        .context("open the database")?;
        store.migrate().await.context("bring the database's schema up to date")?;
        Ok(store)
    }

    /// Stops the private server, once nothing uses it any more.
    pub(super) async fn close(self) {
        // The keeper has let go of the lock by now: its task ended with the soft stop.
        if let Some(server) = self.private.lock().await.take() {
            server.stop().await;
        }
    }
}

/// Keeps the private server running.
struct Keeper {
    config: PrivateServer,
    search_path: Option<String>,
    server: Arc<Mutex<Option<PrivatePostgres>>>,
}

impl Keeper {
    async fn start(&self) -> anyhow::Result<Secret> {
        let path = self.search_path.as_deref().map(std::ffi::OsStr::new);
        let server = PrivatePostgres::start(&self.config, path).await?;
        let url = Secret::new(server.url());
        *self.server.lock().await = Some(server);
        Ok(url)
    }

    /// Starts the server again whenever it ends before the stop. Meanwhile the queue holds what
    /// comes.
    async fn keep(&self, lifecycle: &Lifecycle) {
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = self.ended() => {}
            }
            tracing::error!("the private PostgreSQL ended: starting it again");
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(RESTART_AFTER) => {}
            }
            if let Err(error) = self.start().await {
                tracing::error!(
                    error = %Causes(&error),
                    "the private PostgreSQL does not start"
                );
            }
        }
    }

    async fn ended(&self) {
        // Held while it waits, which is for as long as the server lives. Nobody else wants it but
        // `close`, which comes after this was dropped.
        let server = self.server.lock().await;
        if let Some(server) = &*server {
            server.ended().await;
        }
    }
}
