//! What is to be judged: one piece of software on one platform, in the words of the host.
//!
//! Borrowed and plain, so that a record from the wire, a row from a database and a line from a
//! file are judged alike. It never says what a product is: [`crate::identity`] decides that.

/// One piece of software, as [`crate::matching::evaluate`] takes it.
///
/// Texts are in the words of the source; an empty text means unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject<'a> {
    /// Where the record was read from: `deb`, `programs`, `python` and so on.
    pub source: &'a str,
    /// The package name or display name.
    pub name: &'a str,
    /// The version as the source's own tool prints it.
    pub version: &'a str,
    /// rpm's epoch.
    pub epoch: Option<u32>,
    /// rpm's release.
    pub release: &'a str,
    /// The architecture in the source's words.
    pub arch: &'a str,
    /// The vendor, publisher or maintainer.
    pub vendor: &'a str,
    /// The source package's name where it differs from `name`.
    pub source_name: &'a str,
    /// The source package's version where it differs from `version`.
    pub source_version: &'a str,
    /// Where the package came from: a repository, a channel, dpkg's `Origin`.
    pub origin: &'a str,
    /// The bundle identifier, package family or application id.
    pub bundle_id: &'a str,
    /// Whether it is known that no package of the operating system brought it: whoever listed it has
    /// asked the package manager. For packages of languages only.
    pub is_standalone: bool,
    /// Of a package that holds a kernel or its modules, whether it is of the one that the host runs;
    /// `None` where that is not known, and for everything else.
    pub running: Option<bool>,
    /// Of an operating system the updates that are installed, as `KB5036892`; empty when it is not
    /// told. Of anything else they are not asked.
    pub updates: &'a [String],
    /// The operating system that it runs on.
    pub platform: Platform<'a>,
}

/// The operating system that a piece of software runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Platform<'a> {
    /// `linux`, `windows` or `macos`.
    pub family: &'a str,
    /// The distribution (`ID` of os-release).
    pub id: &'a str,
    /// The release: `VERSION_ID` of os-release, or the product version of Windows and macOS.
    pub version: &'a str,
}
