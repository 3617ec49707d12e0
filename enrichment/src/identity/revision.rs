//! The version to compare: what an installer writes, put into the numbers that CVE records use.

use super::Candidate;
use super::name::Name;
use crate::subject::Subject;
use crate::version::Scheme;

/// A version with its update and the scheme that orders it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) version: String,
    pub(crate) update: String,
    pub(crate) scheme: Scheme,
}

/// Products whose display name holds the release while the version does not: Python's installers
/// number 3.10.6 as 3.10.6150.0, those of `JetBrains` write a build, those of .NET their own version,
/// and `OpenOffice` 4.1.12 is 4.112.9809 to Windows.
const NAMED: [(&str, &str); 6] = [
    ("apache", "openoffice"),
    ("jetbrains", ""),
    ("microsoft", ".net"),
    ("microsoft", "asp.net_core"),
    ("openvpn", "openvpn"),
    ("python", "python"),
];

/// Writes an installer's version as CVE records write it, where that is another numbering.
type Renumber = fn(&str) -> Option<String>;

/// Products whose installers number them otherwise than their advisories do.
const RENUMBERED: [(&str, &str, Renumber); 10] = [
    ("anydesk", "anydesk", without_mark),
    ("citrix", "workspace", year_and_month),
    ("cloudflare", "warp", whole_year),
    ("microsoft", "teams", teams_of_macos),
    ("openvpn", "openvpn", without_installer),
    ("perl", "perl", strawberry),
    ("postgresql", "postgresql", without_installer),
    ("ruby-lang", "ruby", without_installer),
    ("tableau", "tableau_desktop", whole_year),
    ("tableau", "tableau_reader", whole_year),
];

/// The revision of an application whose products are known.
pub(crate) fn of(subject: &Subject<'_>, name: &Name<'_>, candidates: &[Candidate]) -> Revision {
    let is = |vendor: &str, product: &str| {
        candidates.iter().any(|found| found.vendor == vendor && found.product == product)
    };
    // Java first: its version and update are told together, and have a scheme of their own.
    if is("oracle", "jre") || is("oracle", "jdk") {
        return java(subject);
    }
    if is("oracle", "openjdk") {
        return openjdk(subject.version);
    }
    let version = told(subject, name, candidates);
    if is("python", "python")
        && let Some((version, update)) = python_of_windows(version)
    {
        return Revision { version, update, scheme: Scheme::Generic };
    }
    // Of Python alone: elsewhere a letter behind the number may be a release of its own (OpenSSL's
    // `1.0.2u`).
    let (version, update) =
        if is("python", "python") { split_pre_release(version) } else { (version, String::new()) };
    let renumbered = RENUMBERED
        .iter()
        .find(|(vendor, product, _)| is(vendor, product))
        .and_then(|(_, _, renumber)| renumber(version));
    Revision {
        version: renumbered.unwrap_or_else(|| version.to_owned()),
        update,
        // Windows and macOS order versions as records do, so one scheme serves all.
        scheme: Scheme::Generic,
    }
}

/// The version that counts for these products, of those that the installer and the name tell.
fn told<'a>(subject: &'a Subject<'_>, name: &'a Name<'_>, candidates: &[Candidate]) -> &'a str {
    let mut version = subject.version;
    let named = name.version.unwrap_or_default();
    // Some installers leave the version to the name.
    if version.is_empty() || (names_its_release(candidates) && !named.is_empty()) {
        version = named;
    }
    if subject.source == "homebrew" {
        version = without_revision(version);
    }
    // Autodesk's records count years, its installers releases: AutoCAD 2024 is 24.3 to Windows.
    if candidates.iter().any(|found| found.vendor == "autodesk") {
        version = name.year().unwrap_or(version);
    }
    version
}

fn names_its_release(candidates: &[Candidate]) -> bool {
    candidates.iter().any(|found| {
        NAMED.iter().any(|(vendor, product)| {
            found.vendor == *vendor && (product.is_empty() || found.product == *product)
        })
    })
}

/// Homebrew's version without a cask's build (`2023.3.2,233.1`) and a formula's revision (`1.2_1`).
fn without_revision(version: &str) -> &str {
    let version = version.split(',').next().unwrap_or(version);
    match version.rsplit_once('_') {
        Some((before, revision)) if revision.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => version,
    }
}

/// `3.14.0b2` as NVD writes it: version 3.14.0, update beta2.
fn split_pre_release(version: &str) -> (&str, String) {
    let Some(at) = version.find(|c: char| c.is_ascii_alphabetic()) else {
        return (version, String::new());
    };
    let (release, pre) = version.split_at(at);
    let (word, number) = pre.split_at(pre.bytes().take_while(u8::is_ascii_alphabetic).count());
    let word = match word {
        "a" => "alpha",
        "b" => "beta",
        "c" => "rc",
        other => other,
    };
    (release.trim_end_matches(['-', '.']), format!("{word}{number}"))
}

