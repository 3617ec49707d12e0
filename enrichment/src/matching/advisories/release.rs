//! Which place of the advisories a host's operating system is.

use smol_str::{SmolStr, format_smolstr};

use crate::index::{Index, NameKind, PlaceId};
use crate::matching::advisories::unknown;
use crate::subject::Platform;

/// A release that advisories are about, or that stands for the host's.
#[derive(Debug)]
pub(super) struct Release<'p> {
    /// The distribution whose advisories count, as os-release names it.
    pub(super) id: &'p str,
    /// Its release, as advisories tell releases apart.
    pub(super) version: &'p str,
    /// Where its packages are, by whose names, and how that place stands to the host's release.
    pub(super) places: Vec<(PlaceId, NameKind, Standing)>,
    /// Why its advisories may not be about the host.
    pub(super) doubt: Option<&'static str>,
}

/// How a place stands to the release of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the release.
    Own,
    /// It is a line of updates beside it, which one has to be subscribed to.
    Line,
    /// It is this later release, which stands in for one that nobody writes records of any more.
    Later(&'static str),
}

/// A distribution that installs another one's packages: its `ID` and release (all where empty),
/// whose packages, of which release (its own where empty), the marks of its own builds, and what
/// is doubtful about it.
struct Relative {
    id: &'static str,
    version: &'static str,
    whose: &'static str,
    release: &'static str,
    marks: &'static [&'static str],
    doubt: Option<&'static str>,
}

const CENTOS: &str = "CentOS builds Red Hat's sources; its Stream runs ahead of them";
const RASPBIAN: &str = "Raspbian builds Debian's sources anew";
const MINT: &[&str] = &["mint", "lmde"];
const NONE: &[&str] = &[];

const RELATIVES: [Relative; 28] = [
    relative("centos", "5", "rhel", "5", NONE, Some(CENTOS)),
    relative("centos", "6", "rhel", "6", NONE, Some(CENTOS)),
    relative("centos", "7", "rhel", "7", NONE, Some(CENTOS)),
    relative("centos", "8", "rhel", "8", NONE, Some(CENTOS)),
    relative("devuan", "4", "debian", "11", &["devuan"], None),
    relative("devuan", "5", "debian", "12", &["devuan"], None),
    relative("devuan", "6", "debian", "13", &["devuan"], None),
    relative("elementary", "6", "ubuntu", "20.04", &["elementary"], None),
    relative("elementary", "7", "ubuntu", "22.04", &["elementary"], None),
    relative("elementary", "8", "ubuntu", "24.04", &["elementary"], None),
    relative("linuxmint", "4", "debian", "10", MINT, None),
    relative("linuxmint", "5", "debian", "11", MINT, None),
    relative("linuxmint", "6", "debian", "12", MINT, None),
    relative("linuxmint", "7", "debian", "13", MINT, None),
    relative("linuxmint", "19", "ubuntu", "18.04", MINT, None),
    relative("linuxmint", "20", "ubuntu", "20.04", MINT, None),
    relative("linuxmint", "21", "ubuntu", "22.04", MINT, None),
    relative("linuxmint", "22", "ubuntu", "24.04", MINT, None),
    relative("neon", "", "ubuntu", "", &["neon"], None),
    relative("pop", "", "ubuntu", "", &["pop"], None),
    relative("raspbian", "", "debian", "", &["rpt", "rpi"], Some(RASPBIAN)),
    relative("sle_hpc", "", "sles", "", NONE, None),
    relative("sle-hpc", "", "sles", "", NONE, None),
    relative("sled", "", "sles", "", NONE, None),
    relative("sles_sap", "", "sles", "", NONE, None),
    relative("zorin", "15", "ubuntu", "18.04", &["zorin"], None),
    relative("zorin", "16", "ubuntu", "20.04", &["zorin"], None),
    relative("zorin", "17", "ubuntu", "22.04", &["zorin"], None),
];

const fn relative(
    id: &'static str,
    version: &'static str,
    whose: &'static str,
    release: &'static str,
    marks: &'static [&'static str],
    doubt: Option<&'static str>,
) -> Relative {
    Relative { id, version, whose, release, marks, doubt }
}

