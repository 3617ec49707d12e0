//! `muster-collector serve`: runs the collector until it is told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::settings::Settings;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Environment};
use crate::lifecycle::Ending;
use crate::{metrics, telemetry};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// What this process does: ingest, api, jobs
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<String>,
    /// Where agents connect (UDP); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where the API listens (TCP); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let config = self.config(settings)?;
        telemetry::install(&config.telemetry)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        runtime.block_on(serve(config))
    }

    fn config(&self, settings: &Settings) -> anyhow::Result<Config> {
        let mut layers = settings.layers()?;
        // Flags over the environment, which is in the layers already.
        if !self.roles.is_empty() {
            layers = layers.with("node", "roles", self.roles.clone());
        }
        if let Some(listen) = self.listen {
            layers = layers.with("ingest", "listen", listen.to_string());
        }
        if let Some(http) = self.http {
            layers = layers.with("http", "listen", http.to_string());
        }
        Ok(Config::from_layers(layers)?)
    }
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    // Listened for before anything starts, so that no signal finds the default action.
    let mut signals = StopSignals::listen().context("listen for signals")?;
    let metrics = metrics::install().context("install the metrics")?;
    let environment = Environment::of_process();
    let starting = App::start(config, &environment, Clock::system(), metrics.clone());
    let app = tokio::select! {
        app = Box::pin(starting) => app?,
        // Whatever had started is adopted or repaired by the next start.
        () = signals.next() => anyhow::bail!("stopped by a signal while starting"),
    };
    let lifecycle = app.lifecycle().clone();
    let upkeep = metrics::upkeep(metrics, lifecycle.clone());
    lifecycle.spawn("metrics", upkeep);
    let stopping = lifecycle.clone();
    tokio::select! {
        () = signals.next() => {
            tracing::info!("stopping: a second signal does not wait for work at hand");
            lifecycle.stop();
        }
        // An essential task has ended.
        () = stopping.stopping() => {}
    }
    let (ending, crashed) = app.run_to_end(signals.next()).await;
    if let Some(what) = crashed {
        // A failure by the exit code, so that systemd starts it again.
        anyhow::bail!("{what}");
    }
    tracing::info!(?ending, "stopped");
    Ok(match ending {
        Ending::Stopped => ExitCode::SUCCESS,
        Ending::Forced | Ending::Crashed => ExitCode::FAILURE,
    })
}

/// The signals that ask for a stop.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Takes them from the default action, which would end the process at once.
    ///
    /// # Errors
    ///
    /// When the system does not let them be taken.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves at the next one.
    ///
    /// # Cancel safety
    ///
    /// Safe: a signal that came meanwhile is there for the next call.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
