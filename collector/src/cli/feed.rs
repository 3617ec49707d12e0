//! `muster-collector feed`.

mod bundle;
mod sync;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use enrichment::advisory::Advisory;
use enrichment::cve::{CveRecord, Timestamp};
use enrichment::feeds::{self, FeedKind, FeedSink, FileReport, SinkError};
use enrichment::index::{BuildReport, Builder, Rebuilt};
use serde_json::json;

use super::database::{self, Database};
use super::output;
use super::settings::Settings;
use crate::clock::Clock;
use crate::feeds::{FeedImporter, FeedPaths};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Fetches what changed, and takes it in.
    Sync(sync::Sync),
    /// Takes feed files and signed bundles in: NVD 2.0 feeds and API pages, KEV, EPSS and others; plain,
    /// gz, xz or zst, and archives of them (tar, zip).
    Import {
        /// A public key whose bundles are taken, or a file that holds one, beside the configured
        /// ones
        #[arg(long = "public-key", value_name = "KEY")]
        public_keys: Vec<String>,
        /// Files, folders that are walked, and bundles
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Says of each feed how old it is, what came, what went wrong, and when it is fetched next.
    Status,
    /// Writes everything that was fetched or imported into one signed file, for a site without
    /// a way to the internet.
    Export(bundle::Export),
    /// Checks a bundle as `import` would, and changes nothing.
    Verify(bundle::Verify),
    /// Makes a key that bundles are signed with, and prints its public half.
    Keygen(bundle::Keygen),
    /// Compiles feed files into an index file, without a database.
    Build {
        /// The index file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Files, and folders that are walked
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
}

impl Command {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<()> {
        match self {
            Self::Sync(command) => command.run(settings),
            Self::Import { public_keys, paths } => {
                database::with(settings, |db| import(db, public_keys, paths))
            }
            Self::Status => database::with(settings, sync::status),
            Self::Export(command) => command.run(settings),
            Self::Verify(command) => command.run(settings),
            Self::Keygen(command) => command.run(settings),
            Self::Build { out, paths } => build(settings, &out, &paths),
        }
    }
}

async fn import(db: Database, public_keys: Vec<String>, paths: Vec<PathBuf>) -> anyhow::Result<()> {
    let trusted = bundle::trusted(&db.config.feeds.trusted_keys, &public_keys)?;
    let places = FeedPaths::of(&db.config);
    let importer = FeedImporter::new(db.store.clone(), db.clock.clone(), places).trusting(trusted);
    let report = importer.import(paths).await?;
    if db.json {
        return output::json(&report);
    }
    for bundle in &report.bundles {
        bundle::print(bundle);
    }
    print_files(&report.files);
    output::line(format_args!("{} CVEs changed", report.changed));
    if let Some(index) = &report.index {
        print_index(index);
    }
    Ok(())
}

/// Takes what an index needs and drops the rest.
struct IndexSink(Builder);

impl FeedSink for IndexSink {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.0.add(&record).map_err(Into::into)
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.0.advisory(advisory)
    }
}

fn build(settings: &Settings, out: &Path, paths: &[PathBuf]) -> anyhow::Result<()> {
    let mut sink = IndexSink(Builder::new());
    let mut files = Vec::new();
    for path in paths {
        files.extend(feeds::read_path(path, &mut sink)?.files);
    }
    // An index of nothing finds nothing in anything, and looks like good news.
    ensure!(
        files.iter().any(|file| file.kind != FeedKind::Unknown),
        "nothing that was named holds a feed: {}; name feed files or folders with some, such as \
         nvdcve-2.0-2024.json.gz",
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    );
    // When it was made decides which of two indexes is the newer one (decision 18).
    let now_ms = i64::try_from(Clock::system().now_ms()).unwrap_or(i64::MAX);
    let report = sink.0.write_at(out, Timestamp(now_ms))?;
    if settings.json {
        return output::json(&json!({ "files": files, "index": report }));
    }
    print_files(&files);
    print_index(&report);
    Ok(())
}

fn print_files(files: &[FileReport]) {
    for file in files {
        let kind = match file.kind {
            FeedKind::Nvd => "CVE records",
            FeedKind::Kev => "KEV entries",
            FeedKind::Epss => "EPSS scores",
            FeedKind::CveProgram => "CVE programme's records with CISA's additions",
            FeedKind::Osv => "OSV advisories",
            FeedKind::UbuntuTracker => "CVEs of Ubuntu's tracker",
            FeedKind::RedHatVex => "Red Hat's VEX documents",
            FeedKind::AlpineSecdb => "Alpine's security databases",
            FeedKind::Msrc => "CVEs of Microsoft's updates",
            FeedKind::Unknown => "no feed",
        };
        let path = file.path.display();
        output::line(format_args!("{path}: {} {kind}, {} skipped", file.records, file.skipped));
        if file.statements > 0 || !file.left_out.is_empty() {
            let left_out: u64 = file.left_out.values().sum();
            output::line(format_args!(
                "  {} statements about packages, {left_out} left out of {} places that cannot be told",
                file.statements,
                file.left_out.len()
            ));
        }
        // The first ones of each file; the number that were skipped stands above.
        for problem in &file.problems {
            output::line(format_args!("  {}: {}", problem.record, problem.reason));
        }
        if let Some(damage) = &file.damage {
            output::line(format_args!("  damaged: {damage}"));
        }
    }
}

fn print_index(report: &BuildReport) {
    output::line(format_args!(
        "index {:016x} from {} records; left out: {} about hardware, {} malformed",
        report.generation, report.records, report.hardware, report.malformed
    ));
    match report.rebuilt {
        Rebuilt::All { reason } => output::line(format_args!("all of it was made anew: {reason}")),
        Rebuilt::Changed { cves, advisories } => output::line(format_args!(
            "{cves} CVEs and {advisories} advisories were judged anew, the rest was taken over"
        )),
    }
}
