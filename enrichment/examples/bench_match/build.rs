//! Builds the index as a collector does, of the extracts of files, and again after some records changed.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use enrichment::advisory::Advisory;
use enrichment::cve::{CveRecord, Timestamp};
use enrichment::feeds::{self, FeedSink, FileReport, SinkError};
use enrichment::index::{Builder, ContentId, Extracts, Index};

use super::figures::{as_f64, eprint, figure, figure_against, peak_memory_mb};

/// Builds the index as a collector does: of the extracts of files, then again after some changes.
pub(super) fn build(feeds: &[PathBuf], folder: &Path, path: &Path) -> Result<()> {
    let extracts = Extracts::in_folder(folder.join("extracts"));
    let start = Instant::now();
    let mut read = Read {
        builder: Builder::new(),
        extracts: &extracts,
        contents: Vec::new(),
        records: Vec::new(),
    };
    for feeds in feeds {
        feeds::read_path(feeds, &mut read)?;
    }
    let Read { mut contents, records, .. } = read;
    let reading = start.elapsed().as_secs_f64();
    figure("index_read", reading, "s");
    let built = extracts.build(path, &contents, Timestamp(1))?;
    let whole = start.elapsed().as_secs_f64();
    figure("index_assemble", whole - reading, "s");
    figure("index_build", whole, "s");
    figure("index_build_records", as_f64(built.records), "records");
    figure("index_build_peak_memory", peak_memory_mb(), "MB");
    figure("index_size", as_f64(built.stats.bytes) / 1e6, "MB");
    let kept: u64 = std::fs::read_dir(folder.join("extracts"))?
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum();
    figure("index_extracts_size", as_f64(kept) / 1e6, "MB");
    figure("index_statements", as_f64(built.stats.statements), "statements");
    let before = folder.join("before");
    std::fs::copy(path, &before)?;

    let start = Instant::now();
    let mut delta = Builder::new();
    for record in &records {
        delta.add(record)?;
    }
    let content = [1; 32];
    extracts.keep(&delta, &content)?;
    contents.push(content);
    for kept in &contents {
        // A sync looks at each whether it can be used.
        extracts.open(kept)?;
    }
    let rebuilt = extracts.build(path, &contents, Timestamp(2))?;
    let took = start.elapsed().as_secs_f64();
    eprint(&format!("{} records that changed: {:?}", records.len(), rebuilt.rebuilt));
    figure_against("index_rebuild", took, "s", whole, "index_build");
    let (before, after) = (Index::open(&before)?, Index::open(path)?);
    let start = Instant::now();
    black_box(enrichment::index::changes(&before, &after));
    figure("index_changes", start.elapsed().as_secs_f64(), "s");
    Ok(())
}

/// Reads feeds as a collector does.
struct Read<'a> {
    builder: Builder,
    extracts: &'a Extracts,
    contents: Vec<ContentId>,
    /// Some records as they may come again, changed.
    records: Vec<CveRecord>,
}

/// Records of a delta.
const CHANGED_RECORDS: usize = 200;

impl FeedSink for Read<'_> {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        if self.records.len() < CHANGED_RECORDS && !record.configurations.is_empty() {
            let mut changed = record.clone();
            changed.modified = Some(Timestamp(i64::MAX));
            let nodes = changed.configurations.iter_mut().flat_map(|all| &mut all.nodes);
            for cpe in nodes.flat_map(|node| &mut node.matches) {
                cpe.range.end_excluding = Some("9999.1".to_owned());
            }
            self.records.push(changed);
        }
        self.builder.cve(record)
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.builder.advisory(advisory)
    }

    fn end_of_file(&mut self, report: &FileReport) -> Result<(), SinkError> {
        let held = std::mem::take(&mut self.builder);
        if held.has_records() {
            // Stands for the hash of the content, which is at hand in a mirror.
            let mut content = [0; 32];
            content[..8].copy_from_slice(&(self.contents.len() as u64 + 2).to_le_bytes());
            self.extracts.keep(&held, &content)?;
            self.contents.push(content);
        }
        let _unused = report;
        Ok(())
    }
}
