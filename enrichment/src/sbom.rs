//! Software lists of others (SBOMs): `CycloneDX` 1.4 to 1.7 and SPDX 2.2 and 2.3, as JSON.
//!
//! A document is read into the words that software is judged by, so that a component of an image is the
//! package that an agent would have found there. What a component is, its package URL says, or a CPE name
//! where there is none; a bare name is never guessed at, and said to be left out. A document is hostile:
//! what it may cost in memory is bounded by its bytes and by [`COMPONENTS_MAX`], not by its shape.

mod component;
mod cyclonedx;
mod purl;
mod read;
mod release;
mod spdx;
#[cfg(test)]
mod tests;
mod warnings;

use std::fmt;

pub use self::read::SbomError;
pub use self::warnings::{Warning, WarningKind};

/// Components of one document, those within others included.
pub const COMPONENTS_MAX: usize = 100_000;
/// What `origin` says of a language's package out of a document. Such a list may hold what packages of the
/// system own, which an agent leaves out.
pub const LISTED: &str = "sbom";
/// Places of one component that are kept.
const LOCATIONS_MAX: usize = 4;

/// What a document is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `CycloneDX`.
    CycloneDx,
    /// SPDX.
    Spdx,
}

impl Format {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
        }
    }
}

/// A document that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// What it is written as.
    pub format: Format,
    /// Of which version, as `1.6`.
    pub version: String,
    /// The operating system whose packages it lists; empty where it says nothing of one.
    pub system: System,
    /// How many components it has, those that are left out included.
    pub seen: usize,
    /// What software it names, in its order and as often as it does.
    pub components: Vec<Component>,
    /// What is left out or not as it should be, and how often.
    pub warnings: Vec<Warning>,
}

/// An operating system in the words of os-release.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct System {
    /// `linux`, `windows`, `macos`, or empty.
    pub family: String,
    /// `ID`.
    pub id: String,
    /// `VERSION_ID`.
    pub version: String,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.id.is_empty() { &self.family } else { &self.id })?;
        if self.version.is_empty() { Ok(()) } else { write!(f, " {}", self.version) }
    }
}

/// A piece of software, in the words of [`crate::subject::Subject`]. Texts are as the document has them:
/// of any length, and with whatever characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "a subject's fields say what they are")]
pub struct Component {
    pub source: &'static str,
    pub name: String,
    pub version: String,
    pub epoch: Option<u32>,
    pub release: String,
    pub arch: String,
    pub vendor: String,
    pub source_name: String,
    pub source_version: String,
    pub origin: String,
    pub bundle_id: String,
    /// Where it was found, as far as the document says it.
    pub locations: Vec<String>,
}

/// Reads a document.
///
/// # Errors
///
/// When it is none of the formats, or broken; with the place.
pub fn read(bytes: &[u8]) -> Result<Sbom, SbomError> {
    let document = read::document(bytes)?;
    let (format, version) = document.format()?;
    let raw = document.components;
    let system = release::of(&raw);
    let mut sbom = Sbom {
        format,
        version,
        system,
        seen: raw.len(),
        components: Vec::new(),
        warnings: Vec::new(),
    };
    let mut warnings = warnings::Warnings::default();
    for raw in raw {
        match component::of(raw, &sbom.system) {
            component::Read::Software(component, warned) => {
                for (kind, example) in warned {
                    warnings.add(kind, example);
                }
                sbom.components.push(*component);
            }
            component::Read::LeftOut(kind, example) => warnings.add(kind, example),
            component::Read::Nothing => {}
        }
    }
    sbom.warnings = warnings.into_list();
    Ok(sbom)
}
