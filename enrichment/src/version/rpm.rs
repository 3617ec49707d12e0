//! rpm versions: `[epoch:]version[-release]`, each compared as `rpmvercmp` does.
//!
//! Only letters, digits, `~` and `^` count, everything else divides. At each place: `~` before the
//! end, the end before `^`, `^` before letters, letters before digits.

use super::Incomparable;
use super::deb::split_epoch;
use super::key::{KIND_RELEASE, put_number, split_digits, split_letters, split_while};

const TILDE: u8 = 1;
const END: u8 = 2;
const CARET: u8 = 3;
const LETTERS: u8 = 4;
const NUMBER: u8 = 0x20;
const WITHOUT_RELEASE: u8 = 1;
const WITH_RELEASE: u8 = 2;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    let (epoch, rest) = split_epoch(text);
    // Neither part may hold a hyphen, so one that is there divides the two.
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    if version.is_empty() {
        return Err(Incomparable::NotAVersion);
    }
    out.push(KIND_RELEASE);
    put_number(out, NUMBER, epoch);
    put_part(out, version);
    match release {
        // rpm leaves the release out of a comparison where either side has none. That is no order:
        // 1.2-1 and 1.2-2 would both be the same as 1.2. Here a version alone comes before all of
        // its builds, which is what a bound `< 1.2` means.
        None => out.push(WITHOUT_RELEASE),
        Some(release) => {
            out.push(WITH_RELEASE);
            put_part(out, release);
        }
    }
    Ok(())
}

fn put_part(out: &mut Vec<u8>, mut text: &str) {
    loop {
        let (_, rest) =
            split_while(text, |byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^'));
        let Some(first) = rest.bytes().next() else {
            break;
        };
        text = match first {
            // `1.0~rc1` comes before 1.0, and `1.0^git1` behind it and before 1.0.1: the two marks
            // that rpm added for what would sort wrongly.
            b'~' | b'^' => {
                out.push(if first == b'~' { TILDE } else { CARET });
                &rest[1..]
            }
            b'0'..=b'9' => {
                let (digits, rest) = split_digits(rest);
                // Segments are compared as numbers of any length; a segment of digits is newer than
                // one of letters.
                put_number(out, NUMBER, digits);
                rest
            }
            _ => {
                let (letters, rest) = split_letters(rest);
                out.push(LETTERS);
                // As they are: rpmvercmp compares words with strcmp, to which the cases are
                // different letters.
                out.extend(letters.as_bytes());
                out.push(0);
                rest
            }
        };
    }
    out.push(END);
}
