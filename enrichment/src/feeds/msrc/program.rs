//! Microsoft's programs whose fixes have a version that the program reports of itself.
//!
//! Only those: Office from an installer keeps its first version in the list of programs for ever,
//! SQL Server counts two lines of updates within one, and .NET Framework's files have other numbers
//! than the framework. They are left to CVE records.

use crate::advisory::{Affected, End, PackageKind, Place, Span, Verdict};
use crate::version::{self, Scheme};
use crate::windows;

/// A program, and from which version on a statement about it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Vendor and product of its CPE name.
    package: &'static str,
    /// The first version of its line; empty where all versions are one line.
    since: String,
}

/// How names begin, what they stand for, and whether the version behind is a line of its own.
const PROGRAMS: [(&str, &str, bool); 8] = [
    ("microsoft edge (chromium-based)", "microsoft:edge_chromium", false),
    ("visual studio code", "microsoft:visual_studio_code", false),
    ("microsoft visual studio 2017 version ", "microsoft:visual_studio_2017", true),
    ("microsoft visual studio 2019 version ", "microsoft:visual_studio_2019", true),
    ("microsoft visual studio 2022 version ", "microsoft:visual_studio_2022", true),
    ("microsoft visual studio 2026 version ", "microsoft:visual_studio_2026", true),
    (".net ", "microsoft:.net", true),
    ("powershell ", "microsoft:powershell", true),
];

impl Program {
    /// The program of a name: `Microsoft Visual Studio 2019 version 16.11 (includes 16.0 - 16.10)`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        PROGRAMS.iter().find_map(|(begin, package, has_lines)| {
            let rest = name.strip_prefix(begin)?;
            // ".NET 8.0 installed on Linux" is the distribution's package there.
            let rest = rest.strip_suffix(" installed on windows").unwrap_or(rest);
            let since = if *has_lines { line(rest)? } else { String::new() };
            // "Microsoft Edge (Chromium-based) Extended Stable", "Visual Studio Code - CoPilot Chat"
            let is_whole = *has_lines || rest.is_empty();
            is_whole.then_some(Self { package, since })
        })
    }

    /// The statement that versions before a fix are affected; `None` where the fix is no version, as
    /// for what updates itself: `https://aka.ms/OfficeSecurityReleases`.
    pub(super) fn affected(&self, fixed: Option<&str>) -> Option<Affected> {
        // Without any fix nothing tells the lines that are affected from those that are not.
        let fixed = fixed?.trim();
        // Sizes, words and addresses stand in the field as well.
        let is_version = fixed.starts_with(|c: char| c.is_ascii_digit())
            && fixed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        // .NET 8.0.0 is no fix of a line that begins with it.
        let is_later = version::compare(Scheme::Windows, &self.since, fixed);
        if !is_version || (!self.since.is_empty() && !is_later.is_ok_and(std::cmp::Ordering::is_lt))
        {
            return None;
        }
        Some(Affected {
            place: Place::Distribution {
                id: windows::PROGRAMS.to_owned(),
                release: String::new(),
                channel: String::new(),
            },
            package: self.package.to_owned(),
            kind: PackageKind::Binary,
            module: String::new(),
            verdict: Verdict::Affected,
            spans: vec![Span {
                introduced: (!self.since.is_empty()).then(|| self.since.clone()),
                end: Some(End::Fixed(fixed.to_owned())),
            }],
            versions: Vec::new(),
            scheme: Scheme::Windows,
            note: String::new(),
        })
    }
}

/// The first version of a line: 17.9 of `17.9`, 16.0 of `16.11 (includes 16.0 - 16.10)`.
fn line(rest: &str) -> Option<String> {
    let is_version = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
            // `visual studio 2022` alone names no line.
            && text.contains('.')
    };
    let (own, included) = rest.split_once(" (includes ").unwrap_or((rest, ""));
    if !is_version(own) {
        return None;
    }
    let first = included.split([' ', '-']).next().filter(|text| is_version(text));
    Some(first.unwrap_or(own).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(name: &str) -> Option<(&'static str, String)> {
        Program::of_name(name).map(|program| (program.package, program.since))
    }

    #[test]
    fn names_are_programs_and_their_lines() {
        for (name, package, line) in [
            ("Microsoft Edge (Chromium-based)", "microsoft:edge_chromium", ""),
            ("Visual Studio Code", "microsoft:visual_studio_code", ""),
            (".NET 8.0", "microsoft:.net", "8.0"),
            (".NET 10.0 installed on Windows", "microsoft:.net", "10.0"),
            ("PowerShell 7.3", "microsoft:powershell", "7.3"),
            ("Microsoft Visual Studio 2022 version 17.9", "microsoft:visual_studio_2022", "17.9"),
            (
                "Microsoft Visual Studio 2019 version 16.11 (includes 16.0 - 16.10)",
                "microsoft:visual_studio_2019",
                "16.0",
            ),
        ] {
            assert_eq!(since(name), Some((package, line.to_owned())), "{name}");
        }
        for name in [
            "Microsoft Edge (Chromium-based) Extended Stable",
            "Microsoft Edge for Android",
            "Visual Studio Code - Kubernetes Tools",
            ".NET Core 3.1",
            ".NET 8.0 installed on Linux",
            ".NET Install Tool",
            "PowerShell Extension",
            "Microsoft Office LTSC 2021 for 64-bit editions",
            "Microsoft SQL Server 2022 for x64-based Systems (GDR)",
        ] {
            assert_eq!(since(name), None, "{name}");
        }
    }

    #[test]
    fn a_fix_that_is_no_later_version_of_the_line_says_nothing() {
        let net = Program::of_name(".NET 8.0").unwrap();
        assert!(net.affected(Some("8.0.3")).is_some());
        for fix in [
            "8.0",
            "8.0.0",
            "7.0.5",
            "",
            "https://aka.ms/OfficeSecurityReleases",
            "112.0.5615.49/50",
        ] {
            assert_eq!(net.affected(Some(fix)), None, "{fix}");
        }
        assert_eq!(net.affected(None), None);
    }
}
