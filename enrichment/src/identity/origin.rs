//! Whether a package is a distribution's own or a vendor's.
//!
//! Package managers do not say it. What they keep is the vendor or maintainer, sometimes an
//! origin, and the version's form; each is looked up in a table of packagers, and what no table
//! knows is the distribution's. A wrong answer here is the worst that matching can give: a
//! distribution's package judged by upstream ranges shows repaired holes as open.

use super::table::Table;
use crate::subject::Subject;

/// Who built a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The distribution; the rule that says so.
    Distribution(&'static str),
    /// A vendor, by the name that was recognised.
    Vendor(String),
    /// Someone who builds others' software for a distribution, newer than the distribution does.
    Rebuilder(String),
}

/// Packagers by mail domain or repository; made by hand.
const PACKAGERS: Table = Table::new(include_str!("../../data/identity/packagers.tsv"));

/// Origins and rpm vendors that are distributions, as the beginning of the text in lower case.
const DISTRIBUTIONS: [&str; 44] = [
    "alibaba cloud",
    "almalinux",
    "alpine",
    "alt linux",
    "amazon linux",
    "amazon.com",
    "arch linux",
    "armbian",
    "canonical",
    "centos",
    "circle linux",
    "clearos",
    "cloudlinux",
    "debian",
    "deepin",
    "devuan",
    "elementary",
    "eurolinux",
    "fedora",
    "freexian",
    "kali",
    "linux mint",
    "linuxmint",
    "mageia",
    "manjaro",
    "navy linux",
    "neon",
    // A project on SUSE's build service. Most patch the distribution's own packages, so that is the
    // careful assumption.
    "obs://",
    "openeuler",
    "openmandriva",
    "opensuse",
    "oracle linux",
    "parrot",
    "pop",
    "proxmox",
    "pureos",
    "raspberry",
    "raspbian",
    "red hat",
    "rocky",
    "scientific linux",
    "suse",
    "ubuntu",
    "zorin",
];

/// Vendors that are a distribution on their own system only, with its `ID` of os-release.
const DISTRIBUTION_AT_HOME: [(&str, &[&str]); 5] = [
    ("oracle", &["ol", "oraclelinux"]),
    ("microsoft", &["azurelinux", "mariner"]),
    ("vmware", &["photon"]),
    ("amazon", &["amzn"]),
    ("virtuozzo", &["virtuozzo", "vzlinux"]),
];

/// Origins of repositories with newer builds of the distribution's own packages, as the beginning
/// of the text in lower case.
const REBUILDERS: [&str; 5] = [
    "apt.postgresql.org",
    "deb.sury.org",
    "lp-ppa-",
    "packages.sury.org",
    "unofficial multimedia packages",
];

/// Marks of a packager in a version or a release.
const MARKS: [(&str, &str); 7] = [
    ("nodesource", "NodeSource"),
    // In capitals in an rpm's release (`1PGDG.rhel9`), in small letters in a deb's version.
    ("PGDG", "PostgreSQL Global Development Group"),
    ("pgdg", "PostgreSQL Global Development Group"),
    ("+maria~", "MariaDB"),
    ("sury.org", "deb.sury.org"),
    (".remi", "Remi"),
    ("~mozillabinaries", "Mozilla"),
];

/// Tells who built a package.
pub(crate) fn of(subject: &Subject<'_>) -> Origin {
    match subject.source {
        "deb" => of_deb(subject),
        "rpm" => of_rpm(subject),
        // apk and pacman have no vendors' packages that anything would tell.
        _ => Origin::Distribution("distribution:format"),
    }
}

fn of_deb(subject: &Subject<'_>) -> Origin {
    // First, because a rebuilder's package keeps the maintainer, and often the origin, of what it
    // rebuilds.
    if let Some(packager) = mark(subject.version) {
        return Origin::Rebuilder(packager.to_owned());
    }
    if is_distribution(subject.origin, subject) {
        return Origin::Distribution("distribution:origin");
    }
    let origin = subject.origin.to_lowercase();
    if REBUILDERS.iter().any(|rebuilder| origin.starts_with(rebuilder)) {
        return Origin::Rebuilder(subject.origin.to_owned());
    }
    if let Some(packager) = packager(subject) {
        return Origin::Vendor(packager.to_owned());
    }
    // A company's mirror of the distribution has a name of its own; the packages keep theirs.
    if is_distribution_mail(subject.vendor) {
        return Origin::Distribution("distribution:maintainer");
    }
    if has_distribution_revision(subject.version) {
        return Origin::Distribution("distribution:revision");
    }
    if subject.origin.is_empty() {
        Origin::Distribution("distribution:assumed")
    } else {
        Origin::Vendor(subject.origin.to_owned())
    }
}

