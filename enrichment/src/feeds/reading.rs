//! Reads one file: finds its layout, cuts it into records, has each parsed, and hands them on.

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use crate::advisory::Advisory;
use crate::bounded_line;
use crate::cve::{CveRecord, RecordSource};
use crate::feeds::advisories::Advisories;
use crate::feeds::layout::{HEAD_BYTES, Layout};
use crate::feeds::msrc::Published;
use crate::feeds::msrc::table::Table;
use crate::feeds::record::{self, Parsed};
use crate::feeds::report::{FeedKind, FileReport};
use crate::feeds::scan::{Item, Scanner};
use crate::feeds::stop::Stop;
use crate::feeds::{DOCUMENT_BYTES_MAX, FILE_BYTES_MAX, FeedSink, RECORD_BYTES_MAX, SinkError};
use crate::feeds::{archive, csv, epss, kev, layout, open};

/// Bytes of one record in YAML; the longest has 60 KB.
const YAML_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one row of a table.
const ROW_BYTES_MAX: usize = 64 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// The reading of one file.
pub(super) struct Reading<'a> {
    sink: &'a mut dyn FeedSink,
    report: FileReport,
    /// Records seen, good and bad: the place of a record without an id.
    seen: u64,
    /// What the record before was.
    hint: FeedKind,
    /// Whether it is in an archive itself.
    is_member: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(path: &Path, sink: &'a mut dyn FeedSink) -> Self {
        Self {
            sink,
            report: FileReport::new(path),
            seen: 0,
            hint: FeedKind::Unknown,
            is_member: false,
        }
    }

    /// The reading of a file in an archive.
    pub(super) fn of_member(name: &Path, sink: &'a mut dyn FeedSink) -> Self {
        Self { is_member: true, ..Self::new(name, sink) }
    }

    /// Reads a zip archive.
    pub(super) fn read_zip(mut self, file: impl Read + Seek) -> Result<FileReport, SinkError> {
        let read = archive::zip(BufReader::new(file), |name, stream| self.member(name, stream));
        self.finish(read)
    }

    pub(super) fn read(mut self, stream: &mut dyn Read) -> Result<FileReport, SinkError> {
        let read = self.read_all(stream);
        self.finish(read)
    }

    /// Reads a file of an archive, which is reported as a part of it.
    fn member(&mut self, name: &Path, stream: &mut dyn Read) -> Result<(), Stop> {
        let member = Reading::of_member(name, self.sink).read(stream);
        self.report.take_in(member.map_err(Stop::Sink)?);
        Ok(())
    }

    fn finish(mut self, read: Result<(), Stop>) -> Result<FileReport, SinkError> {
        match read {
            Ok(()) => {}
            Err(Stop::Damage(error)) => self.report.damage = Some(error.to_string()),
            Err(Stop::Sink(error)) => return Err(error),
        }
        Ok(self.report)
    }

    fn read_all(&mut self, stream: &mut dyn Read) -> Result<(), Stop> {
        let mut stream = open::decompressed(stream, FILE_BYTES_MAX)?;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        // What precedes damage within the head is still to be read.
        let head_result = (&mut stream).take(HEAD_BYTES as u64).read_to_end(&mut head);
        if head.starts_with(layout::BYTE_ORDER_MARK) {
            head.drain(..layout::BYTE_ORDER_MARK.len());
        }
        let layout = layout::of(&head);
        let separator = epss::separator(&head);
        let declared = layout::declared(&head);
        // The head is put back in front, so that every reader begins at the beginning.
        let rest = Rest { stream, failed: head_result.err() };
        let reader = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(rest));
        match layout {
            Layout::Documents => {
                self.report.kind = declared.unwrap_or(FeedKind::Unknown);
                self.documents(Scanner::new(reader, RECORD_BYTES_MAX), RECORD_BYTES_MAX)
            }
            Layout::Whole => {
                self.documents(Scanner::whole(reader, DOCUMENT_BYTES_MAX), DOCUMENT_BYTES_MAX)
            }
            Layout::Yaml => self.yaml(reader),
            // One level, as with the zip below: archives in archives are how small files become
            // endless ones.
            Layout::Tar if !self.is_member => {
                archive::tar(reader, |name, stream| self.member(name, stream))
            }
            Layout::Zip if !self.is_member => Err(Stop::Damage(io::Error::other(
                "a zip archive has to be a file of its own, uncompressed",
            ))),
            Layout::Lines => self.lines(reader),
            Layout::EpssTable => self.epss_table(reader, separator),
            Layout::KevTable => self.kev_table(reader),
            Layout::UpdateTable => self.update_table(reader),
            // The report's kind stays unknown, which says so to whoever named the file and to
            // nobody in a folder.
            Layout::Tar | Layout::Zip | Layout::Unknown => Ok(()),
        }
    }

    fn documents(
        &mut self,
        mut scanner: Scanner<impl BufRead>,
        bytes_max: usize,
    ) -> Result<(), Stop> {
        let mut record = Vec::new();
        while let Some(item) = scanner.next(&mut record)? {
            match item {
                Item::Element | Item::Document => self.record(&record)?,
                Item::TooLong => {
                    self.seen += 1;
                    self.too_long(bytes_max);
                }
            }
        }
        Ok(())
    }

    fn lines(&mut self, mut reader: impl BufRead) -> Result<(), Stop> {
        let mut line = Vec::new();
        while let Some(fits) = bounded_line::next(&mut reader, &mut line, RECORD_BYTES_MAX)? {
            if !fits {
                self.seen += 1;
                self.too_long(RECORD_BYTES_MAX);
            } else if !line.trim_ascii().is_empty() {
                self.record(&line)?;
            }
        }
        Ok(())
    }

    /// One record in YAML, of which JSON is the other spelling.
    fn yaml(&mut self, reader: impl BufRead) -> Result<(), Stop> {
        let mut text = String::new();
        reader.take(YAML_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
        if text.len() > YAML_BYTES_MAX {
            self.seen += 1;
            self.too_long(YAML_BYTES_MAX);
            return Ok(());
        }
        // The parser bounds aliases, which could make a small text very large.
        let value: Result<serde_json::Value, _> = serde_saphyr::from_str(&text);
        match value {
            // Through JSON, so that there is one parser of the format. Records in YAML are few and
            // small.
            Ok(value) => self.record(value.to_string().as_bytes()),
            Err(error) => {
                self.seen += 1;
                self.is(FeedKind::Osv);
                let reason = error.to_string();
                let first_line = reason.lines().next().unwrap_or_default();
                self.report.skip(self.place(), first_line.to_owned());
                Ok(())
            }
        }
    }

    fn record(&mut self, record: &[u8]) -> Result<(), Stop> {
        self.seen += 1;
        match record::parse(record, self.hint) {
            Ok(Parsed::Cve(record)) => self.cve(*record)?,
            Ok(Parsed::Kev(entry)) => {
                self.found(FeedKind::Kev);
                self.sink.kev(*entry).map_err(Stop::Sink)?;
            }
            Ok(Parsed::Advisories(found)) => self.advisories(found)?,
            Ok(Parsed::Published(found)) => self.published(*found)?,
            Ok(Parsed::NotUsed(kind)) => {
                self.is(kind);
                self.report.not_used += 1;
            }
            Ok(Parsed::Other) => self.report.skip(
                self.place(),
                "it is no CVE record, no catalogue entry and no advisory".to_owned(),
            ),
            Err(refused) => {
                // A bad record of a feed still tells that the file is one.
                if refused.id.is_some() {
                    self.is(refused.kind);
                }
                let record = refused.id.unwrap_or_else(|| self.place());
                self.report.skip(record, refused.reason);
            }
        }
        Ok(())
    }

    fn cve(&mut self, record: CveRecord) -> Result<(), Stop> {
        self.found(match record.source {
            RecordSource::Nvd | RecordSource::Anchore => FeedKind::Nvd,
            RecordSource::Cisa | RecordSource::Assigner => FeedKind::CveProgram,
        });
        self.report.newest = self.report.newest.max(record.modified);
        self.sink.cve(record).map_err(Stop::Sink)
    }

    fn advisories(&mut self, found: Advisories) -> Result<(), Stop> {
        if found.advisories.is_empty() {
            self.is(found.kind);
            self.report.not_used += 1;
        } else {
            self.found(found.kind);
        }
        for what in found.left_out {
            self.report.leave_out(what, 1);
        }
        for advisory in found.advisories {
            self.advisory(advisory)?;
        }
        Ok(())
    }

    /// What Microsoft publishes: of a month each CVE is a record.
    fn published(&mut self, found: Published) -> Result<(), Stop> {
        self.is(FeedKind::Msrc);
        self.report.not_used += found.not_used;
        for problem in found.problems {
            self.report.skip(problem.record, problem.reason);
        }
        for what in found.left_out {
            self.report.leave_out(what, 1);
        }
        for advisory in found.advisories {
            // The others only say which update holds which.
            self.report.records += u64::from(!advisory.cves.is_empty());
            self.advisory(advisory)?;
        }
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), Stop> {
        self.report.newest = self.report.newest.max(advisory.modified);
        self.report.statements += advisory.affected.len() as u64;
        self.sink.advisory(advisory).map_err(Stop::Sink)
    }

    fn update_table(&mut self, reader: impl BufRead) -> Result<(), Stop> {
        self.is(FeedKind::Msrc);
        let mut rows = csv::Rows::new(reader, b',', ROW_BYTES_MAX);
        let Some(csv::Row::Fields(header)) = rows.next()? else {
            return Err(Stop::Damage(io::Error::other("the table has no header")));
        };
        let mut table = Table::new(&header).map_err(io::Error::other)?;
        // What a table that is cut says of a CVE may be half of it, so nothing of it counts.
        while let Some(row) = rows.next()? {
            self.seen += 1;
            let csv::Row::Fields(fields) = row else {
                self.too_long(ROW_BYTES_MAX);
                continue;
            };
            match table.add(&fields) {
                Ok(is_used) => self.report.not_used += u64::from(!is_used),
                Err(reason) => self.report.skip(self.place(), reason),
            }
        }
        let (published, left_out) = table.finish();
        for (what, rows) in left_out {
            self.report.leave_out(what, rows);
        }
        self.published(published)
    }

    fn epss_table(&mut self, reader: impl BufRead, separator: u8) -> Result<(), Stop> {
        // The header told it: a table without a single row is a table, and no unknown file.
        self.is(FeedKind::Epss);
        let mut rows = csv::Rows::new(reader, separator, ROW_BYTES_MAX);
        while let Some(row) = rows.next()? {
            self.seen += 1;
            let csv::Row::Fields(fields) = row else {
                self.too_long(ROW_BYTES_MAX);
                continue;
            };
            match epss::entry(&fields) {
                Ok(Some(entry)) => {
                    self.found(FeedKind::Epss);
                    self.sink.epss(entry).map_err(Stop::Sink)?;
                }
                Ok(None) => {}
                Err(reason) => self.report.skip(self.place(), reason),
            }
        }
        Ok(())
    }

    fn kev_table(&mut self, reader: impl BufRead) -> Result<(), Stop> {
        self.is(FeedKind::Kev);
        let mut rows = csv::Rows::new(reader, b',', ROW_BYTES_MAX);
        let Some(csv::Row::Fields(header)) = rows.next()? else {
            return Err(Stop::Damage(io::Error::other("the table has no header")));
        };
        let columns = kev::Columns::new(&header).map_err(io::Error::other)?;
        while let Some(row) = rows.next()? {
            self.seen += 1;
            let csv::Row::Fields(fields) = row else {
                self.too_long(ROW_BYTES_MAX);
                continue;
            };
            match columns.entry(&fields) {
                Ok(entry) => {
                    self.found(FeedKind::Kev);
                    self.sink.kev(entry).map_err(Stop::Sink)?;
                }
                Err(reason) => self.report.skip(self.place(), reason),
            }
        }
        Ok(())
    }

    fn too_long(&mut self, bytes_max: usize) {
        self.report.skip(self.place(), format!("it has more than {bytes_max} bytes"));
    }

    /// The first record tells what the file is.
    fn is(&mut self, kind: FeedKind) {
        self.hint = kind;
        if self.report.kind == FeedKind::Unknown {
            self.report.kind = kind;
        }
    }

    fn found(&mut self, kind: FeedKind) {
        self.is(kind);
        self.report.records += 1;
    }

    fn place(&self) -> String {
        format!("record {}", self.seen)
    }
}

/// A stream whose beginning was read before, together with how that ended.
struct Rest<R> {
    stream: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.stream.read(buffer),
        }
    }
}
