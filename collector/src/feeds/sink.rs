//! Where the records of a feed go while a file is read: into the file's extract, which the index is
//! built of, and in pages to whoever writes the database.

use std::collections::BTreeMap;

use enrichment::advisory::Advisory;
use enrichment::cve::{CveId, CveRecord, EpssEntry, KevEntry};
use enrichment::feeds::{FeedSink, FileReport, SinkError};
use enrichment::index::Builder;
use enrichment::rating::{Rating, Ratings};
use tokio::sync::mpsc;

/// Records of one page.
const PAGE_RECORDS: usize = 2_000;
/// Pages that may wait for the database. Reading waits when there are as many.
pub(super) const PAGES_MAX: usize = 2;

/// A page of records for the database.
#[derive(Debug)]
pub(super) enum Page {
    /// CVE records.
    Cves(Vec<CveRecord>),
    /// Entries of CISA's catalogue.
    Kev(Vec<KevEntry>),
    /// Scores of FIRST.
    Epss(Vec<EpssEntry>),
    /// How severe advisories call CVEs.
    Ratings(Vec<(CveId, Rating)>),
}

/// Takes records in. Its calls wait for the database, so it belongs on a thread that may.
#[derive(Debug)]
pub(super) struct Sink<K> {
    /// What the file that is being read holds for the index.
    builder: Builder,
    /// Keeps it when the file ends.
    keep: K,
    /// Where pages go, with the name of the source that they are of.
    pages: mpsc::Sender<(String, Page)>,
    source: String,
    cves: Vec<CveRecord>,
    kev: Vec<KevEntry>,
    epss: Vec<EpssEntry>,
    /// Of the source that is being read.
    ratings: Ratings,
    /// Of all sources before it, with whose word it is: which one counts is known when everything has
    /// been read.
    rated: BTreeMap<CveId, (Rating, String)>,
}

impl<K> Sink<K> {
    /// A sink whose pages go to a channel, and which gives what the index needs of each file to
    /// `keep`.
    pub(super) fn new(pages: mpsc::Sender<(String, Page)>, keep: K) -> Self {
        Self {
            builder: Builder::new(),
            keep,
            pages,
            source: String::new(),
            cves: Vec::new(),
            kev: Vec::new(),
            epss: Vec::new(),
            ratings: Ratings::default(),
            rated: BTreeMap::new(),
        }
    }

    /// What comes from now on is of another source.
    ///
    /// # Errors
    ///
    /// When nobody takes the pages any more.
    pub(super) fn begin(&mut self, source: &str) -> Result<(), SinkError> {
        // Several files of a source may share a page; of two sources each has its own.
        if self.source != source {
            self.send_all()?;
            self.settle_ratings();
            source.clone_into(&mut self.source);
        }
        Ok(())
    }

    /// Sends what has not been sent, and gives the keeper back.
    ///
    /// # Errors
    ///
    /// When nobody takes the pages any more.
    pub(super) fn finish(mut self) -> Result<K, SinkError> {
        self.send_all()?;
        self.settle_ratings();
        self.send_ratings()?;
        Ok(self.keep)
    }

    /// Compares the words of a source that was read with those of the sources before it.
    fn settle_ratings(&mut self) {
        for (cve, rating) in std::mem::take(&mut self.ratings) {
            let is_beaten = |(kept, _): &(Rating, String)| !rating.outranks(kept);
            if !self.rated.get(&cve).is_some_and(is_beaten) {
                self.rated.insert(cve, (rating, self.source.clone()));
            }
        }
    }

    /// Sends the words that count, each under the source that has it: what its row says of the last
    /// sync is what it changed itself.
    fn send_ratings(&mut self) -> Result<(), SinkError> {
        // After all records: a word counts only where nobody has scored, and that is known in the
        // rows then.
        let mut by_source: BTreeMap<String, Vec<(CveId, Rating)>> = BTreeMap::new();
        for (cve, (rating, source)) in std::mem::take(&mut self.rated) {
            by_source.entry(source).or_default().push((cve, rating));
        }
        for (source, ratings) in by_source {
            self.source = source;
            for page in ratings.chunks(PAGE_RECORDS) {
                self.send(Page::Ratings(page.to_vec()))?;
            }
        }
        Ok(())
    }

    fn send_all(&mut self) -> Result<(), SinkError> {
        let cves = std::mem::take(&mut self.cves);
        let kev = std::mem::take(&mut self.kev);
        let epss = std::mem::take(&mut self.epss);
        if !cves.is_empty() {
            self.send(Page::Cves(cves))?;
        }
        if !kev.is_empty() {
            self.send(Page::Kev(kev))?;
        }
        if !epss.is_empty() {
            self.send(Page::Epss(epss))?;
        }
        Ok(())
    }

    fn send(&self, page: Page) -> Result<(), SinkError> {
        // Waits while the database is slow, so that a feed of gigabytes is never in memory as a
        // whole.
        self.pages.blocking_send((self.source.clone(), page))?;
        Ok(())
    }
}

/// Keeps what an index is made of, a file at a time.
pub(super) trait Keep {
    /// A file that was read, with what it holds for the index.
    ///
    /// # Errors
    ///
    /// When it cannot be kept; reading ends then.
    fn keep(&mut self, file: &FileReport, held: &Builder) -> Result<(), SinkError>;
}

impl<K: Keep> FeedSink for Sink<K> {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.builder.add(&record)?;
        self.cves.push(record);
        if self.cves.len() >= PAGE_RECORDS {
            let page = std::mem::take(&mut self.cves);
            self.send(Page::Cves(page))?;
        }
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.ratings.add(&advisory);
        self.builder.advisory(advisory)
    }

    fn kev(&mut self, entry: KevEntry) -> Result<(), SinkError> {
        // Never sent before the source ends: `replace_kev` takes what it is given for the whole
        // catalogue.
        self.kev.push(entry);
        Ok(())
    }

    fn epss(&mut self, entry: EpssEntry) -> Result<(), SinkError> {
        self.epss.push(entry);
        if self.epss.len() >= PAGE_RECORDS {
            let page = std::mem::take(&mut self.epss);
            self.send(Page::Epss(page))?;
        }
        Ok(())
    }

    fn end_of_file(&mut self, report: &FileReport) -> Result<(), SinkError> {
        let held = std::mem::take(&mut self.builder);
        self.keep.keep(report, &held)
    }
}

/// Takes what an index is made of, and nothing else.
#[derive(Debug)]
pub(super) struct IndexOnly<'a>(pub(super) &'a mut Builder);

impl FeedSink for IndexOnly<'_> {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        FeedSink::cve(self.0, record)
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.0.advisory(advisory)
    }
}

#[cfg(test)]
mod tests;