/// Whether a revision is as only distributions write it: `+deb12u3`, `-1ubuntu0.10`, `~bpo12+1`.
fn has_distribution_revision(version: &str) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let has = |mark: &str, needs_digit_before: bool| {
        version.match_indices(mark).any(|(at, _)| {
            let bytes = version.as_bytes();
            is_digit(bytes.get(at + mark.len()))
                && (!needs_digit_before || at > 0 && is_digit(bytes.get(at - 1)))
        })
    };
    // A digit before `ubuntu` makes it a revision (`-1ubuntu0.10`): vendors write `~ubuntu20.04`
    // for the system that they build for.
    has("+deb", false) || has("~deb", false) || has("~bpo", false) || has("ubuntu", true)
}

fn of_rpm(subject: &Subject<'_>) -> Origin {
    // The release first: there rpm's packagers leave their mark (`8.2.10-1.el8.remi`).
    if let Some(packager) = mark(subject.release).or_else(|| mark(subject.version)) {
        return Origin::Rebuilder(packager.to_owned());
    }
    if is_distribution(subject.vendor, subject) {
        return Origin::Distribution("distribution:vendor");
    }
    // rpm prints `(none)` for a tag that a header lacks, and lists of other tools keep the word.
    if subject.vendor.is_empty() || subject.vendor.eq_ignore_ascii_case("(none)") {
        return Origin::Distribution("distribution:assumed");
    }
    Origin::Vendor(packager(subject).unwrap_or(subject.vendor).to_owned())
}

fn mark(version: &str) -> Option<&'static str> {
    MARKS.iter().find(|(mark, _)| version.contains(mark)).map(|(_, packager)| *packager)
}

