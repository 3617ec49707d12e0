//! Orders that people rely on, scheme by scheme, and what must hold of every order.

use std::cmp::Ordering;

use proptest::prelude::*;

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
            assert_eq!(
                compare(scheme, low, high),
                Ok(Ordering::Less),
                "{scheme}: {low} < {high}"
            );
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
    assert_eq!(
        "cobol".parse::<Scheme>(),
        Err(UnknownScheme("cobol".to_owned()))
    );
}

#[test]
fn an_empty_or_unknown_version_has_no_order_in_any_scheme() {
    for scheme in SCHEMES {
        for unknown in ["", "  ", "unknown", "N/A", "*", "-", "latest"] {
            assert_eq!(
                compare(scheme, unknown, "1.0"),
                Err(Incomparable::Unknown),
                "{scheme}"
            );
            assert_eq!(key(scheme, unknown), None);
        }
    }
}

#[test]
fn a_failed_key_leaves_the_buffer_as_it_was() {
    let mut out = vec![7, 7];
    assert_eq!(
        write_key(Scheme::Apk, "no version", &mut out),
        Err(Incomparable::NotAVersion)
    );
    assert_eq!(
        write_key(Scheme::Deb, "-1", &mut out),
        Err(Incomparable::NotAVersion)
    );
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
fn generic_pads_with_zeros_and_drops_what_is_no_version() {
    assert_same(
        Scheme::Generic,
        &[
            "1.0",
            "1",
            "1.0.0.0",
            "v1.0",
            "1.0 (8356)",
            "1.0+build7",
            "01.00",
        ],
    );
    assert_same(Scheme::Generic, &["115.3.0esr", "115.3", "115.3.0-ESR"]);
    assert_same(Scheme::Generic, &["16.0.35907", "16.0.35907.0.0"]);
    assert_same(
        Scheme::Generic,
        &["RELEASE.2023-03-20T20-16-18Z", "2023-03-20T20-16-18Z"],
    );
}

#[test]
fn generic_puts_pre_releases_before_and_patches_behind_their_release() {
    assert_ascending(
        Scheme::Generic,
        &[
            "3.14.0a1",
            "3.14.0-alpha2",
            "3.14.0b1",
            "3.14.0-rc1",
            "3.14.0",
            "3.14.0p1",
            "3.14.1",
        ],
    );
    assert_ascending(
        Scheme::Generic,
        &["1.0.2", "1.0.2a", "1.0.2z", "1.0.2za", "1.0.2zk", "1.0.3"],
    );
    assert_ascending(Scheme::Generic, &["1.3.3rc1", "1.3.3", "1.3.3a", "1.3.3c"]);
    assert_ascending(
        Scheme::Generic,
        &["6.9.9-50", "6.9.10-3", "6.9.10-23", "6.9.11"],
    );
    assert_ascending(Scheme::Generic, &["98", "98SP1", "98SP3"]);
    assert_ascending(Scheme::Generic, &["9.2", "9.2p1", "9.2p2", "9.3"]);
}

#[test]
fn generic_tells_builds_from_betas() {
    // Java's build follows its update, which no pre-release does.
    assert_ascending(
        Scheme::Generic,
        &["1.8.0_351", "1.8.0_351-b10", "1.8.0_352"],
    );
    assert_ascending(Scheme::Generic, &["2.4.2", "2.4.2-b2047", "2.4.3"]);
    assert_ascending(Scheme::Generic, &["1.05", "1.05_b04"]);
    assert_ascending(Scheme::Generic, &["2.0-b1", "2.0-b10", "2.0"]);
    assert_ascending(Scheme::Generic, &["3.14.0b2", "3.14.0"]);
}

#[test]
fn bitnami_revisions_do_not_count() {
    assert_same(Scheme::Bitnami, &["2.3.1", "2.3.1-1", "2.3.1-12"]);
    assert_ascending(Scheme::Bitnami, &["2.3.1-rc1", "2.3.1-4", "2.3.2-0"]);
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
    assert_ascending(
        Scheme::Apk,
        &["1.0.0_rc1", "1.0.0", "1.0.0-r1", "1.0.0_p1", "1.0.1"],
    );
}

#[test]
fn generic_reads_a_cpe_update_behind_a_space_like_the_joined_spelling() {
    assert_same(Scheme::Generic, &["3.14.0 rc1", "3.14.0rc1", "3.14.0-RC.1"]);
    assert_same(Scheme::Generic, &["9.2 p1", "9.2p1", "9.2 patch1"]);
    assert_same(Scheme::Generic, &["1.3.3 c", "1.3.3c"]);
}

#[test]
fn a_date_has_no_order_with_a_release_number() {
    for release in ["1.3", "1.80.1", "2020.10.29", "24.1"] {
        for date in ["2020-10-29", "20201029", "2020_10_29"] {
            assert_eq!(
                compare(Scheme::Generic, release, date),
                Err(Incomparable::DifferentKinds),
                "{release} and {date}"
            );
        }
    }
    assert_ascending(
        Scheme::Generic,
        &["2020-10-29", "20201030", "2020-11-01T10-00", "2021/01/01"],
    );
    assert_ascending(Scheme::Generic, &["1.3", "20209929"]);
}

#[test]
fn a_word_is_no_generic_version() {
    for word in ["jessie", "master", "abc-1", "ünï", "()", "..", "é1"] {
        assert_eq!(
            compare(Scheme::Generic, word, "1"),
            Err(Incomparable::NotAVersion),
            "{word}"
        );
    }
}

#[test]
fn java_reads_all_spellings_of_one_release() {
    assert_same(
        Scheme::Java,
        &[
            "1.8.0_351",
            "8u351",
            "8.0.351",
            "1.8.0 update 351",
            "1.8.0-update351-b02",
            "1.8.0 update_351",
        ],
    );
    assert_same(Scheme::Java, &["1.8.0", "8", "1.8.0_0"]);
    assert_ascending(
        Scheme::Java,
        &[
            "1.4.2_05",
            "1.7.0_80",
            "1.8.0_13-ea-b2",
            "1.8.0_13",
            "1.8.0_351",
            "9.0.0-ea",
            "9.0.0",
            "11.0.5",
            "17",
        ],
    );
}

#[test]
fn debian_orders_tildes_epochs_and_revisions() {
    assert_ascending(
        Scheme::Deb,
        &[
            "1.0~~",
            "1.0~rc1",
            "1.0",
            "1.0-1~deb12u1",
            "1.0-1",
            "1.0-1+b1",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1:0.1",
        ],
    );
    assert_same(Scheme::Deb, &["1.0", "0:1.0", "1.0-0", "1.00"]);
    assert_eq!(
        compare(Scheme::Deb, "1.0 beta", "1.0"),
        Err(Incomparable::NotAVersion)
    );
}

#[test]
fn rpm_orders_carets_tildes_and_releases() {
    assert_ascending(
        Scheme::Rpm,
        &[
            "1.0~rc1",
            "1.0",
            "1.0-1.el8",
            "1.0-1.el9",
            "1.0-2",
            "1.0^git1-1",
            "1.0.1-1",
            "1:0.9-1",
        ],
    );
    assert_same(Scheme::Rpm, &["1_0", "1.0", "01.0", "0:1.0"]);
}

#[test]
fn alpine_orders_suffixes_letters_and_fractions() {
    assert_ascending(
        Scheme::Apk,
        &[
            "1.2_alpha",
            "1.2_rc1",
            "1.2",
            "1.2-r1",
            "1.2-r10",
            "1.2_p1",
            "1.2_p1-r1",
            "1.2b",
            "1.2.01",
            "1.2.1",
        ],
    );
}

#[test]
fn pep440_orders_every_segment() {
    assert_ascending(
        Scheme::Pypi,
        &[
            "bulbasaur",
            "1.0.dev1",
            "1.0a1.dev1",
            "1.0a1",
            "1.0a1.post1",
            "1.0b1",
            "1.0rc1",
            "1.0",
            "1.0+abc",
            "1.0+5",
            "1.0.post1.dev1",
            "1.0.post1",
            "1.1",
            "1!0.1",
        ],
    );
    assert_same(Scheme::Pypi, &["1.0", "v1", "1.0.0"]);
    assert_same(Scheme::Pypi, &["1.0-PREVIEW_2", "1.0rc2", "1.0c2"]);
    assert_same(Scheme::Pypi, &["1.0-1", "1.0.post1", "1.0r1"]);
}

#[test]
fn semver_orders_identifiers_and_ignores_builds() {
    assert_ascending(
        Scheme::Semver,
        &[
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-rc.2",
            "1.0.0-rc.11",
            "1.0.0",
            "1.0.0.1",
        ],
    );
    assert_same(Scheme::Npm, &["v1.2", "1.2.0", "=1.2.0+build", "1.2.0.0"]);
    assert_same(Scheme::Go, &["go1.21rc2", "1.21.0-rc2"]);
    assert_same(Scheme::Nuget, &["1.0.0-Beta", "1.0.0.0-beta"]);
}

#[test]
fn gem_puts_words_before_numbers_and_drops_platforms() {
    assert_ascending(
        Scheme::Gem,
        &["1.0.a9", "1.0.a.10", "1.0.b1", "1.0", "1.0.1", "1.10"],
    );
    assert_same(Scheme::Gem, &["1.2.0-x86_64-linux", "1.2", "1.2.0-java"]);
    assert_same(Scheme::Gem, &["1.a", "1.0.0.a"]);
    assert_ascending(Scheme::Gem, &["1.a.0.b", "1.a", "1.a.0.1"]);
}

#[test]
fn maven_orders_qualifiers_and_drops_what_counts_nothing() {
    assert_ascending(
        Scheme::Maven,
        &[
            "1-alpha-1",
            "1-beta-1",
            "1-m3",
            "1-rc",
            "1-snapshot",
            "1",
            "1-sp",
            "1-xyz",
            "1-1",
            "1.0.1",
            "1.1",
        ],
    );
    assert_same(Scheme::Maven, &["1", "1.0", "1-ga", "1.0.0-FINAL", "1-0.0"]);
    assert_same(Scheme::Maven, &["1cr2", "1-RC-2"]);
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
        assert_eq!(
            satisfies(Scheme::Generic, "1.5", constraint),
            Ok(satisfied),
            "{constraint}"
        );
    }
}

