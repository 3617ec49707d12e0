//! `muster-collector authority`.

mod rotate;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use ring::rand::SystemRandom;
use serde_json::json;
use store::cluster;

use super::database::{self, Database};
use super::output;
use super::settings::Settings;
use crate::authority::{Authority, Home, hex};
use crate::clock::Clock;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prints the fingerprint of the authority that all nodes of the database share.
    Show,
    /// Forgets which authority the nodes share: the next node to start brings a new one, and every
    /// agent has to be enrolled again.
    Forget,
    /// Puts another authority in the place of the one that signs, in three steps; no agent enrols again.
    #[command(subcommand)]
    Rotate(rotate::Step),
    /// Makes an authority in a folder, without a database: for nodes that are given it as a secret.
    Create {
        /// The folder, in which `ca/ca.key` and `ca/ca.crt` are made.
        dir: PathBuf,
    },
}

impl Command {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<()> {
        match self {
            Self::Show => database::with(settings, show),
            Self::Forget => database::with(settings, forget),
            Self::Rotate(step) => database::with(settings, |db| step.run(db)),
            Self::Create { dir } => create(&dir, settings),
        }
    }
}

async fn show(db: Database) -> anyhow::Result<()> {
    let Some(noted) = cluster::authorities(&db.store).await? else {
        if db.json {
            return output::json(&json!({ "sha256": null }));
        }
        output::line("none yet: the first node makes it");
        return Ok(());
    };
    let (sha256, next) = (hex(&noted.active), noted.next.map(|sha256| hex(&sha256)));
    let previous = noted.previous.map(|sha256| hex(&sha256));
    if db.json {
        return output::json(&json!({
            "sha256": sha256,
            "next": next,
            "previous": previous,
            "retired": noted.retired_at.is_some(),
        }));
    }
    output::line(sha256);
    if let Some(next) = next {
        output::line(format_args!("next: {next}"));
    }
    if let Some(previous) = previous {
        let retired = if noted.retired_at.is_some() { ", retired" } else { "" };
        output::line(format_args!("previous: {previous}{retired}"));
    }
    Ok(())
}

async fn forget(db: Database) -> anyhow::Result<()> {
    // The fingerprint alone. The files of the nodes stay, and each says at its next start what to do.
    let was_there = cluster::forget_authority(&db.store).await?;
    if db.json {
        return output::json(&json!({ "forgotten": was_there }));
    }
    output::line(if was_there { "forgotten" } else { "there was none" });
    Ok(())
}

fn create(dir: &Path, settings: &Settings) -> anyhow::Result<()> {
    let config = settings.config()?;
    // One that is there would be opened: whoever asks for a new one must not take it for that.
    ensure!(!dir.join("ca").exists(), "there is an authority in {} already", dir.display());
    std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    let (home, now) = (Home::of(dir), Clock::system().now());
    let domain = &config.ingest.trust_domain;
    let authority = Authority::open_or_create(&home, domain, &SystemRandom::new(), now)?;
    let sha256 = hex(&authority.fingerprint());
    if settings.json {
        return output::json(&json!({ "sha256": sha256 }));
    }
    output::line(sha256);
    Ok(())
}
