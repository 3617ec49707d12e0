//! Trees of files for the tests of the sources: made on the spot, or real ones out of `tests/data`.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::software::{SoftwareRecord, Source};

use super::defects::{Defects, ReadError, Reading};
use super::records::Records;
use super::root::Root;
use super::time_box::Stop;

type Read = fn(&Root, &mut Records) -> Result<Reading, ReadError>;

/// A tree that is gone after the test.
#[derive(Debug)]
pub(crate) struct Tree(tempfile::TempDir);

/// What a source gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) reading: Result<Reading, ReadError>,
    pub(crate) records: Vec<SoftwareRecord>,
    pub(crate) defects: Defects,
}

impl Tree {
    /// A tree of these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.write(path, text.as_bytes());
        }
        tree
    }

    /// Adds or replaces a file.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&self, target: &str, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    /// Adds a pipe that nobody ever writes to.
    pub(crate) fn pipe(&self, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Openly readable: it is the opening that must not wait, and not the rights that refuse.
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
    }

    /// Where a file of the tree really is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    pub(crate) fn root(&self) -> Root {
        Root::open(self.0.path(), Stop::default()).unwrap()
    }

    pub(crate) fn read(&self, source: Source, read: Read) -> Outcome {
        read_at(self.0.path(), source, read)
    }
}

/// Reads a source of one of the trees in `tests/data`.
pub(crate) fn read_data(name: &str, source: Source, read: Read) -> Outcome {
    read_at(&data(name), source, read)
}

/// A file or folder in `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn read_at(top: &Path, source: Source, read: Read) -> Outcome {
    let root = Root::open(top, Stop::default()).unwrap();
    let mut records = Records::new(source, 100_000);
    let reading = read(&root, &mut records);
    let (records, defects) = records.finish();
    Outcome {
        reading,
        records,
        defects,
    }
}

impl Outcome {
    /// The records of a source that was read without any loss.
    pub(crate) fn all(self) -> Vec<SoftwareRecord> {
        assert_eq!(self.reading.unwrap(), Reading::Read);
        assert!(self.defects.is_empty(), "{}", self.defects);
        self.records
    }

    /// `NAME VERSION` of each record.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |r: &SoftwareRecord| format!("{} {}", r.name, r.version);
        self.records.iter().map(name).collect()
    }
}
