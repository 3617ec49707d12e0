//! The cases by which the schemes' own programs test their orders, and the ones that comparing by another
//! scheme, as text or as a decimal gets wrong.

use super::*;

/// Lines of `a < b` or `a = b`.
fn assert_table(scheme: Scheme, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [a, sign, b] = fields[..] else {
            panic!("{line}");
        };
        let expected = if sign == "<" { Ordering::Less } else { Ordering::Equal };
        assert_eq!(compare(scheme, a, b), Ok(expected), "{scheme}: {line}");
        assert_eq!(compare(scheme, b, a), Ok(expected.reverse()), "{scheme}: {line}, turned");
    }
}

/// `tests/rpmvercmp.at` of rpm, without the rows of versions that are nothing but marks.
#[test]
fn rpm_passes_the_cases_of_rpm_itself() {
    assert_table(
        Scheme::Rpm,
        "1.0 = 1.0
        1.0 < 2.0
        2.0 < 2.0.1
        2.0.1 < 2.0.1a
        5.5p1 < 5.5p2
        5.5p1 < 5.5p10
        10xyz < 10.1xyz
        xyz10 < xyz10.1
        xyz.4 < 8
        xyz.4 < 2
        5.5p2 < 5.6p1
        5.6p1 < 6.5p1
        6.0 < 6.0.rc1
        10a2 < 10b2
        1.0a < 1.0aa
        10.0001 = 10.1
        10.0001 < 10.0039
        4.999.9 < 5.0
        20101121 < 20101122
        2_0 = 2.0
        a = a
        a+ = a_
        +a = _a
        1.0~rc1 < 1.0
        1.0~rc1 < 1.0~rc2
        1.0~rc1~git123 < 1.0~rc1
        1.0 < 1.0^
        1.0^git1 < 1.0^git2
        1.0 < 1.0^git1
        1.0^git1 < 1.01
        1.0^20160101 < 1.0.1
        1.0^20160101 < 1.0^20160102
        1.0^20160101 < 1.0^20160101^git1
        1.0~rc1 < 1.0~rc1^git1
        1.0^git1~pre < 1.0^git1",
    );
}

/// `test/fixtures/comparisons.js` of npm's semver.
#[test]
fn npm_passes_the_cases_of_npm_itself() {
    assert_table(
        Scheme::Npm,
        "0.0.0-foo < 0.0.0
        0.0.0 < 0.0.1
        0.9.9 < 1.0.0
        0.9.0 < 0.10.0
        0.10.0 < 0.99.0
        1.2.3 < 2.0.0
        v0.0.0-foo = 0.0.0-foo
        v1.2.3 = 1.2.3
        1.2.3-asdf < 1.2.3
        1.2.3-4 < 1.2.3
        1.2.3-4-foo < 1.2.3
        1.2.3-5 < 1.2.3-5-foo
        1.2.3-4 < 1.2.3-5
        1.2.3-5-Foo < 1.2.3-5-foo
        2.7.2+asdf < 3.0.0
        1.2.3-a.5 < 1.2.3-a.10
        1.2.3-a.5 < 1.2.3-a.b
        1.2.3-a < 1.2.3-a.b
        1.2.3-a.b.c.5.d.100 < 1.2.3-a.b.c.10.d.5
        1.2.3-r100 < 1.2.3-r2
        1.2.3-R2 < 1.2.3-r100",
    );
}

/// `tests/test_version.py` of packaging, whose list stands in its order.
#[test]
fn pypi_has_the_order_of_packaging() {
    assert_ascending(
        Scheme::Pypi,
        &[
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0b2-346",
            "1.0c1.dev456",
            "1.0c1",
            "1.0rc2",
            "1.0c3",
            "1.0",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.1.dev1",
            "1.2",
            "1.2+abc",
            "1.2+abc123",
            "1.2+abc123def",
            "1.2+1234.abc",
            "1.2+123456",
            "1.2.r32+123456",
            "1.2.rev33+123456",
            "1!1.0.dev456",
            "1!1.0a1",
            "1!1.0",
            "1!1.0.post456",
            "1!1.1.dev1",
        ],
    );
}

