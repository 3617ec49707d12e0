//! `muster-collector serve`: runs the collector until it is told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::settings::Settings;
use crate::app::App;
use crate::causes::Causes;
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
        let log = telemetry::install(&config.telemetry)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        let again = || {
            let next = self.config(settings)?;
            log.set_level(&next.telemetry.level);
            Ok(next)
        };
        runtime.block_on(serve(config, &again))
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

/// Serves until the stop. `again` reads the configuration once more and has the log go by it.
async fn serve(
    config: Config,
    again: &dyn Fn() -> anyhow::Result<Config>,
) -> anyhow::Result<ExitCode> {
    // Listened for before anything starts, so that no signal finds the default action.
    let mut signals = StopSignals::listen().context("listen for signals")?;
    let mut hangups = signal(SignalKind::hangup()).context("listen for signals")?;
    let metrics = metrics::install().context("install the metrics")?;
    let environment = Environment::of_process();
    let starting = App::start(config, &environment, Clock::system(), metrics.clone());
    let mut app = tokio::select! {
        app = Box::pin(starting) => app?,
        // Whatever had started is adopted or repaired by the next start.
        () = signals.next() => anyhow::bail!("stopped by a signal while starting"),
    };
    let lifecycle = app.lifecycle().clone();
    let upkeep = metrics::upkeep(metrics, lifecycle.clone());
    lifecycle.spawn("metrics", upkeep);
    let stopping = lifecycle.clone();
    loop {
        tokio::select! {
            () = signals.next() => {
                tracing::info!("stopping: a second signal does not wait for work at hand");
                lifecycle.stop();
                break;
            }
            Some(()) = hangups.recv() => reload(&mut app, again),
            // An essential task has ended.
            () = stopping.stopping() => break,
        }
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

/// Reads the configuration again. One that cannot be used changes nothing.
fn reload(app: &mut App, again: &dyn Fn() -> anyhow::Result<Config>) {
    match again() {
        Ok(next) => {
            let waiting = app.reload(&next);
            if waiting.is_empty() {
                tracing::info!("read the configuration again");
            } else {
                let waiting = waiting.join(", ");
                tracing::warn!(
                    waiting,
                    "read the configuration again: what else changed in these sections takes a restart"
                );
            }
        }
        Err(error) => tracing::error!(
            error = %Causes(&error),
            "the configuration cannot be used, and what was in force still is"
        ),
    }
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
