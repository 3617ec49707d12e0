//! Runs the fuzz targets' corpus as an ordinary test, so that what a fuzzer once found stays found.

use std::fs;
use std::io;
use std::path::PathBuf;

#[path = "../fuzz/checks.rs"]
#[expect(clippy::expect_used, reason = "a check that fails is a panic")]
mod checks;

fn replay(target: &str, check: fn(&[u8])) -> io::Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder)? {
        check(&fs::read(entry?.path())?);
        files += 1;
    }
    assert!(files >= 3, "{} holds {files} inputs", folder.display());
    Ok(())
}

#[test]
fn every_feed_of_the_corpus_is_read_alike_twice() -> io::Result<()> {
    replay("feed", checks::feed)
}

#[test]
fn every_index_of_the_corpus_answers_or_does_not_open() -> io::Result<()> {
    replay("index", checks::index)
}

#[test]
fn every_line_of_the_corpus_has_an_answer() -> io::Result<()> {
    replay("lines", checks::lines)
}

#[test]
fn every_record_of_the_corpus_keeps_what_its_type_promises() -> io::Result<()> {
    replay("cve_records", checks::feed)?;
    replay("osv", checks::feed)?;
    replay("trackers", checks::feed)?;
    replay("csaf", checks::feed)?;
    replay("tables", checks::feed)
}

#[test]
fn every_feed_of_the_corpus_is_the_same_in_whatever_it_is_packed() -> io::Result<()> {
    replay("packed", checks::packed::packed)
}

#[test]
fn every_extract_of_the_corpus_makes_an_index_or_is_damaged() -> io::Result<()> {
    replay("extract", checks::extract::extract)
}

#[test]
fn every_version_of_the_corpus_has_one_order_however_it_is_asked_for() -> io::Result<()> {
    replay("versions", checks::versions::versions)
}

#[test]
fn every_name_of_the_corpus_is_read_as_it_is_written() -> io::Result<()> {
    replay("cpe", checks::names::cpe)
}

#[test]
fn every_document_of_the_corpus_is_read_within_its_bounds_or_refused() -> io::Result<()> {
    replay("sbom", checks::sbom::sbom)
}
