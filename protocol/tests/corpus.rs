//! Runs the fuzz targets' corpus as an ordinary test, so that what a fuzzer once found stays found.

use std::fs;
use std::io;
use std::path::PathBuf;

#[path = "../fuzz/checks.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) -> io::Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder)? {
        check(&fs::read(entry?.path())?);
        files += 1;
    }
    // An empty folder, after a move or a bad merge, would pass for a corpus without a finding.
    assert!(files >= 3, "{} holds {files} inputs", folder.display());
    Ok(())
}

#[test]
fn every_frame_of_the_corpus_keeps_the_limits() -> io::Result<()> {
    replay("frame", checks::frame)
}

#[test]
fn every_agent_message_of_the_corpus_keeps_the_limits() -> io::Result<()> {
    replay("agent_message", checks::agent_message)
}

#[test]
fn every_collector_message_of_the_corpus_keeps_the_limits() -> io::Result<()> {
    replay("collector_message", checks::collector_message)
}

#[test]
fn every_token_of_the_corpus_keeps_the_limits() -> io::Result<()> {
    replay("token", checks::token)
}
