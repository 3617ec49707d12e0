//! Versions: how two of them are ordered, under the rules of whoever numbered them.
//!
//! A finding stands or falls with `installed < fixed`, and every packager has another idea of it.
//! Each scheme lives in its own file and is defined once, as a byte string whose `memcmp` order
//! is the scheme's order ([`SortKey`]); comparing two versions is comparing their keys, so no
//! order can disagree with itself. It must never order what has no order: an empty version, a
//! word, or a date against a release gives [`Incomparable`], not a guess.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

mod apk;
mod deb;
mod gem;
mod generic;
mod java;
mod key;
mod maven;
mod nuget;
mod pypi;
mod range;
mod rpm;
mod semver;
#[cfg(test)]
mod tests;

pub use key::{SortKey, compare_bytes};
pub use range::{Bound, Range};

/// Whose rules order two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Alpine's apk-tools.
    Apk,
    /// Bitnami's builds: semantic versions with a revision that does not count (`2.3.1-4`).
    Bitnami,
    /// Debian policy 5.6.12.
    Deb,
    /// `Gem::Version`.
    Gem,
    /// What CPE names and their ranges use: dotted numbers, letters and pre-releases.
    Generic,
    /// Go modules and toolchains.
    Go,
    /// Java runtimes: `1.8.0_351`, `8u351` and `8.0.351` are the same.
    Java,
    /// macOS bundles.
    Macos,
    /// Maven's `ComparableVersion`.
    Maven,
    /// npm.
    Npm,
    /// NuGet.
    Nuget,
    /// PEP 440.
    Pypi,
    /// rpm's `rpmvercmp` over epoch, version and release.
    Rpm,
    /// Semantic Versioning 2.0.0.
    Semver,
    /// Windows file versions.
    Windows,
}

/// Why two versions have no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Incomparable {
    /// The version is empty, or a word for an unknown one.
    #[error("the version is unknown")]
    Unknown,
    /// The text holds no version of the scheme.
    #[error("the text is no version of this scheme")]
    NotAVersion,
    /// One is a date, the other a release number.
    #[error("one version is a date, the other a release number")]
    DifferentKinds,
    /// A constraint is not written as operators and versions.
    #[error("the constraint is not a list of operators and versions")]
    BadConstraint,
}

/// Appends the version's sort key to `out`.
///
/// The first byte is the key's kind: two keys with different first bytes have no order.
///
/// # Errors
///
/// The text has no place in the scheme's order; `out` is as before.
pub fn write_key(scheme: Scheme, text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    key::write(scheme, text, out)
}

/// The version's sort key, or `None` where it has no place in the scheme's order.
#[must_use]
pub fn key(scheme: Scheme, text: &str) -> Option<SortKey> {
    SortKey::of(scheme, text).ok()
}

/// The order of two versions.
///
/// # Errors
///
/// The two have no order under this scheme.
pub fn compare(scheme: Scheme, a: &str, b: &str) -> Result<Ordering, Incomparable> {
    SortKey::of(scheme, a)?.compare(&SortKey::of(scheme, b)?)
}

/// Whether a version satisfies a constraint such as `>= 1.0, < 2.0 || = 3`.
///
/// Alternatives are divided by `||`, conditions by `,`; a bare version means equality, and an
/// empty constraint is satisfied by every version.
///
/// # Errors
///
/// The constraint cannot be read, or a decisive bound has no order with the version.
pub fn satisfies(scheme: Scheme, version: &str, constraint: &str) -> Result<bool, Incomparable> {
    range::satisfies(scheme, version, constraint)
}

impl Scheme {
    /// The name in commands and data.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apk => "apk",
            Self::Bitnami => "bitnami",
            Self::Deb => "deb",
            Self::Gem => "gem",
            Self::Generic => "generic",
            Self::Go => "go",
            Self::Java => "java",
            Self::Macos => "macos",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Nuget => "nuget",
            Self::Pypi => "pypi",
            Self::Rpm => "rpm",
            Self::Semver => "semver",
            Self::Windows => "windows",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no [`Scheme`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown version scheme {0:?}")]
pub struct UnknownScheme(pub String);

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            // Alpine took its order from Gentoo's.
            "apk" | "portage" => Self::Apk,
            "bitnami" => Self::Bitnami,
            "deb" => Self::Deb,
            "gem" | "ruby" => Self::Gem,
            // OpenSSL's letters need no scheme of their own: the generic one has `1.1.1z` before
            // `1.1.1za`.
            "generic" | "fuzzy" | "openssl" => Self::Generic,
            "go" | "golang" => Self::Go,
            // Names of tables that others publish; ours come first, so that `as_str` is read back.
            "java" | "jvm" => Self::Java,
            "macos" => Self::Macos,
            "maven" => Self::Maven,
            "npm" => Self::Npm,
            "nuget" => Self::Nuget,
            "pypi" | "python" | "pep440" => Self::Pypi,
            // Arch's vercmp is rpm's order, with the same epoch and release.
            "rpm" | "pacman" | "alpm" => Self::Rpm,
            "semver" | "semantic" => Self::Semver,
            "windows" => Self::Windows,
            _ => return Err(UnknownScheme(text.to_owned())),
        })
    }
}
