//! Trees of files for the tests of the sources: made on the spot, or real ones out of `tests/data`.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::software::{SoftwareRecord, Source};

use super::defects::{Defects, ReadError, Reading};
use super::platform::System;
use super::records::{Records, Room};
use super::root::Root;
use super::time_box::Stop;

pub(crate) type Read = fn(&Root, &mut Records) -> Result<Reading, ReadError>;

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
        self.read_on(System::HERE, source, read)
    }

    /// As [`Self::read`], of a tree that holds another system.
    pub(crate) fn read_on(&self, system: System, source: Source, read: Read) -> Outcome {
        read_at(self.0.path(), system, source, read)
    }
}

/// Reads a source of one of the trees in `tests/data`.
pub(crate) fn read_data(name: &str, source: Source, read: Read) -> Outcome {
    read_at(&data(name), System::HERE, source, read)
}

/// A file or folder in `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read_at(top: &Path, system: System, source: Source, read: Read) -> Outcome {
    let root = Root::open(top, Stop::default()).unwrap().holding(system);
    let mut records = Records::new(source, Room { records: 100_000, bytes: usize::MAX });
    let reading = read(&root, &mut records);
    let (records, defects) = records.finish();
    Outcome { reading, records, defects }
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

/// A zip archive of these files: name, bytes as they stand in it, and how they are packed.
pub(crate) fn archive(files: &[(&str, &[u8], u16)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content, method) in files {
        let at = u32::try_from(bytes.len()).unwrap();
        let name_bytes = u16::try_from(name.len()).unwrap();
        let size = u32::try_from(content.len()).unwrap();
        let mut fields = method.to_le_bytes().to_vec();
        // Time, date and checksum, which nobody looks at.
        fields.extend([0; 8]);
        fields.extend(size.to_le_bytes());
        fields.extend(size.to_le_bytes());
        fields.extend(name_bytes.to_le_bytes());
        fields.extend([0; 2]);
        bytes.extend(b"PK\x03\x04\x14\0\0\0");
        bytes.extend(&fields);
        bytes.extend(name.as_bytes());
        bytes.extend_from_slice(content);
        directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = u32::try_from(bytes.len()).unwrap();
    let count = u16::try_from(files.len()).unwrap();
    let size = u32::try_from(directory.len()).unwrap();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
