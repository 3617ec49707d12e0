//! `muster-sim`: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use simulations::cli::{Cli, Command};
use simulations::fleet;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Fleet(args) => fleet::run(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the place where a command's error goes"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("muster-sim: {error:#}");
}
