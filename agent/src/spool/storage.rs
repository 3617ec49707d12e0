//! The spool's file and its transactions, in terms of redb.
//!
//! Every function here is one transaction. What redb says is sorted into three kinds of faults, by
//! what can be done: wait for the other process, make room, or set the file aside.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use protocol::fingerprint::SoftwareKey;
use protocol::ids::Position;
use protocol::message::Settings;
use protocol::software::SoftwareRecord;
use redb::{DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageError};
use serde::de::DeserializeOwned;

use super::layout::{FORMAT, Line, META, REPORTED, WAITING, Waiting, bytes, name, place};
use super::{Scan, SpoolError, Told};
use crate::delta::{Records, following};

/// Memory for the file's pages. A scan touches each page once, so more would gain nothing.
const CACHE_BYTES: usize = 512 * 1024;

/// What went wrong with the file.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another process has it open.
    InUse,
    /// The system does not let it be read or written.
    Io(io::Error),
    /// It does not say what a spool says.
    Damaged(String),
}

impl Fault {
    pub(super) fn into_error(self, path: &Path) -> SpoolError {
        let path = path.to_owned();
        match self {
            Self::InUse => SpoolError::InUse(path),
            Self::Io(source) => SpoolError::Unusable { path, source },
            Self::Damaged(why) => SpoolError::Damaged { path, why },
        }
    }
}

impl<E: Into<redb::Error>> From<E> for Fault {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else redb may say, now or later, the file is of no use"
    )]
    fn from(error: E) -> Self {
        // The order of the arms is the order of hope: another process goes away, a disk gets room,
        // and only what redb calls corrupt is given up.
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::Io(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Self::Io(error)
            }
            redb::Error::PreviousIo => Self::Io(io::Error::other("an earlier error has closed it")),
            error => Self::Damaged(error.to_string()),
        }
    }
}

/// How a database is opened; a test's may fail on purpose.
type Opener = Box<dyn Fn(&Path) -> Result<redb::Database, DatabaseError> + Send>;

/// How a file is set aside, and where it is then.
type SetAside = Box<dyn Fn(&Path) -> io::Result<PathBuf> + Send>;

/// A file that can be opened, fail, and be opened again.
pub(super) struct Storage {
    path: PathBuf,
    opener: Opener,
    aside: SetAside,
    database: Option<Database>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("path", &self.path)
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}

impl Storage {
    pub(super) fn file(path: &Path) -> Self {
        Self::with_opener(path, Box::new(open_file))
    }

    pub(super) fn with_opener(path: &Path, opener: Opener) -> Self {
        Self { path: path.to_owned(), opener, aside: Box::new(rename_aside), database: None }
    }

    /// The same on something that is not moved as files are.
    #[cfg(any(test, feature = "test-support"))]
    pub(super) fn set_aside_by(mut self, aside: SetAside) -> Self {
        self.aside = aside;
        self
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn is_open(&self) -> bool {
        self.database.is_some()
    }

    /// Opens the file, checks all of it, and reads where the agent stands.
    pub(super) fn open(&mut self) -> Result<(Line, Option<Settings>), Fault> {
        // Before the new one: redb locks its file, also against its own process.
        self.database = None;
        let mut inner = (self.opener)(&self.path)?;
        // A page that rotted on disk would be met in the middle of something else, where redb may
        // panic; a spool is small enough to be read whole.
        if !inner.check_integrity()? {
            return Err(Fault::Damaged("its checksums do not hold".to_owned()));
        }
        let database = Database(inner);
        let state = database.begin()?;
        self.database = Some(database);
        Ok(state)
    }

    /// Runs one transaction; after a fault the file has to be opened again.
    pub(super) fn run<T>(
        &mut self,
        work: impl FnOnce(&Database) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(database) = &self.database else {
            return Err(Fault::Io(io::Error::other("it is not open")));
        };
        let outcome = work(database);
        // redb refuses everything after an I/O error until the file is opened again.
        if outcome.is_err() {
            self.database = None;
        }
        outcome
    }

    /// Moves the file out of the way, over one that was moved before, and says where it is.
    pub(super) fn set_aside(&mut self) -> Result<PathBuf, Fault> {
        self.database = None;
        (self.aside)(&self.path).map_err(Fault::Io)
    }
}

/// The open database.
#[derive(Debug)]
pub(super) struct Database(redb::Database);

impl Database {
    /// Reads the line and the settings; in a new file, makes the tables.
    fn begin(&self) -> Result<(Line, Option<Settings>), Fault> {
        let write = self.0.begin_write()?;
        let state = {
            let mut meta = write.open_table(META)?;
            // Made here, so that readers can count on them.
            write.open_table(WAITING)?;
            write.open_table(REPORTED)?;
            match read::<u32>(&meta, name::FORMAT)? {
                Some(FORMAT) => {
                    let line = read(&meta, name::LINE)?
                        .ok_or_else(|| Fault::Damaged("its line is missing".to_owned()))?;
                    (line, read(&meta, name::SETTINGS)?)
                }
                Some(other) => {
                    return Err(Fault::Damaged(format!("its format is {other}, not {FORMAT}")));
                }
                None => {
                    let line = Line::default();
                    put(&mut meta, name::FORMAT, &FORMAT)?;
                    put(&mut meta, name::LINE, &line)?;
                    (line, None)
                }
            }
        };
        write.commit()?;
        Ok(state)
    }

