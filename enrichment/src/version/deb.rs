//! Debian versions: `[epoch:]upstream[-revision]`, after Debian policy 5.6.12.
//!
//! Upstream and revision are read as pairs of a non-digit text and a number. A tilde sorts before
//! everything, even before the end; letters sort before other characters.

use super::Incomparable;
use super::key::{KIND_RELEASE, put_number, split_digits, split_while};

/// Where a tilde stands among the characters of a text.
const TILDE: u8 = 1;
/// Where the end of a text stands.
const END: u8 = 2;
/// Where the first letter stands.
const LETTERS: u8 = 3;
const NUMBER: u8 = 0x20;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    let (epoch, rest) = split_epoch(text);
    // Upstream versions may hold hyphens (`1.2-3-4` is revision 4 of 1.2-3), so the last one
    // divides. No revision is the revision 0, and both write the same part.
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    // dpkg refuses such texts too. An order for them would be one that no package manager has.
    if upstream.is_empty() || rest.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Err(Incomparable::NotAVersion);
    }
    out.push(KIND_RELEASE);
    put_number(out, NUMBER, epoch);
    put_part(out, upstream);
    put_part(out, revision);
    Ok(())
}

/// The digits before the first colon, and what follows it.
pub(super) fn split_epoch(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        // The first colon alone: where there is an epoch, policy lets the version have colons of
        // its own.
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    }
}

fn put_part(out: &mut Vec<u8>, mut text: &str) {
    loop {
        let (word, rest) = split_while(text, |byte| !byte.is_ascii_digit());
        // One byte for one, so that the order of bytes is policy's: "all the letters sort earlier
        // than all the non-letters".
        out.extend(word.bytes().map(rank));
        out.push(END);
        let (digits, rest) = split_digits(rest);
        put_number(out, NUMBER, digits);
        if rest.is_empty() {
            break;
        }
        text = rest;
    }
    // As if one more pair of nothing and zero followed: a tilde sorts before it, the rest behind.
    out.push(END);
}

/// The place of a character: tilde, end, letters, all others.
const fn rank(byte: u8) -> u8 {
    match byte {
        b'~' => TILDE,
        b'A'..=b'Z' => byte - b'A' + LETTERS,
        b'a'..=b'z' => byte - b'a' + LETTERS + 26,
        _ => {
            // The others keep their order; letters, digits and the tilde leave gaps below them.
            let gaps = match byte {
                0..=b'/' => 0,
                b'0'..=b'@' => 10,
                b'A'..=b'`' => 36,
                b'a'..=b'~' => 62,
                _ => 63,
            };
            byte - gaps + LETTERS + 52
        }
    }
}
