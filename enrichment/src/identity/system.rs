//! Operating systems as products of their own.

use std::borrow::Cow;

use super::{Candidate, Identification, Identified, Part};
use crate::subject::Subject;
use crate::version::Scheme;
use crate::windows::{self, Release};

pub(crate) fn identify(subject: &Subject<'_>) -> Identification {
    match subject.platform.family {
        "macos" => macos(subject),
        // By build, never by name: Windows 11 calls itself "Windows 10 Pro" in the registry.
        "windows" => match windows_product(subject) {
            Some(product) => found("microsoft", product, subject),
            None => Identification::Unmapped {
                reason: "no product of the CVE records is known for this build of Windows",
                purl: None,
            },
        },
        _ => Identification::NotEvaluable {
            reason: "not evaluable by NVD: a distribution is judged by its packages",
            purl: None,
            rule: Cow::Borrowed("system:distribution"),
        },
    }
}

/// An update of Windows: what it repairs is judged of the Windows that has it.
pub(crate) const fn update() -> Identification {
    Identification::NotEvaluable {
        reason: "not evaluable by itself: an update is judged with the Windows that has it",
        purl: None,
        rule: Cow::Borrowed("system:update"),
    }
}

/// macOS, whose records call it `mac_os_x` up to 10.15 and some of 11; what they say of every
/// version of that name is of a time before.
fn macos(subject: &Subject<'_>) -> Identification {
    let is_old = subject.version.split('.').next() == Some("10");
    let (first, other) = if is_old { ("mac_os_x", "macos") } else { ("macos", "mac_os_x") };
    let mut identification = found("apple", first, subject);
    if let Identification::Identified(identified) = &mut identification {
        identified.candidates.push(Candidate {
            part: Part::OperatingSystem,
            is_shared: true,
            ..Candidate::application(Cow::Borrowed("apple"), Cow::Borrowed(other))
        });
    }
    identification
}

fn found(vendor: &'static str, product: &'static str, subject: &Subject<'_>) -> Identification {
    Identification::Identified(Identified {
        candidates: vec![Candidate {
            part: Part::OperatingSystem,
            ..Candidate::application(Cow::Borrowed(vendor), Cow::Borrowed(product))
        }],
        purl: None,
        rule: Cow::Owned(format!("system:{product}")),
        version: subject.version.to_owned(),
        update: String::new(),
        scheme: Scheme::Generic,
    })
}

fn windows_product(subject: &Subject<'_>) -> Option<&'static str> {
    let release = Release::of_version(subject.version, windows::is_server(subject.name))?;
    Some(release.product)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{identified, not_evaluable_rule, pairs, subject, unmapped_reason};
    use super::*;
    use crate::subject::Platform;

    fn system<'a>(family: &'a str, name: &'a str, version: &'a str) -> Subject<'a> {
        Subject { platform: Platform { family, id: "", version }, ..subject("os", name, version) }
    }

    #[test]
    fn a_build_of_windows_is_its_release() {
        for (name, version, product) in [
            ("Windows 11 Pro", "10.0.22631.3085", "microsoft:windows_11_23h2"),
            ("Windows 10 Enterprise", "10.0.19045.4046", "microsoft:windows_10_22h2"),
            ("Windows Server 2019 Datacenter", "10.0.17763.5458", "microsoft:windows_server_2019"),
            ("Windows 10 Enterprise LTSC", "10.0.17763.5458", "microsoft:windows_10_1809"),
        ] {
            let found = identified(&system("windows", name, version));
            assert_eq!(pairs(&found), [product], "{name}");
            assert_eq!(found.candidates[0].part, Part::OperatingSystem);
        }
    }

    #[test]
    fn an_unknown_build_is_unmapped() {
        for version in ["", "10.0", "10.0.99999", "10.0.x.1"] {
            assert!(
                unmapped_reason(&system("windows", "Windows 12", version)).contains("build"),
                "{version}"
            );
        }
    }

    #[test]
    fn macos_is_a_product_and_a_distribution_is_its_packages() {
        assert_eq!(
            pairs(&identified(&system("macos", "macOS", "14.1"))),
            ["apple:macos", "apple:mac_os_x"]
        );
        assert_eq!(
            pairs(&identified(&system("macos", "macOS", "10.15.7"))),
            ["apple:mac_os_x", "apple:macos"]
        );
        assert_eq!(not_evaluable_rule(&system("linux", "Debian", "12")), "system:distribution");
    }

    #[test]
    fn an_update_is_no_product() {
        assert_eq!(
            not_evaluable_rule(&subject("windows_update", "KB5036892", "")),
            "system:update"
        );
    }
}
