//! The releases of Windows: by the build number that a host reports, and by the name that
//! Microsoft's security updates give them.
//!
//! It exists because neither side says what the other does: a host says 10.0.22631.3447 and, as
//! its product name, "Windows 10 Pro" on a Windows 11 too; a record says "Windows 11 Version 23H2
//! for x64-based Systems". The build number is the only word of a host that names its release.
//! Nothing here compares versions.

/// The distribution that releases of Windows are filed under in advisories.
pub(crate) const PLACE: &str = "windows";
/// The package that is Windows itself, there.
pub(crate) const PACKAGE: &str = "windows";
/// The package whose versions are updates, outdated by those that hold them.
pub(crate) const UPDATES: &str = "windows updates";
/// The distribution that Microsoft's programs are filed under, by vendor and product of their CPE.
pub(crate) const PROGRAMS: &str = "microsoft";

/// One release of Windows, for workstations or for servers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// The third number of its versions: 19045 of `10.0.19045.4291`.
    pub(crate) build: u32,
    /// The first two of them.
    kernel: &'static str,
    pub(crate) is_server: bool,
    /// Its product in NVD's records.
    pub(crate) product: &'static str,
    /// How the advisories of the index call it: `10 22h2`, `server 2019`.
    pub(crate) label: &'static str,
    /// How Microsoft's products of it begin, in lower case.
    name: &'static str,
}

/// Microsoft's product: a release with what its name says beside it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) release: &'static Release,
    pub(crate) arch: Arch,
    /// Whether it is the installation of a server without a desktop.
    pub(crate) is_core: bool,
}

/// For which machines a release is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    X64,
    Arm64,
    X86,
    /// There is only one, or it is not told.
    Unsaid,
}

#[rustfmt::skip]
const RELEASES: [Release; 41] = [
    // Vista's build too, for which nothing is published any more. 6003 counts the updates since 2019.
    server(6002, "6.0", "windows_server_2008", "server 2008 sp2", "windows server 2008"),
    server(6003, "6.0", "windows_server_2008", "server 2008 sp2", "windows server 2008"),
    client(7601, "6.1", "windows_7", "7 sp1", "windows 7"),
    server(7601, "6.1", "windows_server_2008", "server 2008 r2 sp1", "windows server 2008 r2"),
    client(9200, "6.2", "windows_8", "8", "windows 8"),
    server(9200, "6.2", "windows_server_2012", "server 2012", "windows server 2012"),
    client(9600, "6.3", "windows_8.1", "8.1", "windows 8.1"),
    server(9600, "6.3", "windows_server_2012", "server 2012 r2", "windows server 2012 r2"),
    client(10240, "10.0", "windows_10_1507", "10 1507", "windows 10"),
    client(10586, "10.0", "windows_10_1511", "10 1511", "windows 10 version 1511"),
    client(14393, "10.0", "windows_10_1607", "10 1607", "windows 10 version 1607"),
    server(14393, "10.0", "windows_server_2016", "server 2016", "windows server 2016"),
    client(15063, "10.0", "windows_10_1703", "10 1703", "windows 10 version 1703"),
    client(16299, "10.0", "windows_10_1709", "10 1709", "windows 10 version 1709"),
    server(16299, "10.0", "windows_server_1709", "server 1709", "windows server, version 1709"),
    client(17134, "10.0", "windows_10_1803", "10 1803", "windows 10 version 1803"),
    server(17134, "10.0", "windows_server_1803", "server 1803", "windows server, version 1803"),
    client(17763, "10.0", "windows_10_1809", "10 1809", "windows 10 version 1809"),
    server(17763, "10.0", "windows_server_2019", "server 2019", "windows server 2019"),
    client(18362, "10.0", "windows_10_1903", "10 1903", "windows 10 version 1903"),
    server(18362, "10.0", "windows_server_1903", "server 1903", "windows server, version 1903"),
    client(18363, "10.0", "windows_10_1909", "10 1909", "windows 10 version 1909"),
    server(18363, "10.0", "windows_server_1909", "server 1909", "windows server, version 1909"),
    client(19041, "10.0", "windows_10_2004", "10 2004", "windows 10 version 2004"),
    server(19041, "10.0", "windows_server_2004", "server 2004", "windows server, version 2004"),
    client(19042, "10.0", "windows_10_20h2", "10 20h2", "windows 10 version 20h2"),
    server(19042, "10.0", "windows_server_20h2", "server 20h2", "windows server, version 20h2"),
    client(19043, "10.0", "windows_10_21h1", "10 21h1", "windows 10 version 21h1"),
    client(19044, "10.0", "windows_10_21h2", "10 21h2", "windows 10 version 21h2"),
    client(19045, "10.0", "windows_10_22h2", "10 22h2", "windows 10 version 22h2"),
    server(20348, "10.0", "windows_server_2022", "server 2022", "windows server 2022"),
    client(22000, "10.0", "windows_11_21h2", "11 21h2", "windows 11 version 21h2"),
    client(22621, "10.0", "windows_11_22h2", "11 22h2", "windows 11 version 22h2"),
    client(22631, "10.0", "windows_11_23h2", "11 23h2", "windows 11 version 23h2"),
    server(25398, "10.0", "windows_server_2022_23h2", "server 2022 23h2", "windows server 2022, 23h2 edition"),
    client(26100, "10.0", "windows_11_24h2", "11 24h2", "windows 11 version 24h2"),
    server(26100, "10.0", "windows_server_2025", "server 2025", "windows server 2025"),
    client(26200, "10.0", "windows_11_25h2", "11 25h2", "windows 11 version 25h2"),
    client(28000, "10.0", "windows_11_26h1", "11 26h1", "windows 11 version 26h1"),
    // Names of the same releases in older documents.
    client(22000, "10.0", "windows_11_21h2", "11 21h2", "windows 11"),
    server(20348, "10.0", "windows_server_2022", "server 2022", "windows server 2022 datacenter: azure edition"),
];

