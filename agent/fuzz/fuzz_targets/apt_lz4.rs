//! A packed list of apt, beside a dpkg with a package in it.
#![no_main]

#[path = "../checks.rs"]
#[expect(dead_code, reason = "each target runs its own part")]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::apt_lz4(input));