/// `3.11.4150.0` is Python 3.11.4, and `3.14.112.0` is 3.14.0b2: Python's installers for Windows
/// number a release a thousandfold, and add 100 for alphas, 110 for betas, 120 for candidates and
/// 150 for the release itself.
fn python_of_windows(version: &str) -> Option<(String, String)> {
    let numbers: Vec<u32> = version.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [major, minor, coded, 0] = numbers[..] else {
        return None;
    };
    let update = match coded % 1000 {
        level @ 100..110 => format!("alpha{}", level - 100),
        level @ 110..120 => format!("beta{}", level - 110),
        level @ 120..150 => format!("rc{}", level - 120),
        // The release itself.
        150 => String::new(),
        _ => return None,
    };
    Some((format!("{major}.{minor}.{}", coded / 1000), update))
}

/// `23.9.1.104` is Citrix Workspace 2309.1.104.
fn year_and_month(version: &str) -> Option<String> {
    let (year, rest) = version.split_once('.')?;
    let (month, rest) = rest.split_once('.')?;
    let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
    // Since 2018 the product counts so; before, 4.12 was a version.
    let is_date = (18..100).contains(&year) && (1..=12).contains(&month);
    is_date.then(|| format!("{year}{month:02}.{rest}"))
}

/// `23.9.252.0` is Cloudflare WARP 2023.9.252.0.
fn whole_year(version: &str) -> Option<String> {
    let (year, rest) = version.split_once('.')?;
    // A year in full stands as the records have it already.
    let is_short = year.len() == 2 && year.bytes().all(|byte| byte.is_ascii_digit());
    is_short.then(|| format!("20{year}.{rest}"))
}

/// `1.00.622155` in a bundle of macOS is Teams 1.6.00.22155.
fn teams_of_macos(version: &str) -> Option<String> {
    let build = version.strip_prefix("1.00.").filter(|build| build.len() == 6)?;
    let (minor, build) = build.split_at_checked(1)?;
    Some(format!("1.{minor}.00.{build}"))
}

/// `ad 8.0.4` is `AnyDesk` 8.0.4.
fn without_mark(version: &str) -> Option<String> {
    version.strip_prefix("ad ").map(str::to_owned)
}

/// `2.6.6-I001` is 2.6.6 in its first installer, and so is `3.2.2-1`.
fn without_installer(version: &str) -> Option<String> {
    version
        .split_once('-')
        // A word in small letters is a pre-release (`2.7.0-preview1`), which the order needs.
        .filter(|(_, behind)| !behind.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|(version, _)| version.to_owned())
}

/// `5.32.1001` is the first build of Strawberry Perl for Perl 5.32.1.
fn strawberry(version: &str) -> Option<String> {
    let (release, build) = version.rsplit_once('.')?;
    let build: u32 = build.parse().ok()?;
    // A smaller number is Perl's own (`5.32.1`) and stays.
    (build >= 1000).then(|| format!("{release}.{}", build / 1000))
}

/// Java up to 8 is `1.8.0` with an update in NVD, and `8.0.3510.10` in Windows' list of programs.
fn java(subject: &Subject<'_>) -> Revision {
    let numbers: Vec<u32> = subject
        .version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let revision =
        |version: String, update: String| Revision { version, update, scheme: Scheme::Java };
    match numbers[..] {
        // Only where Windows lists it: `8.0.351` elsewhere is what people write for 8u351.
        [feature @ 5..=8, 0, update, ..] if subject.source == "programs" => {
            // Windows' third number is the update times ten: 3510 of update 351.
            let update = if update >= 1000 { update / 10 } else { update };
            let update = if update == 0 { String::new() } else { format!("update{update}") };
            revision(format!("1.{feature}.0"), update)
        }
        [1, feature @ 1..=8, minor, update, ..] => {
            revision(format!("1.{feature}.{minor}"), format!("update{update}"))
        }
        _ => revision(subject.version.to_owned(), String::new()),
    }
}