const fn client(
    build: u32,
    kernel: &'static str,
    product: &'static str,
    label: &'static str,
    name: &'static str,
) -> Release {
    Release { build, kernel, is_server: false, product, label, name }
}

const fn server(
    build: u32,
    kernel: &'static str,
    product: &'static str,
    label: &'static str,
    name: &'static str,
) -> Release {
    Release { is_server: true, ..client(build, kernel, product, label, name) }
}

impl Release {
    /// The release of a version that a host reports, such as `10.0.19045.4291`.
    pub(crate) fn of_version(version: &str, is_server: bool) -> Option<&'static Self> {
        let build: u32 = version.split('.').nth(2)?.parse().ok()?;
        RELEASES
            .iter()
            // The first of a build: older names of it stand at the table's end.
            .find(|release| release.build == build && release.is_server == is_server)
    }

    /// Whether a version that is said to have a fix is one of this release. Microsoft fills the
    /// field for updates of Internet Explorer too, with `1.001`, `1.0.0.0` or `10.0.0.0`.
    pub(crate) fn has_build(&self, version: &str) -> bool {
        let mut numbers = version.split('.');
        let kernel = [numbers.next(), numbers.next()].map(Option::unwrap_or_default);
        let build = numbers.next().and_then(|build| build.parse().ok());
        let revision = numbers.next().map(str::parse::<u32>);
        kernel.join(".") == self.kernel
            && RELEASES.iter().any(|one| one.label == self.label && build == Some(one.build))
            && matches!(revision, Some(Ok(_)))
            && numbers.next().is_none()
    }

    /// Whether each of its updates holds all that came before: so it is since Windows 10, while
    /// older releases also get updates that hold one month's fixes alone.
    pub(crate) fn is_cumulative(&self) -> bool {
        self.kernel == "10.0"
    }

    /// Whether it exists as an installation without a desktop only.
    fn is_core_alone(&self) -> bool {
        self.name.starts_with("windows server, version") || self.build == 25398
    }
}

