//! Python versions after PEP 440.
//!
//! What PEP 440 does not read is ordered as setuptools did before it, and comes before all that
//! it reads.

use super::Incomparable;
use super::key::{KIND_RELEASE, Padded, put_number, put_text, split_digits, split_letters};

const LEGACY: u8 = 0;
const NUMBER: u8 = 0x20;

// Each of the pieces behind the release takes its place in turn; one that is absent has its own.
const PRE_DEV_ONLY: u8 = 1;
const PRE_ABSENT: u8 = 5;
const POST_ABSENT: u8 = 1;
const POST: u8 = 2;
const DEV: u8 = 1;
const DEV_ABSENT: u8 = 2;
const LOCAL_END: u8 = 1;
const LOCAL_TEXT: u8 = 2;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    // PEP 440, "Case sensitivity": `1.1RC1` is `1.1rc1`.
    let text = text.to_ascii_lowercase();
    out.push(KIND_RELEASE);
    let start = out.len();
    if put_pep440(&text, out).is_none() {
        out.truncate(start);
        if !text.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Incomparable::NotAVersion);
        }
        put_legacy(&text, out);
    }
    Ok(())
}

fn put_pep440(text: &str, out: &mut Vec<u8>) -> Option<()> {
    // PEP 440, "Preceding v character": it is allowed before every version and says nothing.
    let text = text.strip_prefix('v').unwrap_or(text);
    let (public, local) = match text.split_once('+') {
        Some((public, local)) => (public, Some(local)),
        None => (text, None),
    };
    let (epoch, rest) = match public.split_once('!') {
        Some((epoch, rest)) if is_digits(epoch) => (epoch, rest),
        _ => ("", public),
    };
    // PEP 440: an epoch that is left out is 0, which no digits are.
    put_number(out, NUMBER, epoch);
    let rest = put_release(out, rest)?;
    let (pre, rest) = take_pre(rest);
    let (post, rest) = take_post(rest);
    let (dev, rest) =
        take_numbered(rest, &["dev"]).map_or((None, rest), |(dev, rest)| (Some(dev), rest));
    if !rest.is_empty() {
        return None;
    }
    match (pre, post, dev) {
        (Some((rank, number)), _, _) => put_number_behind(out, rank, number),
        // `1.0.dev1` comes before `1.0a1`, but `1.0.post1.dev1` behind 1.0: without a pre- or
        // post-release a development release comes before all else of its number.
        (None, None, Some(_)) => out.push(PRE_DEV_ONLY),
        (None, _, _) => out.push(PRE_ABSENT),
    }
    match post {
        Some(number) => put_number_behind(out, POST, number),
        None => out.push(POST_ABSENT),
    }
    match dev {
        Some(number) => put_number_behind(out, DEV, number),
        None => out.push(DEV_ABSENT),
    }
    put_local(out, local)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn put_number_behind(out: &mut Vec<u8>, tag: u8, digits: &str) {
    out.push(tag);
    put_number(out, NUMBER, digits);
}

fn put_release<'a>(out: &mut Vec<u8>, text: &'a str) -> Option<&'a str> {
    // PEP 440, "Final releases": `1.0` and `1.0.0` are the same, so zeros at the end must not
    // count.
    let mut release = Padded::new(out);
    let (digits, mut rest) = split_digits(text);
    if digits.is_empty() {
        return None;
    }
    release.number(digits);
    while let Some(next) = rest.strip_prefix('.') {
        let (digits, behind) = split_digits(next);
        if digits.is_empty() {
            break;
        }
        release.number(digits);
        rest = behind;
    }
    release.finish();
    Some(rest)
}

/// A pre-release's rank and number, and what follows.
fn take_pre(text: &str) -> (Option<(u8, &str)>, &str) {
    const KINDS: [(&[&str], u8); 3] =
        [(&["alpha", "a"], 2), (&["beta", "b"], 3), (&["preview", "pre", "rc", "c"], 4)];
    for (words, rank) in KINDS {
        if let Some((number, rest)) = take_numbered(text, words) {
            return (Some((rank, number)), rest);
        }
    }
    (None, text)
}

/// A post-release's number: `.post1`, `.rev1`, `.r1` or `-1`.
fn take_post(text: &str) -> (Option<&str>, &str) {
    if let Some((number, rest)) = take_numbered(text, &["post", "rev", "r"]) {
        return (Some(number), rest);
    }
    // The implicit post-release of PEP 440, `1.0-1`; a hyphen before anything else is none.
    match text.strip_prefix('-').map(split_digits) {
        Some((digits, rest)) if !digits.is_empty() => (Some(digits), rest),
        _ => (None, text),
    }
}

/// One of the words with the number behind it, each with an optional separator before it.
fn take_numbered<'a>(text: &'a str, words: &[&str]) -> Option<(&'a str, &'a str)> {
    let (word, behind) = split_letters(without_separator(text));
    if !words.contains(&word) {
        return None;
    }
    let (digits, rest) = split_digits(without_separator(behind));
    if digits.is_empty() {
        // A number that is left out is 0. The separator stays, because it may be that of the next
        // piece: `1.0a.dev1`.
        Some(("", behind))
    } else {
        Some((digits, rest))
    }
}

fn without_separator(text: &str) -> &str {
    text.strip_prefix(['.', '-', '_']).unwrap_or(text)
}

fn put_local(out: &mut Vec<u8>, local: Option<&str>) -> Option<()> {
    for segment in local.into_iter().flat_map(|local| local.split(['.', '-', '_'])) {
        // In a local version numbers come behind words, and more segments behind fewer. The three
        // tags say so.
        if is_digits(segment) {
            put_number(out, NUMBER, segment);
        } else if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            put_text(out, LOCAL_TEXT, segment);
        } else {
            return None;
        }
    }
    out.push(LOCAL_END);
    Some(())
}

/// The order before PEP 440: words and numbers as text, pre-releases before `final`.
fn put_legacy(text: &str, out: &mut Vec<u8>) {
    const END: u8 = 0;
    out.push(LEGACY);
    let mut rest = text;
    let mut kept = out.len();
    while let Some(first) = rest.bytes().next() {
        if first.is_ascii_digit() {
            let (digits, behind) = split_digits(rest);
            // Numbers sort before words, as `00000001` does before `*final`'s successors.
            put_number(out, NUMBER, digits);
            if digits.bytes().any(|digit| digit != b'0') {
                kept = out.len();
            }
            rest = behind;
        } else if first.is_ascii_alphabetic() {
            let (word, behind) = split_letters(rest);
            // Zeros before a word count nothing, as in `parse_version` of old: `1.0.x` is `1.x`.
            out.truncate(kept);
            put_text(out, 2, word);
            kept = out.len();
            rest = behind;
        } else {
            let mut chars = rest.chars();
            chars.next();
            rest = chars.as_str();
        }
    }
    out.truncate(kept);
    out.push(END);
}
