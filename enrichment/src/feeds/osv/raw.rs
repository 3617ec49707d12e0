//! The members of OSV records that are used, as they stand in JSON.
//!
//! Everything is optional but the id, because databases differ in what they fill; texts are
//! borrowed from the input. Nothing is judged here.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::feeds::json::null_as_default;

#[derive(Deserialize)]
pub(super) struct RawOsv<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) withdrawn: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) aliases: Vec<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) upstream: Vec<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) related: Vec<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) summary: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) details: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) severity: Vec<RawSeverity<'a>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) affected: Vec<RawAffected<'a>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) database_specific: DatabaseSpecific<'a>,
}

/// A rating: of CVSS, or in the publisher's own words.
#[derive(Deserialize)]
pub(super) struct RawSeverity<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) score: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DatabaseSpecific<'a> {
    /// GitHub's word; other databases may put anything here.
    #[serde(borrow)]
    pub(super) severity: Option<Free<'a>>,
}

/// A member whose shape every database chooses.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Free<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

impl Free<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Other(_) => "",
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RawAffected<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) package: RawPackage<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) ranges: Vec<RawRange<'a>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) versions: Vec<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) ecosystem_specific: EcosystemSpecific<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPackage<'a> {
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) ecosystem: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) purl: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct RawRange<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) events: Vec<RawEvent<'a>>,
}

/// Exactly one of them is set.
#[derive(Deserialize)]
pub(super) struct RawEvent<'a> {
    #[serde(borrow)]
    pub(super) introduced: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) fixed: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) last_affected: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct EcosystemSpecific<'a> {
    /// Debian's.
    #[serde(borrow)]
    pub(super) urgency: Option<Free<'a>>,
    /// Go's, where versions are known that are none of the module's.
    pub(super) custom_ranges: Option<IgnoredAny>,
}