/// `OpenJDK` up to 8 is `8` with an update in NVD; behind three numbers, builds add theirs.
fn openjdk(version: &str) -> Revision {
    let numbers: Vec<&str> = version.split(['.', '_', '+', '-', 'u']).collect();
    let (version, update) = match numbers[..] {
        ["1", feature, "0", update, ..] | [feature @ ("6" | "7" | "8"), "0", update, ..] => {
            (feature.to_owned(), format!("update{update}"))
        }
        [feature, interim, update, _, ..] => {
            (format!("{feature}.{interim}.{update}"), String::new())
        }
        _ => (version.to_owned(), String::new()),
    };
    Revision { version, update, scheme: Scheme::Java }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{identified, program};
    use super::*;

    #[test]
    fn java_is_written_as_nvd_writes_it() {
        for (name, version, expected) in [
            ("Java 8 Update 351 (64-bit)", "8.0.3510.10", ("1.8.0", "update351")),
            ("Java 8 Update 5", "8.0.50", ("1.8.0", "update50")),
            ("Java(TM) SE Development Kit 17.0.1 (64-bit)", "17.0.1.0", ("17.0.1.0", "")),
        ] {
            let found = identified(&program(name, version, "Oracle Corporation"));
            assert_eq!((found.version.as_str(), found.update.as_str()), expected, "{name}");
        }
    }

    #[test]
    fn vendors_numbers_become_those_of_their_advisories() {
        assert_eq!(year_and_month("23.9.1.104").as_deref(), Some("2309.1.104"));
        assert_eq!(year_and_month("2203.1.0.0"), None);
        assert_eq!(year_and_month("19.13.1"), None);
        assert_eq!(whole_year("23.9.252.0").as_deref(), Some("2023.9.252.0"));
        assert_eq!(whole_year("2023.9.252.0"), None);
        assert_eq!(teams_of_macos("1.00.622155").as_deref(), Some("1.6.00.22155"));
        assert_eq!(teams_of_macos("1.5.00.9163"), None);
        assert_eq!(without_mark("ad 8.0.4").as_deref(), Some("8.0.4"));
        assert_eq!(without_installer("2.6.6-I001").as_deref(), Some("2.6.6"));
        assert_eq!(without_installer("3.2.2-1").as_deref(), Some("3.2.2"));
        assert_eq!(without_installer("3.3.0-rc1"), None);
        assert_eq!(strawberry("5.32.1001").as_deref(), Some("5.32.1"));
        assert_eq!(strawberry("5.32.1"), None);
        let found =
            identified(&program("Citrix Workspace 2309", "23.9.1.104", "Citrix Systems, Inc."));
        assert_eq!(found.version, "2309.1.104");
    }

    #[test]
    fn openjdk_is_written_as_nvd_writes_it() {
        for (version, expected) in [
            ("8.0.265.01", ("8", "update265")),
            ("1.8.0_265", ("8", "update265")),
            ("11.0.8.10", ("11.0.8", "")),
            ("17.0.9+9", ("17.0.9", "")),
            ("21", ("21", "")),
        ] {
            let name = "AdoptOpenJDK JDK with Hotspot";
            let found = identified(&program(name, version, "AdoptOpenJDK"));
            assert_eq!((found.version.as_str(), found.update.as_str()), expected, "{version}");
        }
    }

    #[test]
    fn python_takes_the_release_that_its_name_says() {
        for (name, version, expected) in [
            ("Python 3.10.6 (64-bit)", "3.10.6150.0", ("3.10.6", "")),
            ("Python 3.14.0b2 (64-bit)", "3.14.112.0", ("3.14.0", "beta2")),
            ("Python 3.14.0rc1 (64-bit)", "3.14.121.0", ("3.14.0", "rc1")),
        ] {
            let found = identified(&program(name, version, "Python Software Foundation"));
            assert_eq!((found.version.as_str(), found.update.as_str()), expected, "{name}");
        }
    }

    #[test]
    fn python_without_a_release_in_its_name_is_told_by_its_number() {
        for (version, expected) in [
            ("3.11.4150.0", ("3.11.4", "")),
            ("3.10.150.0", ("3.10.0", "")),
            ("3.14.112.0", ("3.14.0", "beta2")),
            ("3.14.121.0", ("3.14.0", "rc1")),
            ("3.13.103.0", ("3.13.0", "alpha3")),
            ("3.11.4", ("3.11.4", "")),
            ("3.11.4.1", ("3.11.4.1", "")),
        ] {
            let found = identified(&program("Python", version, "Python Software Foundation"));
            assert_eq!((found.version.as_str(), found.update.as_str()), expected, "{version}");
        }
    }

    #[test]
    fn autodesk_counts_years() {
        let found = identified(&program("Autodesk AutoCAD 2024", "24.3.61.0", "Autodesk, Inc."));
        assert_eq!(found.version, "2024");
    }

    #[test]
    fn openoffice_takes_the_release_that_its_name_says() {
        let found =
            identified(&program("OpenOffice 4.1.12", "4.112.9809", "Apache Software Foundation"));
        assert_eq!(found.version, "4.1.12");
    }

    #[test]
    fn jetbrains_build_numbers_give_way_to_the_release() {
        let found = identified(&program(
            "IntelliJ IDEA Community Edition 2022.3.2",
            "223.8617.56",
            "JetBrains s.r.o.",
        ));
        assert_eq!(found.version, "2022.3.2");
    }

    #[test]
    fn a_version_that_only_the_name_has_is_taken_from_it() {
        assert_eq!(
            identified(&program("Git version 2.37.1", "", "The Git Development Community")).version,
            "2.37.1"
        );
        assert_eq!(identified(&program("Git", "", "The Git Development Community")).version, "");
    }
}
