//! The command line: what was asked, read by clap, and the exit code.
//!
//! A command's file holds its arguments and does its work; `--json` gives one JSON document on
//! standard output. Exit codes are 0 for done, 1 for failed, 2 for wrong use, and 3 for a dry run of `apply`
//! that found something to do.

mod authority;
mod backup;
mod company;
mod config;
mod database;
mod demo;
mod doctor;
mod feed;
mod gitops;
mod key;
mod matching;
mod metrics;
mod migrate;
mod output;
mod serve;
mod settings;
mod token;
mod trace_id;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::settings::Settings;

/// Takes, keeps and judges the software inventories of fleets.
#[derive(Debug, Parser)]
#[command(name = "muster-collector", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the collector.
    Serve(serve::Serve),
    /// Runs a collector and a real agent on this machine, from nothing.
    Demo(demo::Demo),
    /// Says what is wrong with this node and its site, and what to do; 1 when something is.
    Doctor(doctor::Doctor),
    /// The configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Companies: the tenants.
    #[command(subcommand)]
    Company(company::Command),
    /// Enrolment tokens: what lets a host become a company's agent.
    #[command(subcommand)]
    Token(token::Command),
    /// API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Operators, who sign in with a password.
    #[command(subcommand)]
    User(user::Command),
    /// The certificate authority that all nodes share.
    #[command(subcommand)]
    Authority(authority::Command),
    /// CVE feeds, and the index that is compiled from them.
    #[command(subcommand)]
    Feed(feed::Command),
    /// Makes a company's settings what files say, over the API; a dry run ends with 3 when they differ.
    Apply(gitops::Apply),
    /// Prints a company's settings as such files.
    Export(gitops::Export),
    /// Writes database, certificate authority and feeds into a new folder.
    Backup(backup::Backup),
    /// Brings a backup back, into an empty database and a data directory without an authority.
    Restore(backup::Restore),
    /// Brings the database's schema up to date and ends.
    Migrate(migrate::Migrate),
    /// Prints every metric with its unit, labels and meaning, as docs/METRICS.md.
    Metrics(metrics::Metrics),
    /// Prints the id of a report's trace, by its agent and its position.
    TraceId(trace_id::OfReport),
    /// Judges software, a JSON object a line in and out, without a database.
    Match(matching::Match),
    /// Compares CPE names, a JSON object a line in and out.
    CpeMatch,
    /// Compares versions, a JSON object a line in and out.
    VersionCompare,
}

/// Runs what the process was started for.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // clap's own exit: help goes to standard output with 0, wrong use to standard error with 2.
        Err(error) => error.exit(),
    };
    match cli.run() {
        Ok(_) if output::is_lost() => ExitCode::FAILURE,
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn run(self) -> anyhow::Result<ExitCode> {
        let settings = &self.settings;
        match self.command {
            Command::Demo(command) => return command.run(settings),
            Command::Serve(command) => return command.run(settings),
            Command::Doctor(command) => return command.run(settings),
            Command::Apply(command) => return command.run(settings),
            Command::Config(command) => command.run(settings)?,
            Command::Company(command) => database::with(settings, |db| command.run(db))?,
            Command::Token(command) => database::with(settings, |db| command.run(db))?,
            Command::Key(command) => database::with(settings, |db| command.run(db))?,
            Command::User(command) => database::with(settings, |db| command.run(db))?,
            Command::Authority(command) => command.run(settings)?,
            Command::Export(command) => command.run(settings)?,
            Command::Backup(command) => database::with_server(settings, |on| command.run(on))?,
            Command::Restore(command) => database::with_server(settings, |on| command.run(on))?,
            Command::Feed(command) => command.run(settings)?,
            Command::Migrate(command) => database::with(settings, |db| command.run(db))?,
            Command::Metrics(command) => command.run(settings)?,
            Command::TraceId(command) => command.run(settings)?,
            Command::Match(command) => command.run()?,
            Command::CpeMatch => matching::cpe_match()?,
            Command::VersionCompare => matching::version_compare()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
