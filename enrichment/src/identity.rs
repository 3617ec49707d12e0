//! Identity: which product of the CVE records a piece of installed software is, and why.
//!
//! CVE records name products by CPE, inventories name them by what an installer wrote. The step
//! between is where scanners lie, so it is deterministic, it names the rule that decided, and it
//! says "not evaluable" and "unmapped" instead of guessing: a package that a distribution built
//! is never judged by upstream version ranges, and a bare name without a vendor maps to nothing.

mod application;
mod component;
mod curated;
mod edition;
mod extension;
mod language;
mod name;
mod origin;
mod package;
mod purl;
mod revision;
mod source_package;
mod system;
mod table;
#[cfg(test)]
mod tests;
mod vendor;

use std::borrow::Cow;

use crate::cpe::Cpe;
use crate::subject::Subject;
use crate::version::Scheme;

/// What is known of a subject's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identification {
    /// It is one of these products.
    Identified(Identified),
    /// It is known, and NVD cannot judge it.
    NotEvaluable {
        /// Why, for people.
        reason: &'static str,
        /// Its package URL, where its source has one.
        purl: Option<String>,
        /// The rule that decided.
        rule: Cow<'static, str>,
    },
    /// No product of the CVE records is known for it.
    Unmapped {
        /// Why, for people.
        reason: &'static str,
        /// Its package URL, where its source has one.
        purl: Option<String>,
    },
}

/// A product, or several names of the same product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The names, the preferred one first; at least one.
    pub candidates: Vec<Candidate>,
    /// The package URL, where the source has one.
    pub purl: Option<String>,
    /// The rule that decided, such as `alias:programs/mozilla firefox`.
    pub rule: Cow<'static, str>,
    /// The version to compare, freed from what packaging added; empty when unknown.
    pub version: String,
    /// The CPE update (`p1`, `rc1`, `update_351`), or empty.
    pub update: String,
    /// The scheme that orders the version.
    pub scheme: Scheme,
}

/// One vendor and product that CVE records use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What kind of thing it is.
    pub part: Part,
    /// The CPE vendor, unescaped and in lower case.
    pub vendor: Cow<'static, str>,
    /// The CPE product, unescaped and in lower case.
    pub product: Cow<'static, str>,
    /// What the installed copy runs in.
    pub target_sw: TargetSw,
    /// Which edition the installed copy is.
    pub edition: Edition,
    /// Whether another product has had the name too, as Edge before Chromium: then a record about
    /// every version says nothing, because nobody knows of which.
    pub is_shared: bool,
}

impl Candidate {
    /// An application of which nothing is known but its names.
    pub(crate) const fn application(vendor: Cow<'static, str>, product: Cow<'static, str>) -> Self {
        Self {
            part: Part::Application,
            vendor,
            product,
            target_sw: TargetSw::Any,
            edition: Edition::Unknown,
            is_shared: false,
        }
    }

    fn is(&self, vendor: &str, product: &str) -> bool {
        self.vendor == vendor && self.product == product
    }
}

/// What is known of the edition of an installed copy, in the words of CPE's `sw_edition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Edition {
    /// Nothing: a record about any edition may be about it.
    #[default]
    Unknown,
    /// It is this one; a record that names none is about it too.
    Is(Cow<'static, str>),
    /// It is of a line with versions of its own, as Firefox ESR: only a record that names the line
    /// is about it.
    Line(&'static str),
    /// It is surely not of this line.
    NotLine(&'static str),
}

pub(crate) use edition::of_cpe as edition_of_cpe;
pub(crate) use language::GUESSED as GUESSED_PACKAGE;

/// A CPE part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `a`.
    Application,
    /// `o`.
    OperatingSystem,
}

impl Part {
    /// The letter in a CPE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "a",
            Self::OperatingSystem => "o",
        }
    }
}

/// What a copy of a product runs in, in the words of CPE's `target_sw`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetSw {
    /// Not known.
    Any,
    /// It runs in this; a record that names nothing is about it too.
    Runs(&'static str),
    /// It is an extension of this: only a record that names the same is about it.
    Only(&'static str),
}

impl TargetSw {
    /// The value for a CPE name; empty for any.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Runs(name) | Self::Only(name) => name,
        }
    }
}

