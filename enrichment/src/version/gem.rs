//! Ruby gems: numbers and words as `Gem::Version` reads them, words before numbers.
//!
//! A platform behind the version (`1.2.0-x86_64-linux`) does not count.

use super::Incomparable;
use super::key::{KIND_RELEASE, Padded, split_digits, split_letters, split_while};

const WORD: u8 = 1;

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    let text = without_platform(text);
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Incomparable::NotAVersion);
    }
    out.push(KIND_RELEASE);
    let mut sequence = Padded::new(out);
    let mut has_word = false;
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        rest = match first {
            b'0'..=b'9' => {
                let (digits, rest) = split_digits(rest);
                sequence.number(digits);
                rest
            }
            b'-' => {
                // `Gem::Version` reads every hyphen as `.pre.`, so `1.0-1` is a pre-release of 1.0.
                put_word(&mut sequence, &mut has_word, "pre");
                &rest[1..]
            }
            _ if first.is_ascii_alphabetic() => {
                let (word, rest) = split_letters(rest);
                put_word(&mut sequence, &mut has_word, word);
                rest
            }
            _ => split_while(rest, |byte| !byte.is_ascii_alphanumeric() && byte != b'-').1,
        };
    }
    sequence.finish();
    Ok(())
}

fn put_word(sequence: &mut Padded<'_>, has_word: &mut bool, word: &str) {
    // `1.0.a` is `1.a`, but behind the first word every zero counts.
    if !*has_word {
        sequence.drop_zeros();
    }
    *has_word = true;
    // Any word makes it a pre-release, whatever it says: to RubyGems `1.0.final` comes before 1.0.
    sequence.text_below(WORD, word);
}

/// The text before the first part that names a platform.
fn without_platform(text: &str) -> &str {
    const PLATFORMS: [&str; 16] = [
        "aarch64",
        "arm",
        "arm64",
        "darwin",
        "java",
        "jruby",
        "linux",
        "mingw",
        "mingw32",
        "mswin",
        "mswin32",
        "universal",
        "x64",
        "x86",
        "x86_64",
        "windows",
    ];
    // `nokogiri-1.16.2-x86_64-linux` as `gem list` shows it: the platform may have hyphens itself,
    // so each part is asked from the left.
    for (at, _) in text.match_indices('-') {
        let part = text[at + 1..].split('-').next().unwrap_or_default();
        let is_platform = PLATFORMS.contains(&part) || part.starts_with("armv");
        if is_platform {
            return &text[..at];
        }
    }
    text
}
