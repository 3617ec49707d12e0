//! The order of each scheme, by its published rules.

use super::*;

#[test]
fn generic_pads_with_zeros_and_drops_what_is_no_version() {
    assert_same(
        Scheme::Generic,
        &["1.0", "1", "1.0.0.0", "v1.0", "1.0 (8356)", "1.0+build7", "01.00"],
    );
    // Mozilla's line is an edition in CPE and a suffix to the installer.
    assert_same(Scheme::Generic, &["115.3.0esr", "115.3", "115.3.0-ESR"]);
    assert_same(Scheme::Generic, &["16.0.35907", "16.0.35907.0.0"]);
    assert_same(
        Scheme::Generic,
        // MinIO counts in instants.
        &["RELEASE.2023-03-20T20-16-18Z", "2023-03-20T20-16-18Z"],
    );
}

#[test]
fn generic_puts_pre_releases_before_and_patches_behind_their_release() {
    assert_ascending(
        Scheme::Generic,
        &["3.14.0a1", "3.14.0-alpha2", "3.14.0b1", "3.14.0-rc1", "3.14.0", "3.14.0p1", "3.14.1"],
    );
    assert_ascending(
        Scheme::Generic,
        // OpenSSL's letters go on behind `z`, as the fix of CVE-2014-0224 did.
        &["1.0.2", "1.0.2a", "1.0.2z", "1.0.2za", "1.0.2zk", "1.0.3"],
    );
    // ProFTPD, whose letters are patches.
    assert_ascending(Scheme::Generic, &["1.3.3rc1", "1.3.3", "1.3.3a", "1.3.3c"]);
    assert_ascending(
        Scheme::Generic,
        // ImageMagick, whose hyphen counts on.
        &["6.9.9-50", "6.9.10-3", "6.9.10-23", "6.9.11"],
    );
    assert_ascending(Scheme::Generic, &["98", "98SP1", "98SP3"]);
    // OpenSSH's portable releases.
    assert_ascending(Scheme::Generic, &["9.2", "9.2p1", "9.2p2", "9.3"]);
}

#[test]
fn generic_tells_builds_from_betas() {
    // Java's build follows its update, which no pre-release does.
    assert_ascending(Scheme::Generic, &["1.8.0_351", "1.8.0_351-b10", "1.8.0_352"]);
    // Yugabyte's builds, D-Link's firmware, and betas behind the same letter.
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
    // Month 99: a number of eight digits, and so a release.
    assert_ascending(Scheme::Generic, &["1.3", "20209929"]);
}

#[test]
fn a_word_is_no_generic_version() {
    for word in ["jessie", "master", "abc-1", "ünï", "()", "..", "é1"] {
        assert_eq!(compare(Scheme::Generic, word, "1"), Err(Incomparable::NotAVersion), "{word}");
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
            // A backport to the release before sorts below the build that it was made of, so that
            // an upgrade replaces it.
            "1.0-1~deb12u1",
            "1.0-1",
            // A rebuild of binaries alone.
            "1.0-1+b1",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1:0.1",
        ],
    );
    assert_same(Scheme::Deb, &["1.0", "0:1.0", "1.0-0", "1.00"]);
    assert_eq!(compare(Scheme::Deb, "1.0 beta", "1.0"), Err(Incomparable::NotAVersion));
}

#[test]
fn rpm_orders_carets_tildes_and_releases() {
    assert_ascending(
        Scheme::Rpm,
        &["1.0~rc1", "1.0", "1.0-1.el8", "1.0-1.el9", "1.0-2", "1.0^git1-1", "1.0.1-1", "1:0.9-1"],
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
            // No version to PEP 440, and so before all that are.
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
            // The chain of §11.4 of the specification, with a number before all words.
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
    // What `go version` prints, and what advisories say.
    assert_same(Scheme::Go, &["go1.21rc2", "1.21.0-rc2"]);
    assert_same(Scheme::Nuget, &["1.0.0-Beta", "1.0.0.0-beta"]);
}

#[test]
fn gem_puts_words_before_numbers_and_drops_platforms() {
    assert_ascending(Scheme::Gem, &["1.0.a9", "1.0.a.10", "1.0.b1", "1.0", "1.0.1", "1.10"]);
    assert_same(Scheme::Gem, &["1.2.0-x86_64-linux", "1.2", "1.2.0-java"]);
    assert_same(Scheme::Gem, &["1.a", "1.0.0.a"]);
    // A zero before a word counts less than the end, one before a number more.
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
    // Release words and zeros at a part's end are nothing to `ComparableVersion`.
    assert_same(Scheme::Maven, &["1", "1.0", "1-ga", "1.0.0-FINAL", "1-0.0"]);
    assert_same(Scheme::Maven, &["1cr2", "1-RC-2"]);
}
