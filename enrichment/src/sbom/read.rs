//! The document's JSON: which format it is, and its components one after the other.
//!
//! Nothing is kept but what is asked for, and components are counted while they are read, so that a small
//! document cannot become a large one in memory: a list of empty objects has a hundred times as many
//! bytes there.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::Track;

use super::{COMPONENTS_MAX, Format, LOCATIONS_MAX, cyclonedx, spdx};

/// Versions of `CycloneDX` whose JSON is read.
const CYCLONEDX: [&str; 4] = ["1.4", "1.5", "1.6", "1.7"];
/// Versions of SPDX.
const SPDX: [&str; 2] = ["SPDX-2.2", "SPDX-2.3"];

/// Why a document is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    /// It is no text of JSON at all.
    #[error("the document is {0}: CycloneDX and SPDX are read as JSON in UTF-8, unpacked")]
    NoJson(&'static str),
    /// It is broken, or not of the shape that its format has.
    #[error("{at}: {why}")]
    Broken {
        /// Where, as `components[3].purl`.
        at: String,
        /// What is wrong, with line and column.
        why: String,
    },
    /// It says that it is of neither format.
    #[error(
        "the document is neither CycloneDX (`bomFormat` and `specVersion`) nor SPDX (`spdxVersion`)"
    )]
    NoFormat,
    /// It is of a version that is not read.
    #[error("{0:?} is a version that is not read: send CycloneDX 1.4 to 1.7, SPDX 2.2 or 2.3")]
    Version(String),
}

/// A component as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) kind: String,
    pub(super) scope: String,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) vendor: String,
    pub(super) purl: String,
    pub(super) cpe: String,
    /// What tools say of a package's source package beside its URL.
    pub(super) source_name: String,
    pub(super) source_version: String,
    pub(super) source_release: String,
    pub(super) source_epoch: String,
    /// What tools say of an operating system beside its name.
    pub(super) system_id: String,
    pub(super) system_version: String,
    pub(super) locations: Vec<String>,
}

