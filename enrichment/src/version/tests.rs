//! Orders that people rely on, scheme by scheme, and what must hold of every order.

mod peers;
mod real;
mod reference;
mod schemes;

use std::cmp::Ordering;

use super::*;

const SCHEMES: [Scheme; 15] = [
    Scheme::Apk,
    Scheme::Bitnami,
    Scheme::Deb,
    Scheme::Gem,
    Scheme::Generic,
    Scheme::Go,
    Scheme::Java,
    Scheme::Macos,
    Scheme::Maven,
    Scheme::Npm,
    Scheme::Nuget,
    Scheme::Pypi,
    Scheme::Rpm,
    Scheme::Semver,
    Scheme::Windows,
];

/// Asserts that the versions stand in ascending order, each below all that follow.
fn assert_ascending(scheme: Scheme, versions: &[&str]) {
    for (at, low) in versions.iter().enumerate() {
        for high in &versions[at + 1..] {
            assert_eq!(compare(scheme, low, high), Ok(Ordering::Less), "{scheme}: {low} < {high}");
            assert_eq!(
                compare(scheme, high, low),
                Ok(Ordering::Greater),
                "{scheme}: {high} > {low}"
            );
        }
    }
}

fn assert_same(scheme: Scheme, versions: &[&str]) {
    for version in versions {
        assert_eq!(
            compare(scheme, versions[0], version),
            Ok(Ordering::Equal),
            "{scheme}: {} = {version}",
            versions[0]
        );
    }
}

#[test]
fn every_scheme_is_found_by_its_name() {
    for scheme in SCHEMES {
        assert_eq!(scheme.as_str().parse(), Ok(scheme));
    }
    assert_eq!("cobol".parse::<Scheme>(), Err(UnknownScheme("cobol".to_owned())));
}

#[test]
fn an_empty_or_unknown_version_has_no_order_in_any_scheme() {
    for scheme in SCHEMES {
        for unknown in ["", "  ", "unknown", "N/A", "*", "-", "latest"] {
            assert_eq!(compare(scheme, unknown, "1.0"), Err(Incomparable::Unknown), "{scheme}");
            assert_eq!(key(scheme, unknown), None);
        }
    }
}

#[test]
fn a_failed_key_leaves_the_buffer_as_it_was() {
    let mut out = vec![7, 7];
    assert_eq!(write_key(Scheme::Apk, "no version", &mut out), Err(Incomparable::NotAVersion));
    assert_eq!(write_key(Scheme::Deb, "-1", &mut out), Err(Incomparable::NotAVersion));
    assert_eq!(out, [7, 7]);
}

#[test]
fn numbers_of_any_length_are_ordered() {
    for scheme in SCHEMES {
        assert_ascending(
            scheme,
            &[
                "1.9",
                "1.255",
                "1.256",
                "1.18446744073709551615",
                "1.18446744073709551616",
                "1.99999999999999999999999999999999999999999",
            ],
        );
    }
}

#[test]
fn an_epoch_that_one_side_lacks_is_not_asked_of_a_constraint() {
    let is_in = |version, constraint| satisfies(Scheme::Rpm, version, constraint);
    assert_eq!(is_in("4.19.0-1.el7_5", "< 2:4.19.1-1.el7_5"), Ok(true));
    assert_eq!(is_in("4.19.1-1.el7_5", "< 2:4.19.1-1.el7_5"), Ok(false));
    assert_eq!(is_in("2:4.19.1-1.el7_5", "< 4.20"), Ok(true));
    assert_eq!(is_in("1:4.19.1-1", "< 2:4.0-1"), Ok(true), "both have one");
    // An order is another question: there, no epoch is zero.
    assert_eq!(compare(Scheme::Rpm, "4.19", "2:4.0"), Ok(Ordering::Less));
}

#[test]
fn formats_of_other_tools_are_taken_for_the_order_that_they_have() {
    for (name, scheme) in [
        ("portage", Scheme::Apk),
        ("pacman", Scheme::Rpm),
        ("jvm", Scheme::Java),
        ("golang", Scheme::Go),
        ("pep440", Scheme::Pypi),
    ] {
        assert_eq!(name.parse(), Ok(scheme), "{name}");
    }
    assert_ascending(Scheme::Apk, &["1.0.0_rc1", "1.0.0", "1.0.0-r1", "1.0.0_p1", "1.0.1"]);
}

#[test]
fn constraints_are_alternatives_of_conditions() {
    let cases = [
        ("", true),
        ("1.5", true),
        ("= 1.5.0", true),
        ("'1.4' || \"1.5\"", true),
        ("!= 1.5", false),
        (">= 1.0, < 2.0", true),
        ("> 1.5, < 2.0", false),
        ("< 1.0 || = 1.5", true),
        ("< 1.0 || > 2.0", false),
        ("< 2020-10-29 || >= 1.5", true),
        ("< 1.0, < 2020-10-29", false),
    ];
    for (constraint, satisfied) in cases {
        assert_eq!(satisfies(Scheme::Generic, "1.5", constraint), Ok(satisfied), "{constraint}");
    }
}

#[test]
fn a_constraint_that_says_nothing_is_an_error_and_no_match() {
    assert_eq!(
        satisfies(Scheme::Generic, "1.5", "< 2020-10-29"),
        Err(Incomparable::DifferentKinds)
    );
    assert_eq!(satisfies(Scheme::Generic, "", ""), Err(Incomparable::Unknown));
    for constraint in [",", ">", ">= ", "=> 1", "~> 1", "< 1,,"] {
        assert_eq!(
            satisfies(Scheme::Generic, "1.5", constraint),
            Err(Incomparable::BadConstraint),
            "{constraint}"
        );
    }
}

#[test]
fn a_range_takes_its_ends_or_leaves_them() {
    let bound = |version, is_included| Some(Bound { version, is_included });
    let range = |start, end| Range { start, end };
    let contains = |range: Range<'_>, version| range.contains(Scheme::Generic, version);
    let half_open = range(bound("1.0", true), bound("2.0", false));
    assert_eq!(contains(half_open, "1.0.0"), Ok(true));
    assert_eq!(contains(half_open, "2.0"), Ok(false));
    assert_eq!(contains(range(bound("1.0", false), bound("2.0", true)), "1"), Ok(false));
    assert_eq!(contains(range(None, bound("2.0", true)), "2"), Ok(true));
    assert_eq!(contains(Range::default(), "2"), Ok(true));
    assert_eq!(contains(Range::default(), ""), Err(Incomparable::Unknown));
    // A passed end decides even when the other end is of another kind.
    let mixed = range(bound("2020-10-29", true), bound("1.2", false));
    assert_eq!(contains(mixed, "1.3"), Ok(false));
    assert_eq!(contains(mixed, "1.1"), Err(Incomparable::DifferentKinds));
}
