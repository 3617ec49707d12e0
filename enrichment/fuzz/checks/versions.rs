//! Versions: what is ordered has one order, and every way to ask for it gives the same one.

use std::cmp::Ordering;

use enrichment::version::{self, Bound, Range, Scheme};

/// Versions of an input that are compared, each with each.
const VERSIONS_MAX: usize = 8;

/// The first line names a scheme, the others are versions.
pub(crate) fn versions(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.lines();
    let Some(Ok(scheme)) = lines.next().map(str::parse::<Scheme>) else {
        return;
    };
    let versions: Vec<&str> = lines.take(VERSIONS_MAX).collect();
    for a in &versions {
        let itself = version::compare(scheme, a, a);
        assert_eq!(version::key(scheme, a).is_some(), itself == Ok(Ordering::Equal));
        for b in &versions {
            pair(scheme, a, b);
        }
    }
}

fn pair(scheme: Scheme, a: &str, b: &str) {
    let order = version::compare(scheme, a, b);
    assert_eq!(version::compare(scheme, b, a).ok(), order.ok().map(Ordering::reverse));
    let below = Range { start: None, end: Some(Bound { version: b, is_included: false }) };
    assert_eq!(below.contains(scheme, a).ok(), order.ok().map(Ordering::is_lt));
    if is_plain(b) && scheme != Scheme::Rpm {
        let satisfied = version::satisfies(scheme, a, &format!(">= {b}"));
        assert_eq!(satisfied.ok(), order.ok().map(Ordering::is_ge));
    }
}

/// Whether a version stands in a constraint as it is. Those of rpm may lose their epochs there.
fn is_plain(version: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || ".+-~_:".contains(c);
    version.starts_with(char::is_alphanumeric) && version.chars().all(is_word)
}
