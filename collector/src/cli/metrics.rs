//! `muster-collector metrics`: what `/metrics` says, metric by metric.

use super::output;
use super::settings::Settings;
use crate::metrics;

/// Arguments of `metrics`.
#[derive(Debug, clap::Args)]
pub(super) struct Metrics;

impl Metrics {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        if settings.json {
            return output::json(&metrics::FAMILIES);
        }
        output::line(metrics::document().trim_end());
        Ok(())
    }
}
