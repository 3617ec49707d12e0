//! Runs the fuzz targets' corpus as an ordinary test, so that what a fuzzer once found stays found.

use std::fs;
use std::io;
use std::path::PathBuf;

#[path = "../fuzz/checks.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) -> io::Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
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
