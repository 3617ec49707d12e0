//! This process as the kernel sees it (proc(5)).

use std::fs;

use metrics::gauge;
use rustix::process::{Resource, getrlimit};
use time::OffsetDateTime;

use super::seconds_since_1970;
use crate::metrics::{
    PROCESS_MEMORY_BYTES, PROCESS_OPEN_FILES, PROCESS_OPEN_FILES_MAX, PROCESS_STARTED,
};

/// Says when it began.
pub(super) fn started(now: OffsetDateTime) {
    gauge!(PROCESS_STARTED).set(seconds_since_1970(now));
}

/// Says what it takes. What the kernel does not tell keeps its last value.
pub(super) fn measure() {
    if let Some(bytes) = resident_bytes() {
        gauge!(PROCESS_MEMORY_BYTES).set(bytes as f64);
    }
    // The folder that is being read is open as well, and counts.
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        gauge!(PROCESS_OPEN_FILES).set(files.count() as f64);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        gauge!(PROCESS_OPEN_FILES_MAX).set(most as f64);
    }
}

fn resident_bytes() -> Option<u64> {
    let pages = resident_pages(&fs::read_to_string("/proc/self/statm").ok()?)?;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    Some(pages * page)
}

/// The second number: the first is what is mapped, in memory or not.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_use_is_the_second_number_and_what_is_no_number_is_nothing() {
        assert_eq!(resident_pages("48213 7311 4022 1 0 9000 0\n"), Some(7_311));
        assert_eq!(resident_pages("48213"), None);
        assert_eq!(resident_pages("48213 x"), None);
        assert!(resident_bytes().unwrap() > 1_000_000);
    }
}
