//! `muster-sim`: parse, run, exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use simulations::cli::{
    BenchArgs, CapacityArgs, Cli, Command, FaultsArgs, FleetArgs, ReadArgs, SeedArgs,
};
use simulations::faults::{Faults, Plant};
use simulations::{bench, capacity, fleet, readers, seed};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Fleet(args) => run_fleet(&args),
        Command::Bench(args) => run_bench(&args),
        Command::Read(args) => run_read(&args),
        Command::Seed(args) => run_seed(&args),
        Command::Faults(args) => run_faults(&args),
        #[cfg(target_os = "linux")]
        Command::Chaos(args) => run_chaos(&args),
        Command::Capacity(args) => run_capacity(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        // What was asked for was done and is not good: the summary has said why.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run_fleet(args: &FleetArgs) -> anyhow::Result<bool> {
    let summary = fleet::run(args)?;
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&summary)?)?;
    } else {
        write!(out, "{summary}")?;
    }
    Ok(summary.is_good())
}

fn run_bench(args: &BenchArgs) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    bench::run(args, &mut |figure| {
        writeln!(out, "{}", serde_json::to_string(figure)?)?;
        Ok(())
    })?;
    Ok(true)
}

fn run_read(args: &ReadArgs) -> anyhow::Result<bool> {
    readers::run(args, &mut std::io::stdout())?;
    Ok(true)
}

fn run_seed(args: &SeedArgs) -> anyhow::Result<bool> {
    // Gigabytes go through here, into `psql`: standard output by itself would write line by line.
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    seed::write(args, &mut out)?;
    // Dropping it would write the rest as well and keep its error to itself.
    out.flush()?;
    Ok(true)
}

fn run_faults(args: &FaultsArgs) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    if args.plants {
        return run_plants(args);
    }
    if let Some(seed) = args.seed.filter(|_| args.trace) {
        let failure = Faults::new(None)?.trace(seed, &mut |line| {
            // A reader that has seen enough closes the pipe.
            writeln!(out, "{line}").ok();
        })?;
        return Ok(failure.is_none());
    }
    let first = args.seed.unwrap_or(args.from);
    let count = args.seed.map_or(args.seeds, |_| 1);
    let seeds = first..first.saturating_add(count);
    let summary = Faults::new(None)?
        .run(seeds, &mut |summary| args.keep_going || summary.failures.is_empty())?;
    write!(out, "{summary}")?;
    Ok(summary.failures.is_empty())
}

/// Every mistake has to be found; says after how many seeds.
fn run_plants(args: &FaultsArgs) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    let mut all_found = true;
    for plant in Plant::ALL {
        let seeds = args.from..args.from.saturating_add(args.seeds);
        let summary =
            Faults::new(Some(plant))?.run(seeds, &mut |summary| summary.failures.is_empty())?;
        all_found &= !summary.failures.is_empty();
        match summary.failures.first().and_then(|failure| failure.broken.first()) {
            Some(broken) => writeln!(out, "{plant}: seed {}: {broken}", summary.seeds)?,
            None => writeln!(out, "{plant}: NOT FOUND in {} seeds", summary.seeds)?,
        }
    }
    Ok(all_found)
}

#[cfg(target_os = "linux")]
fn run_chaos(args: &simulations::cli::ChaosArgs) -> anyhow::Result<bool> {
    let report = simulations::chaos::run(args)?;
    writeln!(std::io::stdout(), "{}", report.to_json())?;
    Ok(report.complaints().is_empty())
}

fn run_capacity(args: &CapacityArgs) -> anyhow::Result<bool> {
    capacity::run(args, &mut std::io::stdout())?;
    Ok(true)
}

#[expect(clippy::print_stderr, reason = "the place where a command's error goes")]
fn complain(error: &anyhow::Error) {
    eprintln!("muster-sim: {error:#}");
}