#[test]
fn a_constraint_that_says_nothing_is_an_error_and_no_match() {
    assert_eq!(
        satisfies(Scheme::Generic, "1.5", "< 2020-10-29"),
        Err(Incomparable::DifferentKinds)
    );
    assert_eq!(
        satisfies(Scheme::Generic, "", ""),
        Err(Incomparable::Unknown)
    );
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
    let bound = |version, is_included| {
        Some(Bound {
            version,
            is_included,
        })
    };
    let range = |start, end| Range { start, end };
    let contains = |range: Range<'_>, version| range.contains(Scheme::Generic, version);
    let half_open = range(bound("1.0", true), bound("2.0", false));
    assert_eq!(contains(half_open, "1.0.0"), Ok(true));
    assert_eq!(contains(half_open, "2.0"), Ok(false));
    assert_eq!(
        contains(range(bound("1.0", false), bound("2.0", true)), "1"),
        Ok(false)
    );
    assert_eq!(contains(range(None, bound("2.0", true)), "2"), Ok(true));
    assert_eq!(contains(Range::default(), "2"), Ok(true));
    assert_eq!(contains(Range::default(), ""), Err(Incomparable::Unknown));
    // A passed end decides even when the other end is of another kind.
    let mixed = range(bound("2020-10-29", true), bound("1.2", false));
    assert_eq!(contains(mixed, "1.3"), Ok(false));
    assert_eq!(contains(mixed, "1.1"), Err(Incomparable::DifferentKinds));
}