fn is_distribution(text: &str, subject: &Subject<'_>) -> bool {
    if text.is_empty() {
        return false;
    }
    // The tables are in small ASCII letters, so that nothing has to be folded first.
    let begins = |name: &str| {
        let head = text.as_bytes().get(..name.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
    };
    let is_home =
        |(vendor, ids): &(&str, &[&str])| begins(vendor) && ids.contains(&subject.platform.id);
    DISTRIBUTIONS.iter().any(|name| begins(name)) || DISTRIBUTION_AT_HOME.iter().any(is_home)
}

/// The packager that the maintainer's mail domain or the whole text names.
///
/// Some domains are of companies whose people also maintain packages of Debian; for those the
/// table lists the packages that the company builds itself.
fn packager(subject: &Subject<'_>) -> Option<&'static str> {
    let vendor = subject.vendor.to_lowercase();
    let domain = vendor.rsplit_once('@').map(|(_, domain)| domain.trim_end_matches(['>', ' ']));
    let keys = domain
        .map(|domain| format!("@{domain}"))
        .into_iter()
        .chain(std::iter::once(vendor.split('<').next().unwrap_or_default().trim().to_owned()));
    for key in keys.filter(|key| !key.is_empty()) {
        let Some((packager, packages)) =
            PACKAGERS.find(&key).and_then(|rest| rest.split_once('\t'))
        else {
            continue;
        };
        if packages == "*" || packages.split(' ').any(|prefix| subject.name.starts_with(prefix)) {
            return Some(packager);
        }
    }
    None
}

fn is_distribution_mail(maintainer: &str) -> bool {
    const DOMAINS: [&str; 9] = [
        "debian.org",
        "ubuntu.com",
        "canonical.com",
        "debian.net",
        "launchpad.net",
        "kali.org",
        "raspberrypi.com",
        "linuxmint.com",
        "devuan.org",
    ];
    let text = maintainer.to_lowercase();
    let domain =
        text.rsplit_once('@').map_or("", |(_, domain)| domain.trim_end_matches(['>', ' ']));
    DOMAINS.iter().any(|known| {
        domain == *known
            // A host of the domain too: bugs.debian.org, lists.ubuntu.com.
            || domain
                .strip_suffix(known)
                .is_some_and(|head| head.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Platform;

    /// A subject from `source|platform|name|version|vendor`.
    fn subject(row: &str) -> Subject<'_> {
        let fields: Vec<&str> = row.split('|').collect();
        let [source, id, name, version, vendor] = fields[..] else {
            panic!("{row}");
        };
        Subject {
            source,
            name,
            version,
            vendor,
            platform: Platform { family: "linux", id, version: "" },
            ..Subject::default()
        }
    }

    fn vendor_of(subject: &Subject<'_>) -> Option<String> {
        match of(subject) {
            Origin::Vendor(name) | Origin::Rebuilder(name) => Some(name),
            Origin::Distribution(_) => None,
        }
    }

    #[test]
    fn packages_of_distributions_are_theirs() {
        for row in [
            "deb|debian|bash|5.2.15-2+b2|Matthias Klose <doko@debian.org>",
            "deb|debian|htop|3.2.2-2|Daniel Lange <DLange@git.local>",
            "deb|ubuntu|curl|7.81.0-1ubuntu1|Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>",
            "deb|ubuntu|firefox|1:1snap1|Ubuntu Mozilla Team <ubuntu-mozillateam@lists.ubuntu.com>",
            "deb|debian|some-tool|1.0-1|A Person <person@google.com>",
            "deb|debian|some-lib|2.0-3|A Person <person@microsoft.com>",
            "deb|debian|git|1:2.39-1|Somebody at <person@github.com>",
            "rpm|rhel|bash|5.1.8|Red Hat, Inc.",
            "rpm|centos|bash|5.1.8|CentOS",
            "rpm|fedora|bash|5.1.8|Fedora Project",
            "rpm|ol|bash|5.1.8|Oracle America",
            "rpm|rocky|bash|5.1.8|Rocky Enterprise Software Foundation",
            "rpm|almalinux|bash|5.1.8|AlmaLinux",
            "rpm|sles|bash|5.1.8|SUSE LLC <https://www.suse.com/>",
            "rpm|opensuse-leap|bash|5.1.8|openSUSE",
            "rpm|amzn|bash|5.1.8|Amazon Linux",
            "rpm|azurelinux|bash|5.1.8|Microsoft Corporation",
            "rpm|rhel|in-house|1.0|",
            "apk|alpine|busybox|1.36.1-r5|",
            "pacman|arch|bash|5.2-1|",
        ] {
            assert_eq!(vendor_of(&subject(row)), None, "{row}");
        }
    }

    #[test]
    fn packages_of_vendors_are_not_the_distributions() {
        for row in [
            "deb|debian|google-chrome-stable|105.0-1|Chrome Linux Team <chromium-dev@chromium.org>",
            "deb|debian|code|1.74.0-1670260027|Microsoft Corporation <vscode-linux@microsoft.com>",
            "deb|ubuntu|nodejs|18.12.1-1nodesource1|whoever",
            "deb|debian|postgresql-15|15.4-1.pgdg120+1|<team+postgresql@tracker.debian.org>",
            "rpm|rhel|code|1.74.0|Microsoft Corporation",
            "rpm|rhel|mysql-community-server|8.0.33|Oracle and/or its affiliates",
            "rpm|fedora|google-chrome-stable|105.0|Google LLC",
        ] {
            assert!(vendor_of(&subject(row)).is_some(), "{row}");
        }
    }

    #[test]
    fn a_mark_in_an_rpms_release_counts_more_than_a_vendor_that_is_missing() {
        for (release, packager) in [
            ("1PGDG.rhel9", Some("PostgreSQL Global Development Group")),
            ("1.el8.remi", Some("Remi")),
            ("1nodesource", Some("NodeSource")),
            ("1.el9", None),
        ] {
            for vendor in ["", "(none)"] {
                let row = subject("rpm|rhel|postgresql16-server|16.4|");
                let package = Subject { release, vendor, ..row };
                assert_eq!(vendor_of(&package).as_deref(), packager, "{release} {vendor}");
            }
        }
    }

    #[test]
    fn an_origin_decides_where_it_is_given() {
        let debian = Subject { origin: "Debian Backports", ..subject("deb|debian|bash|1-1|") };
        assert_eq!(of(&debian), Origin::Distribution("distribution:origin"));
        let grafana = Subject { origin: "Grafana Labs", ..debian };
        assert_eq!(of(&grafana), Origin::Vendor("Grafana Labs".to_owned()));
        let ppa = Subject {
            origin: "LP-PPA-deadsnakes",
            ..subject("deb|ubuntu|python3.12|3.12.1-1+jammy1|Matthias Klose <doko@debian.org>")
        };
        assert_eq!(of(&ppa), Origin::Rebuilder("LP-PPA-deadsnakes".to_owned()));
    }

    #[test]
    fn a_mirror_of_a_distribution_does_not_make_its_packages_a_vendors() {
        for row in [
            "deb|debian|bash|5.2.15-2+b2|Matthias Klose <doko@debian.org>",
            "deb|debian|git|1:2.39.2-1+deb12u1|Jonathan Nieder <jrnieder@gmail.com>",
            "deb|ubuntu|openssl|3.0.2-0ubuntu1.12|Somebody <somebody@example.org>",
            "deb|debian|curl|8.5.0-2~bpo12+1|Somebody <somebody@example.org>",
        ] {
            let mirrored = Subject { origin: "apt.corp.example", ..subject(row) };
            assert_eq!(vendor_of(&mirrored), None, "{row}");
        }
        let docker = subject("deb|ubuntu|docker-ce|5:20.10.21~3-0~ubuntu-jammy|x");
        assert!(vendor_of(&Subject { origin: "Docker", ..docker }).is_some());
    }

    /// Every entry recognises a package of its own.
    #[test]
    fn every_packager_is_recognised() {
        let mut last = "";
        for (key, rest) in PACKAGERS.lines() {
            assert!(last < key, "{last} before {key}");
            last = key;
            let (packager, packages) = rest.split_once('\t').unwrap();
            let name = packages.split(' ').next().unwrap().replace('*', "anything");
            let vendor =
                if key.starts_with('@') { format!("<somebody{key}>") } else { key.to_owned() };
            let row = format!("deb|debian|{name}|1.0|{vendor}");
            assert_eq!(vendor_of(&subject(&row)).as_deref(), Some(packager), "{key}");
        }
    }

    #[test]
    fn distribution_names_are_sorted_and_lower_case() {
        assert!(DISTRIBUTIONS.is_sorted());
        assert!(DISTRIBUTIONS.iter().all(|name| name.to_lowercase() == *name));
    }
}
