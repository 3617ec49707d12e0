//! Where the records of a feed go while a file is read: into the index that is being built, and in
//! pages to whoever writes the database.

use enrichment::cve::{CveRecord, EpssEntry, KevEntry};
use enrichment::feeds::{FeedSink, SinkError};
use enrichment::index::Builder;
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
}

/// Takes records in. Its calls wait for the database, so it belongs on a thread that may.
#[derive(Debug)]
pub(super) struct Sink {
    builder: Builder,
    pages: mpsc::Sender<Page>,
    cves: Vec<CveRecord>,
    kev: Vec<KevEntry>,
    epss: Vec<EpssEntry>,
}

impl Sink {
    /// A sink whose pages go to a channel.
    pub(super) fn new(pages: mpsc::Sender<Page>) -> Self {
        Self {
            builder: Builder::new(),
            pages,
            cves: Vec::new(),
            kev: Vec::new(),
            epss: Vec::new(),
        }
    }

    /// Sends what has not been sent, and gives the index that is being built.
    ///
    /// # Errors
    ///
    /// When nobody takes the pages any more.
    pub(super) fn finish(mut self) -> Result<Builder, SinkError> {
        self.send_cves()?;
        if !self.kev.is_empty() {
            self.pages
                .blocking_send(Page::Kev(std::mem::take(&mut self.kev)))?;
        }
        self.send_epss(self.epss.len())?;
        Ok(self.builder)
    }

    fn send_cves(&mut self) -> Result<(), SinkError> {
        if !self.cves.is_empty() {
            self.pages
                .blocking_send(Page::Cves(std::mem::take(&mut self.cves)))?;
        }
        Ok(())
    }

    fn send_epss(&mut self, enough: usize) -> Result<(), SinkError> {
        if !self.epss.is_empty() && self.epss.len() >= enough {
            self.pages
                .blocking_send(Page::Epss(std::mem::take(&mut self.epss)))?;
        }
        Ok(())
    }
}

impl FeedSink for Sink {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.builder.add(&record)?;
        self.cves.push(record);
        if self.cves.len() >= PAGE_RECORDS {
            self.send_cves()
        } else {
            Ok(())
        }
    }

    fn kev(&mut self, entry: KevEntry) -> Result<(), SinkError> {
        self.kev.push(entry);
        Ok(())
    }

    fn epss(&mut self, entry: EpssEntry) -> Result<(), SinkError> {
        self.epss.push(entry);
        self.send_epss(PAGE_RECORDS)
    }
}

/// Takes CVE records of the mirror into an index, and nothing else.
#[derive(Debug)]
pub(super) struct IndexOnly<'a>(pub(super) &'a mut Builder);

impl FeedSink for IndexOnly<'_> {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.0.add(&record).map_err(Into::into)
    }
}
