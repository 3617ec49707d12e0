//! Measures this crate against published tables of other projects.
//!
//! `cargo run --example truth -- DIR [--products FILE] [--misses]`: DIR holds the tables (version
//! orders, version constraints, CPE names, application names), FILE the known `vendor:product`
//! pairs, one a line. Prints a table for people, then one JSON object a table; `--misses` adds
//! every row that differs. It exists to measure; nothing is ever fitted to single rows.
#![expect(
    clippy::print_stdout,
    reason = "a measuring tool prints what it measured"
)]

#[path = "truth/names.rs"]
mod names;
#[path = "truth/versions.rs"]
mod versions;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What one table showed.
#[derive(Debug)]
struct Outcome {
    table: String,
    rows: usize,
    misses: Vec<String>,
}

impl Outcome {
    fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            rows: 0,
            misses: Vec::new(),
        }
    }

    fn row(&mut self, is_right: bool, describe: impl FnOnce() -> String) {
        self.rows += 1;
        if !is_right {
            self.misses.push(describe());
        }
    }

    const fn right(&self) -> usize {
        self.rows - self.misses.len()
    }
}

#[derive(Debug, Default)]
struct Arguments {
    folder: PathBuf,
    products: Option<PathBuf>,
    shows_misses: bool,
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments::default();
    let mut given = std::env::args_os().skip(1);
    while let Some(argument) = given.next() {
        match argument.to_str() {
            Some("--misses") => arguments.shows_misses = true,
            Some("--products") => arguments.products = Some(given.next()?.into()),
            _ => arguments.folder = argument.into(),
        }
    }
    (!arguments.folder.as_os_str().is_empty()).then_some(arguments)
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        println!("usage: truth DIR [--products FILE] [--misses]");
        return ExitCode::from(2);
    };
    match measure(&arguments) {
        Ok(outcomes) => {
            print(&outcomes, arguments.shows_misses);
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{}: {why}", arguments.folder.display());
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let folder = &arguments.folder;
    let mut outcomes = versions::orders(&folder.join("version-order"))?;
    outcomes.extend(versions::constraints(
        &folder.join("grype_version_constraints.jsonl"),
    )?);
    outcomes.push(names::cpe_matching(
        &folder.join("dependencytrack_cpe_matching.jsonl"),
    )?);
    let known = names::Known::read(arguments.products.as_deref())?;
    outcomes.push(names::applications(
        &folder.join("fleet_app_to_cpe.jsonl"),
        &known,
    )?);
    outcomes.push(names::windows_names(
        &folder.join("winget_arp_names.jsonl"),
        &known,
    )?);
    Ok(outcomes)
}

fn print(outcomes: &[Outcome], shows_misses: bool) {
    for outcome in outcomes {
        let (right, rows) = (outcome.right(), outcome.rows);
        let per_mille = (right * 1000).checked_div(rows).unwrap_or_default();
        println!(
            "{:<44} {right:>6} of {rows:>6}  {:>3}.{} %",
            outcome.table,
            per_mille / 10,
            per_mille % 10
        );
        if shows_misses {
            for miss in &outcome.misses {
                println!("    {miss}");
            }
        }
    }
    for outcome in outcomes {
        let line = serde_json::json!({
            "table": outcome.table, "rows": outcome.rows, "right": outcome.right(),
        });
        println!("{line}");
    }
}

/// The objects of a JSON Lines file.
fn json_lines(path: &Path) -> Result<Vec<serde_json::Value>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let rows: Result<_, _> = text.lines().map(serde_json::from_str).collect();
    Ok(rows?)
}

/// A text field, or nothing.
fn text<'a>(row: &'a serde_json::Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}
