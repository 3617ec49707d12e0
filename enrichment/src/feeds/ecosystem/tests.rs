//! Every ecosystem that occurred in the feeds, and the ones that are not told apart easily.

use super::*;

fn at(ecosystem: &str, purl: &str) -> Option<String> {
    home(ecosystem, purl).map(|home| match home.places[0].clone() {
        Place::Distribution { id, release, channel } => {
            format!("{id} {release} {channel}").trim_end().to_owned()
        }
        Place::Language(kind) => kind,
    })
}

/// The ecosystems of Debian's, Alpine's, Red Hat's, SUSE's, Rocky's, AlmaLinux's and Go's records of 2025
/// and 2026, with the place that each stands for, or `-`.
#[test]
fn every_ecosystem_that_occurs_has_its_place_or_none() {
    let table = include_str!("../../../tests/data/advisories/ecosystems.tsv");
    let mut places = 0;
    for line in table.lines() {
        let (ecosystem, place) = line.split_once('\t').unwrap();
        assert_eq!(at(ecosystem, "").as_deref().unwrap_or("-"), place, "{ecosystem}");
        places += usize::from(place != "-");
    }
    assert!(places > 1000, "{places}");
}

#[test]
fn ubuntus_lines_of_updates_are_channels() {
    for (ecosystem, purl, place) in [
        ("Ubuntu:22.04:LTS", "", "ubuntu 22.04"),
        ("Ubuntu:24.10", "", "ubuntu 24.10"),
        (
            "Ubuntu:Pro:16.04:LTS",
            "pkg:deb/ubuntu/netty@1:4?arch=source&distro=esm-apps/xenial",
            "ubuntu 16.04 esm-apps",
        ),
        (
            "Ubuntu:Pro:14.04:LTS",
            "pkg:deb/ubuntu/netty@1:3?arch=source&distro=esm-infra-legacy/trusty",
            "ubuntu 14.04 esm-infra-legacy",
        ),
        ("Ubuntu:Pro:18.04:LTS", "pkg:deb/ubuntu/x?distro=bionic", "ubuntu 18.04 pro"),
        ("Ubuntu:Pro:FIPS-updates:20.04:LTS", "", "ubuntu 20.04 fips-updates"),
        ("Ubuntu:Pro:Realtime:22.04:LTS", "", "ubuntu 22.04 realtime"),
    ] {
        assert_eq!(at(ecosystem, purl).as_deref(), Some(place), "{ecosystem}");
    }
}

#[test]
fn a_line_of_updates_is_not_the_release_itself() {
    for (ecosystem, place) in [
        ("Red Hat:enterprise_linux:9::appstream", "rhel 9"),
        ("Red Hat:enterprise_linux:10.1", "rhel 10"),
        ("Red Hat:rhel_eus:9.2::baseos", "rhel 9.2 eus"),
        ("Red Hat:openstack_els:7::el7.4", "rhel 7 openstack_els:7"),
        ("Red Hat:convert2rhel::el8", "rhel 8 convert2rhel"),
        ("SUSE:Linux Enterprise Server 15", "sles 15"),
        ("SUSE:Linux Enterprise Server 15-LTSS", "sles 15 ltss"),
        ("SUSE:Linux Enterprise Server 15 SP4-LTSS", "sles 15.4 ltss"),
        ("SUSE:Linux Enterprise Server 11 SP4 LTSS EXTREME CORE", "sles 11.4 ltss-extreme-core"),
        ("SUSE:Linux Enterprise Module for Python 3 15 SP5", "sles 15.5"),
        ("SUSE:Linux Enterprise Server 16.0", "sles 16.0"),
        ("openSUSE:Leap 15.4 NonFree", "opensuse-leap 15.4"),
        ("openSUSE:Tumbleweed", "opensuse-tumbleweed"),
        ("Alpine:edge", "alpine"),
    ] {
        assert_eq!(at(ecosystem, "").as_deref(), Some(place), "{ecosystem}");
    }
}

#[test]
fn a_kernel_that_rocky_rebuilds_for_clouds_is_not_everybodys() {
    let purl = "pkg:rpm/rocky-linux/kernel?distro=rocky-linux-8-sig-cloud&epoch=0";
    assert_eq!(at("Rocky Linux:8", purl).as_deref(), Some("rocky 8 sig-cloud"));
    let purl = "pkg:rpm/rocky-linux/hivex?distro=rocky-linux-8-4-legacy&epoch=0";
    assert_eq!(at("Rocky Linux:8", purl).as_deref(), Some("rocky 8"));
}

#[test]
fn the_modules_of_sle_12_are_for_every_service_pack() {
    let releases = |ecosystem: &str| home(ecosystem, "").unwrap().places.len();
    assert_eq!(releases("SUSE:Linux Enterprise Module for Containers 12"), 6);
    assert_eq!(releases("SUSE:Package Hub 12"), 6);
    assert_eq!(releases("SUSE:Package Hub 12 SP1"), 1);
    assert_eq!(releases("SUSE:Linux Enterprise Server 12"), 1);
    assert_eq!(releases("SUSE:Linux Enterprise Module for Containers 15"), 1);
}

#[test]
fn what_cannot_be_told_has_no_place() {
    for ecosystem in [
        "",
        "Debian",
        "Debian:sid",
        "Debian:12:",
        "Ubuntu:Pro:Unheard-of:22.04:LTS",
        "Ubuntu:jammy",
        "Alpine",
        "Alpine:3.20",
        "Red Hat",
        "Red Hat:rhel_stronghold:4.0",
        "Red Hat:openstack:16.2",
        "Red Hat:enterprise_linux:",
        "SUSE:Manager Server 4.3",
        "SUSE:Linux Enterprise Server",
        "SUSE:Linux Enterprise Module for Basesystem",
        "openSUSE:Leap",
        "Rocky Linux:8.x",
        "Bitnami",
        "OSS-Fuzz",
    ] {
        assert_eq!(at(ecosystem, ""), None, "{ecosystem}");
    }
}

#[test]
fn registries_leave_the_publisher_to_the_record() {
    let home = home("PyPI", "").unwrap();
    assert_eq!((home.publisher, home.scheme), (None, Scheme::Pypi));
    assert_eq!(at("npm", "").as_deref(), Some("npm"));
    assert_eq!(at("Go", "").as_deref(), Some("golang"));
}
