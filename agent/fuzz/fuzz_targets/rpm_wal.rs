//! The write-ahead log of a whole `SQLite` database.
#![no_main]

#[path = "../checks.rs"]
#[expect(dead_code, reason = "each target runs its own part")]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::rpm_wal(input));
