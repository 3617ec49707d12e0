//! Alpine versions: `1.2.3b_rc1-r4`, in the order of apk-tools 3.
//!
//! At each place: a pre-release suffix before the end, the end before a revision, a revision
//! before a post-release suffix, that before a letter, a letter before a number. A component with
//! a leading zero is a fraction: `1.01` comes before `1.1`. Text that is no part of a version
//! sorts just before the end, so a broken version is never newer than the one that it begins with.

use super::Incomparable;
use super::key::{KIND_RELEASE, put_number, split_digits};

const BELOW: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const ABOVE: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// Suffixes below the release have the tags from here.
const SUFFIX_BELOW: u8 = 1;
const INVALID: u8 = 8;
const END: u8 = 9;
const REVISION: u8 = 10;
const HASH: u8 = 11;
const SUFFIX_NUMBER: u8 = 12;
/// Suffixes above the release have the tags from here.
const SUFFIX_ABOVE: u8 = 13;
const LETTER: u8 = 20;
const FRACTION: u8 = 21;
const NUMBER: u8 = 0x20;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    let (digits, mut rest) = split_digits(text.trim_start_matches('.'));
    if digits.is_empty() {
        return Err(Incomparable::NotAVersion);
    }
    out.push(KIND_RELEASE);
    put_number(out, NUMBER, digits);
    let mut is_after_letter = false;
    let end = loop {
        let Some(first) = rest.bytes().next() else {
            break END;
        };
        let next = match first {
            b'.' => Some(put_component(out, rest.trim_start_matches('.'))),
            b'0'..=b'9' if is_after_letter => Some(put_component(out, rest)),
            // One letter may follow a component (`1.1.1w`), and no more than one: a second makes
            // the text invalid.
            b'a'..=b'z' if !is_after_letter => {
                out.extend([LETTER, first]);
                Some(&rest[1..])
            }
            b'_' => put_suffix(out, &rest[1..]),
            // The commit that a package was built of. It ends the version, and its bytes only have
            // to differ.
            b'~' => {
                out.push(HASH);
                out.extend(&rest.as_bytes()[1..]);
                break END;
            }
            b'-' => put_revision(out, rest),
            _ => None,
        };
        is_after_letter = first.is_ascii_lowercase();
        match next {
            Some(next) => rest = next,
            None => break INVALID,
        }
    };
    out.push(end);
    Ok(())
}

/// A component behind the first; an empty one is nothing.
fn put_component<'a>(out: &mut Vec<u8>, text: &'a str) -> &'a str {
    let (digits, rest) = split_digits(text);
    // Compared as text, as decimals are: apk-tools took this from Gentoo, where 1.02 is older than
    // 1.1.
    if digits.starts_with('0') {
        out.push(FRACTION);
        out.extend(digits.as_bytes());
        out.push(0);
    } else if !digits.is_empty() {
        put_number(out, NUMBER, digits);
    }
    rest
}

fn put_suffix<'a>(out: &mut Vec<u8>, text: &'a str) -> Option<&'a str> {
    let below = (SUFFIX_BELOW..).zip(BELOW);
    let above = (SUFFIX_ABOVE..).zip(ABOVE);
    let (tag, rest) = below
        .chain(above)
        .filter_map(|(tag, suffix)| Some((tag, text.strip_prefix(suffix)?)))
        // `p` begins `pre`, which stands before it.
        .next()?;
    out.push(tag);
    let (digits, rest) = split_digits(rest);
    if !digits.is_empty() {
        out.push(SUFFIX_NUMBER);
        put_number(out, NUMBER, digits);
    }
    Some(rest)
}

fn put_revision<'a>(out: &mut Vec<u8>, text: &'a str) -> Option<&'a str> {
    let behind = text.strip_prefix("-r")?;
    if behind.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let (digits, rest) = split_digits(behind);
    out.push(REVISION);
    put_number(out, NUMBER, digits);
    Some(rest)
}
