//! A source that is one file: fetched when it changed, looked at, and only then put in place.

use enrichment::advisory::Advisory;
use enrichment::cve::{CveRecord, EpssEntry, KevEntry};
use enrichment::feeds::{self as reader, FeedKind, FeedSink, SinkError};

use super::archive;
use super::fetch::{FetchError, Fetcher};
use super::http::{Request, shown};
use super::mirror::{Mirror, Part};
use crate::config::{FeedSource, FeedSourceKind};

/// The name of the one part of such a source.
const ALL: &str = "all";

/// What keeps the mirror of such a source up to date.
#[derive(Debug)]
pub(super) struct OneFile<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) mirror: &'a Mirror,
    pub(super) source: &'a FeedSource,
    /// Whether to fetch what is here already, and to take what is suspiciously small.
    pub(super) is_forced: bool,
}

impl OneFile<'_> {
    /// Fetches the file if it changed. Gives how many bad records were passed over.
    ///
    /// # Errors
    ///
    /// When it does not come, or is not what it should be.
    ///
    /// # Cancel safety
    ///
    /// Safe: the mirror holds the file from before or the new one.
    pub(super) async fn sync(&self) -> Result<u64, FetchError> {
        let name = self.source.name.as_str();
        let before = self.mirror.source(name).parts.remove(ALL);
        // Without a condition when it is forced: the server has to send what it would call the
        // same.
        let known = before.as_ref().filter(|_| !self.is_forced);
        let request = Request {
            url: &self.source.url,
            etag: known.and_then(|part| part.etag.as_deref()),
            last_modified: known.and_then(|part| part.last_modified.as_deref()),
            ..Request::default()
        };
        let create = || self.mirror.create(name);
        let Some(download) = self.fetcher.file(&request, create).await? else {
            return Ok(0);
        };
        let before = before.filter(|_| !self.is_forced).and_then(|part| part.records).unwrap_or(0);
        let (mirror, source) = (self.mirror.clone(), self.source.clone());
        let keeping = tokio::task::spawn_blocking(move || keep(&mirror, &source, download, before));
        keeping.await.map_err(std::io::Error::other)?
    }
}

/// Looks at a file that was fetched, and makes it count.
fn keep(
    mirror: &Mirror,
    source: &FeedSource,
    download: Part,
    records_before: u64,
) -> Result<u64, FetchError> {
    let wrong = |reason: String| FetchError::content(shown(&source.url), reason);
    // Of what was sent and not of what is made of it: they are said to the server the next time.
    let (etag, last_modified) = (download.etag.clone(), download.last_modified.clone());
    let (mut part, mut skipped) = (download, 0);
    if source.kind == FeedSourceKind::Archive {
        let to = mirror.create(&source.name)?;
        let unpacked = archive::unpack(&mirror.path(&part), to)
            .map_err(|error| wrong(format!("it is no whole archive: {error}")))?;
        (part, skipped) = (unpacked.part, unpacked.skipped);
    }
    // Read whole before it counts. A page of a proxy that asks to sign in comes with 200 as well.
    let report = reader::read_path(&mirror.path(&part), &mut Nowhere)
        .map_err(|error| wrong(error.to_string()))?;
    if let Some(expected) = expected(&source.name)
        && let Some(file) = report.files.iter().find(|file| file.kind != expected)
    {
        return Err(wrong(format!("it holds {:?} where {expected:?} should be", file.kind)));
    }
    let records = report
        .files
        .iter()
        // What is not used is a good record all the same: a feed may be whole without one that
        // applies here.
        .map(|file| file.records + file.not_used)
        .sum();
    if records == 0 {
        return Err(wrong("it holds no record".to_owned()));
    }
    // A server that lost half of its data is more likely than that half of it was wrong.
    if records < records_before / 2 {
        return Err(wrong(format!(
            "it holds {records} records where there were {records_before}; \
             `feed sync --force {}` takes it all the same",
            source.name
        )));
    }
    mirror.commit(|manifest| {
        let state = manifest.sources.entry(source.name.clone()).or_default();
        let part = Part { records: Some(records), etag, last_modified, ..part };
        state.parts.insert(ALL.to_owned(), part);
    })?;
    Ok(skipped)
}

/// What a source has to hold; the others may hold anything that is read.
fn expected(source: &str) -> Option<FeedKind> {
    match source {
        "kev" => Some(FeedKind::Kev),
        "epss" => Some(FeedKind::Epss),
        "anchore" => Some(FeedKind::Nvd),
        _ => None,
    }
}

/// Takes records and drops them: only whether they can be read is asked.
#[derive(Debug)]
pub(super) struct Nowhere;

impl FeedSink for Nowhere {
    fn cve(&mut self, _: CveRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn advisory(&mut self, _: Advisory) -> Result<(), SinkError> {
        Ok(())
    }

    fn kev(&mut self, _: KevEntry) -> Result<(), SinkError> {
        Ok(())
    }

    fn epss(&mut self, _: EpssEntry) -> Result<(), SinkError> {
        Ok(())
    }
}
