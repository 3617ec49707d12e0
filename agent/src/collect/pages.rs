//! Pages of a database file, read in long runs.
//!
//! A database's headers lie in chains of pages that mostly follow each other, so a page is read
//! together with those behind it. A page outside of the file is an error, never a short page.

use crate::collect::defects::ReadError;
use crate::collect::root::SourceFile;

/// Bytes that are read at a time.
const WINDOW_BYTES: usize = 64 * 1024;

/// A file of pages of one size.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) file: SourceFile,
    page_bytes: usize,
    /// What was read last, and where in the file it begins.
    window: Vec<u8>,
    window_at: u64,
}

impl Pages {
    pub(super) const fn new(file: SourceFile, page_bytes: usize) -> Self {
        Self { file, page_bytes, window: Vec::new(), window_at: 0 }
    }

    /// Whole pages in the file.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.file.bytes / self.page_bytes as u64).unwrap_or(u32::MAX)
    }

    /// A page, counted from 0.
    pub(super) fn get(&mut self, number: u32) -> Result<&[u8], ReadError> {
        let at = u64::from(number) * self.page_bytes as u64;
        let end = at + self.page_bytes as u64;
        if at < self.window_at || end > self.window_at + self.window.len() as u64 {
            self.fill(at)?;
        }
        let from = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        let page = self.window.get(from..from.saturating_add(self.page_bytes));
        page.ok_or_else(|| ReadError::damaged(&self.file.path, "a page that is not in the file"))
    }

    fn fill(&mut self, at: u64) -> Result<(), ReadError> {
        let wanted = self.page_bytes.max(WINDOW_BYTES);
        let left = usize::try_from(self.file.bytes.saturating_sub(at)).unwrap_or(wanted);
        self.window.resize(wanted.min(left), 0);
        self.window_at = at;
        let read = self.file.read_exact_at(&mut self.window, at);
        if read.is_err() {
            // A window that was half filled must not answer for the next page.
            self.window.clear();
        }
        read
    }
}