/// `test_semver` and `test_spaceship` of `RubyGems`, without its empty version.
#[test]
fn gem_passes_the_cases_of_rubygems() {
    assert_table(
        Scheme::Gem,
        "1.0 = 1.0.0
        1.0.a < 1.0
        0.0.0 < 1.8.2
        1.8.2.a < 1.8.2
        1.8.2.a < 1.8.2.b
        1.8.2.a9 < 1.8.2.a10
        0.beta.1 = 0.0.beta.1
        0.0.beta < 0.0.beta.1
        0.0.beta < 0.beta.1
        5.a < 5.0.0.rc2
        5.0.0.rc2 < 5.x
        1.9.3 < 1.9.3.1
        1.9.3.alpha2 < 1.9.3
        1.0.0-alpha < 1.0.0-alpha.1
        1.0.0-alpha.1 < 1.0.0-beta.2
        1.0.0-beta.2 < 1.0.0-beta.11
        1.0.0-beta.11 < 1.0.0-rc.1
        1.0.0-rc1 < 1.0.0
        1.0.0-1 < 1",
    );
}

/// `ComparableVersionTest` of Maven: its list of qualifiers, which stands in its order.
#[test]
fn maven_has_the_order_of_comparable_version() {
    assert_ascending(
        Scheme::Maven,
        &[
            "1-alpha2snapshot",
            "1-alpha2",
            "1-alpha-123",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-rc123",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-sp123",
            "1-abc",
            "1-def",
            "1-pom-1",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1-123",
        ],
    );
    assert_same(
        Scheme::Maven,
        &["1", "1.0", "1.0.0", "1-0", "1.0-0", "1ga", "1.0-ga", "1.release"],
    );
    assert_same(Scheme::Maven, &["1x", "1-x", "1.0.0x", "1.0.0-x"]);
    assert_same(Scheme::Maven, &["1a1", "1-alpha-1", "1.0-ALPHA1"]);
}

#[test]
fn go_orders_pseudo_versions_by_their_base_and_instant() {
    assert_ascending(
        Scheme::Go,
        &[
            "v0.0.0-20200115085410-6d4e4cb37c7d",
            "v0.0.0-20201012173705-84dcc777aaee",
            "v0.1.0-rc.1",
            "v0.1.0",
            // Between v1.2.3 and v1.2.4: the base that a pseudo-version names is the one to come.
            "v1.2.3",
            "v1.2.4-0.20191109021931-6d4e4cb37c7d",
            "v1.2.4-alpha",
            "v1.2.4",
            "v2.0.0+incompatible",
            "v10.0.0",
        ],
    );
    assert_same(Scheme::Go, &["v2.0.0+incompatible", "2.0.0", "go2"]);
    assert_ascending(Scheme::Go, &["go1.20.14", "go1.21rc2", "go1.21", "go1.21.3", "go1.100"]);
}

#[test]
fn numbers_are_no_text_and_no_decimals() {
    for scheme in SCHEMES {
        assert_ascending(scheme, &["1.2", "1.10", "1.20", "1.100"]);
        assert_ascending(scheme, &["2.1", "9.9", "10.0", "100.0"]);
    }
    // Alpine's leading zero makes a fraction of a component, and Java's 1.2 is 2 in another spelling.
    let others = |scheme: &Scheme| !matches!(scheme, Scheme::Apk | Scheme::Java);
    for scheme in SCHEMES.into_iter().filter(others) {
        assert_same(scheme, &["1.2", "1.02", "01.2"]);
    }
    assert_ascending(Scheme::Apk, &["1.02", "1.2"]);
}

#[test]
fn an_epoch_outweighs_whatever_stands_behind_it() {
    for scheme in [Scheme::Deb, Scheme::Rpm] {
        assert_ascending(scheme, &["99.9-9", "1:0.1-1", "1:2-1", "2:0-1", "10:0-1"]);
        assert_same(scheme, &["1.2-1", "0:1.2-1", "00:1.2-1"]);
    }
    // A colon behind anything but digits is no epoch: it is text of the version.
    assert_ascending(Scheme::Deb, &["1.2", "1.2:3"]);
}

