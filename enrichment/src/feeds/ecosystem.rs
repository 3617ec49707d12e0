//! What an OSV ecosystem stands for: whose advisories they are, in which release or registry the
//! package is, and which name and order of versions they use.
//!
//! One table, so that a new distribution is one line. An ecosystem that the table cannot tell for
//! certain has no place: its statements are counted and left out, never guessed at.
//! Names: `ossf.github.io/osv-schema/#defined-ecosystems`.

use crate::advisory::{PackageKind, Place, Publisher};
use crate::version::Scheme;

mod redhat;
mod suse;
mod ubuntu;

/// Where an ecosystem's packages are, and how they are named and ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Home {
    /// Whose advisories they are; `None` for registries, where the record's id says it.
    pub(super) publisher: Option<Publisher>,
    /// Nearly always one.
    pub(super) places: Vec<Place>,
    pub(super) kind: PackageKind,
    pub(super) scheme: Scheme,
}

/// A release as its distribution's ecosystem names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Release {
    /// `ID` of os-release.
    id: &'static str,
    release: String,
    channel: String,
    /// Further releases that the same packages are for.
    also: &'static [&'static str],
}

impl Release {
    const fn plain(id: &'static str, release: String) -> Self {
        Self::of(id, release, String::new())
    }

    const fn of(id: &'static str, release: String, channel: String) -> Self {
        Self { id, release, channel, also: &[] }
    }

    fn places(self) -> Vec<Place> {
        let also = self.also.iter().map(|release| (*release).to_owned());
        let place = |release| Place::Distribution {
            id: self.id.to_owned(),
            release,
            channel: self.channel.clone(),
        };
        std::iter::once(self.release.clone()).chain(also).map(place).collect()
    }
}

struct Distribution {
    /// The ecosystem before its first colon.
    name: &'static str,
    publisher: Publisher,
    kind: PackageKind,
    scheme: Scheme,
    /// Reads what follows the colon; the second argument is the package's purl.
    release: fn(&str, &str) -> Option<Release>,
}

/// A distribution's advisories name the packages that it builds from or the ones that it installs:
/// Rocky's list `kernel` and never `kernel-core`, AlmaLinux's list both; SUSE's list `openssl-1_1` and
/// never `libopenssl1_1`.
const DISTRIBUTIONS: [Distribution; 8] = [
    Distribution {
        name: "Debian",
        publisher: Publisher::Debian,
        kind: PackageKind::Source,
        scheme: Scheme::Deb,
        release: |rest, _| Some(Release::plain("debian", numbered(debian_release(rest))?)),
    },
    Distribution {
        name: "Ubuntu",
        publisher: Publisher::Ubuntu,
        kind: PackageKind::Source,
        scheme: Scheme::Deb,
        release: ubuntu::release,
    },
    Distribution {
        // Its binary packages have no records; which source one is of is in apk's database (`o:`).
        name: "Alpine",
        publisher: Publisher::Alpine,
        kind: PackageKind::Source,
        scheme: Scheme::Apk,
        release: |rest, _| alpine_release(rest),
    },
    Distribution {
        name: "Red Hat",
        publisher: Publisher::RedHat,
        kind: PackageKind::Binary,
        scheme: Scheme::Rpm,
        release: |rest, _| redhat::release(rest),
    },
    Distribution {
        name: "AlmaLinux",
        publisher: Publisher::Alma,
        kind: PackageKind::Binary,
        scheme: Scheme::Rpm,
        release: |rest, _| Some(Release::plain("almalinux", numbered(rest)?)),
    },
    Distribution {
        name: "Rocky Linux",
        publisher: Publisher::Rocky,
        kind: PackageKind::Source,
        scheme: Scheme::Rpm,
        release: rocky_release,
    },
    Distribution {
        name: "SUSE",
        publisher: Publisher::Suse,
        kind: PackageKind::Source,
        scheme: Scheme::Rpm,
        release: |rest, _| suse::enterprise(rest),
    },
    Distribution {
        name: "openSUSE",
        publisher: Publisher::Suse,
        kind: PackageKind::Source,
        scheme: Scheme::Rpm,
        release: |rest, _| suse::open(rest),
    },
];

/// Registries: the ecosystem, its purl type, its order of versions.
const REGISTRIES: [(&str, &str, Scheme); 8] = [
    ("PyPI", "pypi", Scheme::Pypi),
    ("npm", "npm", Scheme::Npm),
    ("Go", "golang", Scheme::Go),
    ("RubyGems", "gem", Scheme::Gem),
    ("Maven", "maven", Scheme::Maven),
    ("NuGet", "nuget", Scheme::Nuget),
    // Kept although no source of an agent lists such packages today: a place costs nothing until
    // somebody asks.
    ("crates.io", "cargo", Scheme::Semver),
    ("Hex", "hex", Scheme::Semver),
];

/// Where an ecosystem's packages are, or `None` where that cannot be told.
pub(super) fn home(ecosystem: &str, purl: &str) -> Option<Home> {
    // Only the first colon divides: `Red Hat:enterprise_linux:9::appstream`, `Ubuntu:22.04:LTS`.
    let (name, rest) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
    if let Some(distribution) = DISTRIBUTIONS.iter().find(|known| known.name == name) {
        return Some(Home {
            publisher: Some(distribution.publisher),
            places: (distribution.release)(rest, purl)?.places(),
            kind: distribution.kind,
            scheme: distribution.scheme,
        });
    }
    // Anything behind a registry's name, such as a mirror's address, makes it another registry.
    let (_, kind, scheme) = REGISTRIES.iter().find(|(known, ..)| *known == ecosystem)?;
    Some(Home {
        publisher: None,
        places: vec![Place::Language((*kind).to_owned())],
        kind: PackageKind::Binary,
        scheme: *scheme,
    })
}

/// The place of a release in the words of Ubuntu's tracker: `jammy`, `esm-infra/xenial`.
pub(super) fn ubuntu(release: &str) -> Option<Place> {
    ubuntu::by_codename(release)?.places().pop()
}

/// The place of one of Alpine's releases: `v3.20`, `edge`.
pub(super) fn alpine(release: &str) -> Option<Place> {
    alpine_release(release)?.places().pop()
}

/// The places of one of Red Hat's products: `rhel_eus:9.2::appstream`.
pub(super) fn red_hat(product: &str) -> Option<Vec<Place>> {
    Some(redhat::release(product)?.places())
}

/// `12`, and `6` for `6.0`: os-release of Debian has no minor number; 3.1 was a release of its own.
fn debian_release(rest: &str) -> &str {
    rest.strip_suffix(".0").unwrap_or(rest)
}

/// Rocky's special interest groups rebuild packages for some hosts only, such as a kernel for clouds:
/// `distro=rocky-linux-8-sig-cloud` in the purl says so.
fn rocky_release(rest: &str, purl: &str) -> Option<Release> {
    let group = purl.split_once("-sig-").map(|(_, rest)| {
        let end = rest.find('&').unwrap_or(rest.len());
        format!("sig-{}", &rest[..end])
    });
    let channel = group.unwrap_or_default();
    Some(Release::of("rocky", numbered(rest)?, channel))
}

/// `3.20` of `v3.20`; edge has no number because it rolls.
fn alpine_release(rest: &str) -> Option<Release> {
    let release = match rest {
        "edge" => String::new(),
        numbers => numbered(numbers.strip_prefix('v')?)?,
    };
    Some(Release::plain("alpine", release))
}

/// The text, where it is numbers with dots between them.
fn numbered(text: &str) -> Option<String> {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
