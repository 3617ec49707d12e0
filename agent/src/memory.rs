//! Giving memory back to the system once a scan does not need it any more.
//!
//! glibc gives every thread an arena of its own and keeps what was freed in it: an agent that scans
//! for a moment an hour would hold the scan's megabytes all day. With one arena, and with that
//! trimmed after a scan, it holds what it uses. Other allocators give back by themselves.

/// Makes the allocator a frugal one. To be called before the first thread is made.
pub fn be_frugal() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::use_one_arena();
}

/// Gives back what is free.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::trim();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc's allocator has no safe interface")]
mod glibc {
    pub(super) fn use_one_arena() {
        // SAFETY: mallopt takes two numbers, may be called at any time, and changes only where
        // later allocations come from.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    }

    pub(super) fn trim() {
        // SAFETY: malloc_trim takes a number, locks the arenas that it works on, and gives back
        // only pages that hold nothing.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