#[test]
fn a_hyphen_divides_where_packagers_have_it_and_counts_on_where_they_do_not() {
    // The last one divides: an upstream version may hold others.
    assert_ascending(Scheme::Deb, &["1.2-3-1", "1.2-3-2", "1.2-4-1"]);
    assert_ascending(Scheme::Deb, &["1.2-1", "1.2-1.1", "1.2-10"]);
    assert_ascending(Scheme::Rpm, &["1.2", "1.2-1", "1.2-1.el9", "1.2-1.el9_4.1", "1.2-2"]);
    assert_ascending(Scheme::Generic, &["7.0.1-1", "7.0.1-9", "7.0.1-10"]);
    // To npm what follows is a pre-release, to Maven a later build, to Python a post-release.
    assert_ascending(Scheme::Npm, &["1.2.0-1", "1.2.0"]);
    assert_ascending(Scheme::Maven, &["1.2.0", "1.2.0-1"]);
    assert_ascending(Scheme::Pypi, &["1.2.0", "1.2.0-1"]);
}

#[test]
fn builds_of_systems_are_compared_number_by_number() {
    assert_ascending(
        Scheme::Windows,
        &[
            "6.1.7601.24214",
            "10.0.9600",
            "10.0.19045.3803",
            "10.0.19045.4046",
            "10.0.22000.1",
            "10.0.26100",
        ],
    );
    assert_ascending(Scheme::Macos, &["10.9.5", "10.15.7", "11.0", "13.6.1", "13.10", "14"]);
    assert_same(Scheme::Windows, &["10.0.19045", "10.0.19045.0", "10.0.19045.00"]);
}

#[test]
fn a_text_that_holds_no_version_is_called_that_under_every_scheme_that_can_tell() {
    for (scheme, texts) in [
        (Scheme::Apk, &["r1", "-r1", "_rc1", "v1.2"][..]),
        (Scheme::Deb, &["1 2", "-1", "1:", "1:-1"]),
        (Scheme::Gem, &["a", ".1", "-1", "v1"]),
        (Scheme::Go, &["go", "devel", "v"]),
        (Scheme::Java, &["jre", "u", "openjdk-"]),
        (Scheme::Maven, &["..", "--", "+"]),
        (Scheme::Npm, &["v", "=", "x.y", "^1.2", "~1"]),
        (Scheme::Nuget, &["v", "beta"]),
        (Scheme::Pypi, &["!", "..", "+"]),
        (Scheme::Rpm, &["1:", "-1", "2:-1"]),
    ] {
        for text in texts {
            let found = compare(scheme, text, "1");
            assert_eq!(found, Err(Incomparable::NotAVersion), "{scheme}: {text:?}");
        }
    }
}

#[test]
fn why_two_versions_have_no_order_is_said_in_words() {
    for (a, b, words) in [
        ("", "1", "the version is unknown"),
        ("1", "unknown", "the version is unknown"),
        ("jessie", "1", "the text is no version of this scheme"),
        ("2020-10-29", "1.3", "one version is a date, the other a release number"),
    ] {
        assert_eq!(compare(Scheme::Generic, a, b).unwrap_err().to_string(), words);
    }
    let refused = satisfies(Scheme::Generic, "1", "~> 2").unwrap_err();
    assert_eq!(refused.to_string(), "the constraint is not a list of operators and versions");
    let unknown = "cobol\n".parse::<Scheme>().unwrap_err();
    assert_eq!(unknown.to_string(), "unknown version scheme \"cobol\\n\"");
}

#[test]
fn white_space_and_quotes_around_a_version_do_not_count() {
    for scheme in SCHEMES {
        assert_eq!(compare(scheme, " 1.2.3\t", "1.2.3\n"), Ok(Ordering::Equal), "{scheme}");
        for constraint in
            [">=1.2.3", ">= 1.2.3", " >=  '1.2.3' ", "== \"1.2.3\"", "1.2.3 ", "<9||<1"]
        {
            assert_eq!(satisfies(scheme, " 1.2.3", constraint), Ok(true), "{scheme}: {constraint}");
        }
    }
}