impl Product {
    /// The product of a name; `None` for one that is no Windows of this table, such as a component
    /// on top of one.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        let name = name.strip_prefix("microsoft ").unwrap_or(&name);
        // "Windows Server 2012" begins "Windows Server 2012 R2" too: the longest one is meant.
        let release = RELEASES
            .iter()
            .filter(|release| {
                let rest = name.strip_prefix(release.name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            })
            .max_by_key(|release| release.name.len())?;
        let rest = name.strip_prefix(release.name)?.trim();
        let (rest, is_core) = match rest.strip_suffix("(server core installation)") {
            Some(rest) => (rest.trim(), !release.is_core_alone()),
            None => (rest, false),
        };
        // Releases with service packs are published with the last one.
        let (rest, pack) = match rest.rsplit_once("service pack") {
            Some((rest, pack)) => (rest.trim(), pack.trim()),
            None => (rest, ""),
        };
        let arch = match rest {
            "" => Arch::Unsaid,
            "for x64-based systems" => Arch::X64,
            "for arm64-based systems" | "for arm systems" => Arch::Arm64,
            "for 32-bit systems" => Arch::X86,
            // Itanium, HoloLens, and what is no Windows: "Windows 11 HLK 23H2".
            _ => return None,
        };
        let expected = release.label.rsplit_once(" sp").map_or("", |(_, pack)| pack);
        (pack == expected).then_some(Self { release, arch, is_core })
    }

    /// How the advisories of the index call it.
    pub(crate) fn label(&self) -> String {
        label(self.release, self.arch, self.is_core)
    }
}

/// How the advisories of the index call a release for a kind of machine.
pub(crate) fn label(release: &Release, arch: Arch, is_core: bool) -> String {
    let core = if is_core { " core" } else { "" };
    match arch.as_str() {
        "" => format!("{}{core}", release.label),
        arch => format!("{}{core} {arch}", release.label),
    }
}

impl Arch {
    /// In the words of a host or a program.
    pub(crate) fn of_host(arch: &str) -> Self {
        match arch.to_ascii_lowercase().as_str() {
            "x86_64" | "x64" | "amd64" | "64-bit" => Self::X64,
            "aarch64" | "arm64" => Self::Arm64,
            "x86" | "i386" | "i686" | "32-bit" => Self::X86,
            _ => Self::Unsaid,
        }
    }

    /// The word in labels; empty where there is none.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
            Self::X86 => "x86",
            Self::Unsaid => "",
        }
    }
}

/// Whether a system of this name is one for servers: `Windows Server 2019 Standard`.
pub(crate) fn is_server(name: &str) -> bool {
    name.to_lowercase().contains("server")
}

