//! Maven versions, after `ComparableVersion`.
//!
//! Items are divided by dots, hyphens and changes between digits and letters. Known qualifiers
//! come in their own order around the release, unknown ones behind it; what stands behind a dot
//! and behind a hyphen is told apart, and zeros and release words at the end of a part count
//! nothing. Maven's own order runs in circles where a dot and a hyphen meet around a release
//! (`2.9.0.RC1 < 2.9.0 < 2.9.0-1 < 2.9.0.RC1`); here the last of the three does not hold.

use super::Incomparable;
use super::key::{KIND_RELEASE, Padded, split_digits, split_while};

/// Qualifiers before the release in their order, with the letter that stands for them before a
/// digit.
const BELOW: [(&str, &str); 5] =
    [("alpha", "a"), ("beta", "b"), ("milestone", "m"), ("rc", "cr"), ("snapshot", "")];
/// Words for the release itself.
const RELEASE: [&str; 3] = ["final", "ga", "release"];

/// A zero that counts comes behind everything that a hyphen divides off, as other numbers do.
const ZERO: u8 = 0x7f;

/// What divides an item from the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Divider {
    Dot,
    /// A hyphen, or a change between digits and letters.
    Hyphen,
}

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    if !text.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Incomparable::NotAVersion);
    }
    out.push(KIND_RELEASE);
    let mut sequence = Padded::with_zero(out, ZERO);
    let mut divider = Divider::Dot;
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        match first {
            b'.' | b'-' => {
                divider = if first == b'-' { Divider::Hyphen } else { Divider::Dot };
                rest = &rest[1..];
            }
            b'0'..=b'9' => {
                let (digits, behind) = split_digits(rest);
                put_digits(&mut sequence, divider, digits);
                rest = behind;
                divider = Divider::Hyphen;
            }
            _ => {
                // To `ComparableVersion` only dots and hyphens divide: an underscore is part of the
                // word.
                let (word, behind) = split_while(rest, |byte| {
                    !byte.is_ascii_digit() && !matches!(byte, b'.' | b'-')
                });
                let is_before_digit = behind.starts_with(|c: char| c.is_ascii_digit());
                put_qualifier(&mut sequence, divider, word, is_before_digit);
                rest = behind;
                divider = Divider::Hyphen;
            }
        }
    }
    sequence.finish();
    Ok(())
}

fn put_digits(sequence: &mut Padded<'_>, divider: Divider, digits: &str) {
    /// A number behind a hyphen comes before all numbers behind a dot.
    const HYPHEN_NUMBER: u8 = 0x40;
    if divider == Divider::Hyphen {
        // `1.0-1` is `1-1` to Maven: zeros at the end of a part count nothing, and a hyphen ends a
        // part.
        sequence.drop_zeros();
        if digits.bytes().any(|digit| digit != b'0') {
            sequence.number_tagged(HYPHEN_NUMBER, digits);
            return;
        }
    }
    sequence.number(digits);
}

fn put_qualifier(sequence: &mut Padded<'_>, divider: Divider, word: &str, is_before_digit: bool) {
    const BELOW_DOT: u8 = 1;
    const BELOW_HYPHEN: u8 = 10;
    const SERVICE_PACK: u8 = Padded::ABOVE_MIN;
    const UNKNOWN: u8 = Padded::ABOVE_MIN + 1;
    /// Behind a hyphen, tags above zero are so much greater.
    const HYPHEN: u8 = 2;
    let is_hyphen = divider == Divider::Hyphen;
    if is_hyphen {
        sequence.drop_zeros();
    }
    let is = |other: &str| word.eq_ignore_ascii_case(other);
    let first = if is_hyphen { BELOW_HYPHEN } else { BELOW_DOT };
    let below = (first..)
        .zip(BELOW)
        // `a`, `b` and `m` are short for their words right before a digit only (`1.0-a1`); `cr` is
        // another name of `rc` anywhere.
        .find(|(_, (name, short))| is(name) || (is(short) && (is_before_digit || *short == "cr")));
    if let Some((tag, _)) = below {
        sequence.below(tag);
    } else if !RELEASE.iter().any(|release| is(release)) {
        let tag = if is("sp") { SERVICE_PACK } else { UNKNOWN };
        sequence.text_above(tag + if is_hyphen { HYPHEN } else { 0 }, word);
    }
}