/// dpkg's own algorithm, written from Debian policy 5.6.12 as a pairwise comparison.
fn dpkg_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let order = |byte: Option<&u8>| match byte {
        None => 0,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let is_word = |text: &[u8]| text.first().is_some_and(|byte| !byte.is_ascii_digit());
    while !a.is_empty() || !b.is_empty() {
        while is_word(a) || is_word(b) {
            let decided = order(a.first()).cmp(&order(b.first()));
            if decided.is_ne() {
                return decided;
            }
            (a, b) = (&a[1..], &b[1..]);
        }
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (length_a, length_b) = (digits(a), digits(b));
        let number = |text: &[u8]| {
            std::str::from_utf8(text)
                .unwrap()
                .parse::<u64>()
                .unwrap_or(0)
        };
        let decided = number(&a[..length_a]).cmp(&number(&b[..length_b]));
        if decided.is_ne() {
            return decided;
        }
        (a, b) = (&a[length_a..], &b[length_b..]);
    }
    Ordering::Equal
}

/// rpm's own algorithm, written from its manual as a pairwise comparison.
fn rpm_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let skip = |text: &[u8]| {
        text.iter()
            .take_while(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^'))
            .count()
    };
    loop {
        (a, b) = (&a[skip(a)..], &b[skip(b)..]);
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (Some(b'~'), _) | (None, _) if b.first() != Some(&b'~') => return Ordering::Less,
            (_, Some(b'~')) | (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), _) => return Ordering::Less,
            (_, Some(b'^')) => return Ordering::Greater,
            _ => {}
        }
        let is_number = a[0].is_ascii_digit();
        let segment = |text: &[u8]| {
            text.iter()
                .take_while(|byte| {
                    if is_number {
                        byte.is_ascii_digit()
                    } else {
                        byte.is_ascii_alphabetic()
                    }
                })
                .count()
        };
        let (one, two) = (&a[..segment(a)], &b[..segment(b)]);
        if two.is_empty() {
            return if is_number {
                Ordering::Greater
            } else {
                Ordering::Less
            };
        }
        let number = |text: &[u8]| std::str::from_utf8(text).unwrap().parse::<u64>().unwrap();
        let decided = if is_number {
            number(one).cmp(&number(two))
        } else {
            one.cmp(two)
        };
        if decided.is_ne() {
            return decided;
        }
        (a, b) = (&a[one.len()..], &b[two.len()..]);
    }
}

