//! Records about CVEs: NVD's, Anchore's, the CVE programme's, and CISA's catalogue.
#![no_main]

#[path = "../checks.rs"]
#[expect(dead_code, reason = "each target runs its own part")]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::feed(input));
