//! Sort keys: bytes whose order is the order of the versions that they stand for.
//!
//! A key begins with its kind. What follows is the scheme's own, built from the pieces in this
//! file: numbers of any length, texts, and sequences that are padded with zeros. Comparing bytes
//! is total and transitive by nature, so every scheme is, whatever text a feed brings.

use std::cmp::Ordering;

use super::{Incomparable, Scheme};
use super::{apk, deb, gem, generic, java, maven, nuget, pypi, rpm, semver};

/// A key of this kind is a release number.
pub(super) const KIND_RELEASE: u8 = 1;
/// A key of this kind is a calendar date, which has no order with release numbers.
pub(super) const KIND_DATE: u8 = 2;

/// A version's place in its scheme's order, as bytes that `memcmp` orders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey(Vec<u8>);

impl SortKey {
    /// The key of a version.
    ///
    /// # Errors
    ///
    /// The text has no place in the scheme's order.
    pub fn of(scheme: Scheme, text: &str) -> Result<Self, Incomparable> {
        let mut bytes = Vec::with_capacity(24);
        write(scheme, text, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes; the first is the kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is of a calendar date rather than of a release number.
    pub(crate) fn is_date(&self) -> bool {
        self.0.first() == Some(&KIND_DATE)
    }

    /// The order of two keys of one scheme.
    ///
    /// # Errors
    ///
    /// [`Incomparable::DifferentKinds`].
    pub fn compare(&self, other: &Self) -> Result<Ordering, Incomparable> {
        compare_bytes(&self.0, &other.0)
    }
}

/// The order of two keys as bytes: [`SortKey::compare`] for keys that lie in an index.
///
/// # Errors
///
/// [`Incomparable::DifferentKinds`].
pub fn compare_bytes(a: &[u8], b: &[u8]) -> Result<Ordering, Incomparable> {
    if a.first() == b.first() { Ok(a.cmp(b)) } else { Err(Incomparable::DifferentKinds) }
}

pub(super) fn write(scheme: Scheme, text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    let text = text.trim();
    if is_unknown(text) {
        return Err(Incomparable::Unknown);
    }
    let start = out.len();
    let written = match scheme {
        Scheme::Apk => apk::write(text, out),
        Scheme::Bitnami => semver::write(without_revision(text), out),
        Scheme::Deb => deb::write(text, out),
        Scheme::Gem => gem::write(text, out),
        // Builds of both systems are dotted numbers without rules of their own. They are named
        // apart, so that a finding says in whose words its version is.
        Scheme::Generic | Scheme::Macos | Scheme::Windows => generic::write(text, out),
        // The toolchain calls itself `go1.21.3`, and the advisories about its standard library say
        // 1.21.3.
        Scheme::Go => semver::write(text.strip_prefix("go").unwrap_or(text), out),
        Scheme::Java => java::write(text, out),
        Scheme::Maven => maven::write(text, out),
        Scheme::Npm | Scheme::Semver => semver::write(text, out),
        Scheme::Nuget => nuget::write(text, out),
        Scheme::Pypi => pypi::write(text, out),
        Scheme::Rpm => rpm::write(text, out),
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// A Bitnami version without the revision of its build, which is digits behind a hyphen.
fn without_revision(text: &str) -> &str {
    text.rsplit_once('-')
        .filter(|(_, behind)| {
            !behind.is_empty() && behind.bytes().all(|byte| byte.is_ascii_digit())
        })
        .map_or(text, |(version, _)| version)
}

/// Whether the text is what inventories write when they know no version.
fn is_unknown(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "*",
        "-",
        "?",
        // A container's tag and a package manager's wish, never what is installed.
        "latest",
        "n/a",
        "none",
        "null",
        "undefined",
        "unknown",
    ];
    text.is_empty() || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Appends digits as a number of any length, under `tag` to `tag + 9`; no digits are zero.
///
/// The tag tells the number's length, so a longer number is greater without looking further.
pub(super) fn put_number(out: &mut Vec<u8>, tag: u8, digits: &str) {
    /// Digits that always fit into 64 bits.
    const FITTING: usize = 19;
    /// Bytes of the tags' numbers that fit; the next tag has the digits themselves.
    const LONG: u8 = 9;
    // No scheme counts leading zeros but apk's, which writes such components itself.
    let digits = digits.trim_start_matches('0');
    if digits.len() > FITTING {
        // Longer than any number of a release that people count. Builds named by a hash or an
        // instant come here, and a scheme that compared them in 64 bits would have to cut them.
        out.push(tag + LONG);
        out.extend(u32::try_from(digits.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(digits.as_bytes());
        return;
    }
    let value = digits.bytes().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    let bytes = value.to_be_bytes();
    // Big-endian without the zeros in front: of two numbers of one length the order of bytes is
    // theirs.
    let significant = &bytes[(value.leading_zeros() / 8) as usize..];
    out.push(tag + u8::try_from(significant.len()).unwrap_or(LONG));
    out.extend(significant);
}

/// Appends a text under a tag: a shorter text comes before the texts that it begins.
pub(super) fn put_text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    // CPE names are in lower case and installers write `RC1`. No scheme that comes here tells the
    // cases apart.
    out.extend(text.bytes().map(|byte| byte.to_ascii_lowercase()));
    // Below every byte of a text, which makes the shorter of two the lesser.
    out.push(0);
}

/// A sequence that goes on with zeros for ever: `1`, `1.0` and `1.0.0` are the same.
///
/// Items below zero (pre-releases) have tags up to [`Padded::BELOW_MAX`], items above zero from
/// [`Padded::ABOVE_MIN`]. A zero cannot be written before it is known what follows: at the end it
/// is nothing, before an item below zero it sorts before the end, else behind it.
#[derive(Debug)]
pub(super) struct Padded<'a> {
    out: &'a mut Vec<u8>,
    /// The tag of a zero before an item above zero.
    zero: u8,
    /// Zeros at the end of `out` that nothing has followed yet.
    zeros: usize,
}

impl<'a> Padded<'a> {
    /// The greatest tag of an item below zero.
    pub(super) const BELOW_MAX: u8 = 0x1f;
    const ZERO_BEFORE_BELOW: u8 = 0x20;
    const END: u8 = 0x21;
    const ZERO_BEFORE_ABOVE: u8 = 0x22;
    /// The least tag of an item above zero that is no number.
    pub(super) const ABOVE_MIN: u8 = 0x30;
    const NUMBER: u8 = 0x80;

    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self::with_zero(out, Self::ZERO_BEFORE_ABOVE)
    }

    /// A sequence in which a zero before an item above zero has another tag than usual.
    pub(super) const fn with_zero(out: &'a mut Vec<u8>, zero: u8) -> Self {
        Self { out, zero, zeros: 0 }
    }

    /// The next item is a number.
    pub(super) fn number(&mut self, digits: &str) {
        if digits.bytes().all(|digit| digit == b'0') {
            self.out.push(self.zero);
            self.zeros += 1;
        } else {
            self.number_tagged(Self::NUMBER, digits);
        }
    }

    /// The next item is a number above zero with a tag of its own.
    pub(super) fn number_tagged(&mut self, tag: u8, digits: &str) {
        debug_assert!(tag >= Self::ABOVE_MIN, "the tag belongs to an item below zero");
        self.zeros = 0;
        put_number(self.out, tag, digits);
    }

    /// The next item is a word below zero.
    pub(super) fn below(&mut self, tag: u8) {
        debug_assert!(tag <= Self::BELOW_MAX, "the tag belongs to an item above zero");
        let from = self.out.len() - self.zeros;
        // Only now is it known what the zeros stand before: `1.a.0.b` comes before `1.a`, where
        // they would else be greater than its end.
        self.out[from..].fill(Self::ZERO_BEFORE_BELOW);
        self.zeros = 0;
        self.out.push(tag);
    }

    /// The next item is a text below zero.
    pub(super) fn text_below(&mut self, tag: u8, text: &str) {
        self.below(tag);
        // The tag again, with the text behind it.
        self.out.pop();
        put_text(self.out, tag, text);
    }

    /// The next item is a text above zero.
    pub(super) fn text_above(&mut self, tag: u8, text: &str) {
        debug_assert!(tag >= Self::ABOVE_MIN, "the tag belongs to an item below zero");
        self.zeros = 0;
        put_text(self.out, tag, text);
    }

    /// Forgets the zeros at the end: `1.0-rc1` and `1-rc1` are the same.
    pub(super) fn drop_zeros(&mut self) {
        self.out.truncate(self.out.len() - self.zeros);
        self.zeros = 0;
    }

    /// Nothing but zeros follows; what a scheme appends now decides between equal sequences.
    pub(super) fn finish(mut self) -> &'a mut Vec<u8> {
        self.drop_zeros();
        self.out.push(Self::END);
        self.out
    }

    /// Ends the sequence with an item below zero, and gives what is to hold the rest.
    pub(super) fn finish_below(mut self, tag: u8) -> &'a mut Vec<u8> {
        self.drop_zeros();
        self.below(tag);
        self.out
    }
}

/// Divides a text behind its leading characters of one sort.
pub(super) fn split_while(text: &str, is_inside: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is_inside(byte)).unwrap_or(text.len());
    // A predicate over bytes may end within a character only if it takes parts of characters.
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Divides a text behind its leading digits.
pub(super) fn split_digits(text: &str) -> (&str, &str) {
    split_while(text, |byte| byte.is_ascii_digit())
}

/// Divides a text behind its leading letters.
pub(super) fn split_letters(text: &str) -> (&str, &str) {
    split_while(text, |byte| byte.is_ascii_alphabetic())
}
