//! Why packages of a distribution cannot be judged, and what it would take.
//!
//! "No findings" must never stand for "nobody looked", so a release without advisories names itself.
//! Nothing here decides anything; whose advisories stand for a relative's is said in `release`.

/// Distributions whose advisories are read from feeds.
const READ: [&str; 9] = [
    "almalinux",
    "alpine",
    "debian",
    "opensuse",
    "opensuse-leap",
    "rhel",
    "rocky",
    "sles",
    "ubuntu",
];

/// Distributions of which there are no feeds: `ID`, name, and why nothing else stands for its own
/// advisories.
const WITHOUT: [(&str, &str, &str); 28] = [
    ("alinux", "Alibaba Cloud Linux", "its own advisories would be needed"),
    ("altlinux", "ALT Linux", "its own advisories would be needed"),
    ("amzn", "Amazon Linux", "its own (ALAS) would be needed: it numbers its builds by itself"),
    ("arch", "Arch Linux", "its tracker's (ASA) would be needed: it ships what upstream releases"),
    ("archarm", "Arch Linux ARM", "Arch's would be needed, and it builds them later"),
    ("azurelinux", "Azure Linux", "its own would be needed"),
    (
        "centos",
        "CentOS Stream",
        "it runs ahead of Red Hat's releases, whose fixes say nothing of its builds",
    ),
    ("chainguard", "Chainguard OS", "its own (secdb) would be needed"),
    ("endeavouros", "EndeavourOS", "Arch's (ASA) would be needed"),
    (
        "eurolinux",
        "EuroLinux",
        "its own would be needed: Red Hat's say nothing of the day it rebuilds",
    ),
    ("fedora", "Fedora", "its own (Bodhi) would be needed"),
    ("gentoo", "Gentoo", "its own (GLSA) would be needed"),
    (
        "kali",
        "Kali Linux",
        "it takes Debian's testing and changes it; no list says what it has repaired",
    ),
    ("mageia", "Mageia", "its own (MGASA) would be needed"),
    ("manjaro", "Manjaro", "Arch's (ASA) would be needed, and it ships them later"),
    ("mariner", "CBL-Mariner", "its own would be needed"),
    ("miraclelinux", "MIRACLE LINUX", "its own would be needed"),
    ("nixos", "NixOS", "no list says what its packages have repaired"),
    (
        "ol",
        "Oracle Linux",
        "its own (ELSA) would be needed: its kernels and some of its builds are not Red Hat's",
    ),
    ("openeuler", "openEuler", "its own (openEuler-SA) would be needed"),
    ("openmandriva", "OpenMandriva", "its own would be needed"),
    (
        "opensuse-tumbleweed",
        "openSUSE Tumbleweed",
        "it rolls, and SUSE's advisories are about releases",
    ),
    (
        "parrot",
        "Parrot OS",
        "it takes Debian's packages and changes them; no list says what it has repaired",
    ),
    ("photon", "Photon OS", "its own (PHSA) would be needed"),
    ("scientific", "Scientific Linux", "its own would be needed"),
    ("slackware", "Slackware", "its own (SSA) would be needed"),
    ("void", "Void Linux", "no list says what its packages have repaired"),
    ("wolfi", "Wolfi", "its own (secdb) would be needed"),
];

/// Why nothing can be said of the packages of a release.
pub(super) fn reason(id: &str, version: &str) -> String {
    // os-release(5) wants `ID` in small letters; whoever writes a question by hand may not know it.
    let is = |other: &str| id.eq_ignore_ascii_case(other);
    let without = WITHOUT.iter().find(|(its, ..)| is(its));
    match (without, version) {
        (Some((_, name, why)), _) => {
            let space = if version.is_empty() { "" } else { " " };
            format!("not evaluable: no feed has advisories of {name}{space}{version}; {why}")
        }
        (None, "") => format!("not evaluable: the host does not tell which release of {id} it is"),
        // Read, but not this release: the site lacks data and not a feed.
        (None, _) if READ.iter().any(|read| is(read)) => format!(
            "not evaluable: the feeds have no advisories of {id} {version}; those of its release \
             would have to be added to them"
        ),
        (None, _) => format!(
            "not evaluable: no feed has advisories of {id} {version}, and it is not known whose \
             packages it installs"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_names_the_distribution_and_what_it_would_take() {
        for (id, version, expected) in [
            ("amzn", "2023", ["Amazon Linux 2023", "ALAS"]),
            ("arch", "", ["Arch Linux;", "ASA"]),
            ("centos", "9", ["CentOS Stream 9", "ahead of Red Hat's"]),
            ("fedora", "40", ["Fedora 40", "Bodhi"]),
            ("gentoo", "2.15", ["Gentoo 2.15", "GLSA"]),
            ("kali", "2024.2", ["Kali Linux 2024.2", "testing"]),
            ("nixos", "24.05", ["NixOS 24.05", "no list"]),
            ("ol", "9.4", ["Oracle Linux 9.4", "ELSA"]),
            ("openEuler", "24.03", ["openEuler 24.03", "openEuler-SA"]),
            ("debian", "", ["does not tell", "debian"]),
            ("ubuntu", "26.10", ["ubuntu 26.10", "added"]),
            ("frobnix", "3", ["frobnix 3", "not known whose"]),
        ] {
            let reason = reason(id, version);
            assert!(reason.starts_with("not evaluable: "), "{reason}");
            for part in expected {
                assert!(reason.contains(part), "{id} {version}: {reason}");
            }
        }
    }

    #[test]
    fn a_distribution_stands_in_one_list_only_and_the_lists_are_in_order() {
        assert!(WITHOUT.is_sorted_by_key(|(id, ..)| *id));
        assert!(READ.is_sorted());
        assert!(WITHOUT.iter().all(|(id, ..)| !READ.contains(id)));
    }
}
