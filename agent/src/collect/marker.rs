//! Which source is being read, in a file beside the agent's state.
//!
//! A reader that panics ends the whole agent, for what ships has no unwinding, and so does one that the system ends
//! for its memory. The next start would read the same source and end the same way for ever, and the host would
//! report nothing at all. So the source is named in a file while it is read, and a start that finds one leaves that
//! source out once. A crash of the machine in such a moment costs the same: one source, until the scan after.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use protocol::software::Source;

/// Bytes of the file; no source has so long a name.
const BYTES_MAX: u64 = 64;

/// The file.
#[derive(Debug)]
pub struct Marker {
    path: PathBuf,
    /// Whether the agent ends in peace, after which nothing is noted.
    is_finished: Mutex<bool>,
}

impl Marker {
    /// The marker in this file, of which there is one an agent.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path, is_finished: Mutex::new(false) }
    }

    /// The agent ends in peace: whatever is being read now is not to blame for it.
    pub fn finish(&self) {
        let mut is_finished = self.is_finished.lock().unwrap_or_else(PoisonError::into_inner);
        *is_finished = true;
        fs::remove_file(&self.path).ok();
    }

    /// The source that was being read when an agent ended without a word.
    pub(super) fn left(&self) -> Option<Source> {
        let mut name = String::new();
        File::open(&self.path).ok()?.take(BYTES_MAX).read_to_string(&mut name).ok()?;
        name.parse().ok()
    }

    /// Notes that a source is read now, or none. What cannot be written is not worth a scan.
    pub(super) fn note(&self, source: Option<Source>) {
        let is_finished = self.is_finished.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_finished {
            return;
        }
        match source {
            Some(source) => fs::write(&self.path, source.as_str()).ok(),
            None => fs::remove_file(&self.path).ok(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_read_at_the_end_and_nothing_after_a_peaceful_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scanning");
        let marker = Marker::new(path.clone());
        assert_eq!(marker.left(), None);
        marker.note(Some(Source::Deb));
        marker.note(Some(Source::Npm));
        assert_eq!(Marker::new(path.clone()).left(), Some(Source::Npm));
        marker.note(None);
        assert_eq!(marker.left(), None);
        marker.note(Some(Source::Npm));
        marker.finish();
        // The scan goes on for a moment.
        marker.note(Some(Source::Cargo));
        assert!(!path.exists());
        fs::write(&path, [b'x'; 1_000]).expect("written");
        assert_eq!(marker.left(), None);
    }
}
