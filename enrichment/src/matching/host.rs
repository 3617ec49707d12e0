//! Whether a host's operating system is the one that a record demands.

use crate::index::{PartnerView, VersionKind};
use crate::subject::{Platform, Subject};
use crate::version::{self, Scheme};

/// The operating system of the host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host<'a> {
    /// `linux`, `windows`, `macos`, or empty when unknown.
    pub(super) family: &'a str,
    id: &'a str,
    version: &'a str,
}

/// Whether a host is what a record demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It may be: the host or the record does not tell enough.
    Unknown,
}

/// An operating system as records name it.
enum Named {
    /// Any system of a family.
    Family(&'static str),
    /// A Linux distribution, by the beginning of its `ID`.
    Distribution(&'static str),
    /// A release of Windows, by the version that it reports of itself.
    Windows(&'static str),
    /// One that no agent runs on.
    Foreign,
}

/// Vendor, beginning of the product, `ID` of os-release.
const DISTRIBUTIONS: [(&str, &str, &str); 17] = [
    ("almalinux", "almalinux", "almalinux"),
    ("alpinelinux", "alpine_linux", "alpine"),
    ("amazon", "linux", "amzn"),
    ("archlinux", "", "arch"),
    ("canonical", "ubuntu", "ubuntu"),
    ("centos", "centos", "centos"),
    ("debian", "debian", "debian"),
    ("fedoraproject", "fedora", "fedora"),
    ("gentoo", "linux", "gentoo"),
    ("opensuse", "", "opensuse"),
    ("oracle", "linux", "ol"),
    ("redhat", "enterprise_linux", "rhel"),
    ("redhat", "fedora", "fedora"),
    ("rocky", "", "rocky"),
    ("suse", "", "sle"),
    ("ubuntu", "ubuntu", "ubuntu"),
    ("vmware", "photon_os", "photon"),
];

/// Products that records mean on one system only, though they seldom say so: vendor, product,
/// family. On a Mac, iCloud is macOS.
const ONE_SYSTEM: [(&str, &str, &str); 1] = [("apple", "icloud", "windows")];

/// Beginnings of Windows' products before 10, and the versions that those report; the longer of
/// two that begin alike stands first.
const OLD_WINDOWS: [(&str, &str); 19] = [
    ("windows_server_2012_r2", "6.3"),
    ("windows_server_2012", "6.2"),
    ("windows_server_2008_r2", "6.1"),
    ("windows_server_2008", "6.0"),
    ("windows_server_2003", "5.2"),
    ("windows_2003_server", "5.2"),
    ("windows_2000", "5.0"),
    ("windows_rt_8.1", "6.3"),
    ("windows_rt", "6.2"),
    ("windows_8.1", "6.3"),
    ("windows_8", "6.2"),
    ("windows_7", "6.1"),
    ("windows_vista", "6.0"),
    ("windows_xp", "5.1"),
    ("windows_nt", "4.0"),
    ("windows-nt", "4.0"),
    ("windows_me", "4.9"),
    ("windows_98", "4.1"),
    ("windows_95", "4.0"),
];

impl<'a> Host<'a> {
    pub(super) const fn on(platform: Platform<'a>) -> Self {
        Self { family: platform.family, id: platform.id, version: platform.version }
    }

    /// Whether the host runs the operating system that a partner names.
    pub(super) fn runs(&self, partner: &PartnerView<'_>) -> Fit {
        if self.family.is_empty() {
            return Fit::Unknown;
        }
        match named(partner.vendor, partner.product) {
            Named::Foreign => Fit::No,
            // Old records have `unix:unix` for everything that is not Windows, CVE-1999-0377 first.
            Named::Family("unix") if self.family != "windows" => Fit::Yes,
            Named::Family(family) if family != self.family => Fit::No,
            // The version of a kernel or of Windows is not told in the words of records.
            Named::Family("linux") => self.without_versions(partner),
            Named::Family("macos") => self.has_version(partner),
            Named::Family(_) => Fit::Yes,
            Named::Windows(_) if self.family != "windows" => Fit::No,
            Named::Windows(version) => self.is_windows(version),
            Named::Distribution(_) if self.family != "linux" => Fit::No,
            Named::Distribution(_) if self.id.is_empty() => Fit::Unknown,
            // The beginning: `opensuse` is Leap and Tumbleweed, `sle` is Server, Desktop and Micro.
            Named::Distribution(id) if !self.id.starts_with(id) => Fit::No,
            Named::Distribution(_) => self.has_version(partner),
        }
    }

    /// The only family that records about a product mean, where it is not the host's.
    pub(super) fn is_not_home_of(&self, vendor: &str, product: &str) -> Option<&'static str> {
        ONE_SYSTEM
            .iter()
            .find(|(of, name, _)| *of == vendor && *name == product)
            .map(|(_, _, family)| *family)
            .filter(|family| !self.family.is_empty() && self.family != *family)
    }

    /// Whether a value of `target_sw` names the host's family; `None` when it names none at all.
    pub(super) fn is_target(&self, target: &str) -> Option<Fit> {
        let family = family_of(target)?;
        Some(match self.family {
            "" => Fit::Unknown,
            own if own == family => Fit::Yes,
            "linux" | "macos" if family == "unix" => Fit::Yes,
            _ => Fit::No,
        })
    }

    /// The host of a CPE name whose `target_sw` may name a family. What the name says counts
    /// before what is said around it.
    pub(super) fn of_cpe(target: &'a str, platform: Platform<'a>) -> Self {
        match family_of(target) {
            // Release and version were said of another system, and are not this one's.
            Some(family) if family != platform.family => Self { family, id: "", version: "" },
            Some(_) | None => Self::on(platform),
        }
    }

    fn is_windows(&self, version: &str) -> Fit {
        if self.version.is_empty() {
            return Fit::Unknown;
        }
        // Windows 10 and 11 and their servers all say 10.0; they are not told apart here.
        let is_same = self
            .version
            .strip_prefix(version)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if is_same { Fit::Yes } else { Fit::No }
    }

    fn without_versions(&self, partner: &PartnerView<'_>) -> Fit {
        match partner.kind {
            VersionKind::All | VersionKind::NotApplicable => Fit::Yes,
            VersionKind::Exact | VersionKind::Range => Fit::Unknown,
        }
    }

    fn has_version(&self, partner: &PartnerView<'_>) -> Fit {
        let fit = |is_met: Option<bool>| match is_met {
            Some(true) => Fit::Yes,
            Some(false) => Fit::No,
            None => Fit::Unknown,
        };
        let compare = |bound: &str| version::compare(Scheme::Generic, self.version, bound).ok();
        match partner.kind {
            VersionKind::All | VersionKind::NotApplicable => Fit::Yes,
            VersionKind::Exact => fit(partner.lower.and_then(|version| {
                let is_release = self.has_release(version);
                compare(version).map(|order| order.is_eq() || is_release)
            })),
            VersionKind::Range => {
                let lower = partner.lower.map_or(Some(true), |bound| {
                    let order = compare(bound)?;
                    Some(order.is_gt() || partner.bounds.lower_included && order.is_eq())
                });
                let upper = partner.upper.map_or(Some(true), |bound| {
                    let order = compare(bound)?;
                    Some(order.is_lt() || partner.bounds.upper_included && order.is_eq())
                });
                fit(lower.zip(upper).map(|(lower, upper)| lower && upper))
            }
        }
    }

    /// Whether the host has a point release of what the record names: records say Debian 10.0 and
    /// Red Hat Enterprise Linux 8.0 for the whole of 10 and 8, and Ubuntu 16.04 for 16.04.
    fn has_release(&self, named: &str) -> bool {
        // Ubuntu's releases end in .04 and .10 and lose nothing here.
        let named = named.strip_suffix(".0").unwrap_or(named);
        self.version
            .strip_prefix(named)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// A platform whose family, where nothing tells it, is that of a source that only one has.
pub(super) fn with_family<'a>(subject: &Subject<'a>) -> Platform<'a> {
    let platform = subject.platform;
    if !platform.family.is_empty() {
        return platform;
    }
    let family = match subject.source {
        // Languages, Homebrew and extensions run on several systems, and tell none.
        "deb" | "rpm" | "apk" | "pacman" | "snap" | "flatpak" | "appimage" => "linux",
        "programs" | "msix" => "windows",
        "apps" | "pkg" | "macports" => "macos",
        _ => "",
    };
    Platform { family, ..platform }
}

/// The family of operating systems that a value of `target_sw` names, if any.
pub(super) fn family_of(target: &str) -> Option<&'static str> {
    match target {
        "macos" | "mac_os" | "mac_os_x" | "mac" | "macosx" | "os_x" => Some("macos"),
        "unix" => Some("unix"),
        _ if target.starts_with("windows") => Some("windows"),
        // `linux_kernel`, `suse_linux`, `linux_mint`: whichever it is, a Mac is none of them.
        _ if target.contains("linux") => Some("linux"),
        _ => None,
    }
}

fn named(vendor: &str, product: &str) -> Named {
    match vendor {
        "microsoft" if product.contains("windows") => OLD_WINDOWS
            .iter()
            .find(|(name, _)| product.starts_with(name))
            .map_or(Named::Family("windows"), |(_, version)| Named::Windows(version)),
        // `macos`, `mac_os`, `mac_os_x`, `mac_os_x_server`; hardware is another part.
        "apple" if product.starts_with("mac") || product.starts_with("os_x") => {
            Named::Family("macos")
        }
        "linux" => Named::Family("linux"),
        "unix" => Named::Family("unix"),
        _ => DISTRIBUTIONS
            .iter()
            .find(|(name, prefix, _)| *name == vendor && product.starts_with(prefix))
            .map_or(Named::Foreign, |(_, _, id)| Named::Distribution(id)),
    }
}

#[cfg(test)]
mod tests {
    use crate::index::Bounds;