/// Distributions whose advisories are about a whole line of releases: the first number of
/// `VERSION_ID` in most, the first two in Alpine. The others are about what it says.
const LINES: [(&str, usize); 7] = [
    ("almalinux", 1),
    ("alpine", 2),
    ("debian", 1),
    ("ol", 1),
    ("oraclelinux", 1),
    ("rhel", 1),
    ("rocky", 1),
];

/// The release that a package of this version on this host is judged by, or why there is none.
pub(super) fn of<'p>(
    index: &Index,
    platform: Platform<'p>,
    package_version: &str,
) -> Result<Release<'p>, String> {
    let Platform { id, version, .. } = platform;
    if id.is_empty() {
        return Err("the distribution that the package is of is unknown".to_owned());
    }
    let major = line_of(version, 1);
    let related = RELATIVES
        .iter()
        .find(|one| one.id == id && (one.version.is_empty() || one.version == major));
    let (whose, release, doubt) = match related {
        // Told by the version alone: `1.2-3+rpt1` is Raspberry Pi's, and Debian repairs nothing in
        // it.
        Some(one) if one.marks.iter().any(|mark| package_version.contains(mark)) => {
            return Err(format!(
                "{id}'s own build of a package, about which no advisories are known"
            ));
        }
        Some(one) if one.release.is_empty() => (one.whose, version, one.doubt),
        Some(one) => (one.whose, one.release, one.doubt),
        None => (id, version, None),
    };
    let numbers =
        LINES.iter().find(|(line, _)| *line == whose).map_or(usize::MAX, |(_, numbers)| *numbers);
    let line = line_of(release, numbers);
    let of = |release, standing| {
        let places = index.find_places(whose, release);
        // A host may call itself anything, and a registry is no distribution.
        let own = places.filter(|(_, kind)| *kind != NameKind::Registry);
        own.map(move |(at, kind)| (at, kind, standing))
    };
    let mut places: Vec<_> = of(line, Standing::Own).collect();
    if places.is_empty() {
        return Err(unknown::reason(id, version));
    }
    // Red Hat gives the minor releases that it supports for longer advisories of their own.
    if line != release {
        places.extend(of(release, Standing::Line));
    }
    places.extend(later(index, whose, line));
    Ok(Release { id: whose, version: line, places, doubt })
}

/// The releases whose records stand in for one of Debian that its tracker has dropped.
///
/// Debian's record of a CVE names the releases that are looked after on its day, and says nothing
/// of those before them: of 8 and 9 there are the bulletins of their time and nothing since, so a
/// host of them would look the cleaner the older it gets. Within the tracker a source package is
/// vulnerable below the version that unstable was repaired in, whichever the release, unless
/// somebody noted otherwise; the records of later releases say that version.
fn later<'i>(
    index: &'i Index,
    whose: &str,
    line: &str,
) -> impl Iterator<Item = (PlaceId, NameKind, Standing)> + 'i {
    let said = |release: &str| {
        let at = index.find_place(DEBIAN, release, NameKind::Source)?;
        let kernel = index.find_package(at, "linux")?;
        Some((at, Index::statement_count(&kernel)))
    };
    let own = RELEASES
        .iter()
        .position(|release| whose == DEBIAN && *release == line)
        .and_then(|at| Some((at, said(line)?.1)));
    let (after, least) = match own {
        // The kernel has thousands of records in each release that is looked after, and a few dozen
        // bulletins in one that was.
        Some((at, own)) => (&RELEASES[at + 1..], own.saturating_mul(10)),
        None => (&[][..], 0),
    };
    after.iter().filter_map(move |release| {
        let (at, count) = said(release)?;
        (count > least).then_some((at, NameKind::Source, Standing::Later(release)))
    })
}

const DEBIAN: &str = "debian";

/// Debian's releases since it has a tracker, in their order.
const RELEASES: [&str; 12] = ["4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];

/// The first numbers of a release; all of it where it has fewer.
fn line_of(version: &str, numbers: usize) -> &str {
    version
        .match_indices('.')
        .nth(numbers.saturating_sub(1))
        .map_or(version, |(end, _)| &version[..end])
}

impl Release<'_> {
    /// The release for people.
    pub(super) fn shown(&self) -> SmolStr {
        shown(self.id, self.version)
    }
}

pub(super) fn shown(id: &str, version: &str) -> SmolStr {
    if version.is_empty() { id.into() } else { format_smolstr!("{id} {version}") }
}