impl Raw {
    /// Keeps a place, if there is room.
    pub(super) fn add_location(&mut self, location: String) {
        if !location.is_empty() && self.locations.len() < LOCATIONS_MAX {
            self.locations.push(location);
        }
    }
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Document {
    bom_format: String,
    spec_version: String,
    spdx_version: String,
    /// SPDX 3 is JSON-LD, and has its elements here.
    is_graph: bool,
    pub(super) components: Vec<Raw>,
}

impl Document {
    /// Of which format and version it says that it is.
    pub(super) fn format(&self) -> Result<(Format, String), SbomError> {
        if self.bom_format == "CycloneDX" {
            return if CYCLONEDX.contains(&self.spec_version.as_str()) {
                Ok((Format::CycloneDx, self.spec_version.clone()))
            } else {
                Err(SbomError::Version(short(&self.spec_version)))
            };
        }
        if SPDX.contains(&self.spdx_version.as_str()) {
            let version = self.spdx_version.trim_start_matches("SPDX-");
            return Ok((Format::Spdx, version.to_owned()));
        }
        if self.is_graph {
            return Err(SbomError::Version("SPDX 3".to_owned()));
        }
        let is_said = !self.spdx_version.is_empty();
        Err(if is_said {
            SbomError::Version(short(&self.spdx_version))
        } else {
            SbomError::NoFormat
        })
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads a document.
pub(super) fn document(bytes: &[u8]) -> Result<Document, SbomError> {
    let text = json(bytes)?;
    let components = Components::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let mut track = Track::new();
    let seed = DocumentSeed(&components);
    let read = seed.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let broken = |at: String, why: &serde_json::Error| {
        let at = if at == "." { "the document".to_owned() } else { at };
        SbomError::Broken { at: short_place(&at), why: why.to_string() }
    };
    let mut document = read.map_err(|error| broken(track.path().to_string(), &error))?;
    json.end().map_err(|error| broken(".".to_owned(), &error))?;
    document.components = components.0.into_inner();
    Ok(document)
}

/// A place as people may be shown it: its parts are keys of the document's.
fn short_place(at: &str) -> String {
    at.chars()
        .take(200)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// The document as text; what is surely none is told by its first bytes.
fn json(bytes: &[u8]) -> Result<&str, SbomError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    match (first, bytes) {
        (None, _) => Err(SbomError::NoJson("empty")),
        (_, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [b'P', b'K', 3, 4, ..]) => {
            Err(SbomError::NoJson("packed"))
        }
        (_, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => Err(SbomError::NoJson("UTF-16")),
        (Some(b'<'), _) => Err(SbomError::NoJson("XML")),
        _ => std::str::from_utf8(bytes).map_err(|_| SbomError::NoJson("no UTF-8")),
    }
}

/// Components as they come, which are counted.
#[derive(Debug, Default)]
pub(super) struct Components(RefCell<Vec<Raw>>);

impl Components {
    /// Takes one, if there are not too many.
    fn push<E: serde::de::Error>(&self, raw: Raw) -> Result<(), E> {
        let mut all = self.0.borrow_mut();
        if all.len() >= COMPONENTS_MAX {
            return Err(E::custom(format!("more than {COMPONENTS_MAX} components")));
        }
        all.push(raw);
        Ok(())
    }
}

/// Reads the object of the whole.
struct DocumentSeed<'c>(&'c Components);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Document, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Document, M::Error> {
        let mut document = Document::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "bomFormat" => document.bom_format = text(&mut map)?,
                "specVersion" => document.spec_version = text(&mut map)?,
                "spdxVersion" => document.spdx_version = text(&mut map)?,
                "components" => map.next_value_seed(List::<cyclonedx::Component>::of(self.0))?,
                "packages" => map.next_value_seed(List::<spdx::Package>::of(self.0))?,
                key => {
                    document.is_graph |= key == "@graph";
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(document)
    }
}

/// How a component's members are read.
pub(super) trait Members {
    /// Reads the value of a member into the component, or passes over it.
    fn member<'de, M: MapAccess<'de>>(
        key: &str,
        raw: &mut Raw,
        map: &mut M,
        all: &Components,
    ) -> Result<(), M::Error>;
}

/// Reads a list of components, or of nothing (`null`).
pub(super) struct List<'c, C>(&'c Components, PhantomData<C>);

impl<'c, C> List<'c, C> {
    pub(super) const fn of(components: &'c Components) -> Self {
        Self(components, PhantomData)
    }
}

impl<'de, C: Members> DeserializeSeed<'de> for List<'_, C> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, C: Members> Visitor<'de> for List<'_, C> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of components")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        while list.next_element_seed(One::<C>(self.0, PhantomData))?.is_some() {}
        Ok(())
    }
}

/// Reads one component.
struct One<'c, C>(&'c Components, PhantomData<C>);

impl<'de, C: Members> DeserializeSeed<'de> for One<'_, C> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, C: Members> Visitor<'de> for One<'_, C> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a component")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut raw = Raw::default();
        while let Some(key) = map.next_key::<String>()? {
            C::member(&key, &mut raw, &mut map, self.0)?;
        }
        self.0.push(raw)
    }
}

/// A text; none (`null`) is an empty one.
pub(super) fn text<'de, M: MapAccess<'de>>(map: &mut M) -> Result<String, M::Error> {
    Ok(map.next_value::<Option<String>>()?.unwrap_or_default())
}

/// Gives each element of a list to a function, so that nothing is kept that is not asked for.
pub(super) fn each<'de, T, M>(map: &mut M, take: impl FnMut(T)) -> Result<(), M::Error>
where
    T: Deserialize<'de>,
    M: MapAccess<'de>,
{
    map.next_value_seed(Each(take, PhantomData))
}

struct Each<T, F>(F, PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut list: S) -> Result<(), S::Error> {
        while let Some(element) = list.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}
