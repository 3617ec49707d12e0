//! Measures the matching commands against published tables of other projects.
//!
//! `cargo run --release --example truth -- DATA [--index FILE] [--misses] [SET…]`: DATA holds the
//! tables under `truth/` and the feeds under `nvd/`, `distro/` and `osv/`; FILE is where the index of
//! them is, or is put (without it one is built and thrown away); SET is the beginning of a table's
//! name, for some of them only. Prints a table for people to stderr and a JSON object a table to
//! stdout; `--misses` adds every case that came out otherwise, with what was expected, what was
//! got, and why.
//!
//! Every case goes through the lines of `muster-collector match`, `cpe-match` and `version-compare`,
//! so whoever has a table can repeat the measurement without this program. It exists to measure;
//! nothing is ever fitted to single rows.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring tool prints what it measured"
)]

#[path = "truth/cves.rs"]
mod cves;
#[path = "truth/distro.rs"]
mod distro;
#[path = "truth/names.rs"]
mod names;
#[path = "truth/score.rs"]
mod score;
#[path = "truth/versions.rs"]
mod versions;
#[path = "truth/windows.rs"]
mod windows;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use enrichment::feeds;
use enrichment::index::{Builder, Index};
use score::Score;
use serde_json::Value;

type Failure = Box<dyn Error>;

/// What all measurements are made with.
#[derive(Debug)]
struct Bench {
    /// The folder of the tables.
    truth: PathBuf,
    index: Index,
}

/// Sets by the beginning of their names, and what measures them.
type Measure = fn(&Bench) -> Result<Vec<Score>, Failure>;
const SETS: [(&str, Measure); 9] = [
    ("anchore_match_labels", distro::labels),
    ("fleet_distro_hosts", distro::hosts),
    ("version-order", versions::orders),
    ("grype_version_constraints", versions::constraints),
    ("dependencytrack_cpe_matching", names::cpe_matching),
    ("fleet_app_to_cpe", names::applications),
    ("fleet_cpe_to_cve", cves::of_cpes),
    ("winget_arp_names", names::windows_names),
    ("windows_updates", windows::updates),
];

/// Folders of the feeds within DATA, and whether there is anything to measure without them.
const FEEDS: [(&str, bool); 3] = [("nvd", true), ("distro", false), ("osv", false)];

#[derive(Debug, Default)]
struct Arguments {
    data: PathBuf,
    index: Option<PathBuf>,
    sets: Vec<String>,
    shows_misses: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: truth DATA [--index FILE] [--misses] [SET…]");
        return ExitCode::from(2);
    };
    match measure(&arguments) {
        Ok(scores) => {
            print(&scores, arguments.shows_misses);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments::default();
    let mut given = std::env::args_os().skip(1);
    while let Some(argument) = given.next() {
        match argument.to_str() {
            Some("--misses") => arguments.shows_misses = true,
            Some("--index") => arguments.index = Some(given.next()?.into()),
            _ if arguments.data.as_os_str().is_empty() => arguments.data = argument.into(),
            _ => arguments.sets.push(argument.into_string().ok()?),
        }
    }
    (!arguments.data.as_os_str().is_empty()).then_some(arguments)
}

fn measure(arguments: &Arguments) -> Result<Vec<Score>, Failure> {
    let bench = Bench {
        truth: arguments.data.join("truth"),
        index: match &arguments.index {
            Some(path) if path.exists() => Index::open(path)?,
            Some(path) => {
                build(&arguments.data)?.write(path)?;
                Index::open(path)?
            }
            None => Index::from_bytes(build(&arguments.data)?.into_bytes()?)?,
        },
    };
    let is_wanted = |set: &str| {
        let wanted = &arguments.sets;
        wanted.is_empty() || wanted.iter().any(|wanted| set.starts_with(wanted.as_str()))
    };
    let mut scores = Vec::new();
    for (set, measure) in SETS {
        if is_wanted(set) {
            scores.extend(measure(&bench).map_err(|why| format!("{set}: {why}"))?);
        }
    }
    Ok(scores)
}

/// All feeds, as `muster-collector feed build` makes it.
fn build(data: &Path) -> Result<Builder, Failure> {
    let mut builder = Builder::new();
    for (folder, is_needed) in FEEDS {
        let path = data.join(folder);
        if is_needed || path.exists() {
            eprintln!("reading {}", path.display());
            feeds::read_path(&path, &mut builder)?;
        }
    }
    Ok(builder)
}

fn print(scores: &[Score], shows_misses: bool) {
    eprintln!("{}", Score::heading());
    for score in scores {
        eprintln!("{}", score.row());
        if shows_misses {
            for miss in score.misses() {
                eprintln!("    {miss}");
            }
        }
    }
    for score in scores {
        println!("{}", score.json());
    }
}

/// The objects of a JSON Lines file.
fn json_lines(path: &Path) -> Result<Vec<Value>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let rows: Result<_, _> = text.lines().map(serde_json::from_str).collect();
    Ok(rows?)
}

/// A text field, or nothing.
fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// An answer line as the object that it is.
fn answer(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}
