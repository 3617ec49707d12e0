//! The operating system that a document's packages are of.
//!
//! One a document: that of its component of that type, or the one that most of its packages name.

use std::collections::BTreeMap;

use super::System;
use super::purl::PackageUrl;
use super::read::Raw;
use crate::codename;

/// What scanners call systems, where os-release has another `ID`.
const IDS: [(&str, &str); 9] = [
    ("alma", "almalinux"),
    ("amazon", "amzn"),
    ("opensuse.leap", "opensuse-leap"),
    ("opensuse.tumbleweed", "opensuse-tumbleweed"),
    ("oracle", "ol"),
    ("photonos", "photon"),
    ("redhat", "rhel"),
    ("suse linux enterprise server", "sles"),
    ("suse", "sles"),
];

/// The system of a document.
pub(super) fn of(components: &[Raw]) -> System {
    let own = components.iter().find(|raw| is_system(raw)).map(named);
    own.filter(|system| !system.family.is_empty()).unwrap_or_else(|| most_named(components))
}

/// Whether a component is an operating system.
pub(super) fn is_system(raw: &Raw) -> bool {
    raw.kind == "operating-system"
}

fn named(raw: &Raw) -> System {
    let id = if raw.system_id.is_empty() { &raw.name } else { &raw.system_id };
    let version = if raw.system_version.is_empty() { &raw.version } else { &raw.system_version };
    system(id, version)
}

/// A system by what a scanner calls it.
fn system(name: &str, version: &str) -> System {
    let name = name.trim().to_lowercase();
    let id = IDS.iter().find(|(other, _)| *other == name).map_or(name.as_str(), |(_, id)| *id);
    // `2 (Karoo)`.
    let version = version.split_whitespace().next().unwrap_or_default();
    let family = match id {
        "" => "",
        "windows" | "macos" => id,
        _ => "linux",
    };
    // Of the two others the family says all.
    let id = if family == "linux" { id } else { "" };
    System { family: family.to_owned(), id: id.to_owned(), version: version.to_owned() }
}

/// The system that a package of a distribution is of, as its URL tells it; `None` where it does not.
pub(super) fn of_package(purl: &PackageUrl) -> Option<System> {
    let distro = purl.qualifier("distro");
    if !distro.is_empty() {
        return Some(match distro.rsplit_once('-') {
            Some((id, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
                system(id, version)
            }
            _ => match codename::release(distro) {
                Some((id, version)) => system(id, version),
                None => system(distro, ""),
            },
        });
    }
    (!purl.namespace.is_empty()).then(|| system(&purl.namespace, ""))
}

fn most_named(components: &[Raw]) -> System {
    let mut counts: BTreeMap<System, usize> = BTreeMap::new();
    for raw in components {
        let purl = PackageUrl::parse(&raw.purl).filter(PackageUrl::is_of_distribution);
        if let Some(system) = purl.as_ref().and_then(of_package) {
            *counts.entry(system).or_default() += 1;
        }
    }
    // One with a release before one without: a URL that leaves it out says nothing against it.
    let most =
        counts.into_iter().max_by_key(|(system, count)| (!system.version.is_empty(), *count));
    most.map(|(system, _)| system).unwrap_or_default()
}

/// Whether a package's system may be the document's: another release's names and versions are judged by
/// other advisories.
pub(super) fn is_same(package: &System, document: &System) -> bool {
    let line = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    package.id == document.id
        && (package.version.is_empty()
            || document.version.is_empty()
            || line(&package.version) == line(&document.version))
}
