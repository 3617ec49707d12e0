//! `muster-collector backup` and `restore`.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde_json::json;
use store::database::Store;
use store::{backups, cluster};

use super::database::Server;
use super::output;
use crate::app;
use crate::backup::{Address, Manifest, Site};
use crate::causes::Causes;
use crate::clock::Clock;
use crate::config::{Config, DatabaseServer, Secret};

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The new folder; it holds the authority's key, so keep it as you keep that
    dir: PathBuf,
    /// A file with the address of a role that reads past row-level security, where PostgreSQL is yours:
    /// collectors' own role sees no company's rows
    #[arg(long, value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// Leaves the rows to the backups of the PostgreSQL itself: its files and its log, for points in time
    #[arg(long, conflicts_with = "database_url_file")]
    without_rows: bool,
}

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The folder of a backup
    dir: PathBuf,
    /// The database is there again by its own backup: brings the authority and the feeds back beside it, and has both
    /// go on together
    #[arg(long)]
    without_rows: bool,
}

impl Backup {
    pub(super) async fn run(self, server: Server) -> anyhow::Result<()> {
        let named = self.database_url_file.as_deref();
        let named = named.map(|file| Secret::from_file("--database-url-file", file)).transpose()?;
        let url = named.as_ref().or(server.superuser_url.as_ref()).unwrap_or(&server.url);
        let address = Address { url, binaries_dir: binaries_dir(&server.config) };
        let path = std::env::var_os("PATH");
        let site = Site { config: &server.config, search_path: path.as_deref() };
        let now = Clock::system().now();
        let shared = shared(&server).await?;
        let database = (!self.without_rows).then_some(&address);
        let manifest = site.back_up(database, shared, &self.dir, now).await?;
        // The backup is there whether or not the site hears of it, and beside a schema that knows no backups.
        if let Err(error) = note(&server, &manifest).await {
            tracing::warn!(error = %Causes(&error), "noting the backup, which is finished");
        }
        say(&manifest, "backed up", server.json)
    }
}

impl Restore {
    pub(super) async fn run(self, server: Server) -> anyhow::Result<()> {
        let data_dir = &server.config.node.data_dir;
        ensure!(
            app::running(data_dir).is_none(),
            "a collector runs in {}: stop it first",
            data_dir.display()
        );
        let path = std::env::var_os("PATH");
        let site = Site { config: &server.config, search_path: path.as_deref() };
        let manifest = site.check(&self.dir)?;
        let store = server.connect().await?;
        if self.without_rows {
            ensure!(
                !store.is_empty().await.context("look into the database")?,
                "the database is empty: bring its own backup back first, or restore a folder with rows"
            );
        } else {
            self.rows(&site, &manifest, &server, &store).await?;
        }
        // A backup of an earlier release is brought up to date here, and not by the first of many nodes.
        store.migrate().await.context("bring the schema up to date")?;
        let renumbering = store.renumber_events().await;
        renumbering.context("put what happened before what will happen")?;
        store.close().await;
        site.restore_files(&self.dir, &manifest)?;
        say(&manifest, "restored", server.json)
    }

    /// Brings the rows of the folder into an empty database.
    async fn rows(
        &self,
        site: &Site<'_>,
        manifest: &Manifest,
        server: &Server,
        store: &Store,
    ) -> anyhow::Result<()> {
        ensure!(
            manifest.has_rows(),
            "{} was made without rows: bring the database's own backup back, and name --without-rows",
            self.dir.display()
        );
        ensure!(
            store.is_empty().await.context("look into the database")?,
            "the database is not empty: restore into a new one"
        );
        store.make_role().await.context("make the role that queries run as")?;
        let address = Address { url: &server.url, binaries_dir: binaries_dir(&server.config) };
        site.restore_rows(&address, &self.dir).await
    }
}

/// The authority that the nodes share; `None` before the first node has run.
async fn shared(server: &Server) -> anyhow::Result<Option<[u8; 32]>> {
    let store = server.connect().await?;
    let asked =
        async { if store.is_empty().await? { Ok(None) } else { cluster::authority(&store).await } };
    let asked = asked.await;
    store.close().await;
    asked.context("ask which authority the nodes share")
}

/// Tells the site when its newest backup was made (`muster_backup_made_timestamp_seconds`).
async fn note(server: &Server, manifest: &Manifest) -> anyhow::Result<()> {
    let store = server.connect().await?;
    let (_, bytes) = manifest.size();
    let noted = backups::note(&store, manifest.made_at, Clock::system().now(), bytes).await;
    store.close().await;
    Ok(noted?)
}

fn binaries_dir(config: &Config) -> Option<&std::path::Path> {
    match &config.database.server {
        DatabaseServer::Private(server) => server.binaries_dir.as_deref(),
        DatabaseServer::Given(_) => None,
    }
}

fn say(manifest: &Manifest, done: &str, json: bool) -> anyhow::Result<()> {
    let (files, bytes) = manifest.size();
    if json {
        return output::json(&json!({
            "files": files,
            "bytes": bytes,
            "made_at": manifest.made_at.format(&time::format_description::well_known::Rfc3339)?,
            "version": manifest.version,
            "authority_sha256": manifest.authority_sha256,
        }));
    }
    output::line(format_args!("{done}: {files} files, {bytes} bytes"));
    Ok(())
}
