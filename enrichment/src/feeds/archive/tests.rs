//! Archives as they are published, and ones that are damaged or made to do harm.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use super::*;
use crate::advisory::Advisory;
use crate::cve::CveRecord;
use crate::feeds::report::FeedKind;
use crate::feeds::{
    FeedError, FeedSink, FileReport, SinkError, read_path, read_seekable, read_stream,
};

const DSA: &str = r#"{"id":"DSA-1-1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{
    "ecosystem":"Debian:12","name":"x"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#;

#[derive(Default)]
struct Taken {
    cves: Vec<CveRecord>,
    advisories: Vec<Advisory>,
}

impl FeedSink for Taken {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.cves.push(record);
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        if self.advisories.len() == 2 {
            return Err("the disk is full".into());
        }
        self.advisories.push(advisory);
        Ok(())
    }
}

fn real(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/advisories").join(name)
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = ::tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *text).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        let options = ::zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(text).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read_tar(bytes: &[u8]) -> (Result<FileReport, FeedError>, Taken) {
    let mut taken = Taken::default();
    let read = read_stream(Path::new("a.tar"), &mut Cursor::new(bytes), &mut taken);
    (read, taken)
}

/// Reads bytes of which any part can be read, as those of a file.
fn read_file(bytes: &[u8]) -> (Result<FileReport, FeedError>, Taken) {
    let mut taken = Taken::default();
    let read = read_seekable(Path::new("all.zip"), Cursor::new(bytes), &mut taken);
    (read, taken)
}

#[test]
fn an_archive_of_the_osv_bucket_is_read_as_one_file() {
    struct All(Vec<String>);
    impl FeedSink for All {
        fn cve(&mut self, _record: CveRecord) -> Result<(), SinkError> {
            Err("there is no CVE record in it".into())
        }

        fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
            self.0.push(advisory.id);
            Ok(())
        }
    }
    let mut all = All(Vec::new());
    let report = read_path(&real("almalinux-osv.zip"), &mut all).unwrap();
    let [file] = &report.files[..] else {
        panic!("{report:?}");
    };
    assert_eq!((file.kind, file.records, file.statements), (FeedKind::Osv, 4, 33));
    assert!(all.0.contains(&"ALSA-2023:7465".to_owned()), "{:?}", all.0);
}

#[test]
fn what_is_no_feed_in_an_archive_is_passed_over_and_a_bad_record_is_named_with_its_file() {
    let bad = DSA.replace("2024-01-01", "2024-31-01");
    let files: [(&str, &[u8]); 5] = [
        ("README.md", b"# Text"),
        ("vulns/.id-allocator", b"9f3a"),
        ("vulns/bad.json", bad.as_bytes()),
        ("vulns/DSA-1-1.json", DSA.as_bytes()),
        ("vulns/cut.json", &DSA.as_bytes()[..100]),
    ];
    for (read, taken) in [read_tar(&tar(&files)), read_file(&zip(&files))] {
        let file = read.unwrap();
        assert_eq!((file.kind, file.records, file.skipped), (FeedKind::Osv, 1, 1), "{file:?}");
        assert_eq!(file.problems[0].record, "vulns/bad.json: DSA-1-1");
        assert_eq!(taken.advisories.len(), 1);
    }
}

#[test]
fn a_tar_may_be_compressed_and_hold_compressed_files() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(DSA.as_bytes()).unwrap();
    let inner = encoder.finish().unwrap();
    let outer = zstd::bulk::compress(&tar(&[("DSA-1-1.json.gz", &inner)]), 3).unwrap();
    let (read, taken) = read_tar(&outer);
    assert_eq!(read.unwrap().records, 1);
    assert_eq!(taken.advisories[0].id, "DSA-1-1");
}

#[test]
fn archives_in_archives_are_not_opened() {
    let inner = tar(&[("DSA-1-1.json", DSA.as_bytes())]);
    let zipped = zip(&[("DSA-1-1.json", DSA.as_bytes())]);
    let (read, taken) = read_tar(&tar(&[("inner.tar", &inner), ("inner.zip", &zipped)]));
    assert!(matches!(read, Err(FeedError::NotAFeed { .. })), "{read:?}");
    assert!(taken.advisories.is_empty());
}

#[test]
fn names_that_lead_out_of_an_archive_are_only_names() {
    let bad = DSA.replace("2024-01-01", "2024-31-01");
    let (read, _) = read_file(&zip(&[("../../etc/passwd", bad.as_bytes())]));
    let file = read.unwrap();
    assert_eq!(file.problems[0].record, "../../etc/passwd: DSA-1-1");
}

#[test]
fn an_archive_that_was_cut_gives_what_stands_before_the_cut() {
    let long = [DSA.as_bytes(), &b" ".repeat(4096)].concat();
    let whole = tar(&[("1.json", DSA.as_bytes()), ("2.json", &long)]);
    let (read, taken) = read_tar(&whole[..whole.len() - 4096]);
    assert!(matches!(read, Err(FeedError::Damaged { .. })), "{read:?}");
    assert_eq!(taken.advisories[0].id, "DSA-1-1");
    let whole = zip(&[("1.json", DSA.as_bytes())]);
    let (read, taken) = read_file(&whole[..whole.len() - 10]);
    assert!(matches!(read, Err(FeedError::Damaged { records: 0, .. })), "{read:?}");
    assert!(taken.advisories.is_empty(), "without its table a zip cannot be read");
}

#[test]
fn a_damaged_file_of_a_zip_does_not_end_the_others() {
    let mut bytes = zip(&[("1.json", DSA.as_bytes()), ("2.json", DSA.as_bytes())]);
    let name = bytes.windows(6).position(|at| at == b"1.json").unwrap();
    // Behind the name the first file's compressed bytes begin.
    bytes[name + 20] ^= 0xff;
    let (read, taken) = read_file(&bytes);
    let file = read.unwrap();
    assert_eq!(taken.advisories.len(), 1, "{file:?}");
}

#[test]
fn a_zip_that_comes_as_a_stream_is_refused_with_what_to_do() {
    let (read, _) = read_tar(&zip(&[("1.json", DSA.as_bytes())]));
    let error = read.unwrap_err().to_string();
    assert!(error.contains("a zip archive has to be a file of its own"), "{error}");
}

#[test]
fn a_full_sink_ends_the_reading_of_an_archive() {
    let file = DSA.as_bytes();
    let files: [(&str, &[u8]); 3] = [("1", file), ("2", file), ("3", file)];
    for (read, taken) in [read_tar(&tar(&files)), read_file(&zip(&files))] {
        assert!(matches!(read, Err(FeedError::Sink { .. })), "{read:?}");
        assert_eq!(taken.advisories.len(), 2);
    }
}

#[test]
fn an_empty_archive_is_no_feed() {
    for (read, _) in [read_tar(&tar(&[])), read_file(&zip(&[]))] {
        assert!(matches!(read, Err(FeedError::NotAFeed { .. })), "{read:?}");
    }
}
