//! A file that claims to be an extract of a feed.
#![no_main]

#[path = "../checks.rs"]
#[expect(dead_code, reason = "each target runs its own part")]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::extract::extract(input));
