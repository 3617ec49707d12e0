//! Semantic Versioning 2.0.0, and what is written in its place: `v1.2`, `1.2.3.4`, `1.21rc2`.
//!
//! Missing numbers are zero and build metadata does not count.

use super::Incomparable;
use super::key::{KIND_RELEASE, Padded, put_number, split_digits};

const PRE_RELEASE: u8 = 1;
const END: u8 = 1;
const NUMERIC: u8 = 0x20;
const ALPHANUMERIC: u8 = 0x30;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    write_folded(text, |byte| byte, out)
}

/// The same, with the letters of a pre-release folded by `fold` first.
pub(super) fn write_folded(
    text: &str,
    fold: impl Fn(u8) -> u8,
    out: &mut Vec<u8>,
) -> Result<(), Incomparable> {
    // npm takes `=v1.2.3` for a version, and Go's tags begin with `v`; neither is in the
    // specification.
    let text = text.trim_start_matches(['=', ' ']);
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    // §10: build metadata must not be looked at for precedence.
    let text = text.split_once('+').map_or(text, |(before, _)| before);
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Incomparable::NotAVersion);
    }
    out.push(KIND_RELEASE);
    let mut release = Padded::new(out);
    let mut rest = text;
    loop {
        let (digits, behind) = split_digits(rest);
        release.number(digits);
        rest = behind;
        match behind.strip_prefix('.') {
            Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
            _ => break,
        }
    }
    // §9 wants a hyphen. Go's toolchains have nothing (`1.21rc2`), others a dot or an underscore.
    let pre_release = rest.strip_prefix(['-', '.', '_']).unwrap_or(rest);
    if pre_release.is_empty() {
        release.finish();
    } else {
        put_identifiers(release.finish_below(PRE_RELEASE), pre_release, fold);
    }
    Ok(())
}

fn put_identifiers(out: &mut Vec<u8>, text: &str, fold: impl Fn(u8) -> u8) {
    for identifier in text.split('.') {
        if !identifier.is_empty() && identifier.bytes().all(|byte| byte.is_ascii_digit()) {
            // §11.4: numbers by their value and before words, words by ASCII, fewer identifiers
            // before more. The tags of the three rise in that order.
            put_number(out, NUMERIC, identifier);
        } else {
            out.push(ALPHANUMERIC);
            out.extend(identifier.bytes().map(&fold));
            out.push(0);
        }
    }
    out.push(END);
}