    use super::*;

    fn host(family: &'static str, id: &'static str, version: &'static str) -> Host<'static> {
        Host { family, id, version }
    }

    fn system(
        vendor: &'static str,
        product: &'static str,
        version: Option<&'static str>,
    ) -> PartnerView<'static> {
        PartnerView {
            vendor,
            product,
            part: b'o',
            kind: if version.is_some() { VersionKind::Exact } else { VersionKind::NotApplicable },
            bounds: Bounds::default(),
            lower: version,
            upper: None,
        }
    }

    #[test]
    fn any_linux_runs_on_the_linux_kernel_and_on_no_other_system() {
        let debian = host("linux", "debian", "12");
        assert_eq!(debian.runs(&system("linux", "linux_kernel", None)), Fit::Yes);
        assert_eq!(debian.runs(&system("unix", "unix", None)), Fit::Yes);
        for (vendor, product) in [
            ("microsoft", "windows"),
            ("apple", "macos"),
            ("google", "android"),
            ("canonical", "ubuntu_linux"),
        ] {
            assert_eq!(debian.runs(&system(vendor, product, None)), Fit::No, "{product}");
        }
        let kernel = system("linux", "linux_kernel", Some("2.6.32"));
        assert_eq!(debian.runs(&kernel), Fit::Unknown);
    }

