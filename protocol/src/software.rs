//! One installed application, package or extension, as every part of Muster sees it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a record was read from. The names are those of `muster-collector match`.
///
/// The order is the wire's: new sources go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// dpkg's database.
    Deb,
    /// The RPM database.
    Rpm,
    /// Alpine's database.
    Apk,
    /// Pacman's database.
    Pacman,
    /// Snaps.
    Snap,
    /// Flatpak applications and runtimes.
    Flatpak,
    /// `AppImage` files.
    Appimage,
    /// Windows' Uninstall keys.
    Programs,
    /// Windows' MSIX and Store packages.
    Msix,
    /// macOS' application bundles.
    Apps,
    /// macOS' installer receipts.
    Pkg,
    /// Homebrew formulae and casks.
    Homebrew,
    /// Python distributions.
    Python,
    /// npm packages.
    Npm,
    /// Ruby gems.
    Gem,
    /// Visual Studio Code's extensions.
    Vscode,
    /// Chrome's extensions.
    ChromeExtension,
    /// Firefox' add-ons.
    FirefoxAddon,
    /// The operating system itself.
    Os,
    /// Windows' updates, by the numbers of their articles (`KB5036892`).
    WindowsUpdate,
    /// Programs that cargo installed.
    Cargo,
    /// Safari's extensions.
    SafariExtension,
    /// Plugins of `JetBrains`' editors.
    JetbrainsPlugin,
    /// Modules of Go. This and what follows up to [`Self::Component`] come from documents (SBOMs) and never
    /// from an agent.
    Go,
    /// Maven's artifacts, as `group:artifact`.
    Maven,
    /// `NuGet`'s packages.
    Nuget,
    /// Packages of Erlang and Elixir.
    Hex,
    /// A component that no other source is for. `bundle_id` is its CPE 2.3 name and `origin` its package
    /// URL, where the document has them.
    Component,
    /// Ports that `MacPorts` has installed.
    Macports,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 29] = [
        Self::Deb,
        Self::Rpm,
        Self::Apk,
        Self::Pacman,
        Self::Snap,
        Self::Flatpak,
        Self::Appimage,
        Self::Programs,
        Self::Msix,
        Self::Apps,
        Self::Pkg,
        Self::Homebrew,
        Self::Python,
        Self::Npm,
        Self::Gem,
        Self::Vscode,
        Self::ChromeExtension,
        Self::FirefoxAddon,
        Self::Os,
        Self::WindowsUpdate,
        Self::Cargo,
        Self::SafariExtension,
        Self::JetbrainsPlugin,
        Self::Go,
        Self::Maven,
        Self::Nuget,
        Self::Hex,
        Self::Component,
        Self::Macports,
    ];

    /// The name in the API, the database and the matching commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Snap => "snap",
            Self::Flatpak => "flatpak",
            Self::Appimage => "appimage",
            Self::Programs => "programs",
            Self::Msix => "msix",
            Self::Apps => "apps",
            Self::Pkg => "pkg",
            Self::Homebrew => "homebrew",
            Self::Python => "python",
            Self::Npm => "npm",
            Self::Gem => "gem",
            Self::Vscode => "vscode",
            Self::ChromeExtension => "chrome_extension",
            Self::FirefoxAddon => "firefox_addon",
            Self::Os => "os",
            Self::WindowsUpdate => "windows_update",
            Self::Cargo => "cargo",
            Self::SafariExtension => "safari_extension",
            Self::JetbrainsPlugin => "jetbrains_plugin",
            Self::Go => "go",
            Self::Maven => "maven",
            Self::Nuget => "nuget",
            Self::Hex => "hex",
            Self::Component => "component",
            Self::Macports => "macports",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no [`Source`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown software source {0:?}")]
pub struct UnknownSource(pub String);

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Exactly as they are printed: in a configuration `Deb` or `dpkg` is a mistake that should
        // be said, and not a source that is silently still read.
        Self::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or_else(|| UnknownSource(text.to_owned()))
    }
}

/// One piece of software on one host.
///
/// All text is UTF-8 without control characters and within [`crate::limits`]; an empty text means
/// that the source does not say. A host holds at most one record a [`crate::fingerprint::SoftwareKey`]:
/// the same software in two places is one record with two locations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftwareRecord {
    /// Where it was read from.
    pub source: Source,
    /// The name that the source gives: a package name or a display name.
    pub name: String,
    /// The version exactly as the source's own tool prints it: dpkg's `${Version}` with epoch and
    /// revision, rpm's `%{VERSION}` alone. Empty when unknown.
    pub version: String,
    /// rpm's `%{EPOCH}`, or a port's epoch of `MacPorts`; `None` where there is none.
    pub epoch: Option<u32>,
    /// rpm's `%{RELEASE}`, or a port's revision of `MacPorts`; else empty.
    pub release: String,
    /// The architecture in the source's words, or empty.
    pub arch: String,
    /// The vendor, publisher or maintainer.
    pub vendor: String,
    /// The source package's name where it differs from `name`, else empty.
    pub source_name: String,
    /// The source package's version where it differs from `version`, else empty.
    pub source_version: String,
    /// Where the package came from (dpkg's `Origin`, a repository, a snap's channel, rpm's
    /// modularity label), or empty.
    pub origin: String,
    /// The bundle identifier, package family or application id, or empty.
    pub bundle_id: String,
    /// Of a package that holds a kernel or its modules, whether it is of the one that the host runs;
    /// `None` where that cannot be told, and for everything else.
    ///
    /// A part of the key, so that a kernel that runs and the same kernel waiting for a boot are two
    /// pieces of software, each judged once. It is for kernels alone: what else runs changes by the
    /// minute, and would change keys with it.
    pub running: Option<bool>,
    /// When it was installed, in seconds since 1970, where the source knows.
    pub installed_at_s: Option<u32>,
    /// Where on the host it was seen, at most [`crate::limits::LOCATIONS_MAX`]; empty for package
    /// databases, which know the files themselves.
    pub locations: Vec<String>,
}

impl SoftwareRecord {
    /// A record with a name and a version and nothing else.
    #[must_use]
    pub fn new(source: Source, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            source,
            name: name.into(),
            version: version.into(),
            epoch: None,
            release: String::new(),
            arch: String::new(),
            vendor: String::new(),
            source_name: String::new(),
            source_version: String::new(),
            origin: String::new(),
            bundle_id: String::new(),
            running: None,
            installed_at_s: None,
            locations: Vec::new(),
        }
    }
}

/// How a source's last scan went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Everything was read.
    Ok,
    /// The host does not have this source.
    Absent,
    /// Some records could not be read or were cut; the reason says how many.
    Partial,
    /// The time box ended first; the records of the scan before stay.
    TimedOut,
    /// Nothing could be read; the records of the scan before stay.
    Failed,
}

impl SourceState {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Absent => "absent",
            Self::Partial => "partial",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
        }
    }
}

/// One source's status after a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Which source.
    pub source: Source,
    /// How it went.
    pub state: SourceState,
    /// Why, for every state but `Ok` and `Absent`; for people.
    pub reason: String,
    /// Records that it gave.
    pub records: u32,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
}
