//! CISA's products and versions as the CPE matches that NVD would write for them.
//!
//! CISA gives a product's CPE names beside a list of versions, and each name stands for the listed
//! ones. What CISA does not say in versions that can be ordered (commits, words) is left out rather
//! than widened to "all versions".

use std::borrow::Cow;
use std::collections::HashSet;

use crate::cpe::{Attribute, Cpe};
use crate::cve::{Configuration, CpeMatch, Node, Range};
use crate::feeds::program::raw::{RawAffected, RawVersions};

/// Matches of one record; the largest of CISA's has 2,434.
const MATCHES_MAX: usize = 20_000;
/// What assigners write where they know no version.
const NO_VERSION: [&str; 6] = ["", "0", "-", "n/a", "unspecified", "unknown"];
/// A formatted string's place of the version, counting from `cpe`.
const VERSION_AT: usize = 5;

/// One configuration of all products, or none where there is nothing to match on.
pub(super) fn of(products: &[RawAffected<'_>]) -> Result<Option<Configuration>, String> {
    let mut matches = Vec::new();
    for product in products {
        for name in &product.cpes {
            named(name, product, &mut matches);
            // Names times versions: a record of a few kilobytes can ask for millions.
            if matches.len() > MATCHES_MAX {
                return Err(format!("more than {MATCHES_MAX} CPE names with versions"));
            }
        }
    }
    // Each name of a product with every version: some are listed more than once.
    let mut seen = HashSet::new();
    matches.retain(|found| seen.insert((found.criteria.clone(), found.range.clone())));
    Ok((!matches.is_empty()).then(|| Configuration {
        nodes: vec![Node { matches, ..Node::default() }],
        ..Configuration::default()
    }))
}

/// What one of a product's names stands for.
fn named(name: &str, product: &RawAffected<'_>, matches: &mut Vec<CpeMatch>) {
    // A name that is none is the index's to count; here it only has no version.
    let parsed = Cpe::parse(name).ok();
    let own = parsed.as_ref().and_then(|name| name.get(Attribute::Version).as_value());
    match own {
        // Of several names with versions each stands for its own; that of a range has its beginning.
        Some(own) if product.cpes.len() > 1 => {
            let of_own = |raw: &&RawVersions<'_>| raw.version.trim().eq_ignore_ascii_case(own);
            match product.versions.iter().find(of_own) {
                Some(versions) => matches.extend(listed(name, versions)),
                None => matches.push(a_match(name.to_owned(), Range::default())),
            }
        }
        // CVE-2024-0006: the only name ends in 2.18.0.0, and three ranges are listed beside it.
        Some(_) | None => {
            let versions = product.versions.iter();
            matches.extend(versions.filter_map(|versions| listed(name, versions)));
        }
    }
}

const fn a_match(criteria: String, range: Range) -> CpeMatch {
    CpeMatch { vulnerable: true, criteria, range }
}

/// A product's name with one of its listed versions, where those are affected and can be ordered.
fn listed(name: &str, versions: &RawVersions<'_>) -> Option<CpeMatch> {
    // `unaffected` entries say where others end, which those say themselves.
    if versions.status != "affected" || versions.version_type == "git" {
        return None;
    }
    let version = versions.version.trim();
    let end = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::trim).map(str::to_owned);
    let (below, last) = (end(&versions.less_than), end(&versions.less_than_or_equal));
    if below.is_none() && last.is_none() {
        // A sentence is no version, and 0 alone may be the first one or a way to say nothing.
        let is_word = NO_VERSION.iter().any(|word| version.eq_ignore_ascii_case(word));
        let is_one = !is_word && !version.contains(char::is_whitespace);
        return is_one
            .then(|| with_version(name, version))?
            .map(|name| a_match(name, Range::default()));
    }
    // `lessThan: *` is how an assigner writes that there is no end.
    let bound = |text: Option<String>| text.filter(|text| text != "*");
    // Here 0 does mean something: with an end beside it, it is the beginning.
    let is_beginning = version == "*" || NO_VERSION.contains(&version);
    let range = Range {
        start_including: (!is_beginning).then(|| version.to_owned()),
        start_excluding: None,
        end_excluding: bound(below),
        end_including: bound(last),
    };
    Some(a_match(with_version(name, "*")?, range))
}

/// The formatted string with a version in the place of its own.
fn with_version(name: &str, version: &str) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut is_escaped = false;
    for letter in name.chars() {
        if letter == ':' && !is_escaped {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(letter);
        }
        // A backslash that is escaped itself escapes nothing.
        is_escaped = letter == '\\' && !is_escaped;
    }
    parts.push(part);
    let place = parts.get_mut(VERSION_AT)?;
    place.clear();
    if version == "*" {
        place.push('*');
        return Some(parts.join(":"));
    }
    for letter in version.to_lowercase().chars() {
        // A version is free text, and a colon in it would move every attribute behind it.
        if !letter.is_alphanumeric() && !"._-".contains(letter) {
            place.push('\\');
        }
        place.push(letter);
    }
    Some(parts.join(":"))
}
