//! `muster-collector feed`.

use std::path::{Path, PathBuf};

use enrichment::cve::CveRecord;
use enrichment::feeds::{self, FeedKind, FeedSink, FileReport, SinkError};
use enrichment::index::{BuildReport, Builder};
use serde_json::json;

use super::database::{self, Database};
use super::output;
use super::settings::Settings;
use crate::feeds::{FeedImporter, FeedPaths};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Takes feed files in: NVD 2.0 feeds and API pages, KEV, EPSS; plain, gz, xz or zst.
    Import {
        /// Files, and folders that are walked
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Says what was imported, and how old it is.
    Status,
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
            Self::Import { paths } => database::with(settings, |db| import(db, paths)),
            Self::Status => database::with(settings, status),
            Self::Build { out, paths } => build(settings, &out, &paths),
        }
    }
}

async fn import(db: Database, paths: Vec<PathBuf>) -> anyhow::Result<()> {
    let places = FeedPaths {
        mirror: db.config.node.data_dir.join("mirror"),
        index: db.config.enrichment.index.clone(),
    };
    let importer = FeedImporter::new(db.store.clone(), db.clock.clone(), places);
    let report = importer.import(paths).await?;
    if db.json {
        return output::json(&report);
    }
    print_files(&report.files);
    output::line(format_args!("{} CVEs changed", report.changed));
    if let Some(index) = &report.index {
        print_index(index);
    }
    Ok(())
}

async fn status(db: Database) -> anyhow::Result<()> {
    for feed in store::feeds::list(&db.store).await? {
        let age = feed
            .last_success_at
            .map(|at| (db.clock.now() - at).whole_seconds());
        if db.json {
            output::json(&json!({
                "source": feed.source,
                "age_s": age,
                "newest_record_at": feed.newest_record_at.map(|at| at.to_string()),
                "records": feed.records,
                "changed": feed.changed,
                "skipped": feed.skipped,
                "error": feed.error,
            }))?;
        } else {
            let age = age.map_or_else(|| "never".to_owned(), |s| format!("{} h ago", s / 3_600));
            let error = feed.error.map(|error| format!("  last error: {error}"));
            output::line(format_args!(
                "{:<8} {age:>12}  {} records, {} skipped{}",
                feed.source,
                feed.records,
                feed.skipped,
                error.unwrap_or_default()
            ));
        }
    }
    Ok(())
}

/// Takes what an index needs and drops the rest.
struct IndexSink(Builder);

impl FeedSink for IndexSink {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.0.add(&record).map_err(Into::into)
    }
}

fn build(settings: &Settings, out: &Path, paths: &[PathBuf]) -> anyhow::Result<()> {
    let mut sink = IndexSink(Builder::new());
    let mut files = Vec::new();
    for path in paths {
        files.extend(feeds::read_path(path, &mut sink)?.files);
    }
    let report = sink.0.write(out)?;
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
            FeedKind::Unknown => "no feed",
        };
        let path = file.path.display();
        output::line(format_args!(
            "{path}: {} {kind}, {} skipped",
            file.records, file.skipped
        ));
        if file.statements > 0 || !file.left_out.is_empty() {
            let left_out: u64 = file.left_out.values().sum();
            output::line(format_args!(
                "  {} statements about packages, {left_out} left out of {} places that cannot be told",
                file.statements,
                file.left_out.len()
            ));
        }
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
}
