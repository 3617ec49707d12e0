//! Maps an index file into memory: the one place of this crate where the compiler has to be told.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a file for reading.
#[expect(unsafe_code, reason = "a mapped file could be changed by others; index files never are")]
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes may not change while they are mapped. Index files are written under
    // another name, synced and renamed into place, and never written again; a new index is a new
    // file. Should somebody write into one all the same, every read of it is bounds-checked and
    // none trusts what it read before, so that it gives wrong answers, not wild accesses.
    unsafe { Mmap::map(file) }
}
