//! `muster-collector config`: what may be configured, and whether what is configured may be.

use serde_json::json;

use super::output;
use super::settings::Settings;
use crate::config::default_file;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prints the default configuration file, with what every setting is for.
    Default,
    /// Reads the configuration as `serve` would, and says what is wrong with it.
    Check,
}

impl Command {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        match self {
            Self::Default => {
                output::line(default_file().trim_end());
                Ok(())
            }
            Self::Check => {
                // The whole of it, files of secrets included: what `serve` would stumble over has
                // to show here.
                let config = settings.config()?;
                if settings.json {
                    return output::json(&json!({
                        "valid": true,
                        "data_dir": config.node.data_dir,
                        "roles": config.node.roles.to_string(),
                    }));
                }
                output::line(format_args!(
                    "the configuration is valid: {} in {}",
                    config.node.roles,
                    config.node.data_dir.display()
                ));
                Ok(())
            }
        }
    }
}
