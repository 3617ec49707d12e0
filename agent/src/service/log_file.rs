//! A log in a file, for a process that has no stderr: two files of bounded length.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::AsRawHandle as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use windows_sys::Win32::System::Console::{STD_ERROR_HANDLE, SetStdHandle};

/// Bytes from which on a new file is begun.
const BYTES_MAX: u64 = 1024 * 1024;
/// How often its length is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Where stderr goes while this lives.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens the log of a state folder and makes it this process's stderr.
    pub(super) fn open(state_dir: &Path) -> io::Result<Self> {
        let path = state_dir.join("agent.log");
        Ok(Self { file: open(&path)?, path })
    }

    /// Begins a new file whenever this one is long enough; never ends.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn keep_short(&mut self) {
        loop {
            // A log that cannot be renamed goes on where it is.
            self.begin_anew().ok();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() < BYTES_MAX {
            return Ok(());
        }
        // Windows lets an open file be renamed: std opens it with the right to delete shared.
        std::fs::rename(&self.path, self.path.with_extension("log.old"))?;
        self.file = open(&self.path)?;
        Ok(())
    }
}

#[expect(unsafe_code, reason = "the standard handles have no safe interface")]
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    // SAFETY: the handle is open and stays so until another one has taken its place: the owner keeps the file,
    // and Rust's stderr asks for the standard handle at each write.
    if unsafe { SetStdHandle(STD_ERROR_HANDLE, file.as_raw_handle().cast()) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}