fn scheme() -> impl Strategy<Value = Scheme> {
    proptest::sample::select(SCHEMES.to_vec())
}

/// Texts that look like versions of some scheme, and a few that look like nothing.
fn version() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[0-9]{1,3}",
        3 => prop_oneof![Just("."), Just("-"), Just("_"), Just("~"), Just("+"), Just("^"), Just(" ")]
            .prop_map(str::to_owned),
        2 => prop_oneof![
            Just("rc"), Just("a"), Just("b"), Just("beta"), Just("p"), Just("post"), Just("dev"),
            Just("-r"), Just("u"), Just("ga"), Just("_alpha"), Just("SP"), Just("2020-10-29"),
        ].prop_map(str::to_owned),
        1 => "[a-zA-Z]{1,2}",
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn never_panics_on_any_text(scheme in scheme(), a in "\\PC{0,24}", b in "\\PC{0,24}") {
        let _any = compare(scheme, &a, &b);
        let _any = satisfies(scheme, &a, &b);
    }

    #[test]
    fn the_order_is_total(scheme in scheme(), a in version(), b in version(), c in version()) {
        if let (Ok(ab), Ok(bc), Ok(ac)) =
            (compare(scheme, &a, &b), compare(scheme, &b, &c), compare(scheme, &a, &c))
        {
            prop_assert_eq!(compare(scheme, &b, &a), Ok(ab.reverse()));
            if ab == bc || bc.is_eq() {
                prop_assert_eq!(ac, ab);
            }
        }
        if key(scheme, &a).is_some() {
            prop_assert_eq!(compare(scheme, &a, &a), Ok(Ordering::Equal));
        }
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_versions(scheme in scheme(), a in version(), b in version()) {
        if let (Some(key_a), Some(key_b), Ok(order)) =
            (key(scheme, &a), key(scheme, &b), compare(scheme, &a, &b))
        {
            prop_assert_eq!(key_a.as_bytes().cmp(key_b.as_bytes()), order);
        }
    }

    #[test]
    fn debian_agrees_with_dpkgs_algorithm(a in "[0-9a-zA-Z.+~]{1,12}", b in "[0-9a-zA-Z.+~]{1,12}") {
        prop_assume!(key(Scheme::Deb, &a).is_some() && key(Scheme::Deb, &b).is_some());
        prop_assert_eq!(compare(Scheme::Deb, &a, &b), Ok(dpkg_part(a.as_bytes(), b.as_bytes())));
    }

    #[test]
    fn rpm_agrees_with_rpms_algorithm(a in "[0-9a-z.~^_]{1,10}", b in "[0-9a-z.~^_]{1,10}") {
        prop_assert_eq!(compare(Scheme::Rpm, &a, &b), Ok(rpm_part(a.as_bytes(), b.as_bytes())));
    }

    #[test]
    fn trailing_zeros_change_nothing_where_they_are_padding(
        scheme in proptest::sample::select(vec![
            Scheme::Generic, Scheme::Gem, Scheme::Java, Scheme::Maven, Scheme::Nuget, Scheme::Pypi,
            Scheme::Semver,
        ]),
        numbers in proptest::collection::vec(0_u32..50, 1..5),
        zeros in 0_usize..4,
    ) {
        let text = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        let padded = format!("{text}{}", ".0".repeat(zeros));
        prop_assert_eq!(compare(scheme, &text, &padded), Ok(Ordering::Equal));
    }
}
