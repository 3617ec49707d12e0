//! Java runtimes, whose one release has four spellings: `1.8.0_351`, `8u351`, `8.0.351` and
//! `1.8.0 update 351`.
//!
//! Since Java 9 the first number is the feature release (JEP 223); before, it was the second
//! behind `1.`. A build number does not count, an early access build comes before its release.

use super::Incomparable;
use super::key::{KIND_RELEASE, Padded, split_digits, split_letters};

const EARLY_ACCESS: u8 = 1;
const WORD: u8 = Padded::ABOVE_MIN;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    // Builds are named `jdk-17.0.9` and `jdk8u392`.
    let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    if text.is_empty() {
        return Err(Incomparable::NotAVersion);
    }
    out.push(KIND_RELEASE);
    let mut sequence = Padded::new(out);
    let mut numbers = 0;
    let mut rest = without_leading_one(text);
    while let Some(first) = rest.bytes().next() {
        if first.is_ascii_digit() {
            let (digits, behind) = split_digits(rest);
            sequence.number(digits);
            numbers += 1;
            rest = behind;
        } else if first.is_ascii_alphabetic() {
            let (word, behind) = split_letters(rest);
            match word.to_ascii_lowercase().as_str() {
                // The update is the third number, whatever was left out before it.
                "u" | "update" => (numbers..2).for_each(|_| sequence.number("0")),
                "ea" => {
                    sequence.finish_below(EARLY_ACCESS);
                    return Ok(());
                }
                // CVE records count in updates; what a vendor built twice is one release to them.
                "b" | "build" | "lts" | "ga" => break,
                _ => sequence.text_above(WORD, word),
            }
            rest = behind;
        } else if first == b'+' || first == b'(' {
            break;
        } else {
            // Within a character of several bytes there is no place to go on, and no version has
            // one.
            rest = rest.split_at_checked(1).map_or("", |(_, behind)| behind);
        }
    }
    sequence.finish();
    Ok(())
}

fn without_leading_one(text: &str) -> &str {
    match text.strip_prefix("1.") {
        // Of `1.0` the leading one is all that there is.
        Some(rest) if rest.starts_with(|c: char| matches!(c, '1'..='9')) => rest,
        _ => text,
    }
}
