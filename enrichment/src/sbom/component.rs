//! From a component as it stands in a document to software as it is judged.

use super::purl::PackageUrl;
use super::read::Raw;
use super::release;
use super::{Component, LISTED, System, WarningKind};

/// What a component is.
pub(super) enum Read {
    /// Software, with what is not as it should be.
    Software(Box<Component>, Vec<(WarningKind, String)>),
    /// Something that is left out.
    LeftOut(WarningKind, String),
    /// Nothing that could be software: a file, or the system itself.
    Nothing,
}

/// Kinds of components that name no software unless they have a package URL or a CPE name.
const NO_SOFTWARE: [&str; 5] =
    ["cryptographic-asset", "data", "file", "machine-learning-model", "operating-system"];

/// Reads a component of a document about a system.
pub(super) fn of(raw: Raw, system: &System) -> Read {
    if release::is_system(&raw) {
        return Read::Nothing;
    }
    let label = label(&raw);
    if raw.scope == "excluded" {
        return Read::LeftOut(WarningKind::Excluded, label);
    }
    if raw.purl.is_empty() {
        return match (raw.cpe.is_empty(), NO_SOFTWARE.contains(&raw.kind.as_str())) {
            (true, true) => Read::Nothing,
            (true, false) => Read::LeftOut(WarningKind::NoPackage, label),
            (false, _) => software(unknown(raw), label),
        };
    }
    let Some(purl) = PackageUrl::parse(&raw.purl) else {
        return Read::LeftOut(WarningKind::BadPurl, raw.purl);
    };
    let is_elsewhere = purl.is_of_distribution()
        && release::of_package(&purl).is_some_and(|own| !release::is_same(&own, system));
    if is_elsewhere {
        let component = unknown(Raw { cpe: String::new(), ..raw });
        return Read::Software(Box::new(component), vec![(WarningKind::OtherRelease, label)]);
    }
    software(package(raw, &purl), label)
}

fn software(component: Component, label: String) -> Read {
    let warned = component.version.is_empty().then_some((WarningKind::NoVersion, label));
    Read::Software(Box::new(component), warned.into_iter().collect())
}

/// What people are told that a component is called.
fn label(raw: &Raw) -> String {
    let name = full_name(&raw.group, &raw.name, "/");
    if raw.version.is_empty() { name } else { format!("{name} {}", raw.version) }
}

fn full_name(group: &str, name: &str, divider: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}{divider}{name}") }
}

/// A component of no package system that is known here.
fn unknown(raw: Raw) -> Component {
    let purl = PackageUrl::parse(&raw.purl);
    let name = match (raw.name.is_empty(), purl.as_ref()) {
        (true, Some(purl)) => full_name(&purl.namespace, &purl.name, "/"),
        // What a CPE name is of, where nobody gave it another name.
        (true, None) => raw.cpe.clone(),
        (false, _) => full_name(&raw.group, &raw.name, "/"),
    };
    let version = match (raw.version.is_empty(), &purl) {
        (true, Some(purl)) => purl.version.clone(),
        _ => raw.version,
    };
    Component {
        source: "component",
        name,
        version,
        vendor: raw.vendor,
        origin: raw.purl,
        bundle_id: raw.cpe,
        locations: raw.locations,
        ..Component::default()
    }
}

/// A package by its URL.
fn package(raw: Raw, purl: &PackageUrl) -> Component {
    let Some((source, divider)) = source(&purl.kind) else {
        return unknown(raw);
    };
    // A namespace of a distribution's package is the distribution.
    let name = match divider {
        Some(divider) => full_name(&purl.namespace, &purl.name, divider),
        None => purl.name.clone(),
    };
    let version = if purl.version.is_empty() { &raw.version } else { &purl.version };
    let mut component =
        Component { source, name, version: version.clone(), ..Component::default() };
    if purl.is_of_distribution() {
        purl.qualifier("arch").clone_into(&mut component.arch);
        if source == "rpm" {
            of_rpm(&mut component, purl);
        } else {
            of_others(&mut component, purl, &raw);
        }
        built_of(&mut component, purl, &raw);
    } else {
        LISTED.clone_into(&mut component.origin);
    }
    Component { vendor: raw.vendor, locations: raw.locations, ..component }
}

/// The source of a type of package URLs, and what stands between a namespace and a name there, where the
/// namespace is a part of the name.
fn source(kind: &str) -> Option<(&'static str, Option<&'static str>)> {
    Some(match kind {
        "deb" => ("deb", None),
        "rpm" => ("rpm", None),
        "apk" => ("apk", None),
        "alpm" => ("pacman", None),
        "pypi" => ("python", None),
        "gem" => ("gem", None),
        "cargo" => ("cargo", None),
        "nuget" => ("nuget", None),
        "npm" => ("npm", Some("/")),
        "golang" => ("go", Some("/")),
        "hex" => ("hex", Some("/")),
        "maven" => ("maven", Some(":")),
        _ => return None,
    })
}

/// The URL has version and release in one, and rpm compares them apart.
fn of_rpm(component: &mut Component, purl: &PackageUrl) {
    purl.qualifier("rpmmod").clone_into(&mut component.origin);
    let whole = std::mem::take(&mut component.version);
    // An epoch before them is of older scanners.
    let (epoch, whole) =
        whole.split_once(':').unwrap_or_else(|| (purl.qualifier("epoch"), whole.as_str()));
    component.epoch = epoch.parse().ok().filter(|epoch| *epoch > 0);
    let (version, release) = whole.rsplit_once('-').unwrap_or((whole, ""));
    component.version = version.to_owned();
    component.release = release.to_owned();
}

/// Everywhere else the epoch stands in the version's text, and some scanners take it out.
fn of_others(component: &mut Component, purl: &PackageUrl, raw: &Raw) {
    component.version = with_epoch(purl.qualifier("epoch"), &component.version);
    let version = &raw.source_version;
    let version = match (version.is_empty(), raw.source_release.as_str()) {
        (true, _) => String::new(),
        (false, "") => version.clone(),
        (false, release) => format!("{version}-{release}"),
    };
    if !version.is_empty() {
        component.source_version = with_epoch(&raw.source_epoch, &version);
    }
}

fn with_epoch(epoch: &str, version: &str) -> String {
    let is_one = epoch.parse::<u32>().is_ok_and(|epoch| epoch > 0);
    if is_one && !version.contains(':') { format!("{epoch}:{version}") } else { version.to_owned() }
}

/// What a package was built of, as its URL says it, or else a property.
fn built_of(component: &mut Component, purl: &PackageUrl, raw: &Raw) {
    let upstream = purl.qualifier("upstream");
    if upstream.is_empty() {
        component.source_name.clone_from(&raw.source_name);
    } else {
        let (name, version) = match upstream.strip_suffix(".src.rpm") {
            Some(file) => (source_of_rpm(file), ""),
            None => upstream.split_once('@').unwrap_or((upstream, "")),
        };
        component.source_name = name.to_owned();
        component.source_version = version.to_owned();
    }
    // As agents have it: said only where it differs.
    if component.source_name == component.name {
        component.source_name.clear();
    }
    if component.source_version == component.version {
        component.source_version.clear();
    }
}

/// The name of `bash-5.1.8-6.el9`.
fn source_of_rpm(file: &str) -> &str {
    file.rsplitn(3, '-').nth(2).unwrap_or(file)
}
