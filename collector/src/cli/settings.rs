//! The settings that every command takes, and the configuration that they come to.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, ConfigError, Environment, Layers};

/// Where the configuration is looked for when none is named.
const DEFAULT_FILE: &str = "/etc/muster/collector.toml";

/// Settings that every command takes.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// The configuration file [default: /etc/muster/collector.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of everything that must outlast a restart
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Settings {
    /// The layers up to the flags that every command takes.
    ///
    /// # Errors
    ///
    /// When the file or a variable of the environment cannot be used.
    pub(super) fn layers(&self) -> Result<Layers, ConfigError> {
        let mut layers = Layers::defaults();
        if let Some(file) = self.file() {
            layers = layers.with_file(&file)?;
        }
        layers = layers.with_environment(&Environment::of_process())?;
        if let Some(dir) = &self.data_dir {
            // TOML is text. A path that is no UTF-8 is named wrongly by the error that follows.
            layers = layers.with("node", "data_dir", dir.to_string_lossy().into_owned());
        }
        Ok(layers)
    }

    /// The file that is read, if any.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let default = PathBuf::from(DEFAULT_FILE);
        // One that was named has to be there; the usual one need not.
        self.config.clone().or_else(|| default.exists().then_some(default))
    }

    /// The configuration.
    ///
    /// # Errors
    ///
    /// When a setting is none or out of its range.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        Config::from_layers(self.layers()?)
    }
}