    pub(super) fn told(&self) -> Result<Option<Told>, Fault> {
        let transaction = self.0.begin_read()?;
        read(&transaction.open_table(META)?, name::TOLD)
    }

    pub(super) fn reported(
        &self,
        wanted: impl Fn(&SoftwareRecord) -> bool,
    ) -> Result<Records, Fault> {
        let read = self.0.begin_read()?;
        let mut records = Records::new();
        for row in read.open_table(REPORTED)?.iter()? {
            let (key, value) = row?;
            let record = decode::<SoftwareRecord>(value.value(), "a record")?;
            if wanted(&record) {
                records.insert(SoftwareKey(key.value()), record);
            }
        }
        Ok(records)
    }

    pub(super) fn waiting(&self, position: Position) -> Result<Option<Waiting>, Fault> {
        let read = self.0.begin_read()?;
        let row = read.open_table(WAITING)?.get(place(position))?;
        row.map(|value| decode_waiting(value.value())).transpose()
    }

    pub(super) fn commit(&self, scan: Scan<'_>, line: &Line) -> Result<(), Fault> {
        let write = self.0.begin_write()?;
        {
            let mut waiting = write.open_table(WAITING)?;
            // In one transaction with what takes its place: a crash leaves the one or the other.
            if scan.begins_epoch {
                waiting.retain(|_, _| false)?;
            }
            for entry in scan.entries {
                let bytes = Waiting::encode(entry).map_err(unencodable)?;
                waiting.insert(place(entry.position), bytes.as_slice())?;
            }
            let mut reported = write.open_table(REPORTED)?;
            for change in scan.changes {
                match change.new {
                    Some(record) => {
                        let bytes = postcard::to_stdvec(record).map_err(unencodable)?;
                        reported.insert(change.key.0, bytes.as_slice())?;
                    }
                    None => {
                        reported.remove(change.key.0)?;
                    }
                }
            }
            let mut meta = write.open_table(META)?;
            put(&mut meta, name::LINE, line)?;
            put(&mut meta, name::TOLD, scan.told)?;
        }
        // Synced when it returns: redb's default durability is `Immediate`.
        write.commit()?;
        Ok(())
    }

    pub(super) fn acknowledge(&self, position: Position, mut line: Line) -> Result<Line, Fault> {
        let write = self.0.begin_write()?;
        {
            let mut waiting = write.open_table(WAITING)?;
            let mut last = None;
            // One acknowledgement may cover many reports, and the line keeps only the sum of their
            // bytes.
            for row in waiting.range(..=place(position))? {
                let report = decode_waiting(row?.1.value())?;
                line.pending_bytes = line.pending_bytes.saturating_sub(bytes(&report.frame));
                last = Some(report.digest);
            }
            // Everything before it is durable at the collector as well.
            waiting.retain_in(..=place(position), |_, _| false)?;
            line.acknowledged_digest =
                last.ok_or_else(|| Fault::Damaged(format!("report {position} is missing")))?;
            line.pending = line
                .pending
                .map(|(_, last)| (following(position), last))
                .filter(|(first, last)| first <= last);
            line.acknowledged = position;
            put(&mut write.open_table(META)?, name::LINE, &line)?;
        }
        write.commit()?;
        Ok(line)
    }

    pub(super) fn start_over(&self, line: &Line) -> Result<(), Fault> {
        let write = self.0.begin_write()?;
        write.open_table(WAITING)?.retain(|_, _| false)?;
        put(&mut write.open_table(META)?, name::LINE, line)?;
        write.commit()?;
        Ok(())
    }

    pub(super) fn save_settings(&self, settings: &Settings) -> Result<(), Fault> {
        let write = self.0.begin_write()?;
        put(&mut write.open_table(META)?, name::SETTINGS, settings)?;
        write.commit()?;
        Ok(())
    }
}

fn rename_aside(path: &Path) -> io::Result<PathBuf> {
    // One copy is kept for people, not one a day: a disk that rots would be filled with the
    // evidence.
    let to = path.with_extension("damaged");
    std::fs::rename(path, &to)?;
    Ok(to)
}

/// Opens or makes the file, which only its owner may read: it tells what the host runs.
fn open_file(path: &Path) -> Result<redb::Database, DatabaseError> {
    // By us and not by redb, which would make it with the rights of the umask.
    let file = private_file(path).map_err(StorageError::Io)?;
    redb::Builder::new().set_cache_size(CACHE_BYTES).create_file(file)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn read<T: DeserializeOwned>(
    meta: &impl redb::ReadableTable<&'static str, &'static [u8]>,
    name: &'static str,
) -> Result<Option<T>, Fault> {
    let row = meta.get(name)?;
    row.map(|value| decode(value.value(), name)).transpose()
}

fn put<T: serde::Serialize>(
    meta: &mut redb::Table<'_, &'static str, &'static [u8]>,
    name: &'static str,
    value: &T,
) -> Result<(), Fault> {
    let bytes = postcard::to_stdvec(value).map_err(unencodable)?;
    meta.insert(name, bytes.as_slice())?;
    Ok(())
}

fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Fault> {
    postcard::from_bytes(bytes).map_err(|error| Fault::Damaged(format!("{what}: {error}")))
}

fn decode_waiting(bytes: &[u8]) -> Result<Waiting, Fault> {
    Waiting::decode(bytes).map_err(|error| Fault::Damaged(format!("a report: {error}")))
}

fn unencodable(error: postcard::Error) -> Fault {
    Fault::Io(io::Error::other(error))
}
