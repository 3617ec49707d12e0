//! `muster-collector feed export`, `verify` and `keygen`: signed bundles, made and checked without
//! a database.

use std::path::PathBuf;

use anyhow::Context as _;
use ring::rand::SystemRandom;
use serde_json::json;

use super::super::output;
use super::super::settings::Settings;
use crate::clock::Clock;
use crate::feeds::{
    BundleManifest, FeedPaths, PublicKey, SigningKey, export_bundle, verify_bundle,
};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Export {
    /// The bundle
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The private key to sign it with, as `keygen` makes it
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,
}

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Verify {
    /// A public key that is trusted, or a file that holds one, beside the configured ones
    #[arg(long = "public-key", value_name = "KEY")]
    public_keys: Vec<String>,
    /// The bundle
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
}

/// Arguments of `keygen`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Keygen {
    /// Where the private key goes; a file that is there is not overwritten
    #[arg(long, value_name = "KEYFILE")]
    out: PathBuf,
}

impl Export {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let config = settings.config()?;
        let key = SigningKey::from_file(&self.key)?;
        let mirror = FeedPaths::of(&config).mirror;
        let now = Clock::system().now();
        let manifest = export_bundle(&mirror, &self.out, &key, now)?;
        answer(settings, &manifest)?;
        if !settings.json {
            let (out, public) = (self.out.display(), key.public());
            output::line(format_args!("written to {out}, signed by {public}"));
        }
        Ok(())
    }
}

impl Verify {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let config = settings.config()?;
        let trusted = trusted(&config.feeds.trusted_keys, &self.public_keys)?;
        let manifest = verify_bundle(&self.bundle, &trusted)
            .with_context(|| format!("{} is refused", self.bundle.display()))?;
        answer(settings, &manifest)?;
        if !settings.json {
            output::line("the bundle is whole, and a trusted key has signed it");
        }
        Ok(())
    }
}

impl Keygen {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let key = SigningKey::generate(&self.out, &SystemRandom::new())?;
        // The private half is in the file alone, and never printed.
        let public = key.public().to_string();
        if settings.json {
            return output::json(&json!({ "key_file": self.out, "public_key": public }));
        }
        output::line(public);
        Ok(())
    }
}

/// The keys of the configuration and those that were named.
///
/// # Errors
///
/// When one is none.
pub(super) fn trusted(configured: &[String], named: &[String]) -> anyhow::Result<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for text in configured.iter().chain(named) {
        // A key that cannot be read is no reason to trust fewer in silence: the bundle would be
        // refused for a reason that is none.
        keys.push(PublicKey::from_text_or_file(text)?);
    }
    Ok(keys)
}

fn answer(settings: &Settings, manifest: &BundleManifest) -> anyhow::Result<()> {
    if settings.json {
        return output::json(manifest);
    }
    print(manifest);
    Ok(())
}

/// Says what a bundle is, for people.
pub(super) fn print(manifest: &BundleManifest) {
    let sources: Vec<_> = manifest.source_names().collect();
    output::line(format_args!(
        "bundle {} of {}: {} files, {} bytes, of {}",
        manifest.sequence(),
        manifest.made_at(),
        manifest.file_count(),
        manifest.bytes(),
        sources.join(", ")
    ));
}