    #[test]
    fn distributions_are_compared_by_release() {
        let debian = |version| host("linux", "debian", version);
        let ten = system("debian", "debian_linux", Some("10.0"));
        assert_eq!(debian("10").runs(&ten), Fit::Yes);
        assert_eq!(debian("10.13").runs(&ten), Fit::Yes);
        assert_eq!(debian("12").runs(&ten), Fit::No);
        assert_eq!(debian("").runs(&ten), Fit::Unknown);
        let eight = system("redhat", "enterprise_linux", Some("8.0"));
        assert_eq!(host("linux", "rhel", "8.10").runs(&eight), Fit::Yes);
        assert_eq!(host("linux", "rhel", "9.1").runs(&eight), Fit::No);
        let xenial = system("canonical", "ubuntu_linux", Some("16.04"));
        assert_eq!(host("linux", "ubuntu", "16.04").runs(&xenial), Fit::Yes);
        assert_eq!(host("linux", "ubuntu", "16.10").runs(&xenial), Fit::No);
        assert_eq!(host("linux", "", "").runs(&xenial), Fit::Unknown);
    }

    #[test]
    fn an_old_windows_is_not_a_new_one() {
        let ten = host("windows", "", "10.0.19045");
        assert_eq!(ten.runs(&system("microsoft", "windows", None)), Fit::Yes);
        assert_eq!(ten.runs(&system("microsoft", "windows_10_22h2", None)), Fit::Yes);
        assert_eq!(ten.runs(&system("microsoft", "windows_xp", None)), Fit::No);
        assert_eq!(
            host("windows", "", "6.1.7601").runs(&system("microsoft", "windows_7", None)),
            Fit::Yes
        );
        assert_eq!(
            host("windows", "", "").runs(&system("microsoft", "windows_7", None)),
            Fit::Unknown
        );
    }

    #[test]
    fn nothing_is_known_of_an_unknown_host() {
        let unknown = host("", "", "");
        assert_eq!(unknown.runs(&system("microsoft", "windows", None)), Fit::Unknown);
        assert_eq!(unknown.is_target("windows"), Some(Fit::Unknown));
    }

    #[test]
    fn a_target_is_a_family_or_none_of_ours() {
        let linux = host("linux", "", "");
        assert_eq!(linux.is_target("linux_kernel"), Some(Fit::Yes));
        assert_eq!(linux.is_target("windows_server_2008"), Some(Fit::No));
        assert_eq!(linux.is_target("wordpress"), None);
        assert_eq!(linux.is_target("android"), None);
    }

    #[test]
    fn a_source_of_one_family_tells_the_family() {
        let subject = Subject { source: "programs", ..Subject::default() };
        assert_eq!(with_family(&subject).family, "windows");
        let said =
            Subject { platform: Platform { family: "linux", ..Platform::default() }, ..subject };
        assert_eq!(with_family(&said).family, "linux");
    }
}
