//! Gives the program a number for its own sources, so that it never goes by what another version of
//! it has read from a feed.
//!
//! What is kept between two builds of an index is what the parsers made of a feed. A number that
//! somebody has to raise with every change of a parser is forgotten one day, and the wrong answers
//! stay until the feed changes; so every change of a source file is a change of the number.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    list(Path::new("src"), &mut files)?;
    files.sort_unstable();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut write = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in &files {
        write(file.to_string_lossy().as_bytes());
        write(&fs::read(file)?);
    }
    let instructions = io::stdout();
    let mut instructions = instructions.lock();
    io::Write::write_fmt(
        &mut instructions,
        format_args!("cargo::rerun-if-changed=src\ncargo::rustc-env=MUSTER_SOURCES={hash:016x}\n"),
    )
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
