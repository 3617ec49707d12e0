//! Versions of real advisories, each under the scheme of whoever wrote it: they have an order, it is the one
//! of the packagers' own algorithms, and no range is inside out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;

use super::reference::{dpkg_part, rpm_part};
use super::*;
use crate::advisory::{Advisory, End, Span};
use crate::bundled;
use crate::cve::CveRecord;
use crate::feeds::{self, FeedSink, SinkError};

/// Versions by scheme.
#[derive(Default)]
struct Real(BTreeMap<Scheme, BTreeSet<String>>);

impl FeedSink for Real {
    fn cve(&mut self, _: CveRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        for affected in advisory.affected {
            let of_scheme = self.0.entry(affected.scheme).or_default();
            of_scheme.extend(affected.versions);
            for Span { introduced, end } in affected.spans {
                of_scheme.extend(introduced);
                of_scheme
                    .extend(end.map(|(End::Fixed(version) | End::LastAffected(version))| version));
            }
        }
        Ok(())
    }
}

/// Neighbours in the order of their texts, which are alike, and pairs that are far from each other.
fn pairs<'a>(versions: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let near = versions.windows(2).map(|pair| (pair[0], pair[1]));
    let apart = versions.len() / 3 + 1;
    let far = versions.iter().zip(versions.iter().skip(apart));
    near.chain(far.map(|(a, b)| (*a, *b)))
}

/// Epoch, what stands before the last hyphen, and what stands behind it.
fn divided(text: &str) -> (u64, &str, Option<&str>) {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    match rest.rsplit_once('-') {
        Some((version, revision)) => (epoch.parse().unwrap(), version, Some(revision)),
        None => (epoch.parse().unwrap(), rest, None),
    }
}

fn dpkg(a: &str, b: &str) -> Ordering {
    let (a, b) = (divided(a), divided(b));
    let part = |a: &str, b: &str| dpkg_part(a.as_bytes(), b.as_bytes());
    a.0.cmp(&b.0)
        .then_with(|| part(a.1, b.1))
        .then_with(|| part(a.2.unwrap_or("0"), b.2.unwrap_or("0")))
}

fn rpm(a: &str, b: &str) -> Ordering {
    let (a, b) = (divided(a), divided(b));
    let part = |a: &str, b: &str| rpm_part(a.as_bytes(), b.as_bytes());
    a.0.cmp(&b.0).then_with(|| part(a.1, b.1)).then_with(|| match (a.2, b.2) {
        (Some(a), Some(b)) => part(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    })
}

/// A strict semantic version: its numbers, and its identifiers before a release.
fn semantic(text: &str) -> Option<([u64; 3], Vec<&str>)> {
    let text = text.split('+').next()?;
    let (release, before) = text.split_once('-').unwrap_or((text, ""));
    let mut numbers = release.split('.').map(str::parse);
    let three = [numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?];
    let identifiers = before.split('.').filter(|one| !one.is_empty()).collect();
    numbers.next().is_none().then_some((three, identifiers))
}

/// §11 of the specification, as a pairwise comparison.
fn semver(a: &str, b: &str) -> Option<Ordering> {
    let ((a, before_a), (b, before_b)) = (semantic(a)?, semantic(b)?);
    let identifier = |a: &&str, b: &&str| match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.as_bytes().cmp(b.as_bytes()),
    };
    let pairs = before_a.iter().zip(&before_b);
    let unlike = pairs.map(|(a, b)| identifier(a, b)).find(|order| order.is_ne());
    Some(a.cmp(&b).then_with(|| match (before_a.is_empty(), before_b.is_empty()) {
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ => unlike.unwrap_or_else(|| before_a.len().cmp(&before_b.len())),
    }))
}

/// Asserts that every version has a place, that pairs are ordered as a reference does it where it can,
/// and that constraints say the same. Gives how many pairs the reference has ordered.
fn check(
    scheme: Scheme,
    versions: &BTreeSet<String>,
    reference: impl Fn(&str, &str) -> Option<Ordering>,
) -> usize {
    let placeless: Vec<_> =
        versions.iter().filter(|version| key(scheme, version).is_none()).collect();
    assert!(placeless.is_empty(), "{scheme}: {placeless:?}");
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let mut compared = 0;
    for (a, b) in pairs(&versions) {
        let order = compare(scheme, a, b).unwrap();
        if let Some(expected) = reference(a, b) {
            assert_eq!(order, expected, "{scheme}: {a} {b}");
            compared += 1;
        }
        // An epoch that one side lacks is not asked of a constraint.
        if scheme == Scheme::Rpm && a.contains(':') != b.contains(':') {
            continue;
        }
        for (operator, holds) in [("<", order.is_lt()), ("=", order.is_eq()), (">=", order.is_ge())]
        {
            let constraint = format!("{operator} {b}");
            let found = satisfies(scheme, a, &constraint);
            assert_eq!(found, Ok(holds), "{scheme}: {a} {constraint}");
        }
    }
    compared
}

#[test]
fn versions_of_packages_are_ordered_as_their_distributions_order_them() {
    let (name, bytes) = bundled::FILES[0];
    let mut real = Real::default();
    feeds::read_stream(Path::new(name), &mut Cursor::new(bytes), &mut real).unwrap();
    let of = |scheme| &real.0[&scheme];
    assert!(check(Scheme::Deb, of(Scheme::Deb), |a, b| Some(dpkg(a, b))) > 5_000);
    assert!(check(Scheme::Rpm, of(Scheme::Rpm), |a, b| Some(rpm(a, b))) > 1_000);
    check(Scheme::Apk, of(Scheme::Apk), |_, _| None);
}

#[test]
fn no_range_of_a_registry_ends_before_it_begins() {
    let table = include_str!("../../../tests/data/versions/ranges.tsv");
    let mut real = Real::default();
    let mut inside_out = Vec::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [scheme, begin, operator, end] = fields[..] else {
            panic!("{line}");
        };
        let scheme: Scheme = scheme.parse().unwrap();
        let order = compare(scheme, begin, end);
        let is_range = order.is_ok_and(|order| order.is_lt() || operator == "<=" && order.is_eq());
        if !is_range {
            inside_out.push(line);
        }
        let versions = real.0.entry(scheme).or_default();
        versions.extend([begin, end].map(str::to_owned));
    }
    // Mistakes of the publisher, whose revisions do not count.
    let mistakes = [
        "bitnami\t1.24.0-0\t<\t1.24.0",
        "bitnami\t2026.1.0\t<\t2026.1.0",
        "bitnami\t4.4.0\t<\t4.4.0",
    ];
    assert_eq!(inside_out, mistakes);
    assert!(check(Scheme::Go, &real.0[&Scheme::Go], semver) > 500);
    check(Scheme::Pypi, &real.0[&Scheme::Pypi], |_, _| None);
    check(Scheme::Bitnami, &real.0[&Scheme::Bitnami], |_, _| None);
}
