//! The versions of CPE names and their ranges, which follow nobody's rules.
//!
//! Read so that what people mean holds: `1.0` is `1.0.0`; `1.0-rc1` and `3.14.0a1` come before
//! their release; `1.1.1za` comes behind `1.1.1z` and `9.2p1` behind `9.2`; `v1.2`, `1.2 (345)`
//! and `1.2+build` are `1.2`; an edition (`115.3.0esr`) is no part of the order. A date is another
//! kind than a release number, because a record that says `< 2020-10-29` of a product at 1.3 says
//! nothing about it.

use super::Incomparable;
use super::key::{KIND_DATE, KIND_RELEASE, Padded, split_digits, split_letters, split_while};

/// Words before the release, in their order.
const BELOW: [(u8, &[&str]); 5] = [
    // Made every day on the way to the number that they carry.
    (1, &["dev", "nightly", "snapshot", "canary"]),
    (2, &["alpha"]),
    (3, &["beta"]),
    (4, &["ea", "eap", "insider", "insiders", "milestone", "pre", "prerelease", "preview"]),
    (5, &["cr", "rc"]),
];
/// Words that do not change the order.
const NEUTRAL: [&str; 16] = [
    "ce",
    "community",
    "ee",
    "enterprise",
    "esr",
    "final",
    "fips",
    "ga",
    "lts",
    "ltsr",
    "oss",
    "rel",
    "release",
    "stable",
    "v",
    "version",
];
/// Spellings of the same word above the release.
const SPELLINGS: [(&str, &[&str]); 4] = [
    ("p", &["p", "patch", "pl", "patchlevel"]),
    ("sp", &["sp", "servicepack"]),
    ("u", &["u", "update", "upd"]),
    ("hf", &["hf", "hotfix"]),
];
/// Words that may stand before the first number.
const PREFIXES: [&str; 12] =
    ["build", "go", "java", "jdk", "jre", "r", "rel", "release", "rev", "v", "ver", "version"];
const WORD: u8 = Padded::ABOVE_MIN;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    // The remark goes first: in Zoom's `5.11.1 (8356)` it holds a number, which is that of a build.
    let text = without_prefix(without_build(text)).ok_or(Incomparable::NotAVersion)?;
    let (kind, mut rest) = match split_date(text) {
        Some((date, rest)) => {
            // A kind of its own. CVE-2020-10146 says `< 2020-10-29` of Microsoft Teams: as numbers,
            // every version that there ever was is below that.
            out.push(KIND_DATE);
            (Some(date), rest)
        }
        None => {
            out.push(KIND_RELEASE);
            (None, text)
        }
    };
    let mut sequence = Padded::new(out);
    for digits in kind.into_iter().flatten() {
        sequence.number(digits);
    }
    while let Some(first) = rest.bytes().next() {
        rest = if first.is_ascii_digit() {
            let (digits, behind) = split_digits(rest);
            sequence.number(digits);
            behind
        } else if first.is_ascii_alphabetic() {
            let (word, behind) = split_letters(rest);
            let before = &text[..text.len() - rest.len()];
            put_word(&mut sequence, before, word, behind);
            behind
        } else {
            split_while(rest, |byte| !byte.is_ascii_alphanumeric()).1
        };
    }
    sequence.finish();
    Ok(())
}

/// The text before build metadata or a remark in parentheses.
fn without_build(text: &str) -> &str {
    match text.find(['+', '(']) {
        Some(at) if at > 0 => text[..at].trim_end(),
        _ => text,
    }
}

/// The text from its first number or pre-release word on, where what is before it is no name.
fn without_prefix(mut text: &str) -> Option<&str> {
    loop {
        let first = text.bytes().next()?;
        if first.is_ascii_digit() {
            return Some(text);
        }
        if first.is_ascii_alphabetic() {
            let (word, rest) = split_letters(text);
            // `beta2` alone is a version (CVE-2004-0361 has it of Safari), one before every number.
            if below("", word, rest).is_some() {
                return Some(text);
            }
            if !PREFIXES.iter().any(|prefix| word.eq_ignore_ascii_case(prefix)) {
                return None;
            }
            text = rest;
        } else {
            text = split_while(text, |byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()).1;
            // What is left begins with a letter or digit, or is no ASCII.
            if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                return None;
            }
        }
    }
}

fn put_word(sequence: &mut Padded<'_>, before: &str, word: &str, rest: &str) {
    if let Some(tag) = below(before, word, rest) {
        // `1.0.0-rc1` is `1.0-rc1`, as 1.0.0 is 1.0.
        sequence.drop_zeros();
        sequence.below(tag);
        return;
    }
    let is = |other: &&str| word.eq_ignore_ascii_case(other);
    if NEUTRAL.iter().any(is) {
        return;
    }
    let spelling = SPELLINGS
        .iter()
        .find(|(_, words)| words.iter().any(is))
        .map_or(word, |(spelling, _)| spelling);
    // Whatever is left over is a word above the release: letters of OpenSSL and patches alike.
    sequence.text_above(WORD, spelling);
}

/// The tag of a pre-release word. Single letters are one only right before a digit, as in PEP 440:
/// the `b` of `1.0.2b` is a letter like any other.
fn below(before: &str, word: &str, rest: &str) -> Option<u8> {
    if is_build(before, word, rest) {
        return None;
    }
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        match word {
            "a" | "A" => return Some(2),
            // Python's `3.14.0b2`; NVD has the same release as version 3.14.0 with the update
            // beta2, which meets it here.
            "b" | "B" => return Some(3),
            "m" | "M" => return Some(4),
            _ => {}
        }
    }
    BELOW
        .iter()
        .find(|(_, words)| words.iter().any(|other| word.eq_ignore_ascii_case(other)))
        .map(|(tag, _)| *tag)
}

/// Whether a `b` behind a divider counts builds: those of Java (`1.8.0_351-b10`), and numbers that
/// no beta has (Yugabyte's `2.4.2-b2047`, D-Link's `1.05_b04`). `2.0-b1` is a beta.
fn is_build(before: &str, word: &str, rest: &str) -> bool {
    let (digits, _) = split_digits(rest);
    let Some(before) = before.strip_suffix(['-', '_']) else {
        return false;
    };
    let release = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_behind_update = release.len() < before.len() && release.ends_with('_');
    word.eq_ignore_ascii_case("b")
        && !digits.is_empty()
        && (is_behind_update || digits.len() > 2 || digits.len() == 2 && digits.starts_with('0'))
}

/// Year, month and day of a date at the beginning (`2020-10-29`, `20201029`), and what follows.
///
/// `2020.10.29` is a release number: whoever writes it so also writes the range so.
fn split_date(text: &str) -> Option<([&str; 3], &str)> {
    let (digits, rest) = split_digits(text);
    let (date, rest) = match digits.len() {
        // A date only where month and day can be: builds have eight digits too.
        8 => ([&digits[..4], &digits[4..6], &digits[6..]], rest),
        4 => {
            let separator = rest.chars().next().filter(|c| matches!(c, '-' | '_' | '/'))?;
            let (month, rest) = split_digits(rest.strip_prefix(separator)?);
            let (day, rest) = split_digits(rest.strip_prefix(separator)?);
            ([digits, month, day], rest)
        }
        _ => return None,
    };
    let within = |text: &str, from: u32, to: u32| {
        // Bounds the number before it is parsed.
        text.len() <= 4 && text.parse().is_ok_and(|number: u32| from <= number && number <= to)
    };
    let is_date = within(date[0], 1980, 2099) && within(date[1], 1, 12) && within(date[2], 1, 31);
    is_date.then_some((date, rest))
}