/// The number of an update: 5036892 of `KB5036892`, `5036892` and `kb 5036892`.
pub(crate) fn update(text: &str) -> Option<u32> {
    let text = text.trim();
    let number = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("kb") => text[2..].trim(),
        _ => text,
    };
    let is_number = matches!(number.len(), 6..=8) && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| number.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label_of(name: &str) -> Option<String> {
        Product::of_name(name).map(|product| product.label())
    }

    /// Names as they stand in Microsoft's documents from April 2016 to March 2026.
    #[test]
    fn names_of_microsoft_are_releases() {
        for (name, label) in [
            ("Windows 7 for x64-based Systems Service Pack 1", "7 sp1 x64"),
            ("Windows 8.1 for 32-bit systems", "8.1 x86"),
            ("Windows 10 for 32-bit Systems", "10 1507 x86"),
            ("Windows 10 Version 1607 for x64-based Systems", "10 1607 x64"),
            ("Windows 10 Version 22H2 for x64-based Systems", "10 22h2 x64"),
            ("Windows 10 Version 22H2 for ARM64-based Systems", "10 22h2 arm64"),
            ("Windows 11 for x64-based Systems", "11 21h2 x64"),
            ("Windows 11 version 21H2 for ARM64-based Systems", "11 21h2 arm64"),
            ("Windows 11 Version 25H2 for ARM systems", "11 25h2 arm64"),
            ("Windows 11 version 26H1 for x64-based Systems", "11 26h1 x64"),
            (
                "Windows Server 2008 for 32-bit Systems Service Pack 2 (Server Core installation)",
                "server 2008 sp2 core x86",
            ),
            (
                "Windows Server 2008 R2 for x64-based Systems Service Pack 1",
                "server 2008 r2 sp1 x64",
            ),
            ("Windows Server 2012", "server 2012"),
            ("Windows Server 2012 R2", "server 2012 r2"),
            ("Windows Server 2012 R2 (Server Core installation)", "server 2012 r2 core"),
            ("Windows Server, version 20H2 (Server Core Installation)", "server 20h2"),
            ("Windows Server 2022 Datacenter: Azure Edition", "server 2022"),
            ("Windows Server 2022, 23H2 Edition (Server Core installation)", "server 2022 23h2"),
            ("Windows Server 2025 (Server Core installation)", "server 2025 core"),
        ] {
            assert_eq!(label_of(name).as_deref(), Some(label), "{name}");
        }
    }

    #[test]
    fn what_is_no_windows_of_a_host_is_none() {
        for name in [
            "",
            "Windows",
            "Windows Notepad",
            "Windows 11 HLK 23H2",
            "Windows 10 HLK version 21H1",
            "Windows ADK for Windows 11, version 23H2",
            "Windows 10 Version 1903 for HoloLens",
            "Windows 10 Version 99H9 for x64-based Systems",
            "Windows Server 2008 for Itanium-Based Systems Service Pack 2",
            // Without its last service pack a release has gone long ago.
            "Windows 7 for x64-based Systems",
            "Windows 11 Version 26H1 for x64-based Systems - extra",
            "Microsoft .NET Framework 4.8 on Windows 10 Version 21H1 for x64-based Systems",
        ] {
            assert_eq!(label_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_build_names_the_release_and_the_product_name_of_the_host_does_not() {
        // `ProductName` says "Windows 10 Pro" on both.
        for (version, label) in [
            ("10.0.19045.4291", "10 22h2"),
            ("10.0.22631.3447", "11 23h2"),
            ("10.0.26100.4061", "11 24h2"),
            ("6.1.7601.24597", "7 sp1"),
        ] {
            let found = Release::of_version(version, false).unwrap();
            assert_eq!(found.label, label, "{version}");
        }
        let server = Release::of_version("10.0.26100.4061", true).unwrap();
        assert_eq!(server.label, "server 2025");
        for version in ["", "10.0", "10.0.99999.1", "22H2", "10.0.x.1"] {
            assert_eq!(Release::of_version(version, false), None, "{version}");
        }
        assert_eq!(Release::of_version("10.0.19045.1", true), None);
    }

    #[test]
    fn only_builds_of_the_release_count_as_its_fixes() {
        let release = Release::of_version("10.0.17763.1", true).unwrap();
        assert!(release.has_build("10.0.17763.5696"));
        // As they stand beside updates of Internet Explorer, of .NET and of other releases.
        for other in
            ["1.001", "1.0.0.0", "10.0.0.0", "10.0.14393.6897", "4.7.4092.0", "", "10.0.17763"]
        {
            assert!(!release.has_build(other), "{other}");
        }
        // Since 2019 the last service pack of 2008 counts from another build on.
        let old = Release::of_version("6.0.6003.1", true).unwrap();
        assert!(old.has_build("6.0.6002.19567") && old.has_build("6.0.6003.21137"));
    }

    #[test]
    fn updates_are_numbers_with_or_without_their_prefix() {
        for text in ["KB5036892", "kb5036892", " 5036892 ", "KB 5036892"] {
            assert_eq!(update(text), Some(5_036_892), "{text}");
        }
        assert_eq!(update("947821"), Some(947_821));
        for text in ["", "KB", "Release Notes", "MS16-047", "12345", "123456789", "KBé12345"] {
            assert_eq!(update(text), None, "{text}");
        }
    }

    #[test]
    fn no_two_releases_share_a_build_under_two_labels() {
        for one in &RELEASES {
            let same = RELEASES
                .iter()
                .filter(|other| other.build == one.build && other.is_server == one.is_server);
            assert!(same.into_iter().all(|other| other.label == one.label));
        }
    }
}
