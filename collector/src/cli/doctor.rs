//! `muster-collector doctor`: what is wrong with this node and its site, and what to do about it.
//!
//! It looks as `serve` would and changes nothing: no schema is migrated, no authority made, no feed fetched.
//! One thing that is wrong keeps it from no other, as far as the others can be asked without it.

mod authority;
mod data;
mod database;
mod finding;
mod machine;
mod mail;
mod traces;
mod web;

use std::process::ExitCode;

use serde_json::json;
use store::database::{Store, StoreConfig};

use self::finding::{Finding, Level};
use super::output;
use super::settings::Settings;
use crate::clock::Clock;
use crate::config::{Config, DatabaseServer};
use crate::postgres::PrivatePostgres;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor;

impl Doctor {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let findings = match settings.config() {
            Ok(config) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let mut findings = vec![configuration(settings, &config)];
                findings.extend(runtime.block_on(examine(&config)));
                findings
            }
            Err(error) => vec![
                Finding::problem("configuration", place(settings), error.to_string())
                    .todo("mend the setting; `muster-collector config default` explains every one"),
            ],
        };
        print(settings, &findings)?;
        let is_well = findings.iter().all(|finding| finding.level != Level::Problem);
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn configuration(settings: &Settings, config: &Config) -> Finding {
    let roles = config.node.roles;
    Finding::good("configuration", place(settings), format!("valid, for the roles {roles}"))
}

fn place(settings: &Settings) -> String {
    let file = settings.file().map(|path| path.display().to_string());
    file.unwrap_or_else(|| "defaults and environment".to_owned())
}

async fn examine(config: &Config) -> Vec<Finding> {
    let clock = Clock::system();
    let mut findings = machine::data_dir(config);
    findings.extend(machine::ports(config));
    findings.extend(machine::open_files(config));
    // An index is a file, and is there whether the database is or not.
    findings.extend(data::index(config, clock.now()));
    findings.extend(traces::look(config).await);
    findings.extend(mail::server(config).await);
    findings.extend(web::certificate(config, clock.now()));
    let Some(reached) = Reached::open(config, &mut findings).await else {
        findings.push(authority::look(config, None, clock.now()));
        return findings;
    };
    let shared = database::examine(&reached.store, config, &clock, &mut findings).await;
    findings.push(authority::look(config, shared, clock.now()));
    findings.extend(authority::rotation(&reached.store, config, clock.now()).await);
    reached.close().await;
    findings
}

/// A database that could be reached.
struct Reached {
    store: Store,
    private: Option<PrivatePostgres>,
}

impl Reached {
    /// Reaches the database, or says why not.
    async fn open(config: &Config, findings: &mut Vec<Finding>) -> Option<Self> {
        let (url, private) = match &config.database.server {
            DatabaseServer::Given(url) => (url.expose().to_owned(), None),
            DatabaseServer::Private(server) if !server.dir.exists() => {
                findings.push(
                    Finding::remark("database", server.dir.display(), "there is none yet")
                        .todo("nothing: the first `serve` makes a private one"),
                );
                return None;
            }
            DatabaseServer::Private(server) => {
                // As every command does it: it joins one that runs, and stops one that it started.
                let path = std::env::var_os("PATH");
                match PrivatePostgres::start(server, path.as_deref()).await {
                    Ok(started) => (started.url(), Some(started)),
                    Err(error) => {
                        let place = server.dir.display();
                        findings.push(
                            Finding::problem("database", place, error.to_string())
                                .todo("what the message says; its log lies in that directory"),
                        );
                        return None;
                    }
                }
            }
        };
        let asked = StoreConfig {
            replica_url: config
                .database
                .replica
                .as_ref()
                .map(|replica| replica.expose().to_owned()),
            connections_max: 2,
            ..StoreConfig::new(url)
        };
        match Store::connect(&asked).await {
            Ok(store) => Some(Self { store, private }),
            Err(error) => {
                findings.push(database::unreachable(&error));
                if let Some(server) = private {
                    server.stop().await;
                }
                None
            }
        }
    }

    async fn close(self) {
        // Connections go before their server, or its stop would wait for them.
        self.store.close().await;
        if let Some(server) = self.private {
            server.stop().await;
        }
    }
}

fn print(settings: &Settings, findings: &[Finding]) -> anyhow::Result<()> {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (problems, remarks) = (count(Level::Problem), count(Level::Remark));
    if settings.json {
        return output::json(&json!({
            "healthy": problems == 0,
            "problems": problems,
            "remarks": remarks,
            "findings": findings,
        }));
    }
    for finding in findings {
        output::line(finding);
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    output::line(format_args!(
        "{problems} problem{}, {remarks} remark{}",
        plural(problems),
        plural(remarks)
    ));
    Ok(())
}