/// Tells which product a subject is.
///
/// `known` says whether CVE records name a vendor and product. The answer depends on nothing
/// else than the arguments and this crate's own tables.
#[must_use]
pub fn identify(subject: &Subject<'_>, known: &dyn Fn(&str, &str) -> bool) -> Identification {
    match subject.source {
        "deb" | "rpm" | "apk" | "pacman" => package::identify(subject, known),
        "python" | "npm" | "gem" | "cargo" | "go" | "maven" | "nuget" | "hex" => {
            language::identify(subject, known)
        }
        "component" => component::identify(subject),
        "vscode" | "chrome_extension" | "firefox_addon" | "safari_extension" => {
            extension::identify(subject, known)
        }
        "jetbrains_plugin" => extension::plugin(subject),
        "os" => system::identify(subject),
        "windows_update" => system::update(),
        // Whatever is left lists programs by a display name: programs, apps, snaps, flatpaks.
        _ => application::identify(subject, known),
    }
}

/// Candidates for pairs of a table and everything that is the same product.
///
/// Names that CVE records use come first; the others stay, because the next record may use them.
fn candidates(
    pairs: impl Iterator<Item = &'static str>,
    target_sw: TargetSw,
    known: &dyn Fn(&str, &str) -> bool,
) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for pair in pairs.flat_map(curated::aliases) {
        let (pair, is_shared) = match pair.strip_prefix(curated::SHARED) {
            Some(pair) => (pair, true),
            None => (pair, false),
        };
        let Some((vendor, product)) = table::split_pair(pair) else {
            continue;
        };
        if !all.iter().any(|one| one.is(vendor, product)) {
            all.push(Candidate {
                target_sw,
                is_shared,
                ..Candidate::application(Cow::Borrowed(vendor), Cow::Borrowed(product))
            });
        }
    }
    // A stable sort: among the known ones, and among the others, the table's order of preference
    // stays.
    all.sort_by_key(|one| !known(&one.vendor, &one.product));
    all
}

/// Candidates for one pair that a rule found.
fn owned_candidates(
    vendor: &str,
    product: &str,
    target_sw: TargetSw,
    known: &dyn Fn(&str, &str) -> bool,
) -> Vec<Candidate> {
    // A rule may find a product under the name that fewer records use; its other names are as much
    // it.
    if let Some(names) = curated::aliases_of(&format!("{vendor}:{product}")) {
        return candidates(names, target_sw, known);
    }
    let (vendor, product) = (vendor.to_owned(), product.to_owned());
    vec![Candidate { target_sw, ..Candidate::application(Cow::Owned(vendor), Cow::Owned(product)) }]
}

/// The rule by which a package is its distribution's own; `None` for a vendor's.
pub(crate) fn distribution_rule(subject: &Subject<'_>) -> Option<&'static str> {
    match origin::of(subject) {
        origin::Origin::Distribution(rule) => Some(rule),
        origin::Origin::Vendor(_) | origin::Origin::Rebuilder(_) => None,
    }
}

/// The CPE name that a component of a document has.
pub(crate) fn component_cpe(subject: &Subject<'_>) -> Option<Cpe> {
    component::cpe(subject)
}

/// The package URL of a subject, where its source has a type of its own.
pub(crate) fn package_url(subject: &Subject<'_>) -> Option<String> {
    purl::of(subject)
}

/// Source packages that a binary one of this name and version may be built of.
pub(crate) fn source_packages(binary: &str, version: &str) -> impl Iterator<Item = String> {
    source_package::of(binary, version)
}

/// The source package's version that a binary package's own version carries.
pub(crate) fn carried_version<'v>(source: &str, version: &'v str) -> Option<&'v str> {
    source_package::carried_version(source, version)
}

/// The kernel of Ubuntu that a package of this name and version holds.
pub(crate) fn ubuntu_kernel(binary: &str, version: &str) -> Option<String> {
    source_package::ubuntu_kernel(binary, version)
}

/// A package's name as its registry compares names, by the registry's purl type.
pub(crate) fn registry_name<'a>(registry: &str, name: &'a str) -> Cow<'a, str> {
    language::normalised(registry, name)
}
